"""Search for callers in Python: trees that follow games, one batch of waiting nodes at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.evaluator.base import Planes
from engines.gtp.engine import Restriction
from engines.search.choice import RootMove, lower_bound
from engines.search.forest import (
    DUMB_PASS,
    EXPANDED,
    GONE,
    HISTORY,
    NONE,
    SUICIDE,
    SUPERKO,
    Forest,
    advance,
    new_forest,
    set_root,
    settings_record,
)
from engines.search.input_planes import write_planes
from engines.search.playouts import apply, gather, gather_several
from engines.search.settings import SearchSettings
from lzeval.compiled.arrays import Floats, Floats32, Ints32, Ints64
from lzeval.go.board import BLACK, WHITE, as_array, geometry, new_scratch
from lzeval.go.game import Game
from lzeval.go.points import symmetry_tables

SPARE_NODES = 8
UNLIMITED = 2**31 - 1
DEEPEST = 2**30
"""A restriction until here, or beyond, holds everywhere."""


@dataclass(frozen=True)
class Limits:
    """The end of a search: whichever limit is reached first."""

    visits: int | None = 100
    """Visits of the root, those kept from earlier moves included."""
    playouts: int | None = None
    """New visits."""

    def root_visits(self, already: int) -> int:
        """The number of root visits that ends a search which begins with `already`."""
        by_visits = UNLIMITED if self.visits is None else self.visits
        by_playouts = UNLIMITED if self.playouts is None else max(already, 1) + self.playouts
        return max(1, min(by_visits, by_playouts))


@dataclass(frozen=True, eq=False)
class BatchInput:
    """The input for a batch."""

    planes: Planes
    """`[B, 18, S, S]`."""
    symmetries: Ints64
    """`[B]`: under which of them each row's planes are."""

    @classmethod
    def on(cls, planes: Planes) -> BatchInput:
        """One that uses the array `planes`."""
        return cls(planes, np.zeros(len(planes), np.int64))

    @classmethod
    def of_size(cls, batch_size: int, size: int) -> BatchInput:
        """A new one, for boards of `size`."""
        return cls.on(np.zeros((batch_size, 18, size, size), np.uint8))

    def rows(self, first: int, end: int) -> BatchInput:
        """Rows `first` to `end` of it, in the same memory."""
        return BatchInput(self.planes[first:end], self.symmetries[first:end])


class Searcher:
    """`trees` trees over boards of one size, each following a game of its own."""

    def __init__(self, trees: int, size: int = 19, capacity: int = 128) -> None:
        self.size = size
        self.points = size * size
        self.forest: Forest = new_forest(trees, capacity + SPARE_NODES, self.points)
        self._geometry = geometry(size)
        self._scratch = new_scratch(size)
        self._tables = symmetry_tables(size)
        self._followed: list[list[tuple[int, int]] | None] = [None] * trees
        """The moves that led to each root; None for a tree without one."""
        self._restrictions: list[tuple[Restriction, ...]] = [()] * trees
        self._settings = [SearchSettings()] * trees

    def forget(self, tree: int) -> None:
        """Drop what the tree knows; the next `follow` starts it anew."""
        self._followed[tree] = None

    def seed(self, tree: int, seed: int) -> None:
        """Start the tree's random numbers, which choose the symmetries, from `seed`."""
        self.forest.random[tree] = np.uint64(seed & (2**64 - 1))

    def configure(self, tree: int, settings: SearchSettings) -> None:
        """Search the tree by `settings` from here on; other ones than before make it another tree."""
        if settings != self._settings[tree]:
            self._settings[tree] = settings
            self.forest.settings[tree] = settings_record(settings)
            self.forget(tree)

    def follow(
        self,
        tree: int,
        game: Game,
        to_move: int,
        *,
        dumb_pass: bool = False,
        restrictions: Sequence[Restriction] = (),
    ) -> None:
        """Make `game`'s position the root, with `to_move` next, and keep what is known of it.

        A tree with restrictions is kept only for the same position under the same restrictions.
        """
        followed, moves = self._followed[tree], game.moves
        changed = self._set_rules(tree, game, dumb_pass, tuple(restrictions))
        keep = followed is not None and not changed and moves[: len(followed)] == followed
        if keep and followed is not None:
            new_moves = moves[len(followed) :]
            keep = not (restrictions and new_moves) and self._advance_all(tree, new_moves)
        if not keep or self.forest.nodes[tree, 0]["to_move"] != to_move:
            boards = np.stack([as_array(board) for board in game.boards[-HISTORY:]])
            hashes = np.array(game.hashes, np.uint64)
            ko = game.ko if to_move == game.to_move else -1
            set_root(self.forest, tree, boards, hashes, int(to_move), ko, min(game.passes, 1))
        self._followed[tree] = list(moves)

    def _set_rules(
        self, tree: int, game: Game, dumb_pass: bool, restrictions: tuple[Restriction, ...]
    ) -> bool:
        """Let the tree be searched by these rules; whether that makes it another tree."""
        forest = self.forest
        rules = DUMB_PASS * dumb_pass + SUPERKO * game.rules.superko + SUICIDE * game.rules.suicide
        changed = (forest.komi[tree], forest.rules[tree]) != (np.float32(game.komi), rules)
        forest.komi[tree], forest.rules[tree] = game.komi, rules
        if restrictions != self._restrictions[tree]:
            self._restrictions[tree] = restrictions
            forest.depths[tree] = _as_depths(restrictions, self.points + 1)
            changed = True
        return changed

    def _advance_all(self, tree: int, moves: Sequence[tuple[int, int]]) -> bool:
        renumbered = np.empty(self.forest.nodes.shape[1], np.int32)
        for colour, move in moves:
            if self.forest.nodes[tree, 0]["to_move"] != colour or not advance(
                self.forest, tree, move, renumbered
            ):
                return False
        return True

    def visits(self, tree: int) -> int:
        return int(self.forest.nodes[tree, 0]["visits"])

    def nodes(self, tree: int) -> int:
        return int(self.forest.size[tree])

    def winrate(self, tree: int) -> float:
        """The mean over the root's visits, for the side to move."""
        root = self.forest.nodes[tree, 0]
        mean = float(root["black"]) / max(1, int(root["visits"]))
        return mean if root["to_move"] == BLACK else 1.0 - mean

    def leaders(self, tree: int) -> tuple[int, int]:
        """Visits of the root's most visited move, and of the next."""
        visits = [int(node["visits"]) for _, node in self._children(tree, 0)]
        second, first = sorted([0, 0, *visits])[-2:]
        return first, second

    def root_policy(self, tree: int) -> Floats32:
        """`[P + 1]`: what the network gives the root's moves, whether they are looked at or not; -1 for no moves."""
        stored = self.forest.policy[tree, 0]
        policy = np.where(stored == GONE, np.float32(-1.0), np.abs(stored))
        for move in self.root_moves(tree, untried=False):
            policy[move.move] = move.prior
        if self._restrictions[tree]:
            policy[policy >= 0] /= max(1e-10, float(policy[policy >= 0].sum()))
        return policy

    def mix_root(self, tree: int, others: Floats, share: float) -> None:
        """Let `share` of each root move's prior come from `others` `[P + 1]`, of which there are as many as moves."""
        nodes, policy = self.forest.nodes[tree], self.forest.policy[tree, 0]
        tried = 0.0
        for _, node in self._children(tree, 0):
            prior = (1 - share) * float(node["prior"]) + share * float(others[node["move"]])
            node["prior"] = prior
            tried += prior
        nodes[0]["visited_prior"] = tried
        self._renew_root(tree, (1 - share) * policy + share * others)

    def _renew_root(self, tree: int, priors: npt.NDArray[Any]) -> None:
        """Give the root's untried moves these priors `[P + 1]`."""
        policy, root = self.forest.policy[tree, 0], self.forest.nodes[tree, 0]
        untried = policy >= 0
        policy[untried] = priors[untried]
        root["best"] = int(np.argmax(policy)) if untried.any() else NONE

    def make_room(self, tree: int, root_visits: int) -> None:
        """Let the tree grow to `root_visits` visits of its root."""
        wanted = int(self.forest.size[tree]) + root_visits - self.visits(tree) + SPARE_NODES
        if wanted > self.forest.nodes.shape[1]:
            self._grow(max(wanted, self.forest.nodes.shape[1] * 3 // 2))

    def _grow(self, capacity: int) -> None:
        old = self.forest
        new = new_forest(old.nodes.shape[0], capacity, self.points, old.past_hashes.shape[1])
        for name, array in old._asdict().items():
            if name in ("nodes", "stones", "policy"):
                getattr(new, name)[:, : old.nodes.shape[1]] = array
            elif not name.startswith("cache"):  # a hash table of another size is made anew
                getattr(new, name)[:] = array
        for tree in range(old.nodes.shape[0]):
            for key, node in zip(old.cache_keys[tree], old.cache_nodes[tree], strict=True):
                if key:
                    _insert(new, tree, int(key), int(node))
        self.forest = new

    def gather(self, trees: Ints32, limits: Ints32) -> Ints32:
        """Run each of `trees` `[K]` to a node that waits (returned, `[K]`) or to its limit (NONE)."""
        leaves = np.empty(len(trees), np.int32)
        gather(self._geometry, self._scratch, self.forest, trees, limits, leaves)
        return leaves

    def gather_several(self, tree: int, limit: int, most: int) -> Ints32:
        """Up to `most` nodes of one tree that wait together."""
        leaves = np.empty(most, np.int32)
        count = gather_several(self._geometry, self._scratch, self.forest, tree, limit, leaves)
        return leaves[:count]

    def write_planes(self, trees: Ints32, leaves: Ints32, batch: BatchInput) -> None:
        """The network's input for waiting nodes `[K]` into the first rows of `batch`, each under a random symmetry."""
        planes = batch.planes.reshape(len(batch.planes), 18, self.points)
        write_planes(self.forest, trees, leaves, self._tables, batch.symmetries, planes)

    def apply(
        self,
        trees: Ints32,
        leaves: Ints32,
        batch: BatchInput,
        policy: Floats32,
        value: Floats32,
    ) -> None:
        """Give waiting nodes their answers."""
        apply(
            self._geometry,
            self._scratch,
            self.forest,
            trees,
            leaves,
            self._tables,
            batch.symmetries,
            policy,
            value,
        )

    def root_moves(self, tree: int, *, untried: bool = True) -> list[RootMove]:
        """Tried moves in the order they were first tried, then the root's untried ones by falling prior if wanted."""
        root = self.forest.nodes[tree, 0]
        black = root["to_move"] == BLACK
        alpha = self._settings[tree].lcb_alpha
        found = []
        for _, node in self._children(tree, 0):
            visits = int(node["visits"])
            mean = float(node["black"]) / visits if visits else 0.5
            winrate = mean if black else 1.0 - mean
            bound = lower_bound(winrate, float(node["squares"]), visits, alpha)
            found.append(RootMove(int(node["move"]), visits, winrate, bound, float(node["prior"])))
        if untried and root["state"] == EXPANDED:
            mean = float(root["black"]) / max(1, int(root["visits"]))
            policy = self.forest.policy[tree, 0]
            left = np.flatnonzero(policy >= 0)
            for move in left[np.argsort(-policy[left], kind="stable")]:
                found.append(RootMove(int(move), 0, mean if black else 1 - mean, -1e6, float(policy[move])))
        return found

    def principal_variation(self, tree: int, first: int, longest: int = 20) -> list[int]:
        """The most visited line that begins with the root's move `first`."""
        nodes = self.forest.nodes[tree]
        line = [first]
        index = next((child for child, node in self._children(tree, 0) if node["move"] == first), NONE)
        while index != NONE and len(line) < longest:
            best, most = NONE, 0
            for child, node in self._children(tree, index):
                if node["visits"] > most:
                    best, most = child, int(node["visits"])
            if best != NONE:
                line.append(int(nodes[best]["move"]))
            index = best
        return line

    def _children(self, tree: int, parent: int) -> Iterator[tuple[int, Any]]:
        """Index and node of each move of the node `parent` that was tried, in the order they were first tried."""
        nodes = self.forest.nodes[tree]
        child = int(nodes[parent]["first"])
        while child != NONE:
            yield child, nodes[child]
            child = int(nodes[child]["next"])


def _as_depths(restrictions: Sequence[Restriction], moves: int) -> Ints32:
    """`[2, 2, moves + 1]`: a forest's `depths` for one tree."""
    depths = np.zeros((2, 2, moves + 1), np.int32)
    for restriction in restrictions:
        row = depths[restriction.colour - BLACK, int(restriction.allowed)]
        named = [*restriction.moves, moves]
        row[named] = np.maximum(row[named], min(restriction.until, DEEPEST))
    return depths


def _insert(forest: Forest, tree: int, key: int, node: int) -> None:
    mask = forest.cache_keys.shape[1] - 1
    slot = (key >> 20) & mask
    while forest.cache_keys[tree, slot]:
        slot = (slot + 1) & mask
    forest.cache_keys[tree, slot] = key
    forest.cache_nodes[tree, slot] = node


def opponent(colour: int) -> int:
    return BLACK + WHITE - colour
