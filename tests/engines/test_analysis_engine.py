from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.analysis.engine import AnalysisEngine
from engines.analysis.server import serve
from engines.gtp.engine import Restriction
from engines.gtp.server.error_stream import ErrorStream
from engines.search.position_search import PositionSearch, position_seed
from lzeval.errors import UserError
from lzeval.go.board import BLACK, WHITE
from lzeval.go.game import Game
from lzeval.go.points import format_vertex, parse_vertex
from lzeval.go.rules import Rules
from tests.support.fakes.evaluators import HashEvaluator
from tests.support.fakes.weights_files import as_lines, tiny_weights, write_lines
from tests.support.paths import CLIENTS, ROOT
from tests.support.reference_search import ReferenceSearch

SIZE = 5
MOVES = [["B", "C3"], ["W", "D3"], ["B", "D4"], ["W", "B2"]]
QUERY = {
    "id": "q",
    "moves": MOVES,
    "rules": "tromp-taylor",
    "komi": 7.5,
    "boardXSize": SIZE,
    "boardYSize": SIZE,
}
Answer = dict[str, Any]


def query(**changes: Any) -> Answer:
    """A sound query with other fields, those that are None left out."""
    return {name: value for name, value in (QUERY | changes).items() if value is not None}


def converse(data: bytes, places: int = 4, with_scores: bool = False) -> tuple[bytes, str]:
    output, errors = io.BytesIO(), io.BytesIO()
    serve(
        lambda write: AnalysisEngine(
            PositionSearch(HashEvaluator(SIZE, 4), places), write, visits=30, with_scores=with_scores
        ),
        io.BytesIO(data),
        output,
        ErrorStream(errors),
    )
    return output.getvalue(), errors.getvalue().decode()


def talk(*queries: Any, **options: Any) -> list[Answer]:
    """Every answer to `queries`, in the order they came."""
    output, errors = converse(b"".join(json.dumps(one).encode() + b"\n" for one in queries), **options)
    assert errors == "lzeval: ready to begin handling requests\n"
    return [json.loads(line) for line in output.splitlines()]


def ask(**changes: Any) -> Answer:
    """The only answer to a query."""
    [answer] = talk(query(**changes))
    return answer


# Answers


def test_an_answer() -> None:
    answer = ask()
    assert set(answer) == {"id", "turnNumber", "isDuringSearch", "moveInfos", "rootInfo"}
    assert (answer["id"], answer["turnNumber"], answer["isDuringSearch"]) == ("q", 4, False)
    root, moves = answer["rootInfo"], answer["moveInfos"]
    assert set(root) == {"winrate", "rawWinrate", "visits", "currentPlayer"}
    assert (root["visits"], root["currentPlayer"]) == (30, "B")
    assert 1 + sum(move["visits"] for move in moves) == 30
    assert [move["order"] for move in moves] == list(range(len(moves)))
    for move in moves:
        assert set(move) == {"move", "visits", "winrate", "lcb", "prior", "order", "pv", "playSelectionValue"}
        assert move["pv"][0] == move["move"]
        assert 0 <= move["lcb"] <= move["winrate"] <= 1


def test_principal_variations_can_be_played() -> None:
    for move in ask(maxVisits=200)["moveInfos"]:
        game = Game(SIZE)
        colour = BLACK
        for vertex in [vertex for _, vertex in MOVES] + move["pv"]:
            game.play(colour, parse_vertex(vertex, SIZE))
            colour = BLACK + WHITE - colour


def test_turns_are_answered_one_by_one() -> None:
    answers = talk(query(analyzeTurns=[3, 0, 3, 1]))
    assert sorted(answer["turnNumber"] for answer in answers) == [0, 1, 3]
    players = {answer["turnNumber"]: answer["rootInfo"]["currentPlayer"] for answer in answers}
    assert players == {0: "B", 1: "W", 3: "W"}


def test_a_turn_is_the_query_that_ends_there() -> None:
    by_turn = {answer["turnNumber"]: answer for answer in talk(query(analyzeTurns=[0, 1, 2, 3, 4]))}
    for turn in range(5):
        assert by_turn[turn] == ask(moves=MOVES[:turn])


def test_an_answer_does_not_depend_on_other_queries() -> None:
    others = [query(id=str(number), moves=MOVES[:number], maxVisits=10 * number + 1) for number in range(5)]
    for places in (1, 2, 8):
        answers = talk(*others, query(), *others, places=places)
        assert [answer for answer in answers if answer["id"] == "q"] == [ask()]


@pytest.mark.parametrize("turn", [3, 4])
def test_whose_winrates_are_reported(turn: int) -> None:
    views = {
        view: ask(analyzeTurns=[turn], overrideSettings={"reportAnalysisWinratesAs": view})
        for view in ("BLACK", "WHITE", "SIDETOMOVE")
    }
    assert ask(analyzeTurns=[turn]) == views["BLACK"]
    assert views["SIDETOMOVE"] == views["BLACK" if turn == 4 else "WHITE"]
    for ours, theirs in zip(views["BLACK"]["moveInfos"], views["WHITE"]["moveInfos"], strict=True):
        assert ours["winrate"] + theirs["winrate"] == pytest.approx(1)
        assert ours["lcb"] + theirs["lcb"] == pytest.approx(1)
        assert (ours["move"], ours["pv"]) == (theirs["move"], theirs["pv"])
    roots = [views[view]["rootInfo"] for view in ("BLACK", "WHITE")]
    assert sum(root["winrate"] for root in roots) == pytest.approx(1)
    assert sum(root["rawWinrate"] for root in roots) == pytest.approx(1)


def test_the_policy_is_in_rows_from_the_top() -> None:
    answer = ask(includePolicy=True)
    policy = answer["policy"]
    assert len(policy) == SIZE * SIZE + 1
    assert sum(share for share in policy if share >= 0) == pytest.approx(1, abs=1e-4)
    for move in answer["moveInfos"]:
        if move["move"] != "pass":
            column, from_top = "ABCDE".index(move["move"][0]), SIZE - int(move["move"][1:])
            assert policy[from_top * SIZE + column] == move["prior"]
    for _, vertex in MOVES:
        assert policy[(SIZE - int(vertex[1:])) * SIZE + "ABCDE".index(vertex[0])] == -1


def test_the_policy_knows_superko() -> None:
    """After two passes simple ko no longer forbids the retake."""
    vertices = ["B3", "C3", "C4", "D4", "C2", "D2", "A1", "E3", "D3", "pass", "pass"]
    game = Game(SIZE)
    for vertex in vertices:
        game.play(game.to_move, parse_vertex(vertex, SIZE))
    assert game.why_illegal(WHITE, parse_vertex("C3", SIZE)) == "superko"
    moves = [["BW"[number % 2], vertex] for number, vertex in enumerate(vertices)]
    policy = ask(moves=moves, includePolicy=True)["policy"]
    assert policy[2 * SIZE + 2] == -1
    assert policy[0] >= 0


def test_lines_have_the_length_that_is_asked_for() -> None:
    longest = {n: max(len(m["pv"]) for m in ask(maxVisits=300, analysisPVLen=n)["moveInfos"]) for n in (1, 2)}
    assert longest == {1: 2, 2: 3}
    assert ask(overrideSettings={"analysisPVLen": 2}) == ask(analysisPVLen=2)


def test_limits() -> None:
    assert ask(maxVisits=7)["rootInfo"]["visits"] == 7
    assert ask(overrideSettings={"maxVisits": 9})["rootInfo"]["visits"] == 9
    assert ask(maxVisits=10**6, overrideSettings={"maxTime": 0})["rootInfo"]["visits"] == 1
    assert ask(maxVisits=1)["moveInfos"] == []


def test_stones_and_who_is_next() -> None:
    stones = [["B", "B2"], ["B", "D4"]]
    handicap = ask(moves=[], initialStones=stones)
    assert handicap["rootInfo"]["currentPlayer"] == "W"
    assert handicap == ask(moves=[], initialStones=[["W", "B2"], *stones]), "the last word on a point counts"
    black = ask(moves=[], initialStones=stones, initialPlayer="b")
    assert black["rootInfo"]["currentPlayer"] == "B"
    mixed = ask(moves=[], initialStones=[*stones, ["W", "C3"]], includePolicy=True)
    assert mixed["rootInfo"]["currentPlayer"] == "B"
    assert [index for index, share in enumerate(mixed["policy"]) if share == -1][:3] == [8, 12, 16]


def test_the_same_player_may_move_twice() -> None:
    assert ask(moves=[["B", "B2"], ["B", "D4"]])["rootInfo"]["currentPlayer"] == "W"


def test_passes_are_moves() -> None:
    assert ask(moves=[*MOVES, ["B", "pass"], ["W", "PASS"]])["turnNumber"] == 6


@pytest.mark.parametrize("komi", [-150, 0, 6.5, 7])
def test_komi_counts(komi: float) -> None:
    """Where the game is as good as over, the count decides."""
    full = [["B", format_vertex(index, SIZE)] for index in range(SIZE * SIZE) if index not in (0, 24)]
    answer = ask(moves=[["B", "pass"]], initialStones=full, komi=komi, maxVisits=50)
    passing = next(move for move in answer["moveInfos"] if move["move"] == "pass")
    assert passing["winrate"] == 1.0


def test_scores_are_there_for_those_who_cannot_do_without() -> None:
    assert "scoreLead" not in json.dumps(ask())
    [answer] = talk(query(), with_scores=True)
    assert answer["rootInfo"]["scoreLead"] == 0
    assert all(move["scoreLead"] == 0 for move in answer["moveInfos"])


# Restricted moves, and suicide


def restriction(player: str, moves: list[str], until: int) -> list[Answer]:
    return [{"player": player, "moves": moves, "untilDepth": until}]


def test_avoided_moves_are_not_looked_at_and_allowed_ones_alone() -> None:
    best = [move["move"] for move in ask()["moveInfos"]]
    avoided = ask(avoidMoves=restriction("B", best[:2], 1), includePolicy=True)
    assert not {move["move"] for move in avoided["moveInfos"]} & set(best[:2])
    assert avoided["policy"] == pytest.approx(ask(includePolicy=True)["policy"], abs=1e-5)
    assert {move["move"] for move in ask(allowMoves=restriction("B", best[2:4], 1))["moveInfos"]} == set(
        best[2:4]
    )
    assert ask(avoidMoves=restriction("W", best, 1)) == ask(), "it is Black's turn"
    assert ask(avoidMoves=[], allowMoves=[]) == ask()
    assert ask(allowMoves=restriction("B", [], 1))["moveInfos"] == []


def test_restrictions_reach_as_deep_as_asked() -> None:
    """Black's first move is free, White's answers and Black's second moves are not."""
    corner = ["A1", "A2", "B1", "A4", "A5", "E1", "E2", "E5"]
    restrictions = {"allowMoves": restriction("W", corner, 2), "avoidMoves": restriction("B", corner, 3)}
    found = ask(maxVisits=300, **restrictions)["moveInfos"]
    lines = [move["pv"] for move in found if len(move["pv"]) > 2]
    assert lines
    assert all(line[1] in corner and line[0] not in corner and line[2] not in corner for line in lines)
    shallow = ask(maxVisits=300, allowMoves=restriction("W", corner, 1))
    assert shallow == ask(maxVisits=300)


def test_a_restricted_answer_is_the_reference_searchs() -> None:
    game = Game(SIZE)
    for _, vertex in MOVES:
        game.play(game.to_move, parse_vertex(vertex, SIZE))
    game.rules = Rules(suicide=True)
    avoid = frozenset(parse_vertex(vertex, SIZE) for vertex in ("A1", "E5", "B4", "B3"))
    judge = ReferenceSearch(
        HashEvaluator(SIZE).opinion,
        position_seed(1, game),
        restrictions=[Restriction(BLACK, avoid, allowed=False, until=3)],
    )
    judge.think(game, BLACK, 80)
    answer = ask(maxVisits=80, avoidMoves=restriction("B", ["A1", "E5", "B4", "B3"], 3))
    visits = {parse_vertex(move["move"], SIZE): move["visits"] for move in answer["moveInfos"]}
    assert visits == {move: child.visits for move, child in judge.root.children.items() if child.visits}


SUICIDE_MOVES = [
    ["B", "A5"],
    ["W", "B5"],
    ["B", "A4"],
    ["W", "B4"],
    ["B", "pass"],
    ["W", "A2"],
    ["B", "E1"],
    ["W", "B3"],
]


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        ("tromp-taylor", True),
        ("new_zealand", True),
        ("chinese", False),
        ({"scoring": "AREA"}, False),
        ({"scoring": "AREA", "suicide": True}, True),
        ({"multiStoneSuicideLegal": True}, True),
    ],
)
def test_suicide_as_the_rules_have_it(rules: object, allowed: bool) -> None:
    """Black at A3 takes three stones of its own off: as a move of the game, of the search and in the policy."""
    query_of = {"rules": rules, "moves": SUICIDE_MOVES}
    policy = ask(**query_of, includePolicy=True)["policy"]
    assert (policy[2 * SIZE] >= 0) is allowed
    [played] = talk(query(rules=rules, moves=[*SUICIDE_MOVES, ["B", "A3"]]))
    assert ("error" in played) is not allowed
    found = ask(**query_of, allowMoves=restriction("B", ["A3"], 1))["moveInfos"]
    assert [move["move"] for move in found] == (["A3"] if allowed else [])


# What KaTrain asks


KATRAIN_QUERIES = CLIENTS / "katrain_queries.jsonl"
"""Word for word what KaTrain 1.20.0 sent in the session of tests/support/clients/katrain_session.py."""


def test_katrains_own_queries_are_answered_with_what_it_reads() -> None:
    queries = [json.loads(line) for line in KATRAIN_QUERIES.read_text(encoding="utf-8").splitlines()]
    assert {name for one in queries for name in one} >= {
        "avoidMoves",
        "analyzeTurns",
        "reportDuringSearchEvery",
    }
    search = PositionSearch(HashEvaluator(19, 8), 8)
    answers: list[Answer] = []
    engine = AnalysisEngine(search, answers.append, with_scores=True)
    for one in queries:
        engine.handle(json.dumps(one | {"maxVisits": min(one["maxVisits"], 12)}).encode())
    while engine.is_busy:
        engine.work()
    assert not [answer for answer in answers if "error" in answer]
    assert {answer["field"] for answer in answers if "warning" in answer} == {"overrideSettings"}
    finished = {answer["id"]: answer for answer in answers if answer.get("isDuringSearch") is False}
    for one in queries:
        answer = finished[one["id"]]
        avoided = {
            move
            for item in one.get("avoidMoves", [])
            if item["player"] == answer["rootInfo"]["currentPlayer"]
            for move in item["moves"]
        }
        assert answer["rootInfo"].keys() >= {"winrate", "scoreLead", "visits"}
        assert len(answer["policy"]) == 362
        assert answer["moveInfos"]
        for info in answer["moveInfos"]:
            assert info.keys() >= {"move", "visits", "winrate", "scoreLead", "order", "prior", "pv", "lcb"}
            assert info["move"] not in avoided


# KataGo's rules, warnings and errors


@pytest.mark.parametrize(
    "rules",
    [
        "chinese",
        "Tromp-Taylor",
        "aga",
        "new-zealand",
        "new_zealand",
        "NewZealand",
        "nz",
        "Chinese OGS",
        "koPOSITIONALscoreAREAtaxNONEsui0",
        {"score": "AREA", "friendlyPassOk": True, "hasButton": False, "whiteHandicapBonus": "0"},
        {"ko": "SPIGHT", "suicide": "true"},
        {"ko": "POSITIONAL", "scoring": "AREA", "tax": "NONE", "suicide": True},
        {"koRule": "SIMPLE", "scoringRule": "AREA", "taxRule": "NONE"},
    ],
)
def test_rules_of_area_scoring(rules: object) -> None:
    assert [set(answer) for answer in talk(query(rules=rules))] == [set(ask())]


@pytest.mark.parametrize(
    "rules",
    [
        "japanese",
        "korean",
        "stone_scoring",
        "AncientArea",
        "aga button",
        {"hasButton": True},
        {"scoring": "TERRITORY"},
        {"scoring": "AREA", "tax": "ALL"},
    ],
)
def test_other_rules_are_warned_about(rules: object) -> None:
    warning, answer = talk(query(rules=rules))
    assert set(warning) == {"warning", "field", "id"}
    assert (warning["field"], warning["id"]) == ("rules", "q")
    assert answer == ask(rules="chinese")


def test_what_is_not_used_is_said() -> None:
    answers = talk(query(rootPolicyTemperature=1.5, overrideSettings={"wideRootNoise": 0.1, "maxTime": 60}))
    assert [answer.get("field") for answer in answers] == ["rootPolicyTemperature", "overrideSettings", None]
    assert "wideRootNoise" in answers[1]["warning"]
    assert "maxTime" not in answers[1]["warning"]


def test_ownership_is_left_out() -> None:
    assert ask(includeOwnership=True, includeMovesOwnership=True, includePVVisits=True) == ask()


def test_more_visits_than_there_is_room_for() -> None:
    warning, *_ = talk(query(maxVisits=10**9, overrideSettings={"maxTime": 0}))
    assert warning["field"] == "maxVisits"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"boardXSize": 19}, "boardXSize"),
        ({"boardYSize": 9}, "boardYSize"),
        ({"boardXSize": None}, "boardXSize"),
        ({"boardYSize": "5"}, "boardYSize"),
        ({"boardXSize": 5.0}, "boardXSize"),
        ({"boardXSize": True}, "boardXSize"),
        ({"moves": None}, "moves"),
        ({"moves": "C3"}, "moves"),
        ({"moves": ["C3"]}, "moves"),
        ({"moves": [["B", "C3", "D3"]]}, "moves"),
        ({"moves": [["B", "I3"]]}, "moves"),
        ({"moves": [["B", "A6"]]}, "moves"),
        ({"moves": [["B", None]]}, "moves"),
        ({"moves": [["R", "A5"]]}, "moves"),
        ({"moves": [["B", "C3"], ["W", "C3"]]}, "moves"),
        ({"moves": [["B", "pass"]] * 3000}, "moves"),
        ({"initialStones": [["B", "pass"]]}, "initialStones"),
        ({"initialStones": {"B": "A1"}}, "initialStones"),
        ({"initialStones": [["B", "A2"], ["B", "B1"], ["W", "A1"]]}, "initialStones"),
        ({"initialPlayer": "red"}, "initialPlayer"),
        ({"rules": None}, "rules"),
        ({"rules": "checkers"}, "rules"),
        ({"rules": 3}, "rules"),
        ({"rules": {"scoring": "HEAPS"}}, "rules"),
        ({"komi": "7.5"}, "komi"),
        ({"komi": 1000}, "komi"),
        ({"komi": float("nan")}, "komi"),
        ({"komi": float("inf")}, "komi"),
        ({"analyzeTurns": [5]}, "analyzeTurns"),
        ({"analyzeTurns": [-1]}, "analyzeTurns"),
        ({"analyzeTurns": 3}, "analyzeTurns"),
        ({"analyzeTurns": [1.0]}, "analyzeTurns"),
        ({"maxVisits": 0}, "maxVisits"),
        ({"maxVisits": "many"}, "maxVisits"),
        ({"includePolicy": 1}, "includePolicy"),
        ({"includeOwnership": "yes"}, "includeOwnership"),
        ({"overrideSettings": []}, "overrideSettings"),
        ({"overrideSettings": {"reportAnalysisWinratesAs": "RED"}}, "overrideSettings"),
        ({"overrideSettings": {"maxTime": "long"}}, "overrideSettings"),
        ({"overrideSettings": {"maxVisits": -1}}, "overrideSettings"),
        ({"priority": 1.5}, "priority"),
        ({"priorities": [1]}, "priorities"),
        ({"priorities": [1], "analyzeTurns": [1, 2]}, "priorities"),
        ({"priorities": [1], "analyzeTurns": [1], "priority": 1}, "priorities"),
        ({"reportDuringSearchEvery": 0}, "reportDuringSearchEvery"),
        ({"analysisPVLen": 0}, "analysisPVLen"),
        ({"avoidMoves": {"player": "B", "moves": ["A1"], "untilDepth": 1}}, "avoidMoves"),
        ({"avoidMoves": ["A1"]}, "avoidMoves"),
        ({"avoidMoves": [{"moves": ["A1"], "untilDepth": 1}]}, "avoidMoves"),
        ({"avoidMoves": [{"player": "R", "moves": ["A1"], "untilDepth": 1}]}, "avoidMoves"),
        ({"avoidMoves": [{"player": "B", "untilDepth": 1}]}, "avoidMoves"),
        ({"avoidMoves": [{"player": "B", "moves": "A1", "untilDepth": 1}]}, "avoidMoves"),
        ({"avoidMoves": [{"player": "B", "moves": ["A9"], "untilDepth": 1}]}, "avoidMoves"),
        ({"avoidMoves": [{"player": "B", "moves": ["A1"]}]}, "avoidMoves"),
        ({"avoidMoves": [{"player": "B", "moves": ["A1"], "untilDepth": 0}]}, "avoidMoves"),
        ({"allowMoves": [{"player": "B", "moves": ["A1"], "untilDepth": 1.5}]}, "allowMoves"),
        ({"rules": {"suicide": "perhaps"}}, "rules"),
        ({"rules": {"suicide": 1}}, "rules"),
        ({"rules": {"komi": "7"}}, "rules"),
        ({"rules": {"friendly": True}}, "rules"),
        ({"whiteHandicapBonus": "2"}, "whiteHandicapBonus"),
        ({"komi": True}, "komi"),
        ({"maxVisits": True}, "maxVisits"),
        ({"maxVisits": 10**400}, "maxVisits"),
        ({"analyzeTurns": [True]}, "analyzeTurns"),
        ({"overrideSettings": {"maxTime": "1_0"}}, "overrideSettings"),
        ({"moves": [[True, "C3"]]}, "moves"),
        ({"moves": [["B", "(5,0)"]]}, "moves"),
        ({"moves": [["B", "3,3"]]}, "moves"),
        ({"moves": [["B", 3]]}, "moves"),
        ({"action": "terminate", "terminateId": "q", "turnNumbers": [True]}, "turnNumbers"),
        ({"action": "dance"}, "action"),
        ({"action": 3}, "action"),
        ({"action": "terminate"}, "terminateId"),
        ({"action": "terminate", "terminateId": "q", "turnNumbers": 3}, "turnNumbers"),
    ],
)
def test_errors_name_the_field(changes: Answer, field: str) -> None:
    error, following = talk(query(**changes), query(id="next"))
    assert set(error) == {"error", "field", "id"}
    assert (error["field"], error["id"]) == (field, "q")
    assert following == ask(id="next")


def test_an_illegal_move_is_called_so() -> None:
    """KaTrain looks for these words."""
    assert ask(moves=[["B", "C3"], ["W", "C3"]])["error"] == "Illegal move 1: C3 (occupied)"


@pytest.mark.parametrize(
    "line", [b"nonsense", b"[]", b"3", b"{}", b'{"id": 3}', b"\xff\xfe\x00", b"[" * 100_000, b'{"id": "a"']
)
def test_lines_that_are_no_query(line: bytes) -> None:
    output, _ = converse(line + b"\n\n  \r\n" + json.dumps(query()).encode())
    error, answer = (json.loads(text) for text in output.splitlines())
    assert set(error) == {"error"}
    assert answer == ask()


JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["B", "w", "C3", "pass", ""])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = [
    *QUERY,
    "initialStones",
    "initialPlayer",
    "analyzeTurns",
    "priority",
    "priorities",
    "overrideSettings",
]
NAMES += [
    "action",
    "terminateId",
    "turnNumbers",
    "reportDuringSearchEvery",
    "includePolicy",
    "avoidMoves",
    "x",
]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=3), max_size=4), st.binary(max_size=20)
)
def test_no_input_stops_the_engine(changes: list[Answer], noise: bytes) -> None:
    lines = [json.dumps(QUERY | {"maxVisits": 5} | change).encode() for change in changes]
    last = json.dumps({"id": "last", "action": "query_version"}).encode()
    output, errors = converse(b"\n".join([*lines, noise, last]))
    answers = [json.loads(line) for line in output.splitlines()]
    assert "last" in [answer.get("id") for answer in answers]
    assert "internal error" not in output.decode()
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"moves": [["B", "(1,0)"], ["w", "( 2 , 4 )"]]}, {"moves": [["B", "B5"], ["W", "C1"]]}),
        ({"moves": [["B", "pss"]]}, {"moves": [["B", "pass"]]}),
        ({"overrideSettings": {"maxVisits": "7"}, "maxVisits": 7}, {"maxVisits": 7}),
        ({"rules": {"komi": 0.5}, "komi": 7.5}, {"rules": {}}),
        ({"whiteHandicapBonus": 0}, {}),
    ],
)
def test_other_spellings(changes: Answer, same: Answer) -> None:
    assert ask(**changes) == ask(**same)


def test_a_bonus_for_handicap_stones_is_warned_about() -> None:
    warning, answer = talk(query(whiteHandicapBonus="N-1"))
    assert (warning["field"], answer) == ("whiteHandicapBonus", ask())


def test_a_mark_before_utf8_is_skipped() -> None:
    output, _ = converse(b"\xef\xbb\xbf" + json.dumps(query()).encode())
    assert [json.loads(line) for line in output.splitlines()] == [ask()]


def test_utf16_is_told_once() -> None:
    source, target = io.BytesIO(json.dumps(query()).encode("utf-16")), io.BytesIO()
    with pytest.raises(UserError, match="UTF-16"):
        serve(lambda _write: Talk().engine, source, target, ErrorStream(None))
    assert set(json.loads(target.getvalue())) == {"error"}


def test_numbers_that_json_does_not_have_are_echoed_as_text() -> None:
    output, _ = converse(b'{"id": "a", "action": "query_version", "x": [NaN, 1e999, ' + b"9" * 5000 + b"]}")
    assert json.loads(output)["x"][:2] == ["NaN", "1e999"]


# Actions


def test_actions_are_echoed() -> None:
    cleared, version, models = talk(
        {"id": "1", "action": "clear_cache", "extra": [1]},
        {"id": "2", "action": "query_version"},
        {"id": "3", "action": "query_models"},
    )
    assert cleared == {"id": "1", "action": "clear_cache", "extra": [1]}
    assert version["id"] == "2"
    assert set(version) == {"id", "action", "version", "git_hash"}
    assert models["models"][0]["boardSize"] == SIZE


class Talk:
    """An engine that is given time step by step."""

    def __init__(self, places: int = 1) -> None:
        self.answers: list[Answer] = []
        self.engine = AnalysisEngine(PositionSearch(HashEvaluator(SIZE), places), self.answers.append)

    def say(self, **fields: Any) -> list[Answer]:
        """What is answered at once."""
        before = len(self.answers)
        self.engine.handle(json.dumps(fields).encode())
        return self.answers[before:]

    def finish(self) -> list[Answer]:
        before = len(self.answers)
        while self.engine.is_busy:
            self.engine.work()
        return self.answers[before:]


def test_terminating() -> None:
    talk = Talk()
    talk.say(**query(id="long", maxVisits=5000))
    talk.say(**query(id="queued", analyzeTurns=[1, 2, 3], maxVisits=3))
    for _ in range(20):
        talk.engine.work()
    assert talk.answers == []
    ended, echo = talk.say(id="t", action="terminate", terminateId="long")
    assert (ended["id"], ended["isDuringSearch"]) == ("long", False)
    assert 1 <= ended["rootInfo"]["visits"] < 5000
    assert echo == {"id": "t", "action": "terminate", "terminateId": "long"}
    ended, _ = talk.say(id="t", action="terminate", terminateId="queued", turnNumbers=[2])
    assert ended == {"id": "queued", "turnNumber": 2, "isDuringSearch": False, "noResults": True}
    assert [answer["turnNumber"] for answer in talk.finish()] == [1, 3]
    assert len(talk.say(id="t", action="terminate", terminateId="long")) == 1, "it is not there any more"


def test_terminating_all() -> None:
    talk = Talk(places=2)
    for number in range(4):
        talk.say(**query(id=str(number), maxVisits=5000))
    talk.engine.work()
    answers = talk.say(id="t", action="terminate_all")
    assert sorted(answer["id"] for answer in answers) == ["0", "1", "2", "3", "t"]
    assert not talk.engine.is_busy


def test_priorities() -> None:
    talk = Talk()
    talk.say(**query(id="a", analyzeTurns=[0, 1, 2], priorities=[-1, 3, 1], maxVisits=2))
    talk.say(**query(id="b", maxVisits=2, priority=2))
    talk.say(**query(id="c", maxVisits=2))
    assert [(answer["id"], answer["turnNumber"]) for answer in talk.finish()] == [
        ("a", 1),
        ("b", 4),
        ("a", 2),
        ("c", 4),
        ("a", 0),
    ]


# As a program


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lines(tmp_path_factory.mktemp("net") / "tiny.txt", as_lines(tiny_weights()))


@contextmanager
def program(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "lzeval", "analysis-engine", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def send(process: subprocess.Popen[bytes], **fields: Any) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(fields).encode() + b"\n")
    process.stdin.flush()


def receive(process: subprocess.Popen[bytes]) -> Answer:
    assert process.stdout is not None
    answer = json.loads(process.stdout.readline())
    assert isinstance(answer, dict)
    return answer


def test_as_a_program_it_answers_while_it_searches(network: Path) -> None:
    with program(str(network), "--positions", "2", "--precision", "fp32") as process:
        send(process, **query(id="long", maxVisits=10**6, reportDuringSearchEvery=0.05))
        first = receive(process)
        while first.get("field"):
            first = receive(process)
        assert first["isDuringSearch"]
        send(process, **query(id="short", maxVisits=3))
        send(process, id="stop", action="terminate", terminateId="long")
        seen = [receive(process) for _ in range(3)]
        ends = {("long", False), ("short", False), ("stop", None)}
        while not ends <= {(answer["id"], answer.get("isDuringSearch")) for answer in seen}:
            seen.append(receive(process))
        finals = [answer for answer in seen if answer.get("isDuringSearch") is False]
        assert {answer["id"] for answer in finals} == {"long", "short"}
        out, err = process.communicate(json.dumps(query(id="last")).encode(), timeout=60)
        *_, last = (json.loads(line) for line in out.splitlines())
        assert last["id"] == "last"
        assert last["rootInfo"]["visits"] == 400
        assert err.decode().splitlines() == ["lzeval: ready to begin handling requests"]
        assert process.returncode == 0


def test_two_runs_say_the_same(network: Path) -> None:
    lines = b"".join(
        json.dumps(query(id=str(n), moves=MOVES[:n], maxVisits=40)).encode() + b"\n" for n in range(5)
    )
    said = []
    for positions in ("5", "2"):
        with program(str(network), "--positions", positions, "--precision", "fp32") as process:
            out, _ = process.communicate(lines, timeout=120)
            said.append({answer["id"]: answer for answer in map(json.loads, out.splitlines())})
    assert set(said[0]) == set(said[1]) == {"0", "1", "2", "3", "4"}
    for number in "01234":
        ours, theirs = said[0][number]["rootInfo"], said[1][number]["rootInfo"]
        assert ours["visits"] == theirs["visits"] == 40
        assert np.isclose(ours["winrate"], theirs["winrate"], atol=1e-3), "batches of 4 and of 2"


def test_no_network(tmp_path: Path) -> None:
    with program(str(tmp_path / "nothing.txt")) as process:
        out, err = process.communicate(b"", timeout=60)
    assert (out, process.returncode) == (b"", 2)
    assert err.decode().count("\n") == 1
    assert "no such file" in err.decode()


def test_a_network_that_does_not_load_while_the_input_is_open(tmp_path: Path) -> None:
    """The thread that reads does not keep the program from ending."""
    bad = tmp_path / "bad.txt"
    bad.write_text("1\n2 3\n")
    with program(str(bad)) as process:
        assert process.wait(60) == 2
        assert process.stderr is not None
        message = process.stderr.read().decode()
    assert message.count("\n") == 1
    assert message.startswith(f"lzeval: {bad}")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_ctrl_c_ends_it_quietly(network: Path) -> None:
    with program(str(network), "--precision", "fp32") as process:
        send(process, id="v", action="query_version")
        assert receive(process)["id"] == "v"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b"lzeval: ready to begin handling requests\n"


def test_it_ends_when_nobody_reads(network: Path) -> None:
    with program(str(network), "--precision", "fp32") as process:
        assert process.stdout is not None
        process.stdout.close()
        send(process, **query(maxVisits=3))
        assert process.wait(60) == 0
