"""Rows of numbers against the layout of a network: which network they are, and what is wrong with them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lzeval.compiled.arrays import Floats32, Ints32
from lzeval.go.points import LARGEST, SMALLEST
from lzeval.network.weights_file.layout import (
    BLOCK_ROWS,
    HEAD_ROWS,
    INPUT_PLANES,
    INPUT_ROWS,
    POLICY_CHANNELS,
    VALUE_HIDDEN,
    NetworkShape,
    TensorSpec,
    tensor_layout,
)
from lzeval.network.weights_file.numbers import Row
from lzeval.network.weights_file.text import quoted
from lzeval.network.weights_file.words import why_no_number

FIRST_LINE = 2
"""The line of the first row; line 1 is the version."""
_FEWEST_ROWS = INPUT_ROWS + HEAD_ROWS
MOST_ROWS = 10_000
"""Rows that no network has; a file is read no further."""
_MOST_ALIGNED = 1000
"""Rows of a broken file, beyond which it is not compared with every network that it may have been."""
_SIZED = ("policy.fc.weight", "policy.fc.bias", "value.fc1.weight")
_CUT, _AGAIN = "the file was cut short: it ends", "copy or download it again"


@dataclass(frozen=True)
class Problem:
    """One reason not to play with a weights file."""

    message: str
    line: int | None = None
    """Line, from 1; None where the file as a whole is meant."""

    def __str__(self) -> str:
        return self.message if self.line is None else f"line {self.line}: {self.message}"


@dataclass(frozen=True)
class Examination:
    """Result of comparing rows with the network that they are, or most resemble."""

    shape: NetworkShape | None
    """None where the rows do not tell."""
    problems: list[Problem]


def examine(rows: Sequence[Row], board_size: int | None) -> Examination:
    """Compare the rows after the version with the layout that they resemble most."""
    lengths = [len(row.numbers) for row in rows]
    shape = _exact_shape(lengths) if len(rows) <= MOST_ROWS else None
    if shape is not None:
        pairs = _Alignment(tensor_layout(shape), [(n, n) for n in range(len(rows))], None)
        return Examination(shape, [*_size_problems(shape, board_size), *_row_problems(rows, pairs)])
    guess = _best_guess(lengths)
    if guess is None:
        return Examination(None, [_shapeless(rows)])
    alignment = _aligned(guess, lengths)
    problems = list(_row_problems(rows, alignment))
    if alignment.tells_size(lengths):
        problems = [*_size_problems(guess, board_size), *problems]
    return Examination(guess, problems)


def _size_problems(shape: NetworkShape, board_size: int | None) -> Iterator[Problem]:
    if board_size not in (None, shape.board_size):
        sizes = f"{shape.board_size}x{shape.board_size}, not for {board_size}x{board_size}"
        yield Problem(f"the network was made for boards of {sizes}")


def _shapeless(rows: Sequence[Row]) -> Problem:
    """The problem of a file whose rows are not a network's, nor the beginning of one."""
    for line, row in enumerate(rows, start=FIRST_LINE):
        if row.spoilt:
            return Problem(f"not a row of numbers: {_spoilt(row)}", line)
        if not len(row.numbers):
            return Problem("an empty line: remove it, and all others", line)
    if len(rows) < _FEWEST_ROWS:
        count = f"it has {len(rows)} rows of numbers, and a network has at least {_FEWEST_ROWS}"
        return Problem(f"the file is cut short, or is no weights file: {count}")
    count = str(len(rows)) if len(rows) <= MOST_ROWS else f"more than {MOST_ROWS}"
    length, number = Counter(len(row.numbers) for row in rows).most_common(1)[0]
    return Problem(
        f"no Leela Zero network: it has {count} rows of numbers, {number} of them of {length}; a network has a row for"
        f" each tensor, {_FEWEST_ROWS} and {BLOCK_ROWS} a block"
    )


# Which network it is


def _exact_shape(lengths: Sequence[int]) -> NetworkShape | None:
    """The network whose rows have exactly these lengths."""
    blocks, rest = divmod(len(lengths) - _FEWEST_ROWS, BLOCK_ROWS)
    if blocks < 0 or rest:
        return None
    filters, side = lengths[1], math.isqrt(max(lengths[-9] - 1, 0))
    if filters < 1 or not SMALLEST <= side <= LARGEST:
        return None
    shape = NetworkShape(blocks, filters, side)
    return shape if [spec.length for spec in tensor_layout(shape)] == list(lengths) else None


def _best_guess(lengths: Sequence[int]) -> NetworkShape | None:
    """The network that differs in the fewest rows, though some may be wrong, missing or extra; None if most do."""
    if not lengths or len(lengths) > _MOST_ALIGNED:
        return None
    best, fewest = None, len(lengths) // 2
    for guess in _guesses(lengths):
        costs = _edit_costs([spec.length for spec in tensor_layout(guess)], lengths)
        wrong = int(costs[:, -1].min())
        cost = wrong + int(costs[-1, -1] > wrong)
        if wrong <= len(lengths) // 2 and (best is None or cost < fewest):
            best, fewest = guess, cost
    return best


def _guesses(lengths: Sequence[int]) -> Iterator[NetworkShape]:
    """Networks worth comparing with, the likeliest first."""
    for filters in _likely_filters(lengths):
        for size in _likely_sizes(lengths, filters):
            for blocks in _likely_blocks(lengths, filters):
                yield NetworkShape(blocks, filters, size)


def _likely_filters(lengths: Sequence[int]) -> list[int]:
    """Filters by the commonest lengths: most rows of a tower are a bias, a mean or a variance."""
    usual = [length for length, _ in Counter(filter(None, lengths)).most_common(3)]
    return list(dict.fromkeys(filter(None, [*usual, lengths[0] // (INPUT_PLANES * 9)])))


def _likely_sizes(lengths: Sequence[int], filters: int) -> list[int]:
    """Board sizes of which there are rows that a tower of this width has not, and the usual one."""
    tower = {
        filters,
        9 * filters * filters,
        INPUT_PLANES * 9 * filters,
        POLICY_CHANNELS * filters,
        VALUE_HIDDEN,
    }
    found = set(lengths) - tower
    votes = Counter({size: len(found & _head_lengths(size)) for size in range(SMALLEST, LARGEST + 1)})
    return [*(size for size, count in votes.most_common(2) if count), 19]


def _head_lengths(size: int) -> set[int]:
    points = size * size
    return {POLICY_CHANNELS * points * (points + 1), points + 1, VALUE_HIDDEN * points}


def _likely_blocks(lengths: Sequence[int], filters: int) -> list[int]:
    """Blocks by the number of rows, by where the policy head begins, and more than there can be, for a cut file."""
    counts = [len(lengths) - _FEWEST_ROWS]
    if POLICY_CHANNELS * filters in lengths[INPUT_ROWS:]:
        counts.append(lengths.index(POLICY_CHANNELS * filters, INPUT_ROWS) - INPUT_ROWS)
    blocks = [number for count in counts for number in (count // BLOCK_ROWS, -(-count // BLOCK_ROWS))]
    return list(dict.fromkeys(max(0, number) for number in [*blocks, len(lengths) // BLOCK_ROWS + 1]))


# Row by row


@dataclass(frozen=True)
class _Alignment:
    """Rows beside the tensors that they are."""

    specs: list[TensorSpec]
    pairs: list[tuple[int | None, int | None]]
    """Tensor and row, by number; None for what is lacking, on either side."""
    cut_at: int | None
    """The tensor before which the file ends."""

    @property
    def is_certain(self) -> bool:
        """True if there is a tensor for every row and, but for the file's end, a row for every tensor."""
        return all(spec is not None and row is not None for spec, row in self.pairs)

    def tells_size(self, lengths: Sequence[int]) -> bool:
        """Tell whether there is a row of a length that depends on the board's size, in its place."""
        return any(
            row is not None
            and spec is not None
            and self.specs[spec].name in _SIZED
            and self.specs[spec].length == lengths[row]
            for spec, row in self.pairs
        )


def _edit_costs(expected: Sequence[int], found: Sequence[int]) -> Ints32:
    """`[e, f]`: how many rows to change, put in or take out, to make of the first `f` found the first `e` expected."""
    there = np.array(found)
    steps = np.arange(len(found) + 1, dtype=np.int32)
    costs = np.empty((len(expected) + 1, len(found) + 1), np.int32)
    costs[0] = steps
    for number, length in enumerate(expected):
        above = costs[number]
        best = above + 1
        np.minimum(best[1:], above[:-1] + (there != length), out=best[1:])
        costs[number + 1] = np.minimum.accumulate(best - steps) + steps
    return costs


def _aligned(shape: NetworkShape, lengths: Sequence[int]) -> _Alignment:
    """The rows beside the tensors that they are if as few as possible are wrong; rows at the end may all be lacking."""
    specs = tensor_layout(shape)
    expected = [spec.length for spec in specs]
    costs = _edit_costs(expected, lengths)[:, -1]
    last = int(np.flatnonzero(costs == costs.min())[-1])
    pairs = list(_cheapest_pairs(expected[:last], lengths))
    return _Alignment(specs, pairs, last if last < len(specs) else None)


def _cheapest_pairs(expected: Sequence[int], found: Sequence[int]) -> Iterator[tuple[int | None, int | None]]:
    """The alignment with the fewest wrong rows that takes a row for right, else wrong, else extra."""
    costs = _edit_costs(expected[::-1], found[::-1])  # of what is left of both
    e, f = len(expected), len(found)
    while e or f:
        place = len(expected) - e, len(found) - f
        if e and f and costs[e, f] == costs[e - 1, f - 1] + (expected[place[0]] != found[place[1]]):
            yield place
            e, f = e - 1, f - 1
        elif f and costs[e, f] == costs[e, f - 1] + 1:
            yield None, place[1]
            f -= 1
        else:
            yield place[0], None
            e -= 1


def _row_problems(rows: Sequence[Row], alignment: _Alignment) -> Iterator[Problem]:
    """Rows out of place, of the wrong length, or with impossible numbers, from the first line to the last."""
    line = FIRST_LINE
    missing: list[TensorSpec] = []
    for spec_number, row_number in alignment.pairs:
        spec = None if spec_number is None else alignment.specs[spec_number]
        if row_number is None:
            assert spec is not None
            missing.append(spec)
            continue
        yield from _missing(missing, line)
        missing.clear()
        line = FIRST_LINE + row_number
        is_cut_off = alignment.cut_at is not None and row_number == len(rows) - 1
        yield from _problems_of_row(rows[row_number], spec, line, alignment.is_certain, is_cut_off)
        line += 1
    yield from _missing(missing, line)
    if alignment.cut_at is not None:
        yield _cut(rows, alignment)


def _missing(specs: Sequence[TensorSpec], line: int) -> Iterator[Problem]:
    if len(specs) == 1:
        yield Problem(f"a row is missing here: {specs[0].name}, {specs[0].length} numbers", line)
    elif specs:
        yield Problem(f"{len(specs)} rows are missing here: {specs[0].name} to {specs[-1].name}", line)


def _cut(rows: Sequence[Row], alignment: _Alignment) -> Problem:
    """The end of a file that ends before its network does."""
    assert alignment.cut_at is not None
    spec_number, row_number = alignment.pairs[-1] if alignment.pairs else (None, None)
    if spec_number is not None and row_number == len(rows) - 1:
        spec, found = alignment.specs[spec_number], len(rows[-1].numbers)
        if found < spec.length:
            within = f"{_CUT} within {spec.name}, after {found} of its {spec.length} numbers"
            return Problem(f"{within}; {_AGAIN}", FIRST_LINE + row_number)
    spec = alignment.specs[alignment.cut_at]
    goes_on = f"a network of this width goes on with {spec.name}, {spec.length} numbers"
    return Problem(f"{_CUT} after {len(rows)} rows; {goes_on}; {_AGAIN}", FIRST_LINE + len(rows))


def _problems_of_row(
    row: Row, spec: TensorSpec | None, line: int, is_certain: bool, is_cut_off: bool
) -> Iterator[Problem]:
    """Problems of a row, given the tensor that it should be; the end of one that is cut off is not its fault."""
    found = len(row.numbers)
    is_short = spec is not None and found < spec.length
    name = spec.name if spec else "an extra row"
    if row.spoilt and not (is_cut_off and row.spoilt.number == found):
        yield Problem(f"{name}: {_spoilt(row)}", line)
    if spec is None:
        yield Problem(f"a row too many, of {found} numbers" if found else "an empty line", line)
    elif found != spec.length and not (is_cut_off and is_short):
        yield Problem(f"{spec.name} has {found} numbers, {spec.length} expected", line)
    known = spec if is_certain else None
    judged = row.numbers[:-1] if is_cut_off else row.numbers  # its last number may be half of one
    message = value_problem(known, judged)
    if message:
        as_written = row.boundless.text if row.boundless else b""
        is_told = not as_written or as_written.lower().lstrip(b"+-") in (b"nan", b"inf")
        yield Problem(message if is_told else f"{message}: the file has {quoted(as_written)}", line)


def _spoilt(row: Row) -> str:
    assert row.spoilt is not None
    others = "; others of this row are no numbers either" if row.has_more else ""
    return f"number {row.spoilt.number} is {quoted(row.spoilt.text)}{why_no_number(row.spoilt.text)}{others}"


def value_problem(spec: TensorSpec | None, numbers: Floats32) -> str | None:
    """The first number that no engine can compute with; `spec` None where it is uncertain what they are."""
    name = spec.name if spec else "a row of uncertain place"
    bad = np.flatnonzero(~np.isfinite(numbers))
    if bad.size:
        return f"{name}: number {bad[0] + 1} is {numbers[bad[0]]}, not a finite float32"
    if spec and spec.is_variance:
        bad = np.flatnonzero(numbers <= 0)
        if bad.size:
            return f"{name}: number {bad[0] + 1} is {numbers[bad[0]]}; a variance is above 0"
    return None
