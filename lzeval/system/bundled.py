"""Networks by name: those that come with lzeval, and any file."""

from __future__ import annotations

import difflib
from pathlib import Path

from lzeval.errors import UserError

BUNDLED_FOLDER = Path(__file__).resolve().parents[1] / "bundled"
_SUFFIX = ".txt.gz"
_SUFFIXES = (".txt.gz", ".txt", ".gz", ".ckpt")
"""Endings of a network's file name; `network_name` takes the first that fits away."""


def bundled_networks() -> dict[str, Path]:
    """The networks that come with lzeval, by name, in alphabetical order."""
    files = sorted(BUNDLED_FOLDER.glob(f"*{_SUFFIX}"))
    return {file.name[: -len(_SUFFIX)]: file for file in files}


def network_name(path: str | Path) -> str:
    """Name of the network in `path`: its file's name without the ending."""
    name = Path(path).name
    ending = next((suffix for suffix in _SUFFIXES if name.endswith(suffix)), "")
    return name[: len(name) - len(ending)]


def resolve_network(text: str | Path) -> Path:
    """The file that `text` means: the path of a file, else a bundled network's name, with or without `.txt`.

    Raises UserError where it is neither, with the names that it may have been meant for.
    """
    path = Path(text)
    if path.is_file():
        return path
    bundled = bundled_networks()
    if path.name == str(path) and network_name(path) in bundled:
        return bundled[network_name(path)]
    raise UserError(f"there is no network {str(text)!r}: {_advice(path, list(bundled))}")


def _advice(path: Path, names: list[str]) -> str:
    if path.is_dir():
        return "it is a folder; give a weights file or a checkpoint in it"
    near = difflib.get_close_matches(network_name(path).lower(), names, n=2)
    if near:
        return f"no such file; did you mean the bundled {' or '.join(near)}?"
    if names:
        return f"no such file; the bundled networks are {', '.join(names)}"
    return "no such file"
