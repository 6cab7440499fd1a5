from __future__ import annotations

import ast
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lzeval.errors import UserError
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import read_games
from tests.support.competitions import playoff
from tournaments.gomill.write_control_file import write_control_file
from tournaments.plan.competition import MatchupSpec, PlayerSpec

PLAYERS = {
    "strong": PlayerSpec("strong", ("engine", "--level", "9")),
    "weak": PlayerSpec("weak", ("./it's", 'é \\ "')),
}


def write(path: Path, players: Mapping[str, PlayerSpec] = PLAYERS, games: int = 4, **settings: object) -> str:
    write_control_file(playoff(path, players, games, "two"), settings)
    return path.read_text(encoding="utf-8")


class Call:
    """Stands for gomill's Player and Matchup."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        self.args, self.kwargs = args, kwargs


def executed(text: str) -> dict[str, object]:
    names: dict[str, object] = {"Player": Call, "Matchup": Call}
    exec(text, names)
    return names


def test_what_gomill_executes(tmp_path: Path) -> None:
    text = write(tmp_path / "match.ctl", openings=[["D4", "C3"], []], seed=-5, visits=None)
    assert text.splitlines()[0] == "competition_type = 'playoff'"
    names = executed(text)
    assert (names["board_size"], names["komi"], names["move_limit"], names["scorer"]) == (
        9,
        7.5,
        1000,
        "players",
    )
    assert (names["openings"], names["seed"], names["visits"]) == ([["D4", "C3"], []], -5, None)
    players, matchups = names["players"], names["matchups"]
    assert isinstance(players, dict)
    assert players["weak"].kwargs == {"command": ["./it's", 'é \\ "']}
    assert isinstance(matchups, list)
    assert matchups[0].args == ("strong", "weak")
    assert matchups[0].kwargs == {"alternating": True, "number_of_games": 4}


def test_only_literals_and_two_names_are_in_it(tmp_path: Path) -> None:
    one = PlayerSpec(
        "a",
        ("x",),
        startup_gtp_commands=("komi 7",),
        environ={"A": "b"},
        cwd=Path(),
        is_reliable_scorer=False,
    )
    players = {"a": one, "b": PlayerSpec("b", ("y",))}
    tree = ast.parse(write(tmp_path / "m.ctl", players, seed=1))
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert called == {"Player", "Matchup"}
    assert not any(
        isinstance(node, ast.Attribute | ast.BinOp | ast.Import | ast.Lambda) for node in ast.walk(tree)
    )
    written = executed(ast.unparse(tree))["players"]
    assert isinstance(written, dict)
    assert written["a"].kwargs == {
        "command": ["x"],
        "startup_gtp_commands": ["komi 7"],
        "environ": {"A": "b"},
        "cwd": ".",
        "is_reliable_scorer": False,
    }


def ids_of(number: int) -> list[str]:
    matchup = MatchupSpec("0", "", "a", "b", 9, 7.5, number_of_games=number)
    return [matchup.game_id(game) for game in range(number)]


@given(st.integers(1, 3000))
def test_game_ids_sort_in_playing_order(number: int) -> None:
    ids = ids_of(number)
    assert ids == sorted(ids)
    assert len(set(ids)) == number
    assert [int(name.removeprefix("0_")) for name in ids] == list(range(number))


def test_game_ids_are_padded_to_the_last_of_them() -> None:
    assert ids_of(10)[0] == "0_0"
    assert ids_of(11)[0] == "0_00"


@pytest.mark.parametrize(
    ("conditions", "settings", "message"),
    [
        ({"board_size": 26}, {}, "board size 26"),
        ({"number_of_games": 0}, {}, "at least one game"),
        ({"move_limit": 0}, {}, "move limit"),
        ({"komi": float("nan")}, {}, "komi: nan cannot be written"),
        ({}, {"players": 1}, "'players' cannot be the name"),
        ({}, {"a-b": 1}, "'a-b' cannot be the name"),
        ({}, {"folder": Path("x")}, "cannot be written into a control file"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(
    conditions: dict[str, object], settings: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        write_control_file(playoff(tmp_path / "m.ctl", PLAYERS, 2, **conditions), settings)
    assert not list(tmp_path.iterdir())


def test_a_code_that_gomill_refuses_is_not_written(tmp_path: Path) -> None:
    players = {code: PlayerSpec(code, ("x",)) for code in ("a b", "c")}
    with pytest.raises(UserError, match="'a b' cannot be a player's code"):
        write(tmp_path / "m.ctl", players)


@pytest.mark.engine
def test_the_real_ringmaster_plays_it(gnugo: str, ringmaster: list[str], tmp_path: Path) -> None:
    command = [gnugo, "--mode", "gtp", "--level", "0", "--seed"]
    players = {code: PlayerSpec(code, (*command, seed)) for code, seed in (("one", "1"), ("two!", "2"))}
    path = tmp_path / "match.ctl"
    competition = playoff(path, players, 2, "Grüße: 囲碁", scorer="internal")
    write_control_file(competition, {"seed": 3, "openings": [["E5"]]})
    for action in ("check", "run"):
        outcome = subprocess.run(
            [*ringmaster, "-q", str(path), action], capture_output=True, timeout=120, check=False
        )
        assert outcome.returncode == 0, outcome.stderr
        assert outcome.stderr == b""
    games = [game for game in read_games([tmp_path / "match.games"]) if isinstance(game, GameRecord)]
    assert [game.game_id for game in games] == ids_of(2)
    assert [(game.black, game.white) for game in games] == [("one", "two!"), ("two!", "one")]
    assert all(game.result.is_decided and len(game.moves) > 20 and game.size == 9 for game in games)
    assert "Grüße: 囲碁" in (tmp_path / "match.report").read_text(encoding="utf-8")
