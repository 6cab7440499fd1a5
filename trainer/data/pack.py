"""Game records and chunks into packed data sets, on all cores, to be taken up again after an interruption.

The input is cut into units, each with whole games. Threads pack them, or the nodes of a cluster; what they made is
appended in the order of the input, so that the result does not depend on their number. A journal beside it says after
which unit the files were how long: whoever starts again cuts them back to that and goes on with the next unit.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lzeval.cluster.connection import Cluster
from lzeval.compiled.arrays import Ints64
from lzeval.errors import DataError, UserError
from lzeval.system.files import file_digest, file_sha256, folder_made, write_text_atomically
from trainer.data.packed import (
    FORMAT,
    GAME,
    GAMES,
    HOLDOUT,
    LEARN,
    META,
    ROWS,
    SOFT,
    TRAIN,
    VERSION,
    is_packed,
    part_of,
    read_meta,
)
from trainer.data.rows import Soft
from trainer.data.selection import Selection
from trainer.data.sources import record_files
from trainer.data.units import UNIT_BYTES, Packed, Unit, packed_units

JOURNAL = "journal.json"
READER = 2
"""Version of the record reader: parts that two versions have read are never put together."""
MOST_REMARKS = 1000
SECONDS_A_NOTE = 5.0
"""Time between entries of the journal: so much work may have to be done again."""

PackProgress = Callable[[float, int], None]
"""Called after each unit with the share of the files that has been read, 0 to 1, and positions so far."""


@dataclass
class PackReport:
    """Counts of records taken and left out, with reasons."""

    games: int = 0
    positions: int = 0
    """Positions taken, those of a holdout among them."""
    holdout_games: int = 0
    holdout_positions: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    """Reason: how many games, positions of chunks, or files."""
    examples: dict[str, str] = field(default_factory=dict)
    """Reason: the first place it was met."""
    remarks: Counter[str] = field(default_factory=Counter)
    """Departure from what is written, such as a property that could not be read: how many games."""
    files: dict[str, dict[str, int]] = field(default_factory=dict)
    """File: reason or `games` or `positions`: how many."""

    def remark(self, remark: str, place: str) -> None:
        if remark in self.remarks or len(self.remarks) < MOST_REMARKS:
            self.remarks[remark] += 1
            self.examples.setdefault(remark, place)

    def skip(self, reason: str, place: str, source: str) -> None:
        self.skipped[reason] += 1
        self.examples.setdefault(reason, place)
        self.count(source, reason)

    def count(self, source: str, what: str, number: int = 1) -> None:
        counts = self.files.setdefault(source, {})
        counts[what] = counts.get(what, 0) + number


class Part:
    """One packed data set while it grows, in a folder of its own."""

    RAW = (ROWS, "games.raw", "learn.raw", *(f"soft-{field}.raw" for field in Soft._fields))

    def __init__(
        self, folder: Path, lengths: Sequence[int] | None = None, counts: dict[str, int] | None = None
    ) -> None:
        """Open `folder`; its files are cut back to `lengths`, or made anew."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.counts = counts or {"rows": 0, "games": 0, "learn": 0, "soft": 0, "entries": 0, "all": 1}
        """`all`: 1 while every row is to be learnt from."""
        self._files = [(folder / name).open("ab") for name in self.RAW]
        for file, length in zip(self._files, lengths or [0] * len(self.RAW), strict=True):
            file.truncate(length)
            file.seek(length)
        self._hash = file_digest(folder / ROWS)
        """Of the rows so far: to read them all again at the end would have the cores wait."""

    def add(self, made: Packed, numbers: Sequence[int]) -> None:
        """Append the games `numbers` of a unit."""
        if not numbers:
            return
        rows = np.concatenate([made.rows[number] for number in numbers])
        lengths = [len(made.rows[number]) for number in numbers]
        starts = (self.counts["rows"] + np.cumsum([0, *lengths])).tolist()
        facts = zip(starts, lengths, (made.games[number] for number in numbers), strict=False)
        games = np.array([(start, length, *known) for start, length, known in facts], GAME)
        learn = [made.learn[number] for number in numbers]
        self._write(rows, games, self._learnt(learn, starts))
        for number, start in zip(numbers, starts, strict=False):
            soft = made.soft[number]
            if soft is not None:
                places = soft.rows + start, soft.starts[:-1] + self.counts["entries"]
                self._write(*places, soft.points, soft.shares, first=3)
                self.counts["soft"] += len(soft.rows)
                self.counts["entries"] += len(soft.points)
        self._hash.update(rows)
        self.counts["rows"] += len(rows)
        self.counts["games"] += len(numbers)
        self.counts["learn"] += sum(map(_learnt_from, learn, lengths))

    def _write(self, *data: npt.NDArray[Any], first: int = 0) -> None:
        """Append each array to its file, of those from number `first` on."""
        for file, array in zip(self._files[first:], data, strict=False):
            file.write(array.data)

    def _learnt(self, learn: Sequence[Ints64 | None], starts: Sequence[int]) -> Ints64:
        """Numbers to append to the list of rows to be learnt from, which stays empty as long as all of them are.

        `learn` is of games that begin at the rows `starts`, the last of which is where the next one will begin.
        """
        lengths = np.diff(starts).tolist()
        if self.counts["all"] and all(map(int.__eq__, map(_learnt_from, learn, lengths), lengths)):
            return np.empty(0, np.int64)
        before = np.arange(starts[0] if self.counts["all"] else 0)
        self.counts["all"] = 0
        chosen = [
            np.arange(length) if some is None else some for some, length in zip(learn, lengths, strict=True)
        ]
        return np.concatenate([before, *(some + start for some, start in zip(chosen, starts, strict=False))])

    def flush(self) -> list[int]:
        """Bring everything to the disk; returns the files' lengths."""
        for file in self._files:
            file.flush()
            os.fsync(file.fileno())
        return [file.tell() for file in self._files]

    def close(self) -> None:
        """Close the files; what a full disk does not take is lost, and was not noted."""
        for file in self._files:
            with suppress(OSError):
                file.close()

    def finish(self, meta: dict[str, Any]) -> None:
        """Turn the raw files into those of a packed data set."""
        self.flush()
        self.close()
        _to_npy(self.folder / "games.raw", self.folder / GAMES, GAME)
        if not self.counts["all"]:
            _to_npy(self.folder / "learn.raw", self.folder / LEARN, np.dtype("<i8"))
        if self.counts["soft"]:
            with (self.folder / "soft-starts.raw").open("ab") as stream:
                stream.write(np.array([self.counts["entries"]], "<i8").tobytes())
            for name, kind in {"rows": "<i8", "starts": "<i8", "points": "<u2", "shares": "<f4"}.items():
                _to_npy(self.folder / f"soft-{name}.raw", self.folder / SOFT[name], np.dtype(kind))
        files = sorted(file.name for file in self.folder.iterdir() if file.suffix in (".bin", ".npy"))
        facts = {
            "format": FORMAT,
            "version": VERSION,
            "rows": self.counts["rows"],
            "games": self.counts["games"],
            "positions": self.counts["learn"],
            "learn": not self.counts["all"],
            "soft": bool(self.counts["soft"]),
            "sha256": {
                name: self._hash.hexdigest() if name == ROWS else file_sha256(self.folder / name)
                for name in files
            },
        }
        (self.folder / META).write_text(json.dumps(facts | meta, indent=1) + "\n", encoding="utf-8")
        for name in self.RAW[1:]:
            (self.folder / name).unlink()


def _learnt_from(learn: Ints64 | None, length: int) -> int:
    """Number of rows to be learnt from, of a game of `length` rows; None: all."""
    return length if learn is None else len(learn)


def _to_npy(raw: Path, target: Path, kind: np.dtype[Any]) -> None:
    """A file of bare numbers as an array file, through a memory map."""
    count = raw.stat().st_size // kind.itemsize
    array = np.memmap(raw, kind, "r") if count else np.empty(0, kind)
    np.save(target, np.asarray(array))


def pack(
    sources: Sequence[str | Path],
    out: Path,
    size: int = 19,
    progress: PackProgress | None = None,
    selection: Selection | None = None,
    threads: int | None = None,
    cluster: Cluster | None = None,
) -> PackReport:
    """Pack every game of `sources` that is played on `size` lines, and that `selection` wants, into the folder `out`.

    With a holdout in the selection, `out` gets two folders inside, `train` and `holdout`. A bad game costs itself and a
    bad file itself; the report says why. `out` appears whole or not at all; what an interrupted run left beside it
    is taken up. The files are the same whether `threads` pack or a cluster does. Raises UserError if nothing can be
    read, or if `out` holds something else.
    """
    selection = selection or Selection()
    _require_ours_or_empty(out)
    files = record_files(sources)
    out = out.resolve()
    partial = out.with_name(out.name + ".partial")
    try:
        with folder_made(partial.parent):
            journal = Journal.take_up(partial, _signature(files, size, selection), selection.holdout > 0)
            try:
                for number, share, unit, made in packed_units(
                    files, size, selection, first=journal.units, threads=threads, cluster=cluster
                ):
                    with journal.unit(number):
                        _take(unit, made, journal, selection)
                    if progress is not None:
                        progress(share, journal.report.positions)
                _require_positions(journal, files[0])
                meta = {
                    "board_size": size,
                    "sources": [str(file) for file in files],
                    "skipped": dict(journal.report.skipped),
                    "selection": asdict(selection),
                }
                journal.finish(meta)
            finally:
                journal.close()
            (partial / JOURNAL).unlink(missing_ok=True)
            shutil.rmtree(out, ignore_errors=True)
            partial.rename(out)
    except OSError as exc:
        raise UserError(f"{partial}: cannot be written ({exc.strerror}); the same command goes on") from exc
    return journal.report


def _require_positions(journal: Journal, file: Path) -> None:
    """Raise UserError, and leave nothing behind, if a part has nothing to learn from; `file` was the first read."""
    report = journal.report
    empty = [name for name, part in journal.parts.items() if not part.counts["learn"]]
    if empty:
        journal.forget()
        reasons = "; ".join(f"{reason} ({count})" for reason, count in report.skipped.most_common(3))
        what = "no game could be used" if not report.games else f"no game fell to the {empty[0]} part"
        raise UserError(f"{file}: {what}" + (f": {reasons}" if reasons else ""))


class Journal:
    """Progress of a packing: its parts, and the report so far."""

    def __init__(self, folder: Path, signature: str, split: bool, state: dict[str, Any] | None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        state = state or {"units": 0, "parts": {}, "report": None}
        self.units: int = state["units"]
        self.report = _report(state["report"])
        names = (TRAIN, HOLDOUT) if split else ("",)
        self.parts = {name: Part(folder / name, *state["parts"].get(name, (None, None))) for name in names}
        self._signature = signature
        self._folder = folder
        self._notable = True
        """True if the files hold what the counts say, which `note` may then write down."""
        self._noted_at = time.monotonic()

    @staticmethod
    def take_up(folder: Path, signature: str, split: bool) -> Journal:
        """Go on with what lies in `folder` if it was begun with the same input and settings; else begin."""
        state = None
        try:
            entry = json.loads((folder / JOURNAL).read_text(encoding="utf-8"))
            if entry["signature"] == signature and _is_whole(folder, entry):
                state = entry
        except (OSError, ValueError, KeyError, TypeError):
            pass  # no journal: nothing has been done
        if state is None:
            shutil.rmtree(folder, ignore_errors=True)
        return Journal(folder, signature, split, state)

    @contextmanager
    def unit(self, number: int) -> Iterator[None]:
        """The block appends what was made of that unit, all of it or, if it raises, nothing that counts."""
        self._notable = False
        yield
        self.units = number + 1
        self._notable = True
        if time.monotonic() - self._noted_at >= SECONDS_A_NOTE:
            self.note()

    def note(self) -> None:
        """Bring all to the disk, and write down how far that is."""
        parts = {name: (part.flush(), part.counts) for name, part in self.parts.items()}
        entry = {
            "signature": self._signature,
            "units": self.units,
            "parts": parts,
            "report": vars(self.report),
        }
        write_text_atomically(self._folder / JOURNAL, json.dumps(entry))
        self._noted_at = time.monotonic()

    def finish(self, meta: dict[str, Any]) -> None:
        """Turn the parts into packed data sets."""
        self.note()
        self._notable = False
        for part in self.parts.values():
            part.finish(meta)

    def close(self) -> None:
        """Note how far it has come, unless that is the middle of a unit or the disk takes no more, and close all."""
        with suppress(OSError, UserError):
            if self._notable:
                self.note()
        for part in self.parts.values():
            part.close()

    def forget(self) -> None:
        """Close all and remove it."""
        self._notable = False
        self.close()
        shutil.rmtree(self._folder)


def _is_whole(folder: Path, entry: dict[str, Any]) -> bool:
    """Tell whether every file is still at least as long as the journal says."""
    return all(
        (folder / name / file).stat().st_size >= length
        for name, (lengths, _) in entry["parts"].items()
        for file, length in zip(Part.RAW, lengths, strict=True)
    )


def _report(values: dict[str, Any] | None) -> PackReport:
    if values is None:
        return PackReport()
    return PackReport(**(values | {name: Counter(values.get(name, {})) for name in ("skipped", "remarks")}))


def _signature(files: Sequence[Path], size: int, selection: Selection) -> str:
    status = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(
        repr((VERSION, READER, size, asdict(selection), UNIT_BYTES, status)).encode()
    ).hexdigest()


def report_unit(report: PackReport, unit: Unit, made: Packed) -> None:
    """Add what was wrong in a unit to the report, with its places."""
    what = "game" if unit.kind == "sgf" else "position"
    before = report.files.get(unit.source, {}).get("seen", 0)
    if unit.problem:
        report.skip(unit.problem, unit.source, unit.source)
    if unit.first and not made.seen and not made.skipped and not unit.problem:
        report.skip("no game record in the file", unit.source, unit.source)
    for reason, item, place in made.skipped:
        report.skip(reason, f"{unit.source}, {what} {before + item}{place}", unit.source)
    for remark, item in made.remarks:
        report.remark(remark, f"{unit.source}, {what} {before + item}")
    report.count(unit.source, "seen", made.seen)


def _take(unit: Unit, made: Packed, journal: Journal, selection: Selection) -> None:
    """Append a unit's games to the parts they belong to, and report on it."""
    report = journal.report
    report_unit(report, unit, made)
    held = [bool(selection.holdout) and selection.holds_out(key) for *_, key in made.games]
    taken = {True: 0, False: 0}
    for name, part in journal.parts.items():
        before = part.counts["learn"]
        part.add(made, [number for number, is_held in enumerate(held) if is_held == (name == HOLDOUT)])
        taken[name == HOLDOUT] = part.counts["learn"] - before
    report.games += len(held)
    report.positions += sum(taken.values())
    report.holdout_games += sum(held)
    report.holdout_positions += taken[True]
    if held:
        report.count(unit.source, "games", len(held))
        report.count(unit.source, "positions", sum(taken.values()))


def _require_ours_or_empty(out: Path) -> None:
    """Raise UserError if writing the folder `out` would destroy something that is not packed data."""
    if not out.exists():
        return
    if not out.is_dir():
        raise UserError(f"{out}: is a file, and packed data is a folder; choose another name")
    if any(out.iterdir()) and not _is_ours(out):
        raise UserError(f"{out}: is not empty and holds no packed data; choose another folder")


def _is_ours(out: Path) -> bool:
    try:
        read_meta(part_of(out, TRAIN))
    except DataError:
        return False
    return is_packed(out)


def packed_version_of(sources: Sequence[str | Path], cache: Path, size: int = 19) -> Path:
    """The folder in `cache` for the packed form of `sources`: it follows from their paths, lengths and times."""
    files = record_files(sources)
    return cache / f"{files[0].name.split('.')[0]}-{_signature(files, size, Selection())[:12]}"
