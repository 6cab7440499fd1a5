"""Words for parts of a weights file that are no numbers, and for first lines that are no version."""

from __future__ import annotations

import re
import unicodedata

from lzeval.network.weights_file.numbers import value_of
from lzeval.network.weights_file.text import quoted

_DECIMAL_COMMA = re.compile(rb"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_JOINT = re.compile(rb"[,;|]")
_BYTE_ORDER_MARK = "\ufeff"
_ANSI_SPACE = b"\xa0"
_NO_VERSION = "not a Leela Zero weights file: "


def why_no_number(text: bytes) -> str:
    """A reason to follow the quoted `text`, with what to do; empty where the text says it all."""
    if _DECIMAL_COMMA.fullmatch(text):
        return f", with a decimal comma: write {quoted(text.replace(b',', b'.'))}"
    parts = [part for part in _JOINT.split(text) if part]
    if _JOINT.search(text) and all(value_of(part) is not None for part in parts):
        return f": spaces are to separate numbers, not {quoted(_JOINT.findall(text)[0])}"
    return _odd_character(text) or (": digits are not grouped" if b"_" in text else "")


def _odd_character(text: bytes) -> str:
    """The first character that is not ASCII, by its name."""
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as exc:
        if text[exc.start : exc.start + 1] == _ANSI_SPACE:
            return ": byte 0xa0 is no space, but a no-break space: put plain spaces in their places"
        return f": byte 0x{text[exc.start]:02x} does not belong into a text of numbers"
    odd = next((char for char in decoded if not " " < char <= "~"), None)
    if odd is None:
        return ""
    name = f"U+{ord(odd):04X} ({unicodedata.name(odd, 'a control character')})"
    if odd == _BYTE_ORDER_MARK:
        return f": {name} is a byte order mark; remove it"
    if odd.isspace() or unicodedata.category(odd) in ("Cf", "Zs", "Zl", "Zp"):
        return f": {name} is no space that separates numbers; put a plain one in its place"
    if unicodedata.category(odd) == "Pd" or odd == "\N{MINUS SIGN}":
        return f": {name} is no minus of numbers; write '-'"
    return f": {name} belongs to no number"


def why_no_version(line: bytes) -> str:
    """The fault of a first line that is not a version, 1 or 2."""
    first = line.strip()
    if first.isdigit():
        return f"version {quoted(first)} of the format is unknown; 1 and 2 exist"
    if not first:
        return f"{_NO_VERSION}its first line is empty, and not its version, 1 or 2: remove empty lines"
    start = f"{_NO_VERSION}it starts with {quoted(first)} and not with its version, 1 or 2"
    if first.startswith(_BYTE_ORDER_MARK.encode()):
        return f"the file starts with a byte order mark (BOM) before {quoted(first[3:])}: save it as UTF-8 without one"
    parts = first.split()
    if parts[0] in (b"1", b"2") and b"\r" in first:
        return "its lines end in CR alone, as on old Macs: end them in LF"
    if parts[0] in (b"1", b"2") and all(value_of(part) is not None for part in parts[:10]):
        return "the first line is to hold the version alone, and further numbers follow it: each tensor has its line"
    if value_of(parts[0]) is not None and len(parts) > 1:
        return f"{start}: put it, 1 as a rule, on a line of its own before"
    return start + (_odd_character(first) if first[:1] in b"12" else "")
