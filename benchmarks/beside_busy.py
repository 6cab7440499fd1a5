"""Benchmark of work beside a program that keeps a core busy: how much of its speed it keeps.

    python -m benchmarks.beside_busy --jobs "train small" --jobs match --rounds 3

Training, an evaluation, training with a teacher, and a match of networks, each on an idle machine and beside a busy
loop. Each is done in two ways that take turns: with threads that wait as lzeval lets them, and as OpenMP's library
lets them by itself. `--also` adds ways of your own.
"""

from __future__ import annotations

import importlib
import itertools
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Annotated

import typer

from benchmarks.report import available_cores, present, run
from lzeval.errors import UserError

OURS, BEFORE = "lzeval", "OpenMP"
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Variables that say how threads wait; taken out of the environment first."""
LIBRARYS_OWN = {"GOMP_SPINCOUNT": "300000"}
"""Turns of the loop in which a thread of libgomp waits unless it is told otherwise."""
SPAWN = multiprocessing.get_context("spawn")
SIZE = 19
WARM_UP_STEPS = 2

Step = Callable[[], int]
"""Does some work and returns how many positions that was."""
Turn = Callable[[float], float]
"""Works for so many seconds, or for one match, and returns positions a second."""


def train_step(network: str, batch_size: int, threads: int) -> Step:
    """A step of training as `lzeval train` does it."""
    import torch

    from benchmarks.training_step import made_up_batch, our_step
    from lzeval.system.memory import keep_freed_memory

    torch.set_num_threads(threads)
    keep_freed_memory()
    step, batch = our_step(network), made_up_batch(batch_size)

    def one_step() -> int:
        step(batch)
        return batch_size

    return one_step


def taught_step(teacher: str, batch_size: int, threads: int) -> Step:
    """A teacher's answers about a batch, and a step of training `small` on it."""
    from benchmarks.training_step import made_up_batch
    from trainer.training.teacher import Teacher

    train = train_step("small", batch_size, threads)
    planes, asked = made_up_batch(batch_size).planes, Teacher(teacher, batch_size, SIZE, threads)

    def one_step() -> int:
        asked.answer(planes)
        return train()

    return one_step


def eval_step(network: str, threads: int) -> Step:
    """A batch of `lzeval eval`."""
    from engines.evaluator.load import plan_evaluator, sample_planes
    from trainer.runs.evaluate import BATCH

    evaluator, planes = plan_evaluator(network, batch_size=BATCH).build(threads), sample_planes(SIZE, BATCH)

    def one_step() -> int:
        evaluator.evaluate(planes)
        return BATCH

    return one_step


def repeated(step: Step) -> Turn:
    """Turns of as many of a step as the time allows."""
    for _ in range(WARM_UP_STEPS):
        step()

    def turn(seconds: float) -> float:
        started, count = time.perf_counter(), 0
        while time.perf_counter() - started < seconds:
            count += step()
        return count / (time.perf_counter() - started)

    return turn


def match_turn(threads: int) -> Turn:
    """A short `lzeval match big small`; its start is not part of the time."""
    from benchmarks.match_vs_leelaz import play_ours
    from tournaments.match.match import plan_match
    from tournaments.match.options import MatchOptions, player_options

    def turn(_seconds: float) -> float:
        with tempfile.TemporaryDirectory() as folder:
            options = MatchOptions(
                player_options("big", "small", 3),
                games=48,
                move_limit=10,
                device="cpu",
                threads=threads,
                out=folder,
            )
            speed = play_ours(plan_match(options))
        return (speed.evaluations or 0) / speed.seconds

    return turn


JOBS: dict[str, Callable[[int], Turn]] = {
    "train small": lambda threads: repeated(train_step("small", 64, threads)),
    "train big": lambda threads: repeated(train_step("big", 16, threads)),
    "teacher": lambda threads: repeated(taught_step("big", 32, threads)),
    "eval": lambda threads: repeated(eval_step("big", threads)),
    "match": match_turn,
}


def work(calls: Connection, job: str, threads: int) -> None:
    """A process of its own: answer each number of seconds that comes by the speed of a turn."""
    importlib.import_module("trainer")  # which says how threads wait, and has to come before torch

    turn = JOBS[job](threads)
    calls.send(0.0)
    while seconds := calls.recv():
        calls.send(turn(seconds))


@contextmanager
def changed_environment(changes: dict[str, str]) -> Iterator[None]:
    """Give programs that are started in the block `changes` in their environment, and no other word on waiting."""
    kept = dict(os.environ)
    for name in WAITING:
        os.environ.pop(name, None)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def start(job: str, threads: int, changes: dict[str, str]) -> Connection:
    """A process that does `job`, ready."""
    ours, theirs = SPAWN.Pipe()
    with changed_environment(changes):
        SPAWN.Process(target=work, args=(theirs, job, threads)).start()
    theirs.close()
    ours.recv()
    return ours


@contextmanager
def busy_programs(count: int) -> Iterator[None]:
    """Run so many programs beside the block that never wait."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def measure(
    job: str, ways: dict[str, dict[str, str]], threads: int, busy: int, rounds: int, seconds: float
) -> list[dict[str, object]]:
    """The rows of one job: each way's speed, and its share of what the library's own way has on an idle machine."""
    processes = {way: start(job, threads, changes) for way, changes in ways.items()}
    speeds: dict[tuple[str, int], list[float]] = {key: [] for key in itertools.product(processes, (0, busy))}
    for _ in range(rounds):
        for beside in (0, busy):
            with busy_programs(beside):
                for way, calls in processes.items():
                    calls.send(seconds)
                    speeds[way, beside].append(calls.recv())
    for calls in processes.values():
        calls.send(0.0)
    return [row(job, way, speeds, busy) for way in processes]


def row(job: str, way: str, speeds: dict[tuple[str, int], list[float]], busy: int) -> dict[str, object]:
    """Medians over the rounds; shares are of the same round."""
    idle, beside = speeds[way, 0], speeds[way, busy]
    before = speeds[BEFORE, 0]
    return {
        "job": job,
        "waiting": way,
        "idle_a_second": statistics.median(idle),
        "busy_a_second": statistics.median(beside),
        "idle_share": statistics.median(a / b for a, b in zip(idle, before, strict=True)),
        "busy_share": statistics.median(a / b for a, b in zip(beside, before, strict=True)),
    }


def parsed_ways(also: list[str]) -> dict[str, dict[str, str]]:
    """The ways to wait, and what each sets in the environment. Raises UserError."""
    ways = {BEFORE: LIBRARYS_OWN, OURS: {}}
    for text in also:
        settings = [pair.partition("=") for pair in text.split(",")]
        if not all(name and equals for name, equals, _ in settings):
            raise UserError(f"--also {text!r}: give NAME=VALUE, or several with commas between them")
        ways[text] = {name: value for name, _, value in settings}
    return ways


def main(
    jobs: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(JOBS)}; all if not given.")] = None,
    also: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE,...", help="Another environment to compare.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often the ways take turns.")] = 3,
    seconds: Annotated[float, typer.Option(min=0.1, help="Of each turn, but of a match's.")] = 2.0,
    busy: Annotated[int, typer.Option(min=1, help="Programs that are busy beside.")] = 1,
    threads: Annotated[int | None, typer.Option(min=1, help="All cores if not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare speeds on an idle machine and beside a busy program, for ways in which threads wait."""
    threads, ways = threads or available_cores(), parsed_ways(also or [])
    if unknown := [job for job in jobs or [] if job not in JOBS]:
        raise UserError(f"--jobs {unknown[0]!r} is not one of {', '.join(JOBS)}")
    rows = [found for job in jobs or JOBS for found in measure(job, ways, threads, busy, rounds, seconds)]
    present(
        rows,
        {"threads": threads, "cores": available_cores(), "busy_programs": busy, "counted": "positions"},
        as_json=as_json,
    )


if __name__ == "__main__":
    run(main)
