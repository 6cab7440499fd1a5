"""Benchmark of a match, by `lzeval match` and by Leela Zero's own program over GTP.

    python -m benchmarks.match_vs_leelaz --networks big small --games 8 --rounds 3

Both play the same networks from the same openings with the same visits a move, in turn, on the same cores.
Leela Zero's program plays as many games at a time as there are cores, one thread each, and is kept alive between
games; it must not cut a search short (`--timemanage off`), as ours never does. Neither's start is part of the
time.
"""

from __future__ import annotations

import queue
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.report import available_cores, present, restrict_to, run
from engines.gtp.client.client import GtpClient
from engines.gtp.engine import RESIGN
from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.system.bundled import resolve_network
from tournaments.games.network_games import GameJob
from tournaments.match.match import Match, plan_match, play_match
from tournaments.match.options import MatchOptions, PlayerOptions, player_options
from tournaments.runner.progress import Progress

LEELAZ_FOLDER = "/usr/games"
"""Debian's folder of games, which is not on PATH."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Speed:
    """Work of one player of matches in one round."""

    who: str
    games: int
    moves: int
    """Made by engines; an opening's moves are not."""
    seconds: float
    evaluations: int | None = None

    def row(self, round_number: int) -> dict[str, object]:
        evaluations = None if self.evaluations is None else self.evaluations / self.seconds
        return {
            "player": self.who,
            "round": round_number,
            "games": self.games,
            "moves": self.moves,
            "seconds": self.seconds,
            "games_an_hour": 3600 * self.games / self.seconds,
            "moves_an_hour": 3600 * self.moves / self.seconds,
            "evals_a_second": evaluations,
        }


def play_ours(match: Match) -> Speed:
    """Play `match` as `lzeval match` does."""
    last = Progress(match.options.games)

    def watch(progress: Progress) -> None:
        nonlocal last
        last = progress

    try:
        play_match(match, watch)
    except UserError:
        if len(last.games) < match.options.games:
            raise  # games cut short are void, and then there is nothing to rate; that is no failure here
    given = {job.game_id: len(job.opening.moves) for job in match.jobs()}
    moves = sum(len(game.moves) - given[game.game_id] for game in last.games)
    return Speed("lzeval", len(last.games), moves, last.seconds, last.evaluations)


class LeelaTable:
    """Two processes of Leela Zero's program, one for each network, that play one game after another."""

    def __init__(self, leelaz: str, match: Match) -> None:
        options = match.options
        self._options = options
        self._komi, self._move_limit = match.komi, match.move_limit
        self.moves = 0
        self._engines = [self._launch(leelaz, player) for player in options.players]

    def _launch(self, leelaz: str, player: PlayerOptions) -> GtpClient:
        options, weights = self._options, resolve_network(player.text)
        command = [leelaz, "--cpu-only", "--gtp", "--quiet", "--noponder", "--timemanage", "off"]
        command += ["-t", "1", "-w", str(weights), "-v", str(player.visits)]
        command += ["-r", f"{options.resign:g}", "-s", str(options.seed)]
        return GtpClient.launch(command, environment=ONE_THREAD)

    def warm_up(self) -> None:
        """Load the networks, and have each answer once."""
        for engine in self._engines:
            engine.new_game(self._options.size, self._komi)
            engine.ask("time_settings 0 1 0")  # no clock
            engine.genmove(Colour.BLACK)

    def play(self, job: GameJob) -> None:
        """Play one game to its end or to the move limit, as our own runner would."""
        players = {Colour.BLACK: self._engines[job.black], Colour.WHITE: self._engines[job.white]}
        for engine in self._engines:
            engine.new_game(self._options.size, self._komi)
        to_move, passes, pass_move = Colour.BLACK, 0, self._options.size**2
        for move in job.opening.moves:
            for engine in self._engines:
                engine.play(to_move, move)
            to_move = to_move.opponent
        for _ in range(len(job.opening.moves), self._move_limit):
            choice = players[to_move].genmove(to_move)
            if choice is RESIGN:
                return
            assert isinstance(choice, int)
            self.moves += 1
            passes = passes + 1 if choice == pass_move else 0
            if passes == 2:
                return
            players[to_move.opponent].play(to_move, choice)
            to_move = to_move.opponent

    def close(self) -> None:
        for engine in self._engines:
            engine.close()


def play_leelaz(leelaz: str, match: Match, cores: int) -> Speed:
    """Play the same games with Leela Zero's program, `cores` at a time."""
    tables = [LeelaTable(leelaz, match) for _ in range(cores)]
    try:
        for table in tables:
            table.warm_up()
        started = time.perf_counter()
        _play_all(tables, match.jobs())
        seconds = time.perf_counter() - started
    finally:
        for table in tables:
            table.close()
    return Speed("leelaz", match.options.games, sum(table.moves for table in tables), seconds)


def _play_all(tables: Sequence[LeelaTable], jobs: Sequence[GameJob]) -> None:
    """Every table takes the next game when it is free. The first failure is raised when all have stopped."""
    waiting: queue.SimpleQueue[GameJob] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    failures: list[Exception] = []

    def serve(table: LeelaTable) -> None:
        try:
            while not failures:
                table.play(waiting.get_nowait())
        except queue.Empty:
            return
        except Exception as exc:  # raised again below, in the thread that waits
            failures.append(exc)

    threads = [threading.Thread(target=serve, args=(table,), daemon=True) for table in tables]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def find_leelaz() -> str:
    """Leela Zero's program. Raises UserError where it is not installed."""
    found = shutil.which("leelaz") or shutil.which("leelaz", path=LEELAZ_FOLDER)
    if found is None:
        raise UserError("leelaz is not installed; on Debian: apt-get install leela-zero")
    return found


def median_ratio(speeds: Sequence[tuple[Speed, Speed]]) -> float:
    """Ratio of our moves a second to the other's, the median of the rounds."""
    ratios = [(ours.moves / ours.seconds) / (theirs.moves / theirs.seconds) for ours, theirs in speeds]
    return statistics.median(ratios)


def main(
    networks: Annotated[
        tuple[str, str], typer.Option(metavar="A B", help="Bundled names or weights files.")
    ] = ("big", "small"),
    games: Annotated[int, typer.Option(help="Games a round, for each of the two.")] = 20,
    visits: Annotated[int, typer.Option(min=1, help="Visits a move, reused ones included.")] = 100,
    rounds: Annotated[int, typer.Option(min=1, help="How often the two take turns.")] = 1,
    moves: Annotated[
        int | None, typer.Option(min=8, help="End games after so many moves; whole games if not given.")
    ] = None,
    cores: Annotated[int | None, typer.Option(min=1, help="Cores for either; all if not given.")] = None,
    precision: Annotated[str, typer.Option(help="Ours: auto, fp32 or bf16. Leela Zero's is fp32.")] = "auto",
    openings: Annotated[str, typer.Option(help="As for lzeval match.")] = "default",
    seed: Annotated[int, typer.Option(help="Of the first round; each has other openings.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the speed of a match with that of Leela Zero's own program."""
    leelaz, cores = find_leelaz(), cores or available_cores()
    restrict_to(cores)
    options = MatchOptions(
        player_options(*networks, visits),
        games=games,
        move_limit=moves,
        openings=openings,
        precision=precision,
        device="cpu",
        threads=cores,
    )
    speeds = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            match = plan_match(replace(options, seed=seed + number, out=str(Path(folder) / str(number))))
            speeds.append((play_ours(match), play_leelaz(leelaz, match, cores)))
    rows = [speed.row(number) for number, pair in enumerate(speeds, 1) for speed in pair]
    facts = {
        "networks": " v ".join(plan.info.network for plan in match.plans),
        "visits": visits,
        "cores": cores,
        "precision": " v ".join(plan.precision for plan in match.plans),
        "times_as_many_moves_a_second": median_ratio(speeds),
    }
    present(rows, facts, as_json=as_json)


if __name__ == "__main__":
    run(main)
