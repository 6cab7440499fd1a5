"""Control files that are executed, because the user trusts whoever wrote them.

The file runs in a child process, under Python 2.7 where there is one, as under gomill, and its values come back
as plain data. The child may do whatever its user may do.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lzeval.errors import UserError
from tournaments.gomill.control.language import Configured, Namespace
from tournaments.gomill.control.settings import MATCHUP
from tournaments.gomill.control.syntax import RefusedError
from tournaments.gomill.install import find_python2

DEADLINE_S = 60.0
"""Seconds that a file may run for."""
_LONGEST_ANSWER = 64 * 1024 * 1024

CHILD = r"""
import io, json, sys, traceback

path, answer_path, names = sys.argv[1], sys.argv[2], sys.argv[3:]
text = type(u"")


class Call(object):
    def __init__(self, *args, **kwargs):
        self.args, self.kwargs = args, kwargs
        self.line = sys._getframe(1).f_lineno


def plain(value, depth=0):
    if depth > 50:
        raise ValueError("values are nested too deeply")
    if isinstance(value, Call):
        named = [[plain(k), plain(v, depth + 1)] for k, v in value.kwargs.items()]
        return {"call": [type(value).__name__, [plain(v, depth + 1) for v in value.args], named, value.line]}
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if value is None or isinstance(value, (text, bool, int, float)):
        return value
    if isinstance(value, dict):
        return {"dict": [[plain(k, depth + 1), plain(v, depth + 1)] for k, v in value.items()]}
    if isinstance(value, type(sys.maxsize + 1)):
        return value
    try:
        items = list(value)
    except Exception:
        return {"other": type(value).__name__}
    return {"list": [plain(v, depth + 1) for v in items]}


def work():
    with io.open(path, encoding="utf-8-sig") as file:
        source = file.read()
    flags = 0x2000 if sys.version_info[0] == 2 else 0  # true division
    namespace = dict((name, type(str(name), (Call,), {})) for name in names)
    try:
        exec(compile(source, path, "exec", flags, True), namespace)
        wanted = [name for name in WANTED if name in namespace]
        return {"values": [[name, plain(namespace[name])] for name in wanted]}
    except Exception as error:
        lines = [entry[1] for entry in traceback.extract_tb(sys.exc_info()[2]) if entry[0] == path]
        line = lines[-1] if lines else getattr(error, "lineno", None)
        return {"line": line, "problem": "%s: %s" % (type(error).__name__, error)}


answer = json.dumps(work())
with io.open(answer_path, "wb") as file:
    file.write(answer.encode("utf-8"))
"""
"""Runs under Python 2.7 and 3; writes what it found into a file, as the control file may print."""

SETTINGS = [
    *("competition_type", "players", "description", "record_games", "stderr_to_log", "skip_player_checks"),
    *("matchups", "competitors", "rounds", "lzeval"),
    *MATCHUP,
]
"""The names whose values come back."""


def execute(file: Path, constructors: Sequence[str]) -> Namespace:
    """Run the control file `file`. Raises RefusedError where it fails, UserError where it does not end."""
    python2 = find_python2()
    command = [str(python2 or sys.executable), "-c", f"WANTED = {SETTINGS!r}\n{CHILD}"]
    with tempfile.TemporaryDirectory(prefix="lzeval-") as folder:
        answer = Path(folder) / "answer.json"
        try:
            subprocess.run(
                [*command, str(file), str(answer), *constructors],
                stdin=subprocess.DEVNULL,
                stdout=sys.__stderr__,
                timeout=DEADLINE_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UserError(f"{file}: it ran for {DEADLINE_S:g} seconds and was ended") from None
        found = _read(answer, file)
    if "problem" in found:
        advice = "" if python2 else "; there is no Python 2.7 here to run it as gomill would"
        raise RefusedError(found["line"], f"{found['problem']}{advice}")
    notes = [] if python2 else ["no Python 2.7 was found: the file was executed by Python 3"]
    return Namespace({name: _value(value) for name, value in found["values"]}, {}, notes)


def _read(answer: Path, file: Path) -> dict[str, Any]:
    try:
        if answer.stat().st_size > _LONGEST_ANSWER:
            raise UserError(f"{file}: its settings are more than {_LONGEST_ANSWER} bytes")
        found: dict[str, Any] = json.loads(answer.read_bytes())
    except (OSError, ValueError):
        raise UserError(f"{file}: the Python that executed it ended before its end") from None
    return found


def _value(written: object) -> object:
    """The child's answer in the evaluator's values."""
    if not isinstance(written, dict):
        return written
    ((kind, content),) = written.items()
    return _READERS[kind](content)


def _call(content: Sequence[Any]) -> Configured:
    kind, args, kwargs, line = content
    return Configured(kind, tuple(map(_value, args)), {name: _value(value) for name, value in kwargs}, line)


_READERS: Mapping[str, Callable[[Any], object]] = {
    "call": _call,
    "dict": lambda pairs: {_value(key): _value(value) for key, value in pairs},
    "list": lambda items: list(map(_value, items)),
    "other": lambda name: f"<{name}>",
}
