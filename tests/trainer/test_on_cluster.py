"""Packing, measuring and training on the nodes of a cluster: the results are those of one machine."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest

import trainer.data.units
from lzeval.cluster.connection import connected
from tests.support.make_games import random_game, sgf_text
from tests.support.ray_cluster import RayCluster
from trainer.data.pack import pack
from trainer.data.packed import open_packed
from trainer.data.selection import Selection
from trainer.runs import answers
from trainer.runs.answers import excerpt
from trainer.runs.evaluate import measure_network

SIZE = 9


@pytest.fixture(scope="module")
def games(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("games")
    for number in range(3):
        texts = [
            sgf_text(SIZE, random_game(SIZE, 60, Random(100 * number + seed)).moves) for seed in range(20)
        ]
        (folder / f"{number}.sgf").write_text("".join(texts) + "(;SZ[9];B[zz])", encoding="utf-8")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


class StoppedError(Exception):
    pass


def test_packed_files_are_the_same_and_an_interruption_goes_on_anywhere(
    ray_cluster: RayCluster, games: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer.data.units, "UNIT_BYTES", 1500)
    selection = Selection(holdout=0.2, sample=2)
    whole = pack([games], tmp_path / "whole", SIZE, selection=selection)
    assert whole.games == 60
    assert sum(whole.skipped.values()) == 3
    with connected(ray_cluster.address) as cluster:
        units = []
        again = pack(
            [games], tmp_path / "there", SIZE, lambda *done: units.append(done), selection, cluster=cluster
        )
        assert len(units) > 10
        assert again == whole
        assert contents(tmp_path / "there") == contents(tmp_path / "whole")
        for first, then in ((cluster, None), (None, cluster)):
            left = [4]

            def stop(share: float, positions: int, left: list[int] = left) -> None:
                left[0] -= 1
                if not left[0]:
                    raise StoppedError

            out = tmp_path / ("begun-there" if first else "begun-here")
            with pytest.raises(StoppedError):
                pack([games], out, SIZE, stop, selection, cluster=first)
            counts: list[float] = []
            report = pack([games], out, SIZE, lambda done, _: counts.append(done), selection, cluster=then)  # noqa: B023
            assert len(counts) == len(units) - 4
            assert report == whole
            assert contents(out) == contents(tmp_path / "whole")


def test_an_excerpt_answers_like_the_whole(games: Path, tmp_path: Path) -> None:
    pack([games], tmp_path / "packed", SIZE, selection=Selection(sample=3))
    data = open_packed(tmp_path / "packed")
    assert data.learn is not None
    chosen = np.sort(np.random.default_rng(1).choice(len(data), 100, replace=False))
    part = excerpt(data, chosen)
    assert len(part) == 100
    assert len(part.rows) < len(data.rows)
    none = np.zeros(100, np.int64)
    whole, cut = data.batch(chosen, none), part.batch(np.arange(100), none)
    for expected, found in zip(whole[:4], cut[:4], strict=True):
        np.testing.assert_array_equal(expected, found)


def test_measuring_gives_the_same_figures(
    ray_cluster: RayCluster, games: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from lzeval.network.leela import write_network
    from lzeval.network.network import LeelaNetwork, NetworkShape

    torch.manual_seed(3)
    write_network(LeelaNetwork(NetworkShape(1, 8, SIZE)).eval(), tmp_path / "net.txt")
    monkeypatch.setattr(answers, "BATCHES_A_TASK", 5)
    monkeypatch.setenv("LZEVAL_CACHE_DIR", str(tmp_path / "cache"))
    here = measure_network(str(tmp_path / "net.txt"), [str(games)], sample=1000)
    with connected(ray_cluster.address) as cluster:
        there = measure_network(str(tmp_path / "net.txt"), [str(games)], sample=1000, cluster=cluster)
    assert there["network"] == here["network"]
    assert there["phases"].keys() == here["phases"].keys()
    for name in ("positions", "top1", "top5", "policy_loss", "value_mse4", "calibration_error"):
        assert there[name] == pytest.approx(here[name], rel=1e-6), name
