"""Leela Zero's weights file: text, one line per tensor, plain or gzipped.

`tensor_layout` is the only place that knows the order of the lines; readers, writers and checks walk it.
A file is believed only after every row was compared with it: leelaz itself reads a short row as if zeros
followed, and plays on.
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lzeval.compiled.arrays import Floats32
from lzeval.errors import WeightsError
from lzeval.network.weights_file.layout import (
    NetworkShape,
    TensorSpec,
    tensor_layout,
)
from lzeval.network.weights_file.numbers import Row, rows_of_blocks, rows_of_text
from lzeval.network.weights_file.rows import MOST_ROWS, Problem, examine, value_problem
from lzeval.network.weights_file.text import WeightsText
from lzeval.network.weights_file.words import why_no_version
from lzeval.system.files import file_sha256, replacing

BATCH_NORM_EPSILON = 1e-5
"""Summand of the variance before the square root, here and in leelaz."""
MOVERS_VALUE, BLACKS_VALUE = 1, 2
"""The versions of a file: whose chance the value is."""
_LARGE_FILE = 8 << 20
"""Bytes on disk from which on compiled code reads faster than it is loaded."""


@dataclass(frozen=True)
class LeelaWeights:
    """The content of a weights file.

    A convolution's output is `(conv(x) + bias - mean) / sqrt(variance + BATCH_NORM_EPSILON)`.
    """

    version: int
    """1, or 2 where the value is Black's and not the mover's."""
    shape: NetworkShape
    tensors: dict[str, Floats32]
    """Keys and shapes are those of `tensor_layout(shape)`, in its order."""

    @property
    def parameters(self) -> int:
        """Number of numbers in the file after its version."""
        return sum(tensor.size for tensor in self.tensors.values())

    @property
    def numbers_sha256(self) -> str:
        """SHA-256 of version, shape and all numbers as little-endian float32, -0 as 0: equal networks, equal texts.

        However the numbers are written, and whatever the file is packed in. A checkpoint's is that of its export.
        """
        digest = hashlib.sha256(f"{self.version}, {self.shape}\n".encode())
        for spec in tensor_layout(self.shape):
            digest.update((self.tensors[spec.name] + np.float32(0)).astype("<f4").tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class WeightsInfo:
    """A valid weights file, described."""

    path: Path
    version: int
    shape: NetworkShape
    parameters: int
    """Numbers after the version line."""
    text_sha256: str
    """SHA-256 of the text before compression: what official networks are named after."""
    numbers_sha256: str
    """SHA-256 of the numbers, however they are written (`LeelaWeights.numbers_sha256`)."""
    file_sha256: str
    file_bytes: int


def read_weights(path: str | Path, board_size: int | None = None) -> LeelaWeights:
    """Read and validate `path`, whatever its name; `board_size` None accepts every size from 2 to 25.

    Raises WeightsError with the first problem that `check_weights` would list.
    """
    return read_hashed(path, board_size)[0]


def read_hashed(path: str | Path, board_size: int | None = None) -> tuple[LeelaWeights, str]:
    """`read_weights`, and the SHA-256 of the text, in one reading."""
    text = WeightsText(Path(path))
    version, rows = _read_rows(text)
    examination = examine(rows, board_size)
    if examination.problems:
        problem = examination.problems[0]
        raise WeightsError(path, problem.message, problem.line)
    assert examination.shape is not None
    specs = tensor_layout(examination.shape)
    tensors = {spec.name: row.numbers.reshape(spec.shape) for spec, row in zip(specs, rows, strict=True)}
    return LeelaWeights(version, examination.shape, tensors), text.sha256


def check_weights(path: str | Path, board_size: int | None = 19) -> list[Problem]:
    """Problems of `path`, in the order of its lines; an empty list for a sound file."""
    try:
        _, rows = _read_rows(WeightsText(Path(path)))
    except WeightsError as exc:
        return [Problem(exc.problem, exc.line)]
    return examine(rows, board_size).problems


def weights_info(path: str | Path) -> WeightsInfo:
    """Describe `path`. Raises WeightsError as `read_weights` does."""
    weights, text_digest = read_hashed(path)
    return WeightsInfo(
        path=Path(path),
        version=weights.version,
        shape=weights.shape,
        parameters=weights.parameters,
        text_sha256=text_digest,
        numbers_sha256=weights.numbers_sha256,
        file_sha256=file_sha256(path),
        file_bytes=Path(path).stat().st_size,
    )


def text_sha256(path: str | Path) -> str:
    """SHA-256 of a weights file's text before compression, by which official networks are named."""
    text = WeightsText(Path(path))
    for _ in text.blocks():
        pass
    return text.sha256


def is_checkpoint(path: str | Path) -> bool:
    """Tell whether `path` is an archive as torch saves them, judged by its content."""
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


def _format_row(tensor: Floats32, digits: int | None) -> bytes:
    numbers = tensor.astype(np.float32).ravel()
    if digits is None:
        return b" ".join(numbers.astype("S32").tolist())
    pattern = " ".join([f"%.{digits}g"] * numbers.size)
    return (pattern % tuple(numbers.tolist())).encode("ascii")


def rounded(weights: LeelaWeights, digits: int) -> LeelaWeights:
    """`weights` as read again from a file that was written with so many significant digits."""
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
        message = value_problem(spec, tensor.ravel())
        if message:
            raise WeightsError(path, message, line)


# Reading


def _read_rows(text: WeightsText) -> tuple[int, list[Row]]:
    """The version and every row after it. Raises WeightsError where the text is none, or has no version."""
    blocks = text.blocks()
    first, _, rest = next(blocks).partition(b"\n")
    if first.strip() not in (b"1", b"2"):
        raise WeightsError(text.path, why_no_version(first), 1)
    blocks = itertools.chain([rest], blocks)
    if text.path.stat().st_size < _LARGE_FILE:
        return int(first), _first(rows_of_text(b"".join(blocks)))
    with ThreadPoolExecutor(1) as thread:
        return int(first), _first(rows_of_blocks(_ahead(blocks, thread)))


def _first(rows: Iterator[Row]) -> list[Row]:
    """The rows, up to one more than any network has."""
    return list(itertools.islice(rows, MOST_ROWS + 1))


def _ahead(blocks: Iterator[bytes], thread: ThreadPoolExecutor) -> Iterator[bytes]:
    """`blocks`, the next one being read and unpacked in `thread` while one is worked on."""
    coming = thread.submit(next, blocks, None)
    while (block := coming.result()) is not None:
        coming = thread.submit(next, blocks, None)
        yield block
