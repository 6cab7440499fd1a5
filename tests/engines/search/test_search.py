from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engines.evaluator.base import Evaluator
from engines.gtp.engine import Restriction
from engines.search.choice import MovePolicy, choose, lower_bound
from engines.search.forest import EXPANDED, NONE, WAITING
from engines.search.searcher import BatchInput, Limits, Searcher
from engines.search.settings import SearchSettings
from lzeval.go.board import BLACK, EMPTY, WHITE
from lzeval.go.game import Game
from lzeval.go.points import parse_vertex
from lzeval.go.rules import Rules
from tests.support.fakes.evaluators import HashEvaluator, SteadyEvaluator
from tests.support.positions import from_diagram, games_with_superko, random_game
from tests.support.reference_search import Node, ReferenceSearch

SEED = 20260101
NEVER_RESIGNS = MovePolicy(resign=0.0)


def search(searcher: Searcher, tree: int, evaluator: Evaluator, visits: int) -> None:
    """Search on until the root has `visits`, one leaf at a time."""
    waiting = BatchInput.of_size(evaluator.batch_size, searcher.size)
    searcher.make_room(tree, visits)
    trees, limits = np.array([tree], np.int32), np.array([visits], np.int32)
    while True:
        leaves = searcher.gather(trees, limits)
        if leaves[0] == NONE:
            return
        searcher.write_planes(trees, leaves, waiting)
        answer = evaluator.evaluate(waiting.planes)
        searcher.apply(trees, leaves, waiting, answer.policy, answer.value)


@dataclass
class Both:
    """The search and its judge, on the same game with the same random numbers."""

    game: Game
    salt: int = 0
    dumb_pass: bool = False
    capacity: int = 16
    restrictions: tuple[Restriction, ...] = ()
    settings: SearchSettings = SearchSettings()

    def __post_init__(self) -> None:
        size = self.game.size
        self.evaluator = HashEvaluator(size, salt=self.salt)
        self.judge = ReferenceSearch(
            HashEvaluator(size, salt=self.salt).opinion,
            SEED,
            dumb_pass=self.dumb_pass,
            restrictions=self.restrictions,
            settings=self.settings,
        )
        self.searcher = Searcher(1, size, self.capacity)
        self.searcher.configure(0, self.settings)
        self.searcher.seed(0, SEED)

    def think(self, visits: int, to_move: int | None = None) -> int:
        """Search on both sides, compare everything, and return the move that both choose."""
        colour = to_move or self.game.to_move
        self.searcher.follow(0, self.game, colour, dumb_pass=self.dumb_pass, restrictions=self.restrictions)
        search(self.searcher, 0, self.evaluator, visits)
        self.judge.think(self.game, colour, visits)
        self.compare(colour)
        policy = MovePolicy(resign=0.0, dumb_pass=True, lcb_share=self.settings.lcb_share)
        moves = self.searcher.root_moves(0)
        chosen = choose(moves, self.searcher.visits(0), self.game, colour, policy).move
        assert chosen == self.expected_choice()
        return chosen

    def compare(self, colour: int) -> None:
        children = self.judge.root.children
        found = {move.move: move for move in self.searcher.root_moves(0)}
        assert set(found) == set(children)
        assert {m: f.visits for m, f in found.items()} == {m: c.visits for m, c in children.items()}
        for move, child in children.items():
            assert found[move].prior == pytest.approx(child.prior, abs=1e-6)
            if child.visits:
                assert found[move].winrate == pytest.approx(child.mean(colour), abs=1e-6)
            if child.visits > 1:
                assert found[move].lcb == pytest.approx(self.judge.lower_bound(child), abs=1e-4, rel=1e-4)
        assert self.searcher.visits(0) == self.judge.root.visits
        assert self.evaluator.calls == self.judge.evaluations
        self.compare_below(0, self.judge.root)

    def compare_below(self, index: int, node: Node) -> None:
        """Every node of the tree: visits and winrates of what was tried, priors of what was not."""
        forest, below = self.searcher.forest, {}
        child_index = int(forest.nodes[0, index]["first"])
        while child_index != NONE:
            below[int(forest.nodes[0, child_index]["move"])] = child_index
            child_index = int(forest.nodes[0, child_index]["next"])
        assert set(below) == {move for move, child in node.children.items() if child.visits}
        for move, child in node.children.items():
            if child.visits:
                found = forest.nodes[0, below[move]]
                assert (found["visits"], found["virtual"]) == (child.visits, 0)
                assert found["black"] == pytest.approx(child.black, rel=1e-6, abs=1e-6)
                self.compare_below(below[move], child)
            else:
                assert forest.policy[0, index, move] == pytest.approx(child.prior, abs=1e-6)

    def expected_choice(self) -> int:
        """The judge's move; one that superko forbids was never tried, and others were."""
        if not any(child.visits for child in self.judge.root.children.values()):
            return next(m for m in self.judge.root.children if self.game.is_legal(self.judge.root.to_move, m))
        return self.judge.best()

    def play(self, visits: int, moves: int) -> int:
        """Play on against oneself in one tree; returns how many visits were inherited in all."""
        inherited = 0
        for _ in range(moves):
            colour = self.game.to_move
            self.game.play(colour, self.think(visits))
            if self.game.passes >= 2:
                break
            self.searcher.follow(0, self.game, self.game.to_move, dumb_pass=self.dumb_pass)
            inherited += self.searcher.visits(0)
        return inherited


KO = """
. . . . .
. # o . .
# . # o .
. # o . .
. . . . ."""

TRIPLE_KO = """
. # o . # o .
# o . o # . o
. # o . # o .
# # o o # o o
# . # o . # o
# # # o o # o
. # # o . o ."""

ENDGAME = """
. # # o .
# # # o o
# # # o .
# # o o o
. # o . o"""


@pytest.mark.parametrize(("size", "visits"), [(5, 300), (9, 200), (19, 60)])
def test_an_empty_board(size: int, visits: int) -> None:
    Both(Game(size)).think(visits)


@pytest.mark.parametrize("visits", [1, 2, 3, 10])
def test_few_visits(visits: int) -> None:
    Both(Game(9)).think(visits)


@pytest.mark.parametrize("salt", range(3))
def test_a_ko(salt: int) -> None:
    game = from_diagram(KO)
    game.play(WHITE, parse_vertex("B3", 5))
    assert game.ko != NONE
    Both(game, salt).think(150)


def test_superko_in_the_tree() -> None:
    hits = 0
    for salt in range(6):
        both = Both(from_diagram("o . #\n# # .\n. o o"), salt)
        both.think(300)
        hits += both.judge.superko_hits
    assert hits > 5


def test_superko_at_the_root() -> None:
    """A move that would repeat a position is never tried, though simple ko allows it."""
    for number, (game, banned) in enumerate(games_with_superko(12)):
        both = Both(game, number)
        both.think(40)
        assert not any(move.visits for move in both.searcher.root_moves(0) if move.move == banned)


def test_a_transposition_keeps_moves_that_superko_forbade_elsewhere() -> None:
    """On 2x2 most ways lead to positions known by others, and superko forbids something on nearly all of them."""
    hits = 0
    for salt in range(4):
        both = Both(Game(2, 0.5), salt, dumb_pass=True)
        both.think(400)
        hits += both.judge.superko_hits
    assert hits
    for seed in range(4):
        Both(random_game(3, 12, seed, passing=0), seed).think(300)


def test_several_kos_on_a_larger_board() -> None:
    both = Both(from_diagram(TRIPLE_KO))
    both.play(120, 6)


@pytest.mark.parametrize("komi", [7.5, 5.0, -6.0, 0.0])
@pytest.mark.parametrize("dumb_pass", [False, True])
def test_two_passes_end_the_game_in_the_tree(komi: float, dumb_pass: bool) -> None:
    both = Both(from_diagram(ENDGAME, "pass", komi=komi), dumb_pass=dumb_pass)
    both.think(700)
    assert both.judge.root.children[25].visits
    assert both.judge.root.children[25].policy is None


@pytest.mark.parametrize(("size", "visits", "moves"), [(5, 80, 12), (9, 60, 8), (19, 30, 4)])
def test_the_tree_is_kept_from_move_to_move(size: int, visits: int, moves: int) -> None:
    both = Both(Game(size))
    assert both.play(visits, moves) > 2 * moves


def test_the_tree_follows_both_players() -> None:
    """Two moves pass between searches, as when an opponent answers; some were searched and some not."""
    both = Both(Game(5), salt=4)
    for _ in range(5):
        both.game.play(both.game.to_move, both.think(60))
        replies = both.game.legal_moves(both.game.to_move)
        liked = max(both.judge.root.children, key=lambda m: both.judge.root.children[m].visits)
        both.game.play(both.game.to_move, liked if liked in replies else replies[0])


def test_the_same_colour_may_move_twice() -> None:
    both = Both(random_game(5, 6, 1))
    both.think(40)
    both.think(40, BLACK + WHITE - both.game.to_move)
    both.think(60)


def test_taking_back_starts_a_new_tree() -> None:
    both = Both(random_game(5, 6, 2))
    both.think(40)
    both.game.undo()
    both.think(40)


def test_history_reaches_back_beyond_the_root() -> None:
    for moves in (1, 3, 7, 8, 20):
        Both(random_game(9, moves, moves)).think(30)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    size=st.integers(2, 5),
    moves=st.integers(0, 60),
    seed=st.integers(0, 10**6),
    visits=st.integers(1, 60),
    komi=st.sampled_from([7.5, 0.0, 3.0, -2.5]),
    dumb_pass=st.booleans(),
)
def test_any_position_of_a_small_board(
    size: int, moves: int, seed: int, visits: int, komi: float, dumb_pass: bool
) -> None:
    both = Both(random_game(size, moves, seed, komi), seed % 1000, dumb_pass)
    both.play(visits, 3)


def test_no_legal_move_but_the_pass() -> None:
    both = Both(from_diagram(". #\n# .", komi=0.5))
    assert both.think(30, WHITE) == 4


def test_a_policy_of_zeros_means_all_moves_alike() -> None:
    searcher = Searcher(1, 5, 64)
    searcher.follow(0, Game(5), BLACK)
    evaluator = SteadyEvaluator(5, pass_share=1.0)
    search(searcher, 0, evaluator, 30)
    priors = {move.prior for move in searcher.root_moves(0)}
    assert len(searcher.root_moves(0)) == 25
    assert max(priors) == pytest.approx(1 / 25)
    assert min(priors) == pytest.approx(1 / 25)


def test_the_pass_is_a_move_only_for_who_is_ahead() -> None:
    """On 7x7, with most of the board free, White leads by komi alone."""
    for value, dumb_pass, komi, expected in [
        (-0.7, False, 7.5, True),  # the value is Black's: White is sure of winning, and is ahead
        (-0.5, False, 7.5, False),
        (-0.7, False, -7.5, False),
        (-0.7, False, 0.0, True),  # level on the board is not behind
        (0.9, True, -7.5, True),
    ]:
        game = Game(7, komi)
        searcher = Searcher(1, 7, 8)
        searcher.follow(0, game, WHITE, dumb_pass=dumb_pass)
        search(searcher, 0, SteadyEvaluator(7, black_value=value, pass_share=0.1), 2)
        assert (49 in {move.move for move in searcher.root_moves(0)}) is expected


# Restricted moves, and suicide

RESTRICTIONS = st.lists(
    st.builds(
        Restriction,
        colour=st.sampled_from([BLACK, WHITE]),
        moves=st.frozensets(st.integers(0, 16), max_size=12),
        allowed=st.booleans(),
        until=st.sampled_from([1, 1, 2, 3, 5, 2**31 - 1]),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    restrictions=RESTRICTIONS,
    moves=st.integers(0, 20),
    seed=st.integers(0, 10**6),
    visits=st.integers(1, 120),
    dumb_pass=st.booleans(),
)
@example(  # a position where hardly anything is left beside the move that is to be avoided
    restrictions=[Restriction(colour=1, moves=frozenset([14]), allowed=False, until=5)],
    moves=10,
    seed=246750,
    visits=94,
    dumb_pass=False,
)
def test_restrictions_hold_as_deep_as_they_are_to(
    restrictions: list[Restriction], moves: int, seed: int, visits: int, dumb_pass: bool
) -> None:
    both = Both(random_game(4, moves, seed), seed % 1000, dumb_pass, restrictions=tuple(restrictions))
    colour = both.game.to_move
    both.searcher.follow(0, both.game, colour, dumb_pass=dumb_pass, restrictions=both.restrictions)
    search(both.searcher, 0, both.evaluator, visits)
    both.judge.think(both.game, colour, visits)
    both.compare(colour)


def lines(searcher: Searcher, depth: int) -> list[tuple[int, ...]]:
    """All lines of so many moves that were tried from the root."""
    nodes, found = searcher.forest.nodes[0], []
    for node in nodes[1 : searcher.forest.size[0]]:
        line = [int(node["move"])]
        while node["parent"] > 0:
            node = nodes[node["parent"]]
            line.append(int(node["move"]))
        if len(line) == depth:
            found.append(tuple(reversed(line)))
    return found


@pytest.mark.parametrize("until", [0, 1, 2, 3, 4])
def test_a_restriction_binds_its_colour_alone_and_ends(until: int) -> None:
    """Black is to move: its moves are the first and the third."""
    avoided = frozenset(range(20))
    searcher = Searcher(1, 5, 2000)
    restriction = Restriction(BLACK, avoided, allowed=False, until=until)
    searcher.follow(0, Game(5), BLACK, dumb_pass=True, restrictions=[restriction])
    search(searcher, 0, HashEvaluator(5), 1500)
    for depth in (1, 2, 3):
        last = {line[-1] for line in lines(searcher, depth)}
        assert bool(last & avoided) is (depth == 2 or until < depth)


def test_of_several_lists_of_allowed_moves_those_count_that_still_hold() -> None:
    searcher = Searcher(1, 5, 4000)
    first = Restriction(BLACK, frozenset({0, 1}), allowed=True, until=1)
    longer = Restriction(BLACK, frozenset({2, 3, 4, 5}), allowed=True, until=5)
    searcher.follow(0, Game(5), BLACK, restrictions=[first, longer])
    search(searcher, 0, HashEvaluator(5), 3000)
    assert {move.move for move in searcher.root_moves(0)} == {0, 1, 2, 3, 4, 5}
    for depth in (3, 5):
        assert set() < {line[-1] for line in lines(searcher, depth)} <= {2, 3, 4, 5}
    assert len({line[1] for line in lines(searcher, 2)} | {line[3] for line in lines(searcher, 4)}) > 20


def test_no_move_may_be_left() -> None:
    both = Both(random_game(4, 6, 1), restrictions=(Restriction(BLACK, frozenset(), allowed=True),))
    both.searcher.follow(0, both.game, BLACK, restrictions=both.restrictions)
    search(both.searcher, 0, both.evaluator, 50)
    assert both.searcher.visits(0) == 50
    assert both.searcher.root_moves(0) == []
    assert both.evaluator.calls == 1


def test_a_restricted_tree_is_no_other_tree() -> None:
    """Kept for the same position under the same restrictions, and for nothing else."""
    game, evaluator, searcher = Game(5), HashEvaluator(5), Searcher(1, 5, 200)
    avoid = [Restriction(BLACK, frozenset({12}), allowed=False, until=3)]
    kept = []
    for restrictions in ((), avoid, avoid, [], [], [replace(avoid[0], until=2)]):
        searcher.follow(0, game, BLACK, restrictions=restrictions)
        kept.append(searcher.visits(0) > 0)
        search(searcher, 0, evaluator, 60)
    assert kept == [False, False, True, False, True, False]
    for restrictions, is_kept in ((avoid, False), ((), True)):
        searcher.follow(0, game, BLACK, restrictions=restrictions)
        search(searcher, 0, evaluator, 60)
        best = max(searcher.root_moves(0), key=lambda move: move.visits).move
        game.play(BLACK, best)
        searcher.follow(0, game, WHITE, restrictions=restrictions)
        assert (searcher.visits(0) > 0) is is_kept
        game.undo()


def test_trees_may_grow_while_they_are_restricted() -> None:
    avoid, found = [Restriction(BLACK, frozenset(range(12)), allowed=False, until=3)], []
    for capacity in (1, 500):
        searcher = Searcher(1, 5, capacity)
        searcher.seed(0, SEED)
        searcher.follow(0, Game(5), BLACK, restrictions=avoid)
        for visits in (50, 300):
            search(searcher, 0, HashEvaluator(5), visits)
        found.append(all_moves(searcher, 0))
    assert found[0] == found[1]


@pytest.mark.parametrize("superko", [True, False])
def test_suicide_where_it_is_allowed(superko: bool) -> None:
    """On small full boards, where moves of that kind abound."""
    found = 0
    for seed in range(12):
        game = random_game(4, 40, seed, passing=0)
        game.rules = Rules(superko=superko, suicide=True)
        both = Both(game, seed)
        both.play(120, 2)
        nodes = both.searcher.forest.nodes[0, 1 : both.searcher.forest.size[0]]
        stones = both.searcher.forest.stones[0, 1 : both.searcher.forest.size[0]]
        for node, board in zip(nodes, stones, strict=True):
            found += node["move"] < 16 and board[node["move"]] == EMPTY
    assert found > 20


def test_other_rules_want_another_tree() -> None:
    both = Both(random_game(4, 12, 3))
    both.think(40)
    both.game.rules = Rules(suicide=True)
    both.searcher.follow(0, both.game, both.game.to_move)
    assert not both.searcher.visits(0)


# Many trees


def all_moves(searcher: Searcher, tree: int) -> list[tuple[int, int, float, float]]:
    return [(m.move, m.visits, m.winrate, m.prior) for m in searcher.root_moves(tree)]


def test_trees_know_nothing_of_each_other() -> None:
    size, visits, trees = 5, 60, 6
    games = [random_game(size, 2 * n, n) for n in range(trees)]
    alone = []
    for n, game in enumerate(games):
        searcher = Searcher(1, size, 8)
        searcher.seed(0, 100 + n)
        searcher.follow(0, game, game.to_move)
        search(searcher, 0, HashEvaluator(size), visits)
        alone.append(all_moves(searcher, 0))

    together = Searcher(trees, size, 8)
    evaluator = HashEvaluator(size, batch_size=4)
    waiting = BatchInput.of_size(4, size)
    for n, game in enumerate(games):
        together.seed(n, 100 + n)
        together.follow(n, game, game.to_move)
        together.make_room(n, visits)
    open_trees = list(range(trees))
    random = np.random.default_rng(3)
    while open_trees:
        some = random.permutation(open_trees)[:4].astype(np.int32)
        leaves = together.gather(some, np.full(len(some), visits, np.int32))
        busy = leaves != NONE
        open_trees = [n for n in open_trees if n not in some[~busy]]
        some, leaves = some[busy], leaves[busy]
        together.write_planes(some, leaves, waiting)
        answer = evaluator.evaluate(waiting.planes)
        together.apply(some, leaves, waiting, answer.policy, answer.value)
    assert [all_moves(together, n) for n in range(trees)] == alone


def test_growing_in_the_middle_changes_nothing() -> None:
    game, results = random_game(5, 4, 9), []
    for steps in ([200], [1, 2, 20, 77, 200]):
        searcher, evaluator = Searcher(2, 5, 1), HashEvaluator(5)
        for tree in (0, 1):
            searcher.seed(tree, SEED)
            searcher.follow(tree, game, game.to_move)
        for visits in steps:
            search(searcher, 0, evaluator, visits)
            search(searcher, 1, evaluator, visits // 2 + 1)
        results.append([all_moves(searcher, tree) for tree in (0, 1)])
    assert results[0] == results[1]


def test_the_seed_decides() -> None:
    found = []
    for seed in (1, 1, 2):
        searcher = Searcher(1, 5, 64)
        searcher.seed(0, seed)
        searcher.follow(0, Game(5), BLACK)
        search(searcher, 0, HashEvaluator(5), 60)
        found.append(all_moves(searcher, 0))
    assert found[0] == found[1] != found[2]


def test_equal_positions_are_asked_about_once() -> None:
    """Every node that is new to the tree by another way copies the first one's answer."""
    evaluator = HashEvaluator(3)
    searcher = Searcher(1, 3, 2048)
    searcher.follow(0, Game(3), BLACK)
    search(searcher, 0, evaluator, 1500)
    nodes = searcher.forest.nodes[0, : searcher.forest.size[0]]
    expanded = nodes[nodes["state"] == EXPANDED]
    distinct = {(int(n["hash"]), int(n["ko"]), int(n["to_move"])) for n in expanded}
    assert evaluator.calls == len(distinct) < len(expanded)


# Several leaves at a time


def gather_all(searcher: Searcher, evaluator: HashEvaluator, visits: int, most: int) -> list[int]:
    """Search tree 0 with up to `most` leaves at a time; returns how many there were each time."""
    waiting = BatchInput.of_size(evaluator.batch_size, searcher.size)
    sizes: list[int] = []
    while True:
        leaves = searcher.gather_several(0, visits, most)
        if not len(leaves):
            return sizes
        assert len(set(leaves.tolist())) == len(leaves)
        nodes = searcher.forest.nodes[0]
        assert all(nodes[leaf]["state"] == WAITING for leaf in leaves)
        assert sum(nodes[leaf]["virtual"] for leaf in leaves) in (
            0,
            SearchSettings.virtual_loss * len(leaves),
        )
        trees = np.zeros(len(leaves), np.int32)
        searcher.write_planes(trees, leaves, waiting)
        answer = evaluator.evaluate(waiting.planes)
        searcher.apply(trees, leaves, waiting, answer.policy, answer.value)
        sizes.append(len(leaves))


@pytest.mark.parametrize("size", [2, 3, 5, 9])
def test_several_leaves_at_a_time(size: int) -> None:
    searcher = Searcher(1, size, 512)
    searcher.follow(0, Game(size), BLACK)
    evaluator = HashEvaluator(size, batch_size=8)
    sizes = gather_all(searcher, evaluator, 300, 8)
    nodes = searcher.forest.nodes[0, : searcher.forest.size[0]]
    assert searcher.visits(0) == 300
    assert not nodes["virtual"].any()
    for number, node in enumerate(nodes):
        below = nodes[1:][nodes["parent"][1:] == number]
        if node["state"] == EXPANDED and node["best"] != NONE:
            assert node["visits"] == 1 + below["visits"].sum()
        assert node["black"] >= -1e-9
        assert node["black"] <= node["visits"] + 1e-9
    assert evaluator.calls < 300
    if size == 9:
        assert max(sizes) == 8


def test_one_leaf_at_a_time_is_the_plain_search() -> None:
    found = []
    for several in (False, True):
        searcher, evaluator = Searcher(1, 5, 256), HashEvaluator(5)
        searcher.seed(0, SEED)
        searcher.follow(0, Game(5), BLACK)
        if several:
            gather_all(searcher, evaluator, 120, 1)
        else:
            search(searcher, 0, evaluator, 120)
        found.append(all_moves(searcher, 0))
    assert found[0] == found[1]


# Settings


@pytest.mark.parametrize(
    "settings",
    [
        SearchSettings(puct=1.3),
        SearchSettings(log_puct=0.5, log_const=3.0),
        SearchSettings(fpu=0.9),
        SearchSettings(softmax_temp=1.6),
        SearchSettings(softmax_temp=0.4, puct=0.2),
        SearchSettings(lcb_alpha=0.2),
        SearchSettings(lcb_share=1.0),
        SearchSettings(virtual_loss=50),
    ],
    ids=lambda settings: ", ".join(settings.words()),
)
def test_a_tree_has_settings_of_its_own(settings: SearchSettings) -> None:
    both = Both(random_game(7, 10, 5), salt=8, settings=settings)
    for _ in range(3):
        colour = both.game.to_move
        both.game.play(colour, both.think(60))
    others = [Both(random_game(7, 10, 5), salt=8) for _ in range(2)]
    others[1].searcher.configure(0, settings)
    found = []
    for other in others:
        other.searcher.follow(0, other.game, other.game.to_move)
        search(other.searcher, 0, other.evaluator, 60)
        found.append(all_moves(other.searcher, 0))
    assert (found[0] == found[1]) == (settings.changed().keys() <= OUTSIDE)


OUTSIDE = {"lcb_alpha", "lcb_share", "virtual_loss"}
"""Settings that change nothing in a tree whose leaves wait one at a time."""


def test_other_settings_begin_the_tree_anew() -> None:
    searcher, evaluator, game = Searcher(2, 5, 64), HashEvaluator(5), Game(5)
    for tree in (0, 1):
        searcher.follow(tree, game, BLACK)
        search(searcher, tree, evaluator, 30)
        searcher.configure(tree, SearchSettings(fpu=0.25 + 0.1 * tree))
        searcher.follow(tree, game, BLACK)
    assert [searcher.visits(tree) for tree in (0, 1)] == [30, 0]


def test_virtual_losses_keep_leaves_apart_as_far_as_they_are_set() -> None:
    searcher, evaluator = Searcher(1, 9, 512), HashEvaluator(9, batch_size=8)
    searcher.configure(0, SearchSettings(virtual_loss=1))
    searcher.follow(0, Game(9), BLACK)
    search(searcher, 0, evaluator, 40)
    leaves = searcher.gather_several(0, 300, 8)
    assert searcher.forest.nodes[0]["virtual"][leaves].sum() == len(leaves)


# Numbers


@given(winrates=st.lists(st.floats(0, 1), min_size=2, max_size=50))
def test_the_lower_bound_is_below_the_mean(winrates: list[float]) -> None:
    mean = float(np.mean(winrates))
    squares = 1e-4 + float(np.var(winrates)) * len(winrates)
    assert lower_bound(mean, squares, len(winrates)) < mean


@pytest.mark.parametrize(
    ("limits", "already", "expected"),
    [
        (Limits(100), 0, 100),
        (Limits(100), 40, 100),
        (Limits(100, 50), 0, 51),
        (Limits(100, 50), 90, 100),
        (Limits(None, 50), 90, 140),
        (Limits(None, 1), 0, 2),
        (Limits(1), 1, 1),
    ],
)
def test_limits(limits: Limits, already: int, expected: int) -> None:
    assert limits.root_visits(already) == expected


def test_the_principal_variation_is_a_legal_line() -> None:
    game = random_game(5, 4, 3)
    searcher = Searcher(1, 5, 300)
    searcher.follow(0, game, game.to_move)
    search(searcher, 0, HashEvaluator(5), 250)
    first = max(searcher.root_moves(0), key=lambda move: move.visits).move
    line = searcher.principal_variation(0, first)
    assert line[0] == first
    assert 2 <= len(line) <= 20
    for move in line:
        game.play(game.to_move, move)
