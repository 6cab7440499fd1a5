"""Games that were not counted, with file and reason: every case for JSON, the gist for the terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lzeval.records.find_files import is_table_name
from lzeval.records.record import GameRecord
from lzeval.records.result import Outcome
from lzeval.text.wording import counted
from tournaments.collect.collect import CollectedGames
from tournaments.rating.pairs import weigh
from tournaments.report.summary import dispute, why_nobody

MOST_REASONS = 6
MOST_FILES = 3
"""Named on the terminal."""


@dataclass(frozen=True)
class Case:
    """A game, or a file, that was not counted; or, if disputed, was counted as it was decided."""

    kind: str
    """`unreadable`, `void`, `unknown result`, `without two players`, `disputed` or `taken, although`."""
    path: str
    game: str
    """Id of the game, or which of the file it is."""
    why: str


def cases_of(collected: CollectedGames) -> list[Case]:
    """All of them, by kind."""
    evidence = weigh([game for game in collected.games if not _counts(game)])
    found = [Case("unreadable", str(one.path), str(one.number), one.why) for one in collected.skipped]
    found += [_case("void", game, game.result.note or "no reason given") for game in evidence.void]
    found += [_case("unknown result", game, game.result.note or "RE says '?'") for game in evidence.unknown]
    found += [_case("without two players", game, why_nobody(game)) for game in evidence.nobody]
    found += [
        _case("disputed", game, why)
        for game in collected.games
        if (game.result.note or game.end_comment) and (why := dispute(game))
    ]
    return found


def remarks_on(collected: CollectedGames) -> list[Case]:
    """Departures from what records say, such as properties that could not be read and count as not given."""
    return [_case("taken, although", game, why) for game in collected.games for why in game.remarks]


def _counts(game: GameRecord) -> bool:
    """Tell whether it was decided, between two players."""
    outcome, black, white = game.result.outcome, game.black, game.white
    is_decided = outcome is not Outcome.VOID and outcome is not Outcome.UNKNOWN
    return is_decided and bool(black and white) and black != white


def _case(kind: str, game: GameRecord, why: str) -> Case:
    return Case(kind, str(game.path or ""), game.game_id, why)


def as_dict(collected: CollectedGames) -> dict[str, object]:
    """Return everything as JSON has it."""
    return {
        "skipped": [asdict(case) for case in cases_of(collected)],
        "remarks": [asdict(case) for case in remarks_on(collected)],
        "duplicates": collected.duplicates,
        "left_out": dict(collected.left_out),
        "warnings": list(collected.warnings),
    }


def lines_of(collected: CollectedGames) -> Iterator[str]:
    """Lines for the terminal on what was dropped, left out or taken in with a remark."""
    if collected.duplicates:
        yield f"Dropped {counted(collected.duplicates, 'game')} that another source told of as well."
    if collected.left_out:
        parts = ", ".join(f"{count:,} by {why}" for why, count in collected.left_out.items())
        yield f"Not wanted: {parts}."
    yield from _lines_of_cases([*cases_of(collected), *remarks_on(collected)])


def _lines_of_cases(cases: Sequence[Case]) -> Iterator[str]:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for case in cases:
        groups[case.kind, case.why].append(_place(case))
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    for (kind, why), places in ordered[:MOST_REASONS]:
        more = ", ..." if len(places) > MOST_FILES else ""
        yield f"{kind.capitalize()}: {len(places):,} - {why} ({', '.join(places[:MOST_FILES])}{more})"
    if len(ordered) > MOST_REASONS:
        yield f"{counted(len(ordered) - MOST_REASONS, 'further reason')}; --json lists every game."


def _place(case: Case) -> str:
    name = Path(case.path).name
    if case.kind == "unreadable":
        return name if case.game == "1" else f"{name}{':' if is_table_name(name) else '#'}{case.game}"
    if case.game.startswith(name):
        return case.game
    return name if name.startswith(f"{case.game}.") else f"{name} {case.game}".strip()
