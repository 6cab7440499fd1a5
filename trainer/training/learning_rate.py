"""The learning rate's rise and fall in the course of a run."""

from __future__ import annotations

import math

from trainer.settings.config import ScheduleConfig


def rate_factor(config: ScheduleConfig, positions: int, share: float) -> float:
    """Factor of the learning rate after `positions`, when `share` (0 to 1) of the run is over.

    The plateau's factor depends on the holdout and comes on top. `onecycle` is Smith and Topin's (2018), in half
    cosine waves.
    """
    warm = min(1.0, positions / config.warmup) if config.warmup else 1.0
    fallen = max(0.0, (share - config.hold) / (1 - config.hold)) if config.hold < 1 else 0.0
    if config.name == "cosine":
        return warm * _cosine(fallen)
    if config.name == "linear":
        return warm * max(0.0, 1 - fallen)
    if config.name == "onecycle":
        lowest = 1 / max(1.0, config.factor)
        if share < config.hold:
            return warm * (lowest + (1 - lowest) * (1 - _cosine(share / config.hold)))
        return warm * _cosine(fallen)
    return warm


def _cosine(share: float) -> float:
    """Half a cosine wave, from 1 to 0 as `share` goes from 0 to 1 (SGDR: Loshchilov and Hutter, 2017)."""
    return (1 + math.cos(math.pi * min(1.0, share))) / 2


class Plateau:
    """Divides the learning rate whenever a loss has stopped falling."""

    def __init__(self, factor: float, patience: int) -> None:
        self._divisor = factor
        self._patience = patience
        self.factor = 1.0
        """Factor of the learning rate."""
        self._best = math.inf
        self._waited = 0

    def note(self, loss: float) -> None:
        """Take notice of one measurement of the holdout."""
        if loss < self._best:
            self._best, self._waited = loss, 0
            return
        self._waited += 1
        if self._waited > self._patience:
            self.factor /= self._divisor
            self._waited = 0

    def state(self) -> dict[str, float]:
        return {"factor": self.factor, "best": self._best, "waited": self._waited}

    def restore(self, state: dict[str, float]) -> None:
        self.factor, self._best, self._waited = state["factor"], state["best"], int(state["waited"])
