"""All commands: importing this package declares them."""

from __future__ import annotations

from engines.gtp.server.commands import analysis, clock, play, program, record, setup
from engines.gtp.server.commands.registry import COMMANDS

__all__ = ["COMMANDS", "analysis", "clock", "command_reference", "play", "program", "record", "setup"]


def command_reference() -> str:
    """The document `docs/gtp.md`: this table in Markdown."""
    groups: dict[str, list[str]] = {}
    for entry in COMMANDS:
        row = f"| `{entry.usage}` | {entry.help} |"
        groups.setdefault(entry.group, ["| Command | What it does |", "|---|---|"]).append(row)
    sections = [f"## {group}\n\n" + "\n".join(rows) for group, rows in groups.items()]
    return "\n\n".join([_INTRODUCTION, *sections, _FAILURES])


_INTRODUCTION = """\
# GTP commands

lzeval speaks version 2 of the Go Text Protocol. This page is made from the program's command table: a test
compares the two, and `pytest --rewrite-golden` writes it.

A command is a line `[id] command [arguments]`; the answer is `=[id] text` or, on failure, `?[id] reason`,
followed by an empty line. Colours are `b`, `w`, `black`, `white`; vertices are `A1` to `Z25` without the letter I, and
`pass`, in either letter case. Like KataGo, lzeval also reads `(X,Y)`, columns counted from the left and rows from the
top, both from 0. Arguments in brackets may be left out.

Numbers are decimal: `7`, `-7.5`, `.5`, `1e3`. `7_5`, `0x7`, `nan` and digits of other scripts are a `syntax error`. The
input is UTF-8, with or without a byte order mark; UTF-16 gets one `?` and ends the program with status 2.

Standard output carries answers and nothing else. The network loads while the first commands are answered; commands that
need it wait."""

_FAILURES = """\
## Failures

| Reason | When |
|---|---|
| `unknown command` | the command is not in these tables |
| `syntax error` | an argument is missing, too many, or cannot be read |
| `illegal move` | the rules forbid the move, or the point is not on the board |
| `unacceptable size` | the engine has no network for a board of that size; standard error says which it has |
| `cannot undo` | no move has been played since the game was set up |
| `board not empty` | a handicap was asked for after a move |
| `invalid number of stones` | GTP has no places for that many handicap stones on this board |
| `bad vertex list` | fewer than two handicap stones, a repeated one, a pass, or a point off the board |
| `cannot load file`, `cannot write file` | standard error says why |
| `no previous move known` | `last_move` at the start of a game |
| `internal error: ...` | a defect of lzeval: standard error has its traceback, and the program goes on |
"""
