from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sgfmill.boards import Board

from lzeval.errors import IllegalMoveError, UserError
from lzeval.go.board import (
    BLACK,
    EMPTY,
    ILLEGAL,
    NO_KO,
    WALL,
    WHITE,
    area_score,
    empty_board,
    fills_own_eye,
    geometry,
    is_legal,
    new_scratch,
    play_stone,
)
from lzeval.go.game import Game
from lzeval.go.points import format_vertex, parse_vertex
from lzeval.go.rules import Rules
from tests.support.make_games import (
    LETTERS,
    RandomGame,
    as_array,
    holdout_texts,
    naive_moves,
    other,
    random_games,
    stones_of,
)

Cells = npt.NDArray[np.int8]


# A second implementation, from the words of the rules and with sets


def neighbours(point: int, size: int) -> list[int]:
    row, column = divmod(point, size)
    around = [(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
    return [r * size + c for r, c in around if 0 <= r < size and 0 <= c < size]


def chain_and_liberties(cells: list[int], point: int, size: int) -> tuple[set[int], set[int]]:
    chain, liberties, todo = {point}, set(), [point]
    while todo:
        for neighbour in neighbours(todo.pop(), size):
            if cells[neighbour] == EMPTY:
                liberties.add(neighbour)
            elif cells[neighbour] == cells[point] and neighbour not in chain:
                chain.add(neighbour)
                todo.append(neighbour)
    return chain, liberties


def after_stone(
    cells: list[int], point: int, colour: int, size: int, *, suicide: bool = False
) -> list[int] | None:
    """The position after the stone is put down and what has no liberty is taken off; None for a forbidden suicide.

    With `suicide`, that is one of a single stone.
    """
    result = list(cells)
    result[point] = colour
    for neighbour in neighbours(point, size):
        if result[neighbour] == other(colour):
            chain, liberties = chain_and_liberties(result, neighbour, size)
            if not liberties:
                result = [EMPTY if at in chain else cell for at, cell in enumerate(result)]
    chain, liberties = chain_and_liberties(result, point, size)
    if liberties:
        return result
    if suicide and len(chain) > 1:
        return [EMPTY if at in chain else cell for at, cell in enumerate(result)]
    return None


def legal_by_definition(
    history: list[list[int]], colour: int, size: int, *, suicide: bool = False
) -> set[int]:
    """Where `colour` may play under positional superko, the pass apart."""
    legal = set()
    for point in range(size * size):
        if history[-1][point] == EMPTY:
            after = after_stone(history[-1], point, colour, size, suicide=suicide)
            if after is not None and after not in history:
                legal.add(point)
    return legal


# Positions as pictures

KO = """
. # o .
# o . o
. # o .
. . . ."""

SNAPBACK = """
. # # # .
# # o o #
# o o . #
# # # # .
. . . . ."""

TWO_EYES = """
. # . # .
# # # # .
o o o o o
. o . . o
o . o o ."""


def play(diagram: str, colour: int, vertex: str) -> tuple[str, int, int]:
    """What a move does to the picture: the picture after it, the captured stones, the ko point."""
    stones = stones_of(diagram)
    size = int(stones.size**0.5)
    game = Game(size)
    captured, _, ko = play_stone(
        geometry(size), new_scratch(size), stones, parse_vertex(vertex, size), colour
    )
    game.boards[-1] = stones.tobytes()
    return game.diagram(), captured, ko


def test_taking_a_ko_forbids_the_retake() -> None:
    after, captured, ko = play(KO, BLACK, "C3")
    assert after == ". # o .\n# . # o\n. # o .\n. . . ."
    assert (captured, format_vertex(ko, 4)) == (1, "B3")


def test_taking_several_stones_or_keeping_a_liberty_is_no_ko() -> None:
    after, captured, ko = play(SNAPBACK, BLACK, "D3")
    assert after == ". # # # .\n# # . . #\n# . . # #\n# # # # .\n. . . . ."
    assert (captured, ko) == (4, NO_KO)
    after, captured, ko = play(". o # .\no # . .\n. o # .\n. . . .", WHITE, "C3")
    assert after.splitlines()[1] == "o . o ."
    assert (captured, ko) == (1, NO_KO)


def test_capture_of_several_groups_at_once() -> None:
    after, captured, ko = play("o # .\n. o #\no # .", BLACK, "A2")
    assert after == ". # .\n# . #\n. # ."
    assert (captured, ko) == (3, NO_KO)
    after, captured, ko = play("# # o .\n. # o .\n# # o .\no o o .", WHITE, "A3")
    assert after == ". . o .\no . o .\n. . o .\no o o ."
    assert (captured, ko) == (5, NO_KO)


def test_suicide_is_refused_and_changes_nothing() -> None:
    stones = stones_of(". o .\no . .\n. . .")
    before = stones.copy()
    geo, scratch = geometry(3), new_scratch(3)
    assert not is_legal(geo, scratch, stones, NO_KO, parse_vertex("A3", 3), BLACK)
    assert play_stone(geo, scratch, stones, parse_vertex("A3", 3), BLACK)[0] == ILLEGAL
    np.testing.assert_array_equal(stones, before)
    assert is_legal(geo, scratch, stones, NO_KO, parse_vertex("A3", 3), WHITE)


@pytest.mark.parametrize(
    ("diagram", "score"),
    [
        (". . .\n. . .\n. . .", 0),
        (". . .\n. # .\n. . .", 9),
        ("# . o\n# . o\n# . o", 0),
        ("# # .\n# . o\n# # o", 3),
        (". # o .\n# # o o\n. # o .\n# # o .", 0),
        (". # o .\n# # o o\n. # # o\n# # # o", 4),
    ],
)
def test_area(diagram: str, score: int) -> None:
    stones = stones_of(diagram)
    size = int(stones.size**0.5)
    assert area_score(geometry(size), new_scratch(size), stones) == score


@pytest.mark.parametrize(
    ("diagram", "vertex", "expected"),
    [
        (TWO_EYES, "A5", True),
        (TWO_EYES, "C5", True),
        (TWO_EYES, "E5", False),
        (". # .\n# # .\n. . .", "A3", True),
        (". # .\n# o .\n. . .", "A3", False),
        ("# . #\n. # .\n. . .", "B3", True),
        ("o # o\n# . #\n. # .", "B2", False),
        ("o # .\n# . #\n. # .", "B2", True),
        ("# . #\no # .\n. . .", "B3", False),
        ("# . #\n. o .\n. . .", "B3", False),
    ],
)
def test_own_eyes(diagram: str, vertex: str, expected: bool) -> None:
    stones = stones_of(diagram)
    size = int(stones.size**0.5)
    assert fills_own_eye(geometry(size), stones, parse_vertex(vertex, size), BLACK) is expected


def test_a_broken_diagonal_is_no_eye_on_the_edge_and_one_is_allowed_in_the_middle() -> None:
    edge, middle = (
        ". # . # .\n. o # . .\n" + ". . . . .\n" * 3,
        ". . . . .\n. o # . .\n. # . # .\n. . # . .\n" + ". . . . .",
    )
    assert not fills_own_eye(geometry(5), stones_of(edge), parse_vertex("C5", 5), BLACK)
    assert fills_own_eye(geometry(5), stones_of(middle), parse_vertex("C3", 5), BLACK)


def test_the_wall_and_the_sizes() -> None:
    assert empty_board(5)[-1] == WALL
    for size in (1, 26, 0, -3):
        with pytest.raises(UserError, match=f"board size {size} "):
            geometry(size)


# Random and real games, judged by sgfmill


def hash_by_definition(zobrist: npt.NDArray[np.uint64], board: Cells) -> np.uint64:
    """All stones' numbers, exclusive-ored."""
    return np.uint64(np.bitwise_xor.reduce(zobrist[board, np.arange(board.size)]))


def assert_game_as_judged(game: RandomGame) -> None:
    """Replay on compiled rules: every position, ko point and hash."""
    geo, scratch, stones = geometry(game.size), new_scratch(game.size), empty_board(game.size)
    running = np.uint64(0)
    for (colour, move), board, ko in zip(game.moves, game.boards[1:], game.kos[1:], strict=True):
        found_ko = NO_KO
        if move < game.size**2:
            captured, change, found_ko = play_stone(geo, scratch, stones, move, colour)
            assert captured >= 0
            running ^= np.uint64(change)
        np.testing.assert_array_equal(stones[:-1], board)
        assert found_ko == (NO_KO if ko is None else ko)
        assert running == hash_by_definition(geo.zobrist, board)


@settings(deadline=None, max_examples=40)
@given(random_games())
def test_random_games_go_as_sgfmill_has_them(game: RandomGame) -> None:
    assert_game_as_judged(game)


@settings(deadline=None, max_examples=40)
@given(random_games(largest=9, longest=150))
def test_area_of_random_positions(game: RandomGame) -> None:
    board = Board(game.size)
    for row, column in np.argwhere(game.boards[-1].reshape(game.size, game.size)):
        board.board[row][column] = LETTERS[int(game.boards[-1][row * game.size + column])]
    stones = np.append(game.boards[-1], np.int8(WALL))
    assert area_score(geometry(game.size), new_scratch(game.size), stones) == board.area_score()


def test_real_games_go_as_sgfmill_has_them(shared: Path) -> None:
    texts = holdout_texts(shared, 30)
    assert len(texts) == 30
    for text in texts:
        game, board = Game(19), Board(19)
        taken = 0
        for colour, move in naive_moves(text, 19):
            taken += game.play(colour, move)
            if move != 361:
                board.play(*divmod(move, 19), LETTERS[colour])
            assert list(game.stones[:-1]) == as_array(board).tolist()
        assert sum(game.captures[-1]) == taken
        assert sum(cell != EMPTY for cell in game.stones[:-1]) == sum(m != 361 for _, m in game.moves) - taken
        assert game.area_score() == board.area_score() - game.komi


# Superko, and taking back


def random_superko_game(
    size: int, length: int, rng: Random, *, suicide: bool = False
) -> tuple[Game, list[list[int]]]:
    """A long random game, compared with the definition before every move; illegal moves are tried, too."""
    game, history, colour = Game(size, rules=Rules(suicide=suicide)), [[EMPTY] * size * size], BLACK
    for _ in range(length):
        legal = legal_by_definition(history, colour, size, suicide=suicide)
        assert set(game.legal_moves(colour)) == legal | {size * size}
        illegal = sorted(set(range(size * size)) - legal)
        if illegal:
            with pytest.raises(IllegalMoveError):
                game.play(colour, rng.choice(illegal))
        move = rng.choice(sorted(legal)) if legal and rng.random() > 0.03 else game.pass_move
        game.play(colour, move)
        after = (
            history[-1]
            if move == game.pass_move
            else after_stone(history[-1], move, colour, size, suicide=suicide)
        )
        assert after is not None
        history.append(after)
        assert list(game.stones[:-1]) == after
        colour = other(colour) if rng.random() > 0.1 else colour
    return game, history


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 4), st.integers(0, 60), st.integers(0, 2**32), st.booleans())
def test_superko_by_definition_and_undo(size: int, length: int, seed: int, suicide: bool) -> None:
    game, history = random_superko_game(size, length, Random(seed), suicide=suicide)
    for before in reversed(history[:-1]):
        game.undo()
        assert list(game.stones[:-1]) == before
    assert (game.moves, game.hashes, game.kos, game.captures) == ([], [0], [NO_KO], [(0, 0)])
    with pytest.raises(IllegalMoveError, match="cannot undo"):
        game.undo()


def test_suicide_is_tried_often_enough() -> None:
    """That the games above have moves of that kind, and that sgfmill's board agrees on every one of them."""
    found = 0
    for seed in range(20):
        game, history = random_superko_game(4, 60, Random(seed), suicide=True)
        board = Board(4)
        for (colour, move), after in zip(game.moves, history[1:], strict=True):
            if move == game.pass_move:
                continue
            board.play(*divmod(move, 4), LETTERS[colour])
            assert as_array(board).tolist() == after
            found += after[move] == EMPTY
        zobrist = geometry(4).zobrist
        assert game.hashes == [
            int(hash_by_definition(zobrist, np.frombuffer(stones[:-1], np.int8))) for stones in game.boards
        ]
    assert found > 20


SURROUNDED = """
# . o .
# # o .
o o o .
. . . ."""


def test_suicide_of_several_stones_where_it_is_allowed() -> None:
    game = Game(4)
    game.boards[-1] = stones_of(SURROUNDED).tobytes()
    point = parse_vertex("B4", 4)
    assert game.why_illegal(BLACK, point) == "suicide"
    assert game.why_illegal(WHITE, point) is None
    game.rules = Rules(suicide=True)
    assert game.play(BLACK, point) == 0
    assert game.diagram() == ". . o .\n. . o .\no o o .\n. . . ."
    assert (game.ko, game.to_move) == (NO_KO, WHITE)
    assert game.why_illegal(BLACK, parse_vertex("A4", 4)) is None
    game.undo()
    assert game.diagram() == SURROUNDED.strip()


def test_a_single_stone_may_never_vanish() -> None:
    game = Game(3)
    game.boards[-1] = stones_of(". o .\no . .\n. . .").tobytes()
    game.rules = Rules(superko=False, suicide=True)
    assert game.why_illegal(BLACK, parse_vertex("A3", 3)) == "suicide"


def test_reasons_that_forbid() -> None:
    game = Game(4)
    for black, white in (("B4", "C4"), ("A3", "D3"), ("B2", "C2"), ("D1", "B3")):
        game.play(BLACK, parse_vertex(black, 4))
        game.play(WHITE, parse_vertex(white, 4))
    assert game.play(BLACK, parse_vertex("C3", 4)) == 1
    assert game.captures[-1] == (1, 0)
    assert game.why_illegal(WHITE, parse_vertex("B3", 4)) == "ko"
    assert game.why_illegal(WHITE, parse_vertex("C3", 4)) == "occupied"
    assert game.why_illegal(WHITE, parse_vertex("A4", 4)) == "suicide"
    assert game.why_illegal(WHITE, 17) == "off the board"
    assert game.why_illegal(WHITE, 16) is None
    game.play(WHITE, game.pass_move)
    game.play(BLACK, game.pass_move)
    assert (game.passes, game.ko) == (2, NO_KO)
    assert game.why_illegal(WHITE, parse_vertex("B3", 4)) == "superko"


@settings(deadline=None, max_examples=25)
@given(random_games(largest=7, longest=80))
def test_legal_points_agree_with_the_definition(game: RandomGame) -> None:
    """Without history: superko against the one position before, which is what simple ko means."""
    size = game.size
    stones = np.append(game.boards[-1], np.int8(WALL))
    ko = game.kos[-1]
    for colour in (BLACK, WHITE):
        expected = legal_by_definition([game.boards[-1].tolist()], colour, size) - {ko}
        before, scratch, forbidden = stones.copy(), new_scratch(size), NO_KO if ko is None else ko
        legal = {
            point
            for point in range(size * size)
            if is_legal(geometry(size), scratch, stones, forbidden, point, colour)
        }
        assert legal == expected
        np.testing.assert_array_equal(stones, before)
