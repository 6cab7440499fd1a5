"""The winrate of a reviewed game as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engines.review.assess import MoveReview, worst_moves
from lzeval.go.board import BLACK
from lzeval.text.plots import BLUE, GREY, INK, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKED = 5
"""The worst moves, which are marked."""
NAMES_APART = 0.03
"""Share of the game between two numbers, which would overlap otherwise."""


def plot_winrate(
    start: float, reviews: Sequence[MoveReview], players: tuple[str, str], network: str, path: Path
) -> None:
    """Draw Black's winrate, which is `start` before the first move, to `path`. Raises UserError."""
    title = f"{players[0]} (Black) v {players[1]}, as {network} sees it"
    with picture(path) as axes:
        _draw(axes, start, reviews)
        axes.set_title(title, loc="left", parse_math=False)


def _draw(axes: Axes, start: float, reviews: Sequence[MoveReview]) -> None:
    percent = [100 * share for share in (start, *(review.winrate_of_black for review in reviews))]
    turns = range(len(percent))
    axes.fill_between(turns, 50, percent, color=BLUE, alpha=0.18, linewidth=0)
    axes.plot(turns, percent, color=BLUE, linewidth=1.8)
    axes.axhline(50, color=GREY, linewidth=0.8)
    named: list[MoveReview] = []
    for review in worst_moves(reviews, MARKED):
        is_free = all(
            other.colour != review.colour or abs(other.number - review.number) >= NAMES_APART * len(reviews)
            for other in named
        )
        _mark(axes, review, with_number=is_free)
        named += [review] if is_free else []
    axes.set_ylim(-4, 104)
    axes.set_xlim(0, len(reviews))
    axes.set_xlabel("moves")
    axes.set_ylabel("Black's winrate, %")


def _mark(axes: Axes, review: MoveReview, *, with_number: bool) -> None:
    """A stone of the player's colour where the move led, and perhaps the move's number beyond it."""
    at = review.number, 100 * review.winrate_of_black
    is_black = review.colour == BLACK
    axes.plot(*at, "o", markersize=6, markeredgecolor=INK, markerfacecolor=INK if is_black else "white")
    if with_number:
        offset, side = (
            ((5, -7), "left") if is_black else ((-4, 5), "right")
        )  # the curve came from the other one
        text = str(review.number)
        axes.annotate(text, at, xytext=offset, textcoords="offset points", ha=side, fontsize=8, color=INK)
