"""Benchmark of ratings of many games, time and memory: maximum likelihood against plain MM iteration.

The games are drawn at random: players of known strength, most of them near each other as in a league, some in pairs.
The peer is Hunter's MM algorithm (Annals of Statistics 32, 2004) on the same counts, until no rating moves by more than
0.0001 Elo in a round, which is what it takes to be right to a tenth; it gives ratings without intervals. Times compared
are of the processor.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
import typer

from benchmarks.report import Row, present, restrict_to, run
from lzeval.compiled.arrays import Floats
from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import JIGO, win
from tournaments.rating.bradley_terry import rate_results
from tournaments.rating.likelihood import PER_ELO, encounters_of_results
from tournaments.rating.pairs import weigh
from tournaments.rating.rating_table import table_of, table_of_results
from tournaments.rating.results_array import ResultsArray, results_of_columns

BLACK_WORTH = 20.0
JIGOS = 0.02
SETTLED_ELO = 1e-4
MOST_ROUNDS = 20_000
T = TypeVar("T")


def main(
    games: Annotated[int, typer.Option(help="Games.")] = 1_000_000,
    players: Annotated[int, typer.Option(help="Players.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the games.")] = 1,
    records: Annotated[
        bool, typer.Option(help="Rate the games as records, one object each, as well.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Time from a CSV file, and from columns of names and results, to ratings, covariance and the whole table."""
    restrict_to(1)
    rng = np.random.default_rng(seed)
    black, white, points, pair, truth = draw(games, players, rng)
    before_mib = peak_mib()
    rows: list[Row] = []

    def timed(what: str, work: Callable[[], T]) -> tuple[T, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        outcome = work()
        cpu = time.process_time() - cpu
        rows.append({"step": what, "s": time.perf_counter() - wall, "cpu_s": cpu, "peak_mib": peak_mib()})
        return outcome, cpu

    rows.append(whole_command(black, white, points))
    results, _ = timed("columns to a results", lambda: results_of_columns(black, white, points, pair))
    pool, ours_s = timed("ratings with whole covariance", lambda: rate_results(results))
    (theirs, rounds), mm_s = timed("MM iteration", lambda: hunter(results, pool.advantage or 0.0))
    table, _ = timed("ratings, table, differences, residuals", lambda: table_of_results(results))
    surprising = None if table.residuals is None else table.residuals.surprising
    if records:
        games_read, _ = timed("records as objects", lambda: as_records(black, white, points, pair))
        timed("the same table from records", lambda: table_of(weigh(games_read)))
    found = {name: r.elo for name, r in pool.ratings.items() if r.elo is not None}
    apart = max(
        (
            abs(found[name] - elo)
            for name, elo in zip(results.players, theirs.tolist(), strict=True)
            if name in found
        ),
        default=0.0,
    )
    facts = {
        "games": games,
        "players": players,
        "rounds_of_mm": rounds,
        "mm_time_over_ours": mm_s / ours_s,
        "error_elo": root_mean_square(found, truth),
        "largest_difference_elo": apart,
        "peak_before_mib": before_mib,
        "surprising_pairs": surprising,
        "rated": len(found),
    }
    present(rows, facts, as_json=as_json)


def draw(
    games: int, players: int, rng: np.random.Generator
) -> tuple[list[str], list[str], Floats, list[int], dict[str, float]]:
    """Names, Black's points and pair numbers of random games, and the true strengths."""
    names = [f"player {number:04}" for number in range(players)]
    strength = np.sort(rng.normal(0, 400, players))
    first = rng.integers(0, players, games // 2)
    second = (first + rng.integers(1, max(players // 5, 2), games // 2)) % players
    black, white = np.concatenate([first, second]), np.concatenate([second, first])
    pair = np.tile(np.arange(games // 2), 2)
    pair[rng.random(games // 2).argsort()[: games // 4]] = -1
    edge = (strength[black] - strength[white] + BLACK_WORTH) * PER_ELO
    points = (rng.random(len(black)) < 1 / (1 + np.exp(-edge))).astype(float)
    points[rng.random(len(black)) < JIGOS] = 0.5
    sides = [[names[place] for place in side.tolist()] for side in (black, white)]
    return sides[0], sides[1], points, pair.tolist(), dict(zip(names, strength.tolist(), strict=True))


def whole_command(black: list[str], white: list[str], points: Floats) -> Row:
    """Time of `lzeval rate games.csv` on one core, from its start to its end."""
    results = {1.0: "B+R", 0.0: "W+3.5", 0.5: "0"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "games.csv"
        with file.open("w", encoding="utf-8") as text:
            text.write("black,white,result\n")
            text.writelines(
                f"{b},{w},{results[p]}\n" for b, w, p in zip(black, white, points.tolist(), strict=True)
            )
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "lzeval", "rate", str(file)], stdout=subprocess.DEVNULL
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise UserError("lzeval rate failed")
    return {
        "step": "lzeval rate games.csv, whole",
        "s": time.perf_counter() - started,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mib": mib(used.ru_maxrss),
    }


def as_records(black: list[str], white: list[str], points: Floats, pair: list[int]) -> list[GameRecord]:
    """The games as records without moves."""
    results = {1.0: win(Colour.BLACK, "R"), 0.0: win(Colour.WHITE, "R"), 0.5: JIGO}
    return [
        GameRecord("g", b, w, results[p], pair=None if number < 0 else number)
        for b, w, p, number in zip(black, white, points.tolist(), pair, strict=True)
    ]


def hunter(results: ResultsArray, advantage: float) -> tuple[Floats, int]:
    """`[players]`: Elo about the mean, colours being worth what is given; and the number of rounds it took."""
    met, n = encounters_of_results(results), len(results.players)
    won = np.bincount(met.black, met.points, n) + np.bincount(met.white, met.games - met.points, n)
    worth = 10 ** (advantage / 400)
    gamma = np.ones(n)
    for number in range(1, MOST_ROUNDS + 1):
        share = met.games / (worth * gamma[met.black] + gamma[met.white])
        after = won / (np.bincount(met.black, worth * share, n) + np.bincount(met.white, share, n))
        after /= np.exp(np.log(after).mean())
        moved = np.abs(np.log(after / gamma)).max() / PER_ELO
        gamma = after
        if moved < SETTLED_ELO:
            return np.log(gamma) / PER_ELO, number
    return np.log(gamma) / PER_ELO, MOST_ROUNDS


def root_mean_square(elo: dict[str, float], truth: dict[str, float]) -> float:
    """Root mean square of the ratings' errors, both about their means."""
    names = list(elo)
    off = np.array([elo[name] for name in names]) - np.array([truth[name] for name in names])
    return float(np.std(off))


def peak_mib() -> float:
    """Peak memory of this process since it began, in MiB."""
    return mib(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def mib(peak: int) -> float:
    """MiB of what the system calls `ru_maxrss`."""
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


if __name__ == "__main__":
    run(main)
