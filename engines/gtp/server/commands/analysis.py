"""Commands that look into the engine: its network and its search."""

from __future__ import annotations

from engines.gtp.engine import Reports
from engines.gtp.heatmap import format_heatmap
from engines.gtp.server.analysis import Format, Request, kata_line, leela_line, parse_request
from engines.gtp.server.command_table import Arguments, Say, Streaming
from engines.gtp.server.commands.arguments import colour, move_text, read, symmetry
from engines.gtp.server.commands.registry import INSIGHT
from engines.gtp.server.session import GtpSession
from lzeval.go.points import format_vertex

ANALYSIS = "[ARGUMENT...]"
LEAST_THOUSANDTHS = 10
MOST_LABELS = 20


@INSIGHT(
    "heatmap",
    "[SYMMETRY]",
    "Policy in thousandths and winrate, on standard error, under a symmetry 0 to 7 or `average`.",
)
def _heatmap(session: GtpSession, args: Arguments) -> str:
    chosen = read(symmetry, args[0]) if args else 0
    session.log.write(format_heatmap(session.engine.heatmap(chosen), session.size))
    return ""


@INSIGHT("clear_cache", "", "Forget evaluations, not the game.")
def _clear_cache(session: GtpSession, _args: Arguments) -> str:
    session.engine.clear_cache()
    return ""


@INSIGHT("gomill-describe_engine", "", "What plays, for the record of a game.")
def _describe_engine(session: GtpSession, _args: Arguments) -> str:
    return session.engine.describe()


@INSIGHT("gomill-explain_last_move", "", "What was behind the engine's last move.")
def _explain_last_move(session: GtpSession, _args: Arguments) -> str:
    return session.engine.explain_last_move()


@INSIGHT(
    "lz-analyze",
    ANALYSIS,
    "Search and report until input comes. A colour, the interval in hundredths of a second, `minmoves N`, "
    "and `allow` or `avoid COLOUR VERTEX,VERTEX... UNTIL`, in any order. UNTIL is in how many of the next moves, "
    "of both colours, the named colour is bound: 1 is the next move alone.",
)
def _lz_analyze(session: GtpSession, args: Arguments) -> Streaming:
    return _analyse(session, args, leela_line)


@INSIGHT(
    "kata-analyze",
    ANALYSIS,
    "The same with winrates from 0 to 1; also `rootInfo true`. No ownership, no score.",
)
def _kata_analyze(session: GtpSession, args: Arguments) -> Streaming:
    return _analyse(session, args, kata_line)


@INSIGHT(
    "lz-genmove_analyze",
    ANALYSIS,
    "Choose a move and play it, reporting as `lz-analyze`; ends with `play VERTEX`.",
)
def _lz_genmove_analyze(session: GtpSession, args: Arguments) -> Streaming:
    return _genmove_analyse(session, args, leela_line)


@INSIGHT("kata-genmove_analyze", ANALYSIS, "The same, reporting as `kata-analyze`.")
def _kata_genmove_analyze(session: GtpSession, args: Arguments) -> Streaming:
    return _genmove_analyse(session, args, kata_line)


def _analyse(session: GtpSession, args: Arguments, line: Format) -> Streaming:
    request = parse_request(args, session.to_move, session.size)

    def run(say: Say) -> None:
        reports = _reports(request, line, session.size, say)
        session.engine.analyse(request.colour, session.input_waiting, reports, request.restrictions)

    return Streaming(run)


def _genmove_analyse(session: GtpSession, args: Arguments, line: Format) -> Streaming:
    request = parse_request(args, session.to_move, session.size)

    def run(say: Say) -> None:
        reports = _reports(request, line, session.size, say)
        move = session.genmove(request.colour, reports, request.restrictions)
        say(f"play {move_text(move, session.size)}")

    return Streaming(run)


def _reports(request: Request, line: Format, size: int, say: Say) -> Reports:
    return Reports(lambda found: say(line(found, size, request)), request.interval_s, request.fewest_moves)


@INSIGHT("gogui-analyze_commands", "", "What GoGui offers in its Analyze menu.")
def _gogui_analyze_commands(_session: GtpSession, _args: Arguments) -> str:
    return "\n".join(
        [
            "gfx/Policy/lzeval-policy",
            "gfx/Visits and winrates/lzeval-visits",
            "string/Network and settings/gomill-describe_engine",
            "string/Last move explained/gomill-explain_last_move",
        ]
    )


@INSIGHT(
    "lzeval-policy", "", "The policy as GoGui's graphics: influence, and percentages of the likeliest moves."
)
def _policy(session: GtpSession, _args: Arguments) -> str:
    found, size = session.engine.heatmap("average"), session.size
    shares = [(share, point) for point, share in enumerate(found.policy) if share >= LEAST_THOUSANDTHS]
    influence = " ".join(f"{format_vertex(point, size)} {share / 1000:.3f}" for share, point in shares)
    labels = " ".join(f"{format_vertex(point, size)} {share / 10:.0f}" for share, point in shares)
    lines = [f"INFLUENCE {influence}", f"LABEL {labels}"] if shares else []
    return "\n".join([*lines, f"TEXT winrate {found.winrate:.1%}, pass {found.pass_policy / 1000:.1%}"])


@INSIGHT(
    "lzeval-visits", "[COLOUR]", "A search's visits and winrates as GoGui's graphics, without playing a move."
)
def _visits(session: GtpSession, args: Arguments) -> str:
    who, size = colour(args[0]) if args else session.to_move, session.size
    found = session.look(who)
    shown = [move for move in found.moves if move.visits and move.move < size * size][:MOST_LABELS]
    labels = " ".join(f"{format_vertex(move.move, size)} {100 * move.winrate:.0f}" for move in shown)
    most = max((move.visits for move in shown), default=1)
    influence = " ".join(f"{format_vertex(move.move, size)} {move.visits / most:.3f}" for move in shown)
    lines = [f"INFLUENCE {influence}", f"LABEL {labels}"] if shown else []
    return "\n".join([*lines, f"TEXT winrate {found.winrate:.1%}, {found.visits} visits"])
