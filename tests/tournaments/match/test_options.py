from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engines.player.arguments import parse_command
from engines.search.settings import SearchSettings
from lzeval.errors import UserError
from lzeval.network.leela import write_network
from lzeval.network.weights_file.layout import NetworkShape
from tests.support.command_line import run_here
from tests.support.fakes.weights_files import lived_in_network
from tournaments.match.folder import MatchFolder
from tournaments.match.match import Match, check_options, plan_match
from tournaments.match.options import MatchOptions, parse_each, player_options

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("nets") / "one.txt"
    write_network(lived_in_network(1, NetworkShape(1, 4, 9)), path)
    return str(path)


def options(a: str, b: str, **limits: Any) -> MatchOptions:
    return MatchOptions(
        player_options(a, b, **limits), 4, size=9, openings="none", precision="fp32", device="cpu"
    )


@pytest.fixture
def planned(net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Match]:
    monkeypatch.chdir(tmp_path)
    return lambda b=net, **limits: plan_match(options(net, b, **limits))


@pytest.mark.parametrize(
    ("text", "numbers"), [("100", (100, 100)), ("100,200", (100, 200)), ("7, 0", (7, 0))]
)
def test_numbers_of_both_players(text: str, numbers: tuple[int, int]) -> None:
    assert parse_each(text, "--visits") == numbers


@pytest.mark.parametrize(
    "text", ["", ",", "100,", ",100", "1,2,3", "1;2", "x", "1,x", "1.5,2", "7_5", "nan", "１"]
)
def test_what_are_no_numbers_of_both(text: str) -> None:
    with pytest.raises(UserError, match=r"^--visits '.*': ") as error:
        parse_each(text, "--visits")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"visits": 0}, "--visits 0: must be at least 1"),
        ({"visits": (100, -3)}, "--visits -3: must be at least 1"),
        ({"visits": (100, None)}, "a limit is needed"),
        ({"visits": None, "playouts": (None, 5)}, "a limit is needed"),
        ({"playouts": (3, 0)}, "--playouts 0: must be at least 1"),
        ({"search": {"pcut": 1.0}}, "there is no search setting 'pcut'; there are puct, log_puct"),
        ({"search": ({}, {"puct": -1.0})}, "search setting puct -1: must be from 0 to 100"),
        ({"search": {"puct": "1"}}, "search setting puct '1': must be a number"),
        ({"search": {"fpu": True}}, "search setting fpu True: must be a number"),
        ({"search": {"softmax_temp": float("nan")}}, "search setting softmax_temp nan: must be from"),
        ({"search": {"virtual_loss": 2.5}}, "search setting virtual_loss 2.5: must be a whole number"),
        ({"search": {"virtual_loss": 4}}, "changes nothing in a match"),
    ],
)
def test_limits_and_settings_that_are_refused(net: str, limits: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_options(options(net, net, **limits))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"visits": (10, 20)}, r"--visits: cmd:.* plays without; one number is wanted"),
        ({"playouts": (10, 20)}, r"--playouts: cmd:.* plays without"),
        ({"search": ({}, {"puct": 1.0})}, r"cmd:.*: puct 1: search settings are for networks"),
    ],
)
def test_what_a_program_cannot_have(net: str, limits: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_options(options(net, "cmd:ls", **limits))
    check_options(options(net, "cmd:ls", visits=10, search=({"puct": 1.0}, {})))


def test_common_limits_are_kept_where_they_have_always_been(planned: Callable[..., Match]) -> None:
    settings = planned(visits=30).settings()
    assert list(settings)[:4] == ["players", "visits", "playouts", "komi"]
    assert (settings["visits"], settings["playouts"]) == (30, None)
    assert not {"visits", "playouts", "search"} & {name for player in settings["players"] for name in player}


def test_limits_of_each_are_facts_about_it(planned: Callable[..., Match]) -> None:
    settings = planned(visits=(30, 60), playouts=9, search=({}, {"fpu": 0.5, "puct": 0.5})).settings()
    assert settings["playouts"] == 9
    assert "visits" not in settings
    assert [player["visits"] for player in settings["players"]] == [30, 60]
    assert [player.get("search") for player in settings["players"]] == [None, {"fpu": 0.5}]


def test_the_control_file_has_the_limits_of_each(planned: Callable[..., Match]) -> None:
    match = planned(visits=(30, 60), search=({"puct": 0.8, "lcb_share": 1.0}, {}))
    found = [parse_command(player.spec.command) for player in match.players]
    assert [None if each is None else (each.visits, each.search) for each in found] == [
        (30, SearchSettings(puct=0.8, lcb_share=1.0)),
        (60, SearchSettings()),
    ]


def test_another_number_of_visits_is_another_match(planned: Callable[..., Match], tmp_path: Path) -> None:
    folder = MatchFolder(tmp_path / "m")
    folder.create()
    folder.write_description({"settings": planned(visits=(30, 60)).settings()})
    folder.check(planned(visits=(30, 60)).settings())
    for other in ({"visits": 30}, {"visits": (30, 61)}, {"visits": (30, 60), "search": {"puct": 0.6}}):
        with pytest.raises(UserError, match=r"one.a \(.*30 visits\) v one.b \(.*60 visits\), is "):
            folder.check(planned(**other).settings())


@pytest.mark.parametrize(
    ("limits", "is_chance"),
    [
        ({}, True),
        ({"search": {"puct": 0.9}}, True),
        ({"visits": (10, 20)}, False),
        ({"playouts": (10, 20)}, False),
        ({"search": ({"puct": 0.9}, {})}, False),
    ],
)
def test_a_network_against_itself(
    planned: Callable[..., Match], limits: dict[str, Any], *, is_chance: bool
) -> None:
    match = planned(**limits)
    assert match.codes == ("one.a", "one.b")
    assert ("both players are the same network" in " ".join(match.warnings())) == is_chance


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--visits", "100,"], "--visits '100,': one number is wanted"),
        (["--a.puct", "1000"], "Invalid value for '--a.puct'"),
        (["--b.fpu", "nan"], "Invalid value for '--b.fpu'"),
        (["--a.virtual-loss", "3"], "No such option"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line(words: list[str], message: str, tmp_path: Path) -> None:
    outcome = run_here("match", "small", "small", *words, cwd=tmp_path)
    assert (outcome.returncode, len(outcome.stderr.splitlines())) == (2, 1)
    assert message in outcome.stderr


def test_the_help_shows_the_settings_of_a(tmp_path: Path) -> None:
    outcome = run_here("match", "--help", cwd=tmp_path)
    assert "--a.puct" in outcome.stdout
    assert "--b.puct" not in outcome.stdout
