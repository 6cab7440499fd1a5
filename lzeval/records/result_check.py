"""Agreement of a record with itself on who won."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from lzeval.records.result import GameResult, Outcome, format_result, parse_result

NO_RESULT = "the record names no result"

_RESULT = r"(?:[BW]|Black|White)\s?\+\s?(?:\d+(?:[.,]\d+)?|R|T|F|Resign|Time|Forfeit)"
_NOTATION = re.compile(_RESULT, re.IGNORECASE)
_WINS = r"(Black|White) (?:wins|won|has won)(?: by .{0,60}| on time)?"
_LINE = re.compile(
    rf"^[ \t]*(?:(?:(?:final |game )?(?:result|score)[ \t]*[:=]?[ \t]*)?({_RESULT})|{_WINS})[.!]?[ \t]*\r?$",
    re.IGNORECASE | re.MULTILINE,
)
"""A line of a comment that says nothing but how the game ended."""
_FINAL_SCORE = re.compile(r"^(\S+) final_score: (.*)$", re.MULTILINE)
_GOMILL_RESULT = re.compile(r"^(?:Result )?\S+ beat \S+ (\S+?)(?: \(.*\))?$", re.MULTILINE)


def settled(
    values: list[str],
    properties: Mapping[str, str] | None = None,
    comments: Iterable[str] = (),
    *,
    like_gomill: bool = False,
) -> GameResult:
    """The result that a record gives, unknown where it gives several.

    `values` are those of RE, `properties` other ones of the root, `comments` the root's and the last node's;
    `like_gomill`: whether they have gomill's lines, in which players may be called anything.
    """
    named = [value for value in values if value.strip()]
    if not named:
        return GameResult(Outcome.UNKNOWN, note=NO_RESULT)
    results = [parse_result(value) for value in named]
    first = results[0]
    for value, result in zip(named[1:], results[1:], strict=True):
        if result.outcome is not first.outcome:
            return _contradiction(f"RE says both {named[0]!r} and {value!r}")
    if first.outcome is Outcome.JIGO and "+" in named[0]:
        return _contradiction(f"RE says {named[0]!r}, a win by nothing")
    if first.outcome is Outcome.UNKNOWN and named[0].strip() not in ("?", "Unknown", "unknown"):
        return replace(first, note=f"RE says {named[0].strip()[:60]!r}")
    if not first.is_decided:
        return first
    against = next(_claims_against(first, properties or {}, comments, like_gomill), "")
    return _contradiction(f"RE says {format_result(first)}, but {against}") if against else first


def _contradiction(what: str) -> GameResult:
    return GameResult(Outcome.UNKNOWN, note=f"contradictory: {what}")


def _claims_against(
    result: GameResult, properties: Mapping[str, str], comments: Iterable[str], like_gomill: bool
) -> Iterator[str]:
    for name, value in properties.items():
        if len(value) < 16 and _NOTATION.fullmatch(value) and _differs(value, result):
            yield f"{name} says {value}"
    for comment in comments:
        yield from _scores_against(result, comment)
        yield from (_gomill_against if like_gomill else _line_against)(result, comment)


def _scores_against(result: GameResult, comment: str) -> Iterator[str]:
    scores = _FINAL_SCORE.findall(comment) if " final_score: " in comment else ()
    clear = [(who, text) for who, text in scores if parse_result(text).is_decided]
    if clear and all(_differs(text, result) for _, text in clear):
        yield f"final_score of {clear[0][0]} was {clear[0][1].strip()}"


def _gomill_against(result: GameResult, comment: str) -> Iterator[str]:
    for written in _GOMILL_RESULT.findall(comment):
        if parse_result(written).is_decided and _differs(written, result):
            yield f"the comment says {written}"


def _line_against(result: GameResult, comment: str) -> Iterator[str]:
    for match in _LINE.finditer(comment):
        claim = match[1] or f"{match[2]}+"
        if _differs(claim, result):
            yield f"the comment says {match[0].strip()[:60]!r}"


def _differs(claim: str, result: GameResult) -> bool:
    return parse_result(claim).outcome is not result.outcome
