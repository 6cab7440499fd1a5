"""Write docs/statistics.md: `python -m tests.statistics.report` (some ten minutes on one core)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tests.statistics import calibrations, schedules
from tests.statistics.placed import NEWCOMERS, SCENARIOS, placed_coverage
from tests.statistics.pools import MANY_GAMES, POOLS, pool_coverage
from tests.statistics.simulation import (
    ELO,
    GAMES,
    JIGOS,
    KINDS,
    Scenario,
    coverage,
    estimates_after_stop,
    planned_chances,
    run_tests,
    wrongly_sure,
)
from tests.support.paths import ROOT
from tournaments.rating.sequential import plan
from tournaments.rating.sprt import Sprt

TARGET = ROOT / "docs" / "statistics.md"
MATCHES = 20_000
TESTS = 20_000
STOPPED = 5000
POOL_MATCHES = 1000
PLACED = 150
SCHEDULED = 30
CALIBRATED = 60
USUAL = Sprt(0, 35)

INTRODUCTION = """# Do the numbers hold what they say?

This page explains the figures that lzeval prints, and checks them by simulation: matches whose true difference is
known are drawn at random, and the printed figures are compared with the truth. `python -m tests.statistics.report`
writes this page, `make test-slow` checks the same limits, and a short version of them is part of every test run.

## What is printed, and what it means

- **Match between two players.** The headline and the table show the same estimate: from pairs if games were played in
  pairs, otherwise from games. Each player stands half of the difference from 0. The estimate is the difference that
  explains the mean score over all openings. Its interval is a score interval with Student's quantile, and LOS follows
  from the same distribution: it is above 97.5 % exactly if the interval lies above 0.
- **Table of three players and more.** Bradley and Terry's model with an advantage of playing Black. The scatter of
  results about the model, pair by pair, widens or narrows all intervals; pairs that an opening decides scatter less.
  Intervals are of distances from the mean of the group, which is uncertain as well. With `--from NAME` they are of
  distances from that player, who has none.
- **Anchors.** `--anchor NAME=ELO`, and a pool's anchor, move the zero and nothing else. Several anchors are not
  forced to their values, which would contradict the games: all ratings move by one number so that the anchors are
  right on average (least squares). A remark says if the games contradict the anchors' differences (Hotelling's test,
  5 %).
- **Differences** (`--matrix`, JSON, report). Each has its own interval and likelihood of superiority, by Student's
  distribution. Two players' intervals may overlap although their difference is sure.
- **Results beyond the ratings.** For every two players of a group, points made against points expected. The test
  allows for ratings made from the same games, for scatter, and for few games (binomial distribution). Holm's method
  corrects it for the number of pairs, so that at most 5 % of tables that follow the model name any pair. Three such
  results in a circle, each above 50 %, are called rock, paper, scissors.
- **Groups, and the prior.** The likelihood rates players who can be reached from each other along games that were not
  lost, and these ratings are printed as they are. A player who won or lost all games has no such rating, nor has a
  group that wins of one side only join to others: the distance would grow without limit. A weak prior places these,
  marked `*`, with a remark under the table and in JSON (`prior`, `rests_on`). Each such player or group brings one
  virtual jigo, spread evenly over its games with other groups, and is placed where likelihood and prior together are
  largest. The group with the most games keeps its ratings, and its mean is 0. (BayesElo gives every player two
  virtual draws with its opponents, and KataGo's scripts give virtual games against a player of Elo 0; both move
  everybody.)
- **Intervals of placed players** are lopsided and long. They reach to where likelihood times prior has fallen to 1/40
  of its peak, with all others free to move. The end on the side that the games leave open is the prior's. Nobody is
  printed below a player of another group whom it beat in all their games. Players who never met, not even through
  others, stay in groups of their own and are not compared. `--no-prior` leaves the prior out: bounds and remarks
  replace ratings, and each group is rated apart.
- **A sweep** (every point on one side) has no scatter. Its bound is the score s at which a sweep has a chance of 2.5
  %: s^N for N games. Openings that favour a colour make a sweep rarer, not likelier.
- **`elo95` and `los` in JSON** are the large-sample figures that other programs print. They are too sure in small
  samples: this LOS is above 97.5 % for up to 7 % of matches of 20 games between equals.
- **After a sequential test** the plain estimate is too far from 0. The median-unbiased estimate and its interval
  allow for when the test stopped. Games count in the order of their numbers, by pairs. Games that were finished or in
  progress after the deciding pair do not count, whoever they favour.
- **A calibration** prints the median of its posterior, and the interval between its 2.5 % and 97.5 % quantiles. The
  prior of the setting is even between the bounds and two units beyond; that of the slope has its median at 100 Elo a
  unit (95 % from 17 to 580), and lets it change with the distance. A unit is a doubling, or 3 levels of GNU Go.
- **Identical games** count once. A pair is left out if one of its games repeats an earlier one.
"""


def report() -> str:
    sections = (_coverage, _superiority, _pools, _placed, _schedules, _errors, _stopped, _calibrations)
    return "\n".join([INTRODUCTION, *(line for section in sections for line in section())]) + "\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|" + "|".join([" --- "] + [" ---: "] * (len(header) - 1)) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.1f}"


def _coverage() -> Iterator[str]:
    yield "## 95 % intervals of a match\n"
    yield (
        f"Percentage of intervals that hold the truth, of {MATCHES:,} matches per cell. Openings favour a colour by\n"
        "0.7 natural log odds (one standard deviation). In the columns of repeated games, 20 % of the games equal an\n"
        "earlier one.\n"
    )
    rng = np.random.default_rng(1)
    rows = [
        [str(games), str(elo), f"{100 * jigos:g} %"]
        + [_percent(coverage(Scenario(games, elo, jigos, kind), MATCHES, rng)) for kind in KINDS]
        for games in GAMES
        for elo in ELO
        for jigos in JIGOS
    ]
    yield from _table(["Games", "True Elo", "Jigos", *KINDS], rows)


def _superiority() -> Iterator[str]:
    yield "## Likelihood of superiority\n"
    yield "Percentage of matches between equals with an LOS above 97.5 % (2.5 is right).\n"
    rng = np.random.default_rng(2)
    rows = [
        [str(games), f"{100 * jigos:g} %"]
        + [_percent(wrongly_sure(Scenario(games, 0, jigos, kind), MATCHES, rng)) for kind in KINDS]
        for games in GAMES
        for jigos in JIGOS
    ]
    yield from _table(["Games", "Jigos", *KINDS], rows)


def _pools() -> Iterator[str]:
    yield "## Tables of several players\n"
    yield (
        f"{POOL_MATCHES:,} tournaments per row. On a lopsided schedule the least active player plays a tenth of the\n"
        'games of the most active one; "one against all" has no other games. Percentage of intervals that hold the\n'
        f"truth: of ratings, of ratings of players with {MANY_GAMES} games and more, of differences, and of Black's\n"
        "advantage. False alarms: percentage of tournaments that call any two players' results more than chance (5\n"
        "at most is right).\n"
    )
    rng = np.random.default_rng(3)
    rows = []
    for pool in POOLS:
        found = pool_coverage(pool, POOL_MATCHES, rng)
        shares = (found.ratings, found.busy, found.differences, found.advantage, found.false_alarms)
        rows.append([str(pool), *map(_percent, shares)])
    header = ["Tournament", "Ratings", "Of many games", "Differences", "Advantage", "False alarms"]
    yield from _table(header, rows)


def _placed() -> Iterator[str]:
    yield "## Players whom a prior places\n"
    yield (
        f"{PLACED:,} tournaments per row. Strengths are drawn anew for each, normal with the standard deviation in\n"
        f"the first column; {NEWCOMERS} players of a row with newcomers meet one opponent only. *Needed*: percentage\n"
        "of tournaments that cannot be rated by likelihood alone; all other columns are of these. Percentage of\n"
        "intervals that hold the truth: of placed players, of the others, of differences with a placed player.\n"
        "*Half width*: median of placed players' intervals. *Order*: percentage of pairs of players in true order.\n"
    )
    rows = []
    for number, scenario in enumerate(SCENARIOS):
        found = placed_coverage(scenario, PLACED, np.random.default_rng([6, number]))
        shares = (found.needed, found.placed, found.kept, found.differences)
        rows.append(
            [str(scenario), *map(_percent, shares), f"±{found.half_width:.0f}", _percent(found.order)]
        )
    header = ["Tournament", "Needed", "Placed", "Others", "Differences", "Half width", "Order"]
    yield from _table(header, rows)


def _schedules() -> Iterator[str]:
    yield "## What a pool's next pair of games should tell\n"
    apart = f"{schedules.STEP:g} Elo apart (±{schedules.JITTER:g})"
    yield (
        f"{SCHEDULED} pools per row, each of {schedules.NETWORKS} networks {apart}, the weakest of which comes first,\n"
        f"with openings worth ±{schedules.OPENINGS:g} Elo to a colour. Each pair of games is the one that most lowers\n"
        f"the variances of the quantity in the first column. After {schedules.GAMES} games: the weakest network's\n"
        "games; for the differences between neighbours, the mean half width of their 95 % intervals, the error (root\n"
        "of the mean square) and the percentage with the right sign. *Games*: the median until that half width is\n"
        f"±{schedules.WANTED:g}. `lzeval pool play` narrows neighbours' differences.\n"
    )
    rows = []
    for way in schedules.WAYS:
        found = schedules.gain(way, SCHEDULED, seed=2)
        whole = [f"{found.of_weakest:.0f}", f"±{found.half_width:.0f}", f"{found.error:.0f}"]
        last = schedules.LOOKS[-1]
        needed = f"over {last}" if found.needed > last else f"{found.needed:.0f}"
        rows.append([way, *whole, _percent(found.right), needed])
    header = ["What is narrowed", "Of the weakest", "Half width", "Error", "Right order", "Games"]
    yield from _table(header, rows)


def _errors() -> Iterator[str]:
    yield "## Sequential tests: planned and simulated\n"
    yield (
        f"SPRT {USUAL.describe()}, games in pairs, {TESTS:,} tests per row. A plan treats the LLR as a Brownian\n"
        "motion with Siegmund's correction for overshoot. Very short tests ([0, 100] and wider) end some 5 to 7 %\n"
        "sooner.\n"
    )
    rng = np.random.default_rng(4)
    rows = []
    for jigos in (0.0, 0.1):
        for expected in plan(USUAL, [-35, 0, 17.5, 35, 70], jigos=jigos):
            found = run_tests(USUAL, planned_chances(expected.elo, jigos), TESTS, rng)
            error = 4 * found.units.std() / math.sqrt(TESTS)  # twice the standard error, of games
            rows.append(
                [
                    f"{expected.elo:g}",
                    f"{100 * jigos:g} %",
                    f"{expected.games:.0f}",
                    f"{2 * found.units.mean():.0f} ± {error:.0f}",
                    _percent(expected.accepted),
                    _percent(float((found.verdicts > 0).mean())),
                ]
            )
    yield from _table(
        ["True Elo", "Jigos", "Games, planned", "simulated", "Accepted %, planned", "simulated"], rows
    )


def _stopped() -> Iterator[str]:
    yield "## Estimates after a sequential test\n"
    yield (
        f"{STOPPED:,} tests per row, alpha and beta 5 %: percentage of intervals that hold the truth, and of\n"
        "estimates above it (50 is right). *Games* is the median.\n\n"
        "Tests between hypotheses that lie far apart are coarse: they end after a few pairs, mostly before 100\n"
        "games, in one of a few ways, and their intervals are too wide, never too narrow. Part of that cannot be\n"
        "avoided: an ending that many tests share is inside or outside an interval as a whole. *Exact* is what this\n"
        "order of endings allows if the chance of each is known, *halved* the same with half of the equal endings\n"
        "counted as worse (mid-p). In practice these chances are unknown, as they depend on jigos and openings, which\n"
        "a few pairs do not tell. The rest is the price of a normal approximation with the observed scatter.\n"
    )
    rng = np.random.default_rng(5)
    rows = []
    for test, cap, elos in (
        (USUAL, 200, (-35, 0, 17.5, 35, 70)),
        (USUAL, 5000, (-35, 0, 17.5, 35, 70)),
        (Sprt(0, 100), 5000, (0, 50, 100)),
        (Sprt(0, 200), 5000, (0, 100, 200)),
    ):
        for elo in elos:
            found = estimates_after_stop(test, elo, STOPPED, rng, cap)
            shares = (
                found.covered,
                found.exactly,
                found.exactly_halved,
                found.too_high,
                found.plain_too_high,
            )
            whole = [f"{elo:g}", str(2 * cap), f"{2 * found.median_units:.0f}"]
            rows.append([f"[{test.elo0:g}, {test.elo1:g}]", *whole, *map(_percent, shares)])
    header = ["Test", "True Elo", "Most games", "Games", "Covered", "Exact", "Exact, halved"]
    yield from _table([*header, "Median-unbiased too high", "Plain too high"], rows)


def _calibrations() -> Iterator[str]:
    yield "## Calibrations\n"
    yield (
        f"{CALIBRATED:,} calibrations per row, between 1 and 1,024 visits, with openings worth 0.7 log odds to a\n"
        "colour; the setting is wanted at 32 visits, in an interval of 1 doubling and with 400 games at most,\n"
        "unless the row says otherwise. A row begins with the Elo that a doubling is worth, or from where to where\n"
        "that falls. *Covered*: percentage of intervals that hold the truth. *Too high*: percentage that lie above\n"
        "it. *Outside*: percentage with the verdict that the bounds do not hold it. *Found*: percentage with an\n"
        "interval as narrow as wanted. *Games*: mean, and what 95 % of calibrations need at most. *Error*: root of\n"
        "the mean square, in doublings.\n"
    )
    header = ["Calibration", "Covered", "Too high", "Outside", "Found", "Games", "95 %", "Error"]
    sorts = [*calibrations.STRAIGHT, *calibrations.BENT, *calibrations.OUTSIDE]
    yield from _table(header, (_calibrated(sort) for sort in sorts))
    yield "The same at levels chosen in simpler ways, with the same posterior and the same end:\n"
    yield from _table(header, (_calibrated(sort) for sort in calibrations.SIMPLER))


def _calibrated(sort: calibrations.Calibrations) -> list[str]:
    found = calibrations.simulate(sort, CALIBRATED, seed=1)
    shares = (found.covered, found.too_high, found.outside, found.reached)
    error = "–" if math.isnan(found.error) else f"{found.error:.2f}"
    return [str(sort), *map(_percent, shares), f"{found.games:.0f}", f"{found.most_games:.0f}", error]


if __name__ == "__main__":
    TARGET.write_text(report().rstrip("\n") + "\n", encoding="utf-8")
