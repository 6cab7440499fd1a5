"""Filters, samples and holdouts of packing; interruptions; and the lint."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trainer.data.pack
import trainer.data.units
from lzeval.errors import UserError
from lzeval.go.points import symmetry_tables
from lzeval.records.info import rank_number
from lzeval.records.scanner import end_of_games
from lzeval.system.archives import read_sources
from tests.support.limited import needs_limits, run_limited
from tests.support.make_games import Move, holdout_texts, random_game, sgf_text
from trainer.data.lint import check_records, format_rank
from trainer.data.pack import Part, pack
from trainer.data.packed import HOLDOUT, TRAIN, PackedData, damaged_files, open_packed, shared_games
from trainer.data.selection import Selection
from trainer.data.units import Packed, Unit, units_of


def written(folder: Path, *texts: str, name: str = "games.sgf") -> Path:
    (folder / name).write_text("".join(texts), encoding="utf-8")
    return folder / name


def games(count: int, size: int = 9, length: int = 30, seed: int = 0) -> list[str]:
    return [game_text(size, length, seed + number) for number in range(count)]


@cache
def game_text(size: int, length: int, seed: int) -> str:
    return sgf_text(size, random_game(size, length, Random(seed), passes=0).moves, "B+R")


def turned(moves: list[Move], size: int, symmetry: int) -> list[Move]:
    table = symmetry_tables(size)[symmetry]
    return [(colour, int(table[move])) for colour, move in moves]


def keys(data: PackedData) -> set[int]:
    return {int(key) for key in data.games["key"]}


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 7), st.integers(0, 1000), st.integers(2, 60))
def test_a_turned_game_has_the_key_of_the_game(
    tmp_path_factory: pytest.TempPathFactory, symmetry: int, seed: int, length: int
) -> None:
    folder = tmp_path_factory.mktemp("keys")
    moves = random_game(9, length, Random(seed), passes=0).moves
    shorter = sgf_text(9, moves[:-1]) if length > 2 else ""
    file = written(folder, sgf_text(9, moves), sgf_text(9, turned(moves, 9, symmetry)), shorter)
    pack([file], folder / "packed", 9)
    found = open_packed(folder / "packed").games["key"].tolist()
    assert found[0] == found[1]
    assert len(set(found)) == 1 + bool(shorter)


def test_a_pass_and_the_colour(tmp_path: Path) -> None:
    texts = [
        "(;SZ[9];B[cc];W[dd])",
        "(;SZ[9];B[cc];W[dd];B[];W[])",
        "(;SZ[9];W[cc];B[dd])",
        "(;SZ[9]AB[cc];W[dd])",
    ]
    pack([written(tmp_path, *texts)], tmp_path / "packed", 9)
    first, with_passes, other_colours, set_up = open_packed(tmp_path / "packed").games["key"].tolist()
    assert first == with_passes
    assert len({first, other_colours, set_up}) == 3


@pytest.mark.parametrize(
    ("text", "number"),
    [("5k", -4), ("1k", 0), ("1d", 1), ("6 dan", 6), ("9p", 18), ("1P", 10), ("30 kyu", -29), ("7d?", 7)],
)
def test_ranks(text: str, number: float) -> None:
    assert rank_number(text) == number
    short = text.lower().replace(" dan", "d").replace(" kyu", "k").strip("?")
    assert format_rank(number) == short


@pytest.mark.parametrize("text", ["", "d", "0d", "-", "?", "strong"])
def test_what_is_no_rank(text: str) -> None:
    assert np.isnan(rank_number(text))
    assert format_rank(rank_number(text)) == "unknown"


def root(**facts: str) -> str:
    return "".join(f"{name}[{value}]" for name, value in facts.items())


def test_filters_by_game(tmp_path: Path) -> None:
    facts = {
        "plain": {"BR": "6d", "WR": "7d", "KM": "6.5"},
        "weak": {"BR": "6d", "WR": "1k", "KM": "6.5"},
        "nameless": {"KM": "6.5"},
        "handicap": {"BR": "6d", "WR": "9p", "KM": "0.5", "HA": "3"},
    }
    moves = ";B[aa];W[bb];B[cc]"
    file = written(tmp_path, *(f"(;SZ[9]{root(**each)}{moves})" for each in facts.values()), "(;SZ[9];B[aa])")

    def taken(selection: Selection) -> tuple[int, dict[str, int]]:
        report = pack([file], tmp_path / "packed", 9, selection=selection)
        return report.games, dict(report.skipped)

    assert taken(Selection()) == (5, {})
    assert taken(Selection(min_moves=3)) == (4, {"fewer than 3 moves": 1})
    assert taken(Selection(min_rank=6)) == (2, {"a rank too low or unknown": 3})
    assert taken(Selection(handicap=(2, 9))) == (1, {"another handicap": 4})
    assert taken(Selection(komi=(5.5, 7.5))) == (3, {"another komi or none given": 2})
    ranks = open_packed(tmp_path / "packed").games["white_rank"]
    np.testing.assert_array_equal(ranks, [7, 0, np.nan])


def test_filters_by_position(tmp_path: Path) -> None:
    file = written(tmp_path, *games(20))
    pack([file], tmp_path / "all", 9)
    pack([file], tmp_path / "some", 9, selection=Selection(from_move=3, to_move=20))
    everything, some = open_packed(tmp_path / "all"), open_packed(tmp_path / "some")
    assert len(some) == 20 * 18
    assert sorted(set(some.plies(np.arange(len(some))).tolist())) == list(range(2, 20))
    wanted = np.concatenate([30 * game + np.arange(2, 20) for game in range(20)])
    zeros = np.zeros(len(wanted), np.int64)
    for expected, found in zip(
        everything.batch(wanted, zeros), some.batch(np.arange(360), zeros), strict=True
    ):
        np.testing.assert_array_equal(np.asarray(expected), np.asarray(found))  # history included


def test_a_sample_does_not_depend_on_what_else_is_packed(tmp_path: Path) -> None:
    texts = games(60)
    pack([written(tmp_path, *texts)], tmp_path / "all", 9, selection=Selection(sample=4))
    pack([written(tmp_path, *texts[30:])], tmp_path / "half", 9, selection=Selection(sample=4))
    one, other = open_packed(tmp_path / "all"), open_packed(tmp_path / "half")
    assert 60 * 30 / 4 * 0.8 < len(one) < 60 * 30 / 4 * 1.2
    assert one.learn is not None
    assert other.learn is not None
    assert [row - 900 for row in one.learn.tolist() if row >= 900] == other.learn.tolist()


def test_a_holdout_is_stable_and_apart(tmp_path: Path) -> None:
    texts, selection = games(300), Selection(holdout=0.1)
    report = pack([written(tmp_path, *texts[:200])], tmp_path / "few", 9, selection=selection)
    more = pack([written(tmp_path, *texts, *texts[:5])], tmp_path / "many", 9, selection=selection)
    parts = {
        (name, part): open_packed(tmp_path / name / part)
        for name in ("few", "many")
        for part in (TRAIN, HOLDOUT)
    }
    assert keys(parts["few", HOLDOUT]) <= keys(parts["many", HOLDOUT])
    assert not keys(parts["many", HOLDOUT]) & keys(parts["many", TRAIN])
    assert shared_games(parts["many", HOLDOUT], parts["many", TRAIN]) == 0
    assert shared_games(parts["few", TRAIN], parts["many", TRAIN]) == len(parts["few", TRAIN].games)
    assert report.holdout_games == len(parts["few", HOLDOUT].games)
    assert 15 < more.holdout_games < 50
    assert more.games == 305


def test_a_holdout_without_a_game_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no game fell to the holdout part"):
        pack([written(tmp_path, *games(2))], tmp_path / "packed", 9, selection=Selection(holdout=1e-6))
    assert not list(tmp_path.glob("packed*"))


# Cutting the input, and interruptions


def test_a_text_is_cut_between_games(shared: Path) -> None:
    text = "\n".join(holdout_texts(shared, 40)).encode()
    array = np.frombuffer(text, np.uint8)
    parts, start = [], 0
    while start < len(text):
        end = int(end_of_games(array, start, start + 3000))
        parts.append(text[start:end])
        start = end
    assert b"".join(parts) == text
    assert len(parts) > 10
    assert all(part.strip().startswith(b"(;") and part.count(b"(;") <= 6 for part in parts if part.strip())


PIECES = [b"(;SZ[9];B[aa])", b"(;SZ[9];B[a\\]a]", b"(", b")", b";", b"]", b"[", b"x(;W[bb](;B[cc]))"]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(PIECES), max_size=30), st.integers(1, 40))
def test_cutting_any_text_goes_on_and_ends(pieces: list[bytes], step: int) -> None:
    text = b"".join(pieces)
    array, start = np.frombuffer(text, np.uint8), 0
    while start < len(text):
        end = int(end_of_games(array, start, start + step))
        assert start < end <= len(text)
        start = end


def contents(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


class Stopped(BaseException):
    pass


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("units", [1, 4, 9])
@pytest.mark.parametrize("noted", [True, False], ids=["told", "killed"])
def test_an_interrupted_packing_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, units: int, threads: int, noted: bool
) -> None:
    monkeypatch.setattr(trainer.data.units, "UNIT_BYTES", 2000)
    monkeypatch.setattr(trainer.data.pack, "SECONDS_A_NOTE", 0.0)
    bad = "(;SZ[9];B[aa];W[aa])"
    file = written(tmp_path, *games(60), bad, *games(60, seed=100))
    selection = Selection(sample=3, holdout=0.3)
    whole = pack([file], tmp_path / "whole", 9, selection=selection)

    calls = []

    def stop(done: int, positions: int) -> None:
        calls.append(done)
        if len(calls) == units:
            raise Stopped

    with monkeypatch.context() as patch:
        if not noted:  # as when the process is killed: what was not noted down before is lost
            patch.setattr(trainer.data.pack.Journal, "note", lambda _: None)
        with pytest.raises(Stopped):
            pack([file], tmp_path / "packed", 9, stop, selection, threads)
    assert not (tmp_path / "packed").exists()
    if noted:
        for raw in (tmp_path / "packed.partial").rglob("*.raw"):
            with raw.open("ab") as stream:
                stream.write(b"torn")
    calls.clear()
    again = pack([file], tmp_path / "packed", 9, lambda done, _: calls.append(done), selection, threads)
    assert contents(tmp_path / "packed") == contents(tmp_path / "whole")
    assert again == whole
    assert not (tmp_path / "packed.partial").exists()


def test_other_settings_or_other_records_begin_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer.data.units, "UNIT_BYTES", 500)
    file = written(tmp_path, *games(20))

    def stop(done: int, positions: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        pack([file], tmp_path / "packed", 9, stop)
    assert pack([file], tmp_path / "packed", 9, selection=Selection(from_move=29)).positions == 40
    assert len(open_packed(tmp_path / "packed")) == 40


def full_disk() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("trouble", [Stopped, full_disk], ids=["interrupted", "full disk"])
@pytest.mark.parametrize("after", [0, 3, 40, 63, 119])
def test_trouble_in_the_middle_of_a_unit_leaves_no_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, trouble: Callable[[], BaseException]
) -> None:
    """Trouble comes when the boards of one game more are in their file, and nothing else of that game is."""
    monkeypatch.setattr(trainer.data.units, "UNIT_BYTES", 2000)
    monkeypatch.setattr(trainer.data.pack, "SECONDS_A_NOTE", 0.0)
    file = written(tmp_path, *games(120))
    whole = pack([file], tmp_path / "whole", 9)
    add, games_added = Part.add, list[int]()

    def fail_after(part: Part, made: Packed, numbers: Sequence[int]) -> None:
        taken = list(numbers)[: after - len(games_added)]
        add(part, made, taken)
        games_added.extend(taken)
        if len(taken) < len(numbers):
            part._files[0].write(made.rows[numbers[len(taken)]].tobytes())
            raise trouble()

    with monkeypatch.context() as patch:
        patch.setattr(Part, "add", fail_after)
        with pytest.raises((Stopped, UserError)) as caught:
            pack([file], tmp_path / "packed", 9)
    if trouble is full_disk:
        assert str(caught.value).endswith("(No space left on device); the same command goes on")
    assert pack([file], tmp_path / "packed", 9) == whole
    assert contents(tmp_path / "packed") == contents(tmp_path / "whole")


def test_a_disk_that_is_full_in_the_end_costs_no_packing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, *games(20))
    whole = pack([file], tmp_path / "whole", 9, selection=Selection(sample=2))

    def full(target: Path, array: npt.NDArray[Any]) -> None:
        target.write_bytes(array.tobytes()[:100])
        raise full_disk()

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        with pytest.raises(UserError, match="No space left on device"):
            pack([file], tmp_path / "packed", 9, selection=Selection(sample=2))
    shares: list[float] = []
    again = pack([file], tmp_path / "packed", 9, lambda share, _: shares.append(share), Selection(sample=2))
    assert not shares, "units were packed again"
    assert again == whole
    assert contents(tmp_path / "packed") == contents(tmp_path / "whole")


@needs_limits
def test_files_that_the_system_does_not_let_grow(tmp_path: Path) -> None:
    """As on a full disk, what the files have not taken yet is still to be written when they are closed."""
    file = written(tmp_path, *games(40))
    pack([file], tmp_path / "compiled", 9)
    done = run_limited(20000, "data", "pack", file, "--out", tmp_path / "packed", "--size", "9")
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].endswith(
        "cannot be written (File too large); the same command goes on"
    )
    assert "Traceback" not in done.stderr
    assert pack([file], tmp_path / "packed", 9).games == 40


def test_units_hold_whole_games(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer.data.units, "UNIT_BYTES", 300)
    file = written(tmp_path, *games(12, length=10))
    units: list[Unit] = list(units_of(read_sources([file])))
    assert len(units) > 3
    assert b"".join(unit.content.tobytes() for unit in units) == file.read_bytes()


# The lint


def test_the_lint_names_what_is_wrong_and_counts_what_is_right(tmp_path: Path) -> None:
    moves = random_game(9, 60, Random(1), passes=0).moves
    texts = [
        sgf_text(9, moves, "B+R", root="BR[6d]WR[7d]"),
        sgf_text(9, turned(moves, 9, 5), "B+R"),
        sgf_text(9, moves[:20], "W+0.5", root="HA[2]"),
        "(;SZ[9];B[aa];W[aa])",
        "(;SZ[13];B[aa])",
    ]
    other = written(tmp_path, sgf_text(9, moves[:30], ""), name="other.sgf")
    findings = check_records([written(tmp_path, *texts), other], 9)
    assert (findings.report.games, findings.report.positions) == (4, 60 + 60 + 20 + 30)
    assert dict(findings.report.skipped) == {"an illegal move": 1, "another board size than 9": 1}
    assert findings.report.examples["an illegal move"].endswith("games.sgf, game 4, move 2, White A9")
    assert findings.duplicates == 1
    assert findings.lengths == {"50-99": 2, "1-49": 2}
    assert findings.results == {"Black won": 2, "White won": 1, "nobody, or unknown": 1}
    assert findings.handicaps == {"0": 3, "2": 1}
    assert findings.ranks == {"6d": 1, "7d": 1, "unknown": 6}
    assert findings.report.files[str(other)] == {"seen": 1, "games": 1, "positions": 30}
    assert json.loads(json.dumps(findings.as_dict()))["duplicates"] == 1


def test_the_lint_reads_packed_data_and_finds_damage(tmp_path: Path) -> None:
    file = written(tmp_path, *games(40))
    pack([file], tmp_path / "packed", 9, selection=Selection(holdout=0.3))
    clean, packed = check_records([file], 9), check_records([tmp_path / "packed"], 9)
    assert (packed.damaged, packed.report.games) == ([], 40)
    assert (packed.lengths, packed.results, packed.komi) == (clean.lengths, clean.results, clean.komi)
    rows = tmp_path / "packed" / TRAIN / "positions.bin"
    content = bytearray(rows.read_bytes())
    content[100] ^= 1
    rows.write_bytes(content)
    assert damaged_files(tmp_path / "packed" / TRAIN) == ["positions.bin"]
    assert check_records([tmp_path / "packed"], 9).damaged == [str(rows)]
