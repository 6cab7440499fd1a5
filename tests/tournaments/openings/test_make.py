"""Books made with a judge that is a formula."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from lzeval.errors import UserError
from lzeval.go.openings import load_book, spelt
from tests.support.make_games import sgf_text
from tests.support.reference_search import sent_to
from tournaments.openings.candidates import choose, frequent_openings, in_turns, plausible_openings
from tournaments.openings.judges import Judgement, Moves, played
from tournaments.openings.make import BookOptions, MadeBook, make_book

SIZE = 5


def turned_alike(moves: Moves) -> tuple[object, ...]:
    """Equal for openings that lead to the same position, turned or in another order."""
    images = []
    for symmetry in range(8):
        points = [sent_to(move, symmetry, SIZE) for move in moves]
        images.append((sorted(points[::2]), sorted(points[1::2])))
    return tuple(map(str, min(images)))


class Formula:
    """A judge whose winrates follow from the position alone; it counts what it is asked, and may be interrupted."""

    title = "a formula"

    def __init__(self, left: int = 10**9) -> None:
        self.asked: Counter[tuple[int, Moves]] = Counter()
        self._left = left

    def judged(self, openings: Sequence[Moves], visits: int) -> Iterator[tuple[int, Judgement]]:
        for place in reversed(range(len(openings))):
            if not self._left:
                raise KeyboardInterrupt
            self._left -= 1
            self.asked[visits, openings[place]] += 1
            yield place, self.judgement(openings[place], visits)

    def judgement(self, moves: Moves, visits: int) -> Judgement:
        winrate = crc32(f"{visits} {turned_alike(moves)}".encode()) % 1001 / 1000
        game = played(moves, SIZE)
        free = [point for point in range(SIZE * SIZE) if game.is_legal(game.to_move, point)]
        return Judgement(winrate, 10 * winrate - 5, tuple((point, 1 / len(free)) for point in free))


OPTIONS = BookOptions(SIZE, count=20, visits=8, lean=0.25, apart=2)


def made(folder: Path, judge: Formula, options: BookOptions = OPTIONS) -> MadeBook:
    return make_book(options, judge, "nets/formula.txt", folder / "book.txt", lambda *_: None)


def test_a_book_is_even_various_and_says_how_it_was_made(tmp_path: Path) -> None:
    judge = Formula()
    found = made(tmp_path, judge)
    book = load_book(str(tmp_path / "book.txt"), SIZE)
    assert [opening.moves for opening in book.openings] == found.openings
    assert book.komi == 7
    assert 10 <= len(found.openings) <= 20
    assert {len(moves) for moves in found.openings} == {2, 3, 4, 5, 6}
    for moves in found.openings:
        assert abs(judge.judgement(moves, 8).winrate - 0.5) <= 0.25
    text = (tmp_path / "book.txt").read_text("utf-8")
    command = (
        "lzeval openings make --size 5 --judge formula.txt --komi 7 --openings-count 20 --visits 8 --lean 25"
    )
    for line in (
        "# komi: 7",
        f"# Made by: {command} --apart 2 --out book.txt",
        "# Judge: a formula; 8 visits;",
    ):
        assert line in text
    first = judge.judgement(found.openings[0], 8)
    assert f"\n{spelt(found.openings[0], SIZE)}  # {first.winrate:.1%} {first.lead:+.1f}\n" in text
    assert [file.name for file in tmp_path.iterdir()] == ["book.txt"]


def test_figures_of_the_balance(tmp_path: Path) -> None:
    found = made(tmp_path, Formula())
    winrates = [judgement.winrate for judgement in found.judgements]
    balance = found.balance()
    assert balance["winrate"] == pytest.approx(
        {"mean": np.mean(winrates), "sd": np.std(winrates), "least": min(winrates), "most": max(winrates)}
    )
    assert balance["lead"]["mean"] == pytest.approx(10 * np.mean(winrates) - 5)
    assert sum(balance["lengths"].values()) == len(found.openings)


@pytest.mark.parametrize("calls", [0, 1, 40, 75])
def test_an_interrupted_one_goes_on(tmp_path: Path, calls: int) -> None:
    whole = Formula()
    (tmp_path / "whole").mkdir()
    made(tmp_path / "whole", whole)
    stopped = Formula(calls)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path, stopped)
    judged = tmp_path / "book.txt.judged"
    with judged.open("a", encoding="utf-8") as file:
        file.write('{"moves": "A1 B')  # as kill -9 leaves it
    again = Formula()
    made(tmp_path, again)
    assert stopped.asked + again.asked == whole.asked
    assert (tmp_path / "book.txt").read_bytes() == (tmp_path / "whole" / "book.txt").read_bytes()


def test_what_was_judged_for_another_komi_does_not_count(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path, Formula(50))
    again, alone = Formula(), Formula()
    options = BookOptions(SIZE, komi=6.5, count=20, visits=8, lean=0.25, apart=2)
    made(tmp_path, again, options)
    (tmp_path / "alone").mkdir()
    made(tmp_path / "alone", alone, options)
    assert again.asked == alone.asked


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot write .*book\.txt\.judged: No such file"):
        made(tmp_path / "absent", Formula())


def test_nothing_even_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none of \d+ openings is even for komi 7; try another komi"):
        made(tmp_path, Formula(), BookOptions(SIZE, count=2, visits=8, lean=0.0))
    with pytest.raises(UserError, match=r"--komi 6\.7: must be whole or half points"):
        BookOptions(SIZE, komi=6.7).check()


def test_plausible_openings_are_all_different() -> None:
    judge = Formula()

    def ask(_what: str, openings: Sequence[Moves]) -> list[Judgement]:
        return [judge.judgement(moves, 1) for moves in openings]

    found = plausible_openings(SIZE, 30, ask)
    lengths = Counter(map(len, found))
    assert [lengths[length] for length in (3, 4, 5, 6)] == [30] * 4
    assert 10 < lengths[2] <= 30
    assert len({turned_alike(moves) for moves in found}) == len(found)
    for moves in found:  # they grow out of openings that are not lost
        assert 0.2 <= judge.judgement(moves[:-1], 1).winrate <= 0.8 or len(moves) == 2


def test_turns_of_first_moves_and_lengths() -> None:
    openings = [(1, 2), (1, 3), (1, 4), (5, 2), (1, 2, 3), (5, 3)]
    assert in_turns(openings) == [(1, 2), (5, 2), (1, 2, 3), (1, 3), (5, 3), (1, 4)]


def test_openings_that_are_taken_differ() -> None:
    random = np.random.default_rng(4)
    candidates = [tuple(map(int, random.permutation(25)[: 2 + n % 5])) for n in range(120)]
    judged = {moves: Judgement(float(random.uniform(0.4, 0.6)), None, ()) for moves in candidates}
    taken = choose(candidates, judged, SIZE, count=30, lean=0.05, apart=5)

    def boards(moves: Moves) -> list[np.ndarray[tuple[int, ...], np.dtype[np.int8]]]:
        board = np.frombuffer(played(moves, SIZE).stones, np.int8)[:25].reshape(5, 5)
        return [np.rot90(side, turns) for side in (board, board.T) for turns in range(4)]

    def distance(one: Moves, other: Moves) -> int:
        board = boards(one)[0]
        return min(int((board != image).sum()) for image in boards(other))

    assert all(distance(one, other) >= 5 for one, other in combinations(taken, 2))
    assert all(abs(judged[moves].winrate - 0.5) <= 0.05 for moves in taken)
    places = {moves: place for place, moves in enumerate(candidates)}
    for moves in candidates[: places[taken[-1]]]:  # the others are left out for a reason
        if moves not in taken:
            earlier = [distance(moves, other) for other in taken if places[other] < places[moves]]
            assert abs(judged[moves].winrate - 0.5) > 0.05 or min(earlier) < 5


def test_openings_of_records(tmp_path: Path) -> None:
    """The beginnings of many games, as far as they are fair; a jigo is half a win of either."""
    from lzeval.records.record import GameRecord
    from lzeval.records.record_folder import read_games

    fair, unfair, rare = (
        [(1 + n % 2, move) for n, move in enumerate(moves)] for moves in ((0, 12), (1, 12), (2, 12))
    )
    texts = [sgf_text(SIZE, fair, "0")] * 60 + [sgf_text(SIZE, unfair, "B+R")] * 60
    texts += [sgf_text(SIZE, rare, "B+R"), sgf_text(SIZE, rare, "W+R"), sgf_text(SIZE, fair, "?")]
    (tmp_path / "games.sgf").write_text("".join(texts), encoding="utf-8")
    games = [game for game in read_games([tmp_path / "games.sgf"]) if isinstance(game, GameRecord)]
    assert [turned_alike(moves) for moves in frequent_openings(games, SIZE)] == [turned_alike((0, 12))]
    judge = Formula()
    options = BookOptions(SIZE, lean=0.5, apart=1, records=(tmp_path / "games.sgf",))
    assert len(made(tmp_path, judge, options).openings) == 1
    assert "games.sgf --size 5" in (tmp_path / "book.txt").read_text("utf-8")
