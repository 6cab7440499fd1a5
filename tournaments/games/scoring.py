"""The winner of a game, decided here and not by the players, whose opinions are kept beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from lzeval.errors import EngineError
from lzeval.go.colour import Colour
from lzeval.go.game import Game, Stones, area, without
from lzeval.records.result import JIGO, UNKNOWN, GameResult, format_result, parse_result, win
from tournaments.plan.competition import HandicapCompensation, Scorer

AREA = "area count"
"""The author of an opinion where nobody but the board was asked."""
DeadStones: TypeAlias = Callable[[], Collection[int]]
"""Asks an arbiter which stones of the final position are dead. Raises EngineError if it cannot tell."""


@dataclass(frozen=True)
class Opinion:
    """An opinion on the final position."""

    who: str
    """Code of a player or of the arbiter, or AREA."""
    text: str
    """Word for word."""
    result: GameResult
    """Its meaning; UNKNOWN if it has none."""


@dataclass(frozen=True)
class ScoredGame:
    """The result of a game that two passes ended, and everything that was said about it."""

    result: GameResult
    opinions: tuple[Opinion, ...]
    disputed: bool = False
    """True if the players named different winners."""

    def remarks(self) -> list[str]:
        """Opinions that differ from the result; the area count's only if it sees another winner."""
        lines = []
        for opinion in self.opinions:
            if opinion.who == AREA:
                if opinion.result.outcome is not self.result.outcome:
                    lines.append(f"{AREA}, every stone alive: {opinion.text}")
            elif opinion.text.upper().removesuffix(".0") != format_result(self.result):
                lines.append(f"{opinion.who} final_score: {opinion.text}")
        return lines


def decide(
    game: Game,
    scorer: Scorer,
    white_bonus: int,
    answers: Mapping[str, str],
    arbiter: str | None = None,
    dead_stones: DeadStones | None = None,
) -> ScoredGame:
    """The result of the final position.

    `answers` are the players' to final_score. With the scorer `players` they decide where they agree on the winner,
    and an arbiter's dead stones where they do not or say nothing; with `internal` it is the area count, every stone
    alive. `white_bonus` is the handicap compensation of both counts. All are kept as opinions.
    """
    counted = _counted(game, game.stones, white_bonus)
    opinions = [Opinion(who, text, _meaning(text)) for who, text in answers.items()]
    of_players = _agreed([opinion.result for opinion in opinions])
    opinions.append(Opinion(AREA, format_result(counted), counted))
    disputed = of_players.note == _DISAGREED
    if scorer == "internal":
        return ScoredGame(counted, tuple(opinions), disputed)
    if of_players.is_decided or arbiter is None or dead_stones is None:
        return ScoredGame(of_players, tuple(opinions), disputed)
    try:
        dead = dead_stones()
    except EngineError as error:
        opinions.append(Opinion(arbiter, f"no answer ({error})", UNKNOWN))
        return ScoredGame(of_players, tuple(opinions), disputed)
    judged = _counted(game, without(game.stones, dead), white_bonus)
    opinions.append(Opinion(arbiter, f"{format_result(judged)} with {len(set(dead))} dead stones", judged))
    note = f"{of_players.note}, {arbiter} decided"
    return ScoredGame(replace(judged, note=note), tuple(opinions), disputed)


_DISAGREED = "players disagreed"


def _meaning(text: str) -> GameResult:
    result = parse_result(text)
    return result if result.is_decided else UNKNOWN


def _agreed(results: list[GameResult]) -> GameResult:
    """The players' common opinion; one that is not clear does not count, nor does a margin that they differ on."""
    clear = [result for result in results if result.is_decided]
    outcomes = {result.outcome for result in clear}
    if not clear:
        return GameResult(UNKNOWN.outcome, note="no score reported")
    if len(outcomes) > 1:
        return GameResult(UNKNOWN.outcome, note=_DISAGREED)
    if clear[0].winner is None:
        return JIGO
    margins = {result.margin for result in clear}
    margin = margins.pop() if len(margins) == 1 else None
    return win(clear[0].winner, note="unknown margin") if margin is None else win(clear[0].winner, margin)


def compensation(kind: HandicapCompensation, stones: int) -> int:
    """White's points for Black's handicap stones in an internal count."""
    return {"full": stones, "short": max(stones - 1, 0), "no": 0}[kind]


def _counted(game: Game, stones: Stones, white_bonus: int) -> GameResult:
    lead = area(stones, game.size) - game.komi - white_bonus
    if lead == 0:
        return JIGO
    return win(Colour.BLACK if lead > 0 else Colour.WHITE, abs(lead))
