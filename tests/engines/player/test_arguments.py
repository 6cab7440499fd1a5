"""The command line of `lzeval gtp`, as the program has it and as tournaments read it."""

from __future__ import annotations

import inspect
import os
import shutil
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from engines.player.arguments import LEAST, MOST, EngineArguments, option_of, our_command, parse_command
from lzeval.cli.gtp import gtp

PYTHON = [sys.executable, "-m", "lzeval", "gtp"]


def test_both_have_the_same_options_defaults_and_bounds() -> None:
    """The judge is the program's own signature, from which its options are made."""
    hints = get_type_hints(gtp, include_extras=True)
    parameters = list(inspect.signature(gtp).parameters.values())
    types = get_type_hints(EngineArguments)
    ours = fields(EngineArguments)
    assert [parameter.name for parameter in parameters] == [field.name for field in ours]
    for parameter, field in list(zip(parameters, ours, strict=True))[1:]:
        kind, told = get_args(hints[parameter.name])
        assert parameter.default == field.default
        assert kind == types[field.name]
        assert (told.min, told.max) == (LEAST.get(field.name), MOST.get(field.name)), field.name
        spelt = [word for word in (told.default, *(told.param_decls or ())) if str(word).startswith("--")]
        assert (spelt or [f"--{field.name.replace('_', '-')}"]) == [option_of(field.name)]


def test_all_options_are_read() -> None:
    words = (
        "--visits 7 --playouts=5 --analysis-visits 3 --precision fp32 --device cpu --threads 2 --batch 4 --resign 5.5 "
        "--dumbpass --random-moves 3 --temperature 0.5 --noise --seed 9 --ponder --lag 0.25 --full-time --quiet "
        "--openings book.txt --name N --version-string 0.17"
    )
    assert parse_command([*PYTHON, *words.split(), "net.txt"]) == EngineArguments(
        "net.txt", 7, 5, 3, "fp32", "cpu", 2, 4, 5.5, True, 3, 0.5, True, 9, True, 0.25, True, True, "book.txt", "N",
        "0.17",
    )  # fmt: skip


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
    of_game = [asked.player_options(9, f"0_{number}") for number in range(4)]
    assert len({options.seed for options in of_game}) == 4
    assert of_game[0].opening == of_game[1].opening != of_game[2].opening == of_game[3].opening
    assert asked.player_options(9).seed == 1
    assert asked.player_options(9).opening == ()


def test_limits_are_those_of_the_program() -> None:
    asked = EngineArguments("net")
    limits = [
        replace(asked, visits=visits, playouts=playouts).player_options(9).limits
        for visits, playouts in ((None, None), (5, None), (None, 7), (0, 7))
    ]
    assert [(found.visits, found.playouts) for found in limits] == [
        (1600, None),
        (5, None),
        (None, 7),
        (None, 7),
    ]
