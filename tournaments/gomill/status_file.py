"""gomill's `.status` file, read without executing anything.

It is a pickle, and a pickle is a program: Python's unpickler would run whatever a stranger's file says. Here the file
is taken apart by `pickletools`, and the few operations that gomill's states consist of build plain data; everything
else is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lzeval.errors import UserError

LARGEST_BYTES = 512 * 1024 * 1024
MOST_GAMES = 1_000_000
GAME_RESULT = "gomill.gtp_games Game_result"
CLASSES = frozenset(
    {
        GAME_RESULT,
        "gomill.competition_schedulers Group_scheduler",
        "gomill.competition_schedulers Simple_scheduler",
    }
)
"""Classes of gomill whose objects are read, as plain data."""
_DICTIONARY, _SET = "collections defaultdict", "__builtin__ set"
_NAMES = CLASSES | {_DICTIONARY, _SET, "__builtin__ list"}
_FORMAT = (0, 1)
"""The versions of the file and of a tournament's state in it."""


@dataclass
class Instance:
    """An object of one of CLASSES."""

    name: str
    state: object = None
    """The class or function that the object was pickled as."""


@dataclass(frozen=True)
class Status:
    """A tournament's state out of a `.status` file."""

    results: Mapping[str, list[Instance]]
    """Game_results by matchup, in the order in which the games ended."""
    engine_descriptions: Mapping[str, str]
    """Descriptions by player."""
    void_games: int


def read_status(path: Path) -> Status:
    """Raises UserError for what is no state of a gomill tournament, and for what could be more than data."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except OSError as exc:
        raise UserError(f"{path} cannot be read: {exc.strerror}") from exc
    if len(data) > LARGEST_BYTES:
        raise UserError(f"{path} has more than {LARGEST_BYTES} bytes")
    try:
        return _status(plain_data(data))
    except UnknownPickleError as exc:
        raise UserError(f"{path} is not read: {exc}") from exc
    except _DAMAGED as exc:
        raise UserError(f"{path} is damaged, or no state of a gomill playoff or allplayall") from exc


_DAMAGED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def _status(found: Any) -> Status:
    file_version, content = found
    if (file_version, content["comp_vn"]) != _FORMAT:
        raise ValueError("another version")
    tournament = content["comp"]
    if sum(map(len, tournament["results"].values())) > MOST_GAMES:
        raise ValueError("too many games")
    results = {
        _text(matchup): [_result(game) for game in games] for matchup, games in tournament["results"].items()
    }
    descriptions = {_text(code): _text(said) for code, said in tournament["engine_descriptions"].items()}
    return Status(results, descriptions, int(content["void_game_count"]))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _result(value: object) -> Instance:
    if not isinstance(value, Instance) or value.name != GAME_RESULT:
        raise TypeError("no result of a game")
    return value


# The pickle


class UnknownPickleError(ValueError):
    """A pickle does what gomill's do not."""


@dataclass(frozen=True)
class _Name:
    """A class or function that the pickle names, `module name`."""

    text: str


class _Mark:
    pass


def plain_data(pickled: bytes) -> object:
    """The content of the pickle: numbers, strings, lists, tuples, dictionaries and Instances.

    Sets are lists. Raises UnknownPickleError, or one of `pickletools`' ValueErrors.
    """
    machine = _Machine()
    for opcode, argument, _ in pickletools.genops(pickled):
        if opcode.name == "STOP":
            break
        machine.step(opcode.name, argument)
    (found,) = machine.stack
    return found


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_NUMBERS = frozenset({"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"})
_BYTES = frozenset({"STRING", "BINSTRING", "SHORT_BINSTRING"})
_UNICODE = frozenset({"UNICODE", "BINUNICODE"})
_PUTS = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_GETS = frozenset({"GET", "BINGET", "LONG_BINGET"})
_FIXED_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass
class _Machine:
    """The stack that a pickle works on."""

    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def step(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _NUMBERS or name in _UNICODE:
            self.stack.append(argument)
        elif name in _BYTES:
            self.stack.append(argument.encode("latin-1").decode("utf-8", "replace"))
        elif name in _PUTS:
            self.memo[argument] = self.stack[-1]
        elif name in _GETS:
            self.stack.append(self.memo[argument])
        elif name in _FIXED_TUPLES:
            self.stack.append(tuple(self.pop_many(_FIXED_TUPLES[name])))
        elif name != "PROTO":
            self.operate(name, argument)

    def operate(self, name: str, argument: Any) -> None:
        match name:
            case "MARK":
                self.stack.append(_Mark())
            case "TUPLE":
                self.stack.append(tuple(self.pop_to_mark()))
            case "EMPTY_LIST":
                self.stack.append([])
            case "EMPTY_DICT":
                self.stack.append({})
            case "LIST":
                self.stack.append(self.pop_to_mark())
            case "DICT":
                pairs = self.pop_to_mark()
                self.stack.append({})
                self.set_items(pairs)
            case "APPEND":
                self.extend(self.pop_many(1))
            case "APPENDS":
                self.extend(self.pop_to_mark())
            case "SETITEM":
                self.set_items(self.pop_many(2))
            case "SETITEMS":
                self.set_items(self.pop_to_mark())
            case "GLOBAL":
                self.stack.append(_known_name(argument))
            case "NEWOBJ":
                self.make_instance()
            case "REDUCE":
                self.make_container()
            case "BUILD":
                self.build()
            case _:
                raise UnknownPickleError(f"its operation {name} is none of gomill's")

    def pop_many(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise IndexError("the stack is empty")
        taken = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return taken

    def pop_to_mark(self) -> list[Any]:
        taken = []
        while not isinstance(item := self.stack.pop(), _Mark):
            taken.append(item)
        return taken[::-1]

    def extend(self, items: list[Any]) -> None:
        self.typed(self.stack[-1], list).extend(items)

    def set_items(self, flat: list[Any]) -> None:
        target = self.typed(self.stack[-1], dict)
        for key, value in zip(flat[::2], flat[1::2], strict=True):
            if not isinstance(key, str | int):
                raise UnknownPickleError("a dictionary of gomill's has strings for keys")
            target[key] = value

    @staticmethod
    def typed(value: Any, kind: type) -> Any:
        if not isinstance(value, kind):
            raise TypeError(f"no {kind.__name__}")
        return value

    def make_instance(self) -> None:
        name, arguments = self.pop_many(2)
        if not isinstance(name, _Name) or name.text not in CLASSES or arguments != ():
            raise UnknownPickleError("it makes an object of an unknown class")
        self.stack.append(Instance(name.text))

    def make_container(self) -> None:
        name, arguments = self.pop_many(2)
        if name == _Name(_DICTIONARY):
            self.stack.append({})
        elif name == _Name(_SET) and len(arguments) == 1:
            self.stack.append(self.typed(arguments[0], list))
        else:
            raise UnknownPickleError("it calls an unknown function")

    def build(self) -> None:
        (state,) = self.pop_many(1)
        self.typed(self.stack[-1], Instance).state = state


def _known_name(text: str) -> _Name:
    if text not in _NAMES:
        raise UnknownPickleError(f"it names {text.replace(' ', '.')}, which is none of gomill's states")
    return _Name(text)
