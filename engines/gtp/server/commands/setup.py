"""Commands that set up a game."""

from __future__ import annotations

from collections.abc import Callable

from engines.gtp.server.command_table import Arguments
from engines.gtp.server.commands.arguments import colour, read, vertex, vertices, whole_number
from engines.gtp.server.commands.registry import SETUP
from engines.gtp.server.session import Failure, GtpSession
from lzeval.errors import UserError
from lzeval.go.points import parse_location
from lzeval.go.rules import KGS, NoSuchRulesError, Rules, changed, named, parse_rules
from lzeval.text.decimals import parse_number


@SETUP(
    "boardsize",
    "SIZE [HEIGHT]",
    "Start over on an empty board of that size; a height, where given, must be the same.",
)
def _boardsize(session: GtpSession, args: Arguments) -> str:
    size, *height = [read(whole_number, text) for text in args]
    if height and height[0] != size:
        raise Failure("unacceptable size")
    try:
        session.set_size(size)
    except UserError as error:
        session.log.say(str(error))
        raise Failure("unacceptable size") from error
    return ""


@SETUP("clear_board", "", "Start over; size, komi and time settings stay.")
def _clear_board(session: GtpSession, _args: Arguments) -> str:
    session.clear()
    return ""


@SETUP("komi", "KOMI", "Points for White, any decimal number.")
def _komi(session: GtpSession, args: Arguments) -> str:
    komi = read(parse_number, args[0])
    read(lambda _: session.set_komi(komi), args[0])
    return ""


@SETUP("get_komi", "", "Points for White.")
def _get_komi(session: GtpSession, _args: Arguments) -> str:
    return str(float(session.engine.komi))


@SETUP("fixed_handicap", "STONES", "Put 2 to 9 black stones where GTP says; answers where.")
def _fixed_handicap(session: GtpSession, args: Arguments) -> str:
    points = session.place_fixed_handicap(read(whole_number, args[0]))
    return vertices(points, session.size)


@SETUP(
    "place_free_handicap",
    "STONES",
    "Put black stones where the engine likes: the fixed places, and no more than those; answers where.",
)
def _place_free_handicap(session: GtpSession, args: Arguments) -> str:
    points = session.place_fixed_handicap(read(whole_number, args[0]), or_fewer=True)
    return vertices(points, session.size)


@SETUP("set_free_handicap", "VERTEX...", "Put at least two black stones there.")
def _set_free_handicap(session: GtpSession, args: Arguments) -> str:
    size = session.size
    try:
        points = [parse_location(text, size) for text in args]
    except ValueError as error:
        raise Failure("bad vertex list") from error
    session.place_handicap(points)
    return ""


@SETUP("rectangular_boardsize", "WIDTH HEIGHT", "As `boardsize`; width and height must be the same.")
def _rectangular_boardsize(session: GtpSession, args: Arguments) -> str:
    return _boardsize(session, args)


@SETUP("gogui-setup", "[COLOUR_VERTEX...]", "Start over with these stones: pairs of a colour and a vertex.")
def _gogui_setup(session: GtpSession, args: Arguments) -> str:
    if len(args) % 2:
        raise Failure("syntax error")
    stones = [
        (colour(who), vertex(where, session.size)) for who, where in zip(args[::2], args[1::2], strict=True)
    ]
    session.set_up(stones)
    return ""


@SETUP("gogui-setup_player", "COLOUR", "Say whose turn it is, until the next move.")
def _gogui_setup_player(session: GtpSession, args: Arguments) -> str:
    session.set_player(colour(args[0]))
    return ""


@SETUP("kata-get-rules", "", "The rules in force, as JSON with KataGo's keys.")
def _kata_get_rules(session: GtpSession, _args: Arguments) -> str:
    return session.engine.rules.as_json()


@SETUP(
    "kata-set-rules",
    "RULES...",
    "Rules by KataGo's names (`chinese`, `tromp-taylor`, ...), in one word or as JSON. Area scoring only; simple or "
    "positional ko; suicide of several stones or none. Names with situational superko mean positional here; no points "
    "are given for handicap stones.",
)
def _kata_set_rules(session: GtpSession, args: Arguments) -> str:
    session.engine.rules = _read(parse_rules, " ".join(args))
    return ""


@SETUP(
    "kata-set-rule",
    "KEY VALUE",
    "One of the rules: `ko SIMPLE` or `ko POSITIONAL`, `suicide true` or `false`; of others the value in force alone, "
    "and any `friendlyPassOk`.",
)
def _kata_set_rule(session: GtpSession, args: Arguments) -> str:
    session.engine.rules = _read(lambda value: changed(session.engine.rules, args[0], value), args[1])
    return ""


@SETUP("kgs-rules", "RULES", "`chinese`, `aga` or `new_zealand`, which allows suicide; others are refused.")
def _kgs_rules(session: GtpSession, args: Arguments) -> str:
    if named(args[0]) not in KGS:
        raise Failure(f"no rules this engine can play by: {args[0]}")
    session.engine.rules = KGS[named(args[0])]
    return ""


def _read(parse: Callable[[str], Rules], text: str) -> Rules:
    try:
        return read(parse, text)
    except NoSuchRulesError as error:
        raise Failure(str(error)) from error
