"""Benchmark of a tournament's networks in its own process, against a program for each.

    python -m benchmarks.networks_in_process --networks big small --games 16 --rounds 3

The same control file is played both ways, in turn, on the same cores, by as many games at a time as either takes by
itself. Starting the engines is part of the time of both.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.report import available_cores, present, restrict_to, run
from tournaments.gomill.control_file import read_control_file
from tournaments.match.new_control_file import new_control_file
from tournaments.store.folder import counted_games, history

PLAY = """
import resource, sys
from pathlib import Path
from tournaments.gomill.control_file import read_control_file
from tournaments.runner.tournament import RunOptions, run
progress = run(read_control_file(sys.argv[1]), RunOptions(parallel=int(sys.argv[3]) or None))
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
cpu_s = sum(u.ru_utime + u.ru_stime for u in used)
Path(sys.argv[2]).write_text(f"{progress.parallel} {cpu_s}")
"""


@dataclass(frozen=True)
class Speed:
    """Work of one way of playing in one round."""

    way: str
    parallel: int
    games: int
    moves: int
    seconds: float
    cpu_s: float
    """Of the tournament and all its engines."""

    def row(self, round_number: int) -> dict[str, object]:
        return {
            "players": self.way,
            "round": round_number,
            "games": self.games,
            "at_a_time": self.parallel,
            "moves": self.moves,
            "seconds": self.seconds,
            "games_a_minute": 60 * self.games / self.seconds,
            "cpu_ms_a_move": 1000 * self.cpu_s / self.moves,
        }


def play(way: str, networks: list[str], games: int, visits: int, parallel: int) -> Speed:
    """Play a tournament of `games` games a pair and time it."""
    with tempfile.TemporaryDirectory() as folder:
        path = new_control_file(Path(folder) / "networks.ctl", networks, rounds=games, visits=visits)
        if way == "programs":
            with path.open("a", encoding="utf-8") as file:
                file.write("lzeval['in_process'] = False\n")
        report = Path(folder) / "report"
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", PLAY, str(path), str(report), str(parallel)], check=True)
        seconds = time.perf_counter() - started
        competition = read_control_file(path)
        records = [game.record for game in counted_games(competition, history(competition))]
        at_a_time, cpu_s = report.read_text(encoding="utf-8").split()
    moves = sum(len(record.moves) for record in records)
    return Speed(way, int(at_a_time), len(records), moves, seconds, float(cpu_s))


def main(
    networks: Annotated[list[str] | None, typer.Option(help="Who plays.")] = None,
    games: Annotated[int, typer.Option(min=2, help="Of each pair, a round.")] = 16,
    visits: Annotated[int, typer.Option(min=1, help="A move.")] = 50,
    rounds: Annotated[int, typer.Option(min=1, help="How often the two take turns.")] = 1,
    parallel: Annotated[int, typer.Option(min=0, help="Games at a time, for both; 0: as they choose.")] = 0,
    cores: Annotated[int | None, typer.Option(min=1, help="Cores for either; all if not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare networks in the tournament's process with a program for each."""
    restrict_to(cores or available_cores())
    rows, ratios, cpu_ratios = [], [], []
    for number in range(1, rounds + 1):
        ours, theirs = speeds = [
            play(way, networks or ["big", "small"], games, visits, parallel)
            for way in ("in process", "programs")
        ]
        rows += [speed.row(number) for speed in speeds]
        ratios.append((ours.games / ours.seconds) / (theirs.games / theirs.seconds))
        cpu_ratios.append((theirs.cpu_s / theirs.moves) / (ours.cpu_s / ours.moves))
    facts = {
        "times_as_many_games_a_minute": statistics.median(ratios),
        "times_as_many_moves_by_processor_time": statistics.median(cpu_ratios),
    }
    present(rows, facts, as_json=as_json)


if __name__ == "__main__":
    run(main)
