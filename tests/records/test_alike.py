"""One record, every command: each reads the same moves, komi and winner, or each refuses it with a reason.

A table of records as people have them, in the forms that servers and old programs gave them. The real ways of the
commands are taken: `loadsgf`, `review`, `data pack` and `data check`, `rate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from engines.gtp.sgf import read_sgf
from engines.review.record import read_record
from lzeval.errors import RecordError
from lzeval.go.colour import COLOURS
from lzeval.go.points import format_vertex
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import read_games
from lzeval.system.archives import read_sources
from trainer.data.lint import check_records
from trainer.data.selection import Selection
from trainer.data.units import pack_unit, units_of

MOVES = ";B[pp];W[dq];B[pc];W[cd]"
PLAYED = "B Q4, W D3, B Q17, W C16"


@dataclass(frozen=True)
class Case:
    name: str
    content: bytes
    moves: str = PLAYED
    komi: float | None = 6.5
    winner: str | None = None
    handicap: int = 0
    setup: str = ""
    file: str = "game.sgf"
    remark: str = ""
    """Words that `data check` and `rate` say of it."""
    size: int = 19


def sgf(root: str = "", moves: str = MOVES, encoding: str = "utf-8", komi: str = "KM[6.5]") -> bytes:
    return f"(;GM[1]FF[4]SZ[19]{komi}{root}{moves})\n".encode(encoding)


def result(text: str, winner: str | None, remark: str = "") -> Case:
    return Case(f"RE[{text}]", sgf(f"CA[UTF-8]RE[{text}]"), winner=winner, remark=remark)


def komi(text: str, value: float | None, rules: str = "", remark: str = "") -> Case:
    return Case(f"KM[{text}]{rules}", sgf(rules, komi=f"KM[{text}]"), komi=value, remark=remark)


TRAILS = {
    "shift_jis": "EV[芸能]PB[ソ]PW[表]",
    "big5": "EV[成功]PB[許功蓋]PW[餐]",
    "gbk": "EV[黒誠]PB[昞]PW[玕踈]",
    "cp949": "EV[똠]PB[뾔]PW[곂]",
    "euc_jp": "EV[名人戦]PB[井山裕太]PW[一力遼]",
    "euc_kr": "EV[명인전]PB[이세돌]PW[신진서]",
    "gb18030": "EV[应氏杯]PB[柯洁]PW[古力]",
    "latin-1": "EV[Größe]PB[Rémi]PW[Zoë]",
    "utf-8": "EV[名人戦]PB[李世石]PW[Épée]",
    "utf-16": "EV[名人戦]PB[李世石]PW[Épée]",
    "utf-16-le": "EV[名人戦]PB[李世石]PW[Épée]",
    "utf-8-sig": "EV[名人戦]PB[李世石]PW[Épée]",
}
"""Letters whose second byte is a backslash or a bracket, in the encodings that have them."""

GIB = r"""\HS
\[GIBOKIND=Korea\]
\[GAMERESULT=흑 불계승\]
\[GAMEBLACKNAME=이창호 (9단)\]
\[GAMEWHITENAME=조훈현 (9단)\]
\[GAMEINFOMAIN=GBKIND:3,GTYPE:0,GCDT:0,GTIME:1200-30-3,GRLT:%d,ZIPSU:%d,DUM:0,GONGJE:65,TCNT:4,AUSZ:0\]
\[GAMETAG=S0,R0,D0,G65,W3,Z0,T30-3-1200,C2015:08:29:22:56,I:a,L:17,M:b,N:17,A:a,B:b,J:0,K:0\]
\HE
\GS
2 5 0
5 0 &4
INI 0 1 %d &4
STO 0 2 1 15 15
STO 0 3 2 3 16
STO 0 4 1 15 2
STO 0 5 2 2 3
\GE
"""
NGF = """Rated game
19
조훈현     9DP
이창호     9DP
www.cyberoro.com
%d
0
%s
20170316 [09:37]
5
%s
4
PMABBQQQQ
PMACWERRE
PMADBQDDQ
PMAEWDEED
"""

CASES = [
    *(
        Case(f"{encoding}, declared {declared or 'nothing'}", sgf(f"{declared}{TRAILS[encoding]}", encoding=encoding))
        for encoding in TRAILS
        for declared in ("", f"CA[{encoding}]", "CA[no-such]")
    ),
    Case("declared Latin-1, and is not", sgf(f"CA[ISO-8859-1]{TRAILS['shift_jis']}", encoding="shift_jis")),
    Case("a name cut in the middle of a letter", sgf("CA[GBK]PB[ABC").replace(b"ABC", b"\xc0\xee\xca]", 1)),
    komi("6,5", 6.5),
    komi("", None),
    komi("none", None, remark="KM[none] is no komi"),
    komi("6.5][6.5", 6.5),
    komi("7.5][6.5", 7.5, remark="a second KM"),
    komi("6.5目", 6.5),
    komi("白コミ5目半", -5.5),
    komi("3又3/4", 7.5),
    komi("-0", 0.0),
    komi("6目半", 6.5),
    komi("3又3/4子", 7.5),
    komi("7_5", None, remark="KM[7_5] is no komi"),
    komi("nan", None, remark="KM[nan] is no komi"),
    komi("0x7", None, remark="KM[0x7] is no komi"),
    *(komi(text, 7.5) for text in ("375", "750", "375.0", "3.75", "+7.5", "７．５")),
    *(komi(text, 6.5) for text in ("325", "650", "3.25")),
    *(komi(text, 7.0) for text in ("350", "700", "7")),
    *(komi(text, 5.5) for text in ("275", "550", "2.75")),
    komi("3.75", 7.5, "RU[Chinese]"),
    komi("3.75", 3.75, "RU[Japanese]"),
    komi("-6.5", -6.5),
    komi("-375", -7.5),
    komi("0", 0.0),
    komi("362", None, remark="KM[362] is more than a 19x19 board holds"),
    komi("99999999999999999999", None, remark="is more than a 19x19 board holds"),
    Case("SZ[19:19]", sgf().replace(b"SZ[19]", b"SZ[19:19]")),
    Case("SZ[ 19 ]", sgf().replace(b"SZ[19]", b"SZ[ 19 ]")),
    Case("SZ[19x19]", sgf().replace(b"SZ[19]", b"SZ[19x19]")),
    Case("SZ in words", sgf().replace(b"SZ[19]", b"SZ[big]"), remark="SZ[big] is no board size"),
    Case("SZ[19路]", sgf().replace(b"SZ[19]", "SZ[19路]".encode())),
    Case("GM[01]", sgf().replace(b"GM[1]", b"GM[01]")),
    Case("AB empty", sgf("AB[]AE[]")),
    Case("zeros behind the record", sgf() + b"\0" * 4096),
    Case("a name cut in UTF-8", sgf("CA[UTF-8]PB[AAA]PW[申真谞]RE[黑中盘胜]").replace(b"AAA", "柯洁柯".encode()[:8]),
         winner="b"),
    Case("HA in words of komi", sgf("HA[让先倒贴3目]"), remark="is no number of handicap stones"),
    Case("SZ empty", sgf().replace(b"SZ[19]", b"SZ[]")),
    Case("SZ twice", sgf("SZ[19]")),
    Case("SZ in the second node", b"(;GM[1]KM[6.5];SZ[19]" + MOVES.encode() + b")"),
    Case("GM empty", sgf().replace(b"GM[1]", b"GM[]")),
    Case("GM in words", sgf().replace(b"GM[1]", b"GM[Go]")),
    Case("GM twice", sgf("GM[1]")),
    Case("AP twice", sgf("AP[foxwq:1]AP[other]")),
    Case("CA twice, FF twice, RU empty", sgf("CA[UTF-8]CA[UTF-8]FF[4]RU[]HA[]RE[]")),
    Case("HA in words", sgf("HA[none]"), remark="HA[none] is no number of handicap stones"),
    Case("HA[2子]", sgf("HA[2子]AB[dd][pj]", ";W[dq];B[pc]"), "W D3, B Q17", handicap=2, setup="B D16, B Q10"),
    Case("AB in the second node", sgf("HA[2]", ";AB[dd][pj];W[dq]"), "W D3", handicap=2, setup="B D16, B Q10"),
    Case("AB, AW, AE in turn", sgf("AB[dd][pj]", ";AW[qq]AE[dd];B[dq]"), "B D3", setup="B Q10, W R3"),
    Case("a rectangle", sgf("AB[dd:ee]", ";B[dq]"), "B D3", setup="B D15, B D16, B E15, B E16"),
    Case("stones and a move in one node", sgf("", ";AB[dd]W[dq]"), "W D3", setup="B D16"),
    Case("B and W in one node", sgf("", ";B[pp]W[dq];B[pc]W[cd]")),
    Case("W and B in one node", sgf("", ";W[pp]B[dq]"), "W Q4, B D3"),
    Case("a move in the root", b"(;SZ[19]KM[6.5]B[pp];W[dq];B[pc];W[cd])"),
    Case("blanks around a point", sgf("", ";B[ pp ];W[dq];B[pc];W[\ncd]"), remark="blanks around points"),
    Case("passes", sgf("", ";B[];W[tt];B[pc]"), "B pass, W pass, B Q17"),
    Case("old long names", b"(;GaMe[1]SiZe[19]KoMi[6.5];Black[pp];White[dq];Black[pc];White[cd])"),
    Case("variations", sgf("", ";B[pp](;W[dq](;B[pc];W[cd])(;B[aa]))(;W[bb])")),
    Case("a comment with everything", sgf(r"C[a \] ; B[aa\] ( \\]")),
    Case("control characters", b"\x00\x1a" + sgf().replace(b";B[pc]", b"\x07;B[pc]") + b"\x1a\x00"),
    Case("RU in words", sgf("RU[中国规则]")),
    Case("GIB", (GIB % (3, 0, 0)).encode("euc_kr"), winner="b", file="game.gib"),
    Case("GIB in UTF-8 without a name of its own", (GIB % (1, 35, 0)).encode(), winner="w"),
    Case("GIB, three stones",
         (GIB % (255, 0, 3)).replace("STO 0 2 1 15 15\n", "").replace(",W3", ",W255").encode("cp949"),
         "W D3, B Q17, W C16", handicap=3, setup="B D16, B D4, B Q16", winner="b", file="game.gib"),
    Case("NGF", (NGF % (0, "6", "Black wins by 0.5!")).encode("euc_kr"), winner="b", file="game.ngf"),
    Case("NGF, two stones", (NGF % (2, "0", "White wins by  resign!")).replace("PMABBQQQQ\n", "").encode("cp949"),
         "W D3, B Q17, W C16", komi=0.0, handicap=2, setup="B D4, B Q16", winner="w", file="game.ngf"),
    *(
        result(text, winner, remark)
        for text, winner, remark in [
            ("黑中盘胜", "b", ""), ("白勝", "w", ""), ("黒番中押し勝ち", "b", ""),
            ("흑 불계승", "b", ""), ("백 반집승", "w", ""),
            ("白胜1/4子", "w", ""), ("B", "b", ""), ("White", "w", ""), ("黑", "b", ""), ("Black resigns", "w", ""),
            ("B+", "b", ""), ("?", None, ""), ("", None, ""), ("黑胜 白胜", None, "names no winner"),
            ("B+R][W+R", None, "RE says both"), ("黑投子", "w", ""), ("White was beaten by Black", "b", ""),
            ("B+5.5,W+R", None, "names no winner"), ("黑贴3又3/4子胜1/4子", "b", ""), ("先番4目半勝ち", "b", ""),
            ("White timeout", "b", ""), ("打掛", None, "names no winner"),
        ]
    ),
]  # fmt: skip

REFUSED = {
    "not Go": (b"(;GM[3]FF[4];W[e2e4];B[e7e5])", "GM[3]"),
    "a board too large": (b"(;GM[1]SZ[37];B[aa])", "SZ[37]"),
    "a board that is not square": (b"(;GM[1]SZ[19:13];B[aa])", "SZ[19:13]"),
    "GTP's coordinates": (sgf("", ";B[D4];W[Q16]"), "move 1"),
    "a point off the board": (sgf("", ";B[dd];W[zz]"), "move 2"),
    "two moves of one colour": (sgf("", ";B[dd]B[pp]"), "two moves"),
    "a stone set up off the board": (sgf("AB[zz]"), "[zz]"),
    "stones set up later": (sgf("", ";B[dd];AW[pp];W[dp]"), "after move 1"),
    "text between properties": (sgf("", ";B[dd] oops! ;W[pp]"), "after move 1"),
    "a record that ends early": (sgf("", ";B[dd];W[pp")[:-3], "ends in the middle"),
    "a value without an end": (sgf("GN[abc", ";B[dd];W[pp]"), "a value without an end has swallowed a move"),
    "a value whose end is escaped": (sgf("", ";B[dd]C[good\\];W[pp];B[dp]"), "a value without an end"),
    "lower case": (sgf("", ";B[dd];w[pp]"), "a property in lower case letters"),
    "a game without its end before another": (sgf()[:-2] + b"\n(;PB[x];B[aa])", "ends in the middle"),
    "GIB that was cut": ((GIB % (3, 0, 0)).split("STO 0 5")[0].encode("cp949"), "ends in the middle"),
    "GIB with a move missing": ((GIB % (3, 0, 0)).replace("STO 0 3 2 3 16\n", "").encode("cp949"), "move 2"),
    "NGF with a move missing": ((NGF % (0, "6", "")).replace("PMACWERRE\n", "").encode("cp949"), "move 2"),
    "NGF with half a move": ((NGF % (0, "6", "")).replace("PMACWERRE", "PMACWE").encode("cp949"), "move 2"),
    "nothing": (b"", "no game"),
    "words": (b"no game here (really)", "no game"),
}

ILLEGAL = {
    "occupied": (";B[dd];W[dd]", "move 2, White D16"),
    "ko": (";B[ca];W[da];B[bb];W[eb];B[cc];W[dc];B[db];W[cb];B[db]", "move 9, Black D18"),
    "suicide": (";B[ba];W[pp];B[ab];W[aa]", "move 4, White A19"),
}


def spelt(moves: object) -> str:
    return ", ".join(f"{'BW'[int(colour) - 1]} {format_vertex(index, 19)}" for colour, index in moves)  # type: ignore[attr-defined]


def in_order(setup: str) -> list[str]:
    return sorted(setup.split(", ")) if setup else []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_command_reads_the_same(case: Case, tmp_path: Path) -> None:
    path = tmp_path / case.file
    path.write_bytes(case.content)

    loaded = read_sgf(path)
    assert (spelt(loaded.moves), loaded.komi, loaded.handicap) == (case.moves, case.komi, case.handicap)
    assert in_order(spelt(loaded.setup)) == in_order(case.setup)

    reviewed = read_record(path).game
    assert spelt(reviewed.moves) == case.moves
    assert reviewed.komi == (7.5 if case.komi is None else case.komi)

    (unit,) = units_of(read_sources([path]))
    packed = pack_unit(unit, 19, Selection())
    assert not packed.skipped
    komi_packed, handicap, winner, *_ = packed.games[0]
    assert len(packed.rows[0]) == len(reviewed.moves)
    assert (str(komi_packed), handicap) == (str("nan" if case.komi is None else case.komi), case.handicap)
    assert {0: None, 1: "b", 2: "w"}[winner] == case.winner
    last = [(2 - bool(not row[-2] & 1), int(row[-6]) + 256 * int(row[-5])) for row in packed.rows[0]]
    assert spelt(last) == case.moves

    (rated,) = read_games([path])
    assert isinstance(rated, GameRecord)
    assert spelt((int(colour), index) for colour, index in rated.moves) == case.moves
    assert (rated.komi, rated.handicap, rated.result.winner) == (
        case.komi,
        case.handicap,
        COLOURS.get(case.winner or ""),
    )

    checked = check_records([path])
    assert checked.report.games == 1
    for remarks in (rated.remarks, tuple(checked.report.remarks)):
        assert any(case.remark in remark for remark in remarks) if case.remark else remarks == ()


def reasons(path: Path) -> dict[str, str]:
    """Each command's reason to refuse the record."""
    found: dict[str, str] = {}
    for name, read in (("loadsgf", read_sgf), ("review", read_record)):
        with pytest.raises(RecordError) as refused:
            read(path)  # type: ignore[operator]
        found[name] = refused.value.problem
    report = check_records([path]).report
    found["data check"] = " ".join([*report.skipped, *report.examples.values()])
    game, *_ = read_games([path])
    found["rate"] = "" if isinstance(game, GameRecord) else game.why
    return found


@pytest.mark.parametrize("name", REFUSED)
def test_every_command_refuses_with_a_reason(name: str, tmp_path: Path) -> None:
    content, why = REFUSED[name]
    (tmp_path / "game.sgf").write_bytes(content)
    for command, reason in reasons(tmp_path / "game.sgf").items():
        assert why in reason, command


@pytest.mark.parametrize("reason", ILLEGAL)
def test_illegal_moves_are_named_by_those_who_play_them(reason: str, tmp_path: Path) -> None:
    moves, move = ILLEGAL[reason]
    path = tmp_path / "game.sgf"
    path.write_bytes(sgf("", moves))
    with pytest.raises(RecordError, match=f"{move}, is illegal \\({reason}\\)"):
        read_record(path)
    assert move in check_records([path]).report.examples["an illegal move"]
    assert len(read_sgf(path).moves) == moves.count(";"), "the engine says what is illegal"
