"""Pictures by matplotlib, which is optional: the extra `plot`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lzeval.errors import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_IN, HEIGHT_IN, DPI = 7.2, 3.4, 150
BLUE, GREY, INK = "#1f5f99", "#777777", "#1f2328"


def require_matplotlib() -> None:
    """Raise UserError where matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as exc:
        raise UserError("plots need matplotlib: pip install 'lzeval[plot]'") from exc


def check_plot(path: Path, endings: Sequence[str] = (".png", ".svg")) -> None:
    """Raise UserError if no picture can be written to `path`: asked before work that takes minutes."""
    if path.suffix.lower() not in endings:
        raise UserError(f"cannot draw {path}: its name is to end in {' or '.join(endings)}")
    if not path.parent.is_dir():
        raise UserError(f"cannot write {path}: there is no folder {path.parent}")
    require_matplotlib()


@contextmanager
def picture(path: Path) -> Iterator[Axes]:
    """Axes to draw on in the block; `path` is written at its end. Raises UserError."""
    with pictures(path, 1) as [axes]:
        yield axes


@contextmanager
def pictures(path: Path, count: int) -> Iterator[list[Axes]]:
    """As many axes, one below another."""
    require_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN * count), dpi=DPI, layout="constrained")
    found = [figure.add_subplot(count, 1, place + 1) for place in range(count)]
    for axes in found:
        axes.spines[["top", "right"]].set_visible(False)
    yield found
    try:
        figure.savefig(path)
    except (OSError, ValueError) as exc:
        raise UserError(f"{path}: cannot be written ({exc})") from exc
