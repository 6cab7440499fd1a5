"""Settings of a search, which engine developers try out; their defaults are Leela Zero's (GTP.cpp, release 0.17)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from lzeval.errors import UserError

_T = TypeVar("_T")


def _setting(default: _T, help_text: str, least: float, most: float) -> _T:
    """A field with what its option of the command line says of it, see `engines.player.options.Option`."""
    return field(default=default, metadata={"help_text": help_text, "least": least, "most": most})


@dataclass(frozen=True)
class SearchSettings:
    """Settings of the search of a tree, and of the comparison of its root's moves."""

    puct: float = _setting(0.5, "Weight of exploration.", 0, 100)
    log_puct: float = _setting(0.015, "Weight of the visits in exploration's logarithm.", 0, 100)
    log_const: float = _setting(1.7, "What is added to them there.", 1, 1000)
    """Exploration grows with the root of n log(0.015 n + 1.7) where AlphaGo Zero has that of n."""
    fpu: float = _setting(0.25, "Reduction of a move's value before it is tried.", 0, 10)
    """An untried move counts as the node's own value less this times the root of the tried moves' priors."""
    softmax_temp: float = _setting(1.0, "Temperature of the policy: higher is more even.", 0.1, 10)
    """Priors are probabilities to the power of 1 / softmax_temp."""
    virtual_loss: int = _setting(3, "Lost visits where several playouts of a tree wait.", 1, 100)
    """A playout adds them to the nodes on its way until its answer has come."""
    lcb_alpha: float = _setting(1e-5, "Chance with which a move's lower bound is too high.", 1e-12, 0.5)
    lcb_share: float = _setting(
        0.1, "Share of the most visits from which lower bounds decide; 1: never.", 0, 1
    )
    """Moves are compared by lower confidence bounds where both have more than this share of the most visited one's."""

    def check(self, called: str = "") -> None:
        """Raise UserError for a value out of bounds; `called` precedes a setting's name in the message."""
        for each in fields(self):
            value, (least, most) = getattr(self, each.name), (each.metadata["least"], each.metadata["most"])
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            if not (is_whole or (isinstance(value, float) and each.type == "float")):
                kind = "number" if each.type == "float" else "whole number"
                raise UserError(f"{called}{each.name} {value!r}: must be a {kind}")
            if not least <= value <= most:
                raise UserError(f"{called}{each.name} {value:g}: must be from {least:g} to {most:g}")

    def changed(self) -> dict[str, Any]:
        """Values of the settings that are not at their defaults, by name."""
        usual = asdict(SearchSettings())
        return {name: value for name, value in asdict(self).items() if value != usual[name]}

    def words(self) -> list[str]:
        """The same as `puct 0.8`, for people."""
        return [f"{name.replace('_', ' ')} {value:g}" for name, value in self.changed().items()]
