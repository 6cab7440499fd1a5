"""Packing, measuring and training on the nodes of a cluster: the results are those of one machine."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import trainer.data.units
from lzeval.cli.main import application
from lzeval.cluster.connection import connected
from lzeval.errors import UserError
from tests.support.make_games import random_game, sgf_text
from tests.support.ray_cluster import RayCluster
from tests.support.tiny_runs import (
    BATCH,
    STEPS,
    as_overrides,
    assert_same_training,
    logged,
    resume,
    settings,
    state,
)
from trainer.cluster import driver, folders, members
from trainer.cluster.driver import Session, train_on
from trainer.cluster.members import NodeLostError
from trainer.cluster.node import PackedFolder
from trainer.cluster.sweep import train_side_by_side
from trainer.data.pack import pack
from trainer.data.packed import open_packed
from trainer.data.selection import Selection
from trainer.runs import answers
from trainer.runs.answers import excerpt
from trainer.runs.evaluate import measure_network
from trainer.settings.config import TrainConfig
from trainer.training.callbacks import ProgressLine
from trainer.training.run import train
from trainer.training.sweep import SweepRun

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
    assert there == here


# Training


def over_ray(records: Path, run: Path, steps: int = STEPS, nodes: int = 2) -> TrainConfig:
    """Half of a batch a node, so that a step has as many positions as one process's."""
    config = settings(records, run, steps, batch_size=BATCH // nodes)
    config.trainer.nodes, config.trainer.strategy, config.trainer.devices = nodes, "ray", "auto"
    config.optimizer.name, config.optimizer.lr = "sgd", 0.01
    return config


class BothNodes:
    """Random numbers of a step as two nodes draw them, each for its half of the batch."""

    def __init__(self, key: object) -> None:
        self._key = key

    def integers(self, low: int, high: int, count: int, *kind: object) -> object:
        if high != 8:  # of the order of positions, which does not depend on the number of nodes
            return GENERATOR(self._key).integers(low, high, count, *kind)
        seed, step, _ = self._key  # type: ignore[misc]
        return np.concatenate(
            [GENERATOR((seed, step, 1 + rank)).integers(low, high, count // 2) for rank in (0, 1)]
        )


GENERATOR = np.random.default_rng


def as_if_elsewhere(folder: PackedFolder) -> PackedFolder:
    """The data set as nodes find it that see nothing of the driver's disk: what lies there is not the same."""
    return replace(folder, meta=folder.meta + b" ")


@pytest.mark.slow
def test_two_nodes_learn_what_one_process_learns_and_one_goes_on(
    ray_cluster: RayCluster, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = settings(records, tmp_path / "one", batch_size=BATCH)
    one.optimizer.name, one.optimizer.lr = "sgd", 0.01
    with monkeypatch.context() as patch:
        patch.setattr(np.random, "default_rng", BothNodes)
        train(one)
    pack_folder = folders._packed_folder
    monkeypatch.setattr(folders, "_packed_folder", lambda data: as_if_elsewhere(pack_folder(data)))
    monkeypatch.setattr(folders, "PIECE_BYTES", 5000)
    with connected(ray_cluster.address) as cluster:
        trained = train_on(cluster, over_ray(records, tmp_path / "two"))
        assert trained.positions == STEPS * BATCH
        assert train_on(cluster, over_ray(records, tmp_path / "two")).was_over
    sent = [path for node in ray_cluster.nodes for path in ray_cluster.cache(node).glob("packed/sent-*")]
    assert len(sent) == 2
    (packed,) = records.glob("cache/packed/*/meta.json")
    assert all(contents(path) == contents(packed.parent) for path in sent)
    first, second = (state(tmp_path / name / "latest.ckpt") for name in ("one", "two"))
    assert first["lzeval"]["positions"] == second["lzeval"]["positions"] == STEPS * BATCH
    assert first["global_step"] == second["global_step"] == STEPS
    for name, value in first["state_dict"].items():
        torch.testing.assert_close(value, second["state_dict"][name], atol=2e-4, rtol=2e-3, msg=name)
    losses = [logged(tmp_path / name, "train/loss") for name in ("one", "two")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    held = [logged(tmp_path / name, "holdout/loss") for name in ("one", "two")]
    assert held[0] == pytest.approx(held[1], rel=1e-3)


class Watching(ProgressLine):
    """Counts what is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[float] = []

    def begin(self) -> None:
        pass

    def show(self, share: float, text: str) -> None:
        assert "positions" in text
        self.shown.append(share)


def endless(records: Path, run: Path) -> TrainConfig:
    config = over_ray(records, run, steps=10**6)
    config.watch.save_every = "0.2s"
    return config


@pytest.mark.slow
@pytest.mark.parametrize("mirrored", [False, True], ids=["here", "elsewhere"])
def test_a_lost_node_costs_little_and_others_go_on(
    ray_cluster: RayCluster, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirrored: bool
) -> None:
    """Also where the first process does not see the driver's disk."""
    run, watching = tmp_path / "run", Watching()
    if mirrored:
        monkeypatch.setattr(driver, "sees", lambda *_: False)
        monkeypatch.setattr(folders, "FETCH_EVERY_S", 0.5)
    killed: list[str] = []

    def kill_when_saved() -> bool:
        if (run / "latest.ckpt").exists() and not killed:
            killed.append("a node")
            ray_cluster.remove_node(ray_cluster.nodes[-1])
        return False

    ray_cluster.remove_node(ray_cluster.nodes[-1])  # so that both that are left take part
    with connected(ray_cluster.address) as cluster:
        with pytest.raises(
            NodeLostError, match=r"a node was lost in training \(.*\); [\d,]+ positions are saved: to go"
        ):
            train_on(cluster, endless(records, run), session=Session(watching, kill_when_saved))
        assert killed
        saved = state(run / "latest.ckpt")["lzeval"]["positions"]
        assert saved > 0
        assert not list(run.glob(".*.tmp"))
    resumed = resume(run, "trainer=cpu", "trainer.threads=1", f"max_positions={saved + 10 * BATCH}")
    assert resumed.positions == saved + 10 * BATCH


@pytest.mark.slow
def test_asked_to_stop_all_save_and_the_run_goes_on_over_ray(
    ray_cluster: RayCluster, records: Path, tmp_path: Path
) -> None:
    run, watching = tmp_path / "run", Watching()
    config = over_ray(records, run, steps=10**6)
    with connected(ray_cluster.address) as cluster:
        with pytest.raises(KeyboardInterrupt):
            train_on(cluster, config, session=Session(watching, lambda: len(watching.shown) > 3))
        saved = state(run / "latest.ckpt")["lzeval"]["positions"]
        assert saved >= 40 * BATCH
        config.max_positions = saved + 5 * BATCH
        assert train_on(cluster, config, resuming=True).positions == config.max_positions


def test_mistakes_are_one_line(
    ray_cluster: RayCluster, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "FREE_WITHIN_S", 2.0)
    with connected(ray_cluster.address) as cluster:
        many = over_ray(records, tmp_path / "many", nodes=4)
        with pytest.raises(UserError, match=r"trainer\.nodes=4: the cluster has 3 nodes with a core"):
            train_on(cluster, many)
        wide = over_ray(records, tmp_path / "wide")
        wide.trainer.threads = 2
        with pytest.raises(UserError, match=r"no 2 nodes with 2 cores free each; .* trainer\.threads=1"):
            train_on(cluster, wide)
        graphic = over_ray(records, tmp_path / "gpu")
        graphic.trainer.accelerator = "gpu"
        with pytest.raises(UserError, match=r"trainer\.nodes=2: the cluster has 0 nodes with a GPU"):
            train_on(cluster, graphic)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_sweep_side_by_side(ray_cluster: RayCluster, records: Path, tmp_path: Path) -> None:
    """Each run as it is without a cluster, and one that fails."""
    base = settings(records, tmp_path, STEPS)
    base.run, base.optimizer.name, base.schedule.warmup = None, "sgd", 0
    typed = [each for each in as_overrides(base) if not each.startswith(("run=", "optimizer.lr="))]
    command = ["train", "--multirun", *typed, "optimizer.lr=0.01,1e30,0.02", f"run={tmp_path / 'there'}"]
    outcome = CliRunner().invoke(application("train"), [*command, "--cluster", ray_cluster.address])
    assert outcome.exit_code == 1, outcome.output
    assert "1-optimizer.lr=1e30 failed: the loss is nan at step 1" in outcome.stderr
    rows = [
        line.split()[:2] for line in outcome.stdout.splitlines() if line.strip()[:2] in ("0-", "1-", "2-")
    ]
    assert sorted(state for _, state in rows) == ["failed", "finished", "finished"], outcome.stdout
    for number, rate in ((0, "0.01"), (2, "0.02")):
        alone = settings(records, tmp_path / rate, STEPS)
        alone.optimizer, alone.schedule = deepcopy(base.optimizer), base.schedule
        alone.optimizer.lr = float(rate)
        train(alone)
        there = tmp_path / "there" / f"{number}-optimizer.lr={rate}"
        assert_same_training(state(there / "latest.ckpt"), state(tmp_path / rate / "latest.ckpt"))


@pytest.mark.slow
def test_a_run_of_a_sweep_whose_node_is_lost_goes_on_elsewhere(
    ray_cluster: RayCluster, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings(records, tmp_path / "run", 1000)
    config.watch.save_every, config.trainer.threads = "0.5s", 2
    large = [ray_cluster.add_node(cores=2) for _ in range(2)]  # those that have room for it
    monkeypatch.setattr(driver, "sees", lambda *_: False)
    monkeypatch.setattr(folders, "FETCH_EVERY_S", 0.5)
    fetch, killed = folders.Mirror.fetch, list[object]()

    def kill_when_fetched(mirror: folders.Mirror) -> None:
        fetch(mirror)
        if not killed and (tmp_path / "run" / "latest.ckpt").exists():
            (node,) = (node for node in large if list(ray_cluster.cache(node).glob("runs/*/latest.ckpt")))
            killed.append(node)
            large.remove(node)
            ray_cluster.remove_node(node)

    monkeypatch.setattr(folders.Mirror, "fetch", kill_when_fetched)
    with connected(ray_cluster.address) as cluster:
        ((_, problem),) = train_side_by_side(cluster, [SweepRun("run", config)])
    assert problem is None
    assert len(killed) == 1
    assert state(tmp_path / "run" / "latest.ckpt")["lzeval"]["positions"] == 1000 * BATCH
    assert len(list((tmp_path / "run").glob("csv*"))) == 2
    ray_cluster.remove_node(*large)
