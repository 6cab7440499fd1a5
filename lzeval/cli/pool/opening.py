"""The pool that a command works with, opened or made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tournaments.ratingpool.store import RatingPool


def open_pool(path: Path) -> RatingPool:
    from tournaments.ratingpool.store import RatingPool

    return RatingPool.open(path)


def create_pool(path: Path, given: dict[str, Any]) -> RatingPool:
    """A new pool with these settings; None stands for a default."""
    from tournaments.ratingpool.settings import settings_from
    from tournaments.ratingpool.store import RatingPool

    return RatingPool.create(path, settings_from(given))


def open_or_create(path: Path, given: dict[str, Any]) -> RatingPool:
    """The pool at `path`, which has to have the settings that are given, or a new one with them."""
    from tournaments.ratingpool.database import is_taken

    if not is_taken(path):
        return create_pool(path, given)
    opened = open_pool(path)
    opened.require(given)
    return opened
