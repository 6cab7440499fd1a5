"""Results, komi and ranks as people and servers write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lzeval.go.colour import Colour
from lzeval.records.info import parse_komi, rank_number, read_info
from lzeval.records.result import format_result, parse_result, win
from lzeval.records.words import amount, normalised


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("黑中盘胜", "B+R"),
        ("白胜2又1/4子", "W+4.5"),
        ("黒中押し勝ち", "B+R"),
        ("白3目半勝", "W+3.5"),
        ("흑 불계승", "B+R"),
        ("백 2집반승", "W+2.5"),
        ("黑胜1/4子", "B+0.5"),
        ("黑胜3/4子", "B+1.5"),
        ("白胜四分之三子", "W+1.5"),
        ("黑胜一又四分之三子", "B+3.5"),
        ("黑负", "W+"),
        ("白超时负", "B+T"),
        ("黒番半目勝", "B+0.5"),
        ("白番時間切れ負け", "B+T"),
        ("흑 반집승", "B+0.5"),
        ("흑 시간승", "B+T"),
        ("백 기권승", "W+F"),
        ("Black wins by 3.5 points", "B+3.5"),
        ("White wins by resignation", "W+R"),
        ("Black resigns", "W+R"),
        ("B", "B+"),
        ("黑", "B+"),
        ("白", "W+"),
        ("b", "B+"),
        ("Black", "B+"),
        ("和棋", "0"),
        ("持碁", "0"),
        ("持ち碁", "0"),
        ("무승부", "0"),
        ("无胜负", "Void"),
        ("B+Res", "B+R"),
        ("W+3 1/2", "W+3.5"),
        ("B + 3.5 pts", "B+3.5"),
        ("黑胜2.75子", "B+5.5"),
        ("黑 185又1/4子胜", "B+"),
        ("White lost on time", "B+T"),
        ("Winner: Black", "B+"),
        ("白负黑胜", "B+"),
        ("黒勝ち白負け", "B+"),
        ("白番中押勝", "W+R"),
        ("黑贴3又3/4子 白胜1/4子", "W+0.5"),
        ("黑胜2子半", "B+5"),
        ("黑胜十二目半", "B+12.5"),
        ("흑 세집반승", "B+3.5"),
        ("百", "?"),
        ("B 3.5", "B+3.5"),
        ("Black by 5", "B+5"),
        ("W wins", "W+"),
        ("White won by 0.5", "W+0.5"),
        ("?", "?"),
        ("Unknown", "?"),
        ("打掛", "?"),
        ("未完", "?"),
        ("黑 胜", "B+"),
        ("W+½", "W+0.5"),
        ("Ｂ＋Ｒ", "B+R"),
        ("Ｗ＋３．５", "W+3.5"),
        ("黑方胜", "B+"),
        ("執黑胜", "B+"),
        ("白胜半子", "W+1"),
        ("黑不计点胜", "B+R"),
        ("Black forfeits", "W+F"),
        ("Unfinished", "?"),
        ("White win by time", "W+T"),
        ("white 5.5 win", "W+5.5"),
        ("B+", "B+"),
        ("Both lost", "?"),
        ("bw", "?"),
        ("黑胜 白胜", "?"),
        ("白半目勝ち", "W+0.5"),
        ("黒１目半勝ち", "B+1.5"),
        ("黑中盤勝", "B+R"),
        ("W+R.", "W+R"),
        ("흑 1집반 승", "B+1.5"),
        ("백 시간패", "B+T"),
        ("黑胜0.75子", "B+1.5"),
        ("White +R", "W+R"),
        ("Jigo", "0"),
        ("Tie", "0"),
        ("两负", "?"),
        ("双方和棋", "0"),
        ("B+2.5 (moves: 250)", "B+2.5"),
        ("Black wins (resign)", "B+R"),
        ("W+T", "W+T"),
        ("black wins against white", "B+"),
        ("白四目", "W+4"),
        ("흑승", "B+"),
        ("黑胜（超时）", "B+T"),
        ("白棄權", "B+F"),
        ("Black's win", "B+"),
        ("White Resigned", "B+R"),
        ("B+3.5;", "B+3.5"),
        ("jigo (draw)", "0"),
        ("B+r", "B+R"),
        ("b+resigns", "B+R"),
        ("黒の勝ち", "B+"),
        ("黑棋中盘胜", "B+R"),
        ("黑贏", "B+"),
        ("白超時勝", "W+T"),
        ("黑认输", "W+R"),
        ("백 불계패", "B+R"),
        ("無勝負", "Void"),
        ("no result", "Void"),
        ("흑 5.5집승", "B+5.5"),
        ("黑投子", "W+R"),
        ("243手完 黒3目半勝ち", "B+3.5"),
        ("黑胜1+3/4子", "B+3.5"),
        ("黑贴3又3/4子胜1/4子", "B+0.5"),
        ("White was beaten by Black", "B+"),
        ("B+5.5,W+R", "?"),
        ("黒中押し", "B+R"),
        ("White ran out of time", "B+T"),
        ("Black defeated White", "B+"),
        ("B+3/4", "B+1.5"),
        ("黑胜5.5目", "B+5.5"),
        ("黑勝 7目半", "B+7.5"),
    ],
)
def test_results(written: str, meant: str) -> None:
    assert format_result(parse_result(written)) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("7.5", 7.5),
        ("-6", -6),
        ("0.5", 0.5),
        ("6,5", 6.5),
        ("3.75", 7.5),
        ("3.25", 6.5),
        ("2.75", 5.5),
        ("", None),
        ("x", None),
        ("none", None),
        ("375", 7.5),
        ("750", 7.5),
        ("325", 6.5),
        ("650", 6.5),
        ("350", 7),
        ("700", 7),
        ("275", 5.5),
        ("550", 5.5),
        ("6.5目", 6.5),
        ("6目半", 6.5),
        ("六目半", 6.5),
        ("3又3/4子", 7.5),
        ("黑贴3又3/4子", 7.5),
        ("3.75子", 7.5),
        ("コミ6目半", 6.5),
        ("6집반", 6.5),
        ("덤 6집반", 6.5),
        ("6½", 6.5),
        ("5 1/2", 5.5),
        ("7.5 points", 7.5),
        ("７．５", 7.5),
        ("nan", None),
        ("inf", None),
        ("1e1", None),
        ("0x7", None),
        ("7_5", None),
        ("-375", -7.5),
        ("0", 0),
        ("+6.5", 6.5),
        ("6.5.5", None),
        ("3 3/4子", 7.5),
        ("100", 100),
        ("360", 360),
        ("361", 361),
        ("Komi 6.5", 6.5),
        ("-3.75", -7.5),
        ("0.25", 0.5),
        ("375.0", 7.5),
        ("6.5 komi", None),
        ("half", None),
        ("2.5", 2.5),
        ("贴目6.5", 6.5),
        ("贴6.5目", 6.5),
        ("黑贴三又四分之三子", 7.5),
        ("黒コミ六目半", 6.5),
        ("逆コミ5目半", None),
    ],
)
def test_komi(written: str, meant: float | None) -> None:
    assert parse_komi(normalised(written)) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("6d", 6),
        ("3 dan", 3),
        ("1k", 0),
        ("9p", 18),
        ("9段", 9),
        ("九段", 9),
        ("3级", -2),
        ("5급", -4),
        ("9DP", 18),
        ("P9段", 18),
        ("7D*", 7),
        ("18k?", -17),
        ("0d", math.nan),
        ("2 kyu", -1),
        ("초단", math.nan),
        ("12급", -11),
        ("1級", 0),
    ],
)
def test_ranks(written: str, meant: float) -> None:
    assert rank_number(written) == pytest.approx(meant, nan_ok=True)


@given(st.sampled_from("bw"), st.integers(1, 700).map(lambda halves: halves / 2))
def test_a_margin_in_words_is_the_margin_in_digits(colour: str, points: float) -> None:
    whole, half = divmod(points, 1)
    written = f"{'黑' if colour == 'b' else '白'}胜{int(whole)}目{'半' if half else ''}"
    assert parse_result(written) == win(Colour.BLACK if colour == "b" else Colour.WHITE, points)


@given(st.text(max_size=30))
def test_any_text_has_a_meaning(text: str) -> None:
    parse_result(text)
    amount(normalised(text))
    rank_number(text)
    read_info({name: [text] for name in ("KM", "HA", "RE", "RU", "BR", "WR", "SZ", "GM")}, 19)


def test_the_first_value_that_can_be_read_counts() -> None:
    info = read_info({"KM": ["", "none", "6.5", "7.5"], "HA": ["two", "3"]}, 19)
    assert (info.komi, info.handicap) == (6.5, 3)
    assert info.remarks == (
        "KM[none] is no komi",
        "KM[7.5] is a second KM that says something else",
        "HA[two] is no number of handicap stones",
    )
