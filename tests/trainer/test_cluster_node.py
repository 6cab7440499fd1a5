"""A node's part in training, without Ray: what is sent to it, and what it gives back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lzeval.errors import UserError
from lzeval.version import __version__
from tests.support.tiny_runs import settings
from trainer.cluster.folders import LATEST, _packed_folder, _pieces
from trainer.cluster.node import Heard, TrainingNode
from trainer.cluster.process import ABANDONED, INTERRUPTED, Job
from trainer.data.pack import pack
from trainer.data.packed import open_packed


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingNode:
    monkeypatch.setenv("LZEVAL_CACHE_DIR", str(tmp_path / "cache"))
    return TrainingNode(__version__, "127.0.0.1")


def test_another_version_takes_no_part() -> None:
    with pytest.raises(UserError, match=rf"has lzeval {__version__}, .* 9\.9"):
        TrainingNode("9.9", "127.0.0.1")


def test_data_is_sent_once_and_what_comes_damaged_is_refused(
    node: TrainingNode, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.cluster.folders.PIECE_BYTES", 1000)
    pack([records / "train.sgf"], tmp_path / "packed", 5)
    sent = _packed_folder(open_packed(tmp_path / "packed"))
    assert node.place_of(sent) == (sent.path, True)
    (tmp_path / "packed").rename(tmp_path / "moved")
    place, is_there = node.place_of(sent)
    assert not is_there
    for damage in (b"", b"x"):
        for name in sent.lengths:
            for start, piece in _pieces(tmp_path / "moved" / name):
                node.receive(place, name, start, piece)
                node.receive(place, name, start, damage + piece if name == "positions.bin" else piece)
        if damage:
            with pytest.raises(UserError, match=r"positions\.bin came damaged"):
                node.received(place)
        else:
            node.received(place)
            assert node.place_of(sent) == (place, True)
            assert {file.name: file.read_bytes() for file in Path(place).iterdir()} == {
                file.name: file.read_bytes() for file in (tmp_path / "moved").iterdir()
            }
            (Path(place) / "positions.bin").write_bytes(b"")
            assert node.place_of(sent) == (place, False)


def heard_from(node: TrainingNode) -> Heard:
    (heard,) = node.listen()
    return heard


def wait_until(node: TrainingNode, told: str) -> None:
    deadline = time.monotonic() + 120
    heard = heard_from(node)
    while not any(told in line for line in heard.told):
        assert heard.status is None, heard.last_lines
        assert time.monotonic() < deadline
        time.sleep(0.1)
        heard = heard_from(node)


@pytest.mark.slow
def test_a_process_stops_as_it_is_asked_and_ends_with_its_node(
    node: TrainingNode, records: Path, tmp_path: Path
) -> None:
    config = settings(records, tmp_path / "run", 10**6)
    here = settings(records, Path(node.own_folder({}, ["csv"])), 10**6)
    node.begin(Job(config, here, resuming=False), [{}])
    wait_until(node, "progress")
    assert node.changed_files({}).keys() >= {"config.yaml"}
    node.stop()
    deadline = time.monotonic() + 60
    while (heard := heard_from(node)).status is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert heard.status == INTERRUPTED
    changed = node.changed_files({})
    assert changed.keys() >= {LATEST, "config.yaml", "csv-2/metrics.csv"}
    assert not node.changed_files({name: stamp for name, (stamp, _) in changed.items()})
    node.end()
    assert not Path(str(here.run)).exists()

    other = TrainingNode(__version__, "127.0.0.1")
    here.run = other.own_folder({}, [])
    other.begin(Job(config, here, resuming=False), [{}])
    wait_until(other, "progress")
    stdin = other._processes[0].popen.stdin
    assert stdin is not None
    stdin.close()  # as when the actor's process is killed
    assert other._processes[0].popen.wait(30) == ABANDONED
    other.end()
