from __future__ import annotations

import errno
import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import JIGO, win
from tournaments.games.faults import Fault, Incident
from tournaments.store.game_log import (
    FORMAT,
    FinishedGame,
    GameLog,
    decode_game,
    encode_game,
    encode_incident,
    history_of,
    open_log,
    read_log,
)


def game(number: int, matchup: str = "0") -> FinishedGame:
    record = GameRecord(
        game_id=f"{matchup}_{number}",
        black="alpha",
        white="βeta",
        result=win(Colour.WHITE, 3.5, "a note") if number else JIGO,
        moves=((Colour.BLACK, 3), (Colour.WHITE, 81), (Colour.BLACK, number)),
        size=9,
        komi=7.5,
        handicap=2,
        setup_black=(20, 60),
        date="2026-01-31 12:30",
        event="cup",
        opening="C3 D4",
        pair=number // 2,
        seed=2**52 + number,
        black_engine="Alpha:1",
        white_engine="Beta:2",
        black_description="two\nlines",
        white_description="",
        black_cpu_s=1.25,
        white_cpu_s=None,
        end_comment="βeta final_score: B+1",
        move_notes={1: "why\nnot"},
        properties={"TM": "60"},
    )
    incidents = (Incident("alpha", Fault.DISPUTE, "alpha says B+1", None),)
    return FinishedGame(matchup, number, record, 2.5, incidents, ({"BL": "9.5"}, {"WL": "8"}, {"BL": "7"}))


def filled(path: Path, games: int = 5) -> Path:
    with open_log(path) as log:
        for number in range(games):
            log.append(encode_game(game(number)))
    return path


def numbers_in(path: Path) -> list[int]:
    return [number for _, number in history_of(read_log(path).entries).games]


def test_a_game_comes_back_as_it_was(tmp_path: Path) -> None:
    path = filled(tmp_path / "log")
    assert list(history_of(read_log(path).entries).games.values()) == [game(number) for number in range(5)]
    assert decode_game(encode_game(game(3))).record.move_notes == {1: "why\nnot"}


def test_an_empty_log_and_one_that_is_not_there(tmp_path: Path) -> None:
    assert read_log(tmp_path / "no").entries == []
    with open_log(tmp_path / "log"):
        pass
    assert read_log(tmp_path / "log").entries == [FORMAT]
    with open_log(tmp_path / "log") as log:
        assert log.content.entries == [FORMAT]


def test_cut_anywhere_it_keeps_the_whole_records(tmp_path: Path) -> None:
    """As a kill in the middle of a write leaves it: every length is tried, reading and writing on."""
    data = filled(tmp_path / "log", games=3).read_bytes()
    ends = [place + 1 for place, byte in enumerate(data) if byte == 10]
    path = tmp_path / "cut"
    lengths = [*random.Random(1).sample(range(len(data)), 120), *ends, *(end - 1 for end in ends), 0]
    for length in lengths:
        path.write_bytes(data[:length])
        whole = max(0, sum(end <= length for end in ends) - 1)
        assert numbers_in(path) == list(range(whole))
        assert read_log(path).damaged == []
        with open_log(path) as log:
            log.append(encode_game(game(9)))
        assert numbers_in(path) == [*range(whole), 9]


def test_a_last_line_of_zeros_is_torn_too(tmp_path: Path) -> None:
    """What some file systems leave after a power failure."""
    path = filled(tmp_path / "log", games=2)
    path.write_bytes(path.read_bytes() + bytes(500))
    with open_log(path) as log:
        log.append(encode_game(game(2)))
    assert numbers_in(path) == [0, 1, 2]


@pytest.mark.parametrize("line", [1, 2, 3])
def test_damage_costs_one_record_and_is_told(tmp_path: Path, line: int) -> None:
    path = filled(tmp_path / "log", games=4)
    lines = path.read_bytes().split(b"\n")
    middle = len(lines[line]) // 2
    lines[line] = lines[line][:middle] + bytes([lines[line][middle] ^ 1]) + lines[line][middle + 1 :]
    path.write_bytes(b"\n".join(lines))
    assert read_log(path).damaged == [line + 1]
    assert numbers_in(path) == [number for number in range(4) if number != line - 1]


def test_every_single_bit_is_checked(tmp_path: Path) -> None:
    path = filled(tmp_path / "log", games=1)
    data = path.read_bytes()
    start = data.index(b"\n") + 1
    for place in random.Random(2).sample(range(start, len(data) - 1), 100):
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :] + b"end")
        assert numbers_in(path) == []


def test_what_is_no_log_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for text in ("my notes\nof last week\n", "\n", "00000000 {}\n"):
        path.write_text(text)
        with pytest.raises(UserError, match="is no log of a tournament"):
            GameLog(path)
        assert path.read_text() == text


def test_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("tournaments.store.game_log.FORMAT", {**FORMAT, "version": 99})
        filled(tmp_path / "log", games=1)
    with pytest.raises(UserError, match="another version of lzeval"):
        read_log(tmp_path / "log")


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as POSIX does")
def test_a_full_disk_leaves_the_log_whole(tmp_path: Path) -> None:
    """Half a record fits; what was there stays, and the log goes on when there is room again."""
    import resource
    import signal

    path = filled(tmp_path / "log", games=2)
    limit = path.stat().st_size + 100
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open_log(path) as log:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
            with pytest.raises(UserError, match=r"cannot be written \(File too large\); every game"):
                log.append(encode_game(game(2)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)
        assert numbers_in(path) == [0, 1]
        log.append(encode_game(game(3)))
    assert numbers_in(path) == [0, 1, 3]


def test_a_disk_that_fails_to_keep_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    path = filled(tmp_path / "log", games=1)
    with open_log(path) as log:
        monkeypatch.setattr(os, "fsync", failing)
        with pytest.raises(UserError, match="Input/output error"):
            log.append(encode_game(game(1)))
        monkeypatch.undo()
    assert numbers_in(path) == [0]


def test_records_are_on_disk_before_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    path = tmp_path / "log"
    with open_log(path) as log:
        synced.clear()
        for number in range(3):
            log.append(encode_game(game(number)))
            assert synced[-1] == path.stat().st_size
        log.append({"kind": "start", "game": "0_3"}, durable=False)
    assert len(synced) == 3


def test_what_a_log_adds_up_to() -> None:
    crash = Incident("alpha", Fault.CRASH, "it ended", "void")
    void = {"kind": "void", "game": "0_1", "incidents": [encode_incident(crash)], "attempt": 1}
    entries: list[dict[str, Any]] = [
        dict(FORMAT),
        {"kind": "run", "settings": {"old": 1}},
        {"kind": "suspended", "player": "alpha", "why": "3 faults"},
        {"kind": "start", "game": "0_9"},
        {"kind": "run", "settings": {"new": 1}},
        {"kind": "start", "game": "0_0"},
        {"kind": "start", "game": "0_1"},
        {"kind": "start", "game": "0_2"},
        encode_game(game(0)),
        void,
        encode_game(game(0)),
        {"kind": "of the future"},
        {"kind": "suspended", "player": "βeta", "why": "3 faults"},
    ]
    history = history_of(entries)
    assert list(history.games) == [("0", 0)]
    assert history.settings == {"new": 1}
    assert set(history.suspended) == {"βeta"}
    assert set(history.started) == {"0_2"}
    assert history.voids == 1
    assert crash in history.incidents
