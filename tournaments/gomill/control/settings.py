"""Checks of the values of gomill's settings and of lzeval's own.

A check takes a value as it came out of the control file and returns it as it is used; it raises ValueError with
what is wrong.
"""

from __future__ import annotations

import math
import re
import reprlib
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias, TypeVar

from engines.gtp.engine import TimeSettings
from lzeval.text.decimals import parse_number
from tournaments.gomill.control.language import Configured

Check: TypeAlias = Callable[[object], object]
T = TypeVar("T")

SMALLEST_BOARD, LARGEST_BOARD = 2, 25
LARGEST_INTEGER = 2**63 - 1
"""The largest number that is an integer to gomill."""
_IDENTIFIER = re.compile(r"[-!$%&*+,.:;<=>?^_~a-zA-Z0-9]+")
_GTP_WORD = re.compile(r"[!-~\x80-\U0010ffff]+")


def brief(value: object) -> str:
    """A value for messages: however large it is, and however deep, a few words of it."""
    return value.kind if isinstance(value, Configured) else reprlib.repr(value)


def boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("is either True or False")
    return value


def whole_number(value: object) -> int:
    if not isinstance(value, int) or abs(value) > LARGEST_INTEGER:
        raise ValueError("a whole number is wanted")
    return int(value)


def positive_number(value: object) -> int:
    number = whole_number(value)
    if number < 1:
        raise ValueError(f"must be at least 1, not {number}")
    return number


def board_size(value: object) -> int:
    size = whole_number(value)
    if not SMALLEST_BOARD <= size <= LARGEST_BOARD:
        raise ValueError(f"must be from {SMALLEST_BOARD} to {LARGEST_BOARD}, not {size}")
    return size


def number(value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("a number is wanted")
    return float(value)


def seconds(value: object) -> float:
    found = number(value)
    if found <= 0:
        raise ValueError(f"must be more than 0 seconds, not {found:g}")
    return found


def text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a string is wanted")
    return value


def plain_text(value: object) -> str:
    """Text that an operating system takes for an argument or a name."""
    found = text(value)
    if "\0" in found:
        raise ValueError("holds a NUL character")
    return found


def description(value: object) -> str:
    return text(value).strip()


def identifier(value: object) -> str:
    found = text(value)
    if not _IDENTIFIER.fullmatch(found):
        raise ValueError(f"{brief(found)} is not made of letters, digits and -!$%&*+,.:;<=>?^_~")
    return found


def one_of(*choices: str) -> Check:
    def check(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"is one of {', '.join(map(repr, choices))}")
        return value

    return check


def or_none(check: Callable[[object], T]) -> Callable[[object], T | None]:
    return lambda value: None if value is None else check(value)


def items(value: object) -> list[object]:
    if not isinstance(value, list | tuple | dict | set):
        raise ValueError("a list is wanted")
    return list(value)


def pairs(value: object) -> list[tuple[object, object]]:
    """The items of a dictionary, or of a list of pairs."""
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, list | tuple) and all(isinstance(p, list | tuple) and len(p) == 2 for p in value):
        return [(key, item) for key, item in value]
    raise ValueError("a dictionary is wanted")


def texts_by_text(value: object) -> dict[str, str]:
    return {plain_text(key): plain_text(item) for key, item in pairs(value)}


def command_line(value: object) -> tuple[str, ...]:
    """A program and its arguments, out of a list or out of a line such as a shell takes."""
    if isinstance(value, str):
        words = shlex.split(plain_text(value))
    elif isinstance(value, list | tuple):
        words = [plain_text(word) for word in value]
    else:
        raise ValueError("a string or a list of strings is wanted")
    if not words or not words[0]:
        raise ValueError("no program is named")
    return tuple(words)


def gtp_commands(value: object) -> tuple[str, ...]:
    """Each a line, or a list of its words."""
    return tuple(map(_gtp_command, items(value)))


def _gtp_command(value: object) -> str:
    words = value.split() if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not words or not all(map(_is_gtp_word, words)):
        raise ValueError(f"{brief(value)} is no GTP command")
    return " ".join(words)


def _is_gtp_word(value: object) -> bool:
    return isinstance(value, str) and _GTP_WORD.fullmatch(value) is not None


def gtp_aliases(value: object) -> dict[str, str]:
    aliases = texts_by_text(value)
    for word in (*aliases, *aliases.values()):
        if not _is_gtp_word(word):
            raise ValueError(f"{brief(word)} is no GTP command")
    return aliases


def configured(kind: str) -> Callable[[object], Configured]:
    def check(value: object) -> Configured:
        if not isinstance(value, Configured) or value.kind != kind:
            raise ValueError(f"is no {kind}(...)")
        return value

    return check


def arguments(call: Configured, positional: Iterable[str], keywords: Iterable[str]) -> dict[str, object]:
    """The call's arguments by name. Raises ValueError for those that there are not, and for values given twice."""
    names = tuple(positional)
    if len(call.args) > len(names):
        raise ValueError(f"{call.kind} takes {len(names)} values without a name, not {len(call.args)}")
    found = dict(zip(names, call.args, strict=False))
    for name, value in call.kwargs.items():
        if name not in names and name not in keywords:
            raise ValueError(f"{call.kind} has no argument {name}")
        if name in found:
            raise ValueError(f"{name} is given twice")
        found[name] = value
    return found


def most_handicap_stones(size: int, style: str) -> int:
    """The most stones that gomill allows; it gives a 7x7 board no fixed ones, unlike GTP."""
    if style == "free":
        return size * size - 1
    if size <= 7:
        return 0
    return 4 if size % 2 == 0 else 9


def check_handicap(stones: int | None, style: str, size: int) -> None:
    if stones is None:
        return
    most = most_handicap_stones(size, style)
    if not 2 <= stones <= most:
        allowed = f"2 to {most} stones" if most >= 2 else "no stones"
        raise ValueError(
            f"'handicap': {size}x{size} with handicap_style={style!r} has {allowed}, not {stones}"
        )


_CLOCKS: Mapping[str, tuple[str, Callable[..., TimeSettings | None]]] = {
    "none": ("", lambda: None),
    "absolute": ("MAIN", lambda main: TimeSettings(main)),
    "canadian": (
        "MAIN PERIOD MOVES",
        lambda main, period, moves: TimeSettings(main, period, byo_yomi_stones=moves),
    ),
    "byoyomi": ("MAIN PERIOD PERIODS", lambda main, period, count: TimeSettings(main, period, periods=count)),
    "fischer": ("MAIN INCREMENT", lambda main, more: TimeSettings(main, increment_s=more)),
}


def time_control(value: object) -> TimeSettings | None:
    """A clock in the words of `kata-time_settings`: a kind, and seconds."""
    kind, *words = text(value).split() or [""]
    if kind not in _CLOCKS or len(words) != len(_CLOCKS[kind][0].split()):
        forms = (f"{name} {values}".strip() for name, (values, _) in _CLOCKS.items())
        raise ValueError(f"is one of {', '.join(map(repr, forms))}, with seconds for the words in capitals")
    numbers = [_clock_number(word) for word in words]
    if len(numbers) == 3:
        if not numbers[2].is_integer() or numbers[2] < 1 or numbers[1] <= 0:
            raise ValueError("a period has more than 0 seconds, and there is at least one move or period")
        return _CLOCKS[kind][1](numbers[0], numbers[1], int(numbers[2]))
    return _CLOCKS[kind][1](*numbers)


def _clock_number(word: str) -> float:
    try:
        found = parse_number(word)
    except ValueError:
        found = -1.0
    if found < 0:
        raise ValueError(f"{word!r} is no number of seconds")
    return found


PLAYER: Mapping[str, Check] = {
    "command": command_line,
    "cwd": or_none(plain_text),
    "environ": or_none(texts_by_text),
    "is_reliable_scorer": boolean,
    "allow_claim": boolean,
    "gtp_aliases": or_none(gtp_aliases),
    "startup_gtp_commands": or_none(gtp_commands),
    "discard_stderr": boolean,
    "sgf_player_name_from_gtp": boolean,
}
"""The arguments of Player."""
EVEN_GAME: Mapping[str, Check] = {
    "board_size": board_size,
    "komi": number,
    "move_limit": positive_number,
    "scorer": one_of("internal", "players"),
    "internal_scorer_handicap_compensation": one_of("no", "full", "short"),
}
"""The settings of games that an allplayall has."""
MATCHUP: Mapping[str, Check] = {
    **EVEN_GAME,
    "handicap": or_none(whole_number),
    "handicap_style": one_of("fixed", "free"),
    "alternating": boolean,
    "number_of_games": or_none(whole_number),
}
"""Settings of games of a playoff, each for a Matchup or for all."""
