"""Train networks for Leela Zero's world, and learn which of them is stronger.

The Python API: what `__all__` names is public, all else is private and may change. Importing the package loads
nothing heavy; a name's module is imported when the name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lzeval.version import __version__

if TYPE_CHECKING:
    from lzeval.api.games import MatchOutcome as MatchOutcome
    from lzeval.api.games import match as match
    from lzeval.api.games import play as play
    from lzeval.api.network import Candidate as Candidate
    from lzeval.api.network import Evaluation as Evaluation
    from lzeval.api.network import Network as Network
    from lzeval.api.network import SearchResult as SearchResult
    from lzeval.api.network import bundled_networks as bundled_networks
    from lzeval.api.network import load as load
    from lzeval.api.position import Position as Position
    from lzeval.api.records import open_packed as open_packed
    from lzeval.api.records import read_records as read_records
    from lzeval.api.records import write_record as write_record
    from lzeval.api.results import Rated as Rated
    from lzeval.api.results import rate as rate
    from lzeval.api.review import Review as Review
    from lzeval.api.review import review as review
    from lzeval.errors import LzevalError as LzevalError
    from lzeval.errors import UserError as UserError
    from lzeval.go.colour import Colour as Colour
    from lzeval.records.record import GameRecord as GameRecord

_MODULES = {
    "Candidate": "lzeval.api.network",
    "Colour": "lzeval.go.colour",
    "Evaluation": "lzeval.api.network",
    "GameRecord": "lzeval.records.record",
    "LzevalError": "lzeval.errors",
    "MatchOutcome": "lzeval.api.games",
    "Network": "lzeval.api.network",
    "Position": "lzeval.api.position",
    "Rated": "lzeval.api.results",
    "Review": "lzeval.api.review",
    "SearchResult": "lzeval.api.network",
    "UserError": "lzeval.errors",
    "bundled_networks": "lzeval.api.network",
    "load": "lzeval.api.network",
    "match": "lzeval.api.games",
    "open_packed": "lzeval.api.records",
    "play": "lzeval.api.games",
    "rate": "lzeval.api.results",
    "read_records": "lzeval.api.records",
    "review": "lzeval.api.review",
    "write_record": "lzeval.api.records",
}
"""The module that defines each public name."""

__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> Any:
    """Import the module of a public name on its first use (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module 'lzeval' has no attribute {name!r}")
    found = getattr(import_module(_MODULES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
