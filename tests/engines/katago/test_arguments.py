"""KataGo's options: as a player's text, as a command line, and as KataGo's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.katago.arguments import (
    KataGoArguments,
    katago_command,
    parse_katago_command,
    parse_player,
    parse_player_text,
    player_text,
    playing_options,
)
from lzeval.errors import UserError


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    for name in ("net.bin.gz", "a,b.bin.gz"):
        (tmp_path / name).touch()
    return "net.bin.gz"


def test_a_players_text_has_options_and_settings_of_katagos(net: str) -> None:
    found = parse_player(f"{net},temperature=0,symmetry=fixed,cpuctExploration=1.2,nnMaxBatchSize2=3")
    assert (found.temperature, found.early_temperature, found.symmetry) == (0.0, 0.5, "fixed")
    assert found.further == {"cpuctExploration": "1.2", "nnMaxBatchSize2": "3"}
    assert parse_player("a,b.bin.gz,threads=2").network == "a,b.bin.gz"
    assert found.network_name == "net"
    Path("-net.bin.gz").touch()
    assert parse_player("-net.bin.gz").network_name == "-net"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "a network of KataGo's is wanted, as in katago:NET.bin.gz"),
        ("none.bin.gz", "there is no such network"),
        ("net.bin.gz,visits=3", "there is no option 'visits=3'; there are early-temperature"),
        ("net.bin.gz,colour=3", "there is no option 'colour=3'"),
        ("net.bin.gz,quiet=1", "there is no option 'quiet=1'"),
        ("net.bin.gz,temperature=warm", "no number, or out of bounds: temperature=warm"),
        ("net.bin.gz,temperature=7", "out of bounds"),
        ("net.bin.gz,threads=0", "out of bounds"),
        ("net.bin.gz,threads=1,threads=1", "threads is given twice"),
        ("net.bin.gz,rootFpu=1,rootFpu=2", "rootFpu is given twice"),
        ("net.bin.gz,symmetry=some", "symmetry some: is one of random, fixed"),
        ("net.bin.gz,numAnalysisThreads=3", "numAnalysisThreads is set by lzeval itself"),
        ("net.bin.gz,maxVisits=3", "maxVisits is set by lzeval itself"),
    ],
)
def test_mistakes_in_a_players_text_are_told(net: str, text: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        parse_player(text)


def test_its_command_line_says_all_there_is(net: str, tmp_path: Path) -> None:
    values = {"visits": 7, "temperature": 0.25, "settings": "cpuctExploration=2", "seed": 3, "quiet": True}
    command = katago_command(net, **values)
    assert parse_katago_command(command) == KataGoArguments(net, **values)  # type: ignore[arg-type]
    assert parse_katago_command(command, tmp_path) == KataGoArguments(str(tmp_path / net), **values)  # type: ignore[arg-type]
    assert parse_katago_command(["gnugo", "--mode", "gtp"]) is None
    assert parse_katago_command([*command, "--no-such"]) is None


def test_a_configuration_fixes_what_games_depend_on_and_lets_the_user_change_the_rest(net: str) -> None:
    lines = (
        KataGoArguments(net, symmetry="fixed", settings="wideRootNoise=0.04").configuration(8).splitlines()
    )
    assert "nnRandomize = false" in lines
    assert "wideRootNoise = 0.04" in lines
    assert "numAnalysisThreads = 8" in lines
    assert "ignorePreRootHistory = false" in lines
    assert len({line.partition(" = ")[0] for line in lines}) == len(lines)


def test_each_game_has_draws_and_an_opening_of_its_own(net: str, tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("C3 G7\nE5\n")
    asked = KataGoArguments(net, openings="book.txt")
    games = [asked.for_game(9, f"0_{number}") for number in range(4)]
    assert len({game.seed for game in games}) == 4
    assert games[0].opening == games[1].opening != games[2].opening == games[3].opening
    assert asked.for_game(9, "") == asked


@pytest.mark.parametrize(
    ("options", "playing"),
    [
        ("", ""),
        ("temperature=0.1,early-temperature=0.5,symmetry=random,threads=1", ""),
        ("temperature=0,threads=2", "temperature=0,threads=2"),
        ("threads=2,temperature=0.00", "temperature=0,threads=2"),
        ("wideRootNoise=0.04,cpuctExploration=1.2", "cpuctExploration=1.2,wideRootNoise=0.04"),
        ("conservativePass=true", ""),
        ("homeDataDir=/x,logDir=y,cudaDeviceToUseThread0=1,nnCacheSizePowerOfTwo=20", ""),
    ],
)
def test_a_player_can_be_named_from_anywhere_and_is_told_from_others(
    net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, playing: str
) -> None:
    found = parse_player(",".join(filter(None, ["a,b.bin.gz", options])))
    text = player_text(found)
    monkeypatch.chdir("/")
    again = parse_player(text.removeprefix("katago:"))
    assert (again.network, again.further) == (str(tmp_path.resolve() / "a,b.bin.gz"), found.further)
    assert playing_options(found) == playing_options(again) == playing
    (tmp_path / "a,b.bin.gz").unlink()
    assert parse_player_text(text.removeprefix("katago:")) == again
