"""gomill's own tuners as judges of ours: the same results and random numbers make the same choices and files."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import JIGO, win
from tests.support.gomill_judge import TUNING_SCRIPT, ask_gomill
from tests.support.tuning_files import CE, MC, write
from tournaments.gomill.control_file import read_control_file
from tournaments.plan.tuning import CrossEntropy
from tournaments.runner.tournament import RunOptions
from tournaments.tuning.cross_entropy import CrossEntropyTuner
from tournaments.tuning.monte_carlo import MonteCarloTuner
from tournaments.tuning.tuner import Trial, Tuner
from tournaments.tuning.tuning_run import gomills_tuner, prepare_tuning, tuning_state

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(sys.platform == "win32", reason="the ringmaster is for POSIX systems"),
]
TWO = MC.replace(
    'split=5, format="x: %.3f")',
    'split=3), Parameter("y", scale=LOG(0.5, 8, integer=True), split=2)',
).replace("make_candidate(x): return engine(", "make_candidate(x, y): return engine(str(y), ")
EXPLICIT = MC.replace("LINEAR(0.0, 1.0)", "EXPLICIT(['low', 'middle', 'high', 'more', 'most'])").replace(
    '"x: %.3f"', '"%s"'
)
EXPLICIT = EXPLICIT.replace('"%.4f" % x', "x")
CASES = {
    "bandit": MC,
    "two parameters": TWO + "log_tree_to_history_period = 7\n",
    "tree": TWO + "max_depth = 3\nsummary_spec = [4, 6, 5]\nlog_tree_to_history_period = 20\n",
    "without end": MC.replace("number_of_games = 60", "").replace("'random'", "'w'")
    + 'description = "long"\n',
    "explicit": EXPLICIT,
    "function": MC.replace("LINEAR(0.0, 1.0)", "lambda f: 2.0 ** f / 3").replace(
        'format="x: %.3f"', 'format="%s"'
    ),
    "generations": CE,
    "three parameters": CE.replace(
        'format="x: %.3f")',
        'format="x: %.3f"), Parameter("y", initial_mean=-1.5, initial_variance=2),'
        ' Parameter("z", initial_mean=3, initial_variance=0, transform=int, format="%d")',
    ).replace("make_candidate(x): return engine(", "make_candidate(x, y, z): return engine(str(y), "),
}


def steps_of(count: int, in_flight: int, seed: int) -> list[Any]:
    """Games that begin and end in a random order, a few at a time."""
    draw, steps, going = random.Random(seed), [], 0
    for _ in range(count):
        while going < in_flight:
            steps.append(None)
            going += 1
        steps.append([draw.randrange(going), draw.choice([0, 0, 0.5, 1, 1, 1])])
        going -= 1
    return steps


def record_of(trial: Trial, points: float) -> GameRecord:
    result = JIGO if points == 0.5 else win(trial.colour if points == 1 else trial.colour.opponent, "1.5")
    codes = (trial.code, "passer") if trial.colour is Colour.BLACK else ("passer", trial.code)
    return GameRecord(trial.game_id, *codes, result)


def played(tuner: Tuner, steps: list[Any]) -> list[Trial | None]:
    begun: list[Trial | None] = []
    going: list[Trial] = []
    for step in steps:
        if step is None:
            trial = tuner.next()
            begun.append(trial)
            going += [trial] if trial else []
        elif going:
            trial = going.pop(step[0] % len(going))
            tuner.record(trial, record_of(trial, step[1]))
    return begun


@pytest.mark.parametrize("name", CASES)
def test_choices_reports_and_history_agree(ringmaster: list[str], tmp_path: Path, name: str) -> None:
    path = write(tmp_path, CASES[name])
    competition = read_control_file(path)
    tuning = competition.tuning
    assert tuning is not None
    is_ce = isinstance(tuning.settings, CrossEntropy)
    plans = [(60, 1, 11), (50, 4, 12)] if not is_ce else [(119, 1, 13), (40, 3, 14)]
    cases = [
        {"ctl": str(path), "seed": seed, "steps": steps_of(count, in_flight, seed)}
        for count, in_flight, seed in plans
    ]
    for case, judge in zip(cases, ask_gomill(ringmaster, cases, tmp_path, TUNING_SCRIPT), strict=True):
        assert "error" not in judge
        shared = random.Random(case["seed"])
        tuner = gomills_tuner(competition, lambda _, shared=shared: shared)
        trials = played(tuner, case["steps"])
        ours: list[Any] = []
        for trial in trials:
            if trial is None:
                ours.append(None)
                continue
            note = f"Candidate parameters: {tuning.text(trial.point)}"
            command = list(tuning.candidate(trial.code, trial.point).command)
            ours.append([trial.game_id, trial.code, trial.colour.letter, note, command])
        assert ours == judge["begun"]
        assert "\n".join(tuner.history) == "\n".join(judge["history"])
        assert tuner.report("engine of the opponent") == judge["report"]


def test_the_distribution_agrees_to_the_last_digit(ringmaster: list[str], tmp_path: Path) -> None:
    path = write(tmp_path, CE.replace('format="x: %.3f"', 'format="%.17g"').replace("transform=clip, ", ""))
    steps = steps_of(120, 1, 5)
    [judge] = ask_gomill(ringmaster, [{"ctl": str(path), "seed": 3, "steps": steps}], tmp_path, TUNING_SCRIPT)
    shared = random.Random(3)
    tuner = CrossEntropyTuner(read_control_file(path), lambda _: shared)
    played(tuner, steps)
    assert tuner.report("") == judge["report"]
    assert f"{tuner.distribution[0][0]:.17g}" in judge["report"]


def ringmaster_runs(ringmaster: list[str], path: Path) -> None:
    """Run it with random numbers of a seed: with so few games one search in ten ends elsewhere."""
    python, flag, start = ringmaster
    seeded = [python, flag, f"import random; random.seed(1); {start}"]
    outcome = subprocess.run(
        [*seeded, "-q", path.name, "run"], cwd=path.parent, capture_output=True, timeout=300, check=False
    )
    assert outcome.returncode == 0, outcome.stderr


@pytest.mark.parametrize(
    "text",
    [MC, CE.replace("samples_per_generation = 10", "samples_per_generation = 20")],
    ids=["mc", "ce"],
)
def test_both_find_the_optimum(ringmaster: list[str], tmp_path: Path, text: str) -> None:
    found = {}
    for who in ("theirs", "ours"):
        folder = tmp_path / who
        folder.mkdir()
        path = write(folder, text)
        if who == "theirs":
            ringmaster_runs(ringmaster, path)
        else:
            assert prepare_tuning(read_control_file(path), RunOptions(parallel=1)).play().is_clean
        report = (folder / "tune.report") if who == "ours" else None
        if who == "theirs":
            subprocess.run([*ringmaster, path.name, "report"], cwd=folder, check=True, capture_output=True)
            report = folder / "tune.report"
        assert report is not None
        lines = report.read_text().splitlines()
        best = (
            next(line for line in reversed(lines) if "x: " in line)
            if text.startswith('competition_type = "ce')
            else lines[5]
        )
        found[who] = float(best.split("x: ")[1].split()[0])
    assert abs(found["theirs"] - 0.7) < 0.12
    assert abs(found["ours"] - 0.7) < 0.12


def test_a_state_of_the_ringmaster_is_not_taken_over(ringmaster: list[str], tmp_path: Path) -> None:
    from lzeval.errors import UserError

    path = write(tmp_path, MC.replace("number_of_games = 60", "number_of_games = 1"))
    ringmaster_runs(ringmaster, path)
    with pytest.raises(UserError, match=r"tune\.status: the state of a tuning event .* is not taken over"):
        prepare_tuning(read_control_file(path))


def test_ours_knows_the_tree_of_its_log(tmp_path: Path) -> None:
    path = write(tmp_path, MC.replace("number_of_games = 60", "number_of_games = 8"))
    competition = read_control_file(path)
    assert prepare_tuning(competition, RunOptions(parallel=1)).play().played_now == 8
    tuner = tuning_state(competition).tuner
    assert isinstance(tuner, MonteCarloTuner)
    assert tuner.tree.root.visits == 18
