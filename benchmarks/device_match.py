"""Benchmark of a match on a device that answers while threads search, against the bare evaluator.

    python -m benchmarks.device_match --device cuda --threads 4 --threads 8 --threads 16

The network plays itself, with four games for each place of a batch, and a new one where one has ended. *percent* is a
match's evaluations a second as a share of those of the same evaluator that always has another batch to go on with,
measured before and after. What is missing to 100 is search, rules and choosing moves, as far as threads cannot do them
while the device answers.
"""

from __future__ import annotations

import time
from itertools import count
from typing import Annotated

import typer

from benchmarks.device import Device, Networks, device_facts, network_files
from benchmarks.report import present, run
from engines.evaluator.base import IN_FLIGHT, AsyncEvaluator
from engines.evaluator.batch_size import positions_a_second
from engines.evaluator.in_thread import asynchronous
from engines.evaluator.load import plan_evaluator
from engines.search.searcher import Limits
from lzeval.go.openings import DEFAULT, load_book
from lzeval.system.machine import available_cores
from tournaments.games.network_games import GameJob, GameSettings, PlayerSettings
from tournaments.games.pipelined_games import PipelinedGames
from tournaments.runner.network_backend import GAMES_A_PLACE

SIZE = 19


def evaluations_a_second(
    evaluator: AsyncEvaluator, threads: int, visits: int, settle_s: float, seconds: float
) -> float:
    """The speed of a match in full swing, after `settle_s`."""
    book, numbers, going = load_book(DEFAULT, SIZE), count(), 0
    slots = GAMES_A_PLACE * IN_FLIGHT * evaluator.batch_size
    player = PlayerSettings("network", "", "", Limits(visits))
    games = PipelinedGames((player, player), (evaluator, evaluator), GameSettings(SIZE), slots, threads)
    try:
        games.warm_up()
        openings = book.chosen(slots, 1)
        began_s, from_s, before = time.perf_counter(), 0.0, 0
        while not from_s or time.perf_counter() - from_s < seconds:
            while going < slots:
                number = next(numbers)
                opening = openings[number % slots]
                games.start(
                    GameJob(number, f"0_{number}", number, opening, number, number % 2, 1 - number % 2)
                )
                going += 1
            going -= len(games.step())
            if not from_s and time.perf_counter() - began_s > settle_s:
                from_s, before = time.perf_counter(), games.evaluations
        return (games.evaluations - before) / (time.perf_counter() - from_s)
    finally:
        games.close()


def main(
    networks: Networks = None,
    device: Device = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    batch: Annotated[int | None, typer.Option(min=1, help="As in a match if not given.")] = None,
    threads: Annotated[
        list[int] | None, typer.Option(min=1, help="That search; may be given again. All cores if not given.")
    ] = None,
    visits: Annotated[int, typer.Option(min=2, help="Visits a move.")] = 100,
    seconds: Annotated[float, typer.Option(min=0.1, help="Of each measurement.")] = 8.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a match's evaluations a second as a share of the bare evaluator's."""
    rows: list[dict[str, object]] = []
    with network_files(networks) as files:
        for name, file in files.items():
            plan = plan_evaluator(file, device=device, precision=precision, batch_size=batch)
            evaluator = asynchronous(plan.build(lanes=IN_FLIGHT))
            for searching in threads or [available_cores()]:
                bare = [positions_a_second(evaluator, seconds / 4)]
                found = evaluations_a_second(evaluator, searching, visits, seconds / 2, seconds)
                bare.append(positions_a_second(evaluator, seconds / 4))
                rows.append(
                    {
                        "network": name,
                        "precision": plan.precision,
                        "batch": plan.batch_size,
                        "threads": searching,
                        "bare_evals_a_second": sum(bare) / 2,
                        "match_evals_a_second": found,
                        "percent": 200 * found / sum(bare),
                    }
                )
    present(rows, {**device_facts(plan), "visits": visits}, as_json=as_json)


if __name__ == "__main__":
    run(main)
