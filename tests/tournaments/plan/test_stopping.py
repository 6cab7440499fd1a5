from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import JIGO, VOID, GameResult, win
from tournaments.plan.stopping import Gatekeeper, PairedTest, counted, expected_length
from tournaments.rating.pairs import find_pairs, pair_counts
from tournaments.rating.sprt import Sprt
from tournaments.rating.two_players import head_to_head

TEST = Sprt(0, 150)
RESULTS = {"w": 1.0, "l": 0.0, "j": 0.5, "v": None}
LETTERS = st.sampled_from("wwwwwwllllljv")


def game(number: int, letter: str, line: int | None = None) -> GameRecord:
    """Game `number` between a and b, as a sees its end; equal `line`s are equal games."""
    black, white = ("a", "b") if number % 2 == 0 else ("b", "a")
    result: GameResult = {"j": JIGO, "v": VOID}.get(letter) or win(
        Colour.BLACK if (letter == "w") == (black == "a") else Colour.WHITE
    )
    place = number if line is None else line
    moves = ((Colour.BLACK, place % 361), (Colour.WHITE, place // 361 % 361))
    return GameRecord(f"0_{number}", black, white, result, moves, 19, opening="x", pair=number // 2)  # type: ignore[arg-type]


def match_of(letters: Sequence[str], lines: Sequence[int] | None = None) -> dict[int, GameRecord]:
    return {n: game(n, letter, None if lines is None else lines[n]) for n, letter in enumerate(letters)}


def fed(rule: PairedTest, games: dict[int, GameRecord], order: Sequence[int]) -> PairedTest:
    for number in order:
        rule.add(number, games[number])
    return rule


@given(st.lists(LETTERS, min_size=2, max_size=120), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_in_which_games_end_has_no_say(letters: list[str], shuffler: random.Random) -> None:
    games = match_of(letters)
    order = list(games)
    straight = fed(PairedTest(TEST, "a", "b"), games, order)
    shuffler.shuffle(order)
    mixed = fed(PairedTest(TEST, "a", "b"), games, order)
    assert mixed.as_dict() == straight.as_dict()
    assert counted(mixed, games) == counted(straight, games)


@given(st.lists(st.tuples(LETTERS, st.integers(0, 40)), min_size=2, max_size=100))
@settings(max_examples=60, deadline=None)
def test_the_test_counts_the_pairs_that_the_estimate_counts(drawn: list[tuple[str, int]]) -> None:
    games = match_of([letter for letter, _ in drawn], [line for _, line in drawn])
    rule = fed(PairedTest(TEST, "a", "b"), games, list(games))
    assert rule.games == (rule.games if rule.is_decided else len(games) // 2 * 2)
    looked_at = [games[number] for number in range(rule.games)]
    decided = [found for found in looked_at if found.result.is_decided]
    assert rule.counts == pair_counts(find_pairs(decided).pairs, "a")
    assert rule.llr == (TEST.llr(rule.counts) if any(rule.counts) else 0)


def test_a_test_stops_at_the_first_crossing_and_looks_no_further() -> None:
    games = match_of("w" * 200)
    rule = fed(PairedTest(TEST, "a", "b"), games, list(games))
    assert (rule.verdict, rule.counts) == ("accepted", [0, 0, 0, 0, rule.games // 2])
    assert TEST.llr([0, 0, 0, 0, rule.games // 2 - 1]) < TEST.upper <= rule.llr
    assert [g.game_id for g in counted(rule, games)] == [f"0_{n}" for n in range(rule.games)]
    assert head_to_head(counted(rule, games), "a", "b").difference.counts == tuple(rule.counts)


def test_a_gap_holds_the_test_up() -> None:
    games = match_of("w" * 100)
    rule = fed(PairedTest(TEST, "a", "b"), games, [n for n in games if n != 5])
    assert (rule.games, rule.is_decided) == (4, False)
    rule.add(5, games[5])
    assert rule.verdict == "accepted"


def test_a_verdict_in_words() -> None:
    won = fed(PairedTest(TEST, "a", "b"), match_of("w" * 100), range(100))
    lost = fed(PairedTest(TEST, "a", "b"), match_of("l" * 100), range(100))
    open_ = fed(PairedTest(TEST, "a", "b"), match_of("wl" * 2), range(4))
    nothing = fed(PairedTest(TEST, "a", "b"), match_of("vv"), range(2))
    assert ": accepted after " in won.verdict_lines()[0]
    assert "+150 Elo is likelier than +0" in won.verdict_lines()[0]
    assert "+0 Elo is likelier than +150" in lost.verdict_lines()[0]
    assert "undecided after 4 games" in open_.verdict_lines()[0]
    assert "the cap of games came first" in open_.verdict_lines()[0]
    assert open_.verdict_lines()[1].startswith("a over b: ")
    assert len(nothing.verdict_lines()) == 1
    assert nothing.as_dict()["median_unbiased"] is None


def test_the_length_to_expect() -> None:
    said = expected_length(Sprt(0, 35), 400)
    assert "335 at +0, 364 at +17.5, 336 at +35" in said
    assert said.endswith("up to 74 % end undecided at 400")


# The gatekeeper


def final(letters: str, share: float) -> str:
    points = [RESULTS[letter] for letter in letters if RESULTS[letter] is not None]
    return "passed" if sum(points) >= share * len(points) - 1e-9 else "failed"  # type: ignore[arg-type]


@given(st.text("wljv", min_size=2, max_size=60), st.sampled_from([0.5, 0.55, 0.6, 1 / 3, 0.9]), st.data())
@settings(max_examples=200)
def test_a_gatekeeper_stops_when_the_rest_cannot_matter(
    letters: str, share: float, data: st.DataObject
) -> None:
    games = match_of(letters)
    rule = Gatekeeper(share, len(letters), "a")
    for number in data.draw(st.permutations(list(games))):
        rule.add(number, games[number])
    if set(letters) == {"v"}:
        assert not rule.is_decided
        return
    assert rule.verdict == final(letters, share)
    stopped = rule.games
    for rest in ("w", "l", "v", "j"):
        assert final(letters[:stopped] + rest * (len(letters) - stopped), share) == rule.verdict
    before = letters[: stopped - 1]
    left = len(letters) - stopped + 1
    assert {final(before + rest * left, share) for rest in "wl"} == {"passed", "failed"}


def test_a_gatekeeper_in_words() -> None:
    rule = Gatekeeper(0.55, 20, "a")
    for number, record in match_of("w" * 11 + "l" * 9).items():
        rule.add(number, record)
    assert (rule.verdict, rule.games) == ("passed", 11)
    assert rule.verdict_lines()[0].startswith(
        "a passed: 11 points of 11 decided games, 55 % wanted; stopped after 11"
    )
    whole = Gatekeeper(0.55, 2, "a")
    for number, record in match_of("wl").items():
        whole.add(number, record)
    assert whole.verdict_lines() == ["a failed: 1 point of 2 decided games, 55 % wanted"]


@pytest.mark.parametrize("share", [0, 1, -1, float("nan")])
def test_what_no_gatekeeper_wants(share: float) -> None:
    with pytest.raises(UserError, match=f"--until-decided {share:g}: must be a share"):
        Gatekeeper(share, 20, "a")
