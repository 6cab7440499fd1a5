"""Control files of tuning events whose engines win with a known chance."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.paths import FAKES

ENGINE = f"""
def engine(*words):
    program = [{sys.executable!r}, "-S", "-E", {str(FAKES / "tunable_engine.py")!r}] + list(words)
    return Player(program, is_reliable_scorer = words[0] != "pass")
players = {{"passer": engine("pass")}}
board_size = 9
komi = 7.5
opponent = "passer"
candidate_colour = "random"
"""
MC = f"""competition_type = "mc_tuner"
{ENGINE}
parameters = [Parameter("x", scale=LINEAR(0.0, 1.0), split=5, format="x: %.3f")]
def make_candidate(x): return engine("%.4f" % x)
number_of_games = 60
exploration_coefficient = 0.45
initial_visits = 10
initial_wins = 5
"""
"""One parameter; the best of its five candidates, 0.7, is the engine's optimum."""
CE = f"""competition_type = "ce_tuner"
{ENGINE}
def clip(f): return max(0.0, min(1.0, f))
parameters = [Parameter("x", initial_mean=0.4, initial_variance=0.09, transform=clip, format="x: %.3f")]
def make_candidate(x): return engine("%.4f" % x)
number_of_generations = 3
samples_per_generation = 10
batch_size = 4
elite_proportion = 0.25
step_size = 0.8
"""
"""One parameter, whose distribution begins away from the optimum."""


def write(folder: Path, text: str, name: str = "tune.ctl") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
