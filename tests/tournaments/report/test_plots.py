from __future__ import annotations

from pathlib import Path

import pytest

from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import win
from tournaments.rating.two_players import head_to_head
from tournaments.report.plots import course, plot_course

PNG = b"\x89PNG"


def match(wins: str) -> list[GameRecord]:
    """Game n, in pairs with colours swapped: `a` or `b` wins it."""
    games = []
    for number, winner in enumerate(wins):
        black, white = ("a", "b") if number % 2 == 0 else ("b", "a")
        result = win(Colour.BLACK if winner == black else Colour.WHITE, "R")
        moves = ((Colour.BLACK, number), (Colour.WHITE, (number + 50) % 361))
        games.append(
            GameRecord(
                f"0_{number}", black, white, result, moves, opening=f"o{number // 2}", pair=number // 2
            )
        )
    return games


def test_the_course_ends_with_the_result() -> None:
    games = match("aabbaaababaa")
    steps = course(games, "a", "b")
    assert [step.games for step in steps] == [2, 4, 6, 8, 10, 12]
    assert steps[-1].found == head_to_head(games, "a", "b").difference
    assert steps[1].found == head_to_head(games[:4], "a", "b").difference


def test_a_long_match_is_thinned() -> None:
    steps = course(match("ab" * 150), "a", "b")
    assert len(steps) <= 121
    assert steps[-1].games == 300


@pytest.mark.parametrize("wins", ["aabbaaab", "bbbbbbab", "aaaaaaaa"])
def test_a_picture_is_written(tmp_path: Path, wins: str) -> None:
    plot_course(match(wins), tmp_path / "course.png")
    assert (tmp_path / "course.png").read_bytes().startswith(PNG)


def test_three_players_are_refused(tmp_path: Path) -> None:
    games = match("aabb")
    games.append(GameRecord("0_9", "a", "c", win(Colour.BLACK, "R")))
    with pytest.raises(UserError, match="there are 3"):
        plot_course(games, tmp_path / "course.png")


def test_an_unknown_kind_of_picture(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        plot_course(match("aabb"), tmp_path / "course.nonsense")
