"""Scales of settings, and the levels of a ladder."""

from __future__ import annotations

import pytest

from lzeval.errors import UserError
from tournaments.calibrate.scale import DOUBLINGS, Scale, parse_width

STEPS = Scale("a step of 3", "steps of 3", 3.0)


def test_a_ladder_has_two_levels_a_doubling_and_both_bounds() -> None:
    assert DOUBLINGS.ladder(1, 20) == (1, 2, 3, 4, 6, 8, 11, 16, 20)
    assert DOUBLINGS.ladder(100, 101) == (100, 101)
    assert STEPS.ladder(0, 10) == (0, 2, 3, 4, 6, 8, 9, 10)


@pytest.mark.parametrize("scale", [DOUBLINGS, STEPS])
def test_a_place_has_its_value(scale: Scale) -> None:
    for value in (1, 5, 1600):
        assert scale.value(scale.position(value)) == pytest.approx(value)


@pytest.mark.parametrize(("text", "units"), [("1", 1), ("0.5", 0.5), ("100%", 1), ("300%", 2)])
def test_widths_are_doublings_or_percent(text: str, units: float) -> None:
    assert parse_width(text, DOUBLINGS) == pytest.approx(units)


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "nan", "inf", "%", "0%", "1 doubling"])
def test_what_is_no_width_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--width"):
        parse_width(text, DOUBLINGS)


def test_percent_are_for_what_doubles() -> None:
    with pytest.raises(UserError, match="give a number of steps of 3"):
        parse_width("50%", STEPS)
