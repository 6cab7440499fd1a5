"""Records of servers that have formats of their own: GIB (Tygem) and NGF (Cyberoro, WBaduk), as SGF.

Neither is documented; the layout is known from the programs that read them (Sabaki's fileformats, gofish). Lines that
are not understood are left out; a move that is none stays in the SGF, where the reader refuses it by its number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lzeval.go.colour import COLOURS, Colour
from lzeval.go.points import SGF_LETTERS
from lzeval.records.info import DEFAULT_SIZE
from lzeval.records.result import UNKNOWN, format_result, parse_result, win

_GIB = re.compile(rb"\s*\\HS\b|(?!\s*\(\s*;).{0,4000}?^\s*(?:INI|STO) 0 \d+ \d+", re.DOTALL | re.MULTILINE)
_NGF_MOVE = rb"^PM[A-Z]{2}[BW][A-Z]{2}"
_NGF = re.compile(rb"(?!\s*\(\s*;).{0,2000}?" + _NGF_MOVE, re.DOTALL | re.MULTILINE)
_NGF_LINE = re.compile(r"PM(?=.{0,9}$)", re.IGNORECASE)
_GIB_BEGINS = re.compile(r"^\s*\\HS\b", re.MULTILINE)
_LOOKED_AT = 5000

_GIB_FIELD = re.compile(r"\\\[(\w+)=(.*?)\\\]", re.DOTALL)
_NAME_AND_RANK = re.compile(r"(.*?)\s*\(([^()]*)\)\s*")
_GIB_DATE = re.compile(r"C(\d{4}):\s?(\d{1,2}):\s?(\d{1,2})")
_GIB_WINS: dict[int, tuple[Colour, str]] = {
    0: (Colour.BLACK, ""),
    1: (Colour.WHITE, ""),
    3: (Colour.BLACK, "R"),
    4: (Colour.WHITE, "R"),
    7: (Colour.BLACK, "T"),
    8: (Colour.WHITE, "T"),
}
"""Kinds of result: by points, by resignation, on time."""
_NGF_PLAYER = re.compile(r"(.*?)(?:\s+(\S+))?\s*")
_NGF_RANK = re.compile(r"(\d{1,2})(DP|D|K|P)\W*", re.IGNORECASE)
_NEAR, _FAR = 3, 15
_HANDICAP_CORNERS = ((_NEAR, _FAR), (_FAR, _NEAR), (_NEAR, _NEAR), (_FAR, _FAR))
"""Column and row from the top, in the servers' order, whose third stone is not GTP's."""
_HANDICAP_SIDES = ((_NEAR, 9), (_FAR, 9), (9, _NEAR), (9, _FAR))
_CENTRE = (9, 9)
_FIRST_LETTER = ord("B")
"""NGF's name of the first column and of the top row."""


def is_gib(text: bytes) -> bool:
    """Tell whether `text` is a record of Tygem's."""
    return _GIB.match(text[:_LOOKED_AT]) is not None


def is_ngf(text: bytes) -> bool:
    """Tell whether `text` is a record of Cyberoro's or WBaduk's."""
    return _NGF.match(text[:_LOOKED_AT]) is not None


def sgf_from_gib(text: str) -> str:
    """GIB records, one after the other, as SGF. The board is 19x19."""
    starts = [match.start() for match in _GIB_BEGINS.finditer(text)] or [0]
    ends = [*starts[1:], len(text)]
    return "".join(_sgf_of_gib(text[start:end]) for start, end in zip(starts, ends, strict=True))


def _sgf_of_gib(text: str) -> str:
    fields = dict(_GIB_FIELD.findall(text))
    root: dict[str, str] = {"SZ": str(DEFAULT_SIZE)}
    for colour, name in (("B", "GAMEBLACKNAME"), ("W", "GAMEWHITENAME")):
        match = _NAME_AND_RANK.fullmatch(fields.get(name, ""))
        root[f"P{colour}"] = match[1] if match else fields.get(name, "").strip()
        root[f"{colour}R"] = match[2] if match else ""
    main, tags = fields.get("GAMEINFOMAIN", ""), fields.get("GAMETAG", "")
    tenths = next((n for n in (_number(main, "GONGJE:"), _number(tags, ",G")) if n is not None), None)
    root["KM"] = "" if tenths is None else f"{tenths / 10:g}"
    date = _GIB_DATE.search(tags)
    root["DT"] = "-".join(f"{int(part):02}" for part in date.groups()) if date else ""
    root["RE"] = _gib_result(main, tags) or fields.get("GAMERESULT", "").strip()
    root["EV"], root["PC"] = fields.get("GAMENAME", "").strip(), fields.get("GAMEPLACE", "").strip()
    stones, moves = _gib_board(text)
    is_cut = "\\GS" in text and "\\GE" not in text
    return _sgf(root, stones, moves, is_cut=is_cut)


def _number(text: str, before: str) -> int | None:
    match = re.search(re.escape(before) + r"\s*(\d{1,6})", text)
    return int(match[1]) if match else None


def _gib_result(main: str, tags: str) -> str:
    """RE by the numbers of the record; empty where they name no winner."""
    for text, kind_at, points_at in ((main, "GRLT:", "ZIPSU:"), (tags, ",W", ",Z")):
        kind = _GIB_WINS.get(-1 if (found := _number(text, kind_at)) is None else found)
        if kind is not None:
            winner, detail = kind
            tenths = _number(text, points_at)
            return format_result(win(winner, detail or (tenths / 10 if tenths else "")))
    return ""


def _gib_board(text: str) -> tuple[int, list[tuple[Colour, str]]]:
    """Handicap stones and moves. `INI 0 1 N` names how many stones, `STO 0 N COLOUR X Y` a move, `SKI 0 N` a pass.

    N counts up from line to line; a line that does not fit is kept as a move that is none.
    """
    handicap, before = 0, None
    moves: list[tuple[Colour, str]] = []
    for line in text.splitlines():
        words = line.split()
        kind = words[0].upper() if words else ""
        if kind == "INI" and len(words) >= 4 and words[3].isdecimal():
            handicap = int(words[3])
        if kind not in ("STO", "SKI"):
            continue
        number = int(words[2]) if len(words) > 2 and words[2].isdecimal() else None
        fits = before is None or number is None or number == before + 1
        before = number
        if kind == "SKI" and fits:
            first = Colour.WHITE if handicap > 1 else Colour.BLACK
            moves.append((moves[-1][0].opponent if moves else first, ""))
        elif fits and len(words) >= 6 and words[3] in ("1", "2"):
            moves.append((Colour(int(words[3])), _sgf_point(words[4], words[5])))
        else:
            moves.append((Colour.BLACK, line.strip()))
    return handicap, moves


def _sgf_point(column: str, row: str) -> str:
    """SGF's letters for two numbers, or the numbers, which are no point."""
    sides = (column, row)
    if all(side.isdecimal() and int(side) < len(SGF_LETTERS) for side in sides):
        return "".join(SGF_LETTERS[int(side)] for side in sides)
    return " ".join(sides)


def sgf_from_ngf(text: str) -> str:
    """An NGF record as SGF: twelve lines of facts by their places, then the moves."""
    lines = [line.strip() for line in text.splitlines()]
    facts = [line for line in lines[:12] if not re.match(_NGF_MOVE.decode(), line)]
    facts += [""] * (12 - len(facts))
    _, size, white, black, place, handicap, _, komi, date, _, result, _ = facts
    root = {"SZ": size, "PC": place, "RE": _ngf_result(result), "KM": ""}
    for colour, written in (("W", white), ("B", black)):
        root[f"P{colour}"], root[f"{colour}R"] = _ngf_player(written)
    stones = int(handicap) if handicap.isdecimal() else 0
    if re.fullmatch(r"-?\d{1,3}(?:\.\d+)?", komi):
        is_even_and_whole = stones == 0 and "." not in komi
        root["KM"] = f"{float(komi) + 0.5 * is_even_and_whole:g}"
    digits = re.match(r"(\d{4})(\d\d)(\d\d)\b", date)
    root["DT"] = "-".join(digits.groups()) if digits else ""
    return _sgf(root, stones, list(_ngf_moves(lines)))


def _ngf_player(written: str) -> tuple[str, str]:
    match = _NGF_PLAYER.fullmatch(written)
    name, rank = (match[1], match[2] or "") if match else (written, "")
    if not _NGF_RANK.fullmatch(rank):
        return written.strip(), ""
    return name, rank


def _ngf_result(written: str) -> str:
    """The server's words, such as `Black wins by 0.5!`; they name who lost in some records."""
    plain = written.rstrip("! ")
    result = parse_result(plain)
    return plain if result == UNKNOWN else format_result(result)


def _ngf_moves(lines: Sequence[str]) -> Iterator[tuple[Colour, str]]:
    """Moves `PM`, two letters for the number, the colour, column and row from the top, of which `B` is the first.

    Numbers count up from line to line (`AZ`, `BA`); a line that does not fit is kept as a move that is none.
    """
    before = None
    for line in lines:
        if not _NGF_LINE.match(line):
            continue
        if not re.match(_NGF_MOVE.decode(), line):
            yield Colour.BLACK, line
            continue
        number = 26 * ord(line[2]) + ord(line[3])
        column, row = (ord(letter) - _FIRST_LETTER for letter in line[5:7])
        fits = before is None or number == before + 1
        before = number
        point = "" if column < 0 or row < 0 else _sgf_point(str(column), str(row))
        yield COLOURS[line[4].lower()], point if fits else line


def _sgf(
    root: dict[str, str], handicap: int, moves: Sequence[tuple[Colour, str]], *, is_cut: bool = False
) -> str:
    """The record as text; what is empty is left out. The text of a record that was cut has no end either."""
    text = "(;GM[1]FF[4]CA[UTF-8]" + "".join(
        f"{name}[{_escaped(value)}]" for name, value in root.items() if value
    )
    if handicap > 9:
        text += f"HA[{handicap}]AB[more than nine]"  # nobody knows where they are
    elif handicap >= 2:
        points = (SGF_LETTERS[column] + SGF_LETTERS[row] for column, row in _handicap_points(handicap))
        text += f"HA[{handicap}]AB" + "".join(f"[{point}]" for point in points)
    nodes = "".join(f";{colour.letter.upper()}[{_escaped(point)}]" for colour, point in moves)
    return f"{text}{nodes}\n" if is_cut else f"{text}{nodes})\n"


def _handicap_points(stones: int) -> list[tuple[int, int]]:
    points = [*_HANDICAP_CORNERS[: min(stones, 4)]]
    if stones >= 6:
        points += _HANDICAP_SIDES[: 4 if stones >= 8 else 2]
    return [*points, _CENTRE] if stones >= 5 and stones % 2 else points


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("]", "\\]")
