"""Lines of decimals as float32.

A decimal is a sign if need be, digits with or without a point, and perhaps an exponent: `-0.5`, `.5`, `5.`, `5e-07`.
Decimals are separated by white space as C knows it, and a line is a row. Each is rounded to float64 and then to
float32, both to the nearest, which gives `numpy.float32(float(text))` to the last bit. Texts of some megabytes are read
in plain Python, which starts at once, longer ones by compiled code.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from lzeval.compiled.arrays import Floats32

MOST_JUDGED = 1000
"""Odd parts of a row that are looked at: a row with so many that are no numbers is spoilt."""
_TOO_LARGE = float(2**128 - 2**103)
"""The smallest float64 that becomes infinite as float32."""
_USUAL_LENGTH = 1 << 20
_NOTHING = np.empty(0, np.float32)


@dataclass(frozen=True)
class Part:
    """Something between two spaces."""

    number: int
    """Place among the row's numbers, from 1."""
    text: bytes


@dataclass
class Row:
    """One line as read."""

    numbers: Floats32
    """Every number of the row; 1 stands in for what is no number."""
    spoilt: Part | None = None
    """The first part that is no number."""
    has_more: bool = False
    """True if further parts are no numbers."""
    boundless: Part | None = None
    """The first that is not a finite float32: `nan`, `inf`, or too large."""


def value_of(text: bytes) -> float | None:
    """The float64 nearest to a decimal; also of `nan` and `inf` in all their spellings; None for anything else."""
    try:
        return float(text) if b"_" not in text else None
    except ValueError:
        return None


def rows_of_text(text: bytes) -> Iterator[Row]:
    """Every line of `text`, read in plain Python; a last line end is no line of its own, whatever blanks follow it."""
    lines = text.split(b"\n")
    if not lines[-1].strip():
        lines.pop()
    return map(_row_of_line, lines)


def rows_of_blocks(blocks: Iterable[bytes]) -> Iterator[Row]:
    """Every line of a text in blocks, read by compiled code; only the row that is being read is kept."""
    parser, row = _BlockParser(), _GrowingRow()
    rest: list[bytes] = []
    for block in blocks:
        cut = max(block.rfind(b" "), block.rfind(b"\n")) + 1
        rest.append(block[:cut])
        if cut:
            row = yield from parser.parse(rest, row)
            rest.clear()
            rest.append(block[cut:])
        else:
            rest[-1] = block
    row = yield from parser.parse([*rest, b" "], row)
    if row.count:
        yield row.finished()


class _GrowingRow:
    """A row of which more may come."""

    def __init__(self) -> None:
        self.count = 0
        self._pieces: list[Floats32] = []
        self._spoilt: list[Part] = []
        self._boundless: Part | None = None

    def extend(self, numbers: Floats32) -> None:
        self.count += len(numbers)
        self._pieces.append(numbers)

    def judge(self, index: int, text: bytes) -> float:
        """The number to take for the part `text`, which may be no number or not finite."""
        if self.is_judged:
            return 1.0
        value = value_of(text)
        if value is None:
            self._spoilt.append(Part(index + 1, text))
            return 1.0
        if self._boundless is None and not abs(value) < _TOO_LARGE:
            self._boundless = Part(index + 1, text)
        return value

    @property
    def is_judged(self) -> bool:
        """True if so much of it is no number that nothing more has to be known."""
        return len(self._spoilt) == MOST_JUDGED

    def finished(self) -> Row:
        numbers = self._pieces[0] if len(self._pieces) == 1 else np.concatenate([_NOTHING, *self._pieces])
        return Row(numbers, next(iter(self._spoilt), None), len(self._spoilt) > 1, self._boundless)


def _row_of_line(line: bytes) -> Row:
    texts = line.split()
    try:
        numbers = None if b"_" in line else _single(map(float, texts), len(texts))
    except ValueError:
        numbers = None
    if numbers is not None and np.isfinite(numbers).all():
        return Row(numbers)
    row = _GrowingRow()
    row.extend(_single((row.judge(index, text) for index, text in enumerate(texts)), len(texts)))
    return row.finished()


def _single(values: Iterable[float], count: int) -> Floats32:
    with np.errstate(over="ignore"):
        return np.fromiter(values, np.float64, count).astype(np.float32)


class _BlockParser:
    """Compiled code, and the arrays that it fills."""

    def __init__(self) -> None:
        self._make_room(_USUAL_LENGTH)

    def _make_room(self, length: int) -> None:
        """Make arrays for texts of so many bytes."""
        self._length = length
        self._numbers = np.empty(length // 2 + 1, np.float32)
        self._ends = np.empty(length, np.int64)
        self._odd = np.empty((length // 2 + 1, 3), np.int64)

    def parse(self, parts: Iterable[bytes], row: _GrowingRow) -> Generator[Row, None, _GrowingRow]:
        """The rows that end in a text, which begins within `row`; returns the row that has not ended."""
        from lzeval.network.weights_file.decimal_kernel import PADDING, parse_block

        text = b"".join([*parts, bytes(PADDING)])
        if len(text) > self._length:
            self._make_room(len(text))
        characters = np.frombuffer(text, np.uint8)
        words = np.ndarray(len(text) - PADDING, "<u8", text, strides=(1,))
        count, rows, odds = parse_block(characters, words, self._numbers, self._ends, self._odd)
        odd = self._odd[:odds]
        start = 0
        for end in [*self._ends[:rows].tolist(), None]:
            stop = count if end is None else end
            numbers = self._numbers[start:stop].copy()
            first, last = np.searchsorted(odd[:, 0], [start, stop])
            for index, begin, finish in odd[first:last]:
                if row.is_judged:
                    break
                value = row.judge(row.count + int(index) - start, text[begin:finish])
                numbers[index - start] = _single([value], 1)[0]
            row.extend(numbers)
            if end is not None:
                yield row.finished()
                row = _GrowingRow()
            start = stop
        return row
