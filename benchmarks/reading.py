"""How fast game records become what ratings are made of.

    python -m benchmarks.reading RECORDS

`lzeval rate`'s reader makes whole records of them, on one core; sgfmill reads a sample of the same games to players,
result, komi and moves of the main line. The two take turns. Without records, games of random moves are made up.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.packing import made_up_records
from benchmarks.report import present, restrict_to, run
from lzeval.core.errors import UserError
from tournaments.intake.finding import Kind, find
from tournaments.intake.reading import read_records
from tournaments.records import Skipped, record_sources
from tournaments.sgf_reader import split_games


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
            sources = [found.path for found in find(records) if found.kind is Kind.RECORD]
        else:
            sources = [folder / "made-up.sgf"]
            sources[0].write_bytes(made_up_records(min(games, 1000)))
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
