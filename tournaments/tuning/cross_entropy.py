"""gomill's cross-entropy tuner: generations of candidates drawn from a normal distribution that moves to the best.

The method is that of G. Chaslot, M. Winands, I. Szita and H. J. van den Herik, "Cross-Entropy for Monte-Carlo Tree
Search", ICGA Journal 31 (2008), section 3, with a normal distribution for each parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

from lzeval.records.record import GameRecord
from tournaments.plan.competition import Competition
from tournaments.plan.tuning import CrossEntropy, Point, Tuning
from tournaments.tuning.monte_carlo import static_lines
from tournaments.tuning.tuner import GameNumbers, RandomFor, Trial, colour_of

Distribution = tuple[tuple[float, float], ...]
"""Mean and variance of each parameter."""


def moved(distribution: Distribution, elite: Sequence[Point], step_size: float) -> Distribution:
    """The distribution after a step towards the mean and variance of the elite.

    Sums are taken in gomill's order, so that digits agree.
    """
    found = []
    for (mean, variance), values in zip(distribution, zip(*elite, strict=True), strict=True):
        elite_mean = sum(values) / len(values)
        elite_variance = sum(value * value for value in values) / len(values) - elite_mean * elite_mean
        rest = 1.0 - step_size
        found.append((elite_mean * step_size + mean * rest, elite_variance * step_size + variance * rest))
    return tuple(found)


class CrossEntropyTuner:
    """`Tuner` by gomill's `ce_tuner`."""

    def __init__(self, competition: Competition, random_for: RandomFor) -> None:
        assert competition.tuning is not None
        assert isinstance(competition.tuning.settings, CrossEntropy)
        self._competition = competition
        self._tuning: Tuning = competition.tuning
        self._settings: CrossEntropy = competition.tuning.settings
        self._random_for = random_for
        self.notes: list[dict[str, Any]] = []
        self.history: list[str] = []
        self.generation = 0
        self.distribution: Distribution = self._settings.initial
        self._begin_generation(self._drawn())

    @property
    def wanted(self) -> int:
        settings = self._settings
        return settings.number_of_generations * settings.samples_per_generation * settings.batch_size

    def _drawn(self) -> list[Point]:
        """Candidates of this generation."""
        random = self._random_for(f"generation {self.generation}")
        return [
            tuple(random.gauss(mean, sqrt(max(0.0, variance))) for mean, variance in self.distribution)
            for _ in range(self._settings.samples_per_generation)
        ]

    def _begin_generation(self, samples: Sequence[Point]) -> None:
        self._samples = list(samples)
        self._wins: list[float] = [0] * len(samples)
        self._numbers = [GameNumbers() for _ in samples]
        self._given_up: set[int] = set()
        self.notes.append(
            {
                "kind": "generation",
                "number": self.generation,
                "distribution": [list(pair) for pair in self.distribution],
                "samples": [list(point) for point in self._samples],
            }
        )

    def next(self) -> Trial | None:
        if self.generation >= self._settings.number_of_generations:
            return None
        able = [
            (numbers.issued, candidate)
            for candidate, numbers in enumerate(self._numbers)
            if numbers.issued < self._settings.batch_size and candidate not in self._given_up
        ]
        if not able:
            return None
        candidate = min(able)[1]
        number = self._numbers[candidate].issue()
        code = f"g{self.generation}#{candidate}"
        game_id = f"{code}r{number}"
        return Trial(
            game_id=game_id,
            code=code,
            point=self._samples[candidate],
            colour=colour_of(self._tuning.candidate_colour, self._random_for(game_id)),
            group=code,
            number=number,
            opening=number,
            place={"generation": self.generation, "candidate": candidate},
        )

    def begin(self, trial: Trial) -> None:
        if trial.place["generation"] == self.generation:
            self._numbers[trial.place["candidate"]].begin(trial.number)

    def record(self, trial: Trial, record: GameRecord) -> None:
        if trial.place["generation"] != self.generation:
            return  # of a candidate that was given up while other games of its went on
        candidate = trial.place["candidate"]
        self._numbers[candidate].end(trial.number)
        if record.result.winner is None:
            self._wins[candidate] += 0.5
        elif record.result.winner is trial.colour:
            self._wins[candidate] += 1
        self._end_generation_if_complete()

    def give_up(self, trial: Trial) -> None:
        """What the candidate has not played counts as lost."""
        if trial.place["generation"] == self.generation:
            self._given_up.add(trial.place["candidate"])
            self._end_generation_if_complete()

    def note(self, entry: Mapping[str, Any]) -> None:
        """A generation as it was begun: with its distribution and candidates, whatever the settings are now."""
        if entry["kind"] != "generation":
            return
        if entry["number"] > self.generation:  # more games a candidate are wanted now than were played then
            self._describe_generation()
        self.generation = entry["number"]
        self.distribution = tuple((mean, variance) for mean, variance in entry["distribution"])
        self._begin_generation([tuple(point) for point in entry["samples"]])
        self.notes.clear()  # the log has it

    def resume(self) -> None:
        for numbers in self._numbers:
            numbers.roll_back()
        self._end_generation_if_complete()

    def _end_generation_if_complete(self) -> None:
        if self.generation >= self._settings.number_of_generations or not all(
            numbers.ended >= self._settings.batch_size or candidate in self._given_up
            for candidate, numbers in enumerate(self._numbers)
        ):
            return
        elite = self._describe_generation()
        self.distribution = moved(
            self.distribution, [self._samples[candidate] for candidate in elite], self._settings.step_size
        )
        self.generation += 1
        if self.generation < self._settings.number_of_generations:
            self._begin_generation(self._drawn())

    def _describe_generation(self) -> list[int]:
        """Write the generation that ends into the history; returns its elite, the best first."""
        order = sorted(range(len(self._wins)), key=lambda candidate: (self._wins[candidate], candidate))[::-1]
        share = self._settings.elite_proportion * len(self._samples)
        elite = order[: max(1, int(share + 0.5))]
        self.history += [f"Generation {self.generation}", "Distribution", *self._shown_distribution()]
        for candidate in order:
            mark = "*" if candidate in elite else " "
            text = self._tuning.text(self._samples[candidate])
            self.history.append(
                f"g{self.generation}#{candidate}{mark} {text} {int(self._wins[candidate]):3d}"
            )
        self.history.append("")
        return elite

    def _shown_distribution(self) -> list[str]:
        spread = " ".join(f"{mean:5.2f}~{variance:4.2f}" for mean, variance in self.distribution)
        return [self._tuning.text(self.best()), spread]

    def best(self) -> Point:
        """The distribution's mean."""
        return tuple(mean for mean, _ in self.distribution)

    def standing(self) -> str:
        return f"generation {self.generation}: {self._tuning.text(self.best())}"

    def report(self, opponent: str) -> str:
        del opponent  # gomill does not tell of it here
        is_over = self.generation >= self._settings.number_of_generations
        heading = "final distribution:" if is_over else f"distribution for generation {self.generation}:"
        lines = [*static_lines("CEM", self._competition), f"generation {self.generation}", ""]
        lines += ["wins from current samples:", str(self._wins), ""]
        return "\n".join([*lines, heading, *self._shown_distribution(), ""])
