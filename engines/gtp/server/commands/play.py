"""Commands that play."""

from __future__ import annotations

from engines.gtp.server.analysis import summary
from engines.gtp.server.command_table import Arguments
from engines.gtp.server.commands.arguments import colour, move_text, read, vertex, whole_number
from engines.gtp.server.commands.registry import PLAY
from engines.gtp.server.session import Failure, GtpSession


@PLAY("play", "COLOUR VERTEX", "Play a move, or `pass`; in any order of colours.")
def _play(session: GtpSession, args: Arguments) -> str:
    session.play(colour(args[0]), vertex(args[1], session.size))
    return ""


@PLAY("genmove", "COLOUR", "Choose a move, `pass` or `resign`, and play it.")
def _genmove(session: GtpSession, args: Arguments) -> str:
    move = session.genmove(colour(args[0]))
    found = session.engine.last_analysis() if session.tells_searches else None
    if found is not None:
        session.log.write(summary(found, session.size))
    return move_text(move, session.size)


@PLAY("reg_genmove", "COLOUR", "Choose a move without playing it.")
def _reg_genmove(session: GtpSession, args: Arguments) -> str:
    return move_text(session.engine.genmove(colour(args[0]), session.interrupted), session.size)


@PLAY("undo", "", "Take back the last move; handicap stones stay.")
def _undo(session: GtpSession, _args: Arguments) -> str:
    session.undo()
    return ""


@PLAY("kgs-game_over", "", "Accepted: the game has ended.")
def _game_over(_session: GtpSession, _args: Arguments) -> str:
    return ""


@PLAY("gg-undo", "[MOVES]", "Take back so many moves, or one; all of them or none.")
def _gg_undo(session: GtpSession, args: Arguments) -> str:
    count = read(whole_number, args[0]) if args else 1
    if count > len(session.moves):
        raise Failure("cannot undo")
    for _ in range(count):
        session.undo()
    return ""


@PLAY("gogui-play_sequence", "COLOUR_VERTEX...", "Play several moves; all of them or none.")
def _gogui_play_sequence(session: GtpSession, args: Arguments) -> str:
    if len(args) % 2:
        raise Failure("syntax error")
    size = session.size
    session.play_all(
        [(colour(who), vertex(where, size)) for who, where in zip(args[::2], args[1::2], strict=True)]
    )
    return ""


@PLAY(
    "kgs-genmove_cleanup",
    "COLOUR",
    "Choose a move and play it; no pass while the opponent has dead stones on the board.",
)
def _genmove_cleanup(session: GtpSession, args: Arguments) -> str:
    player = colour(args[0])
    move = session.engine.genmove_cleanup(player, session.interrupted)
    return move_text(session.chosen(player, move), session.size)


@PLAY("gomill-genmove_ex", "COLOUR [KEY...]", "As `genmove`; a `claim` of victory is never made.")
def _genmove_ex(session: GtpSession, args: Arguments) -> str:
    return _genmove(session, args[:1])
