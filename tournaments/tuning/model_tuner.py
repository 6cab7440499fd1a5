"""Our own way to tune: candidates drawn by a model of the win rate, and the best one told by the model.

A candidate is where a function is highest that the results so far allow (W. R. Thompson, "On the Likelihood that One
Unknown Probability Exceeds Another", Biometrika 25, 1933). So games go to where the best may be, and those that are
in progress need not be waited for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from tournaments.plan.competition import Competition
from tournaments.plan.tuning import TUNING, Point, Tuning
from tournaments.tuning.surrogate import Estimate, Floats, Surrogate, gathered, spread_places
from tournaments.tuning.tuner import RandomFor, Trial

METHOD = "model"
FIRST_PLACES, PLACES_A_PARAMETER = 4, 4
"""Candidates that are spread evenly before the model chooses: so many, and so many more a parameter."""
REFINED_EVERY = 1.4
"""The model's lengths and amplitude are found anew when there are so many times as many games."""
PLACES_A_PAIR = 100
"""With so many candidates, each new one plays a pair of games more: the model's work is the cube of their number."""
DRAWN_AT = 100
"""Places that a candidate is drawn from; as many are near the best."""
NEAR = 0.1
"""Spread about the best place of those that are near it."""


class ModelTuner:
    """`Tuner` by the model. It learns from the games of gomill's methods as well."""

    def __init__(self, competition: Competition, random_for: RandomFor, wanted: int | None = None) -> None:
        """`wanted`: games in all; None: without end."""
        assert competition.tuning is not None
        self._competition = competition
        self._tuning: Tuning = competition.tuning
        self.wanted = wanted
        self.notes: list[dict[str, Any]] = []
        self.history: list[str] = []
        dimensions = len(self._tuning.parameters)
        self.model = Surrogate(dimensions)
        self._random_for = random_for
        self._first = spread_places(dimensions, FIRST_PLACES + PLACES_A_PARAMETER * dimensions)
        self.places: list[Point] = []
        """Where each game that counts was played, coordinates from 0 to 1."""
        self.points: list[float] = []
        """What the candidate won there."""
        self._chosen = 0
        """Number of candidates chosen so far."""
        self._issued = 0
        """Number of games that they play in all."""
        self._dropped = 0
        """Number of those that are not played, as their candidate was given up."""
        self._others = 0
        """Number of games that another method has played."""
        self._waiting: deque[Trial] = deque()
        """Games that have not begun."""
        self._unplayed: dict[str, Trial] = {}
        """Games that have not ended, by id."""
        self._given_up: list[Point] = []
        self._refine_at = 0
        self._settled: tuple[int, Surrogate] | None = None
        """Number of games, and the model of these for findings."""
        self._fitted = -1
        """Number of games that the model has learnt from."""

    # Choice

    def next(self) -> Trial | None:
        if not self._waiting:
            if self.wanted is not None and self._issued - self._dropped + self._others >= self.wanted:
                return None
            self._choose()
        return self._waiting.popleft()

    def _choose(self) -> None:
        """Have a new candidate play."""
        candidate = self._chosen
        random = np.random.default_rng(self._random_for(f"candidate {candidate}").getrandbits(64))
        point = self.point(self._drawn(candidate, random))
        both = self._tuning.candidate_colour == "random"
        colours = [Colour.BLACK, Colour.WHITE] if both else [_colour(self._tuning.candidate_colour)]
        count = len(colours) * (1 + candidate // PLACES_A_PAIR)
        trials = [
            Trial(
                game_id=f"m{number}",
                code=f"#{candidate}",
                point=point,
                colour=colours[number % len(colours)],
                group=TUNING,
                number=number,
                opening=number // len(colours),
                pair=number // 2 if both else None,
            )
            for number in range(self._issued, self._issued + count)
        ]
        self.notes.append({"kind": "candidate", "trials": [trial.to_dict() for trial in trials]})
        self._add(trials)

    def _add(self, trials: Iterable[Trial]) -> None:
        self._chosen += 1
        for trial in trials:
            self._issued += 1
            self._waiting.append(trial)
            self._unplayed[trial.game_id] = trial

    def _drawn(self, candidate: int, random: np.random.Generator) -> Floats:
        if candidate < len(self._first) or not self.places:
            first: Floats = self._first[candidate % len(self._first)]
            return first
        self.learn()
        best = self.model.best(random)
        near = (best + random.normal(0, NEAR, (DRAWN_AT, len(best)))).clip(0, 1)
        places = np.vstack([random.random((DRAWN_AT, len(best))), near])
        heights = self.model.draw(places, 1, random)[0]
        for refused in self._given_up:  # what lies about as near as this to a refused one is refused, too
            distance = np.abs(places - np.array(refused)).max(axis=1)
            heights[distance < NEAR / 2] = -np.inf
        highest: Floats = places[heights.argmax()]
        return highest

    def learn(self) -> None:
        """Have the model know all games."""
        if self._fitted == len(self.places):
            return
        refine = len(self.places) >= self._refine_at
        if refine:
            self._refine_at = int(len(self.places) * REFINED_EVERY) + 1
        self.model.fit(*gathered(self.places, self.points), refine=refine)
        self._fitted = len(self.places)

    # Results

    def begin(self, trial: Trial) -> None:
        """Nothing: `note` has told of the game."""

    def record(self, trial: Trial, record: GameRecord) -> None:
        if self._unplayed.pop(trial.game_id, None) is None:
            self._others += 1
        if not trial.has_result(record):
            self.history.append(f"{self._tuning.text(trial.point)} no result")
            return
        points = trial.score(record)
        self.places.append(self.place(trial.point))
        self.points.append(points)
        word = {1.0: "won", 0.5: "drawn", 0.0: "lost"}[points]
        self.history.append(f"{self._tuning.text(trial.point)} {word}")

    def give_up(self, trial: Trial) -> None:
        self._given_up.append(self.place(trial.point))
        dropped = [other for other in self._unplayed.values() if other.code == trial.code]
        for other in dropped:
            del self._unplayed[other.game_id]
        self._dropped += len(dropped)
        self._waiting = deque(other for other in self._waiting if other.code != trial.code)

    def note(self, entry: Mapping[str, Any]) -> None:
        """A candidate of an earlier run."""
        if entry["kind"] == "candidate":
            self._add(map(Trial.from_dict, entry["trials"]))

    def resume(self) -> None:
        self._waiting = deque(self._unplayed.values())

    # Findings

    def place(self, point: Point) -> Point:
        """A point as coordinates of the model: 0 and 1 are the ends of a parameter's range."""
        pairs = zip(self._tuning.parameters, point, strict=True)
        return tuple((x - p.low) / (p.high - p.low) if p.high > p.low else 0.5 for p, x in pairs)

    def point(self, place: Floats | Point) -> Point:
        """The reverse of `place`."""
        pairs = zip(self._tuning.parameters, place, strict=True)
        return tuple(float(p.low + share * (p.high - p.low)) for p, share in pairs)

    def settled(self) -> Surrogate:
        """The model of all games as it is however they came about, of one run or of many; there are games."""
        if self._settled is None or self._settled[0] != len(self.places):
            model = Surrogate(len(self._tuning.parameters))
            model.fit(*gathered(self.places, self.points))
            self._settled = len(self.places), model
        return self._settled[1]

    def best_place(self) -> Floats:
        """Where the model expects the highest win rate; the middle before the first game."""
        if not self.places:
            return np.full(len(self._tuning.parameters), 0.5)
        return self.settled().best(np.random.default_rng(1))

    def best(self) -> Point:
        return self.point(self.best_place())

    def best_estimate(self) -> Estimate | None:
        """The win rate at the best place; None before the first game."""
        return self.settled().predict(self.best_place()[None])[0] if self.places else None

    def standing(self) -> str:
        """By the model that chooses, which is at hand."""
        if not self.places:
            return ""
        self.learn()
        place = self.model.best(np.random.default_rng(1))
        found = self.model.predict(place[None])[0]
        low, high = found.interval
        text = self._tuning.text(self.point(place))
        return f"best: {text}, win rate {found.mean:.1%} ({low:.1%} to {high:.1%})"

    def report(self, opponent: str) -> str:
        from tournaments.tuning.findings import findings_text

        return findings_text(self, self._competition, opponent)


def _colour(letter: str) -> Colour:
    return Colour.BLACK if letter == "b" else Colour.WHITE
