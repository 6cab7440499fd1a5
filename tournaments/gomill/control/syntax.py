"""The text of a control file into a syntax tree, without running any of it; Python 2's ways of writing included."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

LONGEST_FILE = 256 * 1024
"""Characters; what is longer is no control file that somebody wrote."""


class RefusedError(Exception):
    """Something in a control file that is wrong, or that is not evaluated here."""

    def __init__(self, line: int | None, problem: str) -> None:
        """`line` counts from 1; None where no line is to blame."""
        self.line = line
        self.problem = problem
        super().__init__(problem)


def parse_source(source: str) -> tuple[ast.Module, list[str]]:
    """The syntax tree of a control file, and notes about what was left out of it.

    Line numbers are those of the file. Raises RefusedError.
    """
    if len(source) > LONGEST_FILE:
        raise RefusedError(
            None, f"the file is longer than {LONGEST_FILE} characters, too long for a control file"
        )
    try:
        return _parse(source), []
    except RefusedError:
        modern, notes = modernise(source)
        return _parse(modern), notes


def _parse(source: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes such as "\d", which mean what they always meant
            return ast.parse(source)
    except SyntaxError as exc:
        raise RefusedError(exc.lineno, f"this is no Python: {exc.msg}") from exc
    except (ValueError, MemoryError, RecursionError) as exc:
        raise RefusedError(None, f"this is no Python that can be read: {exc}".rstrip(": ")) from exc


_TOKEN = re.compile(
    r"""
      (?P<prefix> \b(?:[uU][rR])(?=['"]) )
    | (?P<string> '''(?:\\.|[^\\])*?''' | \"\"\"(?:\\.|[^\\])*?\"\"\"
                | '(?:\\.|[^'\\\n])*' | "(?:\\.|[^"\\\n])*" )
    | (?P<comment> \#[^\n]* )
    | (?P<long> (?<![\w.]) (?:0[xX][0-9a-fA-F]+|[0-9]+)[lL]\b )
    | (?P<octal> (?<![\w.]) 0[0-7]+ (?![\w.]) )
    | (?P<word> \w+ )
    | (?P<unequal> <> )
    | (?P<continued> \\\n )
    | (?P<newline> \n )
    | (?P<open> [(\[{] )
    | (?P<close> [)\]}] )
    | (?P<end> [;:] )
    | (?P<space> [^\S\n]+ )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)


def modernise(source: str) -> tuple[str, list[str]]:
    """Python 2 in Python 3's spelling, each line where it was: print statements (left out, with a note each),
    `10L`, `0777`, `<>` and `ur''`.
    """
    notes: list[str] = []
    return "".join(_modern_tokens(source, notes)), notes


def _modern_tokens(source: str, notes: list[str]) -> Iterator[str]:
    line, depth = 1, 0
    at_start, printing = True, False
    for match in _TOKEN.finditer(source):
        kind, text = match.lastgroup, match[0]
        depth += (kind == "open") - (kind == "close")
        if printing and depth <= 0 and (kind == "newline" or text == ";"):
            printing = False
        if at_start and text == "print" and depth <= 0:
            printing = True
            notes.append(print_note(line))
            yield "pass"
        if printing:
            yield "\n" * text.count("\n")
        else:
            yield _modern(kind, text)
        line += text.count("\n")
        at_start = (depth <= 0 and kind in ("newline", "end")) or (at_start and kind in ("space", "comment"))


def _modern(kind: str | None, text: str) -> str:
    if kind == "prefix":
        return "r"
    if kind == "unequal":
        return "!="
    digits = text[:-1] if kind == "long" else text
    if kind in ("long", "octal") and len(digits) > 1 and digits.startswith("0") and digits.isdecimal():
        return f"0o{digits[1:]}"
    return digits


def print_note(line: int) -> str:
    return f"line {line}: print is ignored"
