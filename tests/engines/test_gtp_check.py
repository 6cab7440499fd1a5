from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engines.gtp_check import CLIENTS, Finding, Severity, check_engine
from engines.gtp_check.analysis import kata_line, leela_line
from engines.gtp_check.conversation import Conversation
from lzeval.cli.main import application
from tests.support.paths import FAKES
from tests.support.waiting import is_alive, wait_until

FAKE = [sys.executable, str(FAKES / "misbehaving_engine.py")]
COMPLETE = [*FAKE, "--complete"]
BREAKS, NOTICE = Severity.BREAKS, Severity.NOTICE


def findings(client: str, *flags: str, timeout_s: float = 20, size: int = 19) -> tuple[Finding, ...]:
    return check_engine([*COMPLETE, *flags], CLIENTS[client], size, timeout_s).findings


def only(client: str, *flags: str, timeout_s: float = 20) -> Finding:
    found = findings(client, *flags, timeout_s=timeout_s)
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("size", [9, 19])
def test_a_well_behaved_engine_breaks_nobody(client: str, size: int) -> None:
    assert findings(client, size=size) == ()


@pytest.mark.parametrize("client", CLIENTS)
def test_windows_line_ends_break_nobody(client: str) -> None:
    assert findings(client, "--crlf") == ()


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("flags", "received"),
    [
        (["--crash-silently-at-start"], "the program ended with status 4"),
        (["--not-gtp"], "the program ended with status 0"),
        (["--crash-on", "play"], "the program ended with status 3, last saying 'out of memory, or so'"),
        (["--hang-on", "clear_board"], "no answer within 0.5 s"),
        (["--garbage-on", "boardsize"], "5000 lines that are no answer, the last: thinking..."),
    ],
)
def test_whatever_an_engine_does_is_a_finding(client: str, flags: list[str], received: str) -> None:
    found = findings(client, *flags, timeout_s=0.5 if "--hang-on" in flags else 20)
    assert found[-1].severity is BREAKS
    assert found[-1].received == received


def test_a_hang_quotes_the_command_and_says_what_the_client_does() -> None:
    assert only("gtp2ogs", "--hang-on", "genmove", timeout_s=0.5) == Finding(
        BREAKS, "genmove black", "no answer within 0.5 s", "loses the game on time"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX's")
def test_nothing_is_left_running(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    for flags in (["--ignore-quit"], ["--hang-on", "komi"]):
        findings("sabaki", *flags, "--child-pid-to", str(note), timeout_s=0.5)  # it waits least for the end
        child = int(note.read_text())
        assert wait_until(lambda pid=child: not is_alive(pid))  # type: ignore[misc]


# Standard output


@pytest.mark.parametrize("client", ["sabaki", "lizzie", "lizzieyzy"])
def test_chatter_is_passed_over_by_those_who_look_for_a_mark(client: str) -> None:
    assert findings(client, "--chatter", "thinking") == ()


@pytest.mark.parametrize(
    ("client", "severity"),
    [("kgs", BREAKS), ("gtp2ogs", BREAKS), ("gomill", BREAKS), ("q5go", BREAKS), ("gogui", NOTICE)],
)
def test_chatter_is_not_gtp(client: str, severity: Severity) -> None:
    for flags in (["--chatter", "thinking"], ["--banner", "3"]):
        found = only(client, *flags)
        assert found.severity is severity
        assert found.received.endswith("which belongs to no answer")


def test_an_empty_line_too_many() -> None:
    found = only("gtp2ogs", "--chatter", "")
    assert found.severity is NOTICE
    assert found.received == "an empty line that ends no answer"
    assert findings("gomill", "--chatter", "") == ()


def test_two_answers_to_one_command() -> None:
    found = findings("gomill", "--answer-twice", "quit")
    assert found == (), "nobody reads on after quit"
    found = findings("kgs", "--answer-twice", "genmove")
    assert found[-1].severity is BREAKS
    assert found[-1].received == "a second answer: = pass"


@pytest.mark.parametrize("client", ["lizzie", "lizzieyzy", "q5go"])
def test_ids_have_to_come_back(client: str) -> None:
    found = check_engine(FAKE, CLIENTS[client], 19, 20).findings
    assert found[-1].received.endswith("where the id should be 1")
    assert found[-1].severity is BREAKS


def test_commands_that_come_together() -> None:
    found = only("sabaki", "--one-at-a-time", timeout_s=0.5)
    assert (found.severity, found.received) == (BREAKS, "no answer within 0.5 s")
    assert found.sent in ("version", "protocol_version", "list_commands")


# Standard error


@pytest.mark.parametrize(
    "line", ["= ready", "? what", "information: none", "playing", "Q16 -> D4", "Q16 -> 9 (V: 5%) PV: D4"]
)
def test_lizzie_reads_standard_error_too(line: str) -> None:
    found = only("lizzie", "--stderr", line)
    assert (found.severity, found.sent, found.received) == (BREAKS, "(standard error)", repr(line))
    assert findings("sabaki", "--stderr", line) == ()


@pytest.mark.parametrize(
    "line",
    [
        "  Q16 ->       4 (V: 50.94%) (N:  5.79%) PV: Q16 N18",
        "Q4 -> 4348 (V: 43.88%) (LCB: 43.81%) (N: 18.67%) PV: Q4 D16",
        "Thinking at most 36.0 seconds...",
    ],
)
def test_summaries_of_leelaz_are_known_to_lizzie(line: str) -> None:
    assert findings("lizzie", "--stderr", line) == ()


def test_a_flood_of_errors() -> None:
    found = only("lizzie", "--flood-stderr")
    assert found.severity is NOTICE
    assert found.sent == "(standard error)"
    assert findings("gogui", "--flood-stderr") == ()


# What clients ask for


@pytest.mark.parametrize(
    ("client", "flags", "severity", "sent"),
    [
        ("lizzie", ["--answer", "version=1"], BREAKS, "version"),
        ("lizzie", ["--answer", "version=0.17-dev"], BREAKS, "version"),
        ("lizzie", ["--answer", "version=3.8"], NOTICE, "version"),
        ("lizzie", ["--answer", "fixed_handicap=C3  D4"], BREAKS, "fixed_handicap 2"),
        ("lizzie", ["--refuse", "time_settings"], NOTICE, "time_settings 0 2 1"),
        ("lizzieyzy", ["--answer", "name=Somebody"], NOTICE, "name"),
        ("q5go", ["--answer", "protocol_version=3"], BREAKS, "protocol_version"),
        ("q5go", ["--answer", "known_command=false"], NOTICE, "known_command"),
        ("gomill", ["--answer", "protocol_version=3"], BREAKS, "protocol_version"),
        ("gomill", ["--answer", "place_free_handicap=C3  D4"], BREAKS, "place_free_handicap 2"),
        ("gomill", ["--answer", "place_free_handicap=C3 C3"], BREAKS, "place_free_handicap 2"),
        ("gomill", ["--answer", "play=illegal move: occupied"], BREAKS, "play b Q4"),
        ("gomill", ["--answer", "genmove=Z99"], BREAKS, "genmove b"),
        ("gomill", ["--answer", "final_score=black wins"], NOTICE, "final_score"),
        ("gtp2ogs", ["--answer", "genmove="], BREAKS, "genmove black"),
        ("gtp2ogs", ["--refuse", "set_free_handicap"], BREAKS, "set_free_handicap D4 Q16"),
        ("gtp2ogs", ["--refuse", "list_commands"], BREAKS, "list_commands"),
        ("kgs", ["--unlist", "final_status_list"], NOTICE, "list_commands"),
        ("kgs", ["--unlist", "kgs-genmove_cleanup"], NOTICE, "list_commands"),
        ("kgs", ["--unlist", "komi"], BREAKS, "list_commands"),
        ("gogui", ["--answer", "protocol_version=1"], BREAKS, "protocol_version"),
        ("gogui", ["--refuse", "komi"], NOTICE, "komi 7.5"),
        (
            "gogui",
            ["--list", "gogui-analyze_commands", "--answer", "gogui-analyze_commands=gfx/Policy/heatmap\nfilm/A/b"],
            NOTICE,
            "gogui-analyze_commands",
        ),
        ("sabaki", ["--refuse", "komi"], BREAKS, "komi 0"),
        ("sabaki", ["--unlist", "lz-analyze"], NOTICE, "list_commands"),
        ("sabaki", ["--list", "analyze"], NOTICE, "list_commands"),
        ("sabaki", ["--answer", "lz-genmove_analyze=C3"], BREAKS, "lz-genmove_analyze B 50"),
        ("sabaki", ["--refuse", "lz-analyze"], BREAKS, "lz-analyze B 50"),
    ],
)  # fmt: skip
def test_a_wrong_answer(client: str, flags: list[str], severity: Severity, sent: str) -> None:
    found = only(client, *flags)
    assert found.severity is severity
    assert found.sent.lstrip("0123456789 ") == sent


@pytest.mark.parametrize("client", ["lizzie", "gtp2ogs"])
def test_a_size_of_two_numbers(client: str) -> None:
    found = only(client, "--one-size")
    assert (found.severity, found.sent.lstrip("0123456789 ")) == (NOTICE, "boardsize 19 19")
    assert findings("sabaki", "--one-size") == ()


def test_a_comment_has_no_answer() -> None:
    found = check_engine(FAKE, CLIENTS["gogui"], 19, 20).findings
    assert [finding.then for finding in found if finding.sent == "genmove w"] == [
        "plays no move",
        "takes it for the next command's",
    ]


# Analysis


@pytest.mark.parametrize("client", ["sabaki", "q5go"])
def test_an_analysis_has_to_end_with_an_empty_line(client: str) -> None:
    found = only(client, "--unclosed")
    assert found.severity is BREAKS
    assert found.received.startswith("no empty line between the analysis and `=")
    assert findings("lizzie", "--unclosed") == ()


def test_an_analysis_that_does_not_mind_input() -> None:
    found = only("sabaki", "--slow-stop", "1.3")
    assert (found.severity, found.sent) == (NOTICE, "protocol_version")
    found = only("sabaki", "--slow-stop", "60", timeout_s=0.5)
    assert found.severity is BREAKS
    assert found.received == "the analysis goes on after `protocol_version` within 0.5 s"


@pytest.mark.parametrize(
    ("info", "problem"),
    [
        ("info move C3 visits 9 winrate 0.46 pv C3", "0.46"),
        ("info move C3 visits 9 pv C3", "`winrate` is missing"),
        ("info move C3 visits 9 winrate 4656", "`pv` is missing"),
        ("info move Z30 visits 9 winrate 4656 pv Z30", "Z30"),
        ("info move C3 visits 9 winrate pv C3", "`winrate` has no value"),
    ],
)
def test_a_line_of_analysis_that_cannot_be_read(info: str, problem: str) -> None:
    found = only("sabaki", "--info", info)
    assert found.severity is BREAKS
    assert problem in found.received
    assert info in found.received


def test_lines_of_analysis() -> None:
    leela = "info move C3 visits 9 winrate 4656 order 0 pv C3 pass info move D4 visits 1 winrate 0 pv D4"
    kata = "info move C3 visits 9 winrate 0.4656 scoreLead 1.5 order 0 pv C3 pass"
    assert leela_line(leela, 9) == ""
    assert kata_line(kata, 9) == ""
    assert "0.4656" in leela_line(kata, 9)
    assert "4656" in kata_line(leela, 9)
    assert kata_line(kata.replace("0.4656", "1"), 9)


# The end


@pytest.mark.parametrize(("client", "severity"), [("sabaki", BREAKS), ("gomill", BREAKS), ("q5go", NOTICE)])
def test_a_program_that_stays_after_quit(
    client: str, severity: Severity, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorter(monkeypatch)
    found = only(client, "--stay")
    assert (found.severity, found.sent.split()[-1]) == (severity, "quit")


def test_a_quit_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    shorter(monkeypatch)
    silent, stays = findings("sabaki", "--hang-on", "quit")
    assert (silent.severity, silent.received) == (NOTICE, "no answer")
    assert stays.severity is BREAKS


def test_the_end_of_input_ends_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    shorter(monkeypatch)
    found = only("gtp2ogs", "--ignore-quit")
    assert (found.severity, found.sent) == (BREAKS, "(the end of the input)")


def shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait half a second where clients wait some."""
    for name in ("quit", "end_input"):
        method = getattr(Conversation, name)
        monkeypatch.setattr(
            Conversation, name, lambda self, within_s, *rest, method=method: method(self, within_s / 6, *rest)
        )


# The command


def test_the_command_prints_findings_and_sets_its_status() -> None:
    fine = CliRunner().invoke(application(), ["gtp-check", "--client", "gogui", *COMPLETE, "--crlf"])
    assert (fine.exit_code, fine.stdout) == (0, "GoGui: ok\n")
    notice = CliRunner().invoke(
        application(), ["gtp-check", "--client", "gogui", *COMPLETE, "--refuse", "komi"]
    )
    assert notice.exit_code == 0
    assert notice.stdout.splitlines()[:3] == [
        "GoGui: works",
        "  NOTICE  komi 7.5",
        "          engine:  ? no",
    ]
    arguments = [
        "--json",
        "--client",
        "kgs",
        "--client",
        "gogui",
        "--board-size",
        "9",
        *COMPLETE,
        "--banner",
        "1",
    ]
    broken = CliRunner().invoke(application(), ["gtp-check", *arguments])
    assert broken.exit_code == 1
    content = json.loads(broken.stdout)
    assert (content["breaks"], content["board_size"]) == (True, 9)
    assert content["command"] == [*COMPLETE, "--banner", "1"]
    assert [(client["client"], client["breaks"]) for client in content["clients"]] == [
        ("kgs", True),
        ("gogui", False),
    ]
    assert [finding["severity"] for finding in content["clients"][0]["findings"]] == ["BREAKS"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--client", "nobody", "engine"], "there is no client 'nobody'; there are sabaki, "),
        (["--timeout", "0", "engine"], "--timeout 0: must be"),
        (["/no/such/engine"], "cannot start /no/such/engine"),
    ],
)
def test_mistakes_of_the_user(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lzeval.cli.main import main

    monkeypatch.setattr(sys, "argv", ["lzeval", "gtp-check", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.engine
def test_leelaz_breaks_nobody(leelaz: str, shared: Path) -> None:
    weights = shared / "networks" / "lz-5x64-01-a1151640.gz"
    command = [leelaz, "--gtp", "--cpu-only", "-t", "1", "--noponder", "-v", "20", "-w", str(weights)]
    began = time.monotonic()
    assert {
        name: check_engine(command, client, 19, 60).findings for name, client in CLIENTS.items()
    } == dict.fromkeys(CLIENTS, ())
    assert time.monotonic() - began < 120


@pytest.mark.engine
def test_gnugo_breaks_those_who_want_analysis(gnugo: str) -> None:
    command = [gnugo, "--mode", "gtp", "--level", "0"]
    reports = {name: check_engine(command, CLIENTS[name], 9, 60) for name in ("sabaki", "lizzie", "gomill")}
    assert {name for name, report in reports.items() if report.breaks} == {"lizzie"}
    assert [finding.then for finding in reports["sabaki"].findings] == ["offers no analysis"]
