"""gomill's Monte Carlo tuner: UCB over a grid of candidates, or UCT over a tree of ever finer grids.

The formula and the choice of the best are those of gomill's manual, "The Monte Carlo tuner". A node stands for a
cuboid of the optimiser parameters; its candidate is the middle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import product
from math import log, sqrt
from random import Random
from typing import Any

from lzeval.records.record import GameRecord
from tournaments.gomill.control.text import text_of
from tournaments.plan.competition import Competition
from tournaments.plan.tuning import TUNING, MonteCarlo, Point, Tuning
from tournaments.tuning.tuner import GameNumbers, RandomFor, Trial, colour_of

Path = tuple[int, ...]
"""Indices of children, from the root to a node."""


class Node:
    """A region of the parameters."""

    __slots__ = ("children", "is_given_up", "visits", "wins")

    def __init__(self, visits: int, wins: int) -> None:
        self.visits, self.wins = visits, wins
        """Games through it, and those that were won; both begin above 0."""
        self.children: list[Node] | None = None
        self.is_given_up = False

    @property
    def size(self) -> int:
        """Number of nodes from this one down."""
        return 1 + sum(child.size for child in self.children or ())


class SearchTree:
    """The tree of regions."""

    def __init__(self, settings: MonteCarlo) -> None:
        self.settings = settings
        self.places = list(product(*map(range, settings.splits)))
        """Coordinates of a node's children within it, by index; the last parameter changes fastest."""
        self.root = self._new_node()
        self.expand(self.root)

    def _new_node(self) -> Node:
        return Node(self.settings.initial_visits, self.settings.initial_wins)

    def expand(self, node: Node) -> None:
        node.children = [self._new_node() for _ in self.places]

    def nodes(self, path: Path) -> list[Node]:
        """The nodes on a path, the root left out; those that were never expanded are now."""
        found, node = [], self.root
        for index in path:
            if node.children is None:
                self.expand(node)
            assert node.children is not None
            node = node.children[index]
            found.append(node)
        return found

    def point(self, path: Path) -> Point:
        """The middle of a node's region."""
        low = [0.0] * len(self.settings.splits)
        breadth = [1.0] * len(low)
        for index in path:
            breadth = [whole / split for whole, split in zip(breadth, self.settings.splits, strict=True)]
            low = [
                start + width * place
                for start, width, place in zip(low, breadth, self.places[index], strict=True)
            ]
        return tuple(start + 0.5 * width for start, width in zip(low, breadth, strict=True))

    def select(self, random: Random) -> Path:
        """The path of the next game; a leaf that has been visited is expanded. Not all may have been given up."""
        path, node = self._descend((), self.root, lambda parent: self._most_urgent(parent, random))
        if len(path) < self.settings.max_depth and node.visits != self.settings.initial_visits:
            self.expand(node)
            path = (*path, self._most_urgent(node, random))
        return path

    def _descend(self, path: Path, node: Node, choose: Callable[[Node], int]) -> tuple[Path, Node]:
        while node.children is not None:
            index = choose(node)
            path, node = (*path, index), node.children[index]
        return path, node

    def _most_urgent(self, node: Node, random: Random) -> int:
        """The child with the highest bound; of equals the first from a random one on."""
        children = node.children or []
        count = len(children)
        start = int(random.random() * count)
        exploration = self.settings.exploration_coefficient * sqrt(log(node.visits))

        def urgency(index: int) -> float:
            child = children[index]
            return float(child.wins / child.visits + exploration * sqrt(1 / child.visits))

        order: list[int] = [*range(start, count), *range(start)]
        return max([index for index in order if not children[index].is_given_up], key=urgency)

    def best(self) -> Path:
        """The path that goes to the child with the most wins each time."""

        def most_wins(node: Node) -> int:
            children = node.children or []
            return max(range(len(children)), key=lambda index: children[index].wins)

        return self._descend((), self.root, most_wins)[0]

    def update(self, path: Path, is_won: bool) -> None:
        for node in (self.root, *self.nodes(path)):
            node.visits += 1
            node.wins += is_won

    def give_up(self, path: Path) -> None:
        """Never choose the node again, nor one above it that has no other left."""
        nodes = [self.root, *self.nodes(path)]
        nodes[-1].is_given_up = True
        for node in reversed(nodes[:-1]):
            node.is_given_up = all(child.is_given_up for child in node.children or ())


@dataclass(frozen=True)
class _Shown:
    """A node in a report."""

    path: Path
    node: Node


class MonteCarloTuner:
    """`Tuner` by gomill's `mc_tuner`."""

    def __init__(self, competition: Competition, random_for: RandomFor) -> None:
        assert competition.tuning is not None
        assert isinstance(competition.tuning.settings, MonteCarlo)
        self._competition = competition
        self._tuning: Tuning = competition.tuning
        self._settings: MonteCarlo = competition.tuning.settings
        self._random_for = random_for
        self._numbers = GameNumbers()
        self.tree = SearchTree(self._settings)
        self.notes: list[dict[str, Any]] = []
        self.history: list[str] = []

    @property
    def wanted(self) -> int | None:
        return self._settings.number_of_games

    def next(self) -> Trial | None:
        if self.tree.root.is_given_up or (self.wanted is not None and self._numbers.issued >= self.wanted):
            return None
        number = self._numbers.issue()
        random = self._random_for(str(number))
        path = self.tree.select(random)
        return Trial(
            game_id=str(number),
            code=f"#{number}",
            point=self.tree.point(path),
            colour=colour_of(self._tuning.candidate_colour, random),
            group=TUNING,
            number=number,
            opening=number,
            place={"path": list(path)},
        )

    def begin(self, trial: Trial) -> None:
        self._numbers.begin(trial.number)
        self.tree.nodes(_path(trial))

    def record(self, trial: Trial, record: GameRecord) -> None:
        is_won = record.result.winner is trial.colour  # whatever has no winner counts as lost
        self._numbers.end(trial.number)
        self.tree.update(_path(trial), is_won)
        self.history.append(f"{self._describe(_path(trial))} {'won' if is_won else 'lost'}")
        period = self._settings.log_tree_to_history_period
        if period is not None and self._numbers.ended % period == 0:
            self.history += self._whole_tree()

    def give_up(self, trial: Trial) -> None:
        self._numbers.end(trial.number)
        self.tree.give_up(_path(trial))

    def note(self, entry: Mapping[str, Any]) -> None:
        """Nothing that this method has noted."""

    def resume(self) -> None:
        self._numbers.roll_back()

    # Texts, as gomill writes them

    def _steps(self, path: Path) -> str:
        return " ".join(str(self.tree.places[index]).replace(" ", "") for index in path)

    def _text(self, path: Path) -> str:
        return self._tuning.text(self.tree.point(path))

    def _describe(self, path: Path) -> str:
        return f"{self._text(path)} [{self._steps(path)}]"

    def _games(self, node: Node) -> int:
        return node.visits - self._settings.initial_visits

    def _whole_tree(self) -> Iterator[str]:
        """The tree down to depth 2."""
        root = self.tree.root
        games, wins = self._games(root), root.wins - self._settings.initial_wins
        yield f"{root.size} nodes"
        yield f"Win rate {wins}/{games} = {f'{wins / games:.3f}' if games else '--'}"
        for one, child in enumerate(root.children or ()):
            yield f"  {self._line((one,), child)}"
            for two, grandchild in enumerate(child.children or ()):
                yield f"    {self._line((one, two), grandchild)}"

    def _line(self, path: Path, node: Node) -> str:
        value = node.wins / node.visits
        return f"{self._steps(path[-1:])} {self._text(path)} {value:.3f} {self._games(node):3d}"

    def _most_visited(self) -> Iterator[str]:
        generation = [_Shown((), self.tree.root)]
        for depth, count in enumerate(self._settings.summary_spec, start=1):
            yield f"most visited at depth {depth}"
            generation = [
                _Shown((*parent.path, index), child)
                for parent in generation
                for index, child in enumerate(parent.node.children or ())
            ]
            shown = nlargest(count, generation, key=lambda each: each.node.visits)
            for each in sorted(shown, key=lambda each: each.path):
                value = each.node.wins / each.node.visits
                text = f"{self._steps(each.path)} {self._text(each.path):40} {value:.3f}"
                yield f"{text} {self._games(each.node):3d}"
            yield ""

    def best(self) -> Point:
        return self.tree.point(self.tree.best())

    def standing(self) -> str:
        return f"best: {self._describe(self.tree.best())}"

    def report(self, opponent: str) -> str:
        lines = [*static_lines("MCTS", self._competition)]
        of = "" if self.wanted is None else f"/{self.wanted}"
        lines += [f"{self._numbers.ended}{of} games played", ""]
        lines += [f"Best parameters: {self._describe(self.tree.best())}", "", *self._most_visited()]
        code = self._tuning.opponent
        lines += [f"opponent ({code}): {opponent}" if opponent else f"opponent: {code}", ""]
        return "\n".join([*lines, ""])


def _path(trial: Trial) -> Path:
    return tuple(trial.place["path"])


def static_lines(kind: str, competition: Competition) -> Sequence[str]:
    """The lines that begin a tuning event's report."""
    matchup = competition.matchups[0]
    lines = [f"{kind} tuning event: {competition.code}"]
    lines += [competition.description] if competition.description else []
    return [*lines, f"board size: {matchup.board_size}", f"komi: {text_of(matchup.komi)}"]
