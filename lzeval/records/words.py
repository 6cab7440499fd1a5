"""Numbers as records write them: in digits of any script, with halves, fractions and the units of Go."""

from __future__ import annotations

import re
import unicodedata

_UNITS_OF_STONES = r"子|zi(?![a-z])|stones?"
"""Chinese counting: the winner's half of the difference in area, so a stone is two points."""
_UNITS_OF_POINTS = r"目|집|점|호|點|点|分|points?|pts?\.?|moku"
_DIGITS = {letter: value for value, letter in enumerate("零一二三四五六七八九")}
_DIGITS |= {"〇": 0, "两": 2, "兩": 2, "壹": 1, "贰": 2, "叁": 3, "肆": 4, "伍": 5}
_KOREAN = {
    "한": 1,
    "두": 2,
    "세": 3,
    "네": 4,
    "다섯": 5,
    "여섯": 6,
    "일곱": 7,
    "여덟": 8,
    "아홉": 9,
    "열": 10,
}
_HAN = re.compile(r"[零〇一二三四五六七八九十百两兩壹贰叁肆伍]+")
_OF = re.compile(r"(\d+)\s*分\s*之?\s*(\d+)")
_KOREAN_NUMBER = re.compile(rf"({'|'.join(_KOREAN)})(?=\s*집)")
_NUMBER = r"\d+(?:[.,]\d+)?|[.,]\d+"
_UNIT = rf"{_UNITS_OF_STONES}|{_UNITS_OF_POINTS}"
_AMOUNT = re.compile(
    rf"(?:(?P<whole>{_NUMBER})\s*(?:(?P<early>{_UNIT})\s*(?:又|and|과|と)?|又|and|과|と|\+|(?<=\s))\s*)?"
    rf"(?P<over>\d+)\s*/\s*(?P<under>\d+)\s*(?P<unit>{_UNIT})?"
    rf"|(?P<plain>{_NUMBER})\s*(?P<its>{_UNIT})?\s*(?P<more>半|반)?"
    rf"|(?:半|반)\s*(?P<halfs>{_UNIT})?"
)
"""A fraction, alone or behind a whole number; or a number, perhaps with a half behind its unit; or a half."""
_SIGNED = re.compile(r"[-+]?[\d.,]+", re.ASCII)
_WHOLE = re.compile(r"\+?\d{1,9}(?:\.0*)?", re.ASCII)
MOST_STONES = 100
"""The largest margin in stones; a larger number is the winner's whole area."""


def normalised(text: str) -> str:
    """`text` with full-width letters and digits as ASCII, fractions as `1/2`, and in lower case."""
    plain = "".join(" " + unicodedata.normalize("NFKC", c) if c in "½¼¾" else c for c in text)
    return unicodedata.normalize("NFKC", plain).replace("\u2044", "/").lower().strip()


def amount(text: str) -> float | None:
    """The first amount in `text`, as `normalised` writes it, in points; None if there is none.

    A number without a unit is one of points. Stones of Chinese counting are two points each: `3/4子` is 1.5.
    """
    return _points(_AMOUNT.search(with_digits(text)))


def amount_alone(text: str) -> float | None:
    """The amount where `text` holds nothing else; else None."""
    return _points(_AMOUNT.fullmatch(with_digits(text).strip()))


def whole_number(text: str) -> int | None:
    """The only number in `text`, as `normalised` writes it, if it is a whole one, with whatever words beside it."""
    found = _SIGNED.findall(with_digits(text))
    return int(float(found[0])) if len(found) == 1 and _WHOLE.fullmatch(found[0]) else None


def _points(match: re.Match[str] | None) -> float | None:
    if match is None:
        return None
    if match["over"]:
        if int(match["under"]) == 0:
            return None
        value = _decimal(match["whole"] or "0") + int(match["over"]) / int(match["under"])
    elif match["plain"]:
        value = _decimal(match["plain"]) + (0.5 if match["more"] else 0.0)
    else:
        value = 0.5
    unit = match["unit"] or match["early"] or match["its"] or match["halfs"] or ""
    is_stones = re.fullmatch(_UNITS_OF_STONES, unit) or (4 * value) % 2 == 1  # no points have quarters
    if not is_stones:
        return value
    return 2 * value if value < MOST_STONES else None


def _decimal(text: str) -> float:
    return float(text.replace(",", "."))


def without_amounts(text: str) -> str:
    """`text` without what `amount` would read."""
    return _AMOUNT.sub("", with_digits(text))


def with_digits(text: str) -> str:
    """Chinese and Korean numbers in ASCII digits, `四分之三` as `3/4`."""
    digits = _HAN.sub(lambda match: str(_han_value(match[0])), text)
    digits = _KOREAN_NUMBER.sub(lambda match: str(_KOREAN[match[1]]), digits)
    return _OF.sub(r" \2/\1", digits)


def _han_value(text: str) -> int:
    """The value of a Chinese number below 1,000, such as 十二, 一百零五 or 二三 (digit by digit)."""
    if not set(text) & {"十", "百"}:
        return int("".join(str(_DIGITS[letter]) for letter in text))
    total, digit = 0, 0
    for letter in text:
        if letter in _DIGITS:
            digit = _DIGITS[letter]
        else:
            total += (digit or 1) * (100 if letter == "百" else 10)
            digit = 0
    return total + digit
