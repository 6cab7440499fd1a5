from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engines.gtp import sabaki
from engines.gtp.sabaki import EngineEntry, add_engine, engine_entry, settings_path
from lzeval.cli.main import application
from lzeval.errors import UserError
from lzeval.system.bundled import bundled_networks

ENTRY = EngineEntry("lzeval small", "/usr/bin/python3", "-m lzeval gtp small", "time_settings 0 2 1")


def engines(file: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(file.read_text(encoding="utf-8"))["engines.list"]
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", "lzeval", "gtp", "/home/a b/net.txt.gz"],
        ["C:\\Program Files\\net.txt.gz", "C:\\net"],
        ["it's", 'say "no"', ""],
    ],
)
def test_arguments_are_quoted_so_that_they_come_back(arguments: list[str]) -> None:
    entry = engine_entry("name", ["python", *arguments], [])
    assert shlex.split(entry.args) == arguments
    assert entry.path == "python"


def test_simple_arguments_stay_as_they_are() -> None:
    entry = engine_entry("name", ["python", "-m", "lzeval"], ["komi 7.5", "time_settings 0 2 1"])
    assert entry == EngineEntry("name", "python", "-m lzeval", "komi 7.5; time_settings 0 2 1")


@pytest.mark.parametrize(
    ("platform", "variable", "inside"),
    [
        ("linux", "XDG_CONFIG_HOME", "Sabaki"),
        ("win32", "APPDATA", "Sabaki"),
        ("darwin", None, "Library/Application Support/Sabaki"),
        ("linux", None, ".config/Sabaki"),
        ("win32", None, "AppData/Roaming/Sabaki"),
    ],
)
def test_where_the_settings_are(
    platform: str, variable: str | None, inside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    for name in ("XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    if variable is not None:
        monkeypatch.setenv(variable, str(tmp_path / "folder"))
    root = tmp_path / ("folder" if variable else "home")
    assert settings_path() == root / inside / "settings.json"


def test_an_entry_is_added_and_the_rest_stays(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    old = {
        "app.lang": "日本語",
        "engines.list": [{"name": "Leela", "path": "leelaz", "args": "", "commands": ""}],
    }
    file.write_text(json.dumps(old), encoding="utf-8")
    copy = add_engine(file, ENTRY)
    assert copy is not None
    assert json.loads(copy.read_text(encoding="utf-8")) == old
    content = json.loads(file.read_text(encoding="utf-8"))
    assert content["app.lang"] == "日本語"
    assert [engine["name"] for engine in content["engines.list"]] == ["Leela", "lzeval small"]
    assert content["engines.list"][1] == {
        "name": "lzeval small",
        "path": "/usr/bin/python3",
        "args": "-m lzeval gtp small",
        "commands": "time_settings 0 2 1",
    }


def test_an_entry_of_the_same_name_is_replaced_and_no_copy_is(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    names = ["a", "lzeval small", "b", "lzeval small"]
    file.write_text(json.dumps({"engines.list": [{"name": name, "analysis": True} for name in names]}))
    first = file.read_bytes()
    copies = [add_engine(file, ENTRY), add_engine(file, ENTRY)]
    assert copies == [tmp_path / "settings.old-1.json", tmp_path / "settings.old-2.json"]
    assert (tmp_path / "settings.old-1.json").read_bytes() == first
    assert [engine["name"] for engine in engines(file)] == ["a", "lzeval small", "b"]
    assert engines(file)[1]["analysis"] is True
    assert engines(file)[1]["path"] == "/usr/bin/python3"


def test_a_first_file_has_no_copy(tmp_path: Path) -> None:
    assert add_engine(tmp_path / "settings.json", ENTRY) is None
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real.json"
    real.write_text("{}")
    link = tmp_path / "settings.json"
    link.symlink_to(real)
    add_engine(link, ENTRY)
    assert link.is_symlink()
    assert [engine["name"] for engine in engines(real)] == ["lzeval small"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b"", "is not JSON"),
        (b"\xff\xfe\xfa", "is not JSON"),
        (b"[]", "does not hold Sabaki's settings"),
        (b'{"engines.list": {}}', "is not a list of engines"),
        (b'{"engines.list": [1]}', "is not a list of engines"),
    ],
)
def test_a_file_of_another_kind_is_left_alone(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        add_engine(file, ENTRY)
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


def test_what_cannot_be_read_or_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="start Sabaki once"):
        add_engine(tmp_path / "nowhere" / "settings.json", ENTRY)
    folder = tmp_path / "settings.json"
    folder.mkdir()
    with pytest.raises(UserError, match="cannot read"):
        add_engine(folder, ENTRY)
    folder.rmdir()
    folder.write_text("{}")

    def full(*_args: object) -> None:
        raise UserError("cannot write: No space left on device")

    monkeypatch.setattr(sabaki, "write_text_atomically", full)
    with pytest.raises(UserError, match="No space left"):
        add_engine(folder, ENTRY)
    assert folder.read_text() == "{}"


def test_the_command_prints_what_to_paste() -> None:
    outcome = CliRunner().invoke(
        application(), ["sabaki", "--command", "time_settings 0 2 1", "small", "--visits", "400"]
    )
    assert outcome.exit_code == 0, outcome.output
    network = bundled_networks()["small"].resolve()
    assert outcome.stdout.splitlines() == [
        "Name:             lzeval small",
        f"Path:             {sys.executable}",
        f"Arguments:        -m lzeval gtp {network} --visits 400",
        "Initial commands: time_settings 0 2 1",
    ]


def test_the_command_writes_the_entry(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    arguments = ["sabaki", "--write", "--settings", str(file), "--name", "Mine", "--json", "small"]
    for copies in range(2):
        outcome = CliRunner().invoke(application(), arguments)
        assert outcome.exit_code == 0, outcome.output
        assert outcome.stderr.startswith(f"written to {file}")
        assert ("the file before it is" in outcome.stderr) == bool(copies)
        assert engines(file) == [json.loads(outcome.stdout)]
    assert engines(file)[0]["name"] == "Mine"


@pytest.mark.parametrize("arguments", [["--command", "komi 7;undo", "small"], ["no-such-net"]])
def test_mistakes_of_the_user(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lzeval.cli.main import main

    monkeypatch.setattr(sys, "argv", ["lzeval", "sabaki", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
