"""The network's policy as a table, in the form that Leela Zero's `heatmap` prints to standard error.

One row of the board a line, the top row first, three columns a number and a space after each; then the pass
in thousandths and the winrate of the side to move with six decimals.
"""

from __future__ import annotations

import re

from engines.gtp.engine import Heatmap

_ROW = re.compile(r"(?: *[0-9]+)+ *")
_WINRATE = re.compile(r"winrate: *([0-9.]+)")
_PASS = re.compile(r"pass: *([0-9]+)")


def format_heatmap(heatmap: Heatmap, size: int) -> str:
    """The table, its last line feed included."""
    rows = [heatmap.policy[row * size : (row + 1) * size] for row in reversed(range(size))]
    table = "".join("".join(f"{value:3d} " for value in row) + "\n" for row in rows)
    return f"{table}pass: {heatmap.pass_policy}\nwinrate: {heatmap.winrate:.6f}\n"


def parse_heatmap(text: str, size: int) -> Heatmap:
    """The last complete table in `text`, among other lines. Raises ValueError if there is none."""
    lines = text.splitlines()
    for end in range(len(lines) - 1, size, -1):
        winrate, pass_line = _WINRATE.fullmatch(lines[end].strip()), _PASS.fullmatch(lines[end - 1].strip())
        table = lines[end - 1 - size : end - 1]
        if winrate and pass_line and all(_ROW.fullmatch(line) for line in table):
            rows = [[int(word) for word in line.split()] for line in reversed(table)]
            if all(len(row) == size for row in rows):
                return Heatmap([value for row in rows for value in row], int(pass_line[1]), float(winrate[1]))
    raise ValueError(f"no heatmap of a {size}x{size} board")
