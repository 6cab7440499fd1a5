"""Moves out of KataGo's answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engines.katago.choice import (
    MalformedAnswerError,
    MoveChoice,
    SearchedMove,
    drawn,
    findings_of,
    shares_of,
)

INFO = {
    "move": "E5",
    "order": 0,
    "visits": 9,
    "winrate": 0.5,
    "lcb": 0.4,
    "prior": 0.2,
    "playSelectionValue": 9.0,
    "pv": ["E5", "pass"],
    "scoreLead": -1.5,
}
ANSWER: dict[str, Any] = {
    "rootInfo": {"winrate": 0.5, "visits": 20, "scoreLead": -1.0},
    "moveInfos": [
        {**INFO, "move": "C3", "order": 1, "visits": 4, "playSelectionValue": 4.0, "lcb": -0.2},
        {**INFO, "move": "G7", "order": 2, "isSymmetryOf": "C3"},
        INFO,
    ],
}


def test_an_answer_is_read_best_first_and_without_mirror_images() -> None:
    found = findings_of(ANSWER, 9)
    assert [move.move for move in found.moves] == [40, 20]
    assert [move.value for move in found.moves] == [9.0, 4.0]
    assert found.moves[1].lcb == 0, "KataGo's may leave the bounds of a probability"
    assert found.moves[0].line == (40, 81)
    assert (found.visits, found.lead) == (20, -1.0)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"rootInfo": None}, "cannot be understood"),
        ({"moveInfos": 3}, "cannot be understood"),
        ({"moveInfos": [{**INFO, "move": "Z99"}]}, "cannot be understood"),
        ({"moveInfos": [{**INFO, "winrate": "much"}]}, "cannot be understood"),
        (
            {"moveInfos": [{name: INFO[name] for name in INFO if name != "playSelectionValue"}]},
            "playSelectionValue",
        ),
        ({"rootInfo": {"winrate": 0.5}}, "without visits"),
    ],
)
def test_an_answer_that_lacks_something_is_malformed(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(MalformedAnswerError, match=complaint):
        findings_of({**ANSWER, **changed}, 9)


def test_a_policy_is_told_from_the_top_and_read_from_the_bottom() -> None:
    answer = {"policy": [0.1, 0.2, 0.3, -1, 0.4]}
    assert shares_of(answer, 2) == [0.3, -1, 0.1, 0.2, 0.4]


@pytest.mark.parametrize("answer", [{}, {"policy": None}, {"policy": [1.0]}, {"policy": ["much"] * 5}])
def test_a_policy_that_is_none_is_malformed(answer: dict[str, Any]) -> None:
    with pytest.raises(MalformedAnswerError, match="policy"):
        shares_of(answer, 2)


def test_the_temperature_falls_by_half_every_19_moves_on_19x19() -> None:
    habits = MoveChoice(0.1, 0.5)
    assert [round(habits.temperature_at(moves, 19), 6) for moves in (0, 19, 38)] == [0.5, 0.3, 0.2]
    assert habits.temperature_at(9, 9) == pytest.approx(habits.temperature_at(19, 19))


def moves_with(*values: float) -> list[SearchedMove]:
    return [SearchedMove(number, 1, 0.5, 0.4, 0.1, value, (number,)) for number, value in enumerate(values)]


def test_moves_are_drawn_by_their_values_to_the_power_of_the_inverse_temperature() -> None:
    random = np.random.default_rng(1)
    moves = moves_with(4.0, 2.0, 0.0)
    counts = np.bincount([drawn(moves, 0.5, random).move for _ in range(4000)], minlength=3)
    assert counts[2] == 0
    assert counts[0] / 4000 == pytest.approx(16 / 20, abs=0.03)


@pytest.mark.parametrize(("temperature", "values"), [(0.0, (1.0, 3.0, 2.0)), (0.5, (0.0, 0.0))])
def test_the_best_is_taken_where_nothing_can_be_drawn(temperature: float, values: tuple[float, ...]) -> None:
    best = drawn(moves_with(*values), temperature, np.random.default_rng(1)).move
    assert best == int(np.argmax(values))
