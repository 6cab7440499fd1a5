"""A match, or many players' games, as one page of HTML that loads nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment

from lzeval.errors import UserError
from lzeval.system.files import utf8, write_bytes_atomically
from lzeval.text.html import html_templates
from lzeval.text.wording import counted
from lzeval.version import __version__
from tournaments.report import sections
from tournaments.report.embedded import embed
from tournaments.report.formatting import elo, interval_of, percent
from tournaments.report.settings import find_description
from tournaments.report.summary import GamesSummary
from tournaments.report.verdict import conclude

SUFFIXES = (".html", ".htm")
SCRIPTS = ("rules.js", "listing.js", "viewer.js")


def check_report(path: Path) -> None:
    """Raise UserError if `path` cannot be meant for a page."""
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path}: a report is a page, name it *.html")


def write_report(summary: GamesSummary, sources: Sequence[Path], path: Path) -> None:
    """Write the page of the games that were read from `sources`. Raises UserError where that is impossible."""
    check_report(path)
    text = page(summary, find_description(sources))
    write_bytes_atomically(path, utf8(text))


def page(summary: GamesSummary, description: Mapping[str, Any] | None = None) -> str:
    """The text of the page; `description` is the content of a match.json."""
    script = "\n".join(map(_data_file, SCRIPTS))
    body = [
        ("ratings", "Ratings", sections.ratings(summary)),
        ("cross-table", "Cross table", sections.crosses(summary)),
        ("differences", "Differences", sections.differences(summary)),
        ("course", "Over time", sections.course(summary)),
        ("breakdowns", "Breakdowns", sections.breakdowns(summary)),
        ("counted-apart", "Counted apart", sections.left_out(summary)),
        ("settings", "Settings", sections.settings(summary, description)),
        ("games", "Games", {}),
    ]
    residuals = summary.table.residuals
    return (
        _templates()
        .get_template("page.html")
        .render(
            title=" v ".join(summary.players) if summary.is_duel else f"{len(summary.players)} players",
            conclusion=conclude(summary),
            conditions=sections.conditions(summary),
            circles=residuals.circle_sentences() if residuals is not None else [],
            sections=[(name, title, content) for name, title, content in body if content is not None],
            style=_data_file("page.css"),
            script=script,
            policy=_policy(script),
            data=embed(summary),
            version=__version__,
        )
    )


def _templates() -> Environment:
    return html_templates(
        "tournaments.report",
        counted=counted,
        elo=elo,
        interval=interval_of,
        number="{:,.0f}".format,
        percent=percent,
        unbroken=_unbroken,
    )


def _unbroken(text: str) -> str:
    """Units stay on the line of their numbers."""
    return text.replace(" Elo", "\u00a0Elo").replace(" %", "\u00a0%").replace(" ± ", "\u00a0±\u00a0")


def _data_file(name: str) -> str:
    return files("tournaments.report").joinpath("templates", name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """The page's Content-Security-Policy: the browser runs this one script and fetches nothing."""
    digest = base64.b64encode(hashlib.sha256(f"\n{script}\n".encode()).digest()).decode("ascii")
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
