"""Files that nodes need: sent by content, and kept in each node's cache under their hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lzeval.errors import UserError
from lzeval.system.cache import cache_folder
from lzeval.system.files import write_bytes_atomically

_HASH_LETTERS = 32


@dataclass(frozen=True)
class Shipped:
    """A file that is on its way to nodes."""

    name: str
    """The file's name without folders, which it has on the nodes as well."""
    sha256: str
    content: Any
    """Ray's reference to its bytes."""

    def place(self) -> Path:
        """The file on this node: from its cache, or fetched now. Raises UserError on a full disk."""
        import ray

        path = cache_folder() / "files" / self.sha256[:_HASH_LETTERS] / self.name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes_atomically(path, ray.get(self.content))
        return path


def ship(path: str) -> Shipped:
    """Put the file `path` into Ray's object store. Raises UserError where it cannot be read."""
    import ray

    try:
        content = Path(path).read_bytes()
    except OSError as exc:
        raise UserError(f"{path} cannot be sent to the nodes: {exc.strerror}") from exc
    return Shipped(Path(path).name, hashlib.sha256(content).hexdigest(), ray.put(content))
