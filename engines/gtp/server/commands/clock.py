"""Commands about time."""

from __future__ import annotations

import math
import os

from engines.gtp.engine import UNLIMITED, TimeLeft, TimeSettings
from engines.gtp.server.command_table import Arguments
from engines.gtp.server.commands.arguments import colour, duration, read, whole_number
from engines.gtp.server.commands.registry import CLOCK
from engines.gtp.server.session import Failure, GtpSession

KATA_KINDS = {"none": 0, "absolute": 1, "canadian": 3, "byoyomi": 3, "fischer": 2, "fischer-capped": 4}
"""Kinds of clocks in KataGo's words, and how many numbers describe each."""


@CLOCK(
    "time_settings",
    "MAIN BYO_YOMI STONES",
    "Seconds of main time, seconds of a byo-yomi period and the moves to be made in it; 0 moves: no limit.",
)
def _time_settings(session: GtpSession, args: Arguments) -> str:
    settings = TimeSettings(read(duration, args[0]), read(duration, args[1]), read(whole_number, args[2]))
    session.engine.set_time_settings(settings)
    return ""


@CLOCK("time_left", "COLOUR SECONDS STONES", "What a player's clock shows; 0 stones: main time.")
def _time_left(session: GtpSession, args: Arguments) -> str:
    session.engine.set_time_left(
        colour(args[0]), TimeLeft(read(duration, args[1]), read(whole_number, args[2]))
    )
    return ""


@CLOCK("gomill-cpu_time", "", "The same, as gomill asks for it.")
@CLOCK("cputime", "", "Seconds of processor time used so far.")
def _cpu_time(_session: GtpSession, _args: Arguments) -> str:
    times = os.times()
    return f"{times.user + times.system + times.children_user + times.children_system:.2f}"


@CLOCK(
    "kgs-time_settings",
    "KIND [SECONDS...]",
    "A clock in KGS's words: `none`, `absolute MAIN`, `canadian MAIN PERIOD STONES`, `byoyomi MAIN PERIOD PERIODS`.",
)
def _kgs_time_settings(session: GtpSession, args: Arguments) -> str:
    if args[0] not in ("none", "absolute", "canadian", "byoyomi"):
        raise Failure("syntax error")
    session.engine.set_time_settings(_settings(args[0], args[1:]))
    return ""


@CLOCK("kata-list_time_settings", "", "The kinds that `kata-time_settings` knows.")
def _kata_list_time_settings(_session: GtpSession, _args: Arguments) -> str:
    return " ".join(KATA_KINDS)


@CLOCK(
    "kata-time_settings",
    "KIND [SECONDS...]",
    "As `kgs-time_settings`; also `fischer MAIN INCREMENT` and `fischer-capped MAIN INCREMENT MOST_MAIN MOST_A_MOVE`: "
    "what an increment may bring main time up to, and what a move may take; `-1` is no limit.",
)
def _kata_time_settings(session: GtpSession, args: Arguments) -> str:
    session.engine.set_time_settings(_settings(args[0], args[1:]))
    return ""


def _settings(kind: str, numbers: Arguments) -> TimeSettings:
    """Raises Failure `syntax error`."""
    if kind not in KATA_KINDS or len(numbers) != KATA_KINDS[kind]:
        raise Failure("syntax error")
    if kind == "none":
        return UNLIMITED
    if kind == "fischer-capped":
        return TimeSettings(
            read(duration, numbers[0]),
            increment_s=read(duration, numbers[1]),
            most_main_s=_limit(numbers[2]),
            most_a_move_s=_limit(numbers[3]),
        )
    main_s, *others = (read(duration, number) for number in numbers)
    if kind == "absolute":
        return TimeSettings(main_s)
    if kind == "fischer":
        return TimeSettings(main_s, increment_s=others[0])
    count = read(whole_number, numbers[2])
    if kind == "canadian":
        return TimeSettings(main_s, others[0], byo_yomi_stones=count)
    return TimeSettings(main_s, others[0], periods=count)


def _limit(text: str) -> float:
    """Seconds; what is not above 0 is no limit."""
    return read(duration, text) or math.inf
