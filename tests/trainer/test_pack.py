from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sgfmill.boards import Board

from lzeval.errors import DataError, UserError
from lzeval.go.board import BLACK, EMPTY, WHITE
from lzeval.go.points import parse_vertex
from tests.support.make_games import (
    LETTERS,
    Move,
    RandomGame,
    as_array,
    holdout_texts,
    naive_moves,
    other,
    random_game,
    random_games,
    sgf_text,
)
from trainer.data.pack import PackReport, pack, packed_version_of
from trainer.data.packed import PackedData, open_packed
from trainer.data.rows import JIGO
from trainer.data.sources import record_files

Planes = npt.NDArray[np.uint8]


def written(folder: Path, *texts: str) -> Path:
    file = folder / "games.sgf"
    file.write_text("".join(texts), encoding="utf-8")
    return file


def packed(folder: Path, texts: list[str], size: int) -> tuple[PackedData, PackReport]:
    report = pack([written(folder, *texts)], folder / "packed", size)
    return open_packed(folder / "packed"), report


# What the planes are to be, from the description of the format and whole arrays


def expected_planes(boards: list[npt.NDArray[np.int8]], colour: int, size: int) -> Planes:
    """`[18, size, size]` for `colour` to move in the last of `boards`, row 0 the bottom line."""
    planes = np.zeros((18, size, size), np.uint8)
    for back, board in enumerate(reversed(boards[-8:])):
        grid = board.reshape(size, size)
        planes[back] = grid == colour
        planes[8 + back] = grid == other(colour)
    planes[16 if colour == BLACK else 17] = 1
    return planes


def turned(planes: Planes, symmetry: int) -> Planes:
    """The same with numpy's own turns of the last two axes."""
    planes = planes.swapaxes(-1, -2) if symmetry & 4 else planes
    planes = planes[..., ::-1] if symmetry & 2 else planes
    return planes[..., ::-1, :] if symmetry & 1 else planes


def turned_move(move: int, size: int, symmetry: int) -> int:
    if move == size * size:
        return move
    board = np.zeros((size, size), np.uint8)
    board.flat[move] = 1
    return int(turned(board, symmetry).argmax())


def assert_positions_as_expected(
    data: PackedData, start: int, game: RandomGame, winner: int, plies: list[int]
) -> None:
    """All symmetries of the positions `plies` of the game whose rows begin at `start`."""
    for ply in plies:
        colour, move = game.moves[ply]
        planes = expected_planes(game.boards[: ply + 1], colour, game.size)
        batch = data.batch(np.full(8, start + ply), np.arange(8))
        assert batch.planes.dtype == np.uint8
        for symmetry in range(8):
            np.testing.assert_array_equal(batch.planes[symmetry], turned(planes, symmetry))
            assert batch.moves[symmetry] == turned_move(move, game.size, symmetry)
        signs = {EMPTY: np.nan, JIGO: 0.0, colour: 1.0, other(colour): -1.0}
        np.testing.assert_array_equal(batch.outcomes, [signs[winner]] * 8)
        assert batch.plies.tolist() == [ply] * 8


RESULTS = {"B+R": BLACK, "W+0.5": WHITE, "0": JIGO, "?": EMPTY}


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(random_games(longest=60), st.sampled_from(list(RESULTS))), min_size=1, max_size=4))
def test_random_games(tmp_path_factory: pytest.TempPathFactory, games: list[tuple[RandomGame, str]]) -> None:
    size = games[0][0].size
    texts = [sgf_text(game.size, game.moves, result) for game, result in games]
    good = [(game, result) for game, result in games if game.size == size and game.moves]
    if not good:
        return
    data, report = packed(tmp_path_factory.mktemp("games"), texts, size)
    assert (report.games, report.positions) == (len(good), len(data))
    assert sum(report.skipped.values()) == len(games) - len(good)
    for (game, result), start in zip(good, data.games["start"].tolist(), strict=True):
        plies = sorted({0, len(game.moves) - 1, len(game.moves) // 2, min(7, len(game.moves) - 1)})
        assert_positions_as_expected(data, start, game, RESULTS[result], plies)


def replayed(moves: list[Move]) -> RandomGame:
    board = Board(19)
    boards = [as_array(board)]
    for colour, move in moves:
        if move != 361:
            board.play(*divmod(move, 19), LETTERS[colour])
        boards.append(as_array(board))
    return RandomGame(19, moves, boards, [])


def test_real_games(shared: Path, tmp_path: Path) -> None:
    texts = holdout_texts(shared, 30)
    data, report = packed(tmp_path, texts, 19)
    assert (report.games, dict(report.skipped)) == (30, {})
    rng = Random(1)
    for text, start in zip(texts, data.games["start"].tolist(), strict=True):
        game = replayed(list(naive_moves(text, 19)))
        winner = BLACK if "RE[B+" in text else (WHITE if "RE[W+" in text else EMPTY)
        plies = [rng.randrange(len(game.moves)) for _ in range(3)]
        assert_positions_as_expected(data, start, game, winner, [*plies, len(game.moves) - 1])


def test_set_up_stones_are_on_the_first_board(tmp_path: Path) -> None:
    text = "(;SZ[5]HA[2]KM[0.5]RE[W+R]AB[aa][ee]AW[bb];W[cc];B[dd])"
    data, _ = packed(tmp_path, [text], 5)
    board = np.zeros(25, np.int8)
    for vertex, colour in (("A5", BLACK), ("E1", BLACK), ("B4", WHITE)):
        board[parse_vertex(vertex, 5)] = colour
    batch = data.batch(np.array([0]), np.array([0]))
    np.testing.assert_array_equal(batch.planes[0], expected_planes([board], WHITE, 5))
    assert (batch.outcomes[0], batch.moves[0]) == (1.0, parse_vertex("C3", 5))
    game = data.games[0]
    assert (game["start"], game["length"], game["komi"], game["handicap"], game["winner"]) == (
        0,
        2,
        0.5,
        2,
        WHITE,
    )


def test_plies(tmp_path: Path) -> None:
    moves = random_game(9, 8, Random(3), passes=0).moves
    data, _ = packed(tmp_path, [sgf_text(9, moves[:4]), sgf_text(9, moves)], 9)
    assert data.plies(np.arange(12)).tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7]
    assert data.plies(np.array([11, 4])).tolist() == [7, 0]


# What goes wrong


def test_a_bad_game_costs_itself_only_and_is_reported_with_its_place(tmp_path: Path) -> None:
    good = sgf_text(9, [(BLACK, 3), (WHITE, 40)])
    bad = {
        "an illegal move": "(;SZ[9];B[aa];W[bb];B[aa])",
        "no moves": "(;SZ[9]KM[7])",
        "another board size than 9": "(;SZ[13];B[aa])",
        "a move is not on the board": "(;SZ[9];B[aa];W[jj])",
        "the board has not 2 to 25 lines": "(;SZ[99];B[aa])",
        "stones are set up in the middle of the game": "(;SZ[9];B[aa];AW[bb])",
        "the record ends in the middle of the game": "(;SZ[9];B[aa]",
    }
    data, report = packed(tmp_path, [good, *(text + good for text in bad.values())], 9)
    assert (report.games, len(data)) == (8, 16)
    assert dict(report.skipped) == dict.fromkeys(bad, 1)
    file = tmp_path / "games.sgf"
    places = {reason: f"{file}, game {2 * number}" for number, reason in enumerate(bad, start=1)}
    places["an illegal move"] += ", move 3, Black A9"
    places["a move is not on the board"] += ": move 2, [jj]"
    places["the board has not 2 to 25 lines"] += ": SZ[99]"
    places["stones are set up in the middle of the game"] += ": after move 1"
    assert report.examples == places
    assert json.loads((tmp_path / "packed/meta.json").read_text())["skipped"] == dict.fromkeys(bad, 1)


@pytest.mark.parametrize(
    ("moves", "problem"),
    [
        (";W[ca];B[da];W[bb];B[eb];W[cc];B[dc];W[db];B[cb];W[db]", "move 9"),  # ko
        (";W[ca];B[da];W[bb];B[eb];W[cc];B[dc];W[db];B[cb];W[];B[];W[db]", None),  # allowed after two passes
        (";W[ba];B[ee];W[ab];B[aa]", "move 4"),  # suicide
        (";W[ba];B[ee];W[ab];W[aa]", None),
    ],
)
def test_rules_that_a_record_must_keep(tmp_path: Path, moves: str, problem: str | None) -> None:
    spare = sgf_text(5, [(BLACK, 3)])
    _, report = packed(tmp_path, [f"(;SZ[5]{moves})", spare], 5)
    found = report.examples.get("an illegal move")
    assert (found is None) if problem is None else (found is not None and problem in found)


def test_wild_facts_do_not_stop_the_packing(tmp_path: Path) -> None:
    wild = sgf_text(9, [(BLACK, 3)], root="HA[99999]").replace("KM[7.5]", f"KM[{'9' * 60}]")
    data, report = packed(tmp_path, [wild, sgf_text(9, [(BLACK, 3)], result="", root="HA[-70000]")], 9)
    assert report.games == 2
    assert data.games["handicap"].tolist() == [0, 0]


def test_compressed_files_and_folders(tmp_path: Path) -> None:
    text = sgf_text(9, [(BLACK, 3)]).encode()
    folder = tmp_path / "in" / "deeper"
    folder.mkdir(parents=True)
    (folder / "a.sgf").write_bytes(text)
    (folder / "b.sgf.gz").write_bytes(gzip.compress(text * 2))
    (tmp_path / "in" / "c.sgf.xz").write_bytes(lzma.compress(text * 3))
    (tmp_path / "in" / "readme.txt").write_text("not a game")
    assert pack([tmp_path / "in"], tmp_path / "out", 9).games == 6
    assert len(record_files([tmp_path / "in", folder / "a.sgf"])) == 4


def test_input_without_a_game_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source in (tmp_path / "empty", tmp_path / "absent.sgf", written(tmp_path, "nothing here")):
        with pytest.raises(UserError, match="no "):
            pack([source], tmp_path / "out", 9)
    with pytest.raises(UserError, match="no game records were named"):
        pack([], tmp_path / "out", 9)
    with pytest.raises(UserError, match=r"another board size than 9 \(1\)"):
        pack([written(tmp_path, sgf_text(5, [(BLACK, 1)]))], tmp_path / "out", 9)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "games.sgf"]


def test_what_is_not_packed_data_is_never_overwritten(tmp_path: Path) -> None:
    source = written(tmp_path, sgf_text(9, [(BLACK, 3)]))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "meta.json").write_text('{"name": "a thesis"}')
    for out in (tmp_path, tmp_path / "mine"):
        with pytest.raises(UserError, match="holds no packed data"):
            pack([source], out, 9)
    with pytest.raises(UserError, match="is a file"):
        pack([source], source, 9)
    assert (tmp_path / "mine" / "meta.json").exists()


def test_packing_again_replaces_and_is_reproducible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = written(tmp_path, sgf_text(9, [(BLACK, 3)])), tmp_path / "out"
    out.mkdir()
    monkeypatch.chdir(out)
    pack([source], Path(), 9)
    monkeypatch.chdir(tmp_path)
    first = {file.name: file.read_bytes() for file in out.iterdir()}
    pack([source], out, 9)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == first
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("meta.json", b""),
        ("meta.json", b"[1, 2]"),
        ("meta.json", b'{"format": "lzeval positions", "version": 99}'),
        ("meta.json", b'{"format": "lzeval positions", "version": 3}'),
        ("meta.json", b'{"format": "lzeval positions", "version": 3, "board_size": null, "positions": 2}'),
        ("meta.json", b"\xff\xfe\x00"),
        ("games.npy", b""),
        ("games.npy", b"PK\x03\x04 no archive"),
        ("games.npy", b"\x80\x04K\x01."),
        ("positions.bin", b""),
        ("positions.bin", b"too short"),
    ],
)
def test_damaged_and_foreign_folders(tmp_path: Path, name: str, content: bytes) -> None:
    packed(tmp_path, [sgf_text(9, [(BLACK, 3), (WHITE, 4)])], 9)
    (tmp_path / "packed" / name).write_bytes(content)
    with pytest.raises(DataError, match="packed"):
        open_packed(tmp_path / "packed")
    (tmp_path / "packed" / name).unlink()
    with pytest.raises(DataError, match="packed"):
        open_packed(tmp_path / "packed")


def test_an_array_of_another_kind_is_no_list_of_games(tmp_path: Path) -> None:
    packed(tmp_path, [sgf_text(9, [(BLACK, 3)])], 9)
    np.save(tmp_path / "packed" / "games.npy", np.ones(1))
    with pytest.raises(DataError, match=r"games\.npy"):
        open_packed(tmp_path / "packed")


def test_the_cache_follows_the_files(tmp_path: Path) -> None:
    source = written(tmp_path, sgf_text(9, [(BLACK, 3)]))
    places = [packed_version_of([source], tmp_path / "cache", size) for size in (9, 9, 13)]
    assert places[0] == places[1] != places[2]
    source.write_text(sgf_text(9, [(BLACK, 30)]) * 2, encoding="utf-8")
    assert packed_version_of([source], tmp_path / "cache", 9) != places[0]
