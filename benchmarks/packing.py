"""Benchmark of packing: how fast game records become training positions.

    python -m benchmarks.packing RECORDS.sgf

`trainer.data.pack` packs all of the records; sgfmill reads and replays a sample of the same games, which is what
one would do without it. Without records, games of random moves are made up. Decompression is no part of the time.
"""

from __future__ import annotations

import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.report import present, run
from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.go.game import Game
from lzeval.records.input.split_games import split_games
from lzeval.records.record import GameRecord
from lzeval.records.result import win
from lzeval.records.writer import serialise_game
from lzeval.system.archives import read_bytes
from trainer.data.pack import PackReport, pack
from trainer.data.sources import record_files

SIZE = 19
MADE_UP_MOVES = 200


def made_up_records(games: int, seed: int = 0) -> bytes:
    """SGF of `games` games of random legal moves."""
    random = np.random.default_rng(seed)
    return b"\n".join(serialise_game(_random_game(number, random)) for number in range(games))


def _random_game(number: int, random: np.random.Generator) -> GameRecord:
    game = Game(SIZE)
    while len(game.moves) < MADE_UP_MOVES:
        point = int(random.integers(SIZE * SIZE))
        if game.is_legal(game.to_move, point):
            game.play(game.to_move, point)
    return GameRecord(
        f"0_{number}", "black", "white", win(Colour(1 + number % 2), "R"), tuple(game.moves), SIZE, 7.5
    )


def time_packing(text: bytes, folder: Path, name: str) -> tuple[PackReport, float]:
    """Pack the records in `text`, which lie in a file then. Returns the report and the seconds it took."""
    file = folder / f"{name}.sgf"
    file.write_bytes(text)
    started = time.perf_counter()
    report = pack([file], folder / name, SIZE)
    return report, time.perf_counter() - started


def time_sgfmill(games: list[bytes]) -> tuple[int, float]:
    """Read and replay games with sgfmill. Returns the positions, one a move, and the seconds it took."""
    from sgfmill import ascii_boards, sgf, sgf_moves  # noqa: F401 - imported before the clock starts

    positions, started = 0, time.perf_counter()
    for text in games:
        try:
            board, plays = sgf_moves.get_setup_and_moves(sgf.Sgf_game.from_bytes(text))
            for colour, point in plays:
                if point is not None:
                    board.play(*point, colour)
                positions += 1
        except ValueError:
            continue  # a damaged or illegal game, which packing leaves out as well
    return positions, time.perf_counter() - started


def main(
    records: Annotated[
        list[Path] | None, typer.Argument(help="SGF files or folders, plain, .gz or .xz.")
    ] = None,
    games: Annotated[int, typer.Option(min=1, help="How many to make up where no records are given.")] = 1000,
    sample: Annotated[int, typer.Option(min=1, help="Games that sgfmill replays: the first ones.")] = 100,
    most: Annotated[int | None, typer.Option(min=1, help="Pack so many games only.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure positions a second, packed by us and replayed by sgfmill."""
    text = b"\n".join(map(read_bytes, record_files(records))) if records else made_up_records(games)
    sampled = [game for game, _ in islice(split_games(text), sample)]
    if not sampled:
        raise UserError("there is no game in these records")
    if most is not None:
        text = b"\n".join(game for game, _ in islice(split_games(text), most))
    with tempfile.TemporaryDirectory() as folder:
        time_packing(sampled[0], Path(folder), "warm-up")
        report, seconds = time_packing(text, Path(folder), "packed")
    peer_positions, peer_seconds = time_sgfmill(sampled)
    rows = [
        _row("trainer.data.pack", report.games, report.positions, seconds),
        _row("sgfmill, sample", len(sampled), peer_positions, peer_seconds),
    ]
    facts = {
        "megabytes_of_sgf": len(text) / 1e6,
        "games_left_out": sum(report.skipped.values()),
        "times_as_fast": (report.positions / seconds) / (peer_positions / peer_seconds),
    }
    present(rows, facts, as_json=as_json)


def _row(what: str, games: int, positions: int, seconds: float) -> dict[str, object]:
    return {
        "what": what,
        "games": games,
        "positions": positions,
        "seconds": seconds,
        "positions_a_second": positions / seconds,
    }


if __name__ == "__main__":
    run(main)
