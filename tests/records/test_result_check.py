"""Records that do not say who won, or say two things: unknown, with a reason, and never jigo."""

from __future__ import annotations

import pytest

from lzeval.records.record_reader import parse_game
from lzeval.records.result import Outcome
from lzeval.records.result_check import NO_RESULT


def read(root: str = "", last: str = "", program: str = "other") -> tuple[Outcome, str]:
    result = parse_game(f"(;SZ[9]AP[{program}]PB[x]PW[y]{root};B[aa];W[bb]{last})".encode()).result
    return result.outcome, result.note


@pytest.mark.parametrize("root", ["", "RE[]", "RE[ ]"])
def test_no_result(root: str) -> None:
    assert read(root) == (Outcome.UNKNOWN, NO_RESULT)


def test_results_that_name_nobody() -> None:
    assert read("RE[?]") == (Outcome.UNKNOWN, "")
    assert read("RE[Void]") == (Outcome.VOID, "")
    assert read("RE[suspended]") == (Outcome.UNKNOWN, "RE says 'suspended'")
    assert read("RE[0]") == (Outcome.JIGO, "")


@pytest.mark.parametrize(
    ("root", "last", "why"),
    [
        ("RE[B+R][W+R]", "", "RE says both 'B+R' and 'W+R'"),
        ("RE[B+R]KM[7]RE[W+2]", "", "RE says both 'B+R' and 'W+2'"),
        ("RE[0]RE[W+2]", "", "RE says both '0' and 'W+2'"),
        ("RE[B+R]", "RE[W+R]", "RE says both 'B+R' and 'W+R'"),
        ("RE[B+R]C[Result: W+3.5]", "", "RE says B+R, but the comment says 'Result: W+3.5'"),
        ("RE[B+R]", "C[White wins by resignation.]", "'White wins by resignation.'"),
        ("RE[W+12.5]", "C[Well played!\nBlack won by 3.5 points]", "'Black won by 3.5 points'"),
        ("RE[B+1.5]", "C[W+0.5]", "the comment says 'W+0.5'"),
        ("RE[B+1.5]", "C[Final score = White+2]", "White+2"),
        ("RE[B+1.5]RESULT[W+0.5]", "", "RESULT says W+0.5"),
        ("RE[B+3]", "C[one final_score: W+2\ntwo final_score: W+3]", "final_score of one was W+2"),
        ("RE[W+0]", "", "RE says 'W+0', a win by nothing"),
        ("RE[0]", "C[one final_score: W+2]", "final_score of one was W+2"),
    ],
)
def test_two_winners_are_none(root: str, last: str, why: str) -> None:
    outcome, note = read(root, last)
    assert outcome is Outcome.UNKNOWN
    assert note.startswith("contradictory: ")
    assert why in note


def test_gomills_result_line() -> None:
    outcome, note = read("RE[B+R]", "C[y beat x W+2.5]", "gomill:0.8.3")
    assert (outcome, note) == (Outcome.UNKNOWN, "contradictory: RE says B+R, but the comment says W+2.5")


@pytest.mark.parametrize(
    ("root", "last"),
    [
        ("RE[B+R][B+3.5]", ""),
        ("RE[B+R]", "RE[B+]"),
        ("RE[B+R]C[Black wins]", "C[B+Resign]"),
        ("RE[B+R]C[I think W+3.5 would be fair]", "C[White wins if she lives, black wins if not]"),
        ("RE[B+3.5]", "C[one final_score: B+2.5\ntwo final_score: W+3]"),
        ("RE[B+3.5]", "C[one final_score: no idea]"),
        ("RE[B+3.5]BR[W+1]BT[white]", ""),
    ],
)
def test_what_is_no_contradiction(root: str, last: str) -> None:
    assert read(root, last)[0] is (Outcome.UNKNOWN if "BR[W+1]" in root else Outcome.BLACK)


def test_a_void_game_stays_void() -> None:
    assert read("RE[Void]C[Black wins]")[0] is Outcome.VOID


def test_players_may_be_called_anything() -> None:
    comment = "C[Event: X\nBlack wins\nWhite +0]"
    assert read(f"RE[W+R]{comment}", "C[+0 beat wins W+R]", "gomill:0.8.3")[0] is Outcome.WHITE
