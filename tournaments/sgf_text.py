"""What bytes of a record mean as text: as it says, or as they look where it says nothing or the wrong thing."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

Decoder = Callable[[bytes], str]

_DECLARED = re.compile(rb"\bCA\s*\[([^\]\\]*)\]")
_HIGH = re.compile(rb"[\x80-\xff]+")
_EUC = re.compile(rb"[\xa1-\xfe]+")
_KANA = re.compile(rb"\x82[\x9f-\xf1]|\x83[\x40-\x7e\x80-\x96]")
_WIDE = ("utf_16", "utf_32", "utf_7")
"""No record is written in one of these without a mark at its beginning."""
_BRACKETS_INSIDE = frozenset(
    {"shift_jis", "cp932", "shift_jisx0213", "gbk", "gb18030", "big5", "big5hkscs", "cp949", "johab"}
)
"""Codecs whose characters may hold the bytes of `[`, `]` and the backslash."""
_JAPANESE, _CHINESE, _WESTERN = "cp932", "gb18030", "cp1252"


@cache
def codec(declared: str) -> str:
    """Python's name of the encoding that CA names; empty if it is none that a record can be in."""
    import codecs

    name = declared.strip().strip("\"'")
    if name.lower() in ("gb2312", "gbk", "cp936"):
        return _CHINESE  # a superset: who declares the least often writes more
    try:
        b"x".decode(name, "replace")
        found = codecs.lookup(name).name.replace("-", "_")
    except (LookupError, ValueError):
        return ""
    return "" if found.startswith(_WIDE) else found


def decoder(text: bytes, declared: bytes) -> Decoder:
    """Decodes values of the record `text`, whose CA is `declared`."""
    name = codec(declared.decode("latin-1")) or "utf-8"
    if not _is_in(text, name):
        name = guess(text)
    return lambda raw: raw.decode(name, "replace")


def with_plain_brackets(data: bytes) -> bytes:
    """A file's content, in UTF-8 if in its own encoding a bracket may be half of a letter."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _in_utf8(data, "utf-16")
    if data.isascii():
        return data
    written = _DECLARED.findall(data)
    declared = {codec(name.decode("latin-1")) for name in written} - {""} or {"utf-8"}
    name = declared.pop()
    if declared:
        return data  # each game as it says
    if not _is_in(data, name) and len(written) < 2:
        name = guess(data)
    return _in_utf8(data, name) if name in _BRACKETS_INSIDE and _is_in(data, name) else data


def _in_utf8(data: bytes, name: str) -> bytes:
    return _DECLARED.sub(b"CA[UTF-8]", data.decode(name, "replace").encode("utf-8"))


def _is_in(data: bytes, name: str) -> bool:
    try:
        data.decode(name)
    except UnicodeDecodeError:
        return False
    return True


def guess(data: bytes) -> str:
    """The likeliest encoding: UTF-8 if it can be; else Chinese, Japanese or Western, by how bytes above 127 stand.

    A guess, and no more: Korean and old Unix Japanese (EUC) are taken for Chinese.
    """
    if _is_in(data, "utf-8"):
        return "utf-8"
    runs = _HIGH.findall(data)
    if all(len(run) % 2 == 0 and _EUC.fullmatch(run) for run in runs) and _is_in(data, "gb2312"):
        return _CHINESE
    if _KANA.search(data) and _is_in(data, _JAPANESE):
        return _JAPANESE
    together = sum(len(run) for run in runs if len(run) > 1)
    if 2 * together > sum(map(len, runs)):
        for name in (_CHINESE, _JAPANESE):
            if _is_in(data, name):
                return name
    return _WESTERN if _is_in(data, _WESTERN) else "latin-1"
