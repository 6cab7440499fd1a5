from __future__ import annotations

import pytest

from engines.evaluator.base import Evaluator
from lzeval.go.colour import Colour
from lzeval.go.game import Game
from lzeval.records.record import GameRecord
from lzeval.records.result import Outcome, format_result
from tests.support.fakes.evaluators import HashEvaluator, SteadyEvaluator
from tests.support.network_games import SETTINGS, SIZE, job, play_all, player
from tests.support.positions import from_diagram
from tournaments.games.network_games import (
    GameSettings,
    NetworkGames,
    counted,
    tree_seed,
)

PLAYERS = (player("a"), player("b", 12))


def evaluators(batch: int = 4, salts: tuple[int, int] = (1, 2)) -> tuple[Evaluator, Evaluator]:
    return HashEvaluator(SIZE, batch, salts[0]), HashEvaluator(SIZE, batch, salts[1])


JOBS = [job(n, *([] if n % 4 < 2 else ["B2", "D4"])) for n in range(8)]


@pytest.fixture(scope="module")
def one_by_one() -> dict[int, GameRecord]:
    """Each game on its own."""
    return {
        j.number: play_all(NetworkGames(PLAYERS, evaluators(1), SETTINGS, 1), [j])[j.number] for j in JOBS
    }


@pytest.mark.parametrize(("slots", "batch"), [(1, 4), (2, 1), (3, 4), (8, 4), (16, 8)])
def test_games_do_not_depend_on_their_company(
    slots: int, batch: int, one_by_one: dict[int, GameRecord]
) -> None:
    assert play_all(NetworkGames(PLAYERS, evaluators(batch), SETTINGS, slots), JOBS) == one_by_one


def test_games_do_not_depend_on_their_order(one_by_one: dict[int, GameRecord]) -> None:
    assert play_all(NetworkGames(PLAYERS, evaluators(), SETTINGS, 3), JOBS[::-1]) == one_by_one


def test_games_do_not_depend_on_a_warm_up(one_by_one: dict[int, GameRecord]) -> None:
    games = NetworkGames(PLAYERS, evaluators(), SETTINGS, 3)
    games.warm_up()
    assert games.evaluations == 0
    assert games.free_slots == 3
    assert play_all(games, JOBS) == one_by_one


def test_games_of_two_seeds_differ(one_by_one: dict[int, GameRecord]) -> None:
    assert len({record.moves for record in one_by_one.values()}) == len(JOBS)


def test_one_evaluator_for_both(one_by_one: dict[int, GameRecord]) -> None:
    """It makes no difference to the games, and batches are fuller."""
    shared = HashEvaluator(SIZE, 4, 1)
    together = NetworkGames(PLAYERS, (shared, shared), SETTINGS, 8)
    two = evaluators(4, (1, 1))
    apart = NetworkGames(PLAYERS, two, SETTINGS, 8)
    assert play_all(together, JOBS) == play_all(apart, JOBS) != one_by_one
    assert together.evaluations == apart.evaluations
    assert isinstance(two[0], HashEvaluator)
    assert isinstance(two[1], HashEvaluator)
    assert shared.calls < two[0].calls + two[1].calls


def test_a_record_says_all_there_is_to_say(one_by_one: dict[int, GameRecord]) -> None:
    for number, record in one_by_one.items():
        black, white = PLAYERS if number % 2 == 0 else PLAYERS[::-1]
        assert (record.black, record.white) == (black.code, white.code)
        assert (record.black_engine, record.white_description) == (black.engine, white.description)
        assert (record.pair, record.seed, record.opening) == (
            number // 2,
            1000 + number,
            JOBS[number].opening.name,
        )
        assert (
            tuple(move for _, move in record.moves)[: len(JOBS[number].opening.moves)]
            == JOBS[number].opening.moves
        )
        assert len(record.black_winrates) == len(record.moves)
        opening = len(JOBS[number].opening.moves)
        assert record.black_winrates[:opening] == (None,) * opening
        assert all(chance is not None and 0 <= chance <= 1 for chance in record.black_winrates[opening:])


def test_games_are_legal_and_counted(one_by_one: dict[int, GameRecord]) -> None:
    assert {record.result.outcome for record in one_by_one.values()} >= {Outcome.WHITE}
    for record in one_by_one.values():
        game = Game(SIZE, 7.5)
        for colour, move in record.moves:
            assert game.to_move == colour
            game.play(game.to_move, move)
        if record.result.outcome is Outcome.VOID:
            assert len(game.moves) == SETTINGS.move_limit
        else:
            assert game.passes == 2
            assert record.result.margin == abs(game.area_score())
            assert (record.result.winner is Colour.BLACK) is (game.area_score() > 0)


def steady_games(
    settings: GameSettings, slots: int = 2, resign: float = 0.0, **opinion: float
) -> NetworkGames:
    players = (player("a", 6, resign), player("b", 6, resign))
    mind = SteadyEvaluator(settings.size, **opinion)
    return NetworkGames(players, (mind, mind), settings, slots)


def test_a_long_game_is_void() -> None:
    record = play_all(steady_games(GameSettings(SIZE, 7.5, 7)), [job(0)])[0]
    assert format_result(record.result) == "Void"
    assert record.result.note == "hit move limit"
    assert len(record.moves) == 7


def test_who_has_no_hope_resigns() -> None:
    games = steady_games(GameSettings(SIZE, 7.5, 50), resign=0.1, black_value=-0.95)
    record = play_all(games, [job(0)])[0]
    assert format_result(record.result) == "W+R"
    assert len(record.moves) == 8  # Black's ninth would be the first after a quarter of the board


@pytest.mark.parametrize(
    "settings", [GameSettings(2, 0.5, 8), GameSettings(SIZE, 7.5, 3), GameSettings(9, 7.5, 1)]
)
def test_a_warm_up_ends_where_games_are_short(settings: GameSettings) -> None:
    for resign in (0.0, 0.4):
        games = steady_games(settings, resign=resign, black_value=-0.95, pass_share=0.9)
        games.warm_up()
        assert not games.is_busy
        assert games.step() == []


@pytest.mark.parametrize(("komi", "result"), [(0.0, "B+5"), (5.0, "0"), (5.5, "W+0.5")])
def test_the_count(komi: float, result: str) -> None:
    diagram = ". # # o .\n# . # o o\n# # # o .\n. # # o o\n# # # o ."
    assert format_result(counted(from_diagram(diagram, komi=komi))) == result


def test_seeds_of_trees_differ() -> None:
    seeds = {tree_seed(game, side) for game in range(200) for side in (0, 1)}
    assert len(seeds) == 400
    assert max(seeds) > 2**63
