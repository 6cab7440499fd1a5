"""Game-info properties of SGF as people and servers write them, and what each of them means.

A property that the board does not need never costs a game: what cannot be read counts as not given, and is told.
Values are text between the brackets, in the order of the record; of several, the first that can be read counts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from lzeval.go.colour import Colour
from lzeval.go.points import LARGEST, SMALLEST
from lzeval.records.result import JIGO, UNKNOWN, GameResult, parse_result
from lzeval.records.words import amount_alone, normalised, whole_number, with_digits

T = TypeVar("T")

DEFAULT_SIZE = 19
PROFESSIONAL = 9
"""Distance of 1p from 0d."""
MOST_SHOWN = 40
"""Characters of a value that a remark repeats."""
INFO = ("KM", "HA", "RE", "RU", "BR", "WR")
"""Properties that `read_info` reads."""

_DECIMAL = re.compile(r"[-+]?(?:\d+[.,]?\d*|[.,]\d+)", re.ASCII)
_KOMI_WORDS = re.compile(
    r"^(?:(?:黑|黒|흑|black|(?P<white>白|백|white))\s*)?(?:贴目|貼目|贴|貼|让|讓|コミ|こみ|덤|공제|komi)?(?:出|し|き)?[\s:：]*"
)
_TERRITORY = re.compile(r"jap|日本|일본|kor|韩|韓|한국|territory", re.IGNORECASE)
HUNDREDFOLD = range(200, 1501, 25)
"""Komi that servers (Fox) write a hundredfold: 650 is 6.5. Nobody is given 200 points."""
MOST_STONES_GIVEN = 4
"""A hundredfold komi up to here is one of stones, each of two points: 375 is 3.75 stones, 7.5 points."""
_SIZE = re.compile(r"(\d{1,3})(?:\.0*)?(?:\s*[:x*]\s*(\d{1,3})(?:\.0*)?)?", re.ASCII)
_LEADING_SIZE = re.compile(r"(\d{1,3})(?!\d)", re.ASCII)
"""A size with words behind it, such as `9路`."""
BLANK = "".join(map(chr, range(33)))
"""White space and control characters."""
_GO = frozenset({"go", "igo", "weiqi", "wei qi", "baduk", "围棋", "圍棋", "囲碁", "바둑"})
_NO_HANDICAP = re.compile(r"贴|貼|先|目|コミ|komi|점 ?공제|덤")
_PLAYERS: Mapping[str, Colour] = {
    **dict.fromkeys(("b", "black", "1", "黑", "黒", "흑"), Colour.BLACK),
    **dict.fromkeys(("w", "white", "2", "白", "백"), Colour.WHITE),
}
_NO_RESULTS = ("?", "unknown", "unfinished", "none")
_RANK = re.compile(
    r"(?P<behind>p\s*)?(?<!\d)(?P<number>\d{1,2})\s*(?:(?P<professional>p|dp|品)|(?P<dan>[d段단])|(?P<kyu>[kg级級급]))"
)
"""A number and its unit; `P9段` and `9dp` are how two servers write professionals."""
_SPELT_SUICIDE = re.compile(r"sui([01])")
"""Within KataGo's one-word form of rules, such as `koPOSITIONALscoreAREAtaxNONEsui1`."""
_WITH_SUICIDE = frozenset({"nz", "new-zealand", "tromp-taylor", "goe", "ing"})
_WITHOUT_SUICIDE = frozenset({"chinese", "japanese", "korean", "aga", "bga", "french"})


@dataclass(frozen=True, slots=True)
class GameInfo:
    """Facts of a game that stand in its record beside the moves."""

    komi: float | None = None
    """Points for White; None where the record does not say."""
    handicap: int = 0
    """Handicap stones; 0 where the record names none."""
    result: GameResult = UNKNOWN
    """The result of RE; UNKNOWN where it is given twice and differs."""
    black_rank: float = math.nan
    """Black's rank as `rank_number` has it, NaN where it is not known."""
    white_rank: float = math.nan
    suicide: bool | None = None
    """True if the record's rules allow suicide; None where they are not known."""
    remarks: tuple[str, ...] = ()
    """Departures from what is written: properties that could not be read and count as not given, each in words."""


class NotGoError(ValueError):
    """A record that is none of Go on a board of a size that can be played."""

    def __init__(self, kind: str, written: str) -> None:
        """`kind` is one of two reasons, `written` the property at fault as it stands in the record."""
        self.kind, self.written = kind, written
        super().__init__(f"{kind}: {written}")


def read_size(sizes: Sequence[str], games: Sequence[str]) -> int:
    """The board's side as SZ has it, 19 where it says nothing readable; GM must not name another game.

    Raises NotGoError.
    """
    for text in map(normalised, games):
        if _DECIMAL.fullmatch(text) and float(text.replace(",", ".")) != 1:
            raise NotGoError("a record of another game than Go", f"GM[{shown(text)}]")
    for text in sizes:
        match = _size(text)
        if match is None:
            continue
        if match.re is _SIZE and match[2] and int(match[2]) != int(match[1]):
            raise NotGoError("the board is not square", f"SZ[{shown(text)}]")
        if not SMALLEST <= int(match[1]) <= LARGEST:
            raise NotGoError(f"the board has not {SMALLEST} to {LARGEST} lines", f"SZ[{shown(text)}]")
        return int(match[1])
    return DEFAULT_SIZE


def _size(text: str) -> re.Match[str] | None:
    plain = text.strip(BLANK).lower()
    return _SIZE.fullmatch(plain) or _LEADING_SIZE.match(plain)


def read_info(values: Mapping[str, Sequence[str]], size: int) -> GameInfo:
    """Facts of a game on `size` lines; `values` are those of each property, of `INFO` and, to be told, SZ and GM."""
    return _read_info(tuple((name, tuple(found)) for name, found in values.items()), size)


@lru_cache(maxsize=20_000)
def _read_info(values: tuple[tuple[str, tuple[str, ...]], ...], size: int) -> GameInfo:
    given = dict(values)
    remarks: list[str] = []

    def read(name: str, parse: Callable[[str], T | None], wrong: str) -> T | None:
        found, about_it = _first(name, given.get(name, ()), parse, wrong)
        remarks.extend(about_it)
        return found

    read("SZ", _size, "is no board size; it is taken for 19")
    read("GM", lambda text: text in _GO or bool(_DECIMAL.fullmatch(text)) or None, "is no number of a game")
    rules = " ".join(given.get("RU", ()))
    komi = read("KM", lambda text: parse_komi(text, rules), "is no komi")
    if komi is not None and abs(komi) > size * size:
        remarks.append(f"KM[{shown(given['KM'][0])}] is more than a {size}x{size} board holds")
        komi = None
    handicap = read("HA", _handicap, "is no number of handicap stones")
    return GameInfo(
        komi,
        handicap or 0,
        _result(given.get("RE", ()), remarks),
        _rank(given.get("BR", ())),
        _rank(given.get("WR", ())),
        recorded_suicide(rules),
        tuple(remarks),
    )


def _result(values: Sequence[str], remarks: list[str]) -> GameResult:
    """The result, UNKNOWN where two are given or none can be read."""
    written = [text for text in values if text.strip()]
    results = [parse_result(text) for text in written]
    if not results or results[0] == UNKNOWN:
        if written and normalised(written[0]) not in _NO_RESULTS:
            remarks.append(f"RE[{shown(written[0])}] names no winner")
        return UNKNOWN
    if results[0] == JIGO and "+" in written[0]:
        remarks.append(f"RE[{shown(written[0])}] is a win by nothing")
        return UNKNOWN
    for text, result in zip(written, results, strict=True):
        if result.outcome is not results[0].outcome:
            remarks.append(f"RE says both {shown(written[0])!r} and {shown(text)!r}")
            return UNKNOWN
    return results[0]


def _first(
    name: str, values: Sequence[str], parse: Callable[[str], T | None], wrong: str
) -> tuple[T | None, list[str]]:
    """The first value that can be read, with remarks on those that cannot and on one that says something else."""
    found: T | None = None
    remarks = []
    for written in values:
        text = normalised(written)
        meaning = parse(text) if text else None
        if meaning is None:
            remarks += [f"{name}[{shown(written)}] {wrong}"] if text else []
        elif found is None:
            found = meaning
        elif isinstance(meaning, int | float) and meaning != found:
            remarks.append(f"{name}[{shown(written)}] is a second {name} that says something else")
    return found, remarks


def parse_komi(text: str, rules: str = "") -> float | None:
    """Komi in points as `text` (as `words.normalised` writes it) has it; None if it is none.

    A decimal point or comma, a unit, words of Chinese, Japanese and Korean, stones of Chinese counting, of which one
    is two points, and a server's hundredfold.
    """
    if not _DECIMAL.fullmatch(text):
        words = _KOMI_WORDS.match(text)
        assert words is not None, "it matches nothing at least"
        points = amount_alone(text[words.end() :])
        return -points if points is not None and words["white"] else points
    komi = float(text.replace(",", ".")) + 0.0  # never -0.0
    if not math.isfinite(komi):
        return None
    if abs(komi) in HUNDREDFOLD:
        komi /= 100
        return 2 * komi if abs(komi) <= MOST_STONES_GIVEN else komi
    has_quarters = (4 * komi) % 2 == 1  # no count of points has them
    return 2 * komi if has_quarters and not _TERRITORY.search(rules) else komi


def _handicap(text: str) -> int | None:
    number = None if _NO_HANDICAP.search(text) else whole_number(text)
    return number if number is not None and 0 <= number <= LARGEST**2 else None


def parse_player(text: str) -> Colour | None:
    """The colour that PL names; None if it names none."""
    return _PLAYERS.get(normalised(text))


def _rank(values: Sequence[str]) -> float:
    ranks = (rank_number(text) for text in values)
    return next((rank for rank in ranks if not math.isnan(rank)), math.nan)


@lru_cache(maxsize=4096)
def rank_number(text: str) -> float:
    """A rank as records hold it: 1d is 1, 2d is 2, 1k is 0, 2k is -1, 1p is 10; NaN if `text` is none."""
    match = _RANK.search(with_digits(normalised(text)))
    number = int(match["number"]) if match else 0
    if match is None or number == 0:
        return math.nan
    if match["behind"] or match["professional"]:
        return number + PROFESSIONAL
    return number if match["dan"] else 1 - number


@lru_cache(maxsize=256)
def recorded_suicide(text: str) -> bool | None:
    """Tell whether rules as records name them (SGF's RU) allow suicide; None for rules that are not known."""
    spelt = _SPELT_SUICIDE.search(text)
    if spelt is not None:
        return spelt[1] == "1"
    name = re.sub(r"[\s_]+", "-", text.strip().lower())
    if name in _WITH_SUICIDE:
        return True
    return False if name in _WITHOUT_SUICIDE else None


def shown(text: str) -> str:
    """A value as a remark repeats it: on one line, and not all of a long one."""
    line = " ".join(text.split())
    return line if len(line) <= MOST_SHOWN else line[: MOST_SHOWN - 1] + "…"
