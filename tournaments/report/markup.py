"""Pieces of HTML. Text is escaped here and nowhere else; what is HTML already says so by its type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def show(value: object) -> Html:
    return value if isinstance(value, Html) else Html(escape(str(value)))


def tag(name: str, *content: object, **attributes: object) -> Html:
    """An element; `class_` and `data_x` are the attributes `class` and `data-x`."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items()
    )
    return Html(f"<{name}{shown}>{''.join(map(show, content))}</{name}>")


def joined(pieces: Iterable[object]) -> Html:
    return Html("\n".join(map(show, pieces)))


def table(
    headings: Sequence[object], rows: Iterable[Sequence[object]], *, text: int = 1, of: str = ""
) -> Html:
    """A table that scrolls sideways where it must. The first `text` columns are text, the others numbers.

    The first cell of a row is its heading; `of` names the table to those who cannot see it.
    """
    head = joined(
        tag("th", heading, scope="col", class_="text" if place < text else "number")
        for place, heading in enumerate(headings)
    )
    body = joined(tag("tr", *_cells(row, text)) for row in rows)
    content = tag("table", tag("thead", tag("tr", head)), tag("tbody", body), aria_label=of)
    return tag("div", content, class_="scroll", tabindex=0, role="region", aria_label=of)


def _cells(row: Sequence[object], text: int) -> Iterable[Html]:
    for place, value in enumerate(row):
        kind = "text" if place < text else "number"
        yield tag("th", value, scope="row", class_=kind) if place == 0 else tag("td", value, class_=kind)
