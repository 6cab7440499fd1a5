"""A table of GTP commands: name, arguments, handler and help of each, declared in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from engines.gtp.server.session import Failure, GtpSession

Arguments: TypeAlias = tuple[str, ...]
Say: TypeAlias = Callable[[str], None]
"""Sends a line at once."""


@dataclass(frozen=True)
class Streaming:
    """An answer that comes line by line while the command is at work; nothing can go wrong any more."""

    run: Callable[[Say], None]


Handler: TypeAlias = Callable[[GtpSession, Arguments], "str | Streaming"]
"""Does the command and returns the text of its answer. Raises Failure with the text of a `?` answer."""


HandlerT = TypeVar("HandlerT", bound=Handler)


@dataclass(frozen=True)
class CommandEntry:
    """One line of the table."""

    name: str
    arguments: str
    """Arguments as help shows them: `COLOUR [VERTEX]`, `VERTEX...`; brackets are optional, `...` means one or more."""
    help: str
    group: str
    """Heading in the documentation."""
    handler: Handler

    @property
    def usage(self) -> str:
        return f"{self.name} {self.arguments}".strip()

    @property
    def fewest_arguments(self) -> int:
        return sum(not word.startswith("[") for word in self._words)

    @property
    def most_arguments(self) -> int | None:
        """None where there is no limit."""
        return None if "..." in self.arguments else len(self._words)

    @property
    def _words(self) -> list[str]:
        return self.arguments.split()

    def run(self, session: GtpSession, args: Arguments) -> str | Streaming:
        """The answer's text. Raises Failure `syntax error` unless the number of arguments fits."""
        too_many = self.most_arguments is not None and len(args) > self.most_arguments
        if len(args) < self.fewest_arguments or too_many:
            raise Failure("syntax error")
        return self.handler(session, args)


class CommandTable:
    """Commands by name; by group, in the order in which they were declared."""

    def __init__(self) -> None:
        self._entries: dict[str, CommandEntry] = {}
        self._groups: list[str] = []

    def group(self, title: str) -> Callable[[str, str, str], Callable[[HandlerT], HandlerT]]:
        """A decorator for the handlers of a group's commands: `@command(name, arguments, help)`."""
        self._groups.append(title)

        def command(name: str, arguments: str, help_text: str) -> Callable[[HandlerT], HandlerT]:
            def declare(handler: HandlerT) -> HandlerT:
                if name in self._entries:
                    raise ValueError(f"{name} is declared twice")
                self._entries[name] = CommandEntry(name, arguments, help_text, title, handler)
                return handler

            return declare

        return command

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[CommandEntry]:
        return iter(sorted(self._entries.values(), key=lambda entry: self._groups.index(entry.group)))

    def __getitem__(self, name: str) -> CommandEntry:
        """Raises Failure `unknown command`."""
        try:
            return self._entries[name]
        except KeyError:
            raise Failure("unknown command") from None
