from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord, describe_result
from lzeval.records.result import JIGO, UNKNOWN, VOID, GameResult, Outcome, format_result, parse_result, win

COLOURS = st.sampled_from(Colour)
MARGINS = st.integers(1, 10_000).map(lambda quarters: quarters / 4)
WINS = st.builds(win, COLOURS, st.one_of(st.sampled_from(["", "R", "T", "F"]), MARGINS))
RESULTS = st.one_of(WINS, st.sampled_from([JIGO, VOID, UNKNOWN]))


@given(RESULTS)
def test_every_result_survives_being_written_and_read(result: GameResult) -> None:
    assert parse_result(format_result(result)) == result


@given(st.text())
def test_no_text_is_too_strange_to_be_read(text: str) -> None:
    result = parse_result(text)
    assert parse_result(format_result(result)) == result


@pytest.mark.parametrize(
    ("written", "outcome", "detail"),
    [
        ("B+3.5", Outcome.BLACK, "3.5"),
        ("W+R", Outcome.WHITE, "R"),
        ("W+Resign", Outcome.WHITE, "R"),
        ("b+time", Outcome.BLACK, "T"),
        ("B+F", Outcome.BLACK, "F"),
        ("B+", Outcome.BLACK, ""),
        ("W+10.0", Outcome.WHITE, "10"),
        ("W+0,5", Outcome.WHITE, "0.5"),
        ("Black + 2", Outcome.BLACK, "2"),
        ("B+many", Outcome.BLACK, ""),
        ("0", Outcome.JIGO, ""),
        ("Draw", Outcome.JIGO, ""),
        ("W+0", Outcome.JIGO, ""),
        ("?", Outcome.UNKNOWN, ""),
        ("", Outcome.UNKNOWN, ""),
        ("B", Outcome.BLACK, ""),
        ("Left unfinished", Outcome.UNKNOWN, ""),
        ("Void", Outcome.VOID, ""),
    ],
)
def test_reading_what_programs_write(written: str, outcome: Outcome, detail: str) -> None:
    assert parse_result(written) == GameResult(outcome, detail)


@given(RESULTS)
def test_the_two_scores_of_a_decided_game_make_one_point(result: GameResult) -> None:
    if result.is_decided:
        assert result.score(Colour.BLACK) + result.score(Colour.WHITE) == 1
    else:
        with pytest.raises(ValueError, match="has no score"):
            result.score(Colour.BLACK)


@pytest.mark.parametrize(
    ("text", "margin"), [("W+2.5", 2.5), ("0", 0.0), ("B+R", None), ("B+", None), ("?", None)]
)
def test_margin(text: str, margin: float | None) -> None:
    assert parse_result(text).margin == margin


@pytest.mark.parametrize("colour", Colour)
def test_the_opponent_of_the_opponent(colour: Colour) -> None:
    assert colour.opponent != colour
    assert colour.opponent.opponent is colour


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (win(Colour.WHITE, 0.5), "right beat left W+0.5"),
        (
            win(Colour.BLACK, "F", "forfeit by right: no move"),
            "left beat right B+F (forfeit by right: no move)",
        ),
        (JIGO, "left vs right jigo"),
        (GameResult(Outcome.VOID, note="hit move limit"), "left vs right Void (hit move limit)"),
        (UNKNOWN, "left vs right ?"),
    ],
)
def test_a_result_in_words(result: GameResult, words: str) -> None:
    assert describe_result(GameRecord("0_0", "left", "right", result)) == words
