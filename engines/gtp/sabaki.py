"""Sabaki's list of engines: where it is, what an entry looks like, and how to put one in."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lzeval.errors import UserError
from lzeval.system.files import write_text_atomically

ENGINES_KEY = "engines.list"


@dataclass(frozen=True)
class EngineEntry:
    """One line of Sabaki's engine list, with the fields that its settings file has."""

    name: str
    path: str
    """The program."""
    args: str
    """Its arguments as one line, quoted the way Sabaki takes it apart."""
    commands: str
    """Commands for its start: GTP commands between semicolons."""


def engine_entry(name: str, command: Sequence[str], commands: Sequence[str]) -> EngineEntry:
    """The entry for the program that `command` starts."""
    program, *arguments = command
    return EngineEntry(name, program, " ".join(map(_quoted, arguments)), "; ".join(commands))


def _quoted(argument: str) -> str:
    """`argument` as Sabaki reads it back: a double quote protects spaces, a backslash protects in it."""
    if argument and not set(argument) & set(" \t\n'\"\\"):
        return argument
    return '"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"'


def settings_path() -> Path:
    """The file of Sabaki's settings on this system; its portable edition keeps them beside itself."""
    home = Path.home()
    if sys.platform == "win32":
        folder = Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        folder = home / "Library" / "Application Support"
    else:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    return folder / "Sabaki" / "settings.json"


def add_engine(settings_file: Path, entry: EngineEntry) -> Path | None:
    """Put `entry` into the settings, in the place of one that has its name; returns the copy of the old file.

    Sabaki fills in what a file leaves out, so that there need not be one. Raises UserError, with nothing changed,
    where the file is there and is not what Sabaki writes.
    """
    if not settings_file.parent.is_dir():
        raise UserError(
            f"{settings_file.parent} does not exist: start Sabaki once, or name its file with --settings"
        )
    settings = _read(settings_file) if settings_file.exists() else {}
    engines = settings.get(ENGINES_KEY, [])
    if not isinstance(engines, list) or not all(isinstance(engine, dict) for engine in engines):
        raise UserError(f"{settings_file}: {ENGINES_KEY} is not a list of engines; nothing was changed")
    settings[ENGINES_KEY] = _with(engines, entry)
    copy = _copy(settings_file) if settings_file.exists() else None
    write_text_atomically(settings_file.resolve(), json.dumps(settings, indent=2, ensure_ascii=False))
    return copy


def _with(engines: list[dict[str, object]], entry: EngineEntry) -> list[dict[str, object]]:
    """The list with the entry in it once; what else an entry of that name holds stays."""
    names = [engine.get("name") for engine in engines]
    if entry.name not in names:
        return [*engines, asdict(entry)]
    place = names.index(entry.name)
    others = [engine for engine in engines[place + 1 :] if engine.get("name") != entry.name]
    return [*engines[:place], {**engines[place], **asdict(entry)}, *others]


def _read(settings_file: Path) -> dict[str, object]:
    try:
        content = json.loads(settings_file.read_bytes())
    except OSError as error:
        raise UserError(f"cannot read {settings_file}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"{settings_file} is not JSON ({error}); nothing was changed") from error
    if not isinstance(content, dict):
        raise UserError(f"{settings_file} does not hold Sabaki's settings; nothing was changed")
    return content


def _copy(settings_file: Path) -> Path:
    """A copy beside the file, under the first name that is free."""
    content = settings_file.read_bytes()
    number = 1
    while True:
        copy = settings_file.with_name(f"{settings_file.stem}.old-{number}{settings_file.suffix}")
        try:
            with copy.open("xb") as file:
                file.write(content)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise UserError(f"cannot write {copy}: {error.strerror}; nothing was changed") from error
        else:
            shutil.copymode(settings_file, copy)
            return copy
