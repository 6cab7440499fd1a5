from __future__ import annotations

from pathlib import Path

import pytest

from lzeval.core.errors import UserError
from trainer.sweep import plan_sweep

BASIC = ["data.train=games, old.sgf", "max_time=45m"]


def test_every_combination_once_and_named_by_what_differs(tmp_path: Path) -> None:
    runs = plan_sweep([*BASIC, "optimizer.lr=0.01,0.02", "network=small,big", "seed=3"], tmp_path)
    assert [run.name for run in runs] == [
        "0-optimizer.lr=0.01,network=small",
        "1-optimizer.lr=0.01,network=big",
        "2-optimizer.lr=0.02,network=small",
        "3-optimizer.lr=0.02,network=big",
    ]
    facts = [(run.config.optimizer.lr, run.config.network.filters, run.config.seed) for run in runs]
    assert facts == [(0.01, 32, 3), (0.01, 128, 3), (0.02, 32, 3), (0.02, 128, 3)]
    assert [run.config.run for run in runs] == [str(tmp_path / run.name) for run in runs]
    assert runs[0].config.data.sources("train") == ["games, old.sgf"]


def test_where_the_runs_go(tmp_path: Path) -> None:
    runs = plan_sweep([*BASIC, "seed=1,2", f"run={tmp_path}"])
    assert {Path(str(run.config.run)).parent for run in runs} == {tmp_path}
    (named,) = {Path(str(run.config.run)).parent for run in plan_sweep([*BASIC, "seed=1,2"])}
    assert (named.parent, named.name[:6]) == (Path("runs"), "sweep-")


def test_lists_are_one_value_and_mistakes_are_found_before_anything_runs() -> None:
    with pytest.raises(UserError, match="needs a setting with several values"):
        plan_sweep([*BASIC, "data.weights=[1]"])
    with pytest.raises(UserError, match="choose one of big, huge, small"):
        plan_sweep([*BASIC, "network=small,bigg"])
