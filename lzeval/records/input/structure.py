"""The structure of SGF in a text, which tells of two encodings the right one, or that a letter is broken."""

from __future__ import annotations

import re

_VALUE = re.compile(r"\[[^\\\]]*(?:\\.[^\\\]]*)*\]", re.DOTALL)
_ALL_BUT_VALUES = re.compile(r"[^\[\]\\]*")
_PROPERTY = re.compile(r"[A-Z]{1,2}\[")
_BROKEN_END = re.compile(rb"[\x81-\xfe]\](?=\s*(?:[A-Z]{1,2}\s*\[|[;()]))")
"""The first half of a letter before what would be the value's end: servers cut names to a number of bytes."""


def is_well_formed(text: str) -> bool:
    """Tell whether a record's values end where they seem to, and nothing is closed or escaped outside of them.

    A value that holds the beginning of another property has swallowed that one.
    """
    if _ALL_BUT_VALUES.fullmatch(_VALUE.sub("", text)) is None:
        return False
    return not any(_PROPERTY.search(value, 1) for value in _VALUE.findall(text))


def without_broken_letters(data: bytes) -> bytes:
    """`data` with `?` for each half of a letter that would swallow the bracket behind it."""
    return _BROKEN_END.sub(b"?]", data)
