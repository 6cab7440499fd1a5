"""Limits on the cost of evaluating a control file.

A value of a file may be small and yet mean endless work: `'a' * 10**10`, `'%999999999d' % 1`, or a list that
holds the same list many times, many levels deep. So everything is measured before it is done.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tournaments.gomill.control.syntax import RefusedError

BUDGET = 1_000_000
"""Expressions evaluated, items gone through and characters written, all together."""
UNITS_A_CALL = 10
"""Cost of a call of a function of the file: names bound, a scope of its own, and a way back, beside its expressions."""
DEEPEST = 100
"""Lists, tuples and dictionaries within each other that are looked into."""
TOO_DEEP = "this is nested too deeply"
TOO_MUCH = "this takes too much work or memory for a control file; write it more simply, or give --trust"


class Budget:
    """The cost that evaluating a file may still have."""

    def __init__(self, units: int = BUDGET) -> None:
        self.left = units

    def spend(self, line: int, units: float) -> None:
        """Raises RefusedError once the budget is used up."""
        self.left -= math.ceil(units) if units < BUDGET else BUDGET
        if self.left < 0:
            raise RefusedError(line, TOO_MUCH)

    def weigh(self, line: int, value: object) -> None:
        """Spend a unit for everything that `value` holds, as often as it holds it."""
        if isinstance(value, int | float | None | slice):
            return
        waiting = [(value, 0)]
        while waiting:
            found, depth = waiting.pop()
            if depth > DEEPEST:
                raise RefusedError(line, TOO_DEEP)
            if isinstance(found, str):
                self.spend(line, 1 + len(found) / 16)  # compared and copied at a speed of their own
            elif isinstance(found, list | tuple | set | dict):
                self.spend(line, 1 + len(found))
                waiting += [(item, depth + 1) for item in found]
            if isinstance(found, dict):
                waiting += [(item, depth + 1) for item in found.values()]


@dataclass(frozen=True)
class Meter:
    """The budget, as one line of the file spends it."""

    budget: Budget
    line: int

    def spend(self, units: float) -> None:
        self.budget.spend(self.line, units)

    def weigh(self, *values: object) -> None:
        for value in values:
            self.budget.weigh(self.line, value)
