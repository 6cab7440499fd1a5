"""Networks on their way into a pool."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lzeval.errors import UserError
from lzeval.text.terminal import say

if TYPE_CHECKING:
    from tournaments.pool.networks import Candidate, Network
    from tournaments.pool.store import RatingPool


def candidate(
    source: str, name: str | None, copy: bool, positions: int | None, run: str | None
) -> tuple[Candidate, int | None]:
    """The network `source` on its way into a pool, and its board size; None: as large as KataGo plays."""
    from engines.katago.arguments import is_katago
    from lzeval.network.weights_file.weights import is_checkpoint, weights_info
    from lzeval.system.bundled import network_name, resolve_network
    from tournaments.pool.networks import Candidate

    if is_katago(source):
        return _katago(source, name, copy, positions, run), None
    path = resolve_network(source)
    if is_checkpoint(path):
        return _checkpoint(path, name, positions, run)
    info = weights_info(path)
    run, positions = _training(path, run, positions)
    named = name or _as_code(network_name(path))
    weights = path.read_bytes() if copy else None
    network = Candidate(
        _checked(named),
        info.text_sha256,
        path,
        weights,
        info.shape.blocks,
        info.shape.filters,
        run,
        positions,
        info.numbers_sha256,
    )
    return network, info.shape.board_size


def name_of(source: str) -> str:
    """The name of a network's file, without what all have. Raises UserError."""
    from engines.katago.arguments import is_katago, parse_player
    from lzeval.system.bundled import network_name

    return parse_player(source.partition(":")[2]).network_name if is_katago(source) else network_name(source)


def _katago(source: str, name: str | None, copy: bool, positions: int | None, run: str | None) -> Candidate:
    from engines.katago.arguments import parse_player
    from tournaments.pool.networks import katago_candidate

    found = parse_player(source.partition(":")[2])
    if copy:
        raise UserError(
            f"--copy: a pool keeps no copy of {source}; leave --copy out, and the file where it is"
        )
    named = _checked(name or _as_code(found.network_name))
    return katago_candidate(found, named, run=run, positions=positions)


def add_all(pool: RatingPool, candidates: Sequence[tuple[Candidate, int | None]]) -> None:
    """Add networks of known board sizes. Raises UserError before the first where one is for another board."""
    for network, board_size in candidates:
        _require_size(pool, network, board_size)
    for network, board_size in candidates:
        add_to(pool, network, board_size)


def _require_size(pool: RatingPool, network: Candidate, board_size: int | None) -> None:
    size = pool.settings.size
    if board_size is None:
        from engines.katago.arguments import LARGEST_BOARD

        if size > LARGEST_BOARD:
            raise UserError(
                f"{network.name}: KataGo plays on boards up to {LARGEST_BOARD}x{LARGEST_BOARD}; {pool.path} is of"
                f" {size}x{size}"
            )
    elif board_size != pool.settings.size:
        raise UserError(
            f"{network.name}: a network for {board_size}x{board_size} boards; {pool.path} is of "
            f"{pool.settings.size}x{pool.settings.size}"
        )


def add_to(pool: RatingPool, network: Candidate, board_size: int | None) -> Network:
    """Add a network and say so. Raises UserError where it does not fit."""
    _require_size(pool, network, board_size)
    added = pool.add_network(network)
    trained = "" if added.positions is None else f", {added.positions:,} positions trained"
    kept = "kept in the pool" if added.is_copied else str(added.path)
    shape = "KataGo's" if added.is_katago else f"{added.blocks} blocks x {added.filters} filters"
    say(f"{added.name}: {shape}{trained}; {kept}", err=True)
    return added


def _checkpoint(
    path: Path, name: str | None, positions: int | None, run: str | None
) -> tuple[Candidate, int]:
    """A checkpoint as the weights file that `lzeval export` would make of it: the next one takes its place soon."""
    from tempfile import TemporaryDirectory

    from lzeval.network.any_file import read_any
    from lzeval.network.weights_file.weights import text_sha256, write_weights
    from lzeval.system.bundled import network_name
    from tournaments.pool.networks import Candidate
    from trainer.runs.logs import read_progress

    weights = read_any(path)
    seen, _ = read_progress(path, [])
    positions = seen if positions is None else positions
    run = path.resolve().parent.name if run is None else run
    stem = f"{run}-{positions}" if positions is not None else f"{run}-{network_name(path)}"
    with TemporaryDirectory() as folder:
        file = Path(folder) / "weights.txt.gz"
        write_weights(weights, file)
        shape = weights.shape
        network = Candidate(
            _checked(name or _as_code(stem)), text_sha256(file), None, file.read_bytes(), shape.blocks, shape.filters,
            run, positions, weights.numbers_sha256,
        )  # fmt: skip
    return network, shape.board_size


def _training(path: Path, run: str | None, positions: int | None) -> tuple[str | None, int | None]:
    """The run and the positions of a weights file that training exported on its way, as its place and name say."""
    folder = path.resolve().parent
    match = re.search(r"-(\d+)\.txt(?:\.gz)?$", path.name)
    if folder.name == "weights" and (folder.parent / "config.yaml").is_file() and match is not None:
        return run or folder.parent.name, int(match[1]) if positions is None else positions
    return run, positions


def _as_code(name: str) -> str:
    return re.sub(r"[^-A-Za-z0-9.+_]", "_", name) or "network"


def _checked(name: str) -> str:
    from tournaments.gomill.write_control_file import CODE_CHARACTERS

    if not name or not CODE_CHARACTERS.issuperset(name):
        raise UserError(f"--name {name!r}: use letters, digits and -!$%&*+.:;<=>?^_~, without spaces")
    return name
