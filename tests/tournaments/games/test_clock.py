from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from engines.gtp.engine import UNLIMITED, TimeLeft, TimeSettings
from lzeval.go.colour import Colour
from tournaments.games.clock import ClockTalk, GameClock, clock_talk, sgf_left, sgf_settings

B, W = Colour.BLACK, Colour.WHITE
ABSOLUTE = TimeSettings(100)
JAPANESE = TimeSettings(10, 30, periods=3)
CANADIAN = TimeSettings(10, 60, byo_yomi_stones=3)
FISCHER = TimeSettings(10, increment_s=5)


def clock(settings: TimeSettings, lag_s: float = 0.0) -> GameClock:
    return GameClock(settings, lag_s)


@pytest.mark.parametrize(
    ("settings", "moves", "left"),
    [
        (ABSOLUTE, [30], TimeLeft(70, 0)),
        (ABSOLUTE, [30, 70], TimeLeft(0, 0)),
        (JAPANESE, [], TimeLeft(10, 0)),
        (JAPANESE, [4], TimeLeft(6, 0)),
        (JAPANESE, [15], TimeLeft(30, 3)),
        (JAPANESE, [10, 30, 30], TimeLeft(30, 3)),
        (JAPANESE, [10, 31], TimeLeft(30, 2)),
        (JAPANESE, [41], TimeLeft(30, 2)),
        (JAPANESE, [100], TimeLeft(30, 1)),
        (JAPANESE, [99, 30], TimeLeft(30, 1)),
        (CANADIAN, [15], TimeLeft(55, 2)),
        (CANADIAN, [15, 20], TimeLeft(35, 1)),
        (CANADIAN, [15, 20, 35], TimeLeft(60, 3)),
        (TimeSettings(0, 60, byo_yomi_stones=2), [], TimeLeft(60, 2)),
        (FISCHER, [4], TimeLeft(11, 0)),
        (FISCHER, [10], TimeLeft(5, 0)),
    ],
    ids=str,
)
def test_what_the_clock_shows(settings: TimeSettings, moves: list[float], left: TimeLeft) -> None:
    game = clock(settings)
    other = game.left(W)
    for seconds in moves:
        assert game.spend(B, seconds)
    assert game.left(B) == left
    assert game.left(W) == other


@pytest.mark.parametrize(
    ("settings", "moves", "patience_s"),
    [
        (ABSOLUTE, [40], 60),
        (JAPANESE, [], 100),
        (JAPANESE, [41], 60),
        (CANADIAN, [], 70),
        (CANADIAN, [15, 20], 35),
        (FISCHER, [4], 11),
    ],
    ids=str,
)
def test_the_flag_falls_after_all_time_is_used(
    settings: TimeSettings, moves: list[float], patience_s: float
) -> None:
    game = clock(settings)
    for seconds in moves:
        assert game.spend(B, seconds)
    assert game.patience_s(B) == pytest.approx(patience_s)
    before = game.left(B)
    assert not game.spend(B, patience_s + 0.01)
    assert game.left(B) == before
    assert game.spend(B, patience_s)


def test_lag_is_not_counted() -> None:
    game = clock(ABSOLUTE, lag_s=0.5)
    for _ in range(50):
        assert game.spend(B, 0.4)
    assert game.left(B) == TimeLeft(100, 0)
    assert game.spend(B, 100.5)
    assert not game.spend(B, 0.6)


def test_no_limit_is_no_limit() -> None:
    game = clock(UNLIMITED)
    assert game.patience_s(W) == math.inf
    assert game.spend(W, 1e9)


# Telling engines


def knowing(*commands: str) -> Callable[[str], bool]:
    return lambda command: command in commands


PLAIN = ("time_settings", "time_left")


@pytest.mark.parametrize(
    ("settings", "known", "start"),
    [
        (ABSOLUTE, PLAIN, "time_settings 100 0 0"),
        (CANADIAN, (*PLAIN, "kgs-time_settings"), "time_settings 10 60 3"),
        (JAPANESE, (*PLAIN, "kgs-time_settings"), "kgs-time_settings byoyomi 10 30 3"),
        (JAPANESE, (*PLAIN, "kata-time_settings"), "kata-time_settings byoyomi 10 30 3"),
        (JAPANESE, PLAIN, "time_settings 70 30 1"),
        (FISCHER, (*PLAIN, "kata-time_settings"), "kata-time_settings fischer 10 5"),
        (FISCHER, PLAIN, "time_settings 10 0 0"),
        (UNLIMITED, PLAIN, "time_settings 0 1 0"),
        (ABSOLUTE, (), None),
    ],
)
def test_the_form_an_engine_understands(
    settings: TimeSettings, known: tuple[str, ...], start: str | None
) -> None:
    talk = clock_talk(settings, knowing(*known))
    assert talk.start == start
    assert talk.tells_left == ("time_left" in known)


def test_time_left() -> None:
    game = clock(JAPANESE)
    talk = clock_talk(JAPANESE, knowing(*PLAIN, "kgs-time_settings"))
    assert talk.time_left(B, game) == "time_left b 10 0"
    game.spend(B, 45)
    assert talk.time_left(B, game) == "time_left b 30 2"
    assert talk.time_left(W, game) == "time_left w 10 0"


def test_periods_are_main_time_to_an_engine_that_knows_none() -> None:
    """What it is told never adds up to more than it has."""
    game, talk = clock(JAPANESE), ClockTalk("", tells_left=True, folds_periods=True)
    told = [talk.time_left(B, game)]
    for seconds in (15, 35, 35):
        game.spend(B, seconds)
        told.append(talk.time_left(B, game))
    assert told == ["time_left b 70 0", "time_left b 60 0", "time_left b 30 0", "time_left b 30 1"]


# The record


@pytest.mark.parametrize(
    ("settings", "properties"),
    [
        (ABSOLUTE, {"TM": "100"}),
        (JAPANESE, {"TM": "10", "OT": "3x30 byo-yomi"}),
        (CANADIAN, {"TM": "10", "OT": "3/60 Canadian"}),
        (FISCHER, {"TM": "10", "OT": "5 fischer"}),
        (UNLIMITED, {}),
    ],
    ids=str,
)
def test_sgf_settings(settings: TimeSettings, properties: dict[str, str]) -> None:
    assert sgf_settings(settings) == properties


def test_sgf_left() -> None:
    assert sgf_left(B, TimeLeft(12.3456, 0)) == {"BL": "12.346"}
    assert sgf_left(W, TimeLeft(30, 2)) == {"WL": "30", "OW": "2"}
