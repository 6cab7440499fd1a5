"""Settings common to all games of a pool: games that differ in them cannot be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from engines.evaluator.load import PRECISIONS
from lzeval.errors import UserError
from lzeval.go.openings import DEFAULT, EMPTY_BOARD, USUAL_KOMI, Book, komi_for, load_book, spelt
from tournaments.match.options import MatchOptions, player_options

RULES = "Tromp-Taylor, positional superko, no suicide"
"""The only rules there are, in process; kept in every pool all the same."""
WORDS = {
    "visits": "visits a move",
    "komi": "komi",
    "size": "board size",
    "move_limit": "move limit",
    "resign": "resignation below (percent)",
    "precision": "precision",
    "seed": "seed",
    "openings": "openings",
    "rules": "rules",
}


@dataclass(frozen=True)
class PoolSettings:
    """Fixed when a pool is created, and never again."""

    visits: int = 50
    """A move, reused ones included."""
    komi: float = USUAL_KOMI
    size: int = 19
    move_limit: int = 722
    """Games that reach it are void."""
    resign: float = 10.0
    """Percent."""
    precision: str = "auto"
    """auto: as fast as each machine can, after its check against fp32; every game keeps what it was."""
    seed: int = 1
    openings: str = DEFAULT
    """The name of the book; its text is kept in the pool."""
    rules: str = RULES

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def changes(self, wanted: Mapping[str, object]) -> list[str]:
        """Phrases for the settings in which `wanted` differs, one each."""
        return [
            f"{WORDS[name]} {getattr(self, name)}, not {value}"
            for name, value in wanted.items()
            if getattr(self, name) != value
        ]


def settings_from(given: Mapping[str, Any]) -> PoolSettings:
    """Settings of a new pool: what is `given` (None counts as not given), and defaults.

    Without a komi it is that of the openings. Raises UserError.
    """
    known = {name: value for name, value in given.items() if value is not None}
    settings = PoolSettings(**known)
    if "move_limit" not in known:
        settings = replace(settings, move_limit=2 * settings.size**2)
    MatchOptions(
        player_options("", "", settings.visits), komi=settings.komi, size=settings.size, move_limit=settings.move_limit,
        resign=settings.resign, seed=settings.seed,
    ).check()  # fmt: skip
    if settings.precision not in PRECISIONS:
        raise UserError(f"--precision {settings.precision}: choose one of {', '.join(PRECISIONS)}")
    book = load_book(settings.openings, settings.size)
    return replace(settings, komi=komi_for(book, known.get("komi")))


def parse_settings(content: Mapping[str, Any]) -> PoolSettings:
    """Settings as `as_dict` made them. Raises TypeError for what is none."""
    names = {field.name for field in fields(PoolSettings)}
    if set(content) != names:
        raise TypeError(f"settings {sorted(set(content) ^ names)}")
    return PoolSettings(**content)


def book_text(openings: str, size: int) -> tuple[str, str]:
    """The name and the text of a book of openings as a pool keeps them. Raises UserError."""
    book = load_book(openings, size)
    if book.name == EMPTY_BOARD:
        return EMPTY_BOARD, ""
    lines = [f"{opening.name}: {spelt(opening.moves, size)}" for opening in book.openings]
    return book.name, "\n".join(lines) + "\n"


def kept_book(name: str, text: str, size: int) -> Book:
    """The book of a pool from its text."""
    from hashlib import sha256

    from lzeval.go.openings import read_book

    if name == EMPTY_BOARD:
        return load_book(EMPTY_BOARD, size)
    openings = read_book(text, size, "the pool's openings")
    return Book(name, sha256(text.encode()).hexdigest(), tuple(openings))


def pool_name(path: str | Path) -> str:
    """Name of a pool, as its games' events have it."""
    return Path(path).stem
