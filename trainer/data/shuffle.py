"""A random order of any number of things that takes no memory: a permutation that is computed, not stored.

A Feistel network permutes the numbers below a power of four; what it throws beyond the wanted number is sent through it
again until it lies inside (cycle walking; Black and Rogaway, 2002).
"""

from __future__ import annotations

import numpy as np

from lzeval.compiled.arrays import Ints64, Unsigned64

ROUNDS = 6


def shuffled(numbers: Ints64, count: int, key: tuple[int, ...]) -> Ints64:
    """Places of `numbers` (each below `count`) in the order that `key` names: for one key, a permutation."""
    if count <= 1:
        return np.zeros_like(numbers)
    half = np.uint64(max(1, ((count - 1).bit_length() + 1) // 2))
    keys = np.random.default_rng(key).integers(0, 2**63, ROUNDS, np.uint64)
    result = _rounds(numbers.astype(np.uint64), half, keys)
    outside = np.flatnonzero(result >= count)
    while len(outside):
        result[outside] = _rounds(result[outside], half, keys)
        outside = outside[result[outside] >= count]
    return result.astype(np.int64)


def _rounds(numbers: Unsigned64, half: np.uint64, keys: Unsigned64) -> Unsigned64:
    """Through the Feistel network of `2 * half` bits."""
    mask = (np.uint64(1) << half) - np.uint64(1)
    left, right = numbers >> half, numbers & mask
    for key in keys:
        left, right = right, left ^ (_mixed(right + key) & mask)
    return (left << half) | right


def _mixed(words: Unsigned64) -> Unsigned64:
    """The bits of each word, well stirred: the finaliser of splitmix64 (Steele, Lea and Flood, 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
