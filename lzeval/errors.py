"""Errors, by whose fault they were.

```text
LzevalError
  UserError            the user asked for the impossible; the message says what to do
    WeightsError       a weights file is malformed: path, line
    RecordError        a game record cannot be read: path, game
    DataError          a packed data set is missing, foreign or damaged
    LockedError        another process is at work in a folder: path of the lock
  IllegalMoveError     a move the rules forbid: why
  EngineError          another program misbehaved: engine, command
```

Each of them reaches the user as one line and exit status 2. Anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

from pathlib import Path


class LzevalError(Exception):
    """Anything lzeval reports without a traceback."""


class UserError(LzevalError):
    """The request cannot be met as it was made."""


class WeightsError(UserError):
    """A weights file that no engine should play with."""

    def __init__(self, path: str | Path, problem: str, line: int | None = None) -> None:
        """`line` counts from 1, as editors do; None where the whole file is meant."""
        self.path = Path(path)
        self.problem = problem
        self.line = line
        place = f"{path}" if line is None else f"{path}, line {line}"
        super().__init__(f"{place}: {problem}")


class RecordError(UserError):
    """A game record that cannot be read."""

    def __init__(self, path: str | Path, problem: str) -> None:
        self.path = Path(path)
        self.problem = problem
        super().__init__(f"{path}: {problem}")


class DataError(UserError):
    """A packed data set that cannot be used."""


class LockedError(UserError):
    """A folder in which another process is at work."""

    def __init__(self, path: Path) -> None:
        """`path`: the lock's file, in that folder."""
        self.path = path
        super().__init__(f"{path.parent}: another process of lzeval is at work in this folder")


class IllegalMoveError(LzevalError):
    """A move that the rules forbid; `reason` names the rule."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class EngineError(LzevalError):
    """Another program did not do what GTP promises."""

    def __init__(self, engine: str, problem: str, command: str | None = None) -> None:
        self.engine = engine
        self.command = command
        super().__init__(f"{engine}: {problem}" if command is None else f"{engine}: {command!r}: {problem}")
