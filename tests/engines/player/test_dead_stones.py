from __future__ import annotations

import lzma
import re

import numpy as np
import pytest

import engines.player.dead_stones
from engines.player.dead_stones import dead_stones, owners
from lzeval.go.board import BLACK, WALL, WHITE
from lzeval.go.game import Game, area, without
from lzeval.go.points import format_vertex, parse_sgf
from lzeval.go.rules import Rules
from tests.support.paths import SHARED

RECORDS = SHARED / "data" / "holdout.sgf.xz"

INVADED = """
. . . # o . . . .
. . . # o . . . .
. . . # o . # . .
. o . # o . . . .
. . . # o . . . .
. . . # o . . . .
. . . # o . o . .
. . . # o . . . .
. . . # o . . . .
"""
"""One stone of each colour in the other's area."""


def position(picture: str) -> Game:
    rows = [line.split() for line in picture.split("\n") if line.strip()][::-1]
    game = Game(len(rows), 0.5)
    game.boards = [bytes([*(".#o".index(cell) for cells in rows for cell in cells), WALL])]
    return game


ALIVE = """
. # . # o . . . .
# # # # o . . . .
o o o o o o o o o
. . . . . . . . .
. . . . . . . . .
. . . . . . . . .
# # # # # # # # #
. . . . . . . . .
. . . . . . . . .
"""
"""Black with two eyes in a corner; the middle is open."""
SEKI = """
# # . o # . .
# # . o # # #
o o o o # . #
# # # # # # #
. . . . . . .
. . . . . . .
. . . . . . .
"""
"""Neither side can fill the two points between the corner's stones."""


def vertices(points: list[int], size: int) -> set[str]:
    return {format_vertex(point, size) for point in points}


@pytest.mark.parametrize("to_move", [BLACK, WHITE])
@pytest.mark.parametrize(("picture", "dead"), [(INVADED, {"G7", "B6"}), (ALIVE, set()), (SEKI, set())])
def test_what_is_dead(picture: str, dead: set[str], to_move: int) -> None:
    game = position(picture)
    assert vertices(dead_stones(game, to_move), game.size) == dead


@pytest.mark.parametrize("picture", [". . .\n. . .\n. . .", ". # .\n. . .\n# . ."])
def test_without_two_colours_nothing_is_played_out(picture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines.player.dead_stones, "owners", None)
    assert dead_stones(position(picture), WHITE) == []


def test_chains_die_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = np.array([0.0, 0.9, 0.9, 0.9, 0.5, 0.5, 0.9, 0.5, 0.5])  # from the bottom
    monkeypatch.setattr(engines.player.dead_stones, "owners", lambda *_: shares)
    assert dead_stones(position("o . .\no . .\n# # ."), BLACK) == [0, 1, 3, 6]


def test_owners_are_shares_of_ends() -> None:
    shares = owners(position(INVADED), BLACK).reshape(9, 9)
    assert (shares[:, :3] > 0.6).all()
    assert (shares[:, 5:] < 0.4).all()


def test_the_position_itself_is_left_alone_and_answers_are_the_same() -> None:
    game = position(INVADED)
    before = game.stones
    first = owners(game, BLACK)
    assert game.stones == before
    assert not game.moves
    assert (owners(game, BLACK) == first).all()


@pytest.mark.skipif(not RECORDS.is_file(), reason="no records in ../shared")
def test_scores_are_those_of_finished_games() -> None:
    """Eight in ten professional games and more, to four points: territory counts a little otherwise than area."""
    near = 0
    lines = lzma.decompress(RECORDS.read_bytes()).decode("utf-8").splitlines()
    counted = [line for line in lines if re.search(r"RE\[[BW]\+[0-9]", line) and "AB[" not in line][::20]
    for line in counted:
        [(winner, points)], [komi] = (
            re.findall(r"RE\[(.)\+([0-9.]+)", line),
            re.findall(r"KM\[([0-9.]+)", line),
        )
        game = Game(19, float(komi), Rules(superko=False))
        for colour, point in re.findall(r";([BW])\[([a-t]*)\]", line):
            game.play(BLACK if colour == "B" else WHITE, parse_sgf(point, 19))
        counted_out = without(game.stones, dead_stones(game, game.to_move))
        near += abs(area(counted_out, 19) - game.komi - float(points) * (1 if winner == "B" else -1)) <= 4
    assert len(counted) > 20
    assert near >= 0.8 * len(counted)
