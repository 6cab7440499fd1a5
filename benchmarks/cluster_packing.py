"""Benchmark of packing on a cluster: how much sooner two single-core nodes are done than one.

    python -m benchmarks.cluster_packing RECORDS.sgf --games 60000

The nodes are simulated on this machine, as `ray.cluster_utils` makes them; the driver, which reads, cuts, writes and
hashes, and Ray's own processes, which copy every byte twice, use cores of the same machine. Their processor time is
told, as on fewer than four cores it is what limits. Games repeat until there are enough; without records, random ones
are made up. All files are compared with those that this process packs by itself.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from benchmarks.packing import SIZE, made_up_records
from benchmarks.report import present, run
from lzeval.cluster.connection import Cluster, connected
from lzeval.errors import UserError
from lzeval.records.input.split_games import split_games
from lzeval.system.archives import read_bytes
from lzeval.system.cache import VARIABLE, cache_folder
from lzeval.system.files import file_sha256
from trainer.data.pack import pack
from trainer.data.packed import damaged_files
from trainer.data.sources import record_files

DIFFERENT = 2000
OBJECT_STORE_BYTES = 10**9


def main(
    records: Annotated[list[Path] | None, typer.Argument(help="SGF files or folders.")] = None,
    games: Annotated[int, typer.Option(min=1, help="How many to pack.")] = 60_000,
    rounds: Annotated[int, typer.Option(min=1, help="One node and two nodes, in turn.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure positions a second of a cluster of one and of two single-core nodes."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    text = (
        b"\n".join(map(read_bytes, record_files(records)))
        if records
        else made_up_records(min(games, DIFFERENT))
    )
    different = [game for game, _ in islice(split_games(text), games)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "games.sgf").write_bytes(b"\n".join(islice(cycle(different), games)))
        (folder / "few.sgf").write_bytes(different[0])
        rows = [_measured("this process, 1 thread", folder, None)]
        rows += _on_nodes(folder, rounds)
    one, two = (min(row["seconds"] for row in rows if row["what"] == what) for what in ("1 node", "2 nodes"))
    present(rows, {"times_as_fast": one / two}, as_json=as_json)


def _on_nodes(folder: Path, rounds: int) -> list[dict[str, Any]]:
    from ray.cluster_utils import Cluster as Simulated

    simulated = Simulated()
    facts = {"object_store_memory": OBJECT_STORE_BYTES, "env_vars": {VARIABLE: str(cache_folder())}}
    rows = []
    try:
        simulated.add_node(num_cpus=0, include_dashboard=False, **facts)
        simulated.add_node(num_cpus=1, **facts)
        with connected(simulated.address) as cluster:
            for _ in range(rounds):
                rows.append(_measured("1 node", folder, cluster))
                second = simulated.add_node(num_cpus=1, **facts)
                rows.append(_measured("2 nodes", folder, cluster))
                simulated.remove_node(second)
    finally:
        simulated.shutdown()
    return rows


def _measured(what: str, folder: Path, cluster: Cluster | None) -> dict[str, Any]:
    """Pack the games of `folder`, once a few of them have started the nodes' processes."""
    nodes = 0 if cluster is None else len(cluster.nodes()) - 1
    for number in range(4 * max(1, nodes)):
        pack([folder / "few.sgf"], folder / f"few-{number}", SIZE, threads=1, cluster=cluster)
    out = folder / "packed"
    before = _hashes(out) if out.exists() else None
    started, used, of_nodes = time.perf_counter(), time.process_time(), _nodes_cpu_s()
    report = pack([folder / "games.sgf"], out, SIZE, threads=1, cluster=cluster)
    seconds, own = time.perf_counter() - started, time.process_time() - used
    if damaged_files(out) or (before is not None and before != _hashes(out)):
        raise UserError(f"{what} has packed other files than one process")
    return {
        "what": what,
        "games": report.games,
        "positions": report.positions,
        "seconds": seconds,
        "positions_a_second": report.positions / seconds,
        "driver_cpu_s": own,
        "nodes_cpu_s": _nodes_cpu_s() - of_nodes,
    }


def _nodes_cpu_s() -> float:
    """Processor time of all processes below this one: Ray's own, and those that pack."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            total += sum(process.cpu_times()[:2])
    return total


def _hashes(folder: Path) -> dict[str, str]:
    return {file.name: file_sha256(file) for file in sorted(folder.iterdir())}


if __name__ == "__main__":
    run(main)
