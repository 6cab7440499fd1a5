"""What cannot be calibrated, and is refused before anything is played."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lzeval.errors import UserError
from tests.support.command_line import run_here
from tournaments.calibrate.options import SETTINGS, CalibrationOptions, choose_setting
from tournaments.match.options import MatchOptions, PlayerOptions, player_options

MATCH = MatchOptions(player_options("big", "small", (8, None)))
USUAL = CalibrationOptions(MATCH, "visits", (1, 64))


def test_the_usual_one_is_accepted() -> None:
    USUAL.check()
    assert USUAL.levels == (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"bounds": (64, 1)}, "--from 64 --to 1: the first must be less"),
        ({"bounds": (8, 8)}, "--from 8 --to 8: the first must be less"),
        ({"bounds": (0, 8)}, "--visits 0: must be at least 1"),
        ({"bounds": (1, -8)}, "--to -8: must be at least 1"),
        ({"elo": math.nan}, "--elo nan: must be from -600 to 600"),
        ({"elo": math.inf}, "--elo inf: must be"),
        ({"elo": -601.0}, "--elo -601: must be"),
        ({"width": 0.1}, "--width: an interval narrower than 0.2 doublings"),
        ({"match": replace(MATCH, games=41)}, "--games 41: must be an even number"),
        ({"match": replace(MATCH, games=0)}, "--games 0: must be an even number"),
        ({"match": replace(MATCH, komi=7.3)}, "--komi 7.3: must be whole or half points"),
        ({"match": replace(MATCH, players=player_options("big", "big"))}, "A and B are both big"),
        (
            {"match": replace(MATCH, players=player_options("big", "gnugo")), "setting_name": "level"},
            "--to 64: must be at most 10",
        ),
    ],
)
def test_mistakes_are_told(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        replace(USUAL, **changed).check()


def test_one_player_may_be_sought_at_another_strength() -> None:
    replace(USUAL, match=replace(MATCH, players=player_options("big", "big")), elo=100).check()


@pytest.mark.parametrize(
    ("player", "name", "chosen"),
    [
        ("small", None, "visits"),
        ("small", "playouts", "playouts"),
        ("leelaz:small", None, "visits"),
        ("katago:net.bin.gz", None, "visits"),
        ("gnugo", None, "level"),
        ("gnugo:3", "level", "level"),
    ],
)
def test_each_player_has_its_settings(player: str, name: str | None, chosen: str) -> None:
    assert choose_setting(player, name) == chosen


@pytest.mark.parametrize(
    ("player", "name", "complaint"),
    [
        ("small", "level", "--setting level: small does not have it, but visits and playouts"),
        ("gnugo", "visits", "--setting visits: gnugo does not have it, but level"),
        ("katago:net.bin.gz", "playouts", "does not have it, but visits"),
        ("small", "puct", "--setting puct: must be one of visits, playouts, level"),
        ("cmd:gnugo --mode gtp", None, "has no setting that could be calibrated"),
    ],
)
def test_settings_that_a_player_does_not_have_are_refused(
    player: str, name: str | None, complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint):
        choose_setting(player, name)


def test_a_setting_is_the_players_only_limit() -> None:
    player = PlayerOptions("small", 100, 200)
    assert SETTINGS["visits"].applied(player, 7) == PlayerOptions("small", 7, None)
    assert SETTINGS["playouts"].applied(player, 7) == PlayerOptions("small", None, 7)
    assert SETTINGS["level"].applied(PlayerOptions("gnugo"), 7).text == "gnugo:7"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("big", "small", "--width", "narrow"), "--width narrow: must be a number of doublings above 0"),
        (("big", "gnugo", "--width", "50%"), "--width 50%: a percentage is for settings that double"),
        (("big", "small", "--from", "9", "--to", "3"), "--from 9 --to 3: the first must be less"),
        (("big", "no-such"), "there is no network 'no-such'"),
        (("big", "small", "--plot", "curve.doc"), "cannot draw curve.doc"),
        (("big", "small", "--visits", "0"), "a limit is needed: --visits or --playouts"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(tmp_path: Path, words: tuple[str, ...], complaint: str) -> None:
    ended = run_here("calibrate", *words, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"lzeval: {complaint}")
    assert ended.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
