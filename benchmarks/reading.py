"""Benchmark of reading: how fast game records become what ratings are made of.

    python -m benchmarks.reading RECORDS

`lzeval rate`'s reader makes whole records of them, on one core; sgfmill reads a sample of the same games to players,
result, komi and moves of the main line. The two take turns. Without records, games of random moves are made up and
written as `lzeval match` writes its own, with a winrate at each move.
"""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.packing import made_up_records
from benchmarks.report import present, restrict_to, run
from lzeval.errors import UserError
from lzeval.records.find_files import FileKind, find
from lzeval.records.input.split_games import split_games
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import Skipped, record_sources
from lzeval.records.record_reader import parse_game
from lzeval.records.writer import serialise_game
from tournaments.collect.read_records import read_records


def made_up_match(games: int, players: int = 2) -> list[GameRecord]:
    """Random games of `players` in pairs from some openings, with all that a match notes and a winrate at each move."""
    random = np.random.default_rng(1)
    records = []
    for number, (text, _) in enumerate(split_games(made_up_records(games))):
        game, pair = parse_game(text), number // 2
        first = pair % players
        second = (first + 1 + pair // players % (players - 1)) % players
        black, white = (first, second) if number % 2 else (second, first)
        records.append(
            dataclasses.replace(
                game,
                black=f"network{black}",
                white=f"network{white}",
                black_engine=f"network{black}:lzeval",
                white_engine=f"network{white}:lzeval",
                black_description="6 blocks x 128 filters, 50 visits, fp32",
                white_description="6 blocks x 128 filters, 50 visits, fp32",
                date="2026-01-31",
                event="match",
                opening=f"opening {pair % 100}",
                pair=pair,
                seed=number,
                black_winrates=tuple(random.random(len(game.moves)).tolist()),
            )
        )
    return records


def write_single_games(files: Sequence[Path], folder: Path, most: int) -> list[Path]:
    """Every game in a file of its own, as most collections are; `most` of them."""
    texts = (
        text
        for file in files
        for source in record_sources(file)
        if not isinstance(source, Skipped)
        for text, problem in split_games(source.content)
        if not problem
    )
    written = []
    for number, text in enumerate(islice(texts, most)):
        path = folder / f"{number:06}.sgf"
        path.write_bytes(text)
        written.append(path)
    return written


def time_reading(files: Sequence[Path]) -> float:
    """Games a second, from files to records, by processor time."""
    started = time.process_time()
    games = len(list(read_records(files, processes=1)))
    return games / (time.process_time() - started)


def time_sgfmill(files: Sequence[Path]) -> float:
    from sgfmill import sgf

    games, started = 0, time.process_time()
    for file in files:
        try:
            game = sgf.Sgf_game.from_bytes(file.read_bytes())
            root = game.get_root()
            game.get_player_name("b"), game.get_player_name("w"), game.get_komi(), game.get_winner()
            [node.get_move() for node in game.get_main_sequence()]
            games += root is not None
        except ValueError:
            continue
    return games / (time.process_time() - started)


def main(
    records: Annotated[list[Path] | None, typer.Argument(help="SGF files, archives or folders.")] = None,
    games: Annotated[int, typer.Option(min=10, help="How many are read at most.")] = 10_000,
    sample: Annotated[int, typer.Option(min=1, help="Games that sgfmill reads in a round.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of both.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure games a second on one core, read by us and by sgfmill."""
    restrict_to(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if records:
            sources = [found.path for found in find(records) if found.kind is FileKind.RECORD]
        else:
            sources = [folder / "made-up.sgf"]
            sources[0].write_bytes(b"\n".join(map(serialise_game, made_up_match(min(games, 1000)))))
        (folder / "single").mkdir()
        files = write_single_games(sources, folder / "single", games)
        if not files:
            raise UserError("there is no game in these records")
        ours, theirs = [], []
        for turn in range(rounds):
            ours.append(time_reading(files[turn::rounds]))
            theirs.append(time_sgfmill(files[turn::rounds][:sample]))
    rows = [
        {"what": "lzeval rate", "games": len(files), "games_a_second": statistics.median(ours)},
        {
            "what": "sgfmill, sample",
            "games": len(files[:sample]),
            "games_a_second": statistics.median(theirs),
        },
    ]
    ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
    present(rows, {"times_as_fast": ratio}, as_json=as_json)


if __name__ == "__main__":
    run(main)
