"""Moves out of KataGo's answers, chosen as its own play over GTP does.

KataGo draws among the moves it has searched, by their selection values to the power of 1 / temperature, where the
temperature falls from an early one to a late one, by half every 19 moves on a board of 19 lines (cpp/search, functions
chooseIndexWithTemperature and interpolateEarly of version 1.16). The values themselves, after its pruning and by its
lower confidence bounds, are in its answers (playSelectionValue).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lzeval.go.points import parse_vertex

TEMPERATURE, EARLY_TEMPERATURE = 0.1, 0.5
"""KataGo's own for games over GTP."""
HALF_LIFE = 19.0
"""Moves on 19x19 after which the temperature has come half its way; on other boards in proportion to their lines."""
LOWEST_TEMPERATURE = 1e-4
"""Below it KataGo takes the move of the highest value."""
VALUE = "playSelectionValue"


class MalformedAnswerError(ValueError):
    """An answer lacks what its protocol promises."""


@dataclass(frozen=True)
class SearchedMove:
    """A move that KataGo has searched, as the side to move sees it."""

    move: int
    visits: int
    winrate: float
    """0 to 1."""
    lcb: float
    """Lower confidence bound of the winrate, 0 to 1."""
    prior: float
    value: float
    """KataGo's selection value; not below 0."""
    line: tuple[int, ...]
    lead: float | None = None
    """Points by which the side to move leads; None where the engine tells none."""


@dataclass(frozen=True)
class Findings:
    """An answer of KataGo's: the root, and the moves it may choose from, best first."""

    winrate: float
    """Winrate of the side to move, 0 to 1."""
    visits: int
    moves: tuple[SearchedMove, ...]
    lead: float | None = None


@dataclass(frozen=True)
class MoveChoice:
    """The habits by which a move is chosen."""

    temperature: float = TEMPERATURE
    early_temperature: float = EARLY_TEMPERATURE
    resign: float = 0.1
    """Winrate below which the player resigns; 0: never."""

    def temperature_at(self, moves_made: int, size: int) -> float:
        """The temperature after `moves_made` moves on a board of `size` lines."""
        half_lives = moves_made / HALF_LIFE * 19 / size
        share = float(0.5**half_lives)
        return self.early_temperature * share + self.temperature * (1 - share)


def findings_of(answer: Mapping[str, Any], size: int) -> Findings:
    """Findings in an answer whose winrates are those of the side to move. Raises MalformedAnswerError.

    Moves told only as mirror images of others (isSymmetryOf) are left out: KataGo does not choose them.
    """
    try:
        root = answer["rootInfo"]
        told = sorted(answer["moveInfos"], key=lambda info: info["order"])
        moves = tuple(_searched(info, size) for info in told if "isSymmetryOf" not in info)
        lead = root.get("scoreLead")
        return Findings(
            float(root["winrate"]), int(root["visits"]), moves, None if lead is None else float(lead)
        )
    except KeyError as error:
        raise MalformedAnswerError(f"an answer without {error.args[0]}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise MalformedAnswerError(f"an answer that cannot be understood ({error})") from error


def _searched(info: Mapping[str, Any], size: int) -> SearchedMove:
    lead = info.get("scoreLead")
    return SearchedMove(
        parse_vertex(info["move"], size),
        int(info["visits"]),
        float(info["winrate"]),
        min(1.0, max(0.0, float(info["lcb"]))),
        float(info["prior"]),
        max(0.0, float(info[VALUE])),
        tuple(parse_vertex(vertex, size) for vertex in info["pv"]),
        None if lead is None else float(lead),
    )


def shares_of(answer: Mapping[str, Any], size: int) -> list[float]:
    """`[size * size + 1]`: the network's policy in an answer by index, the pass last; negative for illegal moves.

    Raises MalformedAnswerError.
    """
    try:
        told = [float(share) for share in answer["policy"]]
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedAnswerError("an answer without a policy") from error
    if len(told) != size**2 + 1:
        raise MalformedAnswerError(f"an answer with a policy of {len(told)} moves")
    rows = [told[row * size : (row + 1) * size] for row in range(size)]  # from the top
    return [share for row in reversed(rows) for share in row] + told[-1:]


def drawn(moves: Sequence[SearchedMove], temperature: float, random: np.random.Generator) -> SearchedMove:
    """One of `moves`, which is not empty: by selection value to the power of 1 / `temperature`, or the best."""
    values = np.array([move.value for move in moves])
    if temperature <= LOWEST_TEMPERATURE or not values.max() > 0:
        return moves[int(values.argmax())]
    weights = (values / values.max()) ** (1 / temperature)
    return moves[int(random.choice(len(moves), p=weights / weights.sum()))]
