"""Parts common to the benchmarks of devices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, TypeAlias

import typer

from engines.evaluator.devices import identity
from engines.evaluator.load import EvaluatorPlan
from lzeval.system.bundled import bundled_networks
from lzeval.system.devices import DEVICE_HELP
from lzeval.system.machine import hardware

Device: TypeAlias = Annotated[str, typer.Option(help=DEVICE_HELP)]
Networks: TypeAlias = Annotated[
    list[str] | None, typer.Option(help="Of small, big and huge; all if not given.")
]
NAMES = ("small", "big", "huge")


@contextmanager
def network_files(names: list[str] | None) -> Iterator[dict[str, Path]]:
    """A network file by each name: bundled ones, and one that has learnt nothing where none is bundled."""
    import torch

    from lzeval.network.network import SHAPES, LeelaNetwork

    known = bundled_networks()
    with TemporaryDirectory() as folder:
        found = {}
        for name in names or NAMES:
            if name not in known:
                torch.manual_seed(1)
                content = {
                    "shape": asdict(SHAPES[name]),
                    "state_dict": LeelaNetwork(SHAPES[name]).state_dict(),
                }
                torch.save(content, Path(folder) / f"{name}.ckpt")
            found[name] = known.get(name, Path(folder) / f"{name}.ckpt")
        yield found


def device_facts(plan: EvaluatorPlan) -> dict[str, object]:
    runs_on = hardware()["processor"] if plan.is_on_cores else identity(plan.device)
    return {"device": plan.device, "runs_on": runs_on}
