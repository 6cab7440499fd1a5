"""What a tournament's manager costs: `lzeval tournament` and gomill's ringmaster, with engines that do not think.

    python -m benchmarks.tournament_vs_ringmaster --games 100 --rounds 3

Both play the same control file, one game at a time, in turn, on the same cores: toy engines that play down a list of
points and then pass. The ringmaster runs under a Python 2.7 (`lzeval gomill install`); without it only ours is
timed. Starting the managers is part of the time of either.
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
from lzeval.core.errors import UserError
from tournaments.control_file import read_control_file
from tournaments.gomill_install import find_gomill
from tournaments.gomill_takeover import games_of_gomill
from tournaments.records import read_games
from tournaments.results import GameRecord
from tournaments.tournament_files import counted_games, history

SIZE = 9
TOY = """
import sys
POINTS, left = sys.argv[1].split(), []
for line in iter(sys.stdin.readline, ""):
    command = line.split()[0]
    if command == "clear_board":
        left = POINTS[::-1]
    said = {"protocol_version": "2", "name": "toy", "version": "1", "known_command": "false"}.get(command, "")
    if command == "genmove":
        said = left.pop() if left else "pass"
    sys.stdout.write("= " + said + "\\n\\n")
    sys.stdout.flush()
    if command == "quit":
        break
"""
"""The engine, in a Python that both 2.7 and 3 are."""


@dataclass(frozen=True)
class Speed:
    """What one manager did in one round."""

    who: str
    games: int
    moves: int
    seconds: float
    own_cpu_s: float | None = None
    """Processor time of the manager itself, without the engines; None where the system does not tell them apart."""

    def row(self, round_number: int, cores: int) -> dict[str, object]:
        own_ms = None if self.own_cpu_s is None else 1000 * self.own_cpu_s / self.moves
        return {
            "manager": self.who,
            "round": round_number,
            "games": self.games,
            "moves": self.moves,
            "seconds": self.seconds,
            "games_a_minute": 60 * self.games / self.seconds,
            "moves_a_second": self.moves / self.seconds / cores,
            "own_ms_a_move": own_ms,
        }


def write_control_file(folder: Path, games: int) -> Path:
    """A match of two toys, each with four columns of the board for itself."""
    (folder / "toy.py").write_text(TOY, encoding="utf-8")
    players = {
        code: [
            sys.executable,
            "-S",
            "toy.py",
            " ".join(f"{column}{row}" for column in columns for row in range(1, 9)),
        ]
        for code, columns in {"a": "ABCD", "b": "FGHJ"}.items()
    }
    path = folder / "toys.ctl"
    lines = [
        "competition_type = 'playoff'",
        f"board_size, komi, scorer = {SIZE}, 7.5, 'internal'",
        "players = {",
        *(f"    {code!r}: Player({command!r}, cwd='.')," for code, command in players.items()),
        "}",
        f"matchups = [Matchup('a', 'b', alternating=True, number_of_games={games})]",
    ]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


OURS = """
import sys, time
from pathlib import Path
from tournaments.control_file import read_control_file
from tournaments.tournament import RunOptions, run
run(read_control_file(sys.argv[1]), RunOptions(parallel=int(sys.argv[2])))
Path(sys.argv[3]).write_text(str(time.process_time()))
"""


def play_ours(folder: Path, games: int, parallel: int) -> Speed:
    path, cpu = write_control_file(folder, games), folder / "cpu"
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", OURS, str(path), str(parallel), str(cpu)], check=True)
    seconds = time.perf_counter() - started
    competition = read_control_file(path)
    records = [game.record for game in counted_games(competition, history(competition))]
    return _speed("lzeval", records, seconds, float(cpu.read_text(encoding="utf-8")))


def play_theirs(command: list[str], folder: Path, games: int, parallel: int) -> Speed:
    path = write_control_file(folder, games)
    jobs = ["--parallel", str(parallel)] if parallel > 1 else []
    started = time.perf_counter()
    subprocess.run([*command, "--quiet", *jobs, str(path), "run"], check=True)
    seconds = time.perf_counter() - started
    assert len(games_of_gomill(read_control_file(path))) == games
    records = [game for game in read_games([folder / "toys.games"]) if isinstance(game, GameRecord)]
    return _speed("ringmaster", records, seconds, None)


def _speed(who: str, records: list[GameRecord], seconds: float, own_cpu_s: float | None) -> Speed:
    return Speed(who, len(records), sum(len(record.moves) for record in records), seconds, own_cpu_s)


def ringmaster_command() -> list[str] | None:
    """How the real ringmaster is started; None where it is not installed."""
    try:
        return find_gomill().command()
    except UserError:
        return None


def main(
    games: Annotated[int, typer.Option(min=1, help="Games a round, for each of the two.")] = 100,
    rounds: Annotated[int, typer.Option(min=1, help="How often the two take turns.")] = 1,
    parallel: Annotated[int, typer.Option(min=1, help="Games at a time.")] = 1,
    cores: Annotated[int | None, typer.Option(min=1, help="Cores for either; all if not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare what `lzeval tournament` and gomill's ringmaster cost themselves."""
    cores = cores or available_cores()
    restrict_to(cores)
    command = ringmaster_command()
    ours, theirs = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            ours.append(play_ours(Path(folder), games, parallel))
        if command is not None:
            with tempfile.TemporaryDirectory() as folder:
                theirs.append(play_theirs(command, Path(folder), games, parallel))
    speeds = sorted([*enumerate(ours, 1), *enumerate(theirs, 1)], key=lambda item: item[0])
    facts: dict[str, object] = {"cores": cores, "games at a time": parallel}
    if theirs:
        ratios = [their.seconds / our.seconds for our, their in zip(ours, theirs, strict=True)]
        facts["times_as_many_games_a_minute"] = statistics.median(ratios)
    else:
        facts["ringmaster"] = "not installed (lzeval gomill install)"
    present([speed.row(number, cores) for number, speed in speeds], facts, as_json=as_json)


if __name__ == "__main__":
    run(main)
