"""Facts in a root comment, gomill's or ours, that SGF has no property for: players' codes, ids, processor time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

_FACT = re.compile(r"^(Event:|Game id|Date|Opening|Pair|Seed) (.*)$", re.MULTILINE)
_NUMBER = re.compile(r"-?\d+")
_PLAYERS = re.compile(r"^Black (\S+) ?(.*?)\nWhite (\S+) ?(.*)", re.MULTILINE | re.DOTALL)
_NOTE = re.compile(r"^(?:Result )?.+? (?:beat|vs) .+? \((.*)\)$", re.MULTILINE)


def facts_of_comment(comment: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a GameRecord that gomill's and our root comments hold beyond the properties.

    `told` are its fields by the properties, and `end_comment` as it is written at the last move.
    """
    players = _PLAYERS.search(comment)
    if players is None:
        return {}
    head = comment[: players.start()]
    black, black_description, white, rest = players.groups()
    white_description, ending = (rest, told["end_comment"]) if told["moves"] else _split(rest, "\n\n")
    result_line, end_comment = _split(ending, "\n")
    note = _NOTE.search(result_line)
    found = _facts_of(head)
    return {
        "game_id": found.get("Game id", told["game_id"]),
        "event": found.get("Event:", told["event"]),
        "date": found.get("Date", told["date"]),
        "opening": found.get("Opening", ""),
        "pair": int(found["Pair"]) if "Pair" in found else None,
        "seed": int(found["Seed"]) if "Seed" in found else None,
        "black": black,
        "white": white,
        "black_engine": "" if told["black_engine"] == black else told["black_engine"],
        "white_engine": "" if told["white_engine"] == white else told["white_engine"],
        "black_description": "" if black_description == told["black_engine"] else black_description,
        "white_description": "" if white_description == told["white_engine"] else white_description,
        "black_cpu_s": _cpu_time(black, head),
        "white_cpu_s": _cpu_time(white, head),
        "result": replace(told["result"], note=note[1]) if note else told["result"],
        "end_comment": end_comment,
    }


def _facts_of(head: str) -> dict[str, str]:
    """Values by the words that a line begins with; of several lines the first counts."""
    found: dict[str, str] = {}
    for words, value in _FACT.findall(head):
        if words not in ("Pair", "Seed") or _NUMBER.fullmatch(value):
            found.setdefault(words, value)
    return found


def _split(text: str, at: str) -> tuple[str, str]:
    before, _, after = text.partition(at)
    return before, after


def _cpu_time(player: str, comment: str) -> float | None:
    if " cpu time: " not in comment:
        return None
    match = re.search(rf"^{re.escape(player)} cpu time: (\d+\.\d+)s$", comment, re.MULTILINE)
    return float(match[1]) if match else None
