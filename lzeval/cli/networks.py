"""Networks into weights files, as several commands do it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lzeval.errors import UserError
from lzeval.text.decimals import parse_number
from lzeval.text.terminal import say

if TYPE_CHECKING:
    from lzeval.network.weights_file.weights import LeelaWeights


def check_target(target: Path, force: bool, sources: Sequence[Path] = ()) -> None:
    """Raise UserError unless `target` may be written, which none of `sources` may be."""
    if not target.name.endswith((".txt", ".txt.gz")):
        raise UserError(f"cannot write {target}: its name is to end in .txt or .txt.gz")
    if target.exists() and any(source.exists() and source.samefile(target) for source in sources):
        raise UserError(f"{target} is also to be read; name another file to write")
    if target.exists() and not force:
        raise UserError(f"{target} exists; use --force to overwrite it")


def write(weights: LeelaWeights, target: Path, digits: int | None) -> None:
    """Write and say so."""
    from lzeval.network.weights_file.weights import write_weights

    write_weights(weights, target, digits)
    say(f"{target}: {weights.shape}, version {weights.version}")


def mean_of(
    sources: Sequence[Path], *, kind: str | None = None, shares: Sequence[float] | None = None
) -> LeelaWeights:
    """The mean of the networks in files, or the only one as it is."""
    from lzeval.network.any_file import read_any

    networks = [(str(source), read_any(source, kind)) for source in sources]
    if len(networks) == 1:
        return networks[0][1]
    from lzeval.network.combine import average as mean

    return mean(networks, shares)


def parse_shares(text: str | None) -> list[float] | None:
    """Numbers with commas between them."""
    if text is None:
        return None
    try:
        return [parse_number(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"--weights {text}: numbers with commas between them are wanted, as 1,2,1") from None
