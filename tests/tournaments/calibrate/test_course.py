"""The course of a calibration: which game is next, and what no order of endings changes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import JIGO, VOID, GameResult, win
from tournaments.calibrate.course import Course, Level
from tournaments.calibrate.curve import Curves
from tournaments.calibrate.finding import sentences
from tournaments.calibrate.scale import DOUBLINGS
from tournaments.plan.competition import MatchupSpec
from tournaments.runner.progress import Progress

VALUES = DOUBLINGS.ladder(1, 64)
LEVELS = [
    Level(value, MatchupSpec(str(value), "", "a", f"b-{value}", 9, 7.5, alternating=True)) for value in VALUES
]
Winner = Callable[[int, int], str]
"""The winner of a game by the setting and the game's number: a, b, jigo or void."""


def course(
    pairs: int = 100, width: float = 1.0, ahead: int = 4, played: tuple[tuple[str, int], ...] = ()
) -> Course:
    curves = Curves(DOUBLINGS.positions(VALUES), width=width)
    return Course("b", LEVELS, "visits", DOUBLINGS, curves, width, pairs, ahead, played)


def record(matchup: MatchupSpec, number: int, winner: str) -> GameRecord:
    black, white = matchup.colours(number)
    result: GameResult = {"jigo": JIGO, "void": VOID}.get(winner) or win(
        Colour.BLACK if black.startswith(winner) else Colour.WHITE, "R"
    )
    moves = tuple((Colour.BLACK, (7 * number + place) % 81) for place in range(3))
    return GameRecord(matchup.game_id(number), black, white, result, size=9, moves=moves)


def by_chance(location: float, slope: float, seed: int = 1) -> Winner:
    def winner(value: int, number: int) -> str:
        chance = 1 / (1 + 10 ** (-slope * (np.log2(value) - location) / 400))
        return "b" if random.Random(f"{seed} {value} {number}").random() < chance else "a"

    return winner


def play(found: Course, winner: Winner, at_once: int = 1, seed: int = 0) -> list[tuple[str, int]]:
    """Play to the end, `at_once` games beside each other which end in any order; returns the games as they began."""
    rng = random.Random(seed)
    begun, playing = [], []
    while True:
        while len(playing) < at_once and (task := found.next()) is not None:
            begun.append((task[0].id, task[1]))
            playing.append(task)
        if not playing:
            return begun
        matchup, number = playing.pop(rng.randrange(len(playing)))
        found.add(number, record(matchup, number, winner(int(matchup.id), number)))


def test_games_come_in_pairs_at_one_level() -> None:
    found = course()
    games = [found.next() for _ in range(8)]
    assert found.next() is None, "further levels wait for results"
    assert [task and task[1] for task in games] == list(range(8))
    for first, second in zip(games[::2], games[1::2], strict=True):
        assert first is not None
        assert second is not None
        assert first[0] is second[0]
        assert first[0].colours(first[1]) == second[0].colours(second[1])[::-1]


@pytest.mark.parametrize("at_once", [2, 3, 8])
def test_levels_and_verdict_do_not_depend_on_which_game_ends_first(at_once: int) -> None:
    winner = by_chance(3, 250)
    alone, beside = course(), course()
    usual = play(alone, winner)
    begun = play(beside, winner, at_once, seed=at_once)
    decided = [game for game in begun if game[1] < beside.games]
    assert beside.finding() == alone.finding()
    assert sorted(decided, key=lambda game: game[1]) == [game for game in usual if game[1] < alone.games]
    assert alone.finding().verdict == "found"
    low, high = alone.finding().low, alone.finding().high
    assert low is not None
    assert high is not None
    assert low < 8 < high


def test_what_was_played_keeps_its_level_and_the_rest_is_as_without_a_break() -> None:
    winner = by_chance(3, 250)
    whole = course()
    begun = play(whole, winner)
    for kept in (1, 7, 20):
        games = random.Random(kept).sample(begun[: kept + 6], kept)
        resumed = course(played=tuple(games))
        for matchup_id, number in games:
            level = LEVELS[VALUES.index(int(matchup_id))]
            resumed.add(number, record(level.matchup, number, winner(level.value, number)))
        play(resumed, winner, 3, seed=kept)
        assert resumed.finding() == whole.finding()


def test_a_game_that_is_given_back_is_next() -> None:
    found = course()
    games = [found.next() for _ in range(4)]
    again = games[1]
    assert again is not None
    found.give_back(*again)
    assert found.next() == again


def test_a_pair_that_cannot_be_played_is_left_out() -> None:
    found = course(pairs=8)
    progress = found.progress = Progress(16)
    for _ in range(8):
        assert found.next() is not None
    first = LEVELS[0].matchup
    for number in range(2, 8):
        found.add(number, record(first, number, "a"))
    assert found.next() is None
    progress.abandoned += [level.matchup.game_id(number) for level in LEVELS for number in (0, 1)]
    assert found.next() is not None
    assert (found.pairs, found.finding().pairs) == (4, 3)


@pytest.mark.parametrize("spoilt", ["void", "repeated"])
def test_a_pair_that_says_nothing_does_not_count(spoilt: str) -> None:
    found = course(pairs=3, ahead=1)
    games = []
    while (task := found.next()) is not None:
        game = record(*task, "b" if task[1] % 2 else "a")
        if task[1] == 3:
            same = replace(games[1], game_id=game.game_id, white=game.white, black=game.black)
            game = replace(game, result=VOID) if spoilt == "void" else same
        games.append(game)
        found.add(task[1], game)
    assert games[1].white == games[3].white, "both are of one level"
    assert (found.pairs, found.finding().pairs) == (3, 2)


def test_a_suspended_player_ends_it() -> None:
    assert course().next(["a"]) is None


@pytest.mark.parametrize(
    ("winner", "verdict", "words"),
    [
        ("a", "above the bounds", "b does not reach 50 % against a at up to 64 visits"),
        ("b", "below the bounds", "b scores more than 50 % against a already at 1 visit"),
    ],
)
def test_what_the_bounds_do_not_hold_is_said(winner: str, verdict: str, words: str) -> None:
    found = course()
    play(found, lambda _value, _number: winner)
    assert found.finding().verdict == verdict
    assert found.games < 60
    assert found.verdict_lines()[0].startswith(words)
    assert found.finding().value is None


def test_the_cap_comes_first() -> None:
    found = course(pairs=10)
    play(found, by_chance(3, 100))
    assert (found.games, found.finding().verdict) == (20, "undecided")
    assert found.verdict_lines()[-1] == (
        "The interval is wider than wanted (--width 1): more --games narrow it."
    )
    assert found.pairs_left() == 0


def test_jigos_are_half_points() -> None:
    found = course(pairs=8)
    play(found, lambda _value, _number: "jigo")
    assert {level.score for level in found.finding().levels} == {0.5}
    assert all(level.counts[2] == level.pairs for level in found.finding().levels)


def test_a_finding_in_words() -> None:
    found = course()
    play(found, by_chance(3, 250))
    lines = sentences(found.finding(), "b", "a", DOUBLINGS, 1)
    assert lines[0].startswith("b scores 50 % against a at ")
    assert " visits (95 % interval " in lines[0]
    assert lines[1].startswith("The nearest whole setting is ")
    assert len(lines) == 2
