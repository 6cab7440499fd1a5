"""Who may import whom, and what the command line must not load."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.fakes.weights_files import as_lines, tiny_weights, write_lines
from tests.support.imports import FILES, PACKAGES, imports, is_within
from tests.support.paths import ROOT

FOUNDATION = ("lzeval.errors", "lzeval.version", "lzeval.system", "lzeval.compiled", "lzeval.text")
GO = (*FOUNDATION, "lzeval.go", "lzeval.records")
ENGINES = ("engines.evaluator", "engines.gtp", "engines.search", "engines.player", "engines.katago")

LAYERS = {
    "lzeval.version": (),
    "lzeval.errors": (),
    "lzeval.system": ("lzeval.errors", "lzeval.version"),
    "lzeval.compiled": ("lzeval.errors", "lzeval.system"),
    "lzeval.text": ("lzeval.errors", "lzeval.system"),
    "lzeval.go": FOUNDATION,
    "lzeval.records": (*FOUNDATION, "lzeval.go"),
    "lzeval.network.weights_file": (*FOUNDATION, "lzeval.go"),
    "lzeval.network": (*FOUNDATION, "lzeval.go", "lzeval.network.weights_file"),
    "lzeval.cluster": ("lzeval.errors", "lzeval.system", "lzeval.text"),
    "engines": (),
    "engines.evaluator": (*FOUNDATION, "lzeval.go", "lzeval.network"),
    "engines.gtp": GO,
    "engines.gtp_check": (*GO, "engines.gtp"),
    "engines.search": (*GO, "engines.evaluator", "engines.gtp"),
    "engines.player": (*GO, "engines.evaluator", "engines.gtp", "engines.search"),
    "engines.katago": (*GO, "engines.gtp", "engines.search", "engines.player"),
    "engines.analysis": (*GO, "engines.evaluator", "engines.gtp", "engines.search"),
    "engines.review": (*GO, "engines.evaluator", "engines.search"),
    "trainer": FOUNDATION,
    "trainer.settings": (*FOUNDATION, "lzeval.go"),
    "trainer.data": (*GO, "lzeval.cluster", "trainer.settings"),
    "trainer.runs": (*GO, "lzeval.cluster", "lzeval.network", "trainer.settings", "trainer.data"),
    "trainer.training": (*GO, "lzeval.cluster", "lzeval.network", "trainer.settings", "trainer.data"),
    "trainer.cluster": (
        *(*GO, "lzeval.cluster", "lzeval.network"),
        *("trainer.settings", "trainer.data", "trainer.training"),
    ),
    "tournaments": (),
    "tournaments.rating": GO,
    "tournaments.report": (*GO, "tournaments.rating"),
    "tournaments.plan": (*GO, *ENGINES, "tournaments.rating"),
    "tournaments.openings": (*GO, *ENGINES),
    "tournaments.games": (*GO, *ENGINES, "tournaments.plan"),
    "tournaments.gomill": (
        *GO,
        *ENGINES,
        "lzeval.network.weights_file",
        "tournaments.plan",
        "tournaments.games",
    ),
    "tournaments.store": (*GO, *ENGINES, "tournaments.plan", "tournaments.games", "tournaments.gomill"),
    "tournaments.collect": (
        *GO,
        "tournaments.rating",
        "tournaments.report",
        "tournaments.gomill",
        "tournaments.store",
    ),
    "tournaments.runner": (
        *(*GO, *ENGINES, "tournaments.plan", "tournaments.games"),
        *("tournaments.gomill", "tournaments.store"),
    ),
    "tournaments.tuning": (
        *(*GO, *ENGINES, "tournaments.plan", "tournaments.games"),
        *("tournaments.gomill", "tournaments.store", "tournaments.runner"),
    ),
    "tournaments.match": (
        *(
            *GO,
            *ENGINES,
            "lzeval.network.weights_file",
            "tournaments.rating",
            "tournaments.report",
            "tournaments.plan",
        ),
        *("tournaments.games", "tournaments.gomill", "tournaments.store", "tournaments.runner"),
    ),
    "tournaments.calibrate": (
        *(*GO, *ENGINES, "tournaments.rating", "tournaments.plan", "tournaments.games"),
        *("tournaments.store", "tournaments.runner", "tournaments.match"),
    ),
    "tournaments.pool": (
        *(
            *GO,
            *ENGINES,
            "lzeval.network.weights_file",
            "tournaments.rating",
            "tournaments.report",
            "tournaments.plan",
        ),
        *("tournaments.games", "tournaments.runner", "tournaments.match"),
    ),
    "tournaments.cluster": (
        *(*GO, "lzeval.cluster", *ENGINES, "tournaments.plan", "tournaments.games"),
        "tournaments.runner",
    ),
    "lzeval.cli": ("lzeval", "trainer", "engines", "tournaments"),
    "lzeval.__main__": ("lzeval.cli",),
    "lzeval.api": (*GO, "lzeval.network", "trainer", "engines", "tournaments"),
    "lzeval": ("lzeval.api", "lzeval.errors", "lzeval.go", "lzeval.records"),
}
"""A module of the part on the left (the longest name that fits) may import itself and what is on the right."""

ALLOWED_ONCE = {
    ("trainer.runs.answers", "engines.evaluator"),
    ("trainer.runs.evaluate", "engines.evaluator"),
    ("trainer.training.teacher", "engines.evaluator"),
}
"""Exceptions: (module, part)."""

WITHOUT_TORCH = (
    *(
        *GO,
        "lzeval.network.weights_file",
        "engines.gtp",
        "engines.gtp_check",
        "engines.search",
        "engines.player",
    ),
    *("engines.analysis", "engines.review", "tournaments", "trainer.settings"),
)
TORCH = ("torch", "pytorch_lightning", "lightning")


def part_of(module: str) -> str:
    return max((part for part in LAYERS if is_within(module, part)), key=len)


@pytest.mark.parametrize("module", FILES)
def test_imports_point_downwards(module: str) -> None:
    part = part_of(module)
    allowed = (part, "lzeval.version", *LAYERS[part])
    for imported in imports(module):
        if imported.split(".")[0] not in PACKAGES or (module, part_of(imported)) in ALLOWED_ONCE:
            continue
        assert any(is_within(imported, name) for name in allowed), f"{module} imports {imported}"


def test_the_parts_do_not_import_each_other_in_circles() -> None:
    """Of the table itself: whoever edits it keeps an order of layers."""
    parts = list(LAYERS)
    reached = {part: set(LAYERS[part]) for part in parts}
    for _ in parts:
        for part in parts:
            reached[part] |= {further for lower in reached[part] for further in reached[lower]}
    assert not [part for part in parts if part in reached[part]]


def test_modules_do_not_import_each_other_in_circles() -> None:
    """At the top of files, where Python could not import them in any order."""
    waiting = {module: {name for name in imports(module, top_only=True) if name in FILES} for module in FILES}
    while free := [module for module, needed in waiting.items() if not needed]:
        for module in free:
            del waiting[module]
        for needed in waiting.values():
            needed.difference_update(free)
    assert not waiting


MOST_MODULES = 16
"""In a folder: as many as a reader takes in at a glance. The command line has a module for each command."""


def test_no_folder_is_crowded() -> None:
    sizes = Counter(file.parent for file in FILES.values() if file.name != "__init__.py")
    del sizes[ROOT / "lzeval" / "cli"]
    assert {str(folder): size for folder, size in sizes.items() if size > MOST_MODULES} == {}


def test_no_test_module_imports_another() -> None:
    """What several need is in tests/support."""
    found = re.compile(r"^\s*(?:from|import) tests(?:\.\w+)*\.test_\w+", re.MULTILINE)
    files = sorted((ROOT / "tests").rglob("*.py"))
    assert files
    assert [str(file) for file in files if found.search(file.read_text(encoding="utf-8"))] == []


def test_nobody_imports_the_command_line() -> None:
    users = {module for module in FILES for imported in imports(module) if is_within(imported, "lzeval.cli")}
    assert {module for module in users if not is_within(module, "lzeval.cli")} == {"lzeval.__main__"}


@pytest.mark.parametrize("module", [m for m in FILES if any(is_within(m, part) for part in WITHOUT_TORCH)])
def test_no_torch_where_games_are_played(module: str) -> None:
    assert not [name for name in imports(module) if name.split(".")[0] in TORCH]


def test_only_the_evaluators_import_openvino() -> None:
    """Their package keeps it from reporting to its makers before it is imported."""
    users = {module for module in FILES if any(is_within(name, "openvino") for name in imports(module))}
    assert users
    assert {part_of(module) for module in users} == {"engines.evaluator"}


def imported_at_once(module: str) -> set[str]:
    """What Python has imported when it has imported `module`: not what is imported in functions."""
    found: set[str] = set()
    todo = [module]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += name.split(".")[:1] if "." in name else []
            todo += imports(name, top_only=True) if name in FILES else []
    return found


@pytest.mark.parametrize("module", [m for m in FILES if any(is_within(m, part) for part in WITHOUT_TORCH)])
def test_importing_what_plays_games_does_not_import_torch(module: str) -> None:
    assert not imported_at_once(module) & set(TORCH)


@pytest.mark.parametrize(
    "module", ["trainer.data.prepare", "trainer.runs.evaluate", "trainer.data.lint", "trainer.data.unpack"]
)
def test_packing_and_measuring_start_without_torch(module: str) -> None:
    assert not imported_at_once(module) & set(TORCH)


def test_the_check_sees_the_whole_project() -> None:
    parts = {part_of(module) for module in FILES}
    assert parts == set(LAYERS)
    assert "torch" in set(imports("lzeval.network.network"))
    assert "trainer.training.run" in set(imports("lzeval.cli.train"))  # inside of a function


REPORT = """
import sys
from lzeval.cli.main import main
try:
    main()
finally:
    heavy = "torch", "numba", "pandas", "openvino", "lzeval.cli.match", "lzeval.cli.tournament"
    print("loaded:", *(name for name in heavy if name in sys.modules), file=sys.stderr)
"""


QUICK = [["--help"], ["--version"], ["weights", "info", "WEIGHTS"], ["train", "--help"]]


@pytest.mark.parametrize("arguments", QUICK, ids=" ".join)
def test_quick_commands_load_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    """Of the commands' modules, only those that are asked for."""
    file = write_lines(tmp_path / "net.txt", as_lines(tiny_weights()))
    command = [sys.executable, "-c", REPORT, *(str(file) if a == "WEIGHTS" else a for a in arguments)]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout
    of_others = ["lzeval.cli.match", "lzeval.cli.tournament"] if arguments[0].startswith("--") else []
    assert outcome.stderr.splitlines()[-1].split() == ["loaded:", *of_others]


def test_a_tournament_of_programs_starts_without_numpy() -> None:
    """Games of a second are many, and numpy's start would be felt."""
    code = "import sys, tournaments.runner.tournament; print('numpy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
