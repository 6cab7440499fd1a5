"""A match, or many players' games, as one page of HTML that loads nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from lzeval.errors import UserError
from lzeval.system.files import utf8, write_bytes_atomically
from lzeval.version import __version__
from tournaments.report import sections
from tournaments.report.embedded import embed
from tournaments.report.markup import Html, joined, show
from tournaments.report.settings import find_description
from tournaments.report.summary import GamesSummary

SUFFIXES = (".html", ".htm")
SCRIPTS = ("rules.js", "listing.js", "viewer.js")


def check_report(path: Path) -> None:
    """Raises UserError if `path` cannot be meant for a page."""
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path}: a report is a page, name it *.html")


def write_report(facts: GamesSummary, sources: Sequence[Path], path: Path) -> None:
    """Write the page of the games that were read from `sources`. Raises UserError where that is impossible."""
    check_report(path)
    text = page(facts, find_description(sources))
    write_bytes_atomically(path, utf8(text))


def page(facts: GamesSummary, description: Mapping[str, Any] | None = None) -> str:
    """The text of the page; `description` is the content of a match.json."""
    script = "\n".join(_data_file(name) for name in SCRIPTS)
    body = {
        "ratings": sections.ratings(facts),
        "cross-table": sections.crosses(facts),
        "differences": sections.differences(facts),
        "course": sections.course(facts),
        "breakdowns": sections.breakdowns(facts),
        "counted-apart": sections.left_out(facts),
        "settings": sections.settings(facts, description),
    }
    return Template(_data_file("page.html")).substitute(
        title=show(sections.title_of(facts)),
        style=_data_file("page.css"),
        policy=_policy(script),
        contents=sections.contents(_titles(body)),
        header=sections.header(facts),
        sections=joined(filter(None, body.values())),
        data=embed(facts),
        script=script,
        version=__version__,
    )


_TITLES = {
    "ratings": "Ratings",
    "cross-table": "Cross table",
    "differences": "Differences",
    "course": "Over time",
    "breakdowns": "Breakdowns",
    "counted-apart": "Counted apart",
    "settings": "Settings",
    "games": "Games",
}


def _titles(body: Mapping[str, Html]) -> dict[str, str]:
    return {name: title for name, title in _TITLES.items() if body.get(name, "games")}


def _data_file(name: str) -> str:
    return files("tournaments.report").joinpath(name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """What a browser may do for this page: run this one script; fetch nothing at all."""
    digest = base64.b64encode(hashlib.sha256(f"\n{script}\n".encode()).digest()).decode("ascii")
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
