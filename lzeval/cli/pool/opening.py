"""The pool that a command works with, opened or made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lzeval.text.terminal import say

if TYPE_CHECKING:
    from tournaments.pool.store import RatingPool

T = TypeVar("T")


def open_pool(path: Path) -> RatingPool:
    from tournaments.pool.store import RatingPool

    return RatingPool.open(path)


def create_pool(path: Path, given: dict[str, Any]) -> RatingPool:
    """A new pool with these settings; None stands for a default."""
    from lzeval.go.openings import load_book, uneven
    from tournaments.pool.settings import settings_from
    from tournaments.pool.store import RatingPool

    settings = settings_from(given)
    made = RatingPool.create(path, settings)
    if warning := uneven(load_book(settings.openings, settings.size), settings.komi):
        say(f"warning: {warning}", err=True)
    return made


def open_or_create(path: Path, given: dict[str, Any]) -> RatingPool:
    """The pool at `path`, which has to have the settings that are given, or a new one with them."""
    from tournaments.pool.database import is_taken

    if not is_taken(path):
        return create_pool(path, given)
    opened = open_pool(path)
    opened.require(given)
    return opened


def open_and_join(path: Path, given: dict[str, Any], join: Callable[[RatingPool], T]) -> tuple[RatingPool, T]:
    """`open_or_create`, and what `join` makes of the pool; where it raises, a new pool is not left behind."""
    from tournaments.pool.database import is_taken

    is_new = not is_taken(path)
    opened = open_or_create(path, given)
    try:
        return opened, join(opened)
    except BaseException:
        opened.close()
        if is_new:
            path.unlink(missing_ok=True)
        raise
