"""The command line of `lzeval gtp`, as the program has it and as tournaments read it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from engines.player.arguments import EngineArguments, engine_command, parse_command
from engines.player.options import options_of, our_command
from engines.search.settings import SearchSettings
from lzeval.cli.main import WrongUseError, application
from lzeval.errors import UserError

PYTHON = [sys.executable, "-m", "lzeval", "gtp"]


def of_the_command(words: Sequence[str]) -> EngineArguments | None:
    """What `lzeval gtp` is told with these words, None where it refuses them."""
    group: Any = get_command(application("gtp"))
    context = group.make_context("lzeval", ["gtp", *words])
    command = group.get_command(context, "gtp")
    try:
        found = EngineArguments(**command.make_context("gtp", list(words)).params)
        found.check()
    except (UserError, WrongUseError):
        return None
    return found


ALL = (
    "net.txt --visits 7 --playouts 5 --analysis-visits 3 --precision fp32 --device cpu --threads 2 --batch 4"
    " --resign 5.5 --dumbpass --random-moves 3 --temperature 0.5 --noise --seed 9"
    " --puct 0.8 --log-puct 0.02 --log-const 2 --fpu 0.3 --softmax-temp 1.2 --virtual-loss 2 --lcb-alpha 0.001"
    " --lcb-share 0.2 --ponder --lag 0.25 --full-time"
    " --quiet --openings book.txt --name N --version-string 0.17"
)
ASKED = EngineArguments(
    "net.txt", 7, 5, 3, "fp32", "cpu", 2, 4, 5.5, True, 3, 0.5, True, 9,
    0.8, 0.02, 2.0, 0.3, 1.2, 2, 0.001, 0.2, True, 0.25, True, True, "book.txt", "N",
    "0.17",
)  # fmt: skip


def test_the_program_its_readers_and_its_writers_agree_on_all_options() -> None:
    values = {option.name: getattr(ASKED, option.name) for option in options_of(EngineArguments)}
    assert all(values[option.name] != option.default for option in options_of(EngineArguments))
    assert engine_command("net.txt", **values) == [*our_command(), "gtp", *ALL.split()]
    assert parse_command([*PYTHON, *ALL.split()]) == of_the_command(ALL.split()) == ASKED
    assert parse_command([*PYTHON, "net"]) == of_the_command(["net"]) == EngineArguments("net")


def test_every_field_that_a_program_can_be_told_has_an_option() -> None:
    told = {option.name for option in options_of(EngineArguments)}
    assert {field.name for field in fields(EngineArguments)} - told == {"network", "opening", "most_nodes"}


def test_every_setting_of_the_search_is_an_option() -> None:
    assert ASKED.search == SearchSettings(0.8, 0.02, 2.0, 0.3, 1.2, 2, 0.001, 0.2)
    assert ASKED.move_policy.lcb_share == 0.2
    assert EngineArguments("net").search == SearchSettings()


def test_a_command_of_options_that_there_are_not_is_not_written() -> None:
    with pytest.raises(TypeError, match="vists"):
        engine_command("net", vists=3)


def test_a_written_command_leaves_out_what_nobody_asked_for() -> None:
    written = engine_command("net", seed=2, visits=None, quiet=False, resign=10.0)
    assert written == [*our_command(), "gtp", "net", "--seed", "2", "--resign", "10"]


@pytest.mark.parametrize(
    "words",
    [
        "",
        "--visits",
        "net --visits x",
        "net --visits -1",
        "net --playouts 0",
        "net --temperature 0",
        "net --temperature 101",
        "net --puct -1",
        "net --log-const 0.5",
        "net --softmax-temp 0",
        "net --virtual-loss 0",
        "net --virtual-loss 1.5",
        "net --lcb-alpha 0.6",
        "net --lcb-share nan",
        "net --seed 7_5",
        "net other",
        "net --vis 3",
        "net --help",
        "net --resign 50",
        "net --visits 0",
        "net --no-such-option",
    ],
)
def test_what_the_program_would_refuse_is_left_to_it(words: str) -> None:
    assert parse_command([*PYTHON, *words.split()]) is None
    if words != "net --help":
        assert of_the_command(words.split()) is None


@pytest.mark.parametrize(
    "words",
    [
        "net --visits=3",
        "--seed 4 net",
        "net --visits 0 --playouts 3",
        "net --lag 0",
        "net --seed -2",
        "net --visits 3 --visits 4",
    ],
)
def test_what_the_program_takes_is_read_alike(words: str) -> None:
    assert parse_command([*PYTHON, *words.split()]) == of_the_command(words.split()) is not None


@pytest.mark.parametrize(
    "command",
    [
        ["gnugo", "gtp", "net"],
        ["lzeval", "match", "net"],
        ["lzeval"],
        [sys.executable, "-m", "other", "gtp", "net"],
        [sys.executable, "-c", "lzeval", "gtp", "net"],
        ["/no/such/bin/lzeval", "gtp", "net"],
        ["no-such-python", "-m", "lzeval", "gtp", "net"],
    ],
)
def test_other_programs_are_not_ours(command: list[str]) -> None:
    assert parse_command(command) is None


@pytest.mark.skipif(sys.platform == "win32", reason="makes scripts as POSIX systems do")
def test_another_installation_is_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("lzeval", "python3"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert parse_command(["lzeval", "gtp", "net"]) is None
    assert parse_command([str(tmp_path / "lzeval"), "gtp", "net"]) is None
    assert parse_command(["python3", "-m", "lzeval", "gtp", "net"]) is None
    assert our_command() == PYTHON[:-1]
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable))  # noqa: PTH120
    for name in ("lzeval", "python3"):
        if shutil.which(name):
            rest = ["gtp", "net"] if name == "lzeval" else ["-m", "lzeval", "gtp", "net"]
            assert (parse_command([name, *rest]) is not None) == (
                name == "lzeval" or shutil.which(name) == os.path.abspath(sys.executable)  # noqa: PTH100
            )


@pytest.mark.skipif(sys.platform == "win32", reason="makes links as POSIX systems do")
def test_the_script_that_runs_is_ours_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "elsewhere" / "lzeval"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    (tmp_path / "lzeval").symlink_to(script)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(script), "tournament"])
    assert parse_command(["lzeval", "gtp", "net"]) == EngineArguments("net")
    assert our_command() == ["lzeval"]
    monkeypatch.setenv("PATH", "")
    assert parse_command(["lzeval", "gtp", "net"]) == EngineArguments("net")
    assert our_command() == PYTHON[:-1]


def test_files_are_found_from_the_programs_folder(tmp_path: Path) -> None:
    (tmp_path / "net.txt").write_text("")
    found = parse_command([*PYTHON, "net.txt", "--openings", "default"], tmp_path)
    assert found == EngineArguments(str(tmp_path / "net.txt"), openings="default")
    assert parse_command([*PYTHON, "small"], tmp_path) == EngineArguments("small")


def test_a_game_has_its_own_seed_and_opening(tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text("C3 G7\nE5\n")
    asked = EngineArguments("net", openings=str(book))
    of_game = [asked.for_game(9, f"0_{number}") for number in range(4)]
    assert len({found.seed for found in of_game}) == 4
    assert of_game[0].opening == of_game[1].opening != of_game[2].opening == of_game[3].opening
    assert asked.for_game(9) == asked


def test_limits_are_those_of_the_program() -> None:
    asked = EngineArguments("net")
    limits = [
        replace(asked, visits=visits, playouts=playouts)
        for visits, playouts in ((None, None), (5, None), (None, 7), (0, 7))
    ]
    assert [(found.limits.visits, found.limits.playouts) for found in limits] == [
        (1600, None),
        (5, None),
        (None, 7),
        (None, 7),
    ]
    assert [(found.clock_limits.visits, found.clock_limits.playouts) for found in limits] == [
        (None, None),
        (5, None),
        (None, 7),
        (None, 7),
    ]
