"""Output of commands: lines, JSON, tables and bars, on any terminal, into any pipe, in any encoding.

Nothing is wrapped in a pipe. On a terminal prose is wrapped at words, and tables lose columns before names break.
rich is imported where it is used: most lines need none of it.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.progress import Progress, ProgressColumn
    from rich.table import Table

UNBOUNDED = 1_000_000
"""Columns of a pipe: more than any table has."""
GAP = 2
"""Columns of text that each column of a table takes besides its cells."""
LINES = 25
"""Lines of a screen that tells no size."""
NARROWEST_NAME = 8
NARROWEST_TEXT = 20
"""Columns that a text keeps at least before a column is left out for it."""
LOOKALIKES = {"±": "+-", "–": "-", "—": "-", "−": "-", "…": "...", "×": "x", "·": ".", "’": "'", "‘": "'"}
"""Stand-ins for what an encoding lacks; anything else becomes a question mark."""

_ERRORS = "lzeval.lookalikes"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def _lookalikes(error: UnicodeError) -> tuple[str, int]:
    """An error handler of `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(LOOKALIKES.get(letter, "?") for letter in error.object[error.start : error.end]), error.end


codecs.register_error(_ERRORS, _lookalikes)


def replace_missing_letters() -> None:
    """Have standard output and standard error replace letters that their encoding lacks instead of raising.

    Among them are the bytes of file names that are no text in the file system's encoding.
    """
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=_ERRORS)


def shown(text: str, encoding: str = "utf-8") -> str:
    """`text` as it will appear: without control characters but tab and newline, in letters that `encoding` has."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text).encode(encoding, _ERRORS).decode(encoding)


def say(text: str = "", *, err: bool = False) -> None:
    """Print a line, or several, to standard output or standard error; never wrapped, so commands can be copied."""
    stream = sys.stderr if err else sys.stdout
    if stream is not None:  # a program without a console has none
        stream.write(shown(text, _encoding(stream)) + "\n")
        stream.flush()


def say_prose(text: str, console: Console | None = None) -> None:
    """Print sentences: wrapped at words on a terminal, in one line anywhere else; see `screen`."""
    from rich.text import Text

    console = screen() if console is None else console
    console.print(Text(shown(text, console.encoding)))


def say_json(content: object, indent: int | None = None) -> None:
    """Print JSON with every letter: as itself in UTF-8, escaped where the stream's encoding is another one."""
    text = json.dumps(content, indent=indent, ensure_ascii=False)
    if codecs.lookup(_encoding(sys.stdout)).name != "utf-8" or not _is_text(text):
        text = json.dumps(content, indent=indent)
    say(text)


def _is_text(text: str) -> bool:
    """False of the bytes of a file name that are no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _encoding(stream: TextIO | None) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def is_terminal(stream: object) -> bool:
    isatty = getattr(stream, "isatty", None)
    return isatty is not None and bool(isatty())


def screen(*, err: bool = False) -> Console:
    """A console on standard output, or standard error: as wide as COLUMNS says, or the terminal is.

    Into a pipe, or a file, nothing is wrapped (`soft_wrap`), and without COLUMNS it has no width to fit at all.
    """
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    width, height = _size(stream)
    return Console(
        stderr=err,
        emoji=False,
        highlight=False,
        width=width,
        height=height,
        soft_wrap=not is_terminal(stream),
    )


def _size(stream: TextIO | None) -> tuple[int | None, int | None]:
    """Columns and lines; None where rich asks the terminal, also after it was resized.

    It would take 80 by 25 for a pipe, and for every terminal that it calls dumb.
    """
    if is_terminal(stream) and "COLUMNS" not in os.environ and os.environ.get("TERM", "dumb") != "dumb":
        return None, None
    try:
        assert stream is not None
        width, height = os.get_terminal_size(stream.fileno())
    except (AssertionError, OSError, ValueError):
        width, height = UNBOUNDED, LINES
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        width = int(columns)
    return width or 80, height or LINES


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: of numbers, which stand at the right, or of text."""

    heading: str = ""
    is_text: bool = False
    is_kept: bool = False
    """Never left out, however narrow the screen."""
    folds: bool = False
    """May be folded to NARROWEST_TEXT before a column is left out, as explanations may and names may not."""


def name_column(heading: str) -> Column:
    """A column of names: never left out, and folded only where there is nothing else to leave out."""
    return Column(heading, is_text=True, is_kept=True)


def text_column(heading: str = "", *, is_kept: bool = False) -> Column:
    """A column of explanations, paths and the like."""
    return Column(heading, is_text=True, is_kept=is_kept, folds=True)


class ScreenTable:
    """A table for people, which shows as many of its columns as there is room for; it may be part of a live display.

    Columns stand in the order of their interest: they are left out from the right. Cells may have several lines.
    """

    def __init__(self, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
        self.columns = columns
        self.rows = [list(row) for row in rows]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        cells, needed = self._measured(console.encoding)
        places = self._fitting(needed, options.max_width)
        if console.soft_wrap:
            options = options.update(max_width=UNBOUNDED)
        folds = sum(needed[place] + GAP for place in places) > options.max_width
        yield from console.render(self._table(places, cells, needed, folds, options.ascii_only), options)

    def width(self, encoding: str = "utf-8") -> int:
        """Columns of text that all of it takes at least, nothing left out."""
        return sum(needed + GAP for needed in self._measured(encoding)[1])

    def _measured(self, encoding: str) -> tuple[list[list[str]], list[int]]:
        """The rows' cells as they will appear, and how wide each column has to be."""
        cells = [[shown(cell, encoding) for cell in row] for row in self.rows]
        return cells, [self._needed(place, cells) for place in range(len(self.columns))]

    def _needed(self, place: int, cells: Sequence[Sequence[str]]) -> int:
        """Columns of text that a column has to have."""
        from rich.cells import cell_len

        column = self.columns[place]
        texts = (column.heading, *(row[place] for row in cells))
        widest = max(cell_len(line) for text in texts for line in text.split("\n"))
        return min(widest, NARROWEST_TEXT) if column.folds else widest

    def _fitting(self, needed: Sequence[int], width: int) -> list[int]:
        """Places of the columns that are shown."""
        places = list(range(len(self.columns)))
        for place in reversed(range(len(self.columns))):
            if sum(needed[i] + GAP for i in places) <= width:
                break
            if not self.columns[place].is_kept:
                places.remove(place)
        return places

    def _table(
        self,
        places: Sequence[int],
        cells: Sequence[Sequence[str]],
        needed: Sequence[int],
        folds: bool,
        ascii_only: bool,
    ) -> Table:
        """`folds`: whether even those that are kept are too wide."""
        from rich.box import SIMPLE_HEAD, Box
        from rich.table import Table
        from rich.text import Text

        plain = Box("\n".join(["    ", "    ", " -- ", *["    "] * 5, ""]), ascii=True)
        table = Table(box=plain if ascii_only else SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        for place in places:
            column = self.columns[place]
            breaks = column.folds or (folds and column.is_text)
            table.add_column(
                Text(column.heading),
                justify="left" if column.is_text else "right",
                no_wrap=not breaks,
                overflow="fold",
                min_width=min(needed[place], NARROWEST_NAME) if folds else needed[place],
            )
        for row in cells:
            table.add_row(*(Text(row[place]) for place in places))
        return table


def print_table(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], console: Console | None = None
) -> None:
    """Print a table, on standard output if no console is given; see ScreenTable."""
    console = screen() if console is None else console
    console.print(ScreenTable(columns, rows))


def progress_bar(*columns: ProgressColumn, transient: bool = False) -> Progress:
    """A bar on standard error behind its task's description, which is taken as it is, and before `columns`."""
    from rich.progress import BarColumn, Progress, TextColumn

    title = TextColumn("{task.description}", style="bold", markup=False)
    return Progress(title, BarColumn(bar_width=20), *columns, console=screen(err=True), transient=transient)
