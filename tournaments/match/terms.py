"""Visits that were chosen for equal time, as match.json keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class EqualTime:
    """Visits at which a move takes both players the same time, and how that was measured."""

    visits: tuple[int, int]
    """Of A, which were asked for, and of B."""
    seconds_a_move: float
    """Of A; B's visits are those that take as long."""
    spread: float
    """How far the rounds of the measurement differ in the players' ratio, as a share of it."""
    rounds: int

    @property
    def rounding(self) -> float:
        """The share of its time by which B's may be wrong, as visits are whole numbers."""
        return 0.5 / self.visits[1]

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "visits": list(self.visits)}


def parse_equal_time(content: Mapping[str, Any]) -> EqualTime:
    """What `as_dict` made. Raises TypeError, ValueError or KeyError for anything else."""
    a, b = map(int, content["visits"])
    if min(a, b) < 1:
        raise ValueError(f"visits {a} v {b}")
    numbers = float(content["seconds_a_move"]), float(content["spread"]), int(content["rounds"])
    return EqualTime((a, b), *numbers)
