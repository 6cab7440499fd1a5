"""What a run's processes read, sent to their nodes, and what its first process writes, fetched to the driver's disk."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path

from lzeval.cluster.connection import Cluster
from lzeval.errors import UserError
from lzeval.system.bundled import resolve_network
from lzeval.system.files import write_bytes_atomically
from trainer.cluster.members import SILENT_S, Member, answers
from trainer.cluster.node import PackedFolder, Stamp
from trainer.data.datamodule import GoData
from trainer.data.packed import META, PackedData, read_meta
from trainer.settings.config import TrainConfig

LATEST, SETTINGS = "latest.ckpt", "config.yaml"
PIECE_BYTES = 1 << 26
"""Data sets travel in pieces, so that no memory has to hold one whole."""
PIECE_WITHIN_S = 10 * SILENT_S
FETCH_EVERY_S = 5.0
"""Time between looks for changed files of the run."""


# To the nodes


def sees(member: Member, folder: Path) -> bool:
    """Whether the node sees the driver's `folder`: on the same machine, or on a shared drive."""
    probe, content = folder / f".{secrets.token_hex(6)}.tmp", secrets.token_bytes(16)
    try:
        probe.write_bytes(content)
        (seen,) = answers([member.actor], "sees", str(probe), content)
    except OSError as exc:
        raise UserError(f"{folder}: cannot be written to ({exc.strerror})") from exc
    finally:
        probe.unlink(missing_ok=True)
    return bool(seen)


def own_folder(member: Member, folder: Path, *, goes_on: bool) -> str:
    """A folder on the node's disk for the run in `folder`, with what it needs if it goes on."""
    files = {name: (folder / name).read_bytes() for name in (LATEST, SETTINGS) if goes_on}
    logs = [path.name for path in folder.glob("csv*") if path.is_dir()]  # by which the next one gets its name
    (path,) = answers([member.actor], "own_folder", files, logs)
    return str(path)


def place_data(data: GoData, members: Sequence[Member]) -> list[dict[str, str]]:
    """Send the data sets to nodes that lack them; for each node, where they lie there, by the driver's paths."""
    held = [] if data.holdout_data is None else [data.holdout_data]
    places: list[dict[str, str]] = [{} for _ in members]
    actors = [member.actor for member in members]
    for folder in map(_packed_folder, [*data.train_data, *held]):
        found = answers(actors, "place_of", folder)
        _send(
            folder,
            {place: actor for actor, (place, is_there) in zip(actors, found, strict=True) if not is_there},
        )
        for known, (place, _) in zip(places, found, strict=True):
            known[folder.path] = place
    return places


def _packed_folder(data: PackedData) -> PackedFolder:
    path = data.path.absolute()
    meta = (path / META).read_bytes()
    lengths = {name: (path / name).stat().st_size for name in [META, *read_meta(path)["sha256"]]}
    return PackedFolder(str(path), meta, lengths, hashlib.sha256(meta).hexdigest()[:32])


def _send(folder: PackedFolder, to: dict[str, object]) -> None:
    """Send a data set to the actors `to`, by the folder that it is to have there. Raises UserError, NodeLostError."""
    import ray

    for name in folder.lengths if to else ():
        for start, piece in _pieces(Path(folder.path) / name):
            content = ray.put(piece)
            for place, actor in to.items():
                answers([actor], "receive", place, name, start, content, within_s=PIECE_WITHIN_S)
    for place, actor in to.items():
        answers([actor], "received", place, within_s=PIECE_WITHIN_S)


def _pieces(file: Path) -> Iterator[tuple[int, bytes]]:
    """The content of a file, piece by piece, each with its place; that of an empty one is a piece as well."""
    length = file.stat().st_size
    with file.open("rb") as stream:
        for start in range(0, max(1, length), PIECE_BYTES):
            yield start, stream.read(PIECE_BYTES)


def place_networks(
    cluster: Cluster, config: TrainConfig, members: Sequence[Member], *, goes_on: bool
) -> list[dict[str, str]]:
    """Send the networks that the settings name; for each node, where they lie there, by how the settings name them.

    A run that goes on needs no `init`. Raises UserError.
    """
    teachers = [config.teacher.network, config.teacher.value_network]
    places: list[dict[str, str]] = [{} for _ in members]
    for name in filter(None, [None if goes_on else config.init, *teachers]):
        shipped = cluster.ship(str(resolve_network(name)))
        for known, place in zip(
            places, answers([each.actor for each in members], "place_network", shipped), strict=True
        ):
            known[name] = place
    return places


def settings_there(
    config: TrainConfig, member: Member, data: GoData, places: Mapping[str, str]
) -> TrainConfig:
    """`config` with the paths of a node: `places` are by the driver's own."""
    there = deepcopy(config)
    there.run = member.folder
    there.data.train = [places[str(each.path.absolute())] for each in data.train_data]
    held = data.holdout_data
    there.data.holdout = None if held is None else places[str(held.path.absolute())]
    there.data.cache = None
    there.init = places.get(config.init or "")
    there.teacher.network = places.get(config.teacher.network or "")
    there.teacher.value_network = places.get(config.teacher.value_network or "")
    return there


# And back


class Mirror:
    """A run's folder on the driver's disk, fed with the files of the node that writes them."""

    def __init__(self, member: Member, folder: Path) -> None:
        self._member = member
        self._folder = folder
        self._known: dict[str, Stamp] = {}
        self._fetched_at = time.monotonic()

    def fetch(self) -> None:
        """Fetch what has changed. Raises NodeLostError, or UserError on a full disk."""
        (changed,) = answers([self._member.actor], "changed_files", self._known, within_s=PIECE_WITHIN_S)
        for name, (stamp, content) in changed.items():
            file = self._folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            write_bytes_atomically(file, content)
            self._known[name] = stamp
        self._fetched_at = time.monotonic()

    def fetch_if_due(self) -> None:
        """`fetch`, where the last time is `FETCH_EVERY_S` seconds ago."""
        if time.monotonic() - self._fetched_at >= FETCH_EVERY_S:
            self.fetch()
