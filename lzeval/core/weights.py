"""Leela Zero's weights file: text, one line per tensor, plain or gzipped.

`tensor_layout` is the only place that knows the order of the lines; readers, writers and checks walk it.
A file is believed only after every row was compared with it: leelaz itself reads a short row as if zeros
followed, and plays on.
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from lzeval.core.errors import UserError, WeightsError
from lzeval.core.files import replacing
from lzeval.core.points import LARGEST, SMALLEST

Floats = npt.NDArray[np.float32]

INPUT_PLANES = 18
POLICY_CHANNELS = 2
VALUE_CHANNELS = 1
VALUE_HIDDEN = 256
BATCH_NORM_EPSILON = 1e-5
"""Added to the variance before the square root, here and in leelaz."""
MOVERS_VALUE, BLACKS_VALUE = 1, 2
"""The versions of a file: whose chance the value is."""

_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGIC = b"PK\x03\x04"
_HEAD_ROWS = 14
_FEWEST_ROWS = 4 + _HEAD_ROWS
_ROWS_PER_BLOCK = 8
_QUOTED = 30
"""How many characters of the user's file a message repeats at most."""


@dataclass(frozen=True)
class NetworkShape:
    """What distinguishes one network's layers from another's."""

    blocks: int
    """Residual blocks, two convolutions each."""
    filters: int
    """Channels of every convolution of the tower."""
    board_size: int = 19
    """Points along a side of the board, 2 to 25."""

    def __post_init__(self) -> None:
        if self.blocks < 0 or self.filters < 1:
            raise UserError(f"a network of {self.blocks} blocks and {self.filters} filters cannot be")
        if not SMALLEST <= self.board_size <= LARGEST:
            raise UserError(f"board size {self.board_size} is not from {SMALLEST} to {LARGEST}")

    @property
    def points(self) -> int:
        return self.board_size**2

    def __str__(self) -> str:
        return f"{self.blocks} blocks x {self.filters} filters for {self.board_size}x{self.board_size}"


@dataclass(frozen=True)
class TensorSpec:
    """One line of the file."""

    name: str
    """For instance `block3.conv2.mean` or `policy.fc.weight`; the last word says what the numbers are."""
    shape: tuple[int, ...]
    """C order; convolutions are [out, in, k, k], fully connected layers [out, in]."""

    @property
    def length(self) -> int:
        return int(np.prod(self.shape))

    @property
    def is_variance(self) -> bool:
        return self.name.endswith(".variance")


def tensor_layout(shape: NetworkShape) -> list[TensorSpec]:
    """Every line after the version, in the order of the file."""
    filters, points = shape.filters, shape.points
    specs = list(_convolution("input", INPUT_PLANES, filters, 3))
    for block in range(1, shape.blocks + 1):
        for conv in ("conv1", "conv2"):
            specs += _convolution(f"block{block}.{conv}", filters, filters, 3)
    specs += _convolution("policy.conv", filters, POLICY_CHANNELS, 1)
    specs += _fully_connected("policy.fc", POLICY_CHANNELS * points, points + 1)
    specs += _convolution("value.conv", filters, VALUE_CHANNELS, 1)
    specs += _fully_connected("value.fc1", VALUE_CHANNELS * points, VALUE_HIDDEN)
    specs += _fully_connected("value.fc2", VALUE_HIDDEN, 1)
    return specs


def _convolution(name: str, inputs: int, outputs: int, kernel: int) -> Iterator[TensorSpec]:
    yield TensorSpec(f"{name}.weight", (outputs, inputs, kernel, kernel))
    for part in ("bias", "mean", "variance"):
        yield TensorSpec(f"{name}.{part}", (outputs,))


def _fully_connected(name: str, inputs: int, outputs: int) -> Iterator[TensorSpec]:
    yield TensorSpec(f"{name}.weight", (outputs, inputs))
    yield TensorSpec(f"{name}.bias", (outputs,))


@dataclass(frozen=True)
class LeelaWeights:
    """The content of a weights file.

    A convolution's output is `(conv(x) + bias - mean) / sqrt(variance + BATCH_NORM_EPSILON)`.
    """

    version: int
    """1, or 2 where the value is Black's and not the mover's."""
    shape: NetworkShape
    tensors: dict[str, Floats]
    """Keys and shapes are those of `tensor_layout(shape)`, in its order."""

    @property
    def parameters(self) -> int:
        """How many numbers the file holds after its version."""
        return sum(tensor.size for tensor in self.tensors.values())


@dataclass(frozen=True)
class Problem:
    """One reason not to play with a weights file."""

    message: str
    line: int | None = None
    """From 1; None where the file as a whole is meant."""

    def __str__(self) -> str:
        return self.message if self.line is None else f"line {self.line}: {self.message}"


@dataclass(frozen=True)
class WeightsInfo:
    """A valid weights file, described."""

    path: Path
    version: int
    shape: NetworkShape
    parameters: int
    """Numbers after the version line."""
    text_sha256: str
    """Of the text as it is before compression: what official networks are named after."""
    file_sha256: str
    file_bytes: int


def read_weights(path: str | Path, board_size: int | None = None) -> LeelaWeights:
    """Read and validate `path`, whatever its name; `board_size` None accepts every size from 2 to 25.

    Raises WeightsError with the first problem that `check_weights` would list.
    """
    return _parse(path, _read_text(Path(path)), board_size)


def check_weights(path: str | Path, board_size: int | None = 19) -> list[Problem]:
    """Everything that is wrong with `path`, in the order of its lines; an empty list for a sound file."""
    try:
        lines = _split_lines(_read_text(Path(path)))
        _parse_version(path, lines)
    except WeightsError as exc:
        return [Problem(exc.problem, exc.line)]
    return _examine(lines[1:], board_size).problems


def weights_info(path: str | Path) -> WeightsInfo:
    """Describe `path`. Raises WeightsError as `read_weights` does."""
    text = _read_text(Path(path))
    weights = _parse(path, text, None)
    content = Path(path).read_bytes()
    return WeightsInfo(
        path=Path(path),
        version=weights.version,
        shape=weights.shape,
        parameters=weights.parameters,
        text_sha256=hashlib.sha256(text).hexdigest(),
        file_sha256=hashlib.sha256(content).hexdigest(),
        file_bytes=len(content),
    )


def text_sha256(path: str | Path) -> str:
    """SHA-256 of a weights file's text before compression, by which official networks are named."""
    return hashlib.sha256(_read_text(Path(path))).hexdigest()


def is_checkpoint(path: str | Path) -> bool:
    """Whether `path` is an archive as torch saves them, judged by its content."""
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


# Writing


def write_weights(weights: LeelaWeights, path: str | Path, digits: int | None = None) -> None:
    """Write `path` whole or not at all; gzipped, and reproducibly so, where its name ends in `.gz`.

    Numbers are the shortest decimals from which the same float32 is read back, or have at most `digits`
    significant digits. Raises WeightsError for weights that leelaz should not be given.
    """
    specs = tensor_layout(weights.shape)
    _require_sound(weights, specs, path)
    with replacing(path) as file:
        if Path(path).name.endswith(".gz"):
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
                _write_lines(weights, specs, packed, digits)
        else:
            _write_lines(weights, specs, file, digits)


def _write_lines(
    weights: LeelaWeights, specs: Sequence[TensorSpec], file: BinaryIO | gzip.GzipFile, digits: int | None
) -> None:
    file.write(b"%d\n" % weights.version)
    for spec in specs:
        file.write(_format_row(weights.tensors[spec.name], digits) + b"\n")


def _format_row(tensor: Floats, digits: int | None) -> bytes:
    numbers = tensor.astype(np.float32).ravel()
    if digits is None:
        return b" ".join(numbers.astype("S32").tolist())
    pattern = " ".join([f"%.{digits}g"] * numbers.size)
    return (pattern % tuple(numbers.tolist())).encode("ascii")


def rounded(weights: LeelaWeights, digits: int) -> LeelaWeights:
    """What is read again of a file that was written with so many significant digits."""
    tensors = {
        name: np.fromstring(_format_row(tensor, digits), np.float32, sep=" ").reshape(tensor.shape)
        for name, tensor in weights.tensors.items()
    }
    return LeelaWeights(weights.version, weights.shape, tensors)


def _require_sound(weights: LeelaWeights, specs: Sequence[TensorSpec], path: str | Path) -> None:
    if weights.version not in (MOVERS_VALUE, BLACKS_VALUE):
        raise WeightsError(path, f"there is no version {weights.version} of the format")
    for line, spec in enumerate(specs, start=2):
        tensor = weights.tensors.get(spec.name)
        if tensor is None or tensor.shape != spec.shape:
            found = "missing" if tensor is None else f"of shape {tensor.shape}"
            raise WeightsError(path, f"{spec.name} is {found}; its shape is to be {spec.shape}", line)
        message = _value_problem(spec, tensor.ravel())
        if message:
            raise WeightsError(path, message, line)


# Reading


def _read_text(path: Path) -> bytes:
    """The uncompressed content, if it is text at all."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise WeightsError(path, "there is no such file") from None
    except OSError as exc:
        raise WeightsError(path, f"cannot be read: {exc.strerror}") from exc
    text = _decompress(path, content) if content.startswith(_GZIP_MAGIC) else content
    foreign = _foreign_kind(text)
    if foreign:
        raise WeightsError(path, f"not a Leela Zero weights file, but {foreign}")
    return text


def _decompress(path: Path, content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except EOFError:
        raise WeightsError(path, "the gzip file is cut short; copy or download it again") from None
    except (OSError, zlib.error) as exc:
        raise WeightsError(path, f"the gzip file is damaged ({exc}); copy or download it again") from None


def _foreign_kind(content: bytes) -> str | None:
    """What `content` is if it is certainly no weights file; None if it may be one."""
    head = content[:4096]
    if not head.strip():
        return "an empty file"
    if head.startswith(_ZIP_MAGIC):
        return "a zip archive (`lzeval weights convert` makes weights of a checkpoint that is whole)"
    if _is_katago(head):
        return "a KataGo network, which Leela Zero cannot play with"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"(;"):
        return "a game record (SGF)"
    if any(byte < 32 and byte not in b"\t\n\r\f\v" for byte in head):
        return "binary data"
    return None


def _is_katago(head: bytes) -> bool:
    """KataGo's networks start with a name, the version and the number of planes, a line each."""
    first, *others = [line.strip() for line in head.split(b"\n", 3)[:3]]
    return b"@BIN@" in head or (
        len(others) == 2 and not _is_number(first) and all(map(bytes.isdigit, others))
    )


def _is_number(token: bytes) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return b"_" not in token


def _split_lines(text: bytes) -> list[bytes]:
    """Lines that end in LF, CR LF or CR CR LF; a last line end is no line of its own."""
    lines = text.split(b"\n")
    if not lines[-1].strip():
        lines.pop()
    return [line.rstrip(b"\r") for line in lines]


def _parse(path: str | Path, text: bytes, board_size: int | None) -> LeelaWeights:
    lines = _split_lines(text)
    version = _parse_version(path, lines)
    examination = _examine(lines[1:], board_size)
    if examination.problems:
        problem = examination.problems[0]
        raise WeightsError(path, problem.message, problem.line)
    assert examination.shape is not None
    specs = tensor_layout(examination.shape)
    tensors = {
        spec.name: row.numbers.reshape(spec.shape) for spec, row in zip(specs, examination.rows, strict=True)
    }
    return LeelaWeights(version, examination.shape, tensors)


def _parse_version(path: str | Path, lines: Sequence[bytes]) -> int:
    first = lines[0].strip()
    if first in (b"1", b"2"):
        return int(first)
    if first.isdigit():
        problem = f"version {_quote(first)} of the format is unknown; 1 and 2 exist"
    else:
        problem = (
            f"not a Leela Zero weights file: it starts with {_quote(first)} and not with its version, 1 or 2"
        )
    raise WeightsError(path, problem, 1)


def _quote(token: bytes) -> str:
    text = token.decode("utf-8", "replace")
    return repr(text if len(text) <= _QUOTED else text[:_QUOTED] + "...")


@dataclass(frozen=True)
class _Row:
    """One line of numbers as read."""

    line: int
    numbers: Floats
    """All of them; 1 stands in for what is no number."""
    bad_token: str | None = None
    """The first part that is no number, and where."""


def _parse_row(line: int, content: bytes) -> _Row:
    if not content.strip():
        return _Row(line, np.empty(0, np.float32))
    try:
        with np.errstate(over="ignore"):
            return _Row(line, np.fromstring(content, np.float32, sep=" "))
    except (DeprecationWarning, ValueError):
        return _parse_bad_row(line, content)


def _parse_bad_row(line: int, content: bytes) -> _Row:
    """Token by token, to name the first that is no number."""
    tokens = content.split()
    bad = [index for index, token in enumerate(tokens) if not _is_number(token)]
    numbers = [1.0 if index in set(bad) else float(token) for index, token in enumerate(tokens)]
    problem = f"number {bad[0] + 1} is {_quote(tokens[bad[0]])}" if bad else None
    with np.errstate(over="ignore"):
        return _Row(line, np.array(numbers, np.float32), problem)


@dataclass(frozen=True)
class _Examination:
    rows: list[_Row]
    shape: NetworkShape | None
    """None where the rows do not tell."""
    problems: list[Problem]


def _examine(lines: Sequence[bytes], board_size: int | None) -> _Examination:
    """Compare the lines after the version with the layout that they resemble most."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # how numpy reports what it cannot parse
        rows = [_parse_row(number, line) for number, line in enumerate(lines, start=2)]
    shape = _guess_shape([row.numbers.size for row in rows])
    if shape is None:
        return _Examination(rows, None, [_shapeless(rows)])
    problems = _row_problems(rows, tensor_layout(shape))
    if board_size not in (None, shape.board_size):
        sizes = f"{shape.board_size}x{shape.board_size}, not for {board_size}x{board_size}"
        problems.insert(0, Problem(f"the network was made for boards of {sizes}"))
    return _Examination(rows, shape, problems)


def _shapeless(rows: Sequence[_Row]) -> Problem:
    """Of a file that has no policy and value heads to tell the board size by."""
    for row in rows:
        if row.bad_token:
            return Problem(f"not a row of numbers: {row.bad_token}", row.line)
    if len(rows) < _FEWEST_ROWS:
        count = f"it has {len(rows)} rows of numbers, and a network has at least {_FEWEST_ROWS}"
        return Problem(f"the file is cut short, or is no weights file: {count}")
    return Problem("the policy and value heads are missing: the file is cut short, or of another kind")


def _guess_shape(lengths: Sequence[int]) -> NetworkShape | None:
    """The network that rows of these lengths resemble most, though some may be wrong, missing or extra."""
    board_size = _guess_board_size(lengths[-_FEWEST_ROWS:])
    tower = [length for length in lengths[:-_HEAD_ROWS] if length > 0]
    if board_size is None or not tower:
        return None
    filters = Counter(tower).most_common(1)[0][0]
    exact = (len(lengths) - _FEWEST_ROWS) / _ROWS_PER_BLOCK
    candidates = [NetworkShape(blocks, filters, board_size) for blocks in {int(exact), int(-(-exact // 1))}]
    return max(candidates, key=lambda shape: _resemblance(shape, lengths))


def _guess_board_size(lengths: Sequence[int]) -> int | None:
    """The size for which most of three rows are there: policy weights and biases, first value weights."""
    votes = Counter(
        {
            size: sum(length in lengths for length in _head_lengths(size))
            for size in range(SMALLEST, LARGEST + 1)
        }
    )
    size, count = votes.most_common(1)[0]
    return size if count > 0 else None


def _head_lengths(size: int) -> tuple[int, int, int]:
    points = size * size
    return POLICY_CHANNELS * points * (points + 1), points + 1, VALUE_HIDDEN * points


def _align(expected: Sequence[int], found: Sequence[int]) -> SequenceMatcher[int]:
    return SequenceMatcher(None, expected, found, autojunk=False)


def _resemblance(shape: NetworkShape, lengths: Sequence[int]) -> float:
    return _align([spec.length for spec in tensor_layout(shape)], lengths).ratio()


def _row_problems(rows: Sequence[_Row], specs: Sequence[TensorSpec]) -> list[Problem]:
    """Rows out of place, of the wrong length, or with impossible numbers, from the first line to the last."""
    pairs = list(_pair_up(rows, specs))
    certain = all(spec and row for spec, row, _ in pairs)
    problems: list[Problem] = []
    for spec, row, line in pairs:
        problems += _pair_problems(spec, row, line)
        if row and (message := _value_problem(spec if certain else None, row.numbers)):
            problems.append(Problem(message, line))
    return problems


def _pair_up(
    rows: Sequence[_Row], specs: Sequence[TensorSpec]
) -> Iterator[tuple[TensorSpec | None, _Row | None, int]]:
    """Each row with the tensor it must be by its length and place, and its line; None for what is lacking."""
    matcher = _align([spec.length for spec in specs], [row.numbers.size for row in rows])
    for _, spec_start, spec_end, row_start, row_end in matcher.get_opcodes():
        next_line = rows[row_start].line if row_start < len(rows) else len(rows) + 2
        for spec, row in itertools.zip_longest(specs[spec_start:spec_end], rows[row_start:row_end]):
            yield spec, row, row.line if row else next_line


def _pair_problems(spec: TensorSpec | None, row: _Row | None, line: int) -> Iterator[Problem]:
    """What is wrong with the form of a row, given the tensor that it should be."""
    if row and row.bad_token:
        yield Problem(f"{spec.name if spec else 'an extra row'}: {row.bad_token}", line)
    if spec and not row:
        yield Problem(f"a row is missing here: {spec.name}, {spec.length} numbers", line)
    elif row and not spec:
        kind = f"a row too many, of {row.numbers.size} numbers" if row.numbers.size else "an empty line"
        yield Problem(kind, line)
    elif row and spec and row.numbers.size != spec.length:
        yield Problem(f"{spec.name} has {row.numbers.size} numbers, {spec.length} expected", line)


def _value_problem(spec: TensorSpec | None, numbers: Floats) -> str | None:
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
