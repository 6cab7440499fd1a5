"""Networks and games for rating pools."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from random import Random

from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import parse_result
from tests.support.fakes.weights_files import as_lines, tiny_weights, write_lines
from tests.support.make_games import random_game
from tournaments.pool.networks import Candidate, sha_of
from tournaments.pool.store import RatingPool


def weights_file(folder: Path, seed: int, name: str = "") -> Path:
    return write_lines(folder / f"{name or f'net{seed}'}.txt", as_lines(tiny_weights(seed)))


def candidate(path: Path, name: str = "", *, copy: bool = False) -> Candidate:
    return Candidate(name or path.stem, sha_of(path), path, path.read_bytes() if copy else None, 2, 3)


def record(black: str, white: str, seed: int = 0, result: str = "B+R", **more: object) -> GameRecord:
    moves = tuple((Colour(colour), move) for colour, move in random_game(5, 12, Random(seed)).moves)
    game = GameRecord("", black, white, parse_result(result), moves, size=5, komi=7.5, date="2026-01-31")
    return replace(game, **more)  # type: ignore[arg-type]


def play_for_ever(path: str, seed: int) -> None:
    pool = RatingPool.open(Path(path))
    session = pool.begin_session({})
    one, other, _ = pool.networks()
    for number in range(10_000):
        pair = pool.take_pair(session, one, other)
        for place, (black, white) in enumerate((("net0", "net1"), ("net1", "net0"))):
            pool.add_game(pair, place, record(black, white, seed + number), session, "fp32, fp32", "cpu")
            time.sleep(0.005)  # a game takes longer
            print(pair.number, place, flush=True)  # noqa: T201 - what the parent counts
