"""Control files of tuning events: what is read, and what is told of mistakes."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from lzeval.errors import UserError
from tests.support.tuning_files import CE, MC, write
from tournaments.gomill.control_file import read_control_file
from tournaments.plan.tuning import CrossEntropy, MonteCarlo, Tuning

MAKER = 'def make_candidate(x): return engine("%.4f" % x)'
SCALE = "LINEAR(0.0, 1.0)"


def read(folder: Path, text: str) -> Tuning:
    tuning = read_control_file(write(folder, text)).tuning
    assert tuning is not None
    return tuning


def test_settings_are_read(tmp_path: Path) -> None:
    tuning = read(tmp_path, MC + "max_depth = 2\nsummary_spec = [3, 4]\nlog_tree_to_history_period = 9\n")
    assert tuning.settings == MonteCarlo((5,), 0.45, 10, 5, 60, 2, (3, 4), 9)
    assert tuning.opponent == "passer"
    assert tuning.candidate("#1", (0.25,)).command[-1] == "0.2500"
    assert tuning.text((0.25,)) == "x: 0.250"
    assert read(tmp_path, CE).settings == CrossEntropy(((0.4, 0.09),), 4, 10, 3, 0.25, 0.8)


@pytest.mark.parametrize(
    ("scale", "low", "middle", "high"),
    [
        ("LINEAR(-1, 3)", -1.0, 1.0, 3.0),
        ("LINEAR(-0.5, 10.5, integer=True)", 0, 5, 11),
        ("LOG(0.01, 100)", 0.01, 1.0, 100.0),
        ("LOG(lower_bound=10, upper_bound=1000, integer=True)", 10, 100, 1000),
        ("EXPLICIT(['a', 'b', 'c'])", "a", "b", "c"),
        ("lambda f: sqrt(4 * f)", 0.0, math.sqrt(2), 2.0),
        ("lambda f: math.floor(10 * f) + math.pi", math.pi, 5 + math.pi, 10 + math.pi),
        ("float", 0.0, 0.5, 1.0),
    ],
)
def test_scales(tmp_path: Path, scale: str, low: object, middle: object, high: object) -> None:
    text = MC.replace(SCALE, scale).replace(', format="x: %.3f"', "").replace('"%.4f" % x', "str(x)")
    text = text.replace("\n", "\nfrom math import sqrt\nimport math\n", 1)
    parameter = read(tmp_path, text).parameters[0]
    for share, value in ((0.0, low), (0.5, middle), (1.0, high)):
        assert parameter.engine_value(share) == pytest.approx(value)


MISTAKES = {
    "twice": (
        MC.replace('5, format="x: %.3f")', '5), Parameter("x", scale=LINEAR(0, 1), split=2)'),
        "two param.* x",
    ),
    "log of 0": (MC.replace(SCALE, "LOG(0, 10)"), r"line \d+: parameter x: LOG takes two bounds above zero"),
    "log of signs": (MC.replace(SCALE, "LOG(-1, 10)"), "LOG takes two bounds above zero"),
    "bounds": (MC.replace(SCALE, "LINEAR(1)"), "LINEAR takes a lower_bound and an upper_bound"),
    "text": (MC.replace(SCALE, "LINEAR('a', 2)"), "LINEAR takes two numbers"),
    "nothing": (MC.replace(SCALE, "EXPLICIT([])"), "EXPLICIT takes a list of values"),
    "no scale": (MC.replace("scale=LINEAR(0.0, 1.0), ", ""), "parameter 'x': 'scale' is not given"),
    "a number": (MC.replace(SCALE, "3"), "'scale' must be a function, LINEAR, LOG or EXPLICIT"),
    "failing scale": (
        MC.replace(SCALE, "lambda f: 1 / (f - f)"),
        r"parameter x: 'scale' of 0\.1: .*division by zero",
    ),
    "split": (MC.replace("split=5", "split=0"), "must be at least 1, not 0"),
    "format": (MC.replace("x: %.3f", "%d %d"), "'format' '%d %d' does not fit 0.1"),
    "no parameters": (MC.replace("parameters = [", "parameters = [] and ["), "'parameters' is empty"),
    "no Parameter": (
        MC.replace("parameters = [", "parameters = [1, "),
        r"parameter 0: is no Parameter\(\.\.\.\)",
    ),
    "argument": (MC.replace("split=5", "split=5, colour=1"), "Parameter has no argument colour"),
    "opponent": (
        MC.replace('opponent = "passer"', 'opponent = "gnu"'),
        "'opponent' there is no player 'gnu'",
    ),
    "colour": (
        MC.replace('colour = "random"', 'colour = "green"'),
        "'candidate_colour' is one of 'b', 'w', 'random'",
    ),
    "komi": (MC.replace("komi = 7.5", "komi = 7"), "'komi' must be fractional"),
    "visits": (MC.replace("initial_visits = 10", ""), "'initial_visits' is not given"),
    "no maker": (MC.replace(MAKER, ""), "'make_candidate' is not given"),
    "no function": (MC.replace(MAKER, "make_candidate = 3"), "'make_candidate' must be a function"),
    "no player": (
        MC.replace(MAKER, "def make_candidate(x): return x"),
        r"make_candidate\(0\.5\) returned 0\.5, and not",
    ),
    "none": (
        MC.replace(MAKER, "def make_candidate(x): pass"),
        r"make_candidate\(0\.5\) returned None, and not a Player",
    ),
    "raises": (
        MC.replace(MAKER, "def make_candidate(x): return 1 / 0"),
        r"make_candidate\(0\.5\): .*division by zero",
    ),
    "arguments": (
        MC.replace("candidate(x)", "candidate(x, y)"),
        r"make_candidate\(0\.5\): .* lacks a value for y",
    ),
    "endless": (MC.replace(MAKER, "def make_candidate(x):\n while True: pass"), "takes too much work"),
    "bad player": (MC.replace('engine("%.4f" % x)', "Player('x', level=1)"), "Player has no argument level"),
    "elite": (
        CE.replace("elite_proportion = 0.25", "elite_proportion = 1"),
        "must be between 0 and 1, not 1",
    ),
    "variance": (CE.replace("variance=0.09", "variance=-1"), "'initial_variance' must not be below 0"),
    "transform": (
        CE.replace("transform=clip", "transform=LINEAR(0, 1)"),
        r"line 13: parameters = \[.* cannot be evaluated",
    ),
    "batch": (CE.replace("batch_size = 4", "batch_size = 0"), "'batch_size' must be at least 1"),
    "samples": (CE.replace("samples_per_generation = 10", ""), "'samples_per_generation' is not given"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_in_one_line(tmp_path: Path, name: str) -> None:
    text, message = MISTAKES[name]
    assert text not in (MC, CE)
    with pytest.raises(UserError, match=message) as raised:
        read_control_file(write(tmp_path, text))
    said = str(raised.value)
    assert said.startswith(str(tmp_path / "tune.ctl"))
    assert "\n" not in said


def test_such_a_file_is_not_executed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--trust cannot run a tuning event"):
        read_control_file(write(tmp_path, MC), trust=True)
