"""Golden files: what the program said when someone last looked closely, and the option that rewrites them."""

from __future__ import annotations

import difflib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.support.paths import GOLDEN

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
FOLDER = GOLDEN
HOW_TO_REWRITE = "if the change is meant: pytest --rewrite-golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-golden", action="store_true", help="write golden files anew instead of comparing"
    )


@dataclass(frozen=True)
class Golden:
    """Compares with the files of `folder`, or writes them."""

    folder: Path
    rewrite: bool

    def check(self, name: str, value: Json, atol: float = 0.0) -> None:
        """Fail unless `value` equals the JSON file `name`, numbers within `atol` of each other."""
        path = self.folder / name
        if self.rewrite:
            self._write(path, json.dumps(value, indent=1, sort_keys=True) + "\n")
            return
        difference = first_difference(json.loads(self._read(path)), value, atol)
        assert difference is None, f"{path.name}: {difference}; {HOW_TO_REWRITE}"

    def check_text(self, path: str | Path, text: str) -> None:
        """Fail unless `text` equals the file at `path`, a name in the folder or an absolute path."""
        path = self.folder / path
        if self.rewrite:
            self._write(path, text)
            return
        expected = self._read(path)
        if text != expected:
            lines = difflib.unified_diff(
                expected.splitlines(), text.splitlines(), "golden", "now", lineterm=""
            )
            pytest.fail(f"{path.name} differs; {HOW_TO_REWRITE}\n" + "\n".join(lines), pytrace=False)

    def _read(self, path: Path) -> str:
        assert path.exists(), f"{path.name} has never been written: pytest --rewrite-golden"
        return path.read_text(encoding="utf-8")

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def first_difference(expected: Json, value: Json, atol: float, place: str = "$") -> str | None:
    """Where two JSON values first differ and how, None if nowhere; NaN equals itself."""
    if isinstance(expected, dict) and isinstance(value, dict):
        if expected.keys() != value.keys():
            return f"{place}: keys differ: {sorted(expected.keys() ^ value.keys())}"
        pairs = [(f"{place}.{key}", expected[key], value[key]) for key in sorted(expected)]
    elif isinstance(expected, list) and isinstance(value, list):
        if len(expected) != len(value):
            return f"{place}: {len(expected)} items before, {len(value)} now"
        pairs = [
            (f"{place}[{i}]", old, new) for i, (old, new) in enumerate(zip(expected, value, strict=True))
        ]
    else:
        return None if _same(expected, value, atol) else f"{place}: {expected!r} before, {value!r} now"
    found = (first_difference(old, new, atol, where) for where, old, new in pairs)
    return next((difference for difference in found if difference), None)


def _same(expected: Json, value: Json, atol: float) -> bool:
    numbers = (int, float)
    if isinstance(expected, bool) or isinstance(value, bool):
        return expected is value
    if isinstance(expected, numbers) and isinstance(value, numbers):
        both_nan = math.isnan(expected) and math.isnan(value)
        return both_nan or expected == value or abs(expected - value) <= atol
    return expected == value


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(FOLDER, bool(request.config.getoption("--rewrite-golden")))
