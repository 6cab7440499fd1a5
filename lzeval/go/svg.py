"""A position as SVG, for notebooks and pages: one picture, no script, readable on light and dark ground."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from lzeval.go.points import COLUMNS

CELL = 24
"""Pixels from line to line."""
MARGIN = 30
_WOOD, _LINE, _FONT = "#e3b96b", "#5b4426", "font-family='sans-serif' text-anchor='middle'"


def draw_svg(
    stones: Sequence[int], size: int, last_move: int | None = None, labels: Mapping[int, str] | None = None
) -> str:
    """The board as an SVG element.

    `stones` are indexed as `lzeval.go.points` has it, 0 empty, 1 Black, 2 White; what lies beyond `size * size` is
    not looked at. `last_move` is marked by a ring; `labels` are short texts on points.
    """
    edge = 2 * MARGIN + (size - 1) * CELL
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {edge} {edge}' width='{edge}' height='{edge}'"
        f" style='max-width:100%;height:auto' role='img' aria-label='Go board, {size} by {size}'>",
        f"<rect width='{edge}' height='{edge}' rx='4' fill='{_WOOD}'/>",
        f"<path stroke='{_LINE}' d='{_lines(size)}'/>",
        *_letters(size),
        *(
            f"<circle cx='{x}' cy='{y}' r='3' fill='{_LINE}'/>"
            for x, y in (_centre(star, size) for star in _stars(size))
        ),
    ]
    for point in range(size * size):
        x, y = _centre(point, size)
        if stones[point]:
            fill = ("#111", "#f8f8f8")[stones[point] - 1]
            parts.append(f"<circle cx='{x}' cy='{y}' r='{CELL * 0.47:.1f}' fill='{fill}' stroke='#222'/>")
        if labels and point in labels:
            parts += _label(labels[point], x, y, stones[point])
        elif point == last_move and stones[point]:
            ring = ("#f8f8f8", "#111")[stones[point] - 1]
            parts.append(f"<circle cx='{x}' cy='{y}' r='6' fill='none' stroke='{ring}' stroke-width='2'/>")
    return "".join([*parts, "</svg>"])


def _centre(point: int, size: int) -> tuple[int, int]:
    """Place of a drawn point: x from the left, y from the top, in pixels."""
    row, column = divmod(point, size)
    return MARGIN + column * CELL, MARGIN + (size - 1 - row) * CELL


def _lines(size: int) -> str:
    end = MARGIN + (size - 1) * CELL
    places = range(MARGIN, end + 1, CELL)
    return "".join(f"M{MARGIN} {p}H{end}M{p} {MARGIN}V{end}" for p in places)


def _letters(size: int) -> list[str]:
    """Coordinates along the left and the lower edge."""
    low = 2 * MARGIN + (size - 1) * CELL - 8
    return [
        f"<text x='{x}' y='{y}' font-size='11' fill='{_LINE}' {_FONT}>{text}</text>"
        for n in range(size)
        for x, y, text in (
            (MARGIN + n * CELL, low, COLUMNS[n]),
            (11, MARGIN + (size - 1 - n) * CELL + 4, str(n + 1)),
        )
    ]


def _stars(size: int) -> list[int]:
    """Star points: on the third line of boards up to 11, on the fourth of larger ones, and the centre of odd ones."""
    if size < 7:
        return []
    near = 2 if size < 12 else 3
    middle = size // 2
    lines = [near, size - 1 - near]
    stars = [row * size + column for row in lines for column in lines]
    if size % 2:
        stars.append(middle * size + middle)
        if size > 13:
            stars += [row * size + column for row, column in ((near, middle), (size - 1 - near, middle))]
            stars += [row * size + column for row, column in ((middle, near), (middle, size - 1 - near))]
    return stars


def _label(text: str, x: int, y: int, stone: int) -> list[str]:
    """A text on a point: on wood where there is no stone, so that lines do not strike it through."""
    ground = [] if stone else [f"<circle cx='{x}' cy='{y}' r='10' fill='{_WOOD}'/>"]
    colour = "#f8f8f8" if stone == 1 else "#111"
    size = 12 if len(text) < 3 else 10
    return [
        *ground,
        f"<text x='{x}' y='{y + 4}' font-size='{size}' fill='{colour}' {_FONT}>{escape(text)}</text>",
    ]
