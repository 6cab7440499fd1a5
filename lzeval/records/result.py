"""The end of a game: SGF's RE, and what people and servers write there in Chinese, Japanese, Korean and English."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from lzeval.go.colour import COLOURS, Colour
from lzeval.records.words import amount, normalised, without_amounts


class Outcome(Enum):
    """The winner, where there is one. `VOID`: the game does not count. `UNKNOWN`: nobody could say who won."""

    BLACK = "b"
    WHITE = "w"
    JIGO = "jigo"
    VOID = "void"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class GameResult:
    """The end of one game."""

    outcome: Outcome
    detail: str = ""
    """The kind of a win: `R` by resignation, `T` on time, `F` by forfeit, the margin in points; empty if unknown."""
    note: str = ""
    """A remark for people, such as `hit move limit`; no part of SGF's RE."""

    @property
    def winner(self) -> Colour | None:
        if self.outcome is Outcome.BLACK:
            return Colour.BLACK
        return Colour.WHITE if self.outcome is Outcome.WHITE else None

    @property
    def is_decided(self) -> bool:
        """True if the game says something about strength: a win or a jigo."""
        return self.winner is not None or self.outcome is Outcome.JIGO

    @property
    def margin(self) -> float | None:
        """Points by which the winner won; 0 for a jigo; None where there was no count."""
        if self.outcome is Outcome.JIGO:
            return 0.0
        try:
            return float(self.detail) if self.winner else None
        except ValueError:
            return None

    def score(self, colour: Colour) -> float:
        """1 if `colour` won, 0 if it lost, 1/2 for a jigo. Raises ValueError if the game does not count."""
        if not self.is_decided:
            raise ValueError(f"a game that ended {format_result(self)!r} has no score")
        if self.winner is None:
            return 0.5
        return 1.0 if self.winner == colour else 0.0


JIGO = GameResult(Outcome.JIGO)
VOID = GameResult(Outcome.VOID)
UNKNOWN = GameResult(Outcome.UNKNOWN)


def win(colour: Colour, detail: str | float = "", note: str = "") -> GameResult:
    """A win of `colour`, with the points of its margin or one of the letters of `GameResult.detail`."""
    text = detail if isinstance(detail, str) else _format_margin(detail)
    return GameResult(Outcome(colour.letter), text, note)


_WIN = re.compile(r"(b|w|black|white)\s*\+\s*(.*)", re.IGNORECASE | re.DOTALL)
_ANOTHER_WIN = re.compile(r"(?:\b[bw]|black|white)\s*\+", re.IGNORECASE)
_WORDS = {"r": "R", "resign": "R", "t": "T", "time": "T", "f": "F", "forfeit": "F"}
_JIGO_WORDS = ("0", "draw", "jigo")


@lru_cache(maxsize=4096)
def parse_result(text: str) -> GameResult:
    """The meaning of SGF's RE property. A text that no program agreed on the meaning of is UNKNOWN."""
    plain = text.strip() if text.isascii() else normalised(text)
    if plain.lower() in _JIGO_WORDS:
        return JIGO
    if plain.lower() == "void":
        return VOID
    match = _WIN.fullmatch(plain)
    if match is None:
        return _in_words(normalised(plain))
    colour = COLOURS[match[1].lower()]
    word = match[2].strip()
    if _ANOTHER_WIN.search(word):
        return UNKNOWN
    if word.lower() in _WORDS:
        return win(colour, _WORDS[word.lower()])
    return _win_by_points(colour, word.replace(",", "."))


_NUMBER = re.compile(r"\d+(\.\d*)?|\.\d+", re.ASCII)


def _win_by_points(colour: Colour, number: str) -> GameResult:
    if not _NUMBER.fullmatch(number):
        return win(colour, _detail(normalised(number)))
    points = float(number)
    return JIGO if points == 0 else win(colour, points)


def format_result(result: GameResult) -> str:
    """SGF's RE property: `B+3.5`, `W+R`, `B+`, `0`, `?` or `Void`."""
    if result.winner is not None:
        return f"{result.winner.letter.upper()}+{result.detail}"
    return {Outcome.JIGO: "0", Outcome.VOID: "Void"}.get(result.outcome, "?")


def _format_margin(points: float) -> str:
    return str(int(points)) if points == int(points) else repr(float(points))


# Results in words

_BLACK = r"先番|black|(?<![a-z])b(?![a-z])|黑|黒|흑"
_WHITE = r"white|(?<![a-z])w(?![a-z])|白|백"
_COLOUR = re.compile(rf"(?P<b>{_BLACK})|(?P<w>{_WHITE})")
_WINS = r"wins?|won|beats?|defeat(?:s|ed)(?! by)|victory|胜|勝|胜出|赢|贏|勝ち|かち|승"
_LOST = r"beaten|defeated by|los[et]s?|lost|loss|resign(?:s|ed)|forfeit(?:s|ed)"
_LOSES = rf"{_LOST}|负|負|败|敗|投了|认输|認輸|輸|输|まけ|패"
_FAILS = r"弃权|棄權|棄権|기권|超时|超時|逾时|逾時|時間切れ|시간초과|投子|time ?out|timed out|out of time"
"""Failures that cost a game where nothing says who won; beside such a word it tells how."""
_VERDICT = re.compile(rf"(?P<loses>負け|{_LOSES})|(?P<wins>{_WINS})")
_FAILURE = re.compile(rf"(?P<loses>{_FAILS})")
_KOMI = re.compile(
    r"(?:贴|貼|コミ|こみ|덤|komi|공제)\S*?\s*[\d.又零一二三四五六七八九十]+\s*(?:[/又]?\d*/?\d*)\s*"
    r"(?:目半?|子半?|集|집반?|points?)?"
)
"""Komi, which is no margin."""
_MOVES = re.compile(r"\d+\s*(?:手|수(?![가-힣])|moves?)(?:完|まで|で)?")
"""The length of the game, which is no margin."""
_NO_RESULT = re.compile(r"void|no result|无胜负|無勝負|無效|无效|무효|무승부 ?처리")
_DRAWN = re.compile(
    r"draw|jigo|(?<![a-z])tied?(?![a-z])|和棋|和局|平局|平手|持ち?碁|持棋|ジゴ|じご|무승부|비김|빅"
)
_DETAILS = (
    ("T", re.compile(r"time|超时|超時|逾时|逾時|时间|時間|切れ負|切れ勝|時間切|시간|타임|(?<![a-z])t(?![a-z])")),
    ("F", re.compile(r"forfeit|弃权|棄權|棄権|不戦|不战|不戰|기권|반칙|反则|反則|실격|违例|犯规|(?<![a-z])f(?![a-z])")),
    ("R", re.compile(
        r"(?<![a-z])resign(?![a-z])|resignation|resigns|resigned|中盘|中盤|中押|不计|不計|投了|投子|认输|認輸|불계|중반|(?<![a-z])r(?:es)?(?![a-z])"
    )),
)  # fmt: skip
"""Ends without a count; time and forfeit first, as a loss on time may be called a resignation too."""
_NOTHING_MORE = re.compile(r"[\s:,.+番方し]*(?:by)?[\s.!]*")


def _in_words(text: str) -> GameResult:
    """A result in words, `text` as `words.normalised` writes it; UNKNOWN where it names no winner, or both."""
    text = _MOVES.sub(" ", _KOMI.sub(" ", text))
    if _NO_RESULT.search(text):
        return VOID
    winner = _winner(text)
    if winner is None:
        return JIGO if _DRAWN.search(text) and not _VERDICT.search(_DRAWN.sub("", text)) else UNKNOWN
    return win(winner, _detail(text))


def _winner(text: str) -> Colour | None:
    """The colour said to have won; None if none is, or if it cannot be told."""
    colours = list(_COLOUR.finditer(text))
    if not colours:
        return None
    verdicts = list(_VERDICT.finditer(text)) or list(_FAILURE.finditer(text))
    if not verdicts:
        named = {match.lastgroup for match in colours}
        alone = len(named) == 1 and colours[0].start() == 0 and _is_bare(text[colours[0].end() :])
        return COLOURS[colours[0].lastgroup or ""] if alone else None
    claims = {_claim(verdict, colours) for verdict in verdicts} - {None}
    return claims.pop() if len(claims) == 1 else None


def _claim(verdict: re.Match[str], colours: list[re.Match[str]]) -> Colour | None:
    """The winner by one verdict, which speaks of the colour before it, or else of the one behind."""
    before = [colour for colour in colours if colour.end() <= verdict.start()]
    behind = [colour for colour in colours if colour.start() >= verdict.end()]
    if not before and not behind:
        return None
    subject = COLOURS[(before[-1] if before else behind[0]).lastgroup or ""]
    return subject if verdict.lastgroup == "wins" else subject.opponent


def _is_bare(rest: str) -> bool:
    """Tell whether nothing but how much, or how, stands behind a colour that is to be the winner's."""
    for _, pattern in _DETAILS:
        rest = pattern.sub("", rest)
    return _NOTHING_MORE.fullmatch(without_amounts(rest)) is not None


def _detail(text: str) -> str:
    """`R`, `T`, `F` or the margin in points; empty where it is not said."""
    for letter, pattern in _DETAILS:
        if pattern.search(text):
            return letter
    points = amount(text)
    return "" if points is None or points == 0 else _format_margin(points)
