"""A report on game records and chunks, good and bad, without packing them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lzeval.go.board import BLACK, WHITE
from trainer.data.pack import PackProgress, PackReport, report_unit
from trainer.data.packed import (
    HOLDOUT,
    TRAIN,
    WITHOUT_JIGO,
    damaged_files,
    is_packed,
    open_packed,
    part_of,
    read_meta,
)
from trainer.data.rows import JIGO
from trainer.data.selection import Selection
from trainer.data.sources import record_files
from trainer.data.units import packed_units

RESULTS = {BLACK: "Black won", WHITE: "White won", JIGO: "jigo", 0: "nobody, or unknown"}
LENGTHS = (50, 100, 150, 200, 250, 300, 400)
"""Moves at which the classes of the lengths' distribution begin."""


@dataclass
class Findings:
    """The content of some sources, counted."""

    report: PackReport = field(default_factory=PackReport)
    duplicates: int = 0
    """Games that were met before, turned and mirrored ones included."""
    lengths: Counter[str] = field(default_factory=Counter)
    komi: Counter[str] = field(default_factory=Counter)
    handicaps: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    ranks: Counter[str] = field(default_factory=Counter)
    """Ranks of both players, so that a game counts twice."""
    damaged: list[str] = field(default_factory=list)
    """Files of packed data sets whose checksums do not agree."""

    def as_dict(self) -> dict[str, Any]:
        return {
            "games": self.report.games,
            "positions": self.report.positions,
            "skipped": dict(self.report.skipped),
            "remarks": dict(self.report.remarks),
            "examples": self.report.examples,
            "files": self.report.files,
            "duplicates": self.duplicates,
            "lengths": dict(self.lengths),
            "komi": dict(self.komi),
            "handicaps": dict(self.handicaps),
            "results": dict(self.results),
            "ranks": dict(self.ranks),
            "damaged": self.damaged,
        }


def check_records(
    sources: Sequence[str | Path],
    size: int = 19,
    progress: PackProgress | None = None,
    selection: Selection | None = None,
) -> Findings:
    """Read all of `sources` (records, chunks, archives, packed data sets) and say what is in them. Raises UserError."""
    findings, keys = Findings(), set[int]()
    packed = [Path(source) for source in sources if is_packed(Path(source))]
    records = [source for source in sources if Path(source) not in packed]
    for folder in packed:
        _check_packed(folder, findings, keys)
    if not records:
        return findings
    for _, share, unit, made in packed_units(record_files(records), size, selection or Selection()):
        report_unit(findings.report, unit, made)
        for rows, learn, (komi, handicap, winner, *ranks, key) in zip(
            made.rows, made.learn, made.games, strict=True
        ):
            taken = len(rows) if learn is None else len(learn)
            findings.report.count(unit.source, "games")
            findings.report.count(unit.source, "positions", taken)
            _add(findings, keys, len(rows), taken, komi, handicap, winner, ranks, key)
        if progress is not None:
            progress(share, findings.report.positions)
    return findings


def _check_packed(folder: Path, findings: Findings, keys: set[int]) -> None:
    for part in {part_of(folder, name) for name in (TRAIN, HOLDOUT)}:
        findings.damaged += [str(part / name) for name in damaged_files(part)]
        data, meta = open_packed(part), read_meta(part)
        if meta["version"] == WITHOUT_JIGO:
            findings.report.remark(
                "packed by an earlier version, a jigo is unknown; pack it again", str(part)
            )
        findings.report.skipped.update(meta["skipped"])
        findings.report.files[str(part)] = {"games": len(data.games), "positions": len(data)}
        findings.report.positions += len(data)
        for game in data.games:
            ranks = [float(game["black_rank"]), float(game["white_rank"])]
            facts = float(game["komi"]), int(game["handicap"]), int(game["winner"]), ranks, int(game["key"])
            _add(findings, keys, int(game["length"]), 0, *facts)


def _add(
    findings: Findings,
    keys: set[int],
    length: int,
    positions: int,
    komi: float,
    handicap: int,
    winner: int,
    ranks: Sequence[float],
    key: int,
) -> None:
    """Count one game."""
    findings.report.games += 1
    findings.report.positions += positions
    findings.duplicates += key in keys
    keys.add(key)
    findings.lengths[_length_class(length)] += 1
    findings.komi["not given" if np.isnan(komi) else f"{komi:g}"] += 1
    findings.handicaps[str(handicap)] += 1
    findings.results[RESULTS[winner]] += 1
    for rank in ranks:
        findings.ranks[format_rank(rank)] += 1


def _length_class(length: int) -> str:
    below = [start for start in LENGTHS if start <= length]
    above = [start for start in LENGTHS if start > length]
    if not above:
        return f"{LENGTHS[-1]}+"
    return f"{below[-1] if below else 1}-{above[0] - 1}"


def format_rank(rank: float) -> str:
    """`6d`, `3k`, `9p`, or `unknown`: the inverse of `lzeval.records.info.rank_number`."""
    from lzeval.records.info import PROFESSIONAL

    if np.isnan(rank):
        return "unknown"
    if rank > PROFESSIONAL:
        return f"{rank - PROFESSIONAL:g}p"
    return f"{rank:g}d" if rank >= 1 else f"{1 - rank:g}k"
