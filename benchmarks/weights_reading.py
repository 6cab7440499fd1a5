"""Benchmark of reading: how fast a large network's weights file is read.

    python -m benchmarks.weights_reading --blocks 40 --filters 256

A file of random numbers with six digits, as Leela Zero's server had them, is made in a temporary folder and read on one
core: plain and gzipped, as `lzeval` reads it, with the SHA-256 of its text; and plain by NumPy, a line at a time, as
`lzeval` did before it had a reader of its own, without any SHA-256. They take turns. All must read the same numbers.
"""

from __future__ import annotations

import gzip
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.report import present, restrict_to, run
from lzeval.compiled.arrays import Floats32
from lzeval.network.weights_file.layout import NetworkShape, tensor_layout
from lzeval.network.weights_file.weights import read_hashed

MOST_SAMPLED = 100_000
"""Different numbers of a made-up network; beyond, they come again."""


def made_up_file(path: Path, shape: NetworkShape) -> None:
    """Write a network of random numbers, variances above 0."""
    random = np.random.default_rng(1)
    texts = np.array([b"%.6g" % abs(number) for number in random.normal(0, 0.05, MOST_SAMPLED) if number])
    with path.open("wb") as file:
        file.write(b"1\n")
        for spec in tensor_layout(shape):
            chosen = texts[random.integers(len(texts), size=spec.length)].tolist()
            file.write(b" ".join(chosen) + b"\n")


def read_by_numpy(path: Path) -> list[Floats32]:
    return [np.fromstring(line, np.float32, sep=" ") for line in path.read_bytes().split(b"\n")[1:-1]]


def read_by_lzeval(path: Path) -> list[Floats32]:
    weights, _ = read_hashed(path)
    return [tensor.ravel() for tensor in weights.tensors.values()]


def timed(read: Callable[[Path], list[Floats32]], path: Path, expected: float | None) -> tuple[float, float]:
    """Seconds, and the sum of the numbers, which must be `expected` if that is known."""
    begun = time.perf_counter()
    rows = read(path)
    seconds = time.perf_counter() - begun
    total = float(sum(row.sum(dtype=np.float64) for row in rows))
    assert expected is None or total == expected
    return seconds, total


def main(
    blocks: Annotated[int, typer.Option(help="Of the made-up network.")] = 10,
    filters: Annotated[int, typer.Option(help="Of the made-up network.")] = 256,
    rounds: Annotated[int, typer.Option(min=1, help="How often each reads.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read a large weights file with lzeval and with NumPy."""
    restrict_to(1)
    shape = NetworkShape(blocks, filters)
    with tempfile.TemporaryDirectory() as folder:
        plain, packed = Path(folder) / "net.txt", Path(folder) / "net.txt.gz"
        made_up_file(plain, shape)
        with plain.open("rb") as source, gzip.open(packed, "wb", compresslevel=6) as target:
            shutil.copyfileobj(source, target, 1 << 20)
        size = plain.stat().st_size
        read_by_lzeval(plain)  # which compiles
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        readers = {
            "lzeval, plain": (read_by_lzeval, plain),
            "lzeval, gzipped": (read_by_lzeval, packed),
            "NumPy, plain": (read_by_numpy, plain),
        }
        times: dict[str, list[float]] = {name: [] for name in readers}
        total: float | None = None
        for _ in range(rounds):
            for name, (read, path) in readers.items():
                seconds, total = timed(read, path, total)
                times[name].append(seconds)
    medians = {name: statistics.median(each) for name, each in times.items()}
    rows = [
        {
            "reader": name,
            "seconds": each,
            "MB_a_second": size / 1e6 / each,
            "times_numpy": medians["NumPy, plain"] / each,
        }
        for name, each in medians.items()
    ]
    numbers = sum(spec.length for spec in tensor_layout(shape))
    facts = {
        "network": str(shape),
        "numbers": numbers,
        "text_MB": size / 1e6,
        "peak_memory_of_lzeval_MiB": memory,
    }
    present(rows, facts, as_json=as_json)


if __name__ == "__main__":
    run(main)
