"""Benchmark of positions on their way from files to tensors: packing, chunks, and the loader alone.

    python -m benchmarks.loading records.sgf --chunk train.0.gz

On one core. The peers: Leela Zero's own program, which makes chunks of SGF (`dump_supervised`); and a reader of text
chunks in plain Python and NumPy, such as training scripts have. Each does the same work as ours in the same run.
"""

from __future__ import annotations

import gzip
import subprocess
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.match_vs_leelaz import find_leelaz
from benchmarks.packing import made_up_records
from benchmarks.report import present, restrict_to, run
from lzeval.records.input.split_games import split_games
from lzeval.system.archives import read_bytes
from lzeval.system.bundled import resolve_network
from lzeval.system.memory import keep_freed_memory
from trainer.data.batches import ShuffledBatches
from trainer.data.chunks.text import read_v1, write_v1
from trainer.data.pack import pack
from trainer.data.packed import PackedData, open_packed
from trainer.data.unpack import all_positions

SIZE = 19
BATCH = 256


def timed(work: Callable[[], int], seconds: float = 3.0) -> float:
    """Positions a second of `work`, which returns how many it did; a first time is not counted."""
    work()
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        count += work()
    return count / (time.perf_counter() - started)


def dump_supervised(sgf: Path, folder: Path) -> tuple[int, float]:
    """Let Leela Zero's program make chunks of `sgf`. Returns the positions and the seconds, its start not counted."""
    weights = resolve_network("small")
    command = [find_leelaz(), "--cpu-only", "--gtp", "--quiet", "-w", str(weights)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=folder,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        seconds = []
        for line in ("name", f"dump_supervised {sgf.name} out"):
            started = time.perf_counter()
            process.stdin.write(line + "\n")
            process.stdin.flush()
            while process.stdout.readline().strip():
                pass
            seconds.append(time.perf_counter() - started)
        process.stdin.write("quit\n")
        process.stdin.flush()
        process.wait()
    lines = sum(gzip.decompress(file.read_bytes()).count(b"\n") for file in folder.glob("out.*.gz"))
    return lines // 19, seconds[1]


def read_plainly(content: bytes) -> int:
    """Read v1 chunks as short scripts do, line by line with NumPy, to planes and probabilities."""
    lines = content.decode().split("\n")
    count = len(lines) // 19
    for number in range(count):
        block = lines[19 * number : 19 * (number + 1)]
        planes = []
        for line in block[:16]:
            bits = np.unpackbits(np.frombuffer(bytearray.fromhex(line[:90]), np.uint8))
            planes.append(np.append(bits, int(line[90])))
        np.stack(planes)
        np.array(block[17].split(), np.float32)
    return count


def _load(data: PackedData, *, as_bits: bool = False) -> Callable[[], int]:
    """Batches as the training step takes them: planes of bytes, or bits for a device that unpacks them itself."""
    batches = iter(ShuffledBatches([data], BATCH, 1, as_bits=as_bits))
    return lambda: sum(len(batch.planes) for batch in islice(batches, 8))


def main(
    records: Annotated[
        Path | None, typer.Argument(help="SGF, plain or compressed; made up if not given.")
    ] = None,
    chunk: Annotated[Path | None, typer.Option(help="A v1 chunk; made of the records if not given.")] = None,
    games: Annotated[int, typer.Option(min=1, help="So many games of the records.")] = 500,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure positions a second on one core, beside peers."""
    restrict_to(1)
    keep_freed_memory()  # as training does
    text = read_bytes(records) if records is not None else made_up_records(games)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sgf = folder / "games.sgf"
        sgf.write_bytes(b"\n".join(game for game, _ in islice(split_games(text), games)))
        packing = timed(lambda: pack([sgf], folder / "packed", SIZE, threads=1).positions)
        dumped, seconds = dump_supervised(sgf, folder)
        data = open_packed(folder / "packed")
        content = read_bytes(chunk) if chunk is not None else write_v1(all_positions(data), SIZE)
        reading = timed(lambda: len(read_v1(content, SIZE)[0].winner))
        plainly = timed(lambda: read_plainly(content))
        loading = timed(_load(data))
        loading_bits = timed(_load(data, as_bits=True))
    rows: list[dict[str, object]] = [
        {
            "what": "packing SGF",
            "positions_a_second": packing,
            "times_its_peer": packing / (dumped / seconds),
        },
        {"what": "  leelaz dump_supervised", "positions_a_second": dumped / seconds, "times_its_peer": None},
        {"what": "reading v1 chunks", "positions_a_second": reading, "times_its_peer": reading / plainly},
        {"what": "  plain Python and NumPy", "positions_a_second": plainly, "times_its_peer": None},
        {"what": "loader to tensors", "positions_a_second": loading, "times_its_peer": None},
        {"what": "loader to bits, for a GPU", "positions_a_second": loading_bits, "times_its_peer": None},
    ]
    present(rows, {"bytes_a_position": data.rows.nbytes / len(data)}, as_json=as_json)


if __name__ == "__main__":
    run(main)
