"""The rules of a game, and their names in GTP's extensions, in SGF and in control files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lzeval.text.json_text import parse_json

_NAMES = re.compile(r"[\s_]+")
_JOINTS = re.compile(r"[\s_-]+")
_SWITCH = ("TRUE", "FALSE")
KEYS = {
    "ko": ("SIMPLE", "POSITIONAL", "SITUATIONAL", "SPIGHT"),
    "scoring": ("AREA", "TERRITORY"),
    "tax": ("NONE", "SEKI", "ALL"),
    "suicide": _SWITCH,
    "hasButton": _SWITCH,
    "whiteHandicapBonus": ("0", "N-1", "N"),
    "friendlyPassOk": _SWITCH,
}
"""KataGo's rules, and in capitals the words that each can have (its docs/GTP_Extensions.md and cpp/game/rules.cpp)."""
OTHER_KEYS = {
    "score": "scoring",
    "koRule": "ko",
    "scoringRule": "scoring",
    "taxRule": "tax",
    "multiStoneSuicideLegal": "suicide",
}
"""Further spellings of those keys, by KataGo's other formats."""
_ONE_WORD = re.compile(r"\s*(ko|scoring|score|tax|sui|button|whb|fpok)\s*([01]|[A-Z](?:[A-Z]|-1)*)\s*")
_ONE_WORD_KEYS = {
    "sui": "suicide",
    "button": "hasButton",
    "whb": "whiteHandicapBonus",
    "fpok": "friendlyPassOk",
}
_ONE_WORD_SWITCHES = {"0": "FALSE", "1": "TRUE"}
FIXED: dict[str, Any] = {"scoring": "AREA", "tax": "NONE", "hasButton": False}
"""Rules that cannot be changed, in KataGo's words."""
UNCOUNTED = {"whiteHandicapBonus": "0", "friendlyPassOk": False}
"""Rules that no search or score of ours looks at."""
LONGEST = 40
"""Characters of a word that are repeated in a message."""


class NoSuchRulesError(Exception):
    """Rules that are not known, or that nothing of ours can play by; the message says which."""


@dataclass(frozen=True)
class Rules:
    """Legality of moves in a game; scoring is by area in any case."""

    superko: bool = True
    """True if no earlier position may come about again; else simple ko alone forbids a move."""
    suicide: bool = False
    """True if a move may take several of its own stones off."""
    lone_suicide: bool = False
    """True if suicide, where it is allowed, may also be of a single stone, which is a pass."""

    def as_json(self) -> str:
        """The answer of `kata-get-rules`."""
        ko = "POSITIONAL" if self.superko else "SIMPLE"
        return json.dumps({"ko": ko, "suicide": self.suicide, **FIXED, **UNCOUNTED})


DEFAULT_RULES = Rules()
"""The rules of most of today's engines: what these forbid, an opponent may reject."""
REFEREES: Mapping[str, Rules] = {
    "gomill": Rules(superko=False, suicide=True, lone_suicide=True),
    "strict": DEFAULT_RULES,
}
"""The rules that a tournament may be refereed by, by their names in control files; gomill knows the first alone."""
_SIMPLE, _SUICIDE = {"ko": "SIMPLE"}, {"suicide": "TRUE"}
_JAPANESE = {**_SIMPLE, "scoring": "TERRITORY", "tax": "SEKI"}
_GROUP_TAX = {**_SIMPLE, "tax": "ALL"}
NAMED: Mapping[str, Mapping[str, str]] = {
    "chinese": _SIMPLE,
    "chinese-ogs": {},
    "chinese-kgs": {},
    "aga": {},
    "bga": {},
    "french": {},
    "tromp-taylor": _SUICIDE,
    "tromp-taylor-no-suicide": {},
    "new-zealand": _SUICIDE,
    "nz": _SUICIDE,
    "goe": _SUICIDE,
    "ing": _SUICIDE,
    "cgos": {},
    "japanese": _JAPANESE,
    "korean": _JAPANESE,
    "ancient-territory": {**_GROUP_TAX, "scoring": "TERRITORY"},
    "ancient-area": _GROUP_TAX,
    "stone-scoring": _GROUP_TAX,
    "aga-button": {"hasButton": "TRUE"},
}
"""Words of rules by KataGo's names, and two more, where not positional superko, area scoring and no suicide.
Situational superko is taken as positional, and what is UNCOUNTED is left out.
"""
_BY_NAME = {_JOINTS.sub("", name): words for name, words in NAMED.items()}
KGS = {"chinese": Rules(), "aga": Rules(), "new-zealand": Rules(suicide=True)}


def named(text: str) -> str:
    """A name of rules as it stands in the tables: `New Zealand` and `new_zealand` are `new-zealand`."""
    return _NAMES.sub("-", text.strip().lower())


def words_of(given: str | Mapping[str, Any]) -> Mapping[str, str]:
    """Words, by the keys of KEYS and in capitals, of rules by name, in one word, or as an object.

    What is not said is left out: positional superko, area scoring, no suicide. Raises NoSuchRulesError for a name, a
    key or a word that KataGo does not have either.
    """
    if not isinstance(given, str):
        return dict(_word(key, value) for key, value in given.items())
    by_name = _BY_NAME.get(_JOINTS.sub("", given.lower()))
    return by_name if by_name is not None else _words_of_one(given)


def _word(key: str, value: object) -> tuple[str, str]:
    key = OTHER_KEYS.get(key, key)
    if key not in KEYS:
        raise NoSuchRulesError(f"no rule is called {key[:LONGEST]}; there are {', '.join(KEYS)}")
    text = value if isinstance(value, str) else json.dumps(value)
    if text.strip().upper() not in KEYS[key]:
        raise NoSuchRulesError(f"this engine cannot play with {key} {text[:LONGEST]}")
    return key, text.strip().upper()


def _words_of_one(text: str) -> dict[str, str]:
    """Words of `koPOSITIONALscoreAREAtaxNONEsui1`."""
    words: dict[str, str] = {}
    end = 0
    while found := _ONE_WORD.match(text, end):
        key, word = _ONE_WORD_KEYS.get(found[1], found[1]), found[2]
        key, word = _word(key, _ONE_WORD_SWITCHES.get(word, word) if KEYS.get(key) is _SWITCH else word)
        words[key] = word
        end = found.end()
    if not words or end < len(text):
        raise NoSuchRulesError(f"no such rules: {text[:LONGEST]}")
    return words


def parse_rules(text: str) -> Rules:
    """Rules by name, in one word or as JSON. Raises NoSuchRulesError, or ValueError for an object that is no JSON."""
    if text.startswith("{"):
        return _changed(DEFAULT_RULES, words_of(parse_json(text)))
    try:
        return _changed(DEFAULT_RULES, words_of(text))
    except NoSuchRulesError as error:
        known = ", ".join(name for name, words in NAMED.items() if not set(words) & set(FIXED))
        raise NoSuchRulesError(
            f"no rules this engine can play by: {text[:LONGEST]} ({error}); known are {known}"
        ) from error


def changed(rules: Rules, key: str, value: str) -> Rules:
    """`rules` with one of KataGo's keys set. Raises NoSuchRulesError."""
    words = words_of({key: value})
    if words.get("whiteHandicapBonus", "0") != "0":
        raise NoSuchRulesError(f"this engine cannot play with {key} {value}")
    return _changed(rules, words)


def _changed(rules: Rules, words: Mapping[str, str]) -> Rules:
    """`rules` with `words` in place of their own, those that are UNCOUNTED aside."""
    for key, word in words.items():
        if key == "ko" and word in ("SIMPLE", "POSITIONAL"):
            rules = replace(rules, superko=word == "POSITIONAL")
        elif key == "suicide":
            rules = replace(rules, suicide=word == "TRUE")
        elif key not in UNCOUNTED and word != str(FIXED.get(key)).upper():
            raise NoSuchRulesError(f"this engine cannot play with {key} {word}")
    return rules


def as_recorded(rules: Rules) -> str | None:
    """SGF's RU for a record that these rules alone allow; None where any rules do."""
    if not rules.suicide:
        return None
    return "Tromp-Taylor" if rules.superko else "koSIMPLEscoreAREAtaxNONEsui1"
