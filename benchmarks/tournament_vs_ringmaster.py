"""Benchmark of a tournament's manager: `lzeval tournament` and gomill's ringmaster, with engines that do not think.

    python -m benchmarks.tournament_vs_ringmaster --games 100 --rounds 3

Both play the same control file, in turn, on the same cores: toy engines that play down a list of points and then pass,
or GNU Go. The ringmaster runs under a Python 2.7 (`lzeval gomill install`); without it only ours is timed. Starting
the managers is part of the time of either; compiling their source is not, as whoever installs them has that done.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.report import available_cores, present, restrict_to, run
from lzeval.errors import UserError
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import read_games
from tournaments.gomill.control_file import read_control_file
from tournaments.gomill.install import find_gomill
from tournaments.gomill.takeover import games_of_gomill
from tournaments.store.folder import counted_games, history

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
PERL = """
use strict; my @points = split / /, shift; my @left; $| = 1;
my %said = (protocol_version => 2, name => "toy", version => 1, known_command => "false");
while (<STDIN>) {
    my ($command) = split;
    @left = @points if $command eq "clear_board";
    my $said = $command eq "genmove" ? (shift(@left) // "pass") : ($said{$command} // "");
    print "= $said\\n\\n";
    last if $command eq "quit";
}
"""
"""The same, which starts in a fifth of the time."""


class Engine(Enum):
    """Who plays."""

    PYTHON = "python"
    PERL = "perl"
    GNUGO = "gnugo"


@dataclass(frozen=True)
class Speed:
    """Work of one manager in one round."""

    who: str
    results: dict[str, str]
    """By game."""
    moves: int
    seconds: float
    cpu_s: float
    """Processor time of the manager and of all engines."""
    own_cpu_s: float | None = None
    """Processor time of the manager itself, without the engines; None where the system does not tell them apart."""

    def row(self, round_number: int, cores: int) -> dict[str, object]:
        own_ms = None if self.own_cpu_s is None else 1000 * self.own_cpu_s / self.moves
        return {
            "manager": self.who,
            "round": round_number,
            "games": len(self.results),
            "moves": self.moves,
            "seconds": self.seconds,
            "cpu_s": self.cpu_s,
            "games_a_minute": 60 * len(self.results) / self.seconds,
            "moves_a_second": self.moves / self.seconds / cores,
            "own_ms_a_move": own_ms,
        }


def write_control_file(folder: Path, games: int, engine: Engine = Engine.PYTHON) -> Path:
    """A match of two engines; of toys, each has four columns of the board for itself."""
    path = folder / "toys.ctl"
    lines = [
        "competition_type = 'playoff'",
        f"board_size, komi, scorer = {SIZE}, 7.5, 'internal'",
        "players = {",
        *(f"    {code!r}: Player({command!r}, cwd='.')," for code, command in _commands(folder, engine)),
        "}",
        f"matchups = [Matchup('a', 'b', alternating=True, number_of_games={games})]",
    ]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def _commands(folder: Path, engine: Engine) -> Iterator[tuple[str, list[str]]]:
    for code, columns in {"a": "ABCD", "b": "FGHJ"}.items():
        points = " ".join(f"{column}{row}" for column in columns for row in range(1, 9))
        if engine is Engine.GNUGO:
            options = "--mode gtp --level 0 --chinese-rules --capture-all-dead --seed"
            yield code, [_gnugo(), *options.split(), str(ord(code))]
        elif engine is Engine.PERL:
            (folder / "toy.pl").write_text(PERL, encoding="utf-8")
            yield code, ["perl", "toy.pl", points]
        else:
            (folder / "toy.py").write_text(TOY, encoding="utf-8")
            yield code, [sys.executable, "-S", "toy.py", points]


def _gnugo() -> str:
    found = shutil.which("gnugo") or shutil.which("gnugo", path="/usr/games")
    if found is None:
        raise UserError("gnugo is not installed")
    return found


OURS = """
import sys, time
from pathlib import Path
from tournaments.gomill.control_file import read_control_file
from tournaments.runner.tournament import RunOptions, run
run(read_control_file(sys.argv[1]), RunOptions(parallel=int(sys.argv[2]), fresh=sys.argv[4] == "fresh"))
Path(sys.argv[3]).write_text(str(time.process_time()))
"""


@dataclass
class Stopwatch:
    """Time until `stop`: of the clock, and of the processors for programs that are started and end meanwhile."""

    began_s: float
    cpu_before_s: float

    @classmethod
    def start(cls) -> Stopwatch:
        return cls(time.perf_counter(), _cpu_of_children_s())

    def stop(self) -> tuple[float, float]:
        return time.perf_counter() - self.began_s, _cpu_of_children_s() - self.cpu_before_s


def _cpu_of_children_s() -> float:
    times = os.times()
    return times.children_user + times.children_system


def with_bytecode(folder: Path) -> dict[str, str]:
    """The environment for programs that keep their compiled modules in `folder`, whatever the user has set."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def play_ours(
    folder: Path, games: int, parallel: int, engine: Engine, environment: Mapping[str, str], *, fresh: bool
) -> Speed:
    path, cpu = write_control_file(folder, games, engine), folder / "cpu"
    watch = Stopwatch.start()
    options = [str(parallel), str(cpu), "fresh" if fresh else "kept"]
    subprocess.run([sys.executable, "-c", OURS, str(path), *options], check=True, env=environment)
    spent = watch.stop()
    competition = read_control_file(path)
    records = [game.record for game in counted_games(competition, history(competition))]
    return _speed("lzeval", records, *spent, float(cpu.read_text(encoding="utf-8")))


def play_theirs(
    command: list[str],
    folder: Path,
    games: int,
    parallel: int,
    engine: Engine,
    environment: Mapping[str, str],
) -> Speed:
    path = write_control_file(folder, games, engine)
    jobs = ["--parallel", str(parallel)] if parallel > 1 else []
    watch = Stopwatch.start()
    subprocess.run([*command, "--quiet", *jobs, str(path), "run"], check=True, env=environment)
    spent = watch.stop()
    assert len(games_of_gomill(read_control_file(path))) == games
    records = [game for game in read_games([folder / "toys.games"]) if isinstance(game, GameRecord)]
    return _speed("ringmaster", records, *spent)


def _speed(
    who: str, records: list[GameRecord], seconds: float, cpu_s: float, own_cpu_s: float | None = None
) -> Speed:
    results = {record.game_id: str(record.result) for record in records}
    return Speed(who, results, sum(len(record.moves) for record in records), seconds, cpu_s, own_cpu_s)


def ringmaster_command() -> list[str] | None:
    """Command line of the real ringmaster; None where it is not installed."""
    try:
        return find_gomill().command()
    except UserError:
        return None


def main(
    games: Annotated[int, typer.Option(min=1, help="Games a round, for each of the two.")] = 100,
    rounds: Annotated[int, typer.Option(min=1, help="How often the two take turns.")] = 1,
    parallel: Annotated[int, typer.Option(min=1, help="Games at a time.")] = 1,
    engine: Annotated[Engine, typer.Option(help="Who plays.")] = Engine.PYTHON,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Have ours start engines for every game, too.")
    ] = False,
    cores: Annotated[int | None, typer.Option(min=1, help="Cores for either; all if not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare what `lzeval tournament` and gomill's ringmaster cost themselves."""
    cores = cores or available_cores()
    restrict_to(cores)
    command = ringmaster_command()
    ours: list[Speed] = []
    theirs: list[Speed] = []
    with tempfile.TemporaryDirectory() as bytecode:
        environment = with_bytecode(Path(bytecode))
        for number in range(-1, rounds):  # the first one compiles, and does not count
            count = games if number >= 0 else 1
            with tempfile.TemporaryDirectory() as folder:
                ours.append(play_ours(Path(folder), count, parallel, engine, environment, fresh=fresh))
            if command is not None:
                with tempfile.TemporaryDirectory() as folder:
                    theirs.append(play_theirs(command, Path(folder), count, parallel, engine, environment))
    ours, theirs = ours[1:], theirs[1:]
    speeds = sorted([*enumerate(ours, 1), *enumerate(theirs, 1)], key=lambda item: item[0])
    facts: dict[str, object] = {"engine": engine.value, "cores": cores, "games at a time": parallel}
    if theirs:
        facts["times_as_many_games_a_minute"] = _ratio(ours, theirs, lambda speed: speed.seconds)
        facts["times_the_processor_time"] = _ratio(ours, theirs, lambda speed: speed.cpu_s)
        facts["same_results"] = all(our.results == theirs[0].results for our in [*ours, *theirs])
    else:
        facts["ringmaster"] = "not installed (lzeval gomill install)"
    present([speed.row(number, cores) for number, speed in speeds], facts, as_json=as_json)


def _ratio(ours: list[Speed], theirs: list[Speed], spent: Callable[[Speed], float]) -> float:
    """Ratio of a round in the middle: how many times as much the ringmaster spends."""
    return statistics.median(spent(their) / spent(our) for our, their in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    run(main)
