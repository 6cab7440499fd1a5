"""A training run as one page of HTML: curves, key figures, settings.

It loads nothing, and is dark or light as its reader likes it.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import yaml

from lzeval.system.files import write_text_atomically
from lzeval.text.html import html_templates
from lzeval.text.plots import check_plot
from trainer.runs.curves import require_curves, run_as_svgs
from trainer.runs.folders import LAST_BATCHES, TrainingRun
from trainer.runs.logs import LOWER_IS_BETTER, NOTHING
from trainer.runs.plots import COLOURS

DARK = {
    "ink": "#e6e9ee",
    "muted": "#98a2ad",
    "grid": "#2c333b",
    "paper": "#15191e",
    "blue": "#6cb0ee",
    "sand": "#e0a95f",
}
LABELS = {
    "policy_loss": ("Policy loss", "{:.3f}"),
    "top1": ("Top 1", "{:.1%}"),
    "top5": ("Top 5", "{:.1%}"),
    "value_mse4": ("Value MSE / 4", "{:.4f}"),
}
"""Name and format of a measure."""


def write_page(run: TrainingRun, path: Path) -> None:
    """Write `run` as a page to `path`. Raises UserError if it has measured nothing, or matplotlib is missing."""
    check_plot(path, (".html",))
    require_curves(run)
    write_text_atomically(path, page(run))


def page(run: TrainingRun) -> str:
    """The text of the page."""
    return (
        html_templates("trainer.runs")
        .get_template("run.html")
        .render(
            title=run.name,
            lead=describe(run),
            light=COLOURS,
            dark=DARK,
            curves=run_as_svgs(run),
            batches=LAST_BATCHES,
            rows=key_figures(run),
            problems=run.problems,
            settings=yaml.safe_dump(dict(run.config), sort_keys=False, allow_unicode=True),
        )
    )


def describe(run: TrainingRun) -> str:
    """A run in one line."""
    limit = f" of {run.max_positions:,}" if run.max_positions is not None else ""
    trained = "nothing logged" if run.positions is None else f"{run.positions:,}{limit} positions"
    changed = datetime.fromtimestamp(run.changed, timezone.utc).astimezone()
    parts = [run.network, trained, run.state.value, f"changed {changed:%Y-%m-%d %H:%M}"]
    if run.elapsed_s is not None:
        parts.insert(2, f"{run.elapsed_s / 3600:.1f} h to the last checkpoint")
    return ", ".join(parts)


def key_figures(run: TrainingRun) -> list[tuple[str, ...]]:
    """Rows of a table: measure, best on the holdout, at which positions, last on the holdout, in training."""
    rows = []
    for measure, (label, form) in LABELS.items():
        holdout = run.holdout.get(measure, NOTHING)
        best, at = holdout.best(LOWER_IS_BETTER[measure]) or (None, None)
        numbers = (best, holdout.last, run.train_mean(measure))
        shown = ["" if number is None else form.format(number) for number in numbers]
        rows.append((label, shown[0], "" if at is None else f"{at:,}", *shown[1:]))
    return rows
