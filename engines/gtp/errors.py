"""Errors of a hosted engine, and their meaning for the game.

```text
EngineError
  EngineGone       the program ended, or closed its pipe      the game is void
  LostTogether     it ended by another game's doing           the game is void, and nobody is blamed
  EngineTimeout    no answer within the deadline              the game is void
  NotGtp           it speaks, but not GTP                     the game is void
  EngineRefused    a `?` answer: void while setting up, a forfeit on a move
  MalformedMove    an answer to genmove that is no move       a forfeit
```

After one of the first three the program has been killed: what it might still say answers nothing.
"""

from __future__ import annotations

from lzeval.errors import EngineError

LOST_TOGETHER = -1000
"""An exit status that no program has: LostTogether, as an engine of this process tells it."""


class EngineGone(EngineError):  # noqa: N818  (the state of the engine, not of this program, is what it names)
    """The program ended while it was needed."""

    def __init__(
        self, engine: str, command: str | None, exit_status: int | None, last_words: str = ""
    ) -> None:
        """`exit_status` is None where it is not known; `last_words` is the end of its standard error."""
        self.exit_status = exit_status
        self.last_words = last_words
        status = "" if exit_status in (None, LOST_TOGETHER) else f" with status {exit_status}"
        saying = f", last saying {last_words!r}" if last_words else ""
        super().__init__(engine, f"the program ended{status}{saying}", command)


class LostTogether(EngineError):  # noqa: N818
    """The program that several games ask has ended, and another game has been told why."""


class EngineTimeout(EngineError):  # noqa: N818
    """The deadline passed without an answer."""

    def __init__(self, engine: str, command: str | None, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        super().__init__(engine, f"no answer within {timeout_s:g} s", command)


class NotGtp(EngineError):  # noqa: N818
    """The program's output cannot be an answer; `said` is its offending line."""

    def __init__(self, engine: str, command: str | None, said: str) -> None:
        self.said = said
        super().__init__(engine, f"not a GTP answer: {said[:100]!r}", command)


class EngineRefused(EngineError):  # noqa: N818
    """The engine answered `?`; `reason` is what it gave."""

    def __init__(self, engine: str, command: str, reason: str) -> None:
        self.reason = reason
        super().__init__(engine, reason or "refused without a reason", command)


class MalformedMove(EngineError):  # noqa: N818
    """The engine's choice of move is no vertex of the board."""

    def __init__(self, engine: str, command: str, said: str) -> None:
        self.said = said
        super().__init__(engine, f"{said[:100]!r} is no move", command)
