from __future__ import annotations

import random

import pytest
from sgfmill.boards import Board

from engines.gtp.errors import EngineTimeout
from lzeval.go.board import NO_KO, area_score, as_array, geometry, is_legal, new_scratch, play_stone
from lzeval.go.colour import Colour
from lzeval.go.game import Game
from lzeval.go.points import parse_vertex
from lzeval.go.rules import DEFAULT_RULES, REFEREES, Rules
from lzeval.records.result import format_result
from tournaments.games.scoring import AREA, compensation, decide

B, W = Colour
GOMILL, STRICT = REFEREES["gomill"], DEFAULT_RULES


def placed(diagram: str, rules: Rules = GOMILL, komi: float = 0.5) -> Game:
    """A position from a picture: `#` Black, `o` White. No colour may be captured on the way to it."""
    rows = [line.split() for line in diagram.strip().splitlines()]
    game = Game(len(rows), komi, rules)
    for row, line in enumerate(reversed(rows)):
        for column, stone in enumerate(line):
            if stone in "#o":
                game.play(B if stone == "#" else W, row * len(rows) + column)
    return game


def at(vertex: str, size: int = 4) -> int:
    return parse_vertex(vertex, size)


# Legality


def test_gomill_rules_allow_suicide_and_strict_ones_do_not() -> None:
    picture = """
. o # #
o o # #
# # # .
. # . #
"""
    assert placed(picture, STRICT).why_illegal(W, at("A4")) == "suicide"
    game = placed(picture)
    assert game.why_illegal(W, at("A4"), STRICT) == "suicide"
    assert game.why_illegal(W, at("A4")) is None
    game.play(W, at("A4"))
    assert game.diagram() == ". . # #\n. . # #\n# # # .\n. # . #"


def test_a_single_stone_suicide_repeats_the_position() -> None:
    picture = """
. # . .
# # . .
. . . .
. . . .
"""
    assert placed(picture).why_illegal(W, at("A4")) is None
    assert placed(picture, Rules(suicide=True, lone_suicide=True)).why_illegal(W, at("A4")) == "superko"


def test_simple_ko_is_in_every_rule() -> None:
    picture = """
. # o .
# . # o
. # o .
. . . .
"""
    for rules in (GOMILL, STRICT):
        game = placed(picture, rules)
        game.play(W, at("B3"))
        assert game.why_illegal(B, at("C3")) == "ko"


def test_sending_two_returning_one() -> None:
    """The shortest cycle that simple ko allows and superko forbids."""
    picture = """
. . . .
# # o .
# o o .
. # . o
"""
    for rules, expected in ((GOMILL, None), (STRICT, "superko")):
        game = placed(picture, rules)
        before = game.diagram()
        assert game.play(B, at("C1")) == 0
        assert game.play(W, at("A1")) == 2
        assert game.why_illegal(B, at("B1")) == expected
        assert game.why_illegal(B, at("B1"), STRICT) == "superko"
        if expected is None:
            game.play(B, at("B1"))
            assert game.diagram() == before


@pytest.mark.parametrize("rules", [GOMILL, STRICT, Rules(suicide=True, lone_suicide=True)], ids=str)
def test_random_games_agree_with_sgfmill(rules: Rules) -> None:
    """sgfmill's board plays with suicide and tells of simple ko; a list of positions tells of superko."""
    objections = set()
    for seed in range(80):
        rng = random.Random(seed)
        game, board = Game(4, 0.5, rules), Board(4)
        positions, ko_point = [board.board], None
        for number in range(80):
            colour, point = "bw"[number % 2], rng.randrange(16)
            after, ko_after, expected = judged(board, divmod(point, 4), colour, ko_point)
            if expected is None and not rules.suicide and after.get(*divmod(point, 4)) is None:
                expected = "suicide"
            elif expected is None and rules.superko and after.board in positions:
                expected = "superko"
            assert game.why_illegal(1 + number % 2, point) == expected
            objections.add(expected)
            game.play(1 + number % 2, game.pass_move if expected else point)
            board, ko_point = (board, None) if expected else (after, ko_after)
            positions.append(board.board)
            stones = [board.get(*divmod(place, 4)) for place in range(16)]
            assert [{None: 0, "b": 1, "w": 2}[stone] for stone in stones] == list(game.stones[:-1])
        assert game.area_score() == board.area_score() - 0.5
    assert {None, "occupied", "ko" if rules is GOMILL else "superko"} <= objections
    assert ("suicide" in objections) == (not rules.suicide)


@pytest.mark.parametrize("seed", range(4))
def test_the_compiled_rules_say_the_same(seed: int) -> None:
    """Every point is asked for before every move, in games that fill the board again and again."""
    rng = random.Random(seed)
    size = (5, 6, 9, 19)[seed]
    game, geo, scratch = Game(size, 6.5), geometry(size), new_scratch(size)
    for number in range(150):
        colour = int(1 + number % 2 if number % 7 else rng.choice((B, W)))
        stones, ko = as_array(game.stones), game.ko if colour == game.to_move else NO_KO
        found: dict[int, tuple[bytes, int, int]] = {}
        for point in range(size * size):
            objection = game.why_illegal(colour, point)
            assert is_legal(geo, scratch, stones, ko, point, colour) == (objection in (None, "superko"))
            if objection in (None, "superko"):
                after = stones.copy()
                captured, change, ko_after = play_stone(geo, scratch, after, point, colour)
                assert (game.hashes[-1] ^ int(change) in game.hashes) == (objection == "superko")
                if objection is None:
                    found[point] = after.tobytes(), captured, ko_after
        move = rng.choice([*found, game.pass_move])
        captured = game.play(colour, move)
        assert move == game.pass_move or found[move] == (game.stones, captured, game.ko)
        assert area_score(geo, scratch, as_array(game.stones)) - 6.5 == game.area_score()
        if number % 11 == 0:
            game.undo()


def judged(
    board: Board, point: tuple[int, int], colour: str, ko_point: tuple[int, int] | None
) -> tuple[Board, tuple[int, int] | None, str | None]:
    """The board after the move and the point that ko forbids then, or what forbids the move itself."""
    if board.get(*point) is not None:
        return board, None, "occupied"
    if point == ko_point:
        return board, None, "ko"
    after = board.copy()
    return after, after.play(*point, colour), None


# Scoring

LIVE = """
. # o .
# # o o
# # o .
. # o o
"""
"""Eight points of area each."""


def result(answers: dict[str, str], **others: object) -> str:
    verdict = decide(placed(LIVE), "players", 0, answers, **others)  # type: ignore[arg-type]
    note = f" ({verdict.result.note})" if verdict.result.note else ""
    return format_result(verdict.result) + note


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"a": "B+3.5", "b": "B+3.5"}, "B+3.5"),
        ({"a": "b+3.5", "b": "B+3.5"}, "B+3.5"),
        ({"a": "B+3.5", "b": "B+4.5"}, "B+ (unknown margin)"),
        ({"a": "B+", "b": "B+4.5"}, "B+ (unknown margin)"),
        ({"a": "W+2", "b": "B+4.5"}, "? (players disagreed)"),
        ({"a": "0", "b": "B+4.5"}, "? (players disagreed)"),
        ({"a": "0", "b": "0"}, "0"),
        ({"a": "W+2"}, "W+2"),
        ({"a": "who knows", "b": "W+2"}, "W+2"),
        ({"a": "who knows"}, "? (no score reported)"),
        ({}, "? (no score reported)"),
    ],
    ids=str,
)
def test_players_score_as_under_gomill(answers: dict[str, str], expected: str) -> None:
    assert result(answers) == expected


def test_everything_said_is_kept() -> None:
    verdict = decide(placed(LIVE), "players", 0, {"a": "B+1.5", "b": "B+2.5"})
    assert [(o.who, o.text) for o in verdict.opinions] == [("a", "B+1.5"), ("b", "B+2.5"), (AREA, "W+0.5")]
    assert not verdict.disputed
    assert verdict.remarks() == [
        "a final_score: B+1.5",
        "b final_score: B+2.5",
        f"{AREA}, every stone alive: W+0.5",
    ]


def test_agreement_leaves_nothing_to_remark() -> None:
    assert decide(placed(LIVE), "players", 0, {"a": "W+0.5", "b": "w+0.5"}).remarks() == []


def test_a_judge_decides_where_players_differ() -> None:
    """White's stone in Black's corner is dead, says the judge."""
    invaded = placed(". # o .\no # o o\n# # o .\n. # o o")
    verdict = decide(invaded, "players", 0, {"a": "B+9", "b": "W+9"}, "judge", lambda: {at("A3")})
    assert format_result(decide(invaded, "internal", 0, {}).result) == "W+3.5"
    assert format_result(verdict.result) == "W+0.5"
    assert verdict.result.note == "players disagreed, judge decided"
    assert verdict.disputed
    assert (verdict.opinions[-1].who, verdict.opinions[-1].text) == ("judge", "W+0.5 with 1 dead stones")


def test_a_judge_is_not_asked_where_players_agree() -> None:
    def fail() -> set[int]:
        raise AssertionError

    assert result({"a": "W+0.5", "b": "W+0.5"}, arbiter="judge", dead_stones=fail) == "W+0.5"


def test_a_judge_that_fails_leaves_the_game_unscored() -> None:
    def hang() -> set[int]:
        raise EngineTimeout("judge", "final_status_list dead", 3)

    verdict = decide(placed(LIVE), "players", 0, {"a": "B+1", "b": "W+1"}, "judge", hang)
    assert format_result(verdict.result) == "?"
    assert "no answer within 3 s" in verdict.remarks()[-1]


def test_internal_scorer_is_the_area_count_with_compensation() -> None:
    for kind, margin in (("no", "W+0.5"), ("short", "W+1.5"), ("full", "W+2.5")):
        bonus = compensation(kind, 2)  # type: ignore[arg-type]
        verdict = decide(placed(LIVE), "internal", bonus, {"a": "B+50"})
        assert format_result(verdict.result) == margin
        assert verdict.remarks() == ["a final_score: B+50"]
    assert compensation("short", 0) == compensation("full", 0) == 0
    assert format_result(decide(placed(LIVE, komi=0), "internal", 0, {}).result) == "0"
