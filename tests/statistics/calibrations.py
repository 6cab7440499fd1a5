"""Calibrations whose truth is known: pairs drawn at random along a response curve, and what intervals hold of it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tournaments.calibrate.curve import PER_ELO, Curves, Posterior
from tournaments.calibrate.scale import DOUBLINGS
from tournaments.calibrate.stopping import REACHED, endings
from tournaments.rating.elo import score_from_elo

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Elo = Callable[[Floats], Floats]
"""Elo of the player over its opponent at places of the scale."""
Design = Literal["adaptive", "fixed ladder", "staircase"]

LADDER = DOUBLINGS.ladder(1, 1024)
LEVELS = DOUBLINGS.positions(LADDER)


def straight(slope: float, location: float = 5.0) -> Elo:
    return lambda place: slope * (place - location)


def bent(steep: float, flat: float, bend: float, location: float) -> Elo:
    """A curve whose slope falls from `steep` to `flat` around `bend`, within some two units."""

    def elo(place: Floats) -> Floats:
        return flat * place + (steep - flat) * (place - np.logaddexp(0, 2 * (place - bend)) / 2)

    return lambda place: elo(place) - elo(np.array([location]))


def limited(slope: float, most: float, location: float) -> Elo:
    """A curve that grows no further than to `most`, around `location`."""
    return lambda place: most - slope * np.logaddexp2(0, location - place)


def policy_only(slope: float, location: float) -> Elo:
    """One of no growth from the first visit to the second, as the search plays its network's first choice in both."""
    return lambda place: slope * (np.maximum(place, 1) - location)


@dataclass(frozen=True)
class Calibrations:
    """Calibrations of one sort."""

    name: str
    elo: Elo
    wanted: float = 0.0
    """Elo."""
    width: float = 1.0
    games: int = 400
    jigos: float = 0.0
    colours: float = 0.7
    """Standard deviation of what openings are worth to a colour, in natural log odds."""
    players: float = 0.0
    """The same of what they are worth to one of the players."""
    ahead: int = 8
    design: Design = "adaptive"

    def __str__(self) -> str:
        return self.name


STRAIGHT = [
    *(Calibrations(f"{slope} Elo", straight(slope)) for slope in (50, 100, 200, 300)),
    Calibrations("100 Elo, width 2", straight(100), width=2),
    Calibrations("100 Elo, wanted at 1.6 visits, width 2", straight(100, 0.7), width=2),
    Calibrations("100 Elo, wanted at 830 visits, width 2", straight(100, 9.7), width=2),
    Calibrations("200 Elo, +100 Elo wanted", straight(200), 100),
    Calibrations("200 Elo, 20 % jigos", straight(200), jigos=0.2),
    Calibrations("200 Elo, openings worth nothing", straight(200), colours=0),
    Calibrations("200 Elo, openings worth ±0.6 to a player", straight(200), players=0.6),
    Calibrations("200 Elo, one pair at a time", straight(200), ahead=1),
]
BENT = [
    Calibrations("300 to 50 Elo around 16 visits, wanted at 8", bent(300, 50, 4, 3)),
    Calibrations("300 to 50 Elo around 16 visits, wanted at 64", bent(300, 50, 4, 6)),
    Calibrations("200 to 40 Elo around 16 visits, wanted at 23", bent(200, 40, 4, 4.5)),
    Calibrations("none from 1 to 2 visits, then 150 Elo, wanted at 3", policy_only(150, 1.5)),
    Calibrations("100 to 0 Elo, B no better than +40", limited(100, 40, 5)),
]
OUTSIDE = [
    Calibrations("100 Elo, wanted at 1,260 visits", straight(100, 10.3)),
    Calibrations("100 Elo, wanted at 2,050 visits", straight(100, 11)),
    Calibrations("100 to 0 Elo, B no better than -60", limited(100, -60, 5)),
    Calibrations("100 Elo, wanted at half a visit", straight(100, -1)),
]
DESIGNS: tuple[Design, ...] = ("adaptive", "fixed ladder", "staircase")
SIMPLER = [
    Calibrations(f"{slope} Elo, wanted at 380 visits, {design}", straight(slope, 8.57), design=design)
    for slope in (200, 300)
    for design in DESIGNS
]


@dataclass(frozen=True)
class Found:
    """What became of calibrations; shares of all."""

    covered: float
    """The interval holds the truth; where that lies outside of the bounds, an interval that is open there."""
    too_high: float
    """The interval lies above the truth."""
    outside: float
    """The verdict is that the bounds do not hold it."""
    reached: float
    """The interval became as narrow as wanted."""
    games: float
    """Mean."""
    most_games: float
    """95 % of calibrations have ended after this many."""
    error: float
    """Root of the mean square, of estimates in units."""


def simulate(sort: Calibrations, number: int, seed: int) -> Found:
    """Run `number` calibrations side by side, as `lzeval calibrate` does: levels are chosen `ahead` pairs before."""
    rng = np.random.default_rng(seed)
    curves = Curves(LEVELS, sort.wanted, sort.width)
    edges = PER_ELO * sort.elo(LEVELS)
    counts = np.zeros((number, len(LEVELS), 5))
    going, rows = np.ones(number, bool), np.arange(number)
    ends, pairs, verdicts = np.zeros((number, 3)), np.zeros(number), np.zeros(number, int)
    waiting: deque[tuple[Ints, Ints]] = deque()
    found = curves.posterior(counts)
    level = np.full(number, len(LEVELS) // 2)
    outcome = np.full(number, 2)
    for issued in range(sort.games // 2 + sort.ahead):
        active = rows[going]
        if not len(active):
            break
        steps = np.sign(2 - outcome[active])
        pending = [one[active] for one, _ in waiting]
        level = level.copy()
        level[active] = _next(sort.design, found, level[active] + steps, pending, issued)
        waiting.append((level, _pairs(sort, edges[level], rng)))
        if len(waiting) < sort.ahead:
            continue
        taken, outcome = waiting.popleft()
        counts[active, taken[active], outcome[active]] += 1
        found = curves.posterior(counts[active])
        played = counts[active].sum(axis=(1, 2))
        interval = found.interval()
        verdict = endings(curves, interval, played, sort.width)
        over = (verdict != 0) | (played >= sort.games // 2)
        ended = active[over]
        ends[ended], pairs[ended], verdicts[ended] = interval[over], played[over], verdict[over]
        going[ended] = False
        found = _rows(found, ~over)
    truth = location(sort)
    low = np.where(ends[:, 0] > curves.high, curves.high, ends[:, 0])
    high = np.where(ends[:, 2] > curves.high, np.inf, ends[:, 2])
    low = np.where(low < curves.low, -np.inf, low)
    high = np.where(high < curves.low, curves.low, high)
    return Found(
        covered=float(np.mean((low <= truth) & (truth <= high))),
        too_high=float(np.mean(truth < low)),
        outside=float(np.mean((verdicts != 0) & (verdicts != REACHED))),
        reached=float(np.mean(verdicts == REACHED)),
        games=float(2 * pairs.mean()),
        most_games=float(2 * np.quantile(pairs, 0.95)),
        error=float(np.sqrt(np.mean((ends[:, 1] - truth) ** 2))) if math.isfinite(truth) else math.nan,
    )


def _rows(found: Posterior, kept: npt.NDArray[np.bool_]) -> Posterior:
    return Posterior(found.curves, found.counts[kept], found.weights[kept], found.dispersion[kept])


def location(sort: Calibrations) -> float:
    """The place where the mean score over all openings is that of the wanted Elo; infinite if it is nowhere."""
    places = np.linspace(LEVELS[0] - 4, LEVELS[-1] + 4, 20_001)
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    spread = math.hypot(sort.colours, sort.players)
    chances = 1 / (1 + np.exp(-PER_ELO * sort.elo(places)[:, None] - spread * nodes))
    scores = sort.jigos / 2 + (1 - sort.jigos) * chances @ weights / weights.sum()
    enough = np.flatnonzero(scores >= score_from_elo(sort.wanted))
    return float(places[enough[0]]) if len(enough) else math.inf


def _pairs(sort: Calibrations, edges: Floats, rng: np.random.Generator) -> Ints:
    """Outcomes, 0 to 4, of one pair at each of these log odds."""
    colour, player = (rng.normal(0, spread, len(edges)) for spread in (sort.colours, sort.players))
    points = np.zeros(len(edges), int)
    for favoured in (colour, -colour):
        won = rng.random(len(edges)) < 1 / (1 + np.exp(-edges - favoured - player))
        points += np.where(rng.random(len(edges)) < sort.jigos, 1, 2 * won)
    return points


def _next(design: Design, found: Posterior, step: Ints, pending: list[Ints], issued: int) -> Ints:
    """The next pair's level in each of the calibrations that go on; `step` is where a staircase goes."""
    number, levels = found.counts.shape[:2]
    if design == "fixed ladder":
        return np.full(number, issued % levels)
    if design == "staircase":
        return np.clip(step, 0, levels - 1)
    in_progress = np.zeros((number, levels))
    for level in pending:
        in_progress[np.arange(number), level] += 1
    return found.next_level(in_progress)
