"""The search once more, written from its specification alone: slow, and plain enough to be believed.

It knows the network through the same interface as the real one, and builds its input itself. Winrates are Black's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student_t

from engines.gtp.engine import Restriction
from engines.search.settings import SearchSettings
from lzeval.go.board import BLACK, EMPTY, WHITE
from lzeval.go.game import Game

Opinion = Callable[[npt.NDArray[np.uint8]], tuple[npt.NDArray[np.float32], float]]
"""Planes `[18, S, S]` to probabilities `[S * S + 1]` and the mover's value."""
Key = tuple[bytes, int, int]
MASK = 2**64 - 1


@dataclass
class Node:
    to_move: int
    passes: int
    prior: float = 0.0
    visits: int = 0
    black: float = 0.0
    """Sum of winrates."""
    results: list[float] = field(default_factory=list)
    value: float = 0.0
    key: Key | None = None
    policy: npt.NDArray[np.float32] | None = None
    """What the network said, on the board's own points; None of a game that is over."""
    children: dict[int, Node] = field(default_factory=dict)
    """By move, highest prior first. One that superko forbids is removed when it is tried."""

    def mean(self, colour: int) -> float:
        share = self.black / self.visits
        return share if colour == BLACK else 1 - share


def split_mix(state: int) -> tuple[int, int]:
    """The next state of the generator, and its number."""
    state = (state + 0x9E3779B97F4A7C15) & MASK
    z = state
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return state, z ^ (z >> 31)


def sent_to(point: int, symmetry: int, size: int) -> int:
    """Where Leela Zero's symmetry sends a point."""
    y, x = divmod(point, size)
    if symmetry & 4:
        x, y = y, x
    if symmetry & 2:
        x = size - 1 - x
    if symmetry & 1:
        y = size - 1 - y
    return y * size + x


class ReferenceSearch:
    """One tree that follows one game."""

    def __init__(
        self,
        opinion: Opinion,
        seed: int,
        *,
        dumb_pass: bool = False,
        restrictions: Sequence[Restriction] = (),
        settings: SearchSettings = SearchSettings(),
    ) -> None:
        """With restrictions it searches one position; a new one wants a new search."""
        self.evaluations = 0
        self.superko_hits = 0
        self._opinion = opinion
        self._state = seed
        self._dumb_pass = dumb_pass
        self._restrictions = restrictions
        self._settings = settings
        self._root: Node | None = None
        self._followed: list[tuple[int, int]] = []
        self._known: dict[Key, tuple[npt.NDArray[np.float32], float]] = {}

    def think(self, game: Game, to_move: int, visits: int) -> None:
        """Search the position of `game` until the root has that many visits, from what is known of it."""
        self._follow(game, to_move)
        assert self._root is not None
        while self._root.visits < visits:
            self._playout(game)

    @property
    def root(self) -> Node:
        assert self._root is not None
        return self._root

    def _follow(self, game: Game, to_move: int) -> None:
        root: Node | None = self._root
        known = len(self._followed)
        if game.moves[:known] != self._followed:
            root = None
        for colour, move in game.moves[known:]:
            root = root.children.get(move) if root is not None and root.to_move == colour else None
            if root is not None and (root.visits == 0 or root.policy is None):
                root = None
        if root is None or root.to_move != to_move:
            root = Node(to_move, min(game.passes, 1))
        self._root, self._followed = root, list(game.moves)
        self._known = {}
        self._collect(root)

    def _collect(self, node: Node) -> None:
        if node.key is not None and node.policy is not None:
            self._known[node.key] = (node.policy, node.value)
        for child in node.children.values():
            self._collect(child)

    def _playout(self, game: Game) -> None:
        node, path, played = self.root, [self.root], 0
        while node.visits and node.policy is not None:
            move = self._select(node)
            if move is None:
                break
            reason = game.why_illegal(node.to_move, move)
            if reason is not None:
                assert reason == "superko"
                self.superko_hits += 1
                del node.children[move]
                continue
            game.play(node.to_move, move)
            played += 1
            node = node.children[move]
            path.append(node)
        if node.visits == 0:
            self._enter(node, game, played)
        for _ in range(played):
            game.undo()
        for visited in path:
            visited.visits += 1
            visited.black += node.value
            visited.results.append(node.value)

    def _select(self, node: Node) -> int | None:
        tried = [child for child in node.children.values() if child.visits]
        n, of = sum(child.visits for child in tried), self._settings
        own = node.value if node.to_move == BLACK else 1 - node.value
        urgency = own - of.fpu * math.sqrt(sum(child.prior for child in tried))
        factor = of.puct * math.sqrt(n * math.log(of.log_puct * n + of.log_const))

        def score(move: int) -> float:
            child = node.children[move]
            mean = child.mean(node.to_move) if child.visits else urgency
            return mean + factor * child.prior / (1 + child.visits)

        return max(node.children, key=score, default=None)

    def _enter(self, node: Node, game: Game, depth: int) -> None:
        """Value a node that was reached for the first time."""
        if node.passes == 2:
            score = game.area_score()
            node.value = 0.5 if score == 0 else float(score > 0)
            return
        ko = game.ko if node.to_move == game.to_move else -1
        node.key = (game.stones, ko, node.to_move)
        if node.key not in self._known:
            self._known[node.key] = self._ask(node, game)
        node.policy, node.value = self._known[node.key]
        self._expand(node, game, depth)

    def _ask(self, node: Node, game: Game) -> tuple[npt.NDArray[np.float32], float]:
        self.evaluations += 1
        self._state, number = split_mix(self._state)
        symmetry, size = number >> 61, game.size
        planes = np.zeros((18, size, size), np.uint8)
        flat = planes.reshape(18, size * size)
        for age, stones in enumerate(game.boards[::-1][:8]):
            for point in range(size * size):
                cell = stones[sent_to(point, symmetry, size)]
                if cell != EMPTY:
                    flat[age + (0 if cell == node.to_move else 8), point] = 1
        planes[16 if node.to_move == BLACK else 17] = 1
        shown, value = self._opinion(planes)
        policy = shown.copy()
        for point in range(size * size):
            policy[sent_to(point, symmetry, size)] = shown[point]
        logits = np.log(np.maximum(policy, 1e-30)) / self._settings.softmax_temp
        policy = np.exp(logits - logits.max()) if self._settings.softmax_temp != 1 else policy
        winrate = (1 + value) / 2
        return policy, winrate if node.to_move == BLACK else 1 - winrate

    def _expand(self, node: Node, game: Game, depth: int) -> None:
        assert node.policy is not None
        points = range(game.pass_move)
        moves = [p for p in points if game.why_illegal(node.to_move, p) in (None, "superko")]
        if self._may_pass(node, game, len(moves)):
            moves.append(game.pass_move)
        moves = [move for move in moves if self._is_looked_at(move, node.to_move, depth)]
        total = sum(float(node.policy[move]) for move in moves)
        other, passes = BLACK + WHITE - node.to_move, node.passes
        for move in sorted(moves, key=lambda m: -float(node.policy[m]) if node.policy is not None else 0.0):
            prior = float(node.policy[move]) / total if total > 1e-10 else 1 / len(moves)
            node.children[move] = Node(other, passes + 1 if move == game.pass_move else 0, prior)

    def _is_looked_at(self, move: int, colour: int, depth: int) -> bool:
        """In no list of avoided moves that holds so deep, and in one of those of allowed moves, if there is any."""
        holding = [r for r in self._restrictions if r.colour == colour and depth < r.until]
        lists = [restriction.moves for restriction in holding if restriction.allowed]
        if any(move in restriction.moves for restriction in holding if not restriction.allowed):
            return False
        return not lists or any(move in allowed for allowed in lists)

    def _may_pass(self, node: Node, game: Game, others: int) -> bool:
        if self._dumb_pass or others <= max(5, game.size):
            return True
        sign = 1 if node.to_move == BLACK else -1
        winrate = node.value if sign > 0 else 1 - node.value
        return winrate > 0.8 and sign * game.area_score() >= 0

    def best(self) -> int:
        """The root's move of the highest lower bound among those with visits enough, else of the most visits."""
        children = self.root.children
        most = max(child.visits for child in children.values())
        trusted = [
            m for m, c in children.items() if c.visits > 2 and c.visits > self._settings.lcb_share * most
        ]
        if trusted:
            return max(trusted, key=lambda move: self.lower_bound(children[move]))
        return max(children, key=lambda m: (children[m].visits, self._mean(children[m]), children[m].prior))

    def _mean(self, child: Node) -> float:
        return child.mean(self.root.to_move) if child.visits else 0.0

    def lower_bound(self, child: Node) -> float:
        """Of a child of the root with two visits or more, for the root's side to move."""
        spread = 1e-4 + float(np.var(child.results)) * child.visits
        quantile = student_t.ppf(1 - self._settings.lcb_alpha, child.visits - 1)
        return self._mean(child) - float(quantile) * math.sqrt(spread / (child.visits - 1) / child.visits)
