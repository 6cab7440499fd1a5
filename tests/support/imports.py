"""Who imports whom, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support.paths import ROOT

PACKAGES = ("lzeval", "trainer", "engines", "tournaments")


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(file): file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))}


@cache
def imports(module: str, *, top_only: bool = False) -> tuple[str, ...]:
    """Every module that the file imports anywhere, in functions and for type checking, too, unless `top_only`."""
    return tuple(_imports(module, top_only=top_only))


def _imports(module: str, *, top_only: bool) -> Iterator[str]:
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in FILES else node.module


def is_within(module: str, part: str) -> bool:
    return module == part or module.startswith(part + ".")
