"""The methods of strings, lists and dictionaries in control files, each measured by a Meter."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tournaments.gomill.control.budget import Meter
from tournaments.gomill.control.functions import as_dict, listed
from tournaments.gomill.control.text import formatted


def _plain_method(kind: type, name: str) -> Callable[..., object]:
    """A method whose result is no larger than what goes in."""
    method = getattr(kind, name)

    def measured(meter: Meter, owner: object, *args: object, **kwargs: object) -> object:
        meter.weigh(owner, *args, *kwargs.values())
        found = method(owner, *args, **kwargs)
        meter.weigh(found)
        return found

    return measured


def _in_place(kind: type, name: str) -> Callable[..., object]:
    """A method that changes its list or dictionary and costs what its arguments weigh."""
    method = getattr(kind, name)

    def measured(meter: Meter, owner: object, *args: object) -> object:
        meter.weigh(*args)
        meter.spend(1)
        return method(owner, *args)

    return measured


def _viewed(name: str) -> Callable[..., object]:
    """A dictionary's keys, values or items as a list."""

    def measured(meter: Meter, owner: dict[object, object]) -> list[object]:
        meter.spend(len(owner))
        return list(getattr(owner, name)())

    return measured


def _padded(name: str) -> Callable[..., object]:
    def measured(meter: Meter, owner: str, width: object, fill: str = " ") -> object:
        if not isinstance(width, int):
            raise TypeError("a width is a whole number")
        meter.spend(max(width, len(owner)))
        return getattr(owner, name)(width) if name == "zfill" else getattr(owner, name)(width, fill)

    return measured


def _join(meter: Meter, owner: str, values: object) -> str:
    parts = listed(meter, values)
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) != len(parts):
        raise TypeError("join takes strings")
    meter.spend(sum(map(len, texts)) + len(owner) * len(texts))
    return owner.join(texts)


def _replace(meter: Meter, owner: str, old: object, new: object) -> str:
    if not isinstance(old, str) or not isinstance(new, str):
        raise TypeError("replace takes two strings")
    meter.spend(len(owner) + (owner.count(old) * len(new)))
    return owner.replace(old, new)


def _extend(meter: Meter, owner: list[object], values: object) -> None:
    owner.extend(listed(meter, values))


def _update(meter: Meter, owner: dict[object, object], /, *pairs: object, **named: object) -> None:
    owner.update(as_dict(meter, *pairs, **named))


def _has_key(meter: Meter, owner: dict[object, object], key: object) -> bool:
    meter.weigh(key)
    return key in owner


_OF_STRINGS = [
    *("split", "rsplit", "splitlines", "partition", "rpartition", "strip", "lstrip", "rstrip"),
    *("lower", "upper", "title", "capitalize", "startswith", "endswith", "find", "rfind", "index", "count"),
    *("isdigit", "isalpha", "isalnum"),
]

METHODS: Mapping[type, Mapping[str, Callable[..., object]]] = {
    str: {
        **{name: _plain_method(str, name) for name in _OF_STRINGS},
        **{name: _padded(name) for name in ("zfill", "ljust", "rjust", "center")},
        "join": _join,
        "replace": _replace,
        "format": formatted,
    },
    list: {
        **{name: _in_place(list, name) for name in ("append", "insert", "pop", "reverse")},
        **{name: _plain_method(list, name) for name in ("remove", "index", "count", "sort")},
        "extend": _extend,
    },
    tuple: {name: _plain_method(tuple, name) for name in ("index", "count")},
    dict: {
        **{name: _in_place(dict, name) for name in ("get", "pop", "setdefault")},
        **{name: _viewed(name) for name in ("keys", "values", "items")},
        **{f"iter{name}": _viewed(name) for name in ("keys", "values", "items")},
        "copy": lambda meter, owner: as_dict(meter, owner),
        "has_key": _has_key,
        "update": _update,
    },
    set: {"add": _in_place(set, "add")},
}
"""The methods that a file may call, by the type they belong to."""
