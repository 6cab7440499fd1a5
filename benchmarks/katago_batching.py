"""Benchmark of one KataGo that several games ask, against a KataGo of its own for each game.

    python -m benchmarks.katago_batching NET.bin.gz --games 8 --visits 8 --seconds 20

Both play games of KataGo against itself, with the same network, visits and cores, in turn: through `katago analysis` as
`katago:` does, and through as many `katago gtp` processes as there are games. Moves are counted once all processes have
answered once. *own ms a move* is the processor time of this process for a move, reading and writing included.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.report import available_cores, present, run
from engines.gtp.client.client import Deadlines, GtpClient
from engines.gtp.engine import Resignation
from engines.katago.arguments import KataGoArguments, parse_player
from engines.katago.player import KataGoPlayer
from engines.katago.program import environment, find_program
from engines.katago.start import start_katago
from lzeval.go.colour import Colour

KOMI = 7.0
NO_RESIGNATION = 0.0
START_S = 1200.0

MakeMove = Callable[[Colour], bool]
"""Makes a move of that colour; False where the game is over."""


@dataclass(frozen=True)
class Game:
    """A game that can be played again and again."""

    begin: Callable[[], None]
    move: MakeMove


def count_moves(games: list[Game], seconds: float) -> tuple[int, float, float]:
    """Moves that all games make together in the time, the time that they really took, and processor time of ours."""
    counts = [0] * len(games)
    ready = threading.Barrier(len(games) + 1)
    is_over = threading.Event()

    def play(number: int) -> None:
        game = games[number]
        game.begin()
        game.move(Colour.BLACK)
        colour = Colour.WHITE
        ready.wait()
        while not is_over.is_set():
            counts[number] += 1
            if game.move(colour):
                colour = colour.opponent
            else:
                game.begin()
                colour = Colour.BLACK

    threads = [threading.Thread(target=play, args=(number,)) for number in range(len(games))]
    for thread in threads:
        thread.start()
    ready.wait()
    began_s, cpu_s = time.monotonic(), time.process_time()
    time.sleep(seconds)
    made, took_s, cpu_s = sum(counts), time.monotonic() - began_s, time.process_time() - cpu_s
    is_over.set()
    for thread in threads:
        thread.join()
    return made, took_s, cpu_s


def shared_games(
    arguments: KataGoArguments, games: int, size: int, folder: Path
) -> tuple[list[Game], Callable[[], None]]:
    """Games that ask one process, and what ends it."""
    katago = start_katago(arguments, folder / "analysis.cfg", games, largest_board=size, silence_s=START_S)

    def game() -> Game:
        player = KataGoPlayer(katago.process, arguments, "", None)
        player.komi = KOMI
        passes = [0]

        def begin() -> None:
            passes[0] = 0
            player.set_board_size(size)

        def move(colour: Colour) -> bool:
            chosen = player.genmove(colour)
            if isinstance(chosen, Resignation):
                return False
            player.play(colour, chosen)
            passes[0] = passes[0] + 1 if chosen == size * size else 0
            return passes[0] < 2

        return Game(begin, move)

    return [game() for _ in range(games)], katago.process.close


def own_games(
    arguments: KataGoArguments, games: int, size: int, folder: Path
) -> tuple[list[Game], Callable[[], None]]:
    """Games with a `katago gtp` for each, and what ends them."""
    config = folder / "gtp.cfg"
    config.write_text(arguments.gtp_configuration(arguments.visits, NO_RESIGNATION))
    command = [find_program(arguments.program), "gtp", "-model", arguments.network, "-config", str(config)]

    def client() -> GtpClient:
        return GtpClient.launch(command, environment=environment(), deadlines=Deadlines(start_s=START_S))

    clients = [client() for _ in range(games)]

    def game(engine: GtpClient) -> Game:
        passes = [0]

        def begin() -> None:
            passes[0] = 0
            engine.new_game(size, KOMI)

        def move(colour: Colour) -> bool:
            said = engine.genmove(colour)
            passes[0] = passes[0] + 1 if said == size * size else 0
            return not isinstance(said, Resignation) and passes[0] < 2

        return Game(begin, move)

    def close() -> None:
        for engine in clients:
            engine.close()

    return [game(engine) for engine in clients], close


def main(
    network: Annotated[str, typer.Argument(help="As behind katago:, with options.")],
    games: Annotated[int, typer.Option()] = 8,
    visits: Annotated[int, typer.Option()] = 8,
    size: Annotated[int, typer.Option()] = 9,
    seconds: Annotated[float, typer.Option(help="Of either in a round.")] = 20.0,
    rounds: Annotated[int, typer.Option()] = 3,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    arguments = replace(parse_player(network), visits=visits, resign=NO_RESIGNATION)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            moves_a_minute, own_ms = [], 0.0
            for make in (shared_games, own_games):
                playing, close = make(arguments, games, size, Path(folder))
                made, took_s, cpu_s = count_moves(playing, seconds)
                close()
                moves_a_minute.append(60 * made / took_s)
                own_ms = own_ms or 1000 * cpu_s / made
            shared, own = moves_a_minute
            rows.append(
                {
                    "round": number + 1,
                    "moves_a_minute_with_one_katago": round(shared),
                    "with_one_a_game": round(own),
                    "times_as_many": shared / own,
                    "own_ms_a_move": own_ms,
                }
            )
    facts = {"games": games, "visits": visits, "board_size": size, "cores": available_cores()}
    present(rows, facts, as_json=as_json)


if __name__ == "__main__":
    run(main)
