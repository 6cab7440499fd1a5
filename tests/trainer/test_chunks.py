from __future__ import annotations

import gzip
import lzma
import math
import struct
import subprocess
from fractions import Fraction
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lzeval.go.board import BLACK, WHITE
from tests.support.make_games import RandomGame, random_games, sgf_text
from trainer.data.chunks.binary import V2, read_v2, write_v2
from trainer.data.chunks.contents import ChunkPositions
from trainer.data.chunks.kind import chunk_kind
from trainer.data.chunks.rows import PackedChunk, positions_from_rows, rows_from_chunks
from trainer.data.chunks.text import read_v1, write_v1
from trainer.data.pack import pack
from trainer.data.packed import open_packed
from trainer.data.rows import CONTEXT, NO_MOVE, WHITE_TO_MOVE, WON_BY_BLACK, WON_BY_WHITE

FILES = {  # board size, positions, games
    "ninenine-9x9-traindata.gz": (9, 1620, 10),
    "yukw777-kgs-old.0.gz": (19, 6366, 32),
    "yukw777-kgs-old.1.gz": (19, 6658, 32),
    "yukw777-kgs.0.gz": (19, 2, 1),
    "yukw777-kgs.1.gz": (19, 3, 1),
}

Plain = tuple[list[list[int]], int, int, dict[int, np.float32]]
"""Planes, 1 if White is to move, the winner, and the probabilities that are not 0."""


def real(shared: Path, name: str) -> bytes:
    return gzip.decompress((shared / "chunks" / name).read_bytes())


# A second reader and writer, after the description of the format


def nearest_float32(text: str) -> np.float32:
    """The float32 nearest to a decimal, by exact fractions; the even one of two."""
    exact = Fraction(text)
    guess = np.float32(float(exact))
    around = [np.nextafter(guess, np.float32(side)) for side in (-1, 2)]
    return min([guess, *around], key=lambda x: (abs(Fraction(float(x)) - exact), int(x.view(np.uint32)) & 1))


def plain_row(text: str, points: int) -> list[int]:
    digits = points // 4
    bits = "".join(f"{int(digit, 16):04b}" for digit in text[:digits]) + text[digits:]
    assert len(bits) == points
    return [int(bit) for bit in bits]


def plain_read(content: bytes, size: int) -> list[Plain]:
    lines = content.decode().splitlines()
    assert len(lines) % 19 == 0
    positions: list[Plain] = []
    for start in range(0, len(lines), 19):
        block = lines[start : start + 19]
        white, won = int(block[16]), block[18] == "1"
        winner = (WHITE if white else BLACK) if won else (BLACK if white else WHITE)
        words = block[17].split(" ")
        assert len(words) == size * size + 1
        shares = {point: np.float32(word) for point, word in enumerate(words) if word != "0"}
        positions.append(([plain_row(row, size * size) for row in block[:16]], white, winner, shares))
    return positions


def plain(positions: ChunkPositions, size: int) -> list[Plain]:
    """The arrays of `ChunkPositions`, unfolded."""
    planes = np.unpackbits(positions.bits, axis=-1, bitorder="little")[..., : size * size]
    unfolded: list[Plain] = []
    for number, (first, last) in enumerate(zip(positions.starts, positions.starts[1:], strict=False)):
        shares = dict(zip(positions.points[first:last].tolist(), positions.shares[first:last], strict=True))
        sides = int(positions.white_to_move[number]), int(positions.winner[number])
        unfolded.append((planes[number].tolist(), *sides, shares))
    return unfolded


def block(size: int, seed: int = 0) -> list[str]:
    """The 19 lines of some position."""
    rng = Random(f"{size} {seed}")
    rows = [
        "".join(rng.choice("0123456789abcdef") for _ in range(size * size // 4))
        + rng.choice("01") * (size * size % 4)
        for _ in range(16)
    ]
    words = ["0"] * (size * size + 1)
    words[rng.randrange(len(words))] = "0.25"
    words[rng.randrange(len(words))] = "0.75"
    return [*rows, rng.choice("01"), " ".join(words), rng.choice(["1", "-1"])]


def joined(*blocks: list[str]) -> bytes:
    return "".join(line + "\n" for lines in blocks for line in lines).encode()


def blocks_of(content: bytes) -> list[bytes]:
    lines = content.splitlines(keepends=True)
    return [b"".join(lines[start : start + 19]) for start in range(0, len(lines), 19)]


def assert_same(one: ChunkPositions, two: ChunkPositions) -> None:
    for name in ChunkPositions._fields:
        first, second = getattr(one, name), getattr(two, name)
        assert first.dtype == second.dtype, name
        np.testing.assert_array_equal(first, second, err_msg=name)


def made_positions(size: int, count: int, seed: int, certain: float = 0.5) -> ChunkPositions:
    """Random positions, with probabilities of six digits and as small as they get."""
    rng = np.random.default_rng([size, count, seed])
    points = size * size
    planes = rng.random((count, 16, points)) < rng.choice([0.0, 0.05, 0.5, 1.0], (count, 16, 1))
    starts, where, shares = [0], [], []
    for _ in range(count):
        moves = rng.permutation(points + 1)[: 1 if rng.random() < certain else rng.integers(1, points + 2)]
        values = rng.random(len(moves)) ** rng.choice([1, 8, 60])
        if len(moves) == 1:
            values[0] = 1
        starts.append(starts[-1] + len(moves))
        where += sorted(moves.tolist())
        shares += [np.float32(f"{max(value, 1e-37):g}") for value in values.tolist()]
    return ChunkPositions(
        np.packbits(planes, axis=-1, bitorder="little"),
        rng.integers(0, 2, count).astype(np.uint8),
        rng.integers(1, 3, count).astype(np.uint8),
        np.array(starts, np.int64),
        np.array(where, np.uint16),
        np.array(shares, np.float32),
    )


def positions_on(smallest: int = 2, largest: int = 25) -> st.SearchStrategy[tuple[int, ChunkPositions]]:
    """Board size and random positions."""
    return st.builds(
        lambda size, count, seed: (size, made_positions(size, count, seed)),
        st.integers(smallest, largest),
        st.integers(0, 6),
        st.integers(0, 2**32),
    )


# Both formats, there and back


@settings(deadline=None, max_examples=50)
@given(positions_on())
def test_v1_written_and_read_again(made: tuple[int, ChunkPositions]) -> None:
    size, positions = made
    content = write_v1(positions, size)
    assert plain_read(content, size) == plain(positions, size)
    for text in (content, content.replace(b"\n", b"\r\n"), content[:-1], content + b"\n\r\n"):
        found, faults = read_v1(text, size)
        assert faults == []
        assert_same(found, positions)
    assert chunk_kind(content) == ("v1" if content else None)


@settings(deadline=None, max_examples=50)
@given(positions_on(19, 19))
def test_v2_written_and_read_again(made: tuple[int, ChunkPositions]) -> None:
    _, positions = made
    content = write_v2(positions)
    assert len(content) == 2176 * len(positions.bits)
    found, faults = read_v2(content)
    assert faults == []
    assert_same(found, positions)
    assert chunk_kind(content) == ("v2" if content else None)


def test_v2_holds_what_its_description_says() -> None:
    positions = made_positions(19, 3, 4)
    content = write_v2(positions)
    for number, (planes, white, winner, shares) in enumerate(plain(positions, 19)):
        record = content[2176 * number : 2176 * (number + 1)]
        version, *probabilities = struct.unpack("<i362f", record[:1452])
        assert version == 1
        assert {point: share for point, share in enumerate(probabilities) if share} == shares
        bits = "".join(f"{byte:08b}" for byte in record[1452:2174])
        assert bits == "".join(str(bit) for plane in planes for bit in plane)
        assert list(record[2174:]) == [white, winner == (WHITE if white else BLACK)]


def test_hex_rows_may_be_in_capitals() -> None:
    content = joined(block(9))
    assert_same(read_v1(content.upper(), 9)[0], read_v1(content, 9)[0])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(2.0**-126, 1, width=32), min_size=1, max_size=626))
def test_probabilities_are_the_nearest_float32_and_printed_as_c_plus_plus_does(values: list[float]) -> None:
    words = [f"{value:g}" for value in values] + ["0"] * (626 - len(values))
    lines = block(25)
    content = joined([*lines[:17], " ".join(words), lines[18]])
    positions, faults = read_v1(content, 25)
    assert faults == []
    assert positions.shares.tolist() == [float(nearest_float32(word)) for word in words if word != "0"]
    assert write_v1(positions, 25) == content


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("0.0217", 0.0217),
        ("1.2e-05", 1.2e-5),
        ("1.2E-5", 1.2e-5),
        ("1e+00", 1.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("0.3333333432674407958984375", 1 / 3),
        ("1000000000000000000000e-21", 1.0),
        ("1e-45", 2.0**-149),
        ("1e30", 1e30),
    ],
)
def test_other_spellings_of_probabilities(word: str, value: float) -> None:
    lines = block(2)
    lines[17] = f"0 {word} 0 0 0"
    positions, faults = read_v1(joined(lines), 2)
    assert faults == []
    assert (positions.points.tolist(), positions.shares.tolist()) == ([1], [np.float32(value)])


@pytest.mark.parametrize("word", ["0.0", "-0", "1e-60", "0e5", "0e999999999999"])
def test_nothing_by_other_names(word: str) -> None:
    lines = block(2)
    lines[17] = f"1 {word} 0 0 0"
    positions, faults = read_v1(joined(lines), 2)
    assert (faults, positions.points.tolist()) == ([], [0])


# Which is which


def test_kinds_are_told_by_content() -> None:
    v1, v2 = joined(block(19), block(19, 1)), write_v2(made_positions(19, 2, 0))
    assert [chunk_kind(v1), chunk_kind(v1.replace(b"\n", b"\r\n")), chunk_kind(joined(block(25)))] == [
        "v1"
    ] * 3
    assert [chunk_kind(v2), chunk_kind(v2 + b"\0"), chunk_kind(v2[:-1])] == ["v2"] * 3
    lines = block(19)
    nothing = [
        b"",
        b"\n" * 40,
        b"\1\0\0\0",
        sgf_text(19, [(BLACK, 3)]).encode(),
        joined(lines[:16]),
        joined([lines[0] + "0", *lines[1:]]),
        joined([line + "0" for line in lines[:16]] + lines[16:]),
        joined(["g" + lines[0][1:], *lines[1:]]),
        joined([*lines[:16], "2", *lines[17:]]),
        joined([*lines[:15], *lines[16:]]),
    ]
    assert [chunk_kind(content) for content in nothing] == [None] * len(nothing)


# What goes wrong


def with_line(line: int, *replaced: str) -> list[str]:
    lines = block(9, 7)
    return [*lines[:line], *replaced, *lines[line + 1 :]]


ONE = " ".join(["1"] + ["0"] * 81)

FAULTY = {
    "a letter": ("bad hex", with_line(3, "g" + "0" * 20)),
    "a last point that is neither 0 nor 1": ("bad hex", with_line(3, "0" * 20 + "2")),
    "a row that is too long": ("bad hex", with_line(3, "0" * 22)),
    "a row that is missing": ("bad hex", with_line(3)),
    "an empty row": ("bad hex", with_line(15, "")),
    "a row too many": ("no side to move", with_line(3, "0" * 21, "0" * 21)),
    "another side": ("no side to move", with_line(16, "2")),
    "no side": ("no side to move", with_line(16)),
    "two sides": ("wrong number of probabilities", with_line(16, "0", "0")),
    "too few": ("wrong number of probabilities", with_line(17, ONE[:-2])),
    "too many": ("wrong number of probabilities", with_line(17, ONE + " 0")),
    "none": ("wrong number of probabilities", with_line(17)),
    "an empty line": ("wrong number of probabilities", with_line(17, "")),
    "nan": ("NaN probabilities", with_line(17, ONE.replace("1", "nan"))),
    "-nan": ("NaN probabilities", with_line(17, ONE.replace("1", "-nan"))),
    "inf": ("NaN probabilities", with_line(17, ONE.replace("1", "inf"))),
    "too large": ("NaN probabilities", with_line(17, ONE.replace("1", "1e39"))),
    "much too large": ("NaN probabilities", with_line(17, ONE.replace("1", "1e999999999999"))),
    "negative": ("NaN probabilities", with_line(17, ONE.replace("1", "-0.5"))),
    "no number": ("NaN probabilities", with_line(17, ONE.replace("1", "0.5.5"))),
    "half a number": ("NaN probabilities", with_line(17, ONE.replace("1", "5e"))),
    "a sign only": ("NaN probabilities", with_line(17, ONE.replace("1", "-"))),
    "zeros": ("probabilities that sum to nothing", with_line(17, ONE.replace("1", "0"))),
    "a jigo": ("no result", with_line(18, "0")),
    "a word": ("no result", with_line(18, "draw")),
    "a missing result": ("no result", with_line(18)),
    "another size": ("another board size than 9", block(13)),
    "a smaller size": ("another board size than 9", block(2)),
}


@pytest.mark.parametrize("name", FAULTY)
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_bad_position_costs_itself_only(name: str, newline: bytes) -> None:
    reason, lines = FAULTY[name]
    good = block(9, 1), block(9, 2), block(9, 3)
    content = joined(good[0], lines, good[1], lines, good[2]).replace(b"\n", newline)
    positions, faults = read_v1(content, 9)
    assert faults == [(2, reason), (4, reason)]
    assert plain(positions, 9) == plain_read(joined(*good), 9)


@pytest.mark.parametrize("size", [3, 8, 9, 19])
def test_a_line_too_many_or_too_few_costs_one_position(size: int) -> None:
    blocks = [block(size, seed) for seed in range(4)]
    expected = [plain_read(joined(lines), size)[0] for lines in blocks]
    for line in range(19):
        for replaced in ([], [blocks[1][line], "junk"], ["junk", blocks[1][line]], [""]):
            lines = [*blocks[1][:line], *replaced, *blocks[1][line + 1 :]]
            positions, faults = read_v1(joined(blocks[0], lines, *blocks[2:]), size)
            found = plain(positions, size)
            assert len(faults) == 1, (line, replaced)
            assert found in ([expected[0], *expected[2:]], expected), (line, replaced)


@pytest.mark.parametrize("kept", range(1, 19))
def test_a_file_that_ends_too_early(kept: int) -> None:
    cut = joined(block(9), block(9, 1)[:kept])
    for content in (cut, cut[:-1], cut[:-2]):
        positions, faults = read_v1(content, 9)
        assert faults == [(2, "the file ends in the middle of a position")]
        assert len(positions.bits) == 1


def test_a_result_that_is_cut_short() -> None:
    lines = [*block(9)[:18], "-"]
    assert read_v1(joined(lines)[:-1], 9)[1] == [(1, "the file ends in the middle of a position")]
    assert read_v1(joined(lines), 9)[1] == [(1, "no result")]


def test_the_end_is_not_blamed_for_what_came_before() -> None:
    assert read_v1(sgf_text(9, [(BLACK, 3)]).encode(), 9)[1] == [(1, "bad hex")]
    assert read_v1(joined(block(9)[:7], ["?"]), 9)[1] == [(1, "bad hex")]
    assert read_v1(joined(block(9)[:16], ["?"]), 9)[1] == [(1, "no side to move")]
    assert read_v1(joined(block(13)[:7]), 9)[1] == [(1, "the file ends in the middle of a position")]


def test_faults_of_v2() -> None:
    records = np.frombuffer(write_v2(made_positions(19, 9, 1)), V2).copy()
    records["version"][1] = 2
    records["white_to_move"][2] = 2
    records["probabilities"][3, 5] = np.nan
    records["probabilities"][4, 5] = np.inf
    records["probabilities"][5, 5] = -0.1
    records["probabilities"][6] = 0
    records["won"][7] = 255
    positions, faults = read_v2(records.tobytes() + b"\1\0\0")
    assert faults == [
        (2, "another version than 1"),
        (3, "no side to move"),
        (4, "NaN probabilities"),
        (5, "NaN probabilities"),
        (6, "NaN probabilities"),
        (7, "probabilities that sum to nothing"),
        (8, "no result"),
        (10, "the file ends in the middle of a position"),
    ]
    assert_same(positions, read_v2(records[[0, 8]].tobytes())[0])


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=3000), st.integers(2, 25))
def test_random_bytes_are_survived(content: bytes, size: int) -> None:
    for positions, _ in (read_v1(content, size), read_v2(content), read_v2(b"\1\0\0\0" + content)):
        assert len(positions.starts) == len(positions.bits) + 1
    chunk_kind(content)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.sampled_from(["0", "1", "-1", "0 1", "", "0 0 0 0 1", "f", "000", "0e-", "1 1"]), max_size=300
    )
)
def test_random_lines_are_survived(lines: list[str]) -> None:
    for size in (2, 3):
        positions, _ = read_v1("\n".join(lines).encode(), size)
        assert_same(read_v1(write_v1(positions, size), size)[0], positions)


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 9), st.data())
def test_what_is_read_of_a_damaged_file_was_in_it(size: int, data: st.DataObject) -> None:
    content = bytearray(joined(*(block(size, seed) for seed in range(5))))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=3))
    positions, faults = read_v1(bytes(content), size)
    assert len(positions.bits) + len(faults) <= 12
    assert_same(read_v1(write_v1(positions, size), size)[0], positions)


def test_what_chunks_cannot_hold() -> None:
    good = made_positions(19, 3, 5, certain=0)
    bad = {
        "position 2 has no winner": good._replace(winner=np.array([1, 0, 2], np.uint8)),
        "not probabilities": good._replace(shares=np.full_like(good.shares, np.nan)),
        "not positions on": good._replace(bits=good.bits[:, :, 1:]),
        "starts do not fit": good._replace(starts=good.starts[:-1]),
        "not on the board": good._replace(points=np.full_like(good.points, 362)),
    }
    for message, positions in bad.items():
        for write in (lambda p: write_v1(p, 19), write_v2):
            with pytest.raises(ValueError, match=message):
                write(positions)
    with pytest.raises(ValueError, match="order"):
        write_v1(good._replace(points=np.ascontiguousarray(good.points[::-1])), 19)


# As packed rows


def assert_packed_and_back(positions: ChunkPositions, size: int) -> PackedChunk:
    packed = rows_from_chunks(positions, size)
    assert_same(positions_from_rows(packed.rows, packed.learn, packed.soft, size), positions)
    lengths = packed.games[:, 1]
    np.testing.assert_array_equal(packed.games[:, 0], np.cumsum(lengths) - lengths)
    assert lengths.sum() == len(packed.rows)
    plies = packed.rows[:, -4] + 256 * packed.rows[:, -3].astype(int)
    np.testing.assert_array_equal(plies, np.concatenate([[], *map(np.arange, lengths)]).astype(int))
    context = np.setdiff1d(np.arange(len(packed.rows)), packed.learn)
    np.testing.assert_array_equal(np.flatnonzero(packed.rows[:, -2] & CONTEXT), context)
    return packed


@settings(deadline=None, max_examples=50)
@given(positions_on())
def test_any_positions_as_rows_and_back(made: tuple[int, ChunkPositions]) -> None:
    size, positions = made
    assert_packed_and_back(positions, size)


@settings(deadline=None, max_examples=25)
@given(
    games=st.lists(random_games(9, 30), min_size=1, max_size=3),
    seed=st.integers(0, 2**32),
    shuffled=st.booleans(),
)
def test_games_are_stored_as_from_their_records(
    games: list[RandomGame], seed: int, shuffled: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    size = games[0].size
    texts = [
        sgf_text(size, game.moves, result)
        for game, result in zip(games, ("B+R", "W+R", "B+1"), strict=False)
        if game.size == size and game.moves
    ]
    if not texts:
        return
    folder = tmp_path_factory.mktemp("games")
    (folder / "games.sgf").write_text("".join(texts))
    pack([folder / "games.sgf"], folder / "packed", size)
    data = open_packed(folder / "packed")
    order = np.arange(len(data.rows))
    if shuffled:
        np.random.default_rng(seed).shuffle(order)
    positions = positions_from_rows(data.rows, order, None, size)
    packed = assert_packed_and_back(read_v1(write_v1(positions, size), size)[0], size)
    if not shuffled:
        np.testing.assert_array_equal(packed.rows, data.rows)
        np.testing.assert_array_equal(packed.games[:, 0], data.games["start"])


def position(size: int, stones: dict[int, int], white: int, winner: int = BLACK) -> ChunkPositions:
    """One position of which `stones` has plane: point, and the pass is played."""
    planes = np.zeros((1, 16, size * size), np.uint8)
    for plane, point in stones.items():
        planes[0, plane, point] = 1
    return ChunkPositions(
        np.packbits(planes, axis=-1, bitorder="little"),
        np.array([white], np.uint8),
        np.array([winner], np.uint8),
        np.array([0, 1]),
        np.array([size * size], np.uint16),
        np.ones(1, np.float32),
    )


def test_history_that_no_position_has_is_stored_as_context() -> None:
    # White is to move; 2 moves ago White had a stone at 4, 1 move ago nobody, and now Black has one at 8
    packed = assert_packed_and_back(position(3, {2: 4, 8: 8}, white=1), 3)
    no_move = [NO_MOVE & 255, NO_MOVE >> 8]
    assert packed.rows.tolist() == [
        [0, 0, 16, 0, *no_move, 0, 0, WHITE_TO_MOVE | WON_BY_BLACK | CONTEXT, 0],
        [0, 0, 0, 0, *no_move, 1, 0, WON_BY_BLACK | CONTEXT, 0],
        [0, 1, 0, 0, 9, 0, 2, 0, WHITE_TO_MOVE | WON_BY_BLACK, 0],
    ]
    assert (packed.games.tolist(), packed.learn.tolist(), packed.soft.rows.tolist()) == ([[0, 3]], [2], [])


def chained(*parts: ChunkPositions) -> ChunkPositions:
    counts = np.concatenate([np.diff(part.starts) for part in parts])
    return ChunkPositions(
        np.concatenate([part.bits for part in parts]),
        np.concatenate([part.white_to_move for part in parts]),
        np.concatenate([part.winner for part in parts]),
        np.concatenate([[0], np.cumsum(counts)]),
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.shares for part in parts]),
    )


def test_what_continues_a_run() -> None:
    first = position(3, {0: 4}, white=0)
    following = {
        "the next position": (position(3, {0: 2, 9: 4}, white=1), 1),
        "the same side again": (position(3, {0: 2, 9: 4}, white=0), 2),
        "another winner": (position(3, {0: 2, 9: 4}, white=1, winner=WHITE), 2),
        "other history": (position(3, {0: 2, 9: 4, 10: 4}, white=1), 2),
        "less history": (position(3, {0: 2, 8: 4}, white=1), 2),
    }
    for name, (second, runs) in following.items():
        packed = assert_packed_and_back(chained(first, second), 3)
        assert len(packed.games) == runs, name


def test_winners_and_soft_policies_of_rows() -> None:
    positions = chained(*(position(3, {0: 4}, white=0, winner=winner) for winner in (0, BLACK, WHITE)))
    positions = positions._replace(
        starts=np.array([0, 3, 4, 5]),
        points=np.array([2, 5, 9, 7, 6], np.uint16),
        shares=np.array([0.2, 0.4, 0.4, 0.5, 1], np.float32),
    )
    packed = assert_packed_and_back(positions, 3)
    assert packed.rows[:, -2].tolist() == [0, WON_BY_BLACK, WON_BY_WHITE]
    assert packed.rows[:, -1].tolist() == [1, 1, 0]
    assert packed.rows[:, 4].tolist() == [5, 7, 6]
    assert (packed.soft.rows.tolist(), packed.soft.starts.tolist()) == ([0, 1], [0, 3, 4])
    with pytest.raises(ValueError, match="position 2 has no policy"):
        rows_from_chunks(positions._replace(starts=np.array([0, 3, 3, 5])), 3)


def test_plies_stop_at_what_two_bytes_hold() -> None:
    count = 65536 + 20
    positions = ChunkPositions(
        np.zeros((count, 16, 1), np.uint8),
        (np.arange(count) % 2).astype(np.uint8),
        np.full(count, BLACK, np.uint8),
        np.arange(count + 1),
        np.full(count, 4, np.uint16),
        np.ones(count, np.float32),
    )
    packed = rows_from_chunks(positions, 2)
    assert packed.games.tolist() == [[0, count]]
    np.testing.assert_array_equal(
        packed.rows[:, 4] + 256 * packed.rows[:, 5].astype(int), np.arange(count).clip(max=65535)
    )
    assert_same(positions_from_rows(packed.rows, packed.learn, packed.soft, 2), positions)


def test_rows_that_cannot_be_written() -> None:
    packed = rows_from_chunks(
        position(3, {0: 4, 1: 4}, white=0)._replace(shares=np.array([0.5], np.float32)), 3
    )
    for row, soft, message in [
        (0, packed.soft, "row 0 is there for its history only"),
        (1, None, "row 1 has a soft policy that is not there"),
        (2, packed.soft, "among the 2"),
        (-1, packed.soft, "among the 2"),
    ]:
        with pytest.raises(ValueError, match=message):
            positions_from_rows(packed.rows, np.array([row]), soft, 3)


# Real files


@pytest.mark.parametrize("name", FILES)
def test_real_chunks_there_and_back(shared: Path, name: str) -> None:
    (size, count, games), content = FILES[name], real(shared, name)
    assert chunk_kind(content) == "v1"
    positions, faults = read_v1(content, size)
    assert (len(positions.bits), faults) == (count, [])
    assert write_v1(positions, size) == content
    packed = assert_packed_and_back(positions, size)
    assert not (packed.rows[:, -2] & CONTEXT).any()
    assert len(packed.games) == games
    again = positions_from_rows(packed.rows, packed.learn, packed.soft, size)
    assert write_v1(again, size) == content
    if size == 19:
        binary = write_v2(positions)
        assert chunk_kind(binary) == "v2"
        assert write_v2(read_v2(binary)[0]) == binary
        assert write_v1(read_v2(binary)[0], size) == content


@pytest.mark.parametrize("name", FILES)
def test_real_chunks_say_what_the_second_reader_finds(shared: Path, name: str) -> None:
    size = FILES[name][0]
    content = b"".join(blocks_of(real(shared, name))[:200])
    assert plain(read_v1(content, size)[0], size) == plain_read(content, size)


@pytest.mark.parametrize("name", FILES)
def test_real_positions_in_any_order(shared: Path, name: str) -> None:
    size = FILES[name][0]
    blocks = blocks_of(real(shared, name))[:400]
    Random(1).shuffle(blocks)
    blocks = blocks[: math.ceil(len(blocks) / 2)]
    packed = assert_packed_and_back(read_v1(b"".join(blocks), size)[0], size)
    assert len(packed.learn) == len(blocks)


# What the real leelaz makes of a record


def holdout_records(shared: Path) -> dict[str, str]:
    """A real game without handicap, one with set-up stones, and one with passes."""
    with lzma.open(shared / "data" / "holdout.sgf.xz", "rt", encoding="utf-8") as stream:
        games = list(stream)
    return {
        "even": next(game for game in games if "AB[" not in game and "[]" not in game),
        "handicap": next(game for game in games if "AB[" in game),
        "passes": next(game for game in games if "B[]" in game),
    }


def dump_supervised(leelaz: str, weights: Path, folder: Path, record: str) -> bytes:
    """The v1 chunk that leelaz makes of a record; it reads file names in small letters only."""
    (folder / "game.sgf").write_text(record, encoding="utf-8")
    arguments = [leelaz, "--cpu-only", "--gtp", "--noponder", "-t", "1", "-s", "1", "-w", str(weights)]
    commands = "dump_supervised game.sgf chunk\nquit\n"
    outcome = subprocess.run(
        arguments, input=commands, capture_output=True, text=True, cwd=folder, timeout=120, check=False
    )
    assert outcome.returncode == 0, outcome.stderr
    files = sorted(folder.glob("chunk.*.gz"))
    return b"".join(gzip.decompress(file.read_bytes()) for file in files)


@pytest.mark.engine
@pytest.mark.parametrize("kind", ["even", "handicap", "passes"])
def test_leelaz_makes_the_same_chunks_of_a_record(
    leelaz: str, shared: Path, tmp_path: Path, kind: str
) -> None:
    record = holdout_records(shared)[kind]
    weights = next((shared / "networks").glob("lz-5x64-46*.gz"))
    theirs = dump_supervised(leelaz, weights, tmp_path, record)
    positions, faults = read_v1(theirs, 19)
    assert faults == []
    assert write_v1(positions, 19) == theirs
    pack([tmp_path / "game.sgf"], tmp_path / "packed", 19)
    data = open_packed(tmp_path / "packed")
    ours = positions_from_rows(data.rows, np.arange(len(data.rows)), None, 19)
    assert set(blocks_of(write_v1(ours, 19))) == set(blocks_of(theirs))
    assert len(ours.bits) == len(positions.bits) == record.count(";B[") + record.count(";W[")
    np.testing.assert_array_equal(rows_from_chunks(positions, 19).rows, data.rows)
