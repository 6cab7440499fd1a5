"""Networks made of networks: the mean of several, and one of fewer digits.

**The mean.** A weights file's convolution computes `(conv(x) + bias - mean) / sqrt(variance + eps)`. Doubling its
weights, bias and mean and the square root below changes nothing, so two files of the same network may differ in every
number, and the mean of their numbers, tensor by tensor, is another network. What is averaged here is what a
convolution does, normalisation included: its weights and its offset once they are divided by that root. Every layer
of the result is then the mean of that layer in the networks, and a network averaged with itself stays what it is.
The result is written with the mean of the variances, and everything else in proportion.

Batch statistics are thereby averaged, not measured again: a mean of networks that are far apart has weaker signals
than they have, and hidden channels correspond only in networks that come of each other. So average what one run wrote,
or runs that set out from one network; the mean of two strangers cannot play.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lzeval.compiled.arrays import Floats, Floats32, Unsigned8
from lzeval.errors import UserError
from lzeval.network.leela import network_from_weights
from lzeval.network.weights_file.layout import tensor_layout
from lzeval.network.weights_file.weights import BATCH_NORM_EPSILON, MOVERS_VALUE, LeelaWeights, rounded

MOST_DIGITS = 9
"""Every float32 survives so many."""
BATCH = 16

_Doubles = Floats


def average(
    networks: Sequence[tuple[str, LeelaWeights]], shares: Sequence[float] | None = None
) -> LeelaWeights:
    """The mean of named networks, each counting for its share of all `shares`; equally if there are none.

    Computed in double precision. Raises UserError unless all have one shape and one version.
    """
    _require_alike(networks)
    weights = [network for _, network in networks]
    parts = np.array(
        _checked(shares, len(weights)) if shares is not None else [1.0] * len(weights), np.float64
    )
    parts /= parts.sum()
    tensors: dict[str, _Doubles] = {}
    for spec in tensor_layout(weights[0].shape):
        values = [network.tensors[spec.name] / _root(spec.name, network.tensors) for network in weights]
        tensors[spec.name] = np.tensordot(parts, np.stack(values), 1)
    single = {name: (tensor * _root(name, tensors)).astype(np.float32) for name, tensor in tensors.items()}
    return LeelaWeights(weights[0].version, weights[0].shape, single)


def _root(name: str, tensors: Mapping[str, Floats32 | _Doubles]) -> _Doubles:
    """Divisor of the tensor `name` in its normalisation, in a shape to divide it; 1 where there is none."""
    layer, _, part = name.rpartition(".")
    if part == "variance" or f"{layer}.variance" not in tensors:
        return np.ones(())
    root: _Doubles = np.sqrt(tensors[f"{layer}.variance"].astype(np.float64) + BATCH_NORM_EPSILON)
    return root.reshape(-1, *[1] * (tensors[name].ndim - 1))


def _checked(shares: Sequence[float], count: int) -> Sequence[float]:
    if len(shares) != count:
        raise UserError(f"{count} networks were given, and {len(shares)} weights for them")
    bad = [share for share in shares if not (share > 0 and np.isfinite(share))]
    if bad:
        raise UserError(f"{bad[0]:g} cannot be a network's weight in a mean: it must be above 0")
    return shares


def _require_alike(networks: Sequence[tuple[str, LeelaWeights]]) -> None:
    if not networks:
        raise UserError("there is no network to average")
    name, first = networks[0]
    for other_name, other in networks[1:]:
        if other.shape != first.shape:
            raise UserError(
                f"only networks of one shape can be averaged: {name} is {first.shape}, {other_name} is {other.shape}"
            )
        if other.version != first.version:
            raise UserError(
                "only networks whose value means the same can be averaged: it is "
                f"{_owner(first)} in {name}, and {_owner(other)} in {other_name}"
            )


def _owner(weights: LeelaWeights) -> str:
    return "the mover's" if weights.version == MOVERS_VALUE else "Black's"


# Fewer digits


@dataclass(frozen=True)
class Change:
    """Distance between two networks' answers over some positions."""

    policy: float
    """The largest change of a move's probability."""
    winrate: float
    """The largest change of a winrate, 0 to 1."""
    same_best: int
    """Positions whose best move stays the best."""
    positions: int


class Answers:
    """A network's answers to some positions, to compare others with."""

    def __init__(self, weights: LeelaWeights, planes: Unsigned8) -> None:
        """`planes` `[N, 18, S, S]`, 0 or 1."""
        self._planes = planes
        self._policy, self._value = _answers(weights, planes)

    def change(self, other: LeelaWeights) -> Change:
        policy, value = _answers(other, self._planes)
        same = policy.argmax(1) == self._policy.argmax(1)
        return Change(
            float(abs(policy - self._policy).max()),
            float(abs(value - self._value).max()) / 2,
            int(same.sum()),
            len(same),
        )


def fewest_digits(weights: LeelaWeights, planes: Unsigned8, largest: float) -> tuple[int, Change]:
    """Fewest significant digits with which no move's probability changes by `largest` or more on `planes`.

    Also what so few change. `largest` is above 0.
    """
    answers = Answers(weights, planes)
    for digits in range(1, MOST_DIGITS):
        change = answers.change(rounded(weights, digits))
        if change.policy < largest:
            return digits, change
    return MOST_DIGITS, answers.change(rounded(weights, MOST_DIGITS))


def _answers(weights: LeelaWeights, planes: Unsigned8) -> tuple[Floats32, Floats32]:
    """Probabilities `[N, S*S + 1]` and values `[N]`."""
    network = network_from_weights(weights)
    policies, values = [], []
    with torch.inference_mode():
        for start in range(0, len(planes), BATCH):
            logits, value = network(torch.from_numpy(planes[start : start + BATCH]).float())
            policies.append(logits.softmax(1).numpy())
            values.append(value.numpy())
    return np.concatenate(policies), np.concatenate(values)
