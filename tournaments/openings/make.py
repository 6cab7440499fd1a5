"""A book of even openings, made: candidates, judged with a search, and the even and different ones of them written."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from lzeval.errors import UserError
from lzeval.go.openings import spelt
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import read_games
from lzeval.system.files import write_text_atomically
from lzeval.text.wording import counted, signed
from tournaments.openings.candidates import (
    LENGTHS,
    LOST,
    choose,
    frequent_openings,
    in_turns,
    plausible_openings,
)
from tournaments.openings.journal import Journal
from tournaments.openings.judges import Judge, Judgement, Moves

CANDIDATES_A_PLACE = 3
"""Openings that are searched for each that is wanted."""
UNSEARCHED = 1
"""Visits of an answer without a search."""

Watch = Callable[[str, int, int], None]
"""Called with what is read or judged, how many of it have been, and how many there are; 0: nobody knows."""


@dataclass(frozen=True)
class BookOptions:
    """Options of a book, as `lzeval openings make` takes them."""

    size: int
    komi: float = 7.0
    count: int = 200
    """Openings at most."""
    visits: int = 32
    lean: float = 0.05
    """Largest distance of Black's winrate from one half, 0 to 1/2."""
    apart: int = 3
    """Points in which the boards of two openings differ at least."""
    records: tuple[Path, ...] = ()
    """Game records whose first moves are the candidates; none: what the judge's policy finds plausible."""

    def check(self) -> None:
        """Raise UserError for what cannot be made."""
        if not math.isfinite(self.komi) or self.komi * 2 != int(self.komi * 2):
            raise UserError(f"--komi {self.komi:g}: must be whole or half points")


@dataclass(frozen=True)
class MadeBook:
    """A book that has been made, and how even it is."""

    openings: list[Moves]
    judgements: list[Judgement]
    candidates: int
    """Openings that were judged with a search."""

    def balance(self) -> dict[str, Any]:
        """Distributions of Black's winrate and lead, and numbers of openings by length."""
        leads = [found.lead for found in self.judgements if found.lead is not None]
        return {
            "winrate": _distribution([found.winrate for found in self.judgements]),
            "lead": _distribution(leads) if leads else None,
            "lengths": dict(sorted(Counter(map(len, self.openings)).items())),
        }

    def balance_lines(self) -> list[str]:
        """The balance in words."""
        balance = self.balance()
        winrate, lead = balance["winrate"], balance["lead"]
        found = [
            f"Black's winrate: mean {winrate['mean']:.1%}, standard deviation {winrate['sd']:.1%}, "
            f"{winrate['least']:.1%} to {winrate['most']:.1%}"
        ]
        if lead is not None:
            found.append(
                f"Black's lead: mean {signed(lead['mean'], 2)} points, standard deviation {lead['sd']:.2f}, "
                f"{signed(lead['least'], 1)} to {signed(lead['most'], 1)}"
            )
        lengths = ", ".join(f"{number} of {length}" for length, number in balance["lengths"].items())
        return [*found, f"moves: {lengths}"]


def _distribution(values: Sequence[float]) -> dict[str, float]:
    return {"mean": fmean(values), "sd": pstdev(values), "least": min(values), "most": max(values)}


def make_book(options: BookOptions, judge: Judge, judge_name: str, out: Path, watch: Watch) -> MadeBook:
    """Make a book and write it to `out`; `judge_name` is what the command line calls the judge.

    Interrupted, even killed, the same call goes on: judgements are kept beside `out` until it is written. Raises
    UserError where nothing is even.
    """
    file = out.with_name(out.name + ".judged")
    try:
        with closing(Journal(file, judge, options.size, options.komi)) as journal:
            made = _make(options, journal, watch)
            command = _command(options, judge_name, out)
            write_text_atomically(out, book_text(options, judge.title, command, made))
            journal.forget()
    except OSError as exc:
        raise UserError(f"cannot write {file}: {exc.strerror}") from exc
    return made


def _make(options: BookOptions, journal: Journal, watch: Watch) -> MadeBook:
    def ask(what: str, openings: Sequence[Moves], visits: int = UNSEARCHED) -> list[Judgement]:
        return journal.ask(openings, visits, lambda done: watch(what, done, len(openings)))

    wanted = CANDIDATES_A_PLACE * options.count
    if options.records:
        candidates = frequent_openings(_games(options.records, watch), options.size)
    else:
        plausible = plausible_openings(options.size, wanted, ask)
        opinions = ask("openings without a search", plausible)
        balanced = [
            (abs(found.winrate - 0.5), moves)
            for moves, found in zip(plausible, opinions, strict=True)
            if LOST <= found.winrate <= 1 - LOST
        ]
        candidates = in_turns([moves for _, moves in sorted(balanced)])[:wanted]
    judged = dict(zip(candidates, ask("openings with a search", candidates, options.visits), strict=True))
    if not options.records:
        candidates = in_turns(sorted(candidates, key=lambda moves: (abs(judged[moves].winrate - 0.5), moves)))
    chosen = choose(candidates, judged, options.size, options.count, options.lean, options.apart)
    if not chosen:
        raise UserError(
            f"none of {counted(len(candidates), 'opening')} is even for komi {options.komi:g}; try another komi, "
            "or a larger --lean"
        )
    chosen.sort(key=lambda moves: (len(moves), moves))
    return MadeBook(chosen, [judged[moves] for moves in chosen], len(candidates))


def _games(records: Sequence[Path], watch: Watch) -> Iterator[GameRecord]:
    """The games that can be read."""
    for number, game in enumerate(read_games(records), 1):
        watch("games", number, 0)
        if isinstance(game, GameRecord):
            yield game


def _command(options: BookOptions, judge: str, out: Path) -> str:
    """The command that makes the book again, files without their folders."""
    place, comma, settings = judge.partition(",")
    kind, colon, file = place.rpartition(":")
    words = ["lzeval", "openings", "make", *(file.name for file in options.records)]
    words += ["--size", str(options.size), "--judge", f"{kind}{colon}{Path(file).name}{comma}{settings}"]
    words += ["--komi", f"{options.komi:g}", "--openings-count", str(options.count)]
    words += ["--visits", str(options.visits), "--lean", f"{100 * options.lean:g}"]
    return shlex.join([*words, "--apart", str(options.apart), "--out", out.name])


def book_text(options: BookOptions, judge: str, command: str, made: MadeBook) -> str:
    """The book with a header that says how it was made and how even it is."""
    size = options.size
    source = "that many records begin with" if options.records else "that the judge's policy finds plausible"
    head = [
        f"Even openings for {size}x{size}, one a line, Black first; behind each Black's winrate and lead.",
        f"komi: {options.komi:g}",
        f"Made by: {command}",
        f"Judge: {judge}; {counted(options.visits, 'visit')}; a jigo is half a win",
        f"Candidates: {made.candidates} openings of {LENGTHS[0]} to {LENGTHS[-1]} moves {source}",
        f"Taken: {len(made.openings)} that lean by {options.lean:.1%} at most and differ in"
        f" {counted(options.apart, 'point')} or more",
        *made.balance_lines(),
    ]
    lines = [
        f"{spelt(moves, size)}  # {_facts(found)}"
        for moves, found in zip(made.openings, made.judgements, strict=True)
    ]
    return "\n".join([*(f"# {line}" for line in head), *lines, ""])


def _facts(found: Judgement) -> str:
    lead = "" if found.lead is None else f" {signed(found.lead, 1)}"
    return f"{found.winrate:.1%}{lead}"
