"""Commands about the program itself, and those that answer before the network is loaded."""

from __future__ import annotations

from engines.gtp.server.command_table import Arguments
from engines.gtp.server.commands.registry import COMMANDS, PROGRAM
from engines.gtp.server.session import Failure, GtpSession


@PROGRAM("protocol_version", "", "The version of GTP: 2.")
def _protocol_version(_session: GtpSession, _args: Arguments) -> str:
    return "2"


@PROGRAM("name", "", "The engine's name.")
def _name(session: GtpSession, _args: Arguments) -> str:
    return session.name


@PROGRAM("version", "", "The engine's version.")
def _version(session: GtpSession, _args: Arguments) -> str:
    return session.version


@PROGRAM("known_command", "COMMAND", "`true` if the command is in this table.")
def _known_command(_session: GtpSession, args: Arguments) -> str:
    return "true" if args[0] in COMMANDS else "false"


@PROGRAM("list_commands", "", "The names in this table, one a line.")
def _list_commands(_session: GtpSession, _args: Arguments) -> str:
    return "\n".join(entry.name for entry in COMMANDS)


@PROGRAM("help", "[COMMAND]", "What a command does; of all without one.")
def _help(_session: GtpSession, args: Arguments) -> str:
    entries = [COMMANDS[args[0]]] if args else COMMANDS
    return "\n".join(f"{entry.usage}: {entry.help}" for entry in entries)


@PROGRAM("quit", "", "End the program, as the end of its input does.")
def _quit(_session: GtpSession, _args: Arguments) -> str:
    return ""  # the server stops after answering


@PROGRAM(
    "gogui-interrupt", "", "Accepted: the line `# interrupt` ends a search, whose best move is the answer."
)
def _gogui_interrupt(_session: GtpSession, _args: Arguments) -> str:
    return ""


@PROGRAM("kgs-chat", "KIND NAME [MESSAGE...]", "Somebody says something; the engine names itself.")
def _kgs_chat(session: GtpSession, _args: Arguments) -> str:
    return f"I am {session.name}, a program"


@PROGRAM("lz-setoption", "name NAME... [value VALUE]", "Refused: options are given when the program starts.")
def _lz_setoption(_session: GtpSession, _args: Arguments) -> str:
    raise Failure("options are given on the command line; see lzeval gtp --help")
