"""Text of files that people hand over: tables and lists, in the encodings that their programs write."""

from __future__ import annotations

import codecs

from tournaments.sgf_text import guess

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, with which it begins
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
LOOKED_AT_BYTES = 1024


def text_of(content: bytes) -> str:
    """A file's text, by its mark at the beginning, by the zeros of UTF-16, or as its bytes look.

    Bytes that mean nothing in the encoding become U+FFFD.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(name, "replace")
    return content.decode(_utf_16(content) or guess(content), "replace")


def _utf_16(content: bytes) -> str:
    """Its name if `content` begins like text in it, in which one half of most of ASCII's letters is zero."""
    head = content[:LOOKED_AT_BYTES]
    upper, lower = head[::2].count(0), head[1::2].count(0)
    if max(upper, lower) * 4 < len(head[1::2]) or not head:
        return ""
    return "utf-16-be" if upper > lower else "utf-16-le"
