"""What gomill and we write into a root comment that SGF has no property for: players' codes, ids, processor time."""

from __future__ import annotations

import re
from dataclasses import replace

from tournaments.results import GameRecord

_FACT = {
    "event": re.compile(r"^Event: (.*)$", re.MULTILINE),
    "game_id": re.compile(r"^Game id (.*)$", re.MULTILINE),
    "date": re.compile(r"^Date (.*)$", re.MULTILINE),
    "opening": re.compile(r"^Opening (.*)$", re.MULTILINE),
    "pair": re.compile(r"^Pair (-?\d+)$", re.MULTILINE),
    "seed": re.compile(r"^Seed (-?\d+)$", re.MULTILINE),
}
_PLAYERS = re.compile(r"^Black (\S+) ?(.*?)\nWhite (\S+) ?(.*)", re.MULTILINE | re.DOTALL)
_NOTE = re.compile(r"^(?:Result )?.+? (?:beat|vs) .+? \((.*)\)$", re.MULTILINE)


def with_facts_of_comment(record: GameRecord, comment: str) -> GameRecord:
    """What gomill's and our root comments tell beyond the properties."""
    players = _PLAYERS.search(comment)
    if players is None:
        return record
    head = comment[: players.start()]
    black, black_description, white, rest = players.groups()
    white_description, ending = (rest, record.end_comment) if record.moves else _split(rest, "\n\n")
    result_line, end_comment = _split(ending, "\n")
    note = _NOTE.search(result_line)
    found = {name: match[1] for name, pattern in _FACT.items() if (match := pattern.search(head))}
    return replace(
        record,
        game_id=found.get("game_id", record.game_id),
        event=found.get("event", record.event),
        date=found.get("date", record.date),
        opening=found.get("opening", ""),
        pair=int(found["pair"]) if "pair" in found else None,
        seed=int(found["seed"]) if "seed" in found else None,
        black=black,
        white=white,
        black_engine="" if record.black_engine == black else record.black_engine,
        white_engine="" if record.white_engine == white else record.white_engine,
        black_description="" if black_description == record.black_engine else black_description,
        white_description="" if white_description == record.white_engine else white_description,
        black_cpu_s=_cpu_time(black, head),
        white_cpu_s=_cpu_time(white, head),
        result=replace(record.result, note=note[1]) if note else record.result,
        end_comment=end_comment,
    )


def _split(text: str, at: str) -> tuple[str, str]:
    before, _, after = text.partition(at)
    return before, after


def _cpu_time(player: str, comment: str) -> float | None:
    match = re.search(rf"^{re.escape(player)} cpu time: (\d+\.\d+)s$", comment, re.MULTILINE)
    return float(match[1]) if match else None
