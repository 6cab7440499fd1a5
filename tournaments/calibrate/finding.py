"""The finding of a calibration: the setting, its interval, and the response curve, as people and programs read it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from lzeval.compiled.arrays import Floats
from lzeval.text.wording import counted
from tournaments.calibrate.curve import OUTCOMES, Posterior
from tournaments.calibrate.scale import Scale
from tournaments.calibrate.stopping import ABOVE, BELOW, REACHED
from tournaments.rating.elo import CONFIDENCE, elo_from_score, score_from_elo

Verdict = Literal["found", "undecided", "above the bounds", "below the bounds"]
VERDICTS: dict[int, Verdict] = {REACHED: "found", ABOVE: "above the bounds", BELOW: "below the bounds"}
BAND_PLACES = 121


@dataclass(frozen=True)
class LevelFinding:
    """A level of the ladder that was played."""

    value: int
    pairs: int
    counts: tuple[int, ...]
    """Pairs of 0, 1/2, 1, 3/2 and 2 points."""
    score: float
    """Mean score, 0 to 1."""
    expected: float
    """Score by the curve."""


@dataclass(frozen=True)
class Finding:
    """What is known of the setting after some pairs."""

    setting: str
    verdict: Verdict
    wanted: float
    """Score, 0 to 1."""
    bounds: tuple[int, int]
    value: float | None
    """The setting at which the player scores what is wanted: the median of its posterior; None beyond the bounds."""
    low: float | None
    """Lower end of the 95 % interval; None: below the lowest level."""
    high: float | None
    whole: int
    """The whole setting within the bounds that is nearest."""
    expected: float
    """Expected score there, 0 to 1."""
    slope: float
    """Elo a unit of the scale, at the location."""
    dispersion: float
    pairs: int
    """Pairs that count."""
    levels: tuple[LevelFinding, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def find(posterior: Posterior, values: tuple[int, ...], scale: Scale, setting: str, verdict: int) -> Finding:
    """The finding of one calibration."""
    curves = posterior.curves
    low, median, high = posterior.interval()[0].tolist()
    inside = min(max(median, curves.low), curves.high)
    whole = _nearest(scale, inside, values)
    expected = posterior.scores()[0]
    counts = posterior.counts[0]
    played = tuple(
        LevelFinding(
            value,
            int(row.sum()),
            tuple(int(count) for count in row),
            float(row @ OUTCOMES / row.sum()),
            float(expected[place]),
        )
        for place, (value, row) in enumerate(zip(values, counts, strict=True))
        if row.any()
    )
    return Finding(
        setting=setting,
        verdict=VERDICTS.get(verdict, "undecided"),
        wanted=score_from_elo(curves.elo),
        bounds=(values[0], values[-1]),
        value=scale.value(median) if inside == median else None,
        low=scale.value(low) if low >= curves.low else None,
        high=scale.value(high) if high <= curves.high else None,
        whole=whole,
        expected=float(posterior.weights[0] @ curves.scores_at(np.array([scale.position(whole)]))[0]),
        slope=float(posterior.slope()[0]),
        dispersion=float(posterior.dispersion[0]),
        pairs=int(counts.sum()),
        levels=played,
    )


def _nearest(scale: Scale, position: float, values: tuple[int, ...]) -> int:
    """The whole setting nearest to a place of the scale."""
    below = int(scale.value(position) + 1e-9)
    near = [value for value in (below, below + 1) if values[0] <= value <= values[-1]]
    return min(near, key=lambda value: abs(scale.position(value) - position))


def band(posterior: Posterior) -> tuple[Floats, Floats]:
    """`[P]` and `[P, 3]`: places of the scale, and lower end, mean and upper end of the score's 95 % band there."""
    curves, weights = posterior.curves, posterior.weights[0].astype(float)
    places = np.linspace(curves.low, curves.high, BAND_PLACES)
    tail = (1 - CONFIDENCE) / 2
    rows = []
    for scores in curves.scores_at(places):
        order = np.argsort(scores)
        below = np.cumsum(weights[order])
        low, high = np.interp((tail, 1 - tail), below, scores[order])
        rows.append((low, weights @ scores, high))
    return places, np.array(rows)


# Words


def number(value: float) -> str:
    """A setting in words: one decimal below 10, whole from there on."""
    return f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:.0f}"


def amount(setting: str, value: str) -> str:
    """A value with its setting: `12 visits`, `1 visit`, `level 3`."""
    if not setting.endswith("s"):
        return f"{setting} {value}"
    return f"{value} {setting.removesuffix('s') if value == '1' else setting}"


def interval(found: Finding) -> str:
    low = f"below {found.bounds[0]}" if found.low is None else number(found.low)
    high = f"above {found.bounds[1]}" if found.high is None else number(found.high)
    return f"{low} to {high}"


def standing(found: Finding) -> str:
    """The estimate so far, for the line of progress."""
    if not found.pairs:
        return ""
    value = "beyond the bounds" if found.value is None else amount(found.setting, number(found.value))
    return f"{value} ({interval(found)})"


def sentences(found: Finding, player: str, opponent: str, scale: Scale, width: float) -> list[str]:
    """The finding in words: the verdict first."""
    score = f"{100 * found.wanted:.0f} %"
    low, high = found.bounds
    pairs = counted(found.pairs, "pair")
    if found.verdict == "above the bounds":
        return [
            f"{player} does not reach {score} against {opponent} at up to {amount(found.setting, str(high))}"
            f" (97.5 % sure), from {pairs}; there it scores some {100 * found.expected:.0f} %"
        ]
    if found.verdict == "below the bounds":
        return [
            f"{player} scores more than {score} against {opponent} already at {amount(found.setting, str(low))}"
            f" (97.5 % sure), from {pairs}; there it scores some {100 * found.expected:.0f} %"
        ]
    where = f"at {amount(found.setting, number(found.value or 0))}"
    if found.value is None:
        where = f"{'above' if found.whole == high else 'below'} {amount(found.setting, str(found.whole))}"
    lines = [
        f"{player} scores {score} against {opponent} {where} (95 % interval {interval(found)}), from {pairs}",
        f"The nearest whole setting is {found.whole}: {100 * found.expected:.0f} % expected."
        f" There {scale.one} is worth some {found.slope:.0f} Elo.",
    ]
    if found.verdict == "undecided":
        lines.append(f"The interval is wider than wanted (--width {width:.3g}): more --games narrow it.")
    return lines


def level_rows(found: Finding) -> list[tuple[str, ...]]:
    """Cells of a table of the levels: setting, pairs, score, score by the curve, and its Elo."""
    return [
        (
            str(level.value),
            str(level.pairs),
            f"{100 * level.score:.1f}%",
            f"{100 * level.expected:.1f}%",
            f"{elo_from_score(min(max(level.expected, 1e-3), 1 - 1e-3)):+.0f}",
        )
        for level in found.levels
    ]
