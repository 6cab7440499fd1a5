"""What README and docs/ name exists: links, anchors, command lines, settings, files and modules."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest
import typer

from lzeval.cli.main import application
from tests.support.paths import ROOT
from trainer.settings.compose import PRESET, choices
from trainer.settings.overrides import kinds

PAGES = {
    file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8")
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md")
    for file in sorted(ROOT.glob(pattern))
}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`+([^`\n]+)`+")
FOLDERS = ("lzeval", "trainer", "engines", "tournaments", "tests", "benchmarks", "docs")
SHELL_SYNTAX = re.compile(r"\s(?:\||>|&&|;)\s.*")
"""Where a command ends and the rest of a shell's line begins."""
NAMES = {"lzeval positions", "lzeval tournament"}
"""What files say they hold, which reads like a command."""
HISTORY = "CHANGELOG.md"
"""The page that names what is no more."""


class CommandLine(NamedTuple):
    page: str
    text: str
    whole: bool
    """False where the text around it may name only a part, such as the command without its arguments."""


def without_code(page: str) -> str:
    return FENCE.sub("", PAGES[page])


def anchors(text: str) -> set[str]:
    """GitHub's names of the headings: lower case, punctuation left out, blanks as hyphens."""
    headings = re.findall(r"^#+ +(.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code_of(text: str) -> list[str]:
    """Blocks and spans of code."""
    return [block for _, block in FENCE.findall(text)] + SPAN.findall(FENCE.sub("", text))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", SPAN.sub("", without_code(page))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        if not file.is_file() or (anchor and anchor not in anchors(file.read_text(encoding="utf-8"))):
            dead.append(target)
    assert dead == []


def command_lines() -> Iterator[CommandLine]:
    for page, text in PAGES.items():
        if page == HISTORY:
            continue
        for language, block in FENCE.findall(text):
            if language in ("sh", "console", "text", ""):
                for line in block.replace("\\\n", " ").splitlines():
                    found = re.match(r"(?:\$ )?(?:srun .*?|torchrun .*?-m |/path/to/)?(lzeval .*)", line)
                    if found and not found[1].startswith("lzeval: "):
                        yield CommandLine(page, found[1], whole=True)
            if language == "python":
                for player in re.findall(r'"(lzeval [^"]+)"', block):
                    yield CommandLine(page, player, whole=True)
        for span in SPAN.findall(without_code(page)):
            if re.match(r"lzeval [a-z]", span) and span not in NAMES:
                yield CommandLine(page, span.replace("\\|", "|"), whole=False)


@cache
def commands() -> Any:
    return typer.main.get_command(application())


def parse(line: CommandLine) -> None:
    """Let the command line's own parser read `line`; nothing is run. Raises click's UsageError."""
    words = shlex.split(SHELL_SYNTAX.sub("", line.text), comments=True)[1:]
    command, context = commands(), None
    while hasattr(command, "commands") and words:
        command, name = command.get_command(context, words[0]), words.pop(0)
        assert command is not None, f"there is no command {name}"
        context = command.context_class(command, info_name=name, **command.context_settings)
    if line.whole and not hasattr(command, "commands") and "..." not in words:
        command.make_context(command.name, list(words))
    elif context is not None:
        value = ["1"] if words and words[-1].startswith("-") else []  # of an option named without its value
        command.make_parser(context).parse_args([*words, *value])


LINES = sorted(set(command_lines()))


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.page}: {line.text[:60]}")
def test_command_lines_are_read(line: CommandLine) -> None:
    alternatives = re.fullmatch(r"(lzeval \w+) (\w+(?:\|\w+)+)(.*)", line.text)
    for name in alternatives[2].split("|") if alternatives else [""]:
        parse(line._replace(text=f"{alternatives[1]} {name}{alternatives[3]}") if alternatives else line)


def test_a_command_line_that_does_not_exist_is_found() -> None:
    with pytest.raises(AssertionError, match="no command conquer"):
        parse(CommandLine("", "lzeval conquer big", whole=False))
    for whole in (True, False):
        with pytest.raises(Exception, match="No such option"):
            parse(CommandLine("", "lzeval match big small --gamez 3", whole=whole))
    with pytest.raises(Exception, match="Missing"):
        parse(CommandLine("", "lzeval match big", whole=True))


def test_settings_of_training_exist() -> None:
    unknown = set()
    for page, text, _ in LINES:
        if text.startswith("lzeval train "):
            for key in re.findall(r"\s\"?\+?([a-z_.]+)=", SHELL_SYNTAX.sub("", text)):
                if key not in kinds() and not choices(key) and key != PRESET:
                    unknown.add(f"{page}: {key}")
    assert unknown == set()


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    code = "\n".join(span for page, text in PAGES.items() if page != HISTORY for span in code_of(text))
    named = set(re.findall(r"^(?:\$ )?make ([a-z-]+)\b", code, re.MULTILINE))
    assert {"match", "test", "lint", "docs"} <= named
    assert named - targets == set()


def exists(path: str) -> bool:
    return any(ROOT.glob(path.rstrip("/"))) if "*" in path else (ROOT / path).exists()


@pytest.mark.parametrize("page", [page for page in PAGES if page != HISTORY])
def test_files_that_are_named_exist(page: str) -> None:
    spans = [
        span for span in SPAN.findall(PAGES[page]) if re.match(rf"(?:{'|'.join(FOLDERS)})/[\w./*-]*$", span)
    ]
    assert [span for span in spans if not exists(span)] == []


def test_modules_of_the_architecture_exist() -> None:
    text = PAGES["docs/architecture.md"]
    names = {path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    assert [name for name in re.findall(r"`(\w+\.py)`", text) if name not in names] == []
    dotted = set(re.findall(r"\b(?:lzeval|engines|tournaments)(?:\.[a-z_]+)+", text))
    modules = {name.replace(".", "/") for name in dotted if not name.endswith((".py", ".md"))}
    assert [name for name in sorted(modules) if not _is_module(name)] == []


def test_stops_of_the_walks_are_functions() -> None:
    """Each stop names a file and a function or method that the file defines; no walk has more than seven."""
    stops = re.findall(r"^(\d)\. `([\w/.]+)`, `(\w+)`", PAGES["docs/architecture.md"], re.MULTILINE)
    assert [number for number, _, _ in stops].count("1") == 3
    assert {number for number, _, _ in stops} <= set("1234567")
    missing = [
        (file, name)
        for _, file, name in stops
        if not re.search(rf"^ *def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert missing == []


def _is_module(path: str) -> bool:
    """Whether `path`, or its parent with a name in it, is a package or a module."""
    file = ROOT / f"{path}.py"
    parent = (ROOT / path).parent
    defined_in = parent.with_suffix(".py") if parent.with_suffix(".py").is_file() else parent / "__init__.py"
    return (
        file.is_file()
        or (ROOT / path).is_dir()
        or (
            defined_in.is_file() and re.search(rf"\b{file.stem}\b", defined_in.read_text("utf-8")) is not None
        )
    )
