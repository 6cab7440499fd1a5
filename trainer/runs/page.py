"""A training run as one page of HTML: curves, key figures, settings.

It loads nothing, and is dark or light as its reader likes it.
"""

from __future__ import annotations

from datetime import datetime, timezone
from html import escape
from pathlib import Path

import yaml

from lzeval.system.files import write_text_atomically
from trainer.runs.curves import require_curves, run_as_svgs
from trainer.runs.folders import LAST_BATCHES, TrainingRun
from trainer.runs.logs import LOWER_IS_BETTER, NOTHING
from trainer.runs.plots import COLOURS, check_plot

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
"""How a measure is called and written."""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
:root {{ {light}; --font: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }}
@media (prefers-color-scheme: dark) {{ :root {{ {dark}; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; max-width: 84rem; padding: 2rem 1.25rem 3rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 var(--font); }}
h1 {{ font-size: 1.6rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }}
figcaption {{ font-weight: 600; margin: 0 0 .25rem; }}
.lead {{ color: var(--muted); margin: .4rem 0 2rem; }}
.curves {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: 1.5rem; }}
figure {{ margin: 0; }}
svg {{ display: block; width: 100%; height: auto; }}
.key {{ display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; color: var(--muted); font-size: .875rem;
  list-style: none; margin: .5rem 0 2rem; padding: 0; }}
.key span {{ display: inline-block; width: 1.4em; height: .2em; margin-right: .5em; vertical-align: middle; }}
.scroll {{ overflow-x: auto; margin-bottom: 2rem; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .35rem 1.25rem .35rem 0; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--grid); }}
th:first-child {{ text-align: left; font-weight: normal; }}
thead th {{ color: var(--muted); font-size: .875rem; font-weight: normal; }}
summary {{ cursor: pointer; }}
pre {{ overflow-x: auto; font-size: .875rem; color: var(--muted); }}
</style>
</head>
<body>
<h1>{title}</h1>
<p class="lead">{lead}</p>
<div class="curves">
{curves}
</div>
<ul class="key">
<li><span style="background: var(--blue)"></span>holdout</li>
<li><span style="background: var(--sand)"></span>training, smoothed</li>
<li><span style="background: var(--muted)"></span>single training batches</li>
</ul>
<div class="scroll">
<table>
<thead><tr><th scope="col"></th><th scope="col">Holdout, best</th><th scope="col">at positions</th>
<th scope="col">Holdout, last</th><th scope="col">Training, last {batches} batches logged</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>
{problems}<details>
<summary>Settings</summary>
<pre>{settings}</pre>
</details>
</body>
</html>
"""


def write_page(run: TrainingRun, path: Path) -> None:
    """Write `run` as a page to `path`. Raises UserError if it has measured nothing, or matplotlib is missing."""
    check_plot(path, (".html",))
    require_curves(run)
    write_text_atomically(path, page(run))


def page(run: TrainingRun) -> str:
    """The text of the page."""
    figures = (
        f"<figure>\n<figcaption>{escape(title)}</figcaption>\n{svg}\n</figure>"
        for title, svg in run_as_svgs(run).items()
    )
    problems = "".join(f"<p>{escape(problem)}</p>\n" for problem in run.problems)
    return _PAGE.format(
        title=escape(run.name),
        light=_variables(COLOURS),
        dark=_variables(DARK),
        lead=escape(describe(run)),
        curves="\n".join(figures),
        batches=LAST_BATCHES,
        rows="\n".join(_row(cells) for cells in key_figures(run)),
        problems=problems,
        settings=escape(yaml.safe_dump(dict(run.config), sort_keys=False, allow_unicode=True)),
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


def _row(cells: tuple[str, ...]) -> str:
    label, *numbers = map(escape, cells)
    return f'<tr><th scope="row">{label}</th>' + "".join(f"<td>{number}</td>" for number in numbers) + "</tr>"


def _variables(colours: dict[str, str]) -> str:
    return "; ".join(f"--{name}: {colour}" for name, colour in colours.items())
