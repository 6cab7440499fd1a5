"""GTP version 2 as text: commands and answers, without any input or output.

A command is a line `[id] name [argument ...]`; an answer is `=[id] text` or `?[id] text`, closed by an empty
line. Before a line means anything, control characters are removed, a comment from `#` on is cut, and tabs
become spaces.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
"""All but the tab, whatever some reader could take for the end of a line, and the mark before UTF-8 (BOM)."""
UTF16 = "the input is UTF-16, in which there are no commands; send UTF-8"
_DIGITS = "0123456789"


@dataclass(frozen=True)
class Command:
    """A line from the controller."""

    id: str | None
    """Digits as they were sent, to be sent back; None if there were none."""
    name: str
    """Empty where a line holds nothing but an id."""
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Response:
    """An engine's answer to one command."""

    ok: bool
    """`=` rather than `?`."""
    text: str
    """The answer without its mark, id and closing empty line; lines are separated by a line feed."""
    id: str | None = None


def clean_line(line: str) -> str:
    """`line` without control characters; tabs become spaces, the space around is stripped."""
    return _CONTROL.sub("", line).replace("\t", " ").strip(" ")


def is_utf16(line: bytes) -> bool:
    """Tell whether a stream's first line is UTF-16, with or without its mark: a zero beside each byte of ASCII."""
    text = line.removeprefix(codecs.BOM_UTF16_LE).removeprefix(codecs.BOM_UTF16_BE)
    return any(
        len(letters.strip()) > 1 and letters.isascii() and letters.decode("ascii").strip().isprintable()
        for zeros, letters in ((text[1::2], text[0::2]), (text[0::2], text[1::2]))
        if not any(zeros)
    )


def parse_command(line: str) -> Command | None:
    """The command in `line`, None if there is only space or a comment."""
    words = [word for word in clean_line(line.partition("#")[0]).split(" ") if word]
    if not words:
        return None
    identity = words.pop(0) if words[0].isascii() and words[0].isdigit() else None
    name = words.pop(0) if words else ""
    return Command(identity, name, tuple(words))


def format_answer(answer: Response) -> str:
    """`=id text` and the empty line that closes it.

    Empty lines further down in the text would close it too, and are left out.
    """
    first, *others = (_CONTROL.sub("", line).rstrip() for line in answer.text.split("\n"))
    text = "\n".join([first, *filter(None, others)])
    return f"{'=' if answer.ok else '?'}{answer.id or ''} {text}\n\n"


def format_line(text: str) -> str:
    """A line of an answer that comes bit by bit; empty it would close the answer, and is left out."""
    line = _CONTROL.sub("", text).rstrip()
    return f"{line}\n" if line else ""


def starts_answer(line: str) -> bool:
    """Tell whether `line` can be the first of an answer."""
    return line[:1] in ("=", "?")


def parse_answer(lines: list[str]) -> Response:
    """The answer in `lines`, the closing empty line left out. Raises ValueError if they do not begin one."""
    if not lines or not starts_answer(lines[0]):
        raise ValueError(f"{lines[:1]} begins no GTP answer")
    first, identity = lines[0], ""
    if first[1:2].isdigit():
        identity = first[1 : len(first) - len(first[1:].lstrip(_DIGITS))]
    text = first[1 + len(identity) :].strip()
    if len(lines) > 1:
        text = "\n".join([text, *lines[1:]])
    return Response(first[0] == "=", text, identity or None)
