"""Commands that show the game and keep it."""

from __future__ import annotations

from pathlib import Path

from engines.gtp.server.command_table import Arguments
from engines.gtp.server.commands.arguments import played, read, vertices, whole_number
from engines.gtp.server.commands.registry import RECORD
from engines.gtp.server.session import Failure, GtpSession
from engines.gtp.sgf import write_sgf
from lzeval.errors import IllegalMoveError, UserError


@RECORD("showboard", "", "The position as a drawing.")
def _showboard(session: GtpSession, _args: Arguments) -> str:
    return "\n" + session.engine.showboard()


@RECORD("final_score", "", "`B+3.5`, `W+3.5` or `0`: area, dead stones taken off.")
def _final_score(session: GtpSession, _args: Arguments) -> str:
    return session.engine.final_score()


@RECORD(
    "final_status_list",
    "STATUS",
    "Stones of that status, a chain a line: `alive` or `dead`, as random games from here end; none in `seki`.",
)
def _final_status_list(session: GtpSession, args: Arguments) -> str:
    if args[0] not in ("alive", "dead", "seki"):
        raise Failure("syntax error")
    if args[0] == "seki":
        return ""
    dead = set(session.engine.dead_stones())
    chains = [chain for chain in session.groups() if (chain[0] in dead) == (args[0] == "dead")]
    return "\n".join(vertices(chain, session.size) for chain in chains)


@RECORD("last_move", "", "`black Q16`: the last move.")
def _last_move(session: GtpSession, _args: Arguments) -> str:
    if not session.moves:
        raise Failure("no previous move known")
    return played(*session.moves[-1], session.size)


@RECORD("move_history", "", "All moves in that form, the last one first.")
def _move_history(session: GtpSession, _args: Arguments) -> str:
    return "\n".join(played(colour, move, session.size) for colour, move in reversed(session.moves))


@RECORD(
    "loadsgf",
    "FILE... [MOVE]",
    "Set up the main line of a record, up to and without that move; a failure leaves the game as it was. "
    "Suicide is allowed or not as the record's rules (RU) say, if they are known.",
)
def _loadsgf(session: GtpSession, args: Arguments) -> str:
    name, before_move = args, None
    if len(args) > 1 and args[-1].isascii() and args[-1].isdigit():
        name, before_move = args[:-1], max(read(whole_number, args[-1]), 1)
    try:
        session.load(Path(" ".join(name)), before_move)
    except (UserError, IllegalMoveError) as error:
        session.log.say(str(error))
        raise Failure("cannot load file") from error
    return ""


@RECORD("printsgf", "[FILE...]", "The game as SGF; written to the file where one is named.")
def _printsgf(session: GtpSession, args: Arguments) -> str:
    text = write_sgf(session.position, f"{session.name}:{session.version}")
    if not args:
        return text
    try:
        Path(" ".join(args)).write_text(text, encoding="utf-8", newline="\n")
    except (OSError, ValueError) as error:
        session.log.say(f"{' '.join(args)}: {getattr(error, 'strerror', None) or 'cannot be written'}")
        raise Failure("cannot write file") from error
    return ""


@RECORD("gomill-savesgf", "FILE", "The game as SGF into a file.")
def _savesgf(session: GtpSession, args: Arguments) -> str:
    return _printsgf(session, args)


@RECORD("gogui-rules_game_id", "", "`Go`.")
def _rules_game_id(_session: GtpSession, _args: Arguments) -> str:
    return "Go"


@RECORD("gogui-rules_board_size", "", "The size of the board.")
def _rules_board_size(session: GtpSession, _args: Arguments) -> str:
    return str(session.size)


@RECORD(
    "gogui-rules_board", "", "The position in letters: `X` Black, `O` White, `.` empty, the top row first."
)
def _rules_board(session: GtpSession, _args: Arguments) -> str:
    size, stones = session.size, session.engine.stones()
    rows = [stones[row * size : (row + 1) * size] for row in reversed(range(size))]
    return "\n" + "\n".join(" ".join(".XO"[cell] for cell in row) for row in rows)


@RECORD("gogui-rules_side_to_move", "", "`black` or `white`: whoever is said to move, or did not move last.")
def _rules_side_to_move(session: GtpSession, _args: Arguments) -> str:
    return session.to_move.word


@RECORD("gogui-rules_final_result", "", "The result as the engine counts it.")
def _rules_final_result(session: GtpSession, _args: Arguments) -> str:
    return session.engine.final_score()
