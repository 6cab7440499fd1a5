"""Many search trees in a few arrays: what is stored, how a tree begins and how it follows the game.

A forest holds `T` trees of up to `N` nodes on a board of `P` points. A node is created when a playout first reaches
it; it then waits (WAITING) until an evaluator has answered, and is expanded. Moves that were never tried are no
nodes: as all of them share one value (first-play urgency), only the one with the highest prior can be chosen,
and that one is kept ready. Values are winrates, 0 to 1, summed as Black sees them. The root is node 0.

All functions are compiled, hold no lock and touch one tree only, so threads may work on different trees.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from engines.search.settings import SearchSettings
from lzeval.compiled.arrays import Floats32, Ints8, Ints32, Unsigned8, Unsigned64
from lzeval.compiled.jit import int64, jit
from lzeval.go.board import NO_KO

WAITING, EXPANDED, OVER = 0, 1, 2
"""A node's state: waiting for its evaluation; with priors; the game has ended by two passes."""
INITIAL_SQUARES = 1e-4
"""The start of a node's sum of squared deviations, so that no variance is zero."""
HISTORY = 8
"""Positions that a network sees, the present one among them."""
DUMB_PASS, SUPERKO, SUICIDE = 1, 2, 4
"""Rules of a tree: the pass is always among the moves; no earlier position may come about again (else simple ko alone
forbids); a move may take several own stones off."""
NONE = -1
GONE = np.float32(-np.inf)
"""Stands in `policy` for what cannot be an untried move: it is illegal, or it has been tried."""

NODE = np.dtype(
    [
        ("black", "f8"),  # sum of Black's winrates over the visits
        ("squares", "f8"),  # sum of squared deviations from their mean
        ("hash", "u8"),  # Zobrist hash of the stones
        ("parent", "i4"),
        ("first", "i4"),  # first child, NONE if there is none
        ("last", "i4"),
        ("next", "i4"),  # next sibling
        ("visits", "i4"),
        ("virtual", "i4"),  # visits on their way
        ("prior", "f4"),
        ("value", "f4"),  # the network's winrate for Black
        ("visited_prior", "f4"),  # sum of the children's priors
        ("best", "i2"),  # untried move of the highest prior, NONE if all are tried
        ("move", "i2"),  # that led here
        ("ko", "i2"),
        ("to_move", "i1"),
        ("passes", "i1"),  # that end the line so far: 0, 1 or 2
        ("state", "i1"),
    ],
    align=True,
)

SETTINGS = np.dtype(
    [
        ("puct", "f8"),
        ("log_puct", "f8"),
        ("log_const", "f8"),
        ("fpu", "f8"),
        ("sharpness", "f8"),  # 1 / softmax_temp
        ("virtual_loss", "i4"),
    ],
    align=True,
)
"""Those of `SearchSettings` that count inside a tree."""

Nodes = npt.NDArray[np.void]
Node: TypeAlias = Any
"""A view of one of them, with NODE's fields as attributes: numba has it, numpy's types do not."""


class Forest(NamedTuple):
    nodes: Nodes
    """`[T, N]` of NODE."""
    stones: Ints8
    """`[T, N, P + 1]`: each node's position, the wall last."""
    policy: Floats32
    """`[T, N, P + 1]`: priors of the untried moves; negative for all others, see `_hidden` and `GONE`."""
    size: Ints32
    """`[T]`: nodes in use; 0 before a position is set."""
    past_stones: Ints8
    """`[T, 7, P + 1]`: the positions before the root, latest first."""
    past_count: Ints32
    """`[T]`: how many of them there are."""
    past_hashes: Unsigned64
    """`[T, H]`: every position of the game so far, the root's last."""
    hash_count: Ints32
    """`[T]`."""
    komi: Floats32
    """`[T]`."""
    random: Unsigned64
    """`[T]`: state of the tree's own random numbers."""
    rules: Unsigned8
    """`[T]`: the sum of those of DUMB_PASS, SUPERKO and SUICIDE that are in force."""
    depths: Ints32
    """`[T, 2, 2, P + 2]`: of Black's moves and White's, above which depth each is to be avoided and, second, is on a
    list of those that alone are looked at; the root's depth is 0. The last column says where that ends for all moves.
    """
    settings: npt.NDArray[np.void]
    """`[T]` of SETTINGS."""
    cache_keys: Unsigned64
    """`[T, M]`: positions of expanded nodes, 0 for an empty place; M is a power of two."""
    cache_nodes: Ints32
    """`[T, M]`: the node."""


def new_forest(trees: int, capacity: int, points: int, longest_game: int = 1024) -> Forest:
    """Room for `trees` trees of `capacity` nodes each."""
    slots = 1 << (2 * capacity - 1).bit_length()
    return Forest(
        np.zeros((trees, capacity), NODE),
        np.zeros((trees, capacity, points + 1), np.int8),
        np.zeros((trees, capacity, points + 1), np.float32),
        np.zeros(trees, np.int32),
        np.zeros((trees, HISTORY - 1, points + 1), np.int8),
        np.zeros(trees, np.int32),
        np.zeros((trees, longest_game), np.uint64),
        np.zeros(trees, np.int32),
        np.zeros(trees, np.float32),
        np.zeros(trees, np.uint64),
        np.full(trees, SUPERKO, np.uint8),
        np.zeros((trees, 2, 2, points + 2), np.int32),
        np.full(trees, settings_record(SearchSettings()), SETTINGS),
        np.zeros((trees, slots), np.uint64),
        np.zeros((trees, slots), np.int32),
    )


def settings_record(settings: SearchSettings) -> npt.NDArray[np.void]:
    """`[]` of SETTINGS."""
    record = np.zeros((), SETTINGS)
    for name in ("puct", "log_puct", "log_const", "fpu", "virtual_loss"):
        record[name] = getattr(settings, name)
    record["sharpness"] = 1 / settings.softmax_temp
    return record


@jit
def random_number(forest: Forest, tree: int) -> np.uint64:
    """The next of the tree's random numbers: SplitMix64 (G. Steele, D. Lea and C. Flood, 2014)."""
    forest.random[tree] += np.uint64(0x9E3779B97F4A7C15)
    z = forest.random[tree]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@jit
def cache_key(node: Node) -> np.uint64:
    """Stones, ko and side to move as one number, never 0, which stands for an empty place."""
    salt = np.uint64(node.to_move) * np.uint64(0x9E3779B97F4A7C15)
    salt ^= np.uint64(node.ko + 2) * np.uint64(0xD1B54A32D192ED03)
    return (node.hash ^ salt) | np.uint64(1)


@jit
def cached(forest: Forest, tree: int, key: np.uint64) -> int:
    """The expanded node of that key, NONE if there is none.

    A hash table with linear probing, never more than half full. The search for a place begins at bits from the middle
    of the key, whose lowest one is always set.
    """
    mask = forest.cache_keys.shape[1] - 1
    slot = np.int64(key >> np.uint64(20)) & mask
    while forest.cache_keys[tree, slot] != 0:
        if forest.cache_keys[tree, slot] == key:
            return int64(forest.cache_nodes[tree, slot])
        slot = (slot + 1) & mask
    return NONE


@jit
def remember(forest: Forest, tree: int, index: int) -> None:
    """Let `cached` find the node, unless it knows one of the same key: the first stays."""
    key = cache_key(forest.nodes[tree, index])
    mask = forest.cache_keys.shape[1] - 1
    slot = np.int64(key >> np.uint64(20)) & mask
    while forest.cache_keys[tree, slot] != 0:
        if forest.cache_keys[tree, slot] == key:
            return
        slot = (slot + 1) & mask
    forest.cache_keys[tree, slot] = key
    forest.cache_nodes[tree, slot] = index


@jit
def new_node(forest: Forest, tree: int, parent: int, move: int, to_move: int) -> int:
    """Append a WAITING node; its stones, hash, ko and links are the caller's to fill in."""
    index = int64(forest.size[tree])
    forest.size[tree] += 1
    node = forest.nodes[tree, index]
    node.black = 0.0
    node.squares = INITIAL_SQUARES
    node.parent = parent
    node.first = NONE
    node.last = NONE
    node.next = NONE
    node.visits = 0
    node.virtual = 0
    node.prior = 0.0
    node.value = 0.0
    node.visited_prior = 0.0
    node.best = NONE
    node.move = move
    node.ko = NO_KO
    node.to_move = to_move
    node.passes = 0
    node.state = WAITING
    return index


@jit
def set_root(
    forest: Forest,
    tree: int,
    boards: Ints8,
    hashes: Unsigned64,
    to_move: int,
    ko: int,
    passes: int,
) -> None:
    """Forget the tree and start from a game: `boards` `[K, P + 1]`, up to 8, latest last; all its `hashes` `[M]`."""
    forest.size[tree] = 0
    forest.cache_keys[tree, :] = 0
    new_node(forest, tree, int64(NONE), int64(NONE), to_move)
    last = boards.shape[0] - 1
    forest.stones[tree, 0] = boards[last]
    for back in range(min(last, HISTORY - 1)):
        forest.past_stones[tree, back] = boards[last - 1 - back]
    forest.past_count[tree] = min(last, HISTORY - 1)
    first = max(0, hashes.shape[0] - forest.past_hashes.shape[1])
    count = hashes.shape[0] - first
    forest.past_hashes[tree, :count] = hashes[first:]
    forest.hash_count[tree] = count
    root = forest.nodes[tree, 0]
    root.hash = hashes[hashes.shape[0] - 1]
    root.ko = ko
    root.passes = passes


@jit
def advance(forest: Forest, tree: int, move: int, renumbered: Ints32) -> bool:
    """Make the root's child `move` the root and keep what is below it; False if there is no such child.

    `renumbered` `[N]` is working memory. Children have higher numbers than their parents, so nodes move down in
    place, and the links follow.
    """
    child = forest.nodes[tree, 0].first
    while child != NONE and forest.nodes[tree, child].move != move:
        child = forest.nodes[tree, child].next
    if child == NONE or forest.nodes[tree, child].state != EXPANDED:
        return False
    if forest.hash_count[tree] == forest.past_hashes.shape[1]:
        return False
    # the old root becomes the latest of the positions before, and the new one the last of the game's
    for back in range(HISTORY - 2, 0, -1):
        forest.past_stones[tree, back] = forest.past_stones[tree, back - 1]
    forest.past_stones[tree, 0] = forest.stones[tree, 0]
    forest.past_count[tree] = min(HISTORY - 1, forest.past_count[tree] + 1)
    forest.past_hashes[tree, forest.hash_count[tree]] = forest.nodes[tree, child].hash
    forest.hash_count[tree] += 1
    # A node whose parent is kept is kept. Parents come first, so that one pass finds them all, and a second moves each
    # to a place that is free by then: the nodes before it have moved, or are no longer wanted.
    renumbered[: forest.size[tree]] = NONE
    renumbered[child] = 0
    kept = 1
    for index in range(child + 1, forest.size[tree]):
        if renumbered[forest.nodes[tree, index].parent] != NONE:
            renumbered[index] = kept
            kept += 1
    for index in range(child, forest.size[tree]):
        target = renumbered[index]
        if target != NONE:
            forest.nodes[tree, target] = forest.nodes[tree, index]
            forest.stones[tree, target] = forest.stones[tree, index]
            forest.policy[tree, target] = forest.policy[tree, index]
            node = forest.nodes[tree, target]
            node.first = renumbered[node.first] if node.first != NONE else NONE
            node.last = renumbered[node.last] if node.last != NONE else NONE
            node.next = renumbered[node.next] if node.next != NONE and target else NONE
            node.parent = renumbered[node.parent] if target else NONE
    forest.size[tree] = kept
    forest.cache_keys[tree, :] = 0  # nothing can be taken out of a table with linear probing: it is made anew
    for index in range(kept):
        if forest.nodes[tree, index].state == EXPANDED:
            remember(forest, tree, index)
    return True
