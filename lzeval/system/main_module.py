"""The caller's script, kept out of the processes that this one starts."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_HIDING = threading.Lock()
_unseen_by = 0
"""Threads that hide the main module now: the last one shows it again."""
_hidden: dict[str, Any] = {}


@contextmanager
def main_module_unseen() -> Iterator[None]:
    """Keep processes that are started from running the caller's script once more.

    `multiprocessing.spawn` imports the main module in each child by its `__spec__` or its `__file__`. Nothing of it is
    needed there, and what it does outside of functions would be done again.
    """
    global _unseen_by
    main = sys.modules["__main__"]
    with _HIDING:
        _unseen_by += 1
        if _unseen_by == 1:
            _hidden.update(
                {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
            )
            main.__spec__ = None
            vars(main).pop("__file__", None)
    try:
        yield
    finally:
        with _HIDING:
            _unseen_by -= 1
            if not _unseen_by:
                vars(main).update(_hidden)
                _hidden.clear()
