"""Whatever holds positions, packed once: what training and `lzeval eval` read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.progress import TextColumn, TimeRemainingColumn

from lzeval.cluster.connection import Cluster
from lzeval.compiled.arrays import Ints64
from lzeval.errors import DataError, UserError
from lzeval.system.locks import locked
from lzeval.text.terminal import progress_bar, say
from lzeval.text.wording import counted
from trainer.data.pack import PackReport, pack, packed_version_of
from trainer.data.packed import TRAIN, PackedData, is_packed, open_packed, part_of
from trainer.data.selection import Selection
from trainer.data.sources import record_files


def prepare(sources: Sequence[str], cache: Path, size: int, part: str = TRAIN) -> PackedData:
    """The packed form of `sources`: a packed folder as it is, game records packed once into `cache`.

    Of a packed folder that was split, `part` is opened. Raises UserError, or its DataError for a folder that is damaged
    or packed for another board `size`.
    """
    if len(sources) == 1 and is_packed(Path(sources[0])):
        data = open_packed(part_of(Path(sources[0]), part))
        if data.size != size:
            raise DataError(f"{sources[0]}: packed for board size {data.size}, and {size} is wanted")
        if not len(data):
            raise DataError(f"{sources[0]}: holds no positions")
        return data
    packed = [source for source in sources if is_packed(Path(source))]
    if packed:
        raise UserError(
            f"{packed[0]}: is packed, and cannot be packed again together with others; give weights"
        )
    folder = packed_version_of(sources, cache, size)
    with locked(folder.with_name(folder.name + ".lock"), wait=True):  # other processes may want the same
        if not is_packed(folder):
            pack_with_progress(sources, folder, size)
    return open_packed(folder)


def pack_with_progress(
    sources: Sequence[str],
    folder: Path,
    size: int,
    selection: Selection | None = None,
    cluster: Cluster | None = None,
) -> PackReport:
    """`pack`, with a bar on stderr."""
    files = record_files(sources)
    names = ", ".join(file.name for file in files[:3])
    with progress_bar(TimeRemainingColumn(), TextColumn("{task.fields[count]:,} positions")) as bar:
        task = bar.add_task(f"packing {names}", total=1.0, count=0)
        report = pack(
            sources,
            folder,
            size,
            lambda share, count: bar.update(task, completed=share, count=count),
            selection,
            cluster=cluster,
        )
    skipped = "".join(f"; skipped {count} for {reason}" for reason, count in report.skipped.most_common())
    held = f", {report.holdout_positions:,} of them held out" if report.holdout_games else ""
    packed = f"{counted(report.positions, 'position')} of {counted(report.games, 'game')}"
    say(f"packed {packed}{held}{skipped}", err=True)
    return report


def sampled_positions(data: PackedData, count: int, seed: int = 0) -> Ints64:
    """`count` positions of `data`, or all if it has fewer; the same for the same seed."""
    if count >= len(data):
        return np.arange(len(data), dtype=np.int64)
    return np.sort(np.random.default_rng(seed).choice(len(data), count, replace=False)).astype(np.int64)
