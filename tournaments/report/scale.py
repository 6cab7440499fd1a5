"""Sentences on what a table's numbers are measured from, and which of them games alone do not give."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tournaments.rating.bradley_terry import anchors_disagree
from tournaments.rating.elo import percent_sure
from tournaments.rating.placing import VIRTUAL_JIGOS
from tournaments.rating.residuals import SIGNIFICANT

if TYPE_CHECKING:
    from tournaments.rating.rating_table import RatingTable


def notes_of(table: RatingTable) -> list[str]:
    """The remarks on players, those with the same one together."""
    players = defaultdict(list)
    for row in table.rows:
        if row.rating.note:
            players[row.rating.note].append(row.rating.player)
    return [f"{', '.join(names)}: {note}." for note, names in players.items()]


def prior_of(table: RatingTable) -> Iterable[str]:
    """A sentence on the prior that placed players; nothing where there are none."""
    if table.placed:
        yield (
            "Games of one side only give no finite rating: a weak prior, "
            f"{VIRTUAL_JIGOS:g} virtual jigo among such games of each player or group, places those marked *, and how "
            "far is uncertain. --no-prior leaves it out."
        )


def zero_of(table: RatingTable) -> str:
    """A sentence or two on where Elo is 0 and what intervals are measured from."""
    fixed = ", ".join(f"{name} = {elo:g}" for name, elo in table.anchors.items())
    centre = f"the mean of {_centre(table)}"
    if not fixed:
        text = f"Elo 0 is {centre}."
        return text + (f" Intervals are those of distances from {table.origin}." if table.origin else "")
    whence = fixed if len(table.anchors) == 1 else f"the mean of {fixed}"
    text = f"Elo is measured from {whence}, and intervals from {table.origin or centre}."
    chance = anchors_disagree(table.pool)
    if chance is not None and chance < SIGNIFICANT:
        text += f" The games contradict these differences (chance {percent_sure(chance)})."
    return text


def _centre(table: RatingTable) -> str:
    """The players whose mean intervals are measured from."""
    core = table.pool.core
    if table.placed and core is not None:
        return f"the {len(core.members)} players without a *"
    if any(row.rating.elo is None for row in table.rows):
        return "the players with a rating"
    return "all players" if all(row.rating.group == 1 for row in table.rows) else "all players of a group"
