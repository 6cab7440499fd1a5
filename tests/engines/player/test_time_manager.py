from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.gtp.engine import UNLIMITED, TimeLeft, TimeSettings
from engines.player.time_manager import Clock
from lzeval.go.colour import Colour

POINTS = 361
ABSOLUTE, CANADIAN = TimeSettings(600), TimeSettings(60, 30, byo_yomi_stones=10)
BYO_YOMI, FISCHER = TimeSettings(60, 10, periods=3), TimeSettings(60, increment_s=5)
FIXED = TimeSettings(0, 11, byo_yomi_stones=1)
CAPPED = TimeSettings(60, increment_s=5, most_main_s=62, most_a_move_s=8)
CLOCKS = [ABSOLUTE, CANADIAN, BYO_YOMI, FISCHER, FIXED, CAPPED]


def seconds_for(
    settings: TimeSettings, left: TimeLeft | None = None, played: int = 0, lag_s: float = 0.5
) -> float:
    clock = Clock(lag_s)
    clock.set(settings)
    if left is not None:
        clock.show(Colour.BLACK, left)
    seconds = clock.seconds_for(Colour.BLACK, played, POINTS)
    assert seconds is not None
    return seconds


def test_without_a_clock_there_is_no_hurry() -> None:
    assert Clock().seconds_for(Colour.BLACK, 0, POINTS) is None
    clock = Clock()
    clock.set(ABSOLUTE)
    clock.set(UNLIMITED)
    assert clock.seconds_for(Colour.WHITE, 10, POINTS) is None


@pytest.mark.parametrize(
    ("settings", "left", "seconds"),
    [
        (FIXED, None, 10.5),
        (FIXED, TimeLeft(11, 1), 10.5),
        (BYO_YOMI, TimeLeft(10, 3), 9.5),
        (BYO_YOMI, TimeLeft(4, 1), 3.5),
        (CANADIAN, TimeLeft(30.5, 10), 3.0),
        (CANADIAN, TimeLeft(5.5, 1), 5.0),
        (ABSOLUTE, TimeLeft(0.2, 0), 0.01),
        (FISCHER, TimeLeft(0.4, 0), 0.01),
    ],
)
def test_in_overtime_the_period_is_used_up_but_for_the_lag(
    settings: TimeSettings, left: TimeLeft | None, seconds: float
) -> None:
    assert seconds_for(settings, left) == pytest.approx(seconds)


def test_main_time_lasts_for_a_whole_game() -> None:
    clock, spent = Clock(0.0), []
    clock.set(ABSOLUTE)
    for move in range(150):
        seconds = clock.seconds_for(Colour.BLACK, 2 * move, POINTS)
        assert seconds is not None
        clock.spend(Colour.BLACK, seconds)
        spent.append(seconds)
    assert 500 < sum(spent) < 600
    assert max(spent) < 3 * spent[0]


def test_an_increment_is_mostly_spent() -> None:
    assert FISCHER.increment_s * 0.8 < seconds_for(FISCHER) < FISCHER.increment_s * 1.2


def test_what_would_go_beyond_the_limit_of_main_time_is_spent() -> None:
    """At the limit a whole increment costs nothing, below it only what is above it."""
    clock = TimeSettings(100, increment_s=30, most_main_s=100)
    assert seconds_for(clock, TimeLeft(100, 0), lag_s=0) == pytest.approx(30)
    assert seconds_for(clock, TimeLeft(100, 0), lag_s=1) == pytest.approx(29)
    usual = seconds_for(replace(clock, most_main_s=math.inf), TimeLeft(60, 0))
    assert seconds_for(clock, TimeLeft(60, 0)) == usual < 30
    assert (
        seconds_for(clock, TimeLeft(500, 0), lag_s=0) < 60
    )  # of what was there from the start nothing is lost


def test_no_move_takes_longer_than_one_may() -> None:
    for left_s, played in ((3600, 0), (60, 240), (9, 240)):
        assert seconds_for(CAPPED, TimeLeft(left_s, 0), played) <= CAPPED.most_a_move_s - 0.5
    assert seconds_for(replace(CAPPED, increment_s=60), TimeLeft(62, 0)) == pytest.approx(7.5)


@given(st.floats(0, 200), st.floats(0, 200), st.floats(0, 60), st.floats(1, 200))
def test_an_increment_brings_main_time_up_to_its_limit(
    main_s: float, spent_s: float, increment_s: float, most_s: float
) -> None:
    clock = Clock()
    clock.set(TimeSettings(main_s, increment_s=increment_s, most_main_s=most_s))
    clock.spend(Colour.BLACK, spent_s)
    rest = max(0.0, main_s - spent_s)
    left = clock.left(Colour.BLACK)
    assert left.stones == 0
    assert left.seconds == pytest.approx(rest if rest >= most_s else min(rest + increment_s, most_s))


@given(
    st.sampled_from(CLOCKS),
    st.floats(0.6, 3600),
    st.integers(0, 30),
    st.integers(0, 700),
    st.floats(0, 0.5),
)
def test_no_move_takes_longer_than_there_is(
    settings: TimeSettings, left_s: float, stones: int, played: int, lag_s: float
) -> None:
    in_overtime = bool(stones) and settings.byo_yomi_s > 0
    seconds = seconds_for(settings, TimeLeft(left_s, stones if in_overtime else 0), played, lag_s)
    most = left_s - lag_s
    if not in_overtime:
        periods = settings.byo_yomi_s / (1 if settings.periods else settings.byo_yomi_stones or 1)
        most += periods
    assert 0 < seconds <= max(most, 0.01) + 1e-9


@given(st.sampled_from(CLOCKS), st.lists(st.floats(0, 100), max_size=30))
def test_a_clock_that_nobody_tells_goes_on_by_itself(settings: TimeSettings, moves: list[float]) -> None:
    clock = Clock()
    clock.set(settings)
    for seconds in moves:
        clock.spend(Colour.WHITE, seconds)
        left = clock.left(Colour.WHITE)
        assert left.seconds >= 0
        assert math.isfinite(left.seconds)
        assert 0 <= left.stones <= max(settings.periods, settings.byo_yomi_stones)
    clock.reset()
    assert clock.left(Colour.WHITE).seconds == (settings.main_s or settings.byo_yomi_s)
