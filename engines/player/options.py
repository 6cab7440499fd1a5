"""Options of an engine of ours as fields of a dataclass: the command line, and what reads it, are made of them."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args, get_type_hints

from lzeval.text.decimals import parse_integer, parse_number

_T = TypeVar("_T")


def option(default: _T, help_text: str, panel: str | None = None, **more: Any) -> _T:
    """A field that is an option of the command line as well; see `Option`."""
    return field(default=default, metadata={"help_text": help_text, "panel": panel, **more})


@dataclass(frozen=True)
class Option:
    """A field of an engine's arguments as the command line has it."""

    name: str
    """The field's name."""
    kind: Any
    """The type of its values: bool for a flag, a type, or that `| None`."""
    default: Any
    flag: str
    """Its spelling, as `--visits`."""
    help_text: str
    panel: str | None
    """The part of the help text in which it stands; None: the general one."""
    least: float | None = None
    most: float | None = None


def options_of(arguments: type) -> tuple[Option, ...]:
    """All options of a class of arguments, in the order of its fields."""
    return _options_of(arguments)


@cache
def _options_of(arguments: type) -> tuple[Option, ...]:
    kinds = get_type_hints(arguments)
    return tuple(
        Option(
            each.name,
            kinds[each.name],
            each.default,
            **{"flag": f"--{each.name.replace('_', '-')}", **each.metadata},
        )
        for each in fields(arguments)
        if each.metadata
    )


def command_of(arguments: type, command: str, network: str, **values: Any) -> list[str]:
    """The command line that starts `lzeval COMMAND` with `values` for some fields of `arguments`, in their order.

    What is None or False is left out.
    """
    arguments(network, **values)
    flags = {each.name: each.flag for each in options_of(arguments)}
    words = [*our_command(), command, network]
    for name, value in values.items():
        if value is True:
            words.append(flags[name])
        elif value is not None and value is not False:
            words += [flags[name], f"{value:g}" if isinstance(value, float) else str(value)]
    return words


def our_command() -> list[str]:
    """The words that start `lzeval`, for a control file: with this Python if PATH has another one's, or none."""
    found = shutil.which("lzeval") is not None and _is_our_script("lzeval")
    return ["lzeval"] if found else [sys.executable, "-m", "lzeval"]


def parse_words(arguments: type[_T], words: Sequence[str]) -> _T | None:
    """The arguments in the words behind the command; None where they are wrong, of which the program will tell."""
    try:
        return arguments(**vars(_parser(arguments).parse_args(words)))
    except WrongArgumentsError:
        return None


def parse_command_line(arguments: type[_T], name: str, command: Sequence[str], cwd: Path | None) -> _T | None:
    """The arguments in a command line that starts our `lzeval NAME`; None for any other or a wrong one.

    `cwd` is the folder that it is to be started in, None: this process's. The network and the openings that it names
    are told as they are seen from this process.
    """
    words = _words_behind(command, name)
    found = None if words is None else parse_words(arguments, words)
    if found is None:
        return None
    files = {each: getattr(found, each) for each in ("network", "openings")}
    there = {each: _seen_from(cwd, file) for each, file in files.items() if file is not None}
    return replace(found, **there)  # type: ignore[type-var]


def _words_behind(command: Sequence[str], name: str) -> list[str] | None:
    """The words behind `lzeval NAME`, or behind `python -m lzeval NAME`, of this installation; None for any other."""
    program, *words = command
    if words[:1] == [name] and _is_our_script(program):
        return words[1:]
    if words[:3] == ["-m", "lzeval", name] and _is_our_python(program):
        return words[3:]
    return None


def _seen_from(folder: Path | None, name: str) -> str:
    """A file that a command names, by where a program that is started in `folder` would find it."""
    return name if folder is None or not (folder / name).is_file() else str(folder / name)


def _is_our_script(program: str) -> bool:
    """Tell whether it is the script of this installation, or would be, were it on PATH."""
    if Path(program).stem != "lzeval":
        return False
    found = shutil.which(program)
    if found is None:
        return program == "lzeval"
    scripts = (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent)
    return Path(found).resolve().parent in [folder.resolve() for folder in scripts] or _same(
        found, sys.argv[0]
    )


def _is_our_python(program: str) -> bool:
    """Tell by its path, and not by the file behind it, which environments share."""
    found = shutil.which(program)
    return found is not None and os.path.abspath(found) == os.path.abspath(sys.executable)  # noqa: PTH100


def _same(one: str, other: str) -> bool:
    return Path(one).resolve() == Path(other).resolve()


class WrongArgumentsError(Exception):
    """The words are no arguments of the command."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise WrongArgumentsError(message)


_PARSERS: dict[type, Callable[[str], Any]] = {int: parse_integer, float: parse_number, str: str}


def _parser(arguments: type) -> _Parser:
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("network")
    for each in options_of(arguments):
        if each.kind is bool:
            parser.add_argument(each.flag, dest=each.name, action="store_true")
        else:
            parser.add_argument(each.flag, dest=each.name, type=partial(_value, each), default=each.default)
    return parser


def _value(of: Option, text: str) -> Any:
    kind = next(kind for kind in (of.kind, *get_args(of.kind)) if kind in _PARSERS)
    value = _PARSERS[kind](text)
    if any((of.least is not None and value < of.least, of.most is not None and value > of.most)):
        raise ValueError(text)
    return value
