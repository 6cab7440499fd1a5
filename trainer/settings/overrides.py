"""Settings as they are typed, key=value, and as YAML holds them: one grammar for every command.

A setting that is text, as paths are, is taken as it stands, whatever it looks like: `2024_01`, `a=b`, `yes`. The
exceptions: `null` means none where a setting may have none, and a setting that may be a list is one in `[a,b]`.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from lzeval.errors import UserError
from trainer.settings.config import TrainConfig

NULL = "null"
QUOTES = "'\""
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
T = TypeVar("T")


class Override(NamedTuple):
    """One `key=value`."""

    key: str
    value: str


def parse_override(text: str) -> Override:
    """`key=value`, or Hydra's `+key=value`, at its first equals sign. Raises UserError if there is none."""
    key, equals, value = text.partition("=")
    key = key.strip().lstrip("+")
    if not equals or not key:
        raise UserError(f"{text!r}: settings are written key=value, as in network=big max_time=45m")
    return Override(key, value)


class ValueKind(NamedTuple):
    """The values that a setting may have."""

    scalars: tuple[type, ...]
    """Types of a single value, the most particular one first."""
    items: type | None
    """Type of a list's items; None: it may be no list."""
    optional: bool
    """May be None."""

    def of_text(self, key: str, text: str) -> Any:
        """The value that `text` means. Raises UserError, which names the setting `key`."""
        if self.optional and text == NULL:
            return None
        if not text.strip():
            raise UserError(
                f"{key}= has no value{'; for none, write ' + key + '=null' if self.optional else ''}"
            )
        if self.items is not None and text[0] == "[" and text[-1] == "]":
            return [_converted(key, item, (self.items,)) for item in split_list(key, text)]
        if not self.scalars:
            raise UserError(f"{key}={text}: write a list in brackets, as {key}=[{text}]")
        return _converted(key, text, self.scalars)

    def of_yaml(self, key: str, value: Any) -> Any:
        """The same for what YAML holds, in which text has lost its brackets and quotes."""
        if value is None and self.optional:
            return None
        if isinstance(value, list) and self.items is not None:
            return [_converted(key, item, (self.items,)) for item in value]
        if isinstance(value, (list, dict)) or value is None or not self.scalars:
            raise UserError(f"{key}={value}: is not {self.in_words()}")
        return _converted(key, value, self.scalars)

    def in_words(self) -> str:
        found = [NAMES[scalar] for scalar in self.scalars]
        return " or ".join(found + ([] if self.items is None else [f"a list, each {NAMES[self.items]}"]))


NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def _converted(key: str, value: Any, scalars: Sequence[type]) -> Any:
    """`value`, text or of YAML, as the first of `scalars` that it can be."""
    for scalar in scalars:
        try:
            return CONVERTERS[scalar](value)
        except (ValueError, OverflowError):
            continue
    raise UserError(f"{key}: {value!r} is not {ValueKind(tuple(scalars), None, False).in_words()}")


def _truth(value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in TRUE + FALSE:
        raise ValueError(value)
    return text in TRUE


def _whole(value: Any) -> int:
    if isinstance(value, (bool, float)):
        raise ValueError(value)
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError(value)
    return float(value)


CONVERTERS: Mapping[type, Callable[[Any], Any]] = {int: _whole, float: _number, bool: _truth, str: str}


def split_list(key: str, text: str) -> list[str]:
    """The items of `[a,b]`, blanks around them taken away; one in quotes may hold commas, and loses the quotes.

    Raises UserError for items that are empty, as that of `[]` is.
    """
    rest, items = text[1:-1], []
    while True:
        item, rest, more = _first_item(rest.lstrip())
        if not item:
            raise UserError(f"{key}={text}: a name in this list is empty")
        items.append(item)
        if not more:
            return items


def _first_item(text: str) -> tuple[str, str, bool]:
    """The first item of `text`, what comes after its comma, and whether there is a comma."""
    if text[:1] in QUOTES and text:
        end = text.find(text[0], 1)
        while end > 0:  # the quote that ends an item is followed by nothing, or by a comma
            after = text[end + 1 :].lstrip()
            if not after or after[0] == ",":
                return text[1:end], after[1:], bool(after)
            end = text.find(text[0], end + 1)
    item, comma, rest = text.partition(",")
    return item.rstrip(), rest, bool(comma)


def split_values(text: str) -> list[str]:
    """`a,[b,c]` as `a` and `[b,c]`: the values that a sweep takes in turn."""
    values, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "," and depth <= 0:
            values.append("")
        else:
            values[-1] += character
    return values


# Settings and their dataclasses


@cache
def kinds() -> Mapping[str, ValueKind]:
    """Every setting, as `optimizer.lr`, and what it may be."""
    return dict(_kinds(TrainConfig, ""))


def _kinds(of: Any, prefix: str) -> list[tuple[str, ValueKind]]:
    found: list[tuple[str, ValueKind]] = []
    for name, hint in get_type_hints(of).items():
        found += _kinds(hint, f"{prefix}{name}.") if is_dataclass(hint) else [(prefix + name, _kind(hint))]
    return found


def _kind(hint: Any) -> ValueKind:
    parts = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    lists = [get_args(part)[0] for part in parts if get_origin(part) is list]
    scalars = tuple(part for part in parts if part in CONVERTERS)
    return ValueKind(scalars, lists[0] if lists else None, type(None) in parts)


def build(of: type[T], content: Mapping[str, Any], prefix: str = "") -> T:
    """The dataclass `of` with YAML's `content`; what is missing has its default. Raises UserError."""
    hints = get_type_hints(of)
    values: dict[str, Any] = {}
    for name, value in content.items():
        if name not in hints:
            raise UserError(f"there is no setting {prefix + str(name)!r}")
        if not is_dataclass(hints[name]):
            values[name] = kinds()[prefix + name].of_yaml(prefix + name, value)
        elif isinstance(value, Mapping):
            values[name] = build(hints[name], value, f"{prefix}{name}.")
        else:
            raise UserError(f"{prefix}{name}: is not a group of settings")
    return of(**values)


def flat(config: Any, prefix: str = "") -> dict[str, Any]:
    """The settings of the dataclass `config` by their keys, as `optimizer.lr`."""
    found: dict[str, Any] = {}
    for each in fields(config):
        value = getattr(config, each.name)
        name = prefix + each.name
        found.update(flat(value, f"{name}.") if is_dataclass(value) else {name: value})
    return found
