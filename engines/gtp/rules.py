"""Rules in the words of GTP's extensions and of SGF, as far as an engine of ours can play by them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

_NAMES = re.compile(r"[\s_]+")
SPELT: dict[str, Any] = {"scoring": "AREA", "tax": "NONE", "hasButton": False}
"""What cannot be changed, in KataGo's words."""


class NoSuchRulesError(Exception):
    """These rules are not known, or nothing of ours can play by them; the message says which."""


@dataclass(frozen=True)
class Rules:
    """What makes a move illegal; area scoring in any case."""

    superko: bool = True
    """Whether no earlier position may come about again; else simple ko alone forbids a move."""
    suicide: bool = False
    """Whether a move may take several of its own stones off."""

    def as_json(self) -> str:
        """As `kata-get-rules` tells them."""
        ko = "POSITIONAL" if self.superko else "SIMPLE"
        return json.dumps({"ko": ko, "suicide": self.suicide, **SPELT})


DEFAULT_RULES = Rules()
NAMED = {
    "chinese": Rules(superko=False),
    "chinese-ogs": Rules(),
    "chinese-kgs": Rules(),
    "aga": Rules(),
    "bga": Rules(),
    "french": Rules(),
    "tromp-taylor": Rules(suicide=True),
    "tromp-taylor-no-suicide": Rules(),
    "new-zealand": Rules(suicide=True),
    "cgos": Rules(),
}
"""By KataGo's names. Situational superko is taken as positional."""
KGS = {"chinese": Rules(), "aga": Rules(), "new-zealand": Rules(suicide=True)}


def named(text: str) -> str:
    """A name of rules as it stands in the tables: `New Zealand` and `new_zealand` are `new-zealand`."""
    return _NAMES.sub("-", text.strip().lower())


def parse_rules(text: str) -> Rules:
    """Rules by name or as JSON, in which what is not said is positional superko, area scoring and no suicide."""
    if not text.startswith("{"):
        if named(text) not in NAMED:
            raise NoSuchRulesError(f"no rules this engine can play by: {text}; known are {', '.join(NAMED)}")
        return NAMED[named(text)]
    fields = json.loads(text)
    rules = Rules()
    for key in ("ko", "suicide", *SPELT):
        if key in fields:
            rules = changed(rules, key, str(fields[key]))
    return rules


def changed(rules: Rules, key: str, value: str) -> Rules:
    """`rules` with one of KataGo's keys set; other keys than those of SPELT, ko and suicide are no rules of ours."""
    words = {"ko": {"SIMPLE": False, "POSITIONAL": True}, "suicide": {"FALSE": False, "TRUE": True}}
    if key in words:
        if value.upper() not in words[key]:
            raise NoSuchRulesError(f"this engine cannot play with {key} {value}")
        return replace(rules, **{"superko" if key == "ko" else key: words[key][value.upper()]})
    if key not in SPELT or value.upper() != str(SPELT[key]).upper():
        raise NoSuchRulesError(f"this engine cannot play with {key} {value}")
    return rules


def as_recorded(rules: Rules) -> str | None:
    """What a record (SGF's RU) is to say so that it can be played again; None where any rules do."""
    if not rules.suicide:
        return None
    return "Tromp-Taylor" if rules.superko else "koSIMPLEscoreAREAtaxNONEsui1"
