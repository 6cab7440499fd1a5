"""A tuning event as a control file describes it: parameters of an engine, and how good ones are looked for.

A *point* is a tuple of optimiser parameters, one a parameter; the file turns each into an *engine parameter*, and
these into a player, the *candidate* that meets the opponent. Settings keep gomill's names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tournaments.plan.competition import PlayerSpec

CandidateColour: TypeAlias = Literal["b", "w", "random"]
Point: TypeAlias = tuple[float, ...]
CANDIDATE = "#candidate"
"""Code of the player that stands for all candidates; no control file can have one of that name."""
TUNING = "tuning"
"""Id of the matchup whose games are a tuning event's."""
REACH = 2.0
"""Standard deviations on either side of its mean that a parameter given by a distribution is looked for in."""


@dataclass(frozen=True)
class TuningParameter:
    """A dimension of what is tuned."""

    code: str
    engine_value: Callable[[float], object]
    """Scale or transform: an optimiser parameter to an engine parameter. Raises UserError."""
    text: Callable[[object], str]
    """An engine parameter in the file's format."""
    low: float
    high: float
    """Range of the optimiser parameter that a search keeps to: 0 to 1, or REACH standard deviations about a mean."""


@dataclass(frozen=True)
class MonteCarlo:
    """Settings of gomill's Monte Carlo tuner."""

    splits: tuple[int, ...]
    """Divisions of each parameter's range, in each generation of the tree."""
    exploration_coefficient: float
    initial_visits: int
    initial_wins: int
    number_of_games: int | None = None
    """Games in all; None: without end."""
    max_depth: int = 1
    """Generations below the root."""
    summary_spec: tuple[int, ...] = (30,)
    """Candidates that reports show, for each depth."""
    log_tree_to_history_period: int | None = None
    """Games after which the tree goes into the history, each time."""
    number_of_running_simulations_to_show: int = 12


@dataclass(frozen=True)
class CrossEntropy:
    """Settings of gomill's cross-entropy tuner."""

    initial: tuple[tuple[float, float], ...]
    """Mean and variance of each parameter in the first generation."""
    batch_size: int
    """Games of each candidate."""
    samples_per_generation: int
    """Candidates of a generation."""
    number_of_generations: int
    elite_proportion: float
    """Share of a generation's candidates that the next distribution is made of, 0 to 1."""
    step_size: float
    """Weight of these in the next distribution, 0 to 1."""


@dataclass(frozen=True)
class Tuning:
    """All that a control file says of its tuning event, besides players and conditions of games."""

    parameters: tuple[TuningParameter, ...]
    opponent: str
    candidate_colour: CandidateColour
    settings: MonteCarlo | CrossEntropy
    make_candidate: Callable[[str, Sequence[object]], PlayerSpec]
    """The candidate of these engine parameters, under a code. Raises UserError."""

    def engine_values(self, point: Point) -> tuple[object, ...]:
        """The engine parameters at a point. Raises UserError."""
        return tuple(p.engine_value(x) for p, x in zip(self.parameters, point, strict=True))

    def text(self, point: Point) -> str:
        """The engine parameters at a point, as reports write them."""
        values = self.engine_values(point)
        return "; ".join(p.text(value) for p, value in zip(self.parameters, values, strict=True))

    def candidate(self, code: str, point: Point) -> PlayerSpec:
        """The candidate at a point. Raises UserError."""
        return self.make_candidate(code, self.engine_values(point))

    @property
    def centre(self) -> Point:
        """The middle of all parameters' ranges."""
        return tuple((p.low + p.high) / 2 for p in self.parameters)
