"""The weights in a file of either kind, a weights file or a checkpoint."""

from __future__ import annotations

from pathlib import Path

from lzeval.errors import UserError
from lzeval.network.weights_file.weights import LeelaWeights, is_checkpoint, read_weights
from lzeval.system.bundled import resolve_network


def read_any(source: str | Path, kind: str | None = None) -> LeelaWeights:
    """The weights in a file of either kind, or of a bundled name; torch is imported for a checkpoint only.

    `kind` demands one of a checkpoint's networks (`lzeval.network.checkpoint.KINDS`). Raises UserError.
    """
    path = resolve_network(source)
    if not is_checkpoint(path):
        if kind is not None:
            raise UserError(f"{source}: a weights file holds one network; {kind!r} is one of a checkpoint's")
        return read_weights(path)
    from lzeval.network.checkpoint import read_checkpoint
    from lzeval.network.leela import weights_from_network

    return weights_from_network(read_checkpoint(path, kind))
