"""`katago:` players: one KataGo for all games, recorded, and nothing lost whatever becomes of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engines.katago import process
from engines.katago.program import program_at
from lzeval.errors import UserError
from lzeval.go.rules import DEFAULT_RULES
from lzeval.network.leela import write_network
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import read_games
from lzeval.version import __version__
from tests.support.fakes.weights_files import lived_in_network
from tests.support.katago import FakeKataGo
from tests.support.paths import SHARED
from tournaments.gomill.control_file import read_control_file
from tournaments.match.match import Match, MatchResult, plan_match, play_match
from tournaments.match.new_control_file import new_control_file
from tournaments.match.options import MatchOptions, player_options
from tournaments.runner.tournament import run

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKataGo]:
    monkeypatch.chdir(tmp_path)
    program_at.cache_clear()
    yield FakeKataGo(tmp_path, monkeypatch)
    program_at.cache_clear()


def plan(
    fake: FakeKataGo, a: str = "katago:{net}", b: str = "katago:{net},temperature=0", **others: Any
) -> Match:
    texts = [text.format(net=fake.network) for text in (a, b)]
    players = player_options(*texts, others.pop("visits", 5), others.pop("playouts", None))
    usual = {"games": 6, "size": 9, "komi": 7.0, "openings": "none", "move_limit": 80, "out": "m"}
    return plan_match(MatchOptions(players, **{**usual, **others}))


def play(match: Match) -> tuple[MatchResult, list[dict[str, Any]]]:
    told: list[dict[str, Any]] = []
    return play_match(match, listen=lambda event: told.append(dict(event))), told


def records(folder: str = "m") -> list[GameRecord]:
    games = [game for game in read_games([Path(folder) / "match.games"]) if isinstance(game, GameRecord)]
    return sorted(games, key=lambda game: game.game_id)


def test_all_games_ask_one_process_and_the_record_says_which(fake: FakeKataGo) -> None:
    match = plan(fake)
    fake.goes_wrong("once")
    play(match)
    assert len(records()) == 6
    assert fake.starts == 1
    game = records()[0]
    assert game.black_engine == "KataGo net:1.18.1"
    assert "KataGo 1.18.1, network net (sha256 " in game.black_description
    assert "5 visits, temperature 0.5 to 0.1, random symmetry" in game.black_description
    settings = json.loads(Path("m/match.json").read_text())["settings"]
    assert settings["rules"]["ko"] == "POSITIONAL"
    assert settings["rules"]["suicide"] is False
    assert [player["katago"] for player in settings["players"]] == ["1.18.1", "1.18.1"]
    (config,) = Path("m/match.katago").iterdir()
    assert "numAnalysisThreads = 6\n" in config.read_text()


def test_the_same_seed_gives_the_same_games(fake: FakeKataGo) -> None:
    play(plan(fake, out="one"))
    play(plan(fake, out="two"))
    assert [game.moves for game in records("one")] == [game.moves for game in records("two")]


@pytest.mark.parametrize("how", ["dies=40", "hangs=40", "maims=40", "error=40"])
def test_a_failure_costs_no_game_and_is_named_once(
    fake: FakeKataGo, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(process, "SILENCE_S", 1.0)
    match = plan(fake)
    fake.goes_wrong(how + ",once")
    result, told = play(match)
    assert not result.problems
    faults = [event for event in told if event["event"] == "fault"]
    assert len({event["fault"] for event in faults} - {"lost with another game"}) == 1
    reason = {
        "dies": "it burns",
        "hangs": "no answer within 1 s",
        "maims": "without rootInfo",
        "error": "parse board",
    }
    assert any(reason[how.partition("=")[0]] in event["message"] for event in faults)
    assert len(records()) == 6


def test_a_match_goes_on_and_does_not_with_another_network(fake: FakeKataGo) -> None:
    play(plan(fake, games=2))
    first = [game.moves for game in records()]
    play(plan(fake, games=4))
    assert [game.moves for game in records()][:2] == first
    assert len(records()) == 4
    with pytest.raises(
        UserError, match=r"different match: net.b: command was 0, is 0\.5; choose another --out"
    ):
        plan(fake, b="katago:{net},temperature=0.5")
    fake.network.write_bytes(b"another network")
    with pytest.raises(UserError, match=r"net.a: net.bin.gz is another file; net.a: sha256 was \w+"):
        plan(fake)


def test_one_that_cannot_start_is_suspended_and_says_why(fake: FakeKataGo) -> None:
    match = plan(fake)
    fake.goes_wrong("refuses")
    with pytest.raises(
        UserError, match=r"suspended: 3 faults in a row, the last one a start failure: .*neural net"
    ):
        play(match)


@pytest.mark.parametrize("how", ["warning", "stray", "garbage"])
def test_what_katago_warns_of_is_told_once(fake: FakeKataGo, how: str) -> None:
    match = plan(fake, games=4)
    fake.goes_wrong(how)
    _, told = play(match)
    assert len([event for event in told if event["event"] == "warning" and "net." in event["message"]]) == 1
    assert len(records()) == 4


@pytest.mark.parametrize(
    ("a", "others", "complaint"),
    [
        ("katago:{net}", {"visits": None, "playouts": 5}, "limited by --visits, and by nothing else"),
        ("katago:{net}", {"visits": 5, "playouts": 5}, "limited by --visits, and by nothing else"),
        ("katago:{net}", {"size": 25}, "KataGo plays on boards up to 19x19"),
        ("katago-gtp:{net},colour=3", {}, "katago-gtp:.*: there is no option 'colour=3'"),
        ("katago:", {}, "as in katago:NET.bin.gz"),
        ("katago:{net}", {"komi": 82.0}, "--komi 82: is more than the board has points"),
        ("katago:{net}", {"komi": 160.0, "size": 13}, "KataGo plays with komi up to 150"),
    ],
)
def test_what_cannot_be_played_is_told_in_one_line(
    fake: FakeKataGo, a: str, others: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint) as told:
        plan(fake, a, **others)
    assert "\n" not in str(told.value)


def test_katagos_own_gtp_is_started_with_the_same_settings(fake: FakeKataGo) -> None:
    match = plan(fake, "katago-gtp:{net},temperature=0.2,cpuctExploration=1.5", visits=9)
    player = match.players[0]
    assert player.spec.code == "net-gtp"
    words = player.spec.command
    assert words[1:3] == ("gtp", "-model")
    config = Path(words[words.index("-config") + 1]).read_text().splitlines()
    for line in (
        "maxVisits = 9",
        "chosenMoveTemperature = 0.2",
        "cpuctExploration = 1.5",
        "koRule = POSITIONAL",
    ):
        assert line in config
    assert "resignThreshold = -0.8" in config, "a winrate of 10 %"


def test_a_network_of_ours_and_a_katago_network_share_a_tournament(fake: FakeKataGo, tmp_path: Path) -> None:
    ours = tmp_path / "ours.txt"
    write_network(lived_in_network(1, NetworkShape(1, 4, 9)), ours)
    networks = [str(ours), f"katago:{fake.network},temperature=0"]
    path = new_control_file("cup.ctl", networks, rounds=4, visits=4, board_size=9, komi=7.0, openings="none")
    competition = read_control_file(path)
    assert competition.lzeval.rules == DEFAULT_RULES
    fake.goes_wrong("once")
    progress = run(competition)
    assert len(progress.games) == 4
    assert fake.starts == 1
    assert {game.white_engine for game in progress.games} | {
        game.black_engine for game in progress.games
    } == {
        "KataGo net:1.18.1",
        f"lzeval ours:{__version__}",
    }


def test_gnu_go_is_told_the_rules_that_katago_plays_by(fake: FakeKataGo, gnugo: str) -> None:
    assert gnugo
    assert "--positional-superko" in plan(fake, b="gnugo:1").players[1].spec.command
    networks = [f"katago:{fake.network}", "gnugo:1"]
    competition = read_control_file(new_control_file("cup.ctl", networks, board_size=9))
    assert "--positional-superko" in competition.players["gnugo-1"].command
    assert competition.lzeval.referee == "gnugo-1"
    competition = read_control_file(new_control_file("two.ctl", ["big", "gnugo:1"]))
    assert "--positional-superko" not in competition.players["gnugo-1"].command


NET = SHARED / "networks" / "katago-g170-b6c96-s175395328-d26788732.bin.gz"


@pytest.mark.engine
@pytest.mark.skipif(
    shutil.which(os.environ.get("KATAGO", "katago")) is None, reason="KataGo is not installed"
)
@pytest.mark.skipif(not NET.is_file(), reason=f"{NET} is absent")
def test_the_real_one_plays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    further = os.environ.get("KATAGO_SETTINGS", "")
    texts = [f"katago:{NET}{further}", f"katago:{NET},temperature=0{further}"]
    options = MatchOptions(player_options(*texts, 4), games=4, size=9, komi=7.0, openings="none", out="m")
    result = play_match(plan_match(options))
    assert not result.problems
    assert len(records()) == 4
    assert all(10 < len(game.moves) < 162 for game in records())
