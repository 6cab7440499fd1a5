"""Bytes of a record into UTF-8: by a mark at the beginning, by what CA says where the bytes agree, else by detection.

A letter of Shift_JIS, Big5 or GBK may have a backslash or a bracket as its second byte. Whatever looks for brackets
must therefore come after this module; in UTF-8 no part of a letter looks like one.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Iterator
from functools import cache

from lzeval.records.input.detection import CANDIDATES, CHINESE, guess, is_in
from lzeval.records.input.structure import is_well_formed, without_broken_letters

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"\bCA\s*\[([^\]\\]*)\]")
_ROOT = re.compile(rb"\(\s*;\s*[A-Za-z]{2,30}\s*\[")
"""A bracket that may begin a game. No letter of any encoding ends in a round bracket."""
_THREE_BYTES = re.compile(rb"[\xe0-\xef][\x80-\xbf][\x80-\xbf]")
_SHIFTED = re.compile(rb"\x1b(?:\$[)@AB(]?|\([BJI])")
"""Escapes by which text in seven bits (ISO 2022) goes over to letters of two bytes."""
_SEVEN_BITS = ("iso2022_jp_ext", "iso2022_kr", "iso2022_jp_2")
_NO_RECORDS = ("utf_16", "utf_32", "utf_7")
"""No record is written in one of these without its own mark or shape."""
LOOKED_AT = 256
BLOCK = 1 << 20


@cache
def codec(declared: str) -> str:
    """Python's name of the encoding that CA names; empty if it is none that a record can be in."""
    name = declared.strip().strip("\"'")
    if name.lower().replace("_", "-") in ("gb2312", "gb-2312", "gbk", "cp936", "x-gbk", "euc-cn", "936"):
        return CHINESE  # a superset: who declares the least often writes more
    wider = {"euc-kr": "cp949", "ks-c-5601-1987": "cp949", "949": "cp949", "x-windows-949": "cp949"}
    wider |= {
        "shift-jis": "cp932",
        "sjis": "cp932",
        "x-sjis": "cp932",
        "932": "cp932",
        "windows-31j": "cp932",
    }
    wider |= {"big5": "big5hkscs", "950": "big5hkscs", "cp950": "big5hkscs", "big-5": "big5hkscs"}
    name = wider.get(name.lower().replace("_", "-"), name)
    try:
        b"x".decode(name, "replace")
        found = codecs.lookup(name).name.replace("-", "_")
    except (LookupError, ValueError):
        return ""
    return "" if found.startswith(_NO_RECORDS) else found


def as_utf8(data: bytes) -> bytes:
    """The text of `data` in UTF-8, without a mark; the same object where it is that already.

    What CA says stays as it is and no longer holds. In a collection each game has its own encoding.
    """
    marked = marked_text(data)
    if marked is not None:
        return marked.encode("utf-8")
    if data.isascii():
        return _from_seven_bits(data) if b"\x1b" in data and _SHIFTED.search(data) else data
    if _is_utf8(data) and _THREE_BYTES.search(data):
        return data  # by chance, text of another encoding is at most a few letters of two bytes
    games = list(_games(data))
    unsure = b"".join(game for game in games if not _is_sure(game))
    common = guess(unsure) if unsure else ""
    return b"".join(_game_as_utf8(game, common) for game in games)


def text_of(data: bytes) -> str:
    """The text of a file that is no record, such as a table: by its mark, by UTF-16's zeros, or as its bytes look.

    Bytes that mean nothing in the encoding become U+FFFD.
    """
    marked = marked_text(data)
    return data.decode(guess(data), "replace") if marked is None else marked


def marked_text(data: bytes) -> str | None:
    """The text of data that begins with a mark, or is UTF-16 without one; None of anything else."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    wide = _wide_without_mark(data)
    return data.decode(wide, "replace") if wide else None


def _is_sure(game: bytes) -> bool:
    """Tell whether a game's encoding is known without a look at its neighbours."""
    is_plain = game.isascii() or bool(_THREE_BYTES.search(game) and is_in(game, "utf-8"))
    return is_plain or bool(_declared_codec(game))


def _wide_without_mark(data: bytes) -> str:
    """UTF-16's name if of the beginning's letters a quarter, or more, are ASCII in it: one of their bytes is zero."""
    beginning = data[:LOOKED_AT]
    upper, lower = beginning[::2].count(0), beginning[1::2].count(0)
    if (
        len(beginning) < 4
        or 8 * max(upper, lower) < len(beginning)
        or 4 * min(upper, lower) > max(upper, lower)
    ):
        return ""  # zeros everywhere are padding
    return "utf-16-be" if upper > lower else "utf-16-le"


def _from_seven_bits(data: bytes) -> bytes:
    for name in _SEVEN_BITS:
        if is_in(data, name):
            return data.decode(name).encode("utf-8")
    return data


def _is_utf8(data: bytes) -> bool:
    """Tell whether all of it is UTF-8, without a copy of the whole."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(data)
    try:
        for start in range(0, len(data), BLOCK):
            decoder.decode(view[start : start + BLOCK], final=start + BLOCK >= len(data))
    except UnicodeDecodeError:
        return False
    return True


def _games(data: bytes) -> Iterator[bytes]:
    """`data` cut where a game may begin; a cut too many only means that a part is judged by itself."""
    starts = [0, *(match.start() for match in _ROOT.finditer(data)), len(data)]
    for start, end in itertools.pairwise(starts):
        yield data[start:end]


def _declared_codec(game: bytes) -> str:
    """The encoding that CA names, if the bytes agree with it; else empty."""
    match = _DECLARED.search(game)
    if _is_nearly_utf8(game):
        return "utf-8"  # with letters that were cut
    name = codec(match[1].decode("latin-1")) if match else ""
    if not name or not is_in(game, name):
        # A letter that was cut in two agrees with nothing
        return name if name and is_in(without_broken_letters(game), name) else ""
    one_byte = len(bytes(range(0xC0, 0x100)).decode(name, "ignore")) == 0x40
    return "" if one_byte and is_in(game, "utf-8") else name


def _is_nearly_utf8(game: bytes) -> bool:
    """Tell whether all but a few bytes are UTF-8 with letters of three bytes, twice as many at least as broken ones."""
    whole = len(_THREE_BYTES.findall(game))
    return whole > 0 and game.decode("utf-8", "replace").count("\ufffd") * 2 <= whole


def _game_as_utf8(game: bytes, common: str) -> bytes:
    """One game in UTF-8; `common` is what all that say nothing look like together."""
    if game.isascii():
        return game
    text = ""
    for name in _likely(game, common):
        text = game.decode(name, "replace")
        if is_well_formed(text):
            break
        if name != "utf-8":
            text = without_broken_letters(game).decode(name, "replace")
        if is_well_formed(text):
            break
    return text.encode("utf-8")


def _likely(game: bytes, common: str) -> Iterator[str]:
    """Encodings, the likeliest first and once more last: it stands where none makes a record of the game."""
    first = _declared_codec(game)
    if not first:
        plain = is_in(game, "utf-8") and (common == "utf-8" or _THREE_BYTES.search(game))
        first = "utf-8" if plain else common if is_in(game, common) else guess(game)
    yield first
    yield guess(game)
    yield from (name for name in CANDIDATES if is_in(game, name))
    yield first
