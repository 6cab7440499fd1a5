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
from tournaments.gomill.write_control_file import CtlPlayer, game_ids, write_match_ctl

PLAYERS = {"strong": CtlPlayer(["engine", "--level", "9"]), "weak": CtlPlayer(["./it's", 'é \\ "'])}


def write(path: Path, players: Mapping[str, CtlPlayer] = PLAYERS, games: int = 4, **settings: object) -> str:
    write_match_ctl(
        path,
        players=players,
        board_size=9,
        komi=7.5,
        number_of_games=games,
        description="two",
        settings=settings,
    )
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
    players = {"a": CtlPlayer(["x"], ["komi 7"], {"A": "b"}, ".", False), "b": CtlPlayer(["y"])}
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


@given(st.integers(1, 3000))
def test_game_ids_sort_in_playing_order(number: int) -> None:
    ids = game_ids(number)
    assert ids == sorted(ids)
    assert len(set(ids)) == number
    assert [int(name.removeprefix("0_")) for name in ids] == list(range(number))


def test_game_ids_are_padded_to_the_last_of_them() -> None:
    assert game_ids(10)[0] == "0_0"
    assert game_ids(11)[0] == "0_00"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"players": {"a": CtlPlayer(["x"])}}, "two players, not 1"),
        ({"players": {"a b": CtlPlayer(["x"]), "c": CtlPlayer(["x"])}}, "'a b' cannot be a player's code"),
        ({"players": {"a": CtlPlayer([]), "c": CtlPlayer(["x"])}}, "command of player a must be a list"),
        ({"players": {"a": CtlPlayer("x y"), "c": CtlPlayer(["x"])}}, "command of player a must be a list"),
        ({"board_size": 26}, "board size 26"),
        ({"number_of_games": 0}, "at least one game"),
        ({"move_limit": 0}, "move limit"),
        ({"komi": float("nan")}, "komi: nan cannot be written"),
        ({"settings": {"players": 1}}, "'players' cannot be the name"),
        ({"settings": {"a-b": 1}}, "'a-b' cannot be the name"),
        ({"settings": {"folder": Path("x")}}, "cannot be written into a control file"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    arguments = {"players": PLAYERS, "board_size": 9, "komi": 7.5, "number_of_games": 2, **changes}
    with pytest.raises(UserError, match=message):
        write_match_ctl(tmp_path / "m.ctl", **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "m.ctl").exists()


@pytest.mark.engine
def test_the_real_ringmaster_plays_it(gnugo: str, ringmaster: list[str], tmp_path: Path) -> None:
    command = [gnugo, "--mode", "gtp", "--level", "0", "--seed"]
    players = {"one": CtlPlayer([*command, "1"]), "two!": CtlPlayer([*command, "2"])}
    path = tmp_path / "match.ctl"
    write_match_ctl(
        path,
        players=players,
        board_size=9,
        komi=7.5,
        number_of_games=2,
        description="Grüße: 囲碁",
        scorer="internal",
        settings={"seed": 3, "openings": [["E5"]]},
    )
    for action in ("check", "run"):
        outcome = subprocess.run(
            [*ringmaster, "-q", str(path), action], capture_output=True, timeout=120, check=False
        )
        assert outcome.returncode == 0, outcome.stderr
        assert outcome.stderr == b""
    games = [game for game in read_games([tmp_path / "match.games"]) if isinstance(game, GameRecord)]
    assert [game.game_id for game in games] == game_ids(2)
    assert [(game.black, game.white) for game in games] == [("one", "two!"), ("two!", "one")]
    assert all(game.result.is_decided and len(game.moves) > 20 and game.size == 9 for game in games)
    assert "Grüße: 囲碁" in (tmp_path / "match.report").read_text(encoding="utf-8")
