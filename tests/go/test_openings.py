from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lzeval.errors import UserError
from lzeval.go.game import Game
from lzeval.go.openings import (
    BUNDLED_SIZES,
    DEFAULT,
    Book,
    Opening,
    komi_for,
    load_book,
    read_book,
    spelt,
    uneven,
)
from lzeval.go.points import parse_vertex
from lzeval.system.bundled import BUNDLED_FOLDER
from tests.support.reference_search import sent_to

SIZE = 19


@pytest.fixture(scope="module")
def bundled() -> Book:
    return load_book("default", SIZE)


def test_the_bundled_book_has_a_thousand_short_openings(bundled: Book) -> None:
    assert len(bundled.openings) == 1000
    assert {len(opening.moves) for opening in bundled.openings} == {2, 3, 4, 5, 6}


@pytest.mark.parametrize("size", [9, 13])
def test_the_books_of_small_boards_are_short_and_for_komi_7(size: int) -> None:
    book = load_book(DEFAULT, size)
    assert 100 <= len(book.openings) <= 300
    assert {len(opening.moves) for opening in book.openings} == {2, 3, 4, 5, 6}
    assert (book.name, book.komi) == ("default", 7)
    facts = [line.split("#")[1].split() for line in book_lines(size) if not line.startswith("#")]
    winrates = [float(winrate.removesuffix("%")) for winrate, _ in facts]
    assert len(winrates) == len(book.openings)
    assert all(45 <= winrate <= 55 for winrate in winrates)
    assert abs(sum(winrates) / len(winrates) - 50) < 1


def book_lines(size: int) -> list[str]:
    return (BUNDLED_FOLDER / f"openings-{size}.txt").read_text("utf-8").splitlines()


@pytest.mark.parametrize("size", BUNDLED_SIZES)
def test_the_bundled_openings_are_legal_and_without_passes(size: int) -> None:
    for opening in load_book(DEFAULT, size).openings:
        game = Game(size)
        for move in opening.moves:
            assert move != game.pass_move
            game.play(game.to_move, move)


@pytest.mark.parametrize("size", BUNDLED_SIZES)
def test_no_two_bundled_openings_are_the_same_on_a_turned_board(size: int) -> None:
    """Nor do they lead to the same position in another order."""
    seen: dict[object, str] = {}
    for opening in load_book(DEFAULT, size).openings:
        turned = []
        for symmetry in range(8):
            points = [sent_to(move, symmetry, size) for move in opening.moves]
            turned.append((sorted(points[::2]), sorted(points[1::2])))
        key = str(min(turned))
        assert key not in seen, f"{opening.name} and {seen[key]}"
        seen[key] = opening.name


def test_a_name_an_alias_and_comments() -> None:
    text = "# a book\n\nfirst: D4 Q16  # two corners\nC3 E5\n a b : pass A1\n"
    found = read_book(text, SIZE, "book")
    assert [opening.name for opening in found] == ["first", "C3 E5", "a b"]
    assert found[0].moves == (parse_vertex("D4", SIZE), parse_vertex("Q16", SIZE))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("D4 Q16\nD4 D4", "book, line 2: occupied"),
        ("\n# x\nD4 I5", "book, line 3: 'I5' is not a vertex"),
        ("D4 U20", "book, line 1: 'U20' is not on a 19x19 board"),
        ("D4 Q16\nC3\nd4 q16", "book, line 3: the same opening as in line 1"),
        ("# nothing\n", "book: no openings in it"),
        ("D4\npass pass", "book, line 2: two passes end the game"),
    ],
)
def test_a_mistake_is_told_by_its_line(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_book(text, SIZE, "book")
    assert str(caught.value) == message


def test_suicide_is_no_opening() -> None:
    with pytest.raises(UserError, match="line 1: suicide"):
        read_book("pass B1 pass A2 A1", 9, "book")


def test_books_by_name(tmp_path: Path) -> None:
    file = tmp_path / "own.txt"
    file.write_text("C3 G7\n")
    own = load_book(str(file), 9)
    assert (own.name, [o.name for o in own.openings]) == ("own.txt", ["C3 G7"])
    assert load_book("none", 9).openings == (Opening("empty board", ()),)
    with pytest.raises(
        UserError, match=r"the bundled openings are for 9x9, 13x13 and 19x19; .* none for 7x7"
    ):
        load_book("default", 7)
    with pytest.raises(UserError, match="cannot be read"):
        load_book(str(tmp_path / "missing.txt"), 9)
    with pytest.raises(UserError, match="cannot be read"):
        load_book(str(tmp_path), 9)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read"):
        load_book(str(file), 9)


@pytest.mark.parametrize(
    ("text", "komi"),
    [
        ("C3", None),
        ("# komi: 7\nC3", 7),
        ("# A book\n#komi: 6.5 \nC3", 6.5),
        ("C3  # komi: 7\n", None),
        ("# komi: seven\nC3", None),
        ("# komi: -0.5\nC3", -0.5),
        ("# komi: 6.7\nC3", None),
    ],
)
def test_the_komi_of_a_book(tmp_path: Path, text: str, komi: float | None) -> None:
    (tmp_path / "book.txt").write_text(text)
    book = load_book(str(tmp_path / "book.txt"), 9)
    assert book.komi == komi
    assert komi_for(book, None) == (7.5 if komi is None else komi)
    assert komi_for(book, 5.5) == 5.5
    assert uneven(book, komi_for(book, None)) is None
    assert (uneven(book, 5.5) is None) == (komi is None)


def test_another_komi_than_the_books_own_is_warned_of() -> None:
    warning = "the openings (default) are even for komi 7; with 5.5 they favour a colour"
    assert uneven(load_book(DEFAULT, 9), 5.5) == warning
    assert uneven(load_book(DEFAULT, 19), 5.5) is None


def test_the_content_is_what_counts(tmp_path: Path) -> None:
    hashes = []
    for name, text in (("a", "C3"), ("b", "C3"), ("c", "C4")):
        (tmp_path / name).write_text(text)
        hashes.append(load_book(str(tmp_path / name), 9).sha256)
    assert hashes[0] == hashes[1] != hashes[2]


@given(openings=st.integers(1, 30), pairs=st.integers(0, 100), seed=st.integers(0, 2**40))
def test_the_choice_repeats_nothing_before_it_must(openings: int, pairs: int, seed: int) -> None:
    book = Book("b", "", tuple(Opening(str(n), (n,)) for n in range(openings)))
    chosen = book.chosen(pairs, seed)
    assert len(chosen) == pairs
    counts = np.bincount([int(opening.name) for opening in chosen], minlength=openings)
    assert counts.max() - counts.min() <= 1
    for start in range(0, pairs, openings):
        part = chosen[start : start + openings]
        assert len(set(part)) == len(part)


def test_a_longer_match_begins_as_the_shorter(bundled: Book) -> None:
    assert bundled.chosen(1500, 7)[:20] == bundled.chosen(20, 7)
    assert bundled.chosen(20, 7) != bundled.chosen(20, 8)


def test_spelling_is_reading_backwards(bundled: Book) -> None:
    again = read_book("\n".join(spelt(o.moves, SIZE) for o in bundled.openings), SIZE, "x")
    assert tuple(again) == bundled.openings
