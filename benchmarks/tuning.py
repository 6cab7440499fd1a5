"""Methods of tuning compared by simulation: Elo lost by the parameters that they recommend, after so many games.

A simulated engine wins with a chance that its parameters decide: a peak anywhere, a flat one, or one that is steep on
one side. Games come in pairs of swapped colours. Each method recommends twice: by its own word, and by the model of
`tournaments.tuning.surrogate` over the games it has played. The libraries are measured where they are installed:

    pip install optuna cmaes scikit-learn scikit-optimize bayesian-optimization
    python -m benchmarks.tuning --methods model,mc,cem,tpe --dimensions 1 --games 200,500 --seeds 8
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from lzeval.records.record import GameRecord
from lzeval.records.result import win
from tournaments.plan.competition import Competition, CompetitionType, PlayerSpec
from tournaments.plan.tuning import CrossEntropy, MonteCarlo, Tuning, TuningParameter
from tournaments.tuning.cross_entropy import CrossEntropyTuner
from tournaments.tuning.model_tuner import ModelTuner
from tournaments.tuning.monte_carlo import MonteCarloTuner
from tournaments.tuning.surrogate import Floats, Surrogate, gathered
from tournaments.tuning.tuner import Tuner

SHAPES = {"peak": (0.60, 6.0), "flat": (0.53, 1.0), "skew": (0.60, 6.0)}
"""Win rate at the optimum, and how steeply its logarithmic odds fall."""
COLOUR_BIAS = 0.25
"""Advantage of Black, in logarithmic odds."""
MOST_ASKS = 50
"""Candidates of libraries whose work grows with the cube of their number; each plays as many pairs as it takes."""


class Truth:
    """An engine's win rate over parameters from 0 to 1."""

    def __init__(self, dimensions: int, shape: str, seed: int) -> None:
        self.shape = shape
        self.optimum = np.random.default_rng(seed).uniform(0.15, 0.85, dimensions)
        top, drop = SHAPES[shape]
        self._top, self._drop = math.log(top / (1 - top)), drop / dimensions

    def _odds(self, place: Floats) -> float:
        away = np.asarray(place, float) - self.optimum
        if self.shape == "skew":
            away = np.where(away > 0, 0.5 * away, 1.6 * away)
        fall = self._drop * away**2
        return self._top - float((fall if self.shape == "flat" else fall / (1 + 0.35 * fall)).sum())

    def rates(self, place: Floats) -> tuple[float, float]:
        """Win rates as Black and as White."""
        odds = self._odds(place)
        black, white = (1 / (1 + math.exp(-odds - bias)) for bias in (COLOUR_BIAS, -COLOUR_BIAS))
        return black, white

    def rate(self, place: Floats) -> float:
        return sum(self.rates(place)) / 2

    def pair(self, place: Floats, random: Random) -> list[float]:
        """Points of two games with swapped colours."""
        return [float(random.random() < rate) for rate in self.rates(place)]

    def loss(self, place: Floats) -> float:
        """Elo below the optimum."""
        best, here = self.rate(self.optimum), self.rate(place)
        return 400 * math.log10(best / (1 - best) / (here / (1 - here)))


@dataclass
class Method:
    """A method as the simulation sees it."""

    ask: Callable[[], Floats]
    """The place of the next pair of games."""
    tell: Callable[[list[float]], list[float]]
    """Take the points of that pair as Black and as White, and return those of the games that it wanted."""
    recommend: Callable[[], Floats]


# Ours and gomill's: the code that plays tuning events


def _competition(dimensions: int, settings: MonteCarlo | CrossEntropy) -> Competition:
    parameters = tuple(TuningParameter(f"x{number}", float, str, 0.0, 1.0) for number in range(dimensions))
    tuning = Tuning(parameters, "other", "random", settings, lambda code, _: PlayerSpec(code, ("x",)))
    kind: CompetitionType = "mc_tuner" if isinstance(settings, MonteCarlo) else "ce_tuner"
    return Competition("x", Path("x.ctl"), kind, {}, (), tuning=tuning)


def _of_tuner(tuner: Tuner) -> Method:
    """A tuner, which chooses game by game, the colour included."""
    waiting: list[Any] = []

    def ask() -> Floats:
        trial = tuner.next()
        assert trial is not None
        waiting.append(trial)
        return np.array(trial.point)

    def tell(points: list[float]) -> list[float]:
        trial = waiting.pop()
        colour = trial.colour
        won = points[0 if colour.letter == "b" else 1]
        result = win(colour if won else colour.opponent, "R")
        tuner.record(trial, GameRecord(trial.game_id, "a", "b", result))
        return [won]

    return Method(ask, tell, lambda: np.clip(tuner.best(), 0, 1))


def _model(dimensions: int, seed: int, games: int) -> Method:
    settings = MonteCarlo((2,) * dimensions, 0.4, 10, 5)
    return _of_tuner(
        ModelTuner(_competition(dimensions, settings), lambda what: Random(f"{seed} {what}"), games)
    )


def _mc(dimensions: int, seed: int, games: int) -> Method:
    del games
    split = {1: 8, 2: 8, 4: 3}[dimensions]
    settings = MonteCarlo((split,) * dimensions, 0.45, 10, 5)
    return _of_tuner(
        MonteCarloTuner(_competition(dimensions, settings), lambda what: Random(f"{seed} {what}"))
    )


def _cem(dimensions: int, seed: int, games: int) -> Method:
    batch, generations = 10, max(2, games // 200)
    settings = CrossEntropy(
        ((0.5, 0.08),) * dimensions, batch, games // generations // batch, generations, 0.2, 0.8
    )
    competition = _competition(dimensions, settings)
    return _of_tuner(CrossEntropyTuner(competition, lambda what: Random(f"{seed} {what}")))


# Libraries


@dataclass
class _Repeated:
    """Gives a library the mean of several pairs at each of its candidates."""

    pairs: int
    ask_library: Callable[[], Floats]
    tell_library: Callable[[float], None]
    points: list[float] = field(default_factory=list)
    place: Floats | None = None

    def ask(self) -> Floats:
        if self.place is None:
            self.place = self.ask_library()
        return self.place

    def tell(self, points: list[float]) -> list[float]:
        self.points += points
        if len(self.points) == 2 * self.pairs:
            self.tell_library(sum(self.points) / len(self.points))
            self.points, self.place = [], None
        return points


def _optuna(sampler: str, dimensions: int, seed: int, pairs: int) -> Method:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made: Any = {
        "tpe": lambda: optuna.samplers.TPESampler(seed=seed, multivariate=True),
        "cmaes": lambda: optuna.samplers.CmaEsSampler(seed=seed),
        "gp": lambda: optuna.samplers.GPSampler(seed=seed, deterministic_objective=False),
    }[sampler]()
    study = optuna.create_study(direction="maximize", sampler=made)
    space: Any = {f"x{n}": optuna.distributions.FloatDistribution(0, 1) for n in range(dimensions)}
    trials: list[Any] = []

    def place(parameters: Any) -> Floats:
        return np.array([parameters[name] for name in space])

    def ask() -> Floats:
        trials.append(study.ask(space))
        return place(trials[-1].params)

    def tell(score: float) -> None:
        study.tell(trials.pop(), score)

    repeated = _Repeated(pairs, ask, tell)
    return Method(repeated.ask, repeated.tell, lambda: place(study.best_params))


def _skopt(dimensions: int, seed: int, pairs: int) -> Method:
    import skopt
    import skopt.utils

    optimizer = skopt.Optimizer([(0.0, 1.0)] * dimensions, "GP", acq_func="EI", random_state=seed)
    places: list[Any] = []

    def ask() -> Floats:
        places.append(optimizer.ask())
        return np.array(places[-1])

    def tell(score: float) -> None:
        optimizer.tell(places.pop(), -score)

    def recommend() -> Floats:
        found = skopt.utils.expected_minimum(optimizer.get_result(), n_random_starts=10, random_state=seed)
        return np.array(found[0])

    repeated = _Repeated(pairs, ask, tell)
    return Method(repeated.ask, repeated.tell, recommend)


def _bayes_opt(dimensions: int, seed: int, pairs: int) -> Method:
    import bayes_opt

    names = [f"x{number}" for number in range(dimensions)]
    optimizer = bayes_opt.BayesianOptimization(
        None,
        dict.fromkeys(names, (0.0, 1.0)),
        acquisition_function=bayes_opt.acquisition.UpperConfidenceBound(kappa=2.0),
        random_state=seed,
        verbose=0,
        allow_duplicate_points=True,
    )
    optimizer.set_gp_params(alpha=0.125 / pairs)
    random, places = np.random.default_rng(seed), list[Any]()

    def ask() -> Floats:
        is_first = len(optimizer.space) < 4 + 4 * dimensions
        suggested = (
            dict(zip(names, random.random(dimensions), strict=True)) if is_first else optimizer.suggest()
        )
        places.append({name: float(value) for name, value in suggested.items()})
        return np.array(list(places[-1].values()))

    def tell(score: float) -> None:
        optimizer.register(places.pop(), score)

    def recommend() -> Floats:
        return np.array(list(optimizer.max["params"].values()))

    repeated = _Repeated(pairs, ask, tell)
    return Method(repeated.ask, repeated.tell, recommend)


def _random(dimensions: int, seed: int, games: int) -> Method:
    del games
    random = np.random.default_rng(seed)
    return Method(lambda: random.random(dimensions), lambda pair: pair, lambda: np.full(dimensions, 0.5))


def _tpe(dimensions: int, seed: int, games: int) -> Method:
    del games
    return _optuna("tpe", dimensions, seed, 1)


def _few(games: int) -> int:
    """Pairs for each of MOST_ASKS candidates."""
    return max(1, games // 2 // MOST_ASKS)


METHODS: dict[str, Callable[[int, int, int], Method]] = {
    "model": _model,
    "mc": _mc,
    "cem": _cem,
    "tpe": _tpe,
    "tpe-few": lambda d, s, games: _optuna("tpe", d, s, _few(games)),
    "cmaes": lambda d, s, games: _optuna("cmaes", d, s, _few(games)),
    "optuna-gp": lambda d, s, games: _optuna("gp", d, s, _few(games)),
    "skopt": lambda d, s, games: _skopt(d, s, _few(games)),
    "bayes-opt": lambda d, s, games: _bayes_opt(d, s, _few(games)),
    "random": _random,
}
SINGLE = ("model", "mc", "cem")
"""Methods that choose game by game, colours included."""


@dataclass
class Outcome:
    """One simulated event."""

    loss: float
    """Elo that the method's own recommendation loses."""
    loss_by_model: float
    is_covered: bool
    """True if the model's interval of the win rate at its best holds the true one."""
    seconds: float


def simulate(method: str, dimensions: int, shape: str, games: int, seed: int) -> Outcome:
    truth, random = Truth(dimensions, shape, seed), Random(seed)
    began_s = time.process_time()
    made = METHODS[method](dimensions, seed, games)
    places: list[list[float]] = []
    points: list[float] = []
    for _ in range(games if method in SINGLE else games // 2):
        place = made.ask()
        pair = truth.pair(place.clip(0, 1), random)
        made.tell(pair)
        if (
            method in SINGLE
        ):  # the game of the colour that it chose is told; both have the same law for the model
            pair = [sum(pair) / 2]
        places += [place.tolist()] * len(pair)
        points += pair
    seconds = time.process_time() - began_s
    model = Surrogate(dimensions)
    where, won, count = gathered(places, points)
    model.fit(where, won, count)
    best = model.best(np.random.default_rng(seed))
    low, high = model.predict(best[None])[0].interval
    rate = truth.rate(best)
    return Outcome(truth.loss(made.recommend()), truth.loss(best), low <= rate <= high, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--dimensions", default="1,2")
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--games", default="200,500,1000")
    parser.add_argument("--seeds", type=int, default=8)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print("method      parameters games  own Elo lost  by the model  +-   interval holds  CPU s")
    for dimensions in map(int, options.dimensions.split(",")):
        for games in map(int, options.games.split(",")):
            for method in options.methods.split(","):
                found = [
                    simulate(method, dimensions, shape, games, seed)
                    for shape in options.shapes.split(",")
                    for seed in range(options.seeds)
                ]
                losses = [outcome.loss_by_model for outcome in found]
                error = float(np.std(losses)) / math.sqrt(len(losses))
                print(
                    f"{method:11} {dimensions:10} {games:5} {np.mean([o.loss for o in found]):13.1f} "
                    f"{np.mean(losses):13.1f} {error:4.1f} {np.mean([o.is_covered for o in found]):15.0%} "
                    f"{np.mean([o.seconds for o in found]):6.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
