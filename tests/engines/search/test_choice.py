from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student_t

from engines.search import choice
from engines.search.choice import (
    RESIGN,
    Choice,
    MovePolicy,
    RootMove,
    choose,
    lower_bound,
    ranked,
    t_quantile,
)
from lzeval.go.board import BLACK, WHITE
from lzeval.go.game import Game
from lzeval.go.points import parse_vertex
from tests.support.positions import from_diagram, games_with_superko, random_game

NEVER = MovePolicy(resign=0.0)
SIZE = 5
PASS = SIZE * SIZE

COUNTED = """
. # . o .
# # # o o
# # # o .
. # # o o
# # # o ."""
"""Black 14, White 10, and C5 is nobody's: Black's with komi below 4."""


def move(
    vertex: str, visits: int, winrate: float = 0.5, prior: float = 0.1, lcb: float | None = None
) -> RootMove:
    bound = winrate - 1 / (1 + visits) if lcb is None else lcb
    return RootMove(parse_vertex(vertex, SIZE), visits, winrate, bound, prior)


def names(moves: list[RootMove]) -> list[int]:
    return [found.move for found in ranked(moves)]


@pytest.mark.parametrize("visits", [2, 3, 4, 10, 100, 1600])
def test_the_quantile(visits: int) -> None:
    assert t_quantile(visits) == pytest.approx(student_t.ppf(1 - 1e-5, visits - 1), rel=1e-9)


def test_the_lower_bound_of_a_mean() -> None:
    winrates = [0.4, 0.5, 0.9]
    mean, squares = 0.6, 0.04 + 0.01 + 0.09
    expected = mean - student_t.ppf(1 - 1e-5, 2) * math.sqrt(squares / 2 / 3)
    assert lower_bound(mean, squares, len(winrates)) == pytest.approx(expected)
    assert lower_bound(1.0, 1e-4, 1) < lower_bound(0.0, 1e-4, 2)


def test_the_lower_bound_decides_among_moves_with_visits_enough() -> None:
    often, surely = move("A1", 100, 0.6, lcb=0.3), move("B1", 11, 0.55, lcb=0.4)
    assert names([often, surely]) == [surely.move, often.move]


def test_a_tenth_of_the_most_visits_is_not_enough() -> None:
    often, seldom = move("A1", 100, 0.6, lcb=0.3), move("B1", 10, 0.9, lcb=0.8)
    assert names([seldom, often]) == [often.move, seldom.move]


def test_two_visits_are_not_enough() -> None:
    twice, thrice = move("A1", 2, 0.9, lcb=0.5), move("B1", 3, 0.2, lcb=-20)
    assert names([twice, thrice]) == [thrice.move, twice.move]


def test_then_visits_then_winrate_then_prior() -> None:
    moves = [
        move("A1", 0, 0.5, 0.2),
        move("B1", 0, 0.5, 0.3),
        move("C1", 2, 0.4, 0.1),
        move("D1", 2, 0.6, 0.1),
        move("E1", 1, 0.9, 0.9),
    ]
    assert [format(m, "d") for m in names(moves)] == ["3", "2", "4", "1", "0"]


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 10), st.integers(0, 10)), min_size=1, max_size=12
    ).flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(range(len(rows)))))
)
def test_the_order_does_not_depend_on_the_order(
    drawn: tuple[list[tuple[int, int, int]], list[int]],
) -> None:
    """Ranking is consistent: shuffled moves come out the same, up to full ties, and the first beats all."""
    rows, order = drawn
    moves = [RootMove(n, v, w / 10, w / 10 - 1 / (v + 1), p / 10) for n, (v, w, p) in enumerate(rows)]
    keys = [(m.visits, m.winrate if m.visits else 0, m.prior) for m in ranked(moves)]
    shuffled = [(m.visits, m.winrate if m.visits else 0, m.prior) for m in ranked([moves[n] for n in order])]
    assert keys == shuffled


def test_superko_takes_the_best_move_away() -> None:
    """Whoever sends two and gets one back may not repeat; the next best move is made."""
    game, banned = next(games_with_superko(1))
    best = RootMove(banned, 90, 0.9, 0.8, 0.5)
    legal = next(m for m in game.legal_moves(game.to_move) if m != game.pass_move)
    other = RootMove(legal, 10, 0.4, 0.1, 0.5)
    chosen = choose([best, other], 101, game, game.to_move, NEVER)
    assert chosen.move == legal
    assert chosen.winrate == 0.4


def test_without_any_legal_move_it_passes() -> None:
    game = Game(SIZE)
    assert choose([], 1, game, BLACK, NEVER).move == PASS


class TestPassing:
    passing = RootMove(PASS, 50, 0.6, 0.5, 0.3)
    filling = move("A2", 20, 0.55, lcb=0.4)
    useful = move("C5", 10, 0.5, lcb=0.3)

    def choice(self, moves: list[RootMove], game: Game, colour: int, *, dumb: bool = False) -> int:
        return choose(moves, 100, game, colour, MovePolicy(0.0, dumb)).move

    def test_a_pass_that_wins_is_made(self) -> None:
        game = from_diagram(COUNTED, komi=3.5)
        assert self.choice([self.passing, self.useful], game, BLACK) == PASS

    def test_a_pass_that_draws_is_made(self) -> None:
        game = from_diagram(COUNTED, komi=4.0)
        assert self.choice([self.passing, self.useful], game, BLACK) == PASS

    def test_a_pass_that_loses_gives_way_to_a_move_that_fills_no_eye(self) -> None:
        game = from_diagram(COUNTED, komi=4.5)
        assert self.choice([self.passing, self.filling, self.useful], game, BLACK) == self.useful.move

    def test_unless_nothing_else_is_left(self) -> None:
        game = from_diagram(COUNTED, komi=4.5)
        assert self.choice([self.passing, self.filling], game, BLACK) == PASS

    def test_who_passes_dumbly_passes(self) -> None:
        game = from_diagram(COUNTED, komi=4.5)
        assert self.choice([self.passing, self.useful], game, BLACK, dumb=True) == PASS

    @pytest.mark.parametrize(("komi", "passes"), [(3.5, True), (4.0, False), (4.5, False)])
    def test_after_the_opponents_pass_a_won_game_ends(self, komi: float, passes: bool) -> None:
        game = from_diagram(COUNTED, komi=komi)
        game.play(WHITE, PASS)
        better = move("C5", 99, 0.9)
        assert (self.choice([better, self.passing], game, BLACK) == PASS) is passes

    def test_white_counts_the_other_way(self) -> None:
        game = from_diagram(COUNTED, komi=4.5)
        game.play(BLACK, PASS)
        assert self.choice([move("C5", 99, 0.9)], game, WHITE) == PASS
        assert self.choice([move("C5", 99, 0.9)], game, WHITE, dumb=True) == parse_vertex("C5", SIZE)

    def test_without_a_pass_the_game_goes_on(self) -> None:
        game = from_diagram(COUNTED, "C5", komi=6.5)
        filling = move("E3", 99, 0.9)
        assert self.choice([filling], game, WHITE) == filling.move


class TestResigning:
    def resigns(
        self, winrate: float, moves: int, policy: MovePolicy, colour: int = BLACK, handicap: int = 0
    ) -> bool:
        game = random_game(9, moves, 5, passing=0)
        game.handicap = handicap
        only = RootMove(game.legal_moves(colour)[0], 50, winrate, winrate - 0.05, 1.0)
        return choose([only], 51, game, colour, policy).move == RESIGN

    def test_below_the_threshold(self) -> None:
        assert self.resigns(0.09, 30, MovePolicy())
        assert not self.resigns(0.11, 30, MovePolicy())
        assert self.resigns(0.19, 30, MovePolicy(resign=0.2))

    def test_never(self) -> None:
        assert not self.resigns(0.0, 30, NEVER)

    def test_not_in_the_first_quarter(self) -> None:
        assert not self.resigns(0.01, 20, MovePolicy())
        assert self.resigns(0.01, 21, MovePolicy())

    def test_white_is_patient_where_it_gave_handicap(self) -> None:
        """After 24 moves of 0.6 * 81 the threshold is half way between 10 % and 10 % / (1 + 4)."""
        moves, handicap = 24, 4
        blend = 24 / (0.6 * 81)
        threshold = blend * 0.1 + (1 - blend) * 0.02
        assert self.resigns(threshold - 0.001, moves, MovePolicy(), WHITE, handicap)
        assert not self.resigns(threshold + 0.001, moves, MovePolicy(), WHITE, handicap)
        assert self.resigns(0.09, moves, MovePolicy(), BLACK, handicap)

    def test_handicap_wears_off(self) -> None:
        assert not self.resigns(0.099, 47, MovePolicy(), WHITE, 4)
        assert self.resigns(0.099, 49, MovePolicy(), WHITE, 4)

    def test_a_pass_is_no_reason_to_resign(self) -> None:
        game = random_game(9, 30, 5, passing=0)
        passing = RootMove(81, 50, 0.01, 0.0, 1.0)
        assert choose([passing], 51, game, BLACK, MovePolicy(dumb_pass=True)).move == 81


@pytest.mark.parametrize(("temperature", "share"), [(0.01, 1.0), (1.0, 0.75), (100.0, 0.5)])
def test_draws_follow_the_visits(temperature: float, share: float) -> None:
    moves = [RootMove(0, 10, 0.5, 0.4, 0.5), RootMove(1, 30, 0.5, 0.4, 0.5), RootMove(2, 0, 0.5, 0.4, 0.5)]
    best, random = Choice(0, 0.5, 41), np.random.default_rng(1)
    drawn = [choice.drawn(moves, best, Game(9), BLACK, temperature, random).move for _ in range(2000)]
    assert set(drawn) <= {0, 1}
    assert drawn.count(1) / len(drawn) == pytest.approx(share, abs=0.04)


def test_cleaning_up_plays_beside_dead_stones_and_passes_when_none_is_left() -> None:
    game = Game(9)
    moves = [RootMove(move, 5 - move, 0.5, 0.4, 0.1) for move in range(5)] + [RootMove(81, 50, 0.9, 0.8, 0.5)]
    assert choice.removing(moves, [], game, BLACK, MovePolicy()) == 81
    game.play(BLACK, 40)
    game.play(WHITE, 12)
    assert choice.removing(moves, [12], game, BLACK, MovePolicy()) == 3, (
        "the only one of them beside the stone"
    )
    assert choice.removing(moves, [75], game, BLACK, MovePolicy()) == 0, "none is: the best that fills no eye"
