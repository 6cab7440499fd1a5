"""The commands that lzeval's GTP server answers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from engines.gtp.engine import RESIGN, Colour, Move, Symmetry, TimeLeft, TimeSettings
from engines.gtp.heatmap import format_heatmap
from engines.gtp.protocol import parse_colour
from engines.gtp.session import Failure, Session
from engines.gtp.sgf import write_sgf
from engines.gtp.table import Arguments, CommandTable
from lzeval.core.errors import IllegalMoveError, UserError
from lzeval.core.points import LARGEST, SYMMETRIES, format_vertex, parse_vertex

COMMANDS = CommandTable()
ADMINISTRATION = "Talking to the program"
SETUP = "Setting up a game"
PLAY = "Playing"
TIME = "Time"
RECORD = "Looking at the game and keeping it"
INSIGHT = "Looking into the engine"

T = TypeVar("T")


# Reading arguments


def _read(parse: Callable[[str], T], text: str) -> T:
    """What `parse` makes of an argument. Raises Failure `syntax error` where it raises ValueError."""
    try:
        return parse(text)
    except ValueError as error:
        raise Failure("syntax error") from error


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def _duration(text: str) -> float:
    """Seconds, whole or not; some servers send a little less than nothing."""
    seconds = float(text)
    if not abs(seconds) < 1e9:
        raise ValueError(f"{text!r} is not a time")
    return max(seconds, 0.0)


def _vertex(text: str, size: int) -> int:
    """A move. Raises IllegalMoveError for a vertex of a larger board, Failure for what is no vertex."""
    try:
        return parse_vertex(text, size)
    except ValueError as error:
        _read(lambda name: parse_vertex(name, LARGEST), text)
        raise IllegalMoveError("off the board") from error


def _symmetry(text: str) -> Symmetry:
    if text.lower() == "average":
        return "average"
    number = _whole_number(text)
    if number >= SYMMETRIES:
        raise ValueError(f"there is no symmetry {number}")
    return number


def _vertices(points: list[int], size: int) -> str:
    return " ".join(format_vertex(point, size) for point in points)


# Talking to the program


@COMMANDS.command("protocol_version", "", "The version of GTP: 2.", group=ADMINISTRATION)
def _protocol_version(_session: Session, _args: Arguments) -> str:
    return "2"


@COMMANDS.command("name", "", "The engine's name.", group=ADMINISTRATION)
def _name(session: Session, _args: Arguments) -> str:
    return session.name


@COMMANDS.command("version", "", "The engine's version.", group=ADMINISTRATION)
def _version(session: Session, _args: Arguments) -> str:
    return session.version


@COMMANDS.command("known_command", "COMMAND", "`true` if the command is in this table.", group=ADMINISTRATION)
def _known_command(_session: Session, args: Arguments) -> str:
    return "true" if args[0] in COMMANDS else "false"


@COMMANDS.command("list_commands", "", "The names in this table, one a line.", group=ADMINISTRATION)
def _list_commands(_session: Session, _args: Arguments) -> str:
    return "\n".join(entry.name for entry in COMMANDS)


@COMMANDS.command("help", "[COMMAND]", "What a command does; of all without one.", group=ADMINISTRATION)
def _help(_session: Session, args: Arguments) -> str:
    entries = [COMMANDS[args[0]]] if args else COMMANDS
    return "\n".join(f"{entry.usage}: {entry.help}" for entry in entries)


@COMMANDS.command("quit", "", "End the program, as the end of its input does.", group=ADMINISTRATION)
def _quit(_session: Session, _args: Arguments) -> str:
    return ""  # the server stops after answering


# Setting up a game


@COMMANDS.command(
    "boardsize",
    "SIZE [HEIGHT]",
    "Start over on an empty board of that size; a height, where given, must be the same.",
    group=SETUP,
)
def _boardsize(session: Session, args: Arguments) -> str:
    size, *height = [_read(_whole_number, text) for text in args]
    if height and height[0] != size:
        raise Failure("unacceptable size")
    try:
        session.set_size(size)
    except UserError as error:
        session.log.say(str(error))
        raise Failure("unacceptable size") from error
    return ""


@COMMANDS.command("clear_board", "", "Start over; size, komi and time settings stay.", group=SETUP)
def _clear_board(session: Session, _args: Arguments) -> str:
    session.clear()
    return ""


@COMMANDS.command("komi", "KOMI", "Points for White.", group=SETUP)
def _komi(session: Session, args: Arguments) -> str:
    komi = _read(float, args[0])
    _read(lambda _: session.set_komi(komi), args[0])
    return ""


@COMMANDS.command("get_komi", "", "Points for White.", group=SETUP)
def _get_komi(session: Session, _args: Arguments) -> str:
    return str(float(session.engine.komi))


@COMMANDS.command(
    "fixed_handicap", "STONES", "Put 2 to 9 black stones where GTP says; answers where.", group=SETUP
)
def _fixed_handicap(session: Session, args: Arguments) -> str:
    points = session.place_fixed_handicap(_read(_whole_number, args[0]))
    return _vertices(points, session.size)


@COMMANDS.command(
    "place_free_handicap",
    "STONES",
    "Put black stones where the engine likes: the fixed places, and no more than those; answers where.",
    group=SETUP,
)
def _place_free_handicap(session: Session, args: Arguments) -> str:
    points = session.place_fixed_handicap(_read(_whole_number, args[0]), or_fewer=True)
    return _vertices(points, session.size)


@COMMANDS.command("set_free_handicap", "VERTEX...", "Put at least two black stones there.", group=SETUP)
def _set_free_handicap(session: Session, args: Arguments) -> str:
    size = session.size
    try:
        points = [parse_vertex(text, size) for text in args]
    except ValueError as error:
        raise Failure("bad vertex list") from error
    session.place_handicap(points)
    return ""


# Playing


@COMMANDS.command("play", "COLOUR VERTEX", "Play a move, or `pass`; in any order of colours.", group=PLAY)
def _play(session: Session, args: Arguments) -> str:
    colour = _read(parse_colour, args[0])
    session.play(colour, _vertex(args[1], session.size))
    return ""


def _move_text(session: Session, move: Move) -> str:
    return "resign" if move is RESIGN else format_vertex(move, session.size)


@COMMANDS.command("genmove", "COLOUR", "Choose a move, `pass` or `resign`, and play it.", group=PLAY)
def _genmove(session: Session, args: Arguments) -> str:
    return _move_text(session, session.genmove(_read(parse_colour, args[0])))


@COMMANDS.command("reg_genmove", "COLOUR", "Choose a move without playing it.", group=PLAY)
def _reg_genmove(session: Session, args: Arguments) -> str:
    return _move_text(session, session.engine.genmove(_read(parse_colour, args[0])))


@COMMANDS.command("undo", "", "Take back the last move; handicap stones stay.", group=PLAY)
def _undo(session: Session, _args: Arguments) -> str:
    session.undo()
    return ""


@COMMANDS.command("kgs-game_over", "", "Accepted: the game has ended.", group=PLAY)
def _game_over(_session: Session, _args: Arguments) -> str:
    return ""


# Time


@COMMANDS.command(
    "time_settings",
    "MAIN BYO_YOMI STONES",
    "Seconds of main time, seconds of a byo-yomi period and the moves to be made in it; 0 moves: no limit.",
    group=TIME,
)
def _time_settings(session: Session, args: Arguments) -> str:
    settings = TimeSettings(
        _read(_duration, args[0]), _read(_duration, args[1]), _read(_whole_number, args[2])
    )
    session.engine.set_time_settings(settings)
    return ""


@COMMANDS.command(
    "time_left", "COLOUR SECONDS STONES", "What a player's clock shows; 0 stones: main time.", group=TIME
)
def _time_left(session: Session, args: Arguments) -> str:
    colour = _read(parse_colour, args[0])
    session.engine.set_time_left(colour, TimeLeft(_read(_duration, args[1]), _read(_whole_number, args[2])))
    return ""


@COMMANDS.command("gomill-cpu_time", "", "The same, as gomill asks for it.", group=TIME)
@COMMANDS.command("cputime", "", "Seconds of processor time used so far.", group=TIME)
def _cpu_time(_session: Session, _args: Arguments) -> str:
    times = os.times()
    return f"{times.user + times.system + times.children_user + times.children_system:.2f}"


# Looking at the game and keeping it


@COMMANDS.command("showboard", "", "The position as a drawing.", group=RECORD)
def _showboard(session: Session, _args: Arguments) -> str:
    return "\n" + session.engine.showboard()


@COMMANDS.command("final_score", "", "`B+3.5`, `W+3.5` or `0`: area with every stone alive.", group=RECORD)
def _final_score(session: Session, _args: Arguments) -> str:
    return session.engine.final_score()


@COMMANDS.command(
    "final_status_list",
    "STATUS",
    "Stones of that status, a chain a line: all are `alive`, none `dead` or in `seki`.",
    group=RECORD,
)
def _final_status_list(session: Session, args: Arguments) -> str:
    if args[0] not in ("alive", "dead", "seki"):
        raise Failure("syntax error")
    chains = session.groups() if args[0] == "alive" else []
    return "\n".join(_vertices(chain, session.size) for chain in chains)


@COMMANDS.command("last_move", "", "`black Q16`: the last move.", group=RECORD)
def _last_move(session: Session, _args: Arguments) -> str:
    if not session.moves:
        raise Failure("no previous move known")
    return _played(session, *session.moves[-1])


@COMMANDS.command("move_history", "", "All moves in that form, the last one first.", group=RECORD)
def _move_history(session: Session, _args: Arguments) -> str:
    return "\n".join(_played(session, colour, move) for colour, move in reversed(session.moves))


def _played(session: Session, colour: Colour, move: int) -> str:
    return f"{colour.word} {format_vertex(move, session.size)}"


@COMMANDS.command(
    "loadsgf",
    "FILE... [MOVE]",
    "Set up the main line of a record, up to and without that move; a failure leaves the game as it was.",
    group=RECORD,
)
def _loadsgf(session: Session, args: Arguments) -> str:
    name, before_move = args, None
    if len(args) > 1 and args[-1].isascii() and args[-1].isdigit():
        name, before_move = args[:-1], max(_read(_whole_number, args[-1]), 1)
    try:
        session.load(Path(" ".join(name)), before_move)
    except (UserError, IllegalMoveError) as error:
        session.log.say(str(error))
        raise Failure("cannot load file") from error
    return ""


@COMMANDS.command(
    "printsgf", "[FILE...]", "The game as SGF; written to the file where one is named.", group=RECORD
)
def _printsgf(session: Session, args: Arguments) -> str:
    text = write_sgf(session.position, f"{session.name}:{session.version}")
    if not args:
        return text
    try:
        Path(" ".join(args)).write_text(text, encoding="utf-8", newline="\n")
    except (OSError, ValueError) as error:
        session.log.say(str(error))
        raise Failure("cannot write file") from error
    return ""


# Looking into the engine


@COMMANDS.command(
    "heatmap",
    "[SYMMETRY]",
    "Policy in thousandths and winrate, on standard error, under a symmetry 0 to 7 or `average`.",
    group=INSIGHT,
)
def _heatmap(session: Session, args: Arguments) -> str:
    symmetry = _read(_symmetry, args[0]) if args else 0
    session.log.write(format_heatmap(session.engine.heatmap(symmetry), session.size))
    return ""


@COMMANDS.command("clear_cache", "", "Forget evaluations, not the game.", group=INSIGHT)
def _clear_cache(session: Session, _args: Arguments) -> str:
    session.engine.clear_cache()
    return ""


@COMMANDS.command("gomill-describe_engine", "", "What plays, for the record of a game.", group=INSIGHT)
def _describe_engine(session: Session, _args: Arguments) -> str:
    return session.engine.describe()


@COMMANDS.command("gomill-explain_last_move", "", "What was behind the engine's last move.", group=INSIGHT)
def _explain_last_move(session: Session, _args: Arguments) -> str:
    return session.engine.explain_last_move()


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
compares the two, and `pytest --rewrite-golden` writes the page anew.

A command is a line `[id] command [arguments]`; the answer is `=[id] text` or, where it cannot be done,
`?[id] reason`, followed by an empty line. Colours are `b`, `w`, `black`, `white`; vertices are `A1` to `Z25`
without the letter I, and `pass`; neither minds the case. Arguments in brackets may be left out.

Standard output carries answers and nothing else. The network is loaded while the first commands are answered:
those that need it wait."""

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
