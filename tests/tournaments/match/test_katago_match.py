"""`katago:` players: one KataGo for all games, recorded, and nothing lost whatever becomes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engines.katago import process
from engines.katago.program import program_at
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import read_games
from tests.support.katago import FakeKataGo
from tournaments.match.match import Match, MatchResult, plan_match, play_match
from tournaments.match.options import MatchOptions, player_options

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
    players = player_options(*texts, others.pop("visits", 5))
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
    assert len(records()) == 6
