"""Output on all kinds of terminals and in pipes: encodings that lack letters, narrow screens, names of any kind."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from lzeval.cli.main import main
from lzeval.network.leela import write_network
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.text.terminal import Column, ScreenTable, name_column, shown, text_column
from tests.support.fakes.weights_files import lived_in_network
from tests.support.paths import ROOT

NAME = "李世石-é-😀"
LONG = "AlphaGoZero-20b-x256"
"""Of 20 letters."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Something for every command that prints names of players, networks, files and runs."""
    folder = tmp_path_factory.mktemp("screens")
    names = [NAME, LONG, "LeelaZero-network-91", "GNUGo-3.8-level-ten0"]
    pairs = [(a, b) for a in names for b in names if a != b]
    lines = ["black,white,result", *(f"{a},{b},{'BW'[n % 2]}+R" for n, (a, b) in enumerate(pairs))]
    (folder / f"{NAME}.csv").write_text("\n".join(lines), encoding="utf-8")
    (folder / "wrong.csv").write_text(f"black,white,result\n{NAME},b,B+R\n{NAME},,B+R\n", encoding="utf-8")
    (folder / f"{NAME}.sgf").write_text("(;SZ[9]RE[B+R];B[aa];W[bb])(;SZ[9]RE[B+R];B[", encoding="utf-8")
    for name in (NAME, LONG):
        write_network(lived_in_network(len(name), NetworkShape(1, 4, 9)), folder / f"{name}.txt")
    for name in (NAME, LONG):
        run = folder / "runs" / name
        run.mkdir(parents=True)
        (run / "config.yaml").write_text("- no\n- settings\n")
    status, _, errors = printed(
        folder,
        "pool",
        "add",
        f"{NAME}.pool",
        f"{NAME}.txt",
        f"{LONG}.txt",
        "--size",
        "9",
        "--openings",
        "none",
    )
    assert status == 0, errors
    return folder


def printed(
    place: Path, *command: str, encoding: str = "utf-8", columns: int | None = None
) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command that prints into pipes of this encoding."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True) for _ in range(2)]
    status = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.delenv("COLUMNS", raising=False)
        if columns is not None:
            patch.setenv("COLUMNS", str(columns))
        for name, stream in zip(("stdout", "stderr"), streams, strict=True):
            patch.setattr(sys, name, stream)
        patch.setattr(sys, "argv", ["lzeval", *command])
        try:
            main()
        except SystemExit as exc:
            status = int(exc.code or 0)
    texts = [stream.buffer.getvalue().decode(encoding) for stream in streams]
    return status, texts[0], texts[1]


COMMANDS: dict[str, tuple[str, ...]] = {
    "rate": ("rate", f"{NAME}.csv"),
    "rate --matrix": ("rate", f"{NAME}.csv", "--matrix"),
    "rate, something left out": ("rate", "wrong.csv"),
    "weights info": ("weights", "info", f"{NAME}.txt"),
    "weights check": ("weights", "check", f"{NAME}.txt", "--board-size", "9"),
    "weights convert": ("weights", "convert", f"{NAME}.txt", f"{NAME}-2.txt", "--force"),
    "data check": ("data", "check", "--size", "9", f"{NAME}.sgf"),
    "runs": ("runs", "list", "runs"),
    "runs show": ("runs", "show", f"runs/{NAME}"),
    "pool list": ("pool", "list", f"{NAME}.pool"),
    "sabaki": ("sabaki", f"{NAME}.txt"),
    "tournament new": (
        "tournament",
        "new",
        f"{NAME}.ctl",
        f"{NAME}.txt",
        f"{LONG}.txt",
        "--size",
        "9",
        "--force",
    ),
}
MISTAKES: dict[str, tuple[str, ...]] = {
    "no such network": ("weights", "info", f"{NAME}-{NAME}.txt"),
    "no games": ("pool", "table", f"{NAME}.pool"),
    "no such run": ("runs", "show", f"{NAME}-{NAME}"),
    "no weights": ("weights", "check", f"{NAME}.sgf"),
}
JSON: dict[str, tuple[str, ...]] = {
    name: (*command[:-1], "--json", command[-1])
    for name, command in COMMANDS.items()
    if name in ("rate", "weights info", "data check", "runs", "runs show", "pool list", "sabaki")
}
LACKING = ["cp1252", "ascii", "latin-1"]


@pytest.mark.parametrize("encoding", ["utf-8", *LACKING])
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_letters_that_an_encoding_lacks_are_replaced(
    command: tuple[str, ...], encoding: str, place: Path
) -> None:
    status, text, errors = printed(place, *command, encoding=encoding)
    assert status == 0, errors
    assert shown(NAME, encoding) in text + errors
    assert ("?" in shown(NAME, encoding)) == (encoding != "utf-8")


@pytest.mark.parametrize("encoding", ["utf-8", *LACKING])
@pytest.mark.parametrize("command", MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_one_line_in_any_encoding(command: tuple[str, ...], encoding: str, place: Path) -> None:
    status, text, errors = printed(place, *command, encoding=encoding)
    assert status == 2
    assert (text + errors).count("\n") == 1


@pytest.mark.parametrize("encoding", ["utf-8", *LACKING])
@pytest.mark.parametrize("command", JSON.values(), ids=JSON)
def test_json_keeps_every_letter(command: tuple[str, ...], encoding: str, place: Path) -> None:
    status, text, errors = printed(place, *command, encoding=encoding)
    assert status == 0, errors
    assert NAME in json.dumps(json.loads(text), ensure_ascii=False)
    assert (NAME in text) == (encoding == "utf-8")
    assert encoding == "utf-8" or text.isascii()


TABLES = {name: COMMANDS[name] for name in ("rate", "rate --matrix", "runs", "pool list")}


@pytest.mark.parametrize("columns", [30, 40, 60, 80, 200, None])
@pytest.mark.parametrize("command", TABLES.values(), ids=TABLES)
def test_names_are_whole_on_any_screen(command: tuple[str, ...], columns: int | None, place: Path) -> None:
    """Columns are left out instead, those of least interest first, and none where there is room."""
    status, text, _ = printed(place, *command, columns=columns)
    assert status == 0
    assert command[0] == "pool" or NAME in text  # whose names are letters of ASCII
    assert LONG in text
    table = [line for line in text.splitlines() if line.startswith(" ")]
    if columns is not None and command[0] != "pool":  # in a pipe, paths are not folded
        assert max(map(cell_len, table)) <= columns
    wide = printed(place, *command)[1]
    assert set(text.split()) <= set(wide.split()) | {"─" * n for n in range(300)} or command[-1] == "--matrix"
    if columns in (200, None) and command[0] != "pool":
        assert [line.split() for line in text.splitlines()] == [line.split() for line in wide.splitlines()]


def test_nothing_is_wrapped_in_a_pipe(place: Path) -> None:
    """However long: neither remarks nor cells, COLUMNS or not."""
    folder = place / ("a folder with a rather long name " * 3).strip()
    folder.mkdir()
    why = "Unreadable: 1 - " + "its first line must name the columns black, white, result; it names x"
    names = "n" * 60, "m" * 60
    (folder / "x.csv").write_text("x\n")
    (folder / "games.csv").write_text(
        "black,white,result\n" + "{},{},B+R\n{},{},W+R\n".format(*names, *names[::-1])
    )
    for columns in (None, 40):
        _, text, _ = printed(folder, "rate", "games.csv", "x.csv", columns=columns)
        assert f"{why} (x.csv)" in text.splitlines()
        assert all(any(name in line for line in text.splitlines()) for name in names)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of files are text there")
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_names_of_files_that_are_no_text(encoding: str, tmp_path: Path) -> None:
    """They are printed as far as they are letters, kept as they are in pools and JSON, and files stay UTF-8."""
    name = os.fsdecode(b"caf\xe9")
    (tmp_path / f"{name}.csv").write_text("black,white,result\na,b,B+R\nb,a,B+R\n,a,B+R\n")
    network = tmp_path / f"{name}.txt"
    write_network(lived_in_network(1, NetworkShape(1, 4, 9)), network)
    commands = [
        (
            "rate",
            f"{name}.csv",
            "--out",
            f"{name}-out.csv",
            "--markdown",
            f"{name}.md",
            "--report",
            f"{name}.html",
        ),
        ("weights", "info", network.name),
        ("pool", "add", f"{name}.pool", network.name, "--size", "9", "--openings", "none"),
        ("pool", "list", f"{name}.pool"),
    ]
    for command in commands:
        status, text, errors = printed(tmp_path, *command, encoding=encoding)
        assert status == 0, errors
        assert "caf?" in text + errors or command[:2] == ("pool", "add")
    for file in (f"{name}-out.csv", f"{name}.md", f"{name}.html"):
        assert (tmp_path / file).read_bytes().decode("utf-8")
    _, text, _ = printed(tmp_path, "pool", "list", f"{name}.pool", "--json", encoding=encoding)
    assert json.loads(text)["networks"][0]["path"] == str(network)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("terminal", ["xterm", "dumb"])
def test_a_terminal_is_asked_for_its_width(terminal: str, place: Path) -> None:
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    environment |= {"PYTHONPATH": str(ROOT), "TERM": terminal, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "lzeval", "rate", f"{NAME}.csv"]
    with subprocess.Popen(command, cwd=place, env=environment, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        output = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # how Linux says that nobody writes any more
                break
            if not part:
                break
            output += part
        assert process.wait(60) == 0, output
    os.close(ours)
    lines = output.decode().replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()
    assert max(map(cell_len, lines)) <= 50
    assert any(line.split()[:1] == [LONG] for line in lines)
    assert "Games" in next(line for line in lines if "Player" in line)
    assert "White" not in next(line for line in lines if "Player" in line)


CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=12)


@st.composite
def tables(draw: st.DrawFn) -> ScreenTable:
    kinds: list[Callable[[str], Column]] = [Column, text_column]
    others = draw(
        st.lists(st.tuples(st.sampled_from(kinds), st.sampled_from(["Elo", "Games\nall", ""])), max_size=5)
    )
    columns = [name_column("Name"), *(kind(heading) for kind, heading in others)]
    return ScreenTable(columns, draw(st.lists(st.tuples(*[CELLS] * len(columns)), max_size=3)))


@given(tables(), st.integers(1, 90))
def test_a_table_fits_or_has_nothing_left_to_leave_out(table: ScreenTable, width: int) -> None:
    """On a terminal. Only the name stays where even that is too wide, and is folded."""
    console = Console(file=io.StringIO(), width=width, emoji=False)
    console.print(table)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    alone = ScreenTable(table.columns[:1], [row[:1] for row in table.rows])
    if width >= 12:
        assert max(map(cell_len, lines)) <= width
    if alone.width() <= width:
        for name, *_ in table.rows:
            assert any(name.rstrip() in line for line in lines)
    if table.width() <= width:
        heads = " ".join(lines[:4])
        assert all(word in heads for column in table.columns for word in column.heading.split())


@given(tables())
def test_a_pipe_has_every_cell_whole(table: ScreenTable) -> None:
    console = Console(file=io.StringIO(), width=10**6, soft_wrap=True, emoji=False)
    console.print(table)
    lines = [line for line in console.file.getvalue().split("\n") if line.strip()]  # type: ignore[attr-defined]
    assert len([line for line in lines if "──" in line]) >= 1
    for row in table.rows:
        assert not any(cell.strip() for cell in row) or any(
            all(cell.strip() in line for cell in row) for line in lines
        )


def test_control_characters_do_not_reach_a_terminal() -> None:
    assert shown("a\x1b[31mb\x07\nc\td") == "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}\nc\td"
