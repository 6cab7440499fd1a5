"""The clients: how each reads an engine, and the session that it holds with one.

What they send and what they do about an answer is known from their sources; kgsGtp's are closed, and its manual
says it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engines.gtp_check.analysis import kata_line, leela_line
from engines.gtp_check.conversation import ClientQuirks, Conversation, SessionOverError
from engines.gtp_check.engine import CheckedEngine
from engines.gtp_check.findings import ClientReport, Effect, breaks, notice
from lzeval.go.points import COLUMNS, parse_vertex


@dataclass(frozen=True)
class Client:
    """A program that talks GTP to engines."""

    name: str
    title: str
    session: Callable[[Conversation], None]
    quirks: ClientQuirks = field(default_factory=ClientQuirks)


def check_engine(command: Sequence[str], client: Client, size: int, timeout_s: float) -> ClientReport:
    """Start the engine, hold the client's session with it, and end the engine, whatever it did.

    `timeout_s` is how long each answer may take. Raises UserError if the program cannot be started.
    """
    engine = CheckedEngine(command)
    talk = Conversation(engine, client.quirks, size, timeout_s)
    try:
        client.session(talk)
    except SessionOverError:
        pass  # the finding says why
    finally:
        engine.close(0)
    return ClientReport(client.name, client.title, tuple(talk.findings))


def _corners(size: int) -> list[str]:
    """Four points that are free of each other on boards of 5x5 and larger: bottom left, top right, the others."""
    near, far = min(3, size // 3), size - 1 - min(3, size // 3)
    places = [(near, near), (far, far), (far, near), (near, far)]
    return [f"{COLUMNS[column]}{row + 1}" for column, row in places]


# Sabaki


def _sabaki(talk: Conversation) -> None:
    first, second, third, fourth = _corners(talk.size)
    unsynced = breaks("says that the engine cannot be synced, and does without it")
    _, _, _, table = talk.pipeline(["name", "version", "protocol_version", "list_commands"])
    talk.expect(table.ok, table, breaks("believes that the engine knows no commands"))
    talk.keep_commands(table)
    talk.ask(
        "time_settings 0 2 1", notice("goes on without the time that its user set among the initial commands")
    )
    talk.ask("komi 0", unsynced)
    talk.ask(f"boardsize {talk.size}", unsynced)
    setup = [f"set_free_handicap {first} {second}"]
    if "set_free_handicap" not in talk.commands:
        setup = [f"play B {first}", f"play B {second}"]
    talk.pipeline(["clear_board", *setup, f"play W {third}"], unsynced)
    _sabaki_analysis(talk)
    if "undo" in talk.commands:
        talk.pipeline(["undo", f"play W {fourth}"], unsynced)
    _sabaki_move(talk)
    talk.ask_for_move("genmove W", breaks("plays no move"))
    talk.quit(
        3,
        notice("kills the engine 3 s after quit"),
        breaks("goes on showing the engine as running, for ever"),
    )


def _sabaki_analysis(talk: Conversation) -> None:
    name = next((name for name in ("analyze", "kata-analyze", "lz-analyze") if name in talk.commands), None)
    if name is None:
        talk.note(
            notice("offers no analysis"), "it names neither lz-analyze nor kata-analyze", "list_commands"
        )
        return
    if name == "analyze":
        talk.note(
            notice(
                "prefers it to kata-analyze and lz-analyze, and reads a winrate without a point as 1/10000"
            ),
            "it names analyze",
            "list_commands",
        )
    talk.analyse(
        f"{name} B 50",
        "protocol_version",
        kata_line if name == "kata-analyze" else leela_line,
        refused=breaks("offers an analysis, and shows none"),
        unreadable=breaks("shows no analysis, or a wrong one"),
        unclosed=breaks(
            "takes the next answer for a part of the analysis, and waits for ever for that answer"
        ),
        slow=notice("is stuck until the analysis ends"),
    )


def _sabaki_move(talk: Conversation) -> None:
    names = ("genmove_analyze", "kata-genmove_analyze", "lz-genmove_analyze")
    name = next((name for name in names if name in talk.commands), None)
    if name is not None:
        talk.genmove_analyse(
            f"{name} B 50",
            kata_line if name.startswith("kata") else leela_line,
            unreadable=breaks("shows no analysis, or a wrong one"),
            no_move=breaks("plays no move"),
        )


# Lizzie and LizzieYzy

_DEAF = "stops reading the engine's output for good"
_MANY_LINES = 10_000
_STDERR = "(standard error)"
_SUMMARY = re.compile(r" *\w+ -> *\d+ \(V: [^%)]+%\) (\(LCB: [^%)]+%\) )?\([^)]+\) PV: .+")


def _lizzie(talk: Conversation) -> None:
    first, second, third, _ = _corners(talk.size)
    other_game = breaks("passes over the refusal: the engine analyses another position than the one shown")
    name, version = talk.pipeline(["name", "version"])
    talk.expect(
        name.ok and bool(name.text), name, breaks("takes the next answer for the name, and never gets ready")
    )
    if not name.text.startswith("KataGo"):
        _lizzie_version(talk, version.text)
    talk.pipeline([f"boardsize {talk.size}", "komi 7.5", "clear_board"], other_game)
    talk.ask(
        f"boardsize {talk.size} {talk.size}",
        notice("passes over the refusal; only some of its versions send two numbers for a square board"),
    )
    talk.ask("time_settings 0 2 1", notice("plays without its limit of time"))
    handicap = talk.ask("fixed_handicap 2", other_game)
    if handicap.ok:
        talk.expect(
            _are_vertices(handicap.text, talk.size),
            handicap,
            breaks("shows other handicap stones than the engine has"),
        )
    talk.ask(f"play W {third}", other_game)
    _lizzie_analysis(talk, "lz-analyze 10", breaks("waits for ever for the engine to get ready"))
    talk.pipeline(["clear_board", f"play B {first}", f"play W {second}"], other_game)
    avoid = f"lz-analyze 10 avoid b {third} 1 avoid w {third} 1"
    _lizzie_analysis(talk, avoid, notice("shows no analysis when its user tells it to avoid a move"))
    talk.ask("undo", other_game)
    talk.ask_for_move("genmove w", breaks("plays no move"))
    _lizzie_stderr(talk)
    talk.quit(6, None, notice("says that the engine does not close its pipe, and kills it"))


def _lizzie_version(talk: Conversation, version: str) -> None:
    minor = version.split(" ")[0].split(".")[1:2]
    if not (minor and re.fullmatch("[0-9]+", minor[0])):
        talk.note(breaks(f"wants a version like 0.17; {_DEAF}"), f"the version {version!r}", "version")
    elif int(minor[0]) < 15:
        talk.note(notice("asks in a window for version 0.15 or later"), f"the version {version!r}", "version")


def _lizzie_analysis(talk: Conversation, command: str, refused: Effect) -> None:
    talk.analyse(
        command,
        "name",
        leela_line,
        refused=refused,
        unreadable=breaks("shows no analysis, or stops reading the engine's output"),
        unclosed=None,
        slow=notice("shows the analysis of the position before"),
    )


def _lizzie_stderr(talk: Conversation) -> None:
    """Standard error arrives among the answers."""
    for line in talk.stderr_lines():
        if line.startswith(("=", "?")):
            talk.note(breaks(f"takes it for an answer; {_DEAF}"), repr(line), _STDERR)
        elif line.startswith(("info", "play")):
            talk.note(breaks("takes it for analysis or for a move"), repr(line), _STDERR)
        elif " -> " in line and not _SUMMARY.match(line):
            talk.note(breaks(f"takes it for a summary of a search; {_DEAF}"), repr(line), _STDERR)
        else:
            continue
        break
    if talk.stderr_count > _MANY_LINES:
        talk.note(
            notice("reads them between the answers, and gets slow"),
            f"{talk.stderr_count} lines",
            _STDERR,
        )


def _lizzieyzy(talk: Conversation) -> None:
    first, second, _, _ = _corners(talk.size)
    other_game = breaks("passes over the refusal: the engine analyses another position than the one shown")
    name, _, table = talk.pipeline(["name", "version", "list_commands"])
    talk.keep_commands(table)
    talk.expect(table.ok, table, notice("does not know which analysis the engine offers"))
    talk.expect(
        name.text.startswith(("Leela Zero", "KataGo", "Pachi")),
        name,
        notice("names no colour in its analysis commands: it does so for Leela Zero, KataGo and Pachi only"),
    )
    talk.pipeline(["komi 7.5", f"boardsize {talk.size}", "clear_board"], other_game)
    talk.pipeline([f"play b {first}", f"play w {second}"], other_game)
    talk.pipeline(["time_settings 0 2 1", "time_left b 0 0"], notice("plays without a clock"))
    _lizzie_analysis(talk, "lz-analyze 10", notice("shows no analysis"))
    talk.ask("undo", other_game)
    talk.ask_for_move("genmove w", breaks("plays no move"))
    talk.quit(5, None, breaks("waits for ever for the engine's end"))


# q5go


def _q5go(talk: Conversation) -> None:
    first, second, third, _ = _corners(talk.size)
    invalid = breaks("says `Invalid response from GTP engine` and quits it")
    version = talk.ask("protocol_version", invalid)
    talk.expect(
        not version.ok or version.text == "2",
        version,
        breaks("quits the engine: it wants protocol version 2"),
    )
    for command in (f"boardsize {talk.size}", "clear_board", "komi 7.5"):
        talk.ask(command, invalid)
    kata, leela = (
        talk.ask(f"known_command {name}-analyze", invalid).text == "true" for name in ("kata", "lz")
    )
    moves = [f"play black {first}", f"play white {second}", f"play black {third}"]
    talk.pipeline(["clear_board", *moves, "known_command known_command"], invalid)
    if kata or leela:
        talk.analyse(
            f"{'kata' if kata else 'lz'}-analyze white 100",
            "known_command known_command",
            kata_line if kata else leela_line,
            refused=invalid,
            unreadable=breaks("shows no analysis"),
            unclosed=breaks(
                "takes the next answer for a part of the analysis, and never goes on to another position"
            ),
            slow=notice("is stuck until the analysis ends"),
        )
    else:
        talk.note(notice("offers no analysis"), "neither lz-analyze nor kata-analyze", "known_command")
    no_move = breaks("plays no move")
    if kata:
        talk.genmove_analyse(
            "kata-genmove_analyze white 100", kata_line, breaks("shows no evaluation"), no_move
        )
    elif leela:  # there is a space too many between id and name
        talk.genmove_analyse(
            " lz-genmove_analyze white 100", leela_line, breaks("shows no evaluation"), no_move
        )
    else:
        talk.ask_for_move("genmove white", no_move)
    talk.ask("undo", invalid)
    if talk.ask("known_command final_score", invalid).text == "true":
        talk.ask("final_score", invalid)
    talk.quit(5, None, notice("leaves the engine running"))


# GoGui

_ANALYZE_TYPES = {
    *(
        "bwboard",
        "cboard",
        "dboard",
        "eplist",
        "gfx",
        "hpstring",
        "hstring",
        "none",
        "param",
        "plist",
        "pspairs",
    ),
    *("pstring", "sboard", "string", "var", "varb", "varc", "varp", "varpo", "varw"),
}


def _gogui(talk: Conversation) -> None:
    first, second, third, _ = _corners(talk.size)
    unsynced = breaks("says that the engine is out of sync, and does without it")
    version = talk.ask("protocol_version")
    talk.expect(version.text != "1", version, breaks("speaks version 1 from here on"))
    talk.list_commands(breaks("does not attach the engine"))
    talk.pipeline(["name", "version"])
    for command in (f"boardsize {talk.size}", "clear_board"):
        talk.ask(command, unsynced)
    if "gogui-play_sequence" in talk.commands:
        talk.ask(f"gogui-play_sequence B {first} W {second} B {third}", unsynced)
    else:
        for move in (f"b {first}", f"w {second}", f"b {third}"):
            talk.ask(f"play {move}", unsynced)
    talk.ask("komi 7.5", notice("goes on; the engine counts with another komi"))
    talk.ask("time_settings 0 2 1", notice("goes on; the engine does not know about the clock"))
    _gogui_table(talk)
    _gogui_interrupt(talk)
    if "undo" in talk.commands:
        talk.ask("undo", unsynced)
    if "final_status_list" in talk.commands:
        talk.ask("final_status_list dead", notice("lets its user mark the dead stones"))
    talk.quit(5, None, notice("asks its user whether to kill the engine"))


def _gogui_table(talk: Conversation) -> None:
    if "gogui-analyze_commands" not in talk.commands:
        return
    table = talk.ask("gogui-analyze_commands", notice("offers no analyze commands"))
    for line in table.text.splitlines() if table.ok else []:
        kind, _, command = line.partition("/")
        if kind.strip() not in _ANALYZE_TYPES or "/" not in command:
            talk.note(
                notice("drops this analyze command"),
                f"{line!r}, which is not `type/label/command`",
                table.sent.line,
            )


def _gogui_interrupt(talk: Conversation) -> None:
    """A comment ends a search early, and never has an answer."""
    if "gogui-interrupt" in talk.commands:
        talk.ask("gogui-interrupt", notice("cannot interrupt the engine"))
    talk.ask_for_move("genmove w", breaks("plays no move"), comment="# interrupt")


# Servers


def _gtp2ogs(talk: Conversation) -> None:
    first, second, third, _ = _corners(talk.size)
    failed = breaks("counts it as a failure of the game, and resigns after a few")
    talk.list_commands(breaks("exits"))
    if "kata-list_time_settings" in talk.commands:
        talk.ask("kata-list_time_settings", failed)
    for command in (f"boardsize {talk.size}", "clear_board", "komi 7.5"):
        talk.ask(command, failed)
    talk.ask(
        f"boardsize {talk.size} {talk.size}",
        notice("fails on boards that are not square, and in old versions"),
    )
    if "set_free_handicap" in talk.commands:
        talk.ask(f"set_free_handicap {first} {second}", failed)
    talk.ask(f"play white {third}", failed)
    clocks = ["time_settings 720 30 1", "time_left black 719 0", "time_left white 30 1"]
    if "kgs-time_settings" in talk.commands:
        clocks[0] = "kgs-time_settings byoyomi 600 30 5"
    talk.pipeline([clock for clock in clocks if clock.split()[0] in talk.commands], failed)
    talk.ask_for_move("genmove black", breaks("resigns"))
    talk.end_input(5, breaks("leaves the engine running when it ends itself"))


def _kgs(talk: Conversation) -> None:
    first, _, third, fourth = _corners(talk.size)
    lost = breaks("ends, and its player loses the game")
    talk.list_commands(breaks("ends"))
    needed = [
        name for name in ("boardsize", "clear_board", "komi", "play", "genmove") if name not in talk.commands
    ]
    if needed:
        talk.note(breaks("refuses to start"), f"it names no {', '.join(needed)}", "list_commands")
    if "final_status_list" not in talk.commands:
        talk.note(notice("plays no rated games"), "it names no final_status_list", "list_commands")
    if "kgs-genmove_cleanup" not in talk.commands:
        settle = notice("cannot settle a quarrel about dead stones")
        talk.note(settle, "it names no kgs-genmove_cleanup", "list_commands")
    for command in (f"boardsize {talk.size}", "clear_board", "komi 7.5"):
        talk.ask(command, lost)
    if "kgs-time_settings" in talk.commands:
        talk.ask("kgs-time_settings byoyomi 300 10 5", lost)
    elif "time_settings" in talk.commands:
        talk.ask("time_settings 350 0 0", lost)
    talk.pipeline([f"play b {first}"], lost)
    if "time_left" in talk.commands:
        talk.ask("time_left w 300 0", lost)
    talk.ask_for_move("genmove w", lost)
    if "undo" in talk.commands:
        talk.pipeline(["undo", f"play w {third}", f"play b {fourth}"], lost)
    if "final_status_list" in talk.commands:
        talk.ask("final_status_list dead", notice("asks the opponent to agree on the dead stones"))
    if "kgs-game_over" in talk.commands:
        talk.ask("kgs-game_over", notice("goes on"))
    talk.quit(5, None, notice("leaves the engine running"))


# gomill


def _gomill(talk: Conversation) -> None:
    first, second, third, _ = _corners(talk.size)
    void = breaks("gives the game up as void")
    version = talk.ask("protocol_version")
    talk.expect(
        not version.ok or version.text == "2", version, breaks("refuses to run: it wants protocol version 2")
    )
    for command in ("name", "version", "known_command gomill-describe_engine"):
        talk.ask(command)
    for command in (f"boardsize {talk.size}", "clear_board", "komi 7.5"):
        talk.ask(command, void)
    for command in ("fixed_handicap 2", "place_free_handicap 2"):
        if talk.size >= 7:
            _gomill_handicap(talk, command)
    for command in (f"set_free_handicap {first} {second}", f"play w {third}"):
        talk.ask(command, void)
    _gomill_illegal(talk, f"play b {third}")
    talk.ask_for_move("genmove b", breaks("takes it for a forfeit"))
    if talk.ask("known_command final_score").text == "true":
        score = talk.ask("final_score", notice("has no score from this engine"))
        talk.expect(
            not score.ok or bool(re.fullmatch(r"0|[BbWw]\+.*", score.text)),
            score,
            notice("has no score from this engine"),
        )
    talk.quit(
        5, notice("records an error at the end of the game"), breaks("waits for ever for the engine's end")
    )


def _gomill_handicap(talk: Conversation, command: str) -> None:
    void = breaks("gives the game up as void")
    stones = talk.ask(command, void)
    if stones.ok:
        talk.expect(_are_vertices(stones.text, talk.size), stones, void)
    talk.ask("clear_board", void)


def _gomill_illegal(talk: Conversation, command: str) -> None:
    answer = talk.ask(command)
    talk.expect(not answer.ok, answer, notice("goes on with a game that its engines see differently"))
    talk.expect(
        answer.ok or answer.text == "illegal move",
        answer,
        breaks("blames this engine for the opponent's illegal move: it wants `illegal move`, word for word"),
    )


def _are_vertices(text: str, size: int) -> bool:
    """Tell whether an answer is different points, with single spaces between them."""
    try:
        points = [parse_vertex(vertex, size) for vertex in text.split(" ")]
    except ValueError:
        return False
    return len(set(points)) == len(points) and size * size not in points


_FATAL_NOISE = breaks("takes it for a failure, and ends")

CLIENTS = {
    client.name: client
    for client in (
        Client("sabaki", "Sabaki", _sabaki),
        Client("lizzie", "Lizzie", _lizzie, ClientQuirks(numbered=True, wrong_id=breaks(_DEAF))),
        Client("lizzieyzy", "LizzieYzy", _lizzieyzy, ClientQuirks(numbered=True, wrong_id=breaks(_DEAF))),
        Client(
            "q5go",
            "q5Go",
            _q5go,
            ClientQuirks(
                numbered=True,
                noise=breaks("says `Invalid response from GTP engine` and quits it"),
                wrong_id=breaks("says `Invalid response from GTP engine` and quits it"),
            ),
        ),
        Client("gogui", "GoGui", _gogui, ClientQuirks(noise=notice("shows a warning"))),
        Client(
            "gtp2ogs",
            "gtp2ogs (online-go.com)",
            _gtp2ogs,
            ClientQuirks(
                line_end="\r",
                silence="loses the game on time",
                noise=breaks("takes it for the answer, and counts it as a failure"),
                blank=notice("takes the next answer for an unexpected one, should the line arrive by itself"),
            ),
        ),
        Client(
            "kgs", "kgsGtp (KGS)", _kgs, ClientQuirks(silence="loses the game on time", noise=_FATAL_NOISE)
        ),
        Client(
            "gomill", "gomill ringmaster", _gomill, ClientQuirks(noise=breaks("says that this is not GTP"))
        ),
    )
}
