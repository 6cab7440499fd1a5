"""The finding in a sentence, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass

from lzeval.text.wording import counted
from tournaments.rating.elo import EloEstimate, percent_sure
from tournaments.rating.rating_table import RatingRow
from tournaments.rating.two_players import HeadToHead
from tournaments.report.formatting import elo, interval, percent
from tournaments.report.summary import GamesSummary

NAMED_RIVALS = 3


@dataclass(frozen=True)
class Conclusion:
    """A sentence on who is stronger."""

    sentence: str
    basis: str
    """The evidence, in a line."""
    is_decided: bool


def conclude(summary: GamesSummary) -> Conclusion:
    """An interval that includes equal strength, or two players of a table, decides nothing."""
    found = summary.table.head_to_head
    return _of_many(summary) if found is None else _of_two(found, summary.table.terms)


def _of_two(found: HeadToHead, terms: str) -> Conclusion:
    ahead, behind, difference = found.player, found.opponent, found.difference
    if difference.score < 0.5:
        ahead, behind, difference = behind, ahead, difference.reversed()
    source = _source(difference)
    sure = percent_sure(difference.superiority)
    basis = f"From {source}: {percent(difference.score)} of the points; likelihood of superiority {sure}."
    everything = "both games of each pair" if difference.unit == "pairs" else "every game"
    bounds = interval(difference.low, difference.high)
    if difference.low > 0:
        margin = (
            f"it won {everything}, which means at least {elo(difference.low)} Elo"
            if difference.is_unbounded
            else f"{elo(difference.elo)} Elo, 95 % interval {bounds}"
        )
        names = f"{ahead} is stronger than {behind} {terms}".rstrip()
        return Conclusion(f"{names}: {margin}.", basis, is_decided=True)
    if difference.is_unbounded:
        few = f"{source} {'is' if difference.units == 1 else 'are'} too few to tell"
        names = f"{ahead} won {everything} against {behind} {terms}".rstrip()
        sentence = f"Undecided: {names}, but {few}."
        return Conclusion(sentence, basis, is_decided=False)
    lead = f"{ahead} is {elo(difference.elo)} Elo ahead of {behind} {terms}".rstrip()
    if difference.score == 0.5:
        lead = f"{ahead} and {behind} scored the same {terms}".rstrip()
    sentence = f"Undecided: {lead}, and the 95 % interval, {bounds}, leaves open which is stronger."
    return Conclusion(sentence, basis, is_decided=False)


def _source(found: EloEstimate) -> str:
    if found.unit == "pairs":
        return counted(found.units, "pair of games", "pairs of games")
    return counted(found.units, "game")


def _of_many(summary: GamesSummary) -> Conclusion:
    rows = summary.table.rows
    rated = [row for row in rows if row.rating.group == 1 and row.rating.elo is not None]
    games = counted(len(summary.evidence.distinct), "game")
    basis = f"From {games} between {len(rows)} players {summary.table.terms}".rstrip() + "."
    if not rated:
        return Conclusion("Undecided: the games connect no players both ways.", basis, is_decided=False)
    first, *others = rated
    found = summary.table.comparisons
    assert found is not None
    leader = found.players.index(first.rating.player)
    above = dict(zip(found.players, found.low[leader].tolist(), strict=True))
    rivals = [row for row in others if above[row.rating.player] <= 0]
    rivals += [row for row in rows if row.rating.elo is None and row.rating.high is None]
    name = first.rating.player
    if rivals:
        names = _listed([row.rating.player for row in rivals])
        sentence = f"Undecided who is strongest: {name} leads, but the games do not put it above {names}."
        return Conclusion(sentence, basis, is_decided=False)
    second = others[0].rating.player
    pair = leader, found.players.index(second)
    bounds = interval(float(found.low[pair]), float(found.high[pair]))
    sentence = (
        f"{name} is the strongest of {_compared(rows)}: {elo(float(found.elo[pair]))} Elo above {second}, "
        f"95 % interval {bounds}."
    )
    return Conclusion(sentence, basis, is_decided=True)


def _compared(rows: list[RatingRow]) -> str:
    """Words for the players the strongest one was compared with, itself included."""
    foreign = sum(row.rating.group != 1 and row.rating.elo is not None for row in rows)
    return f"the {len(rows) - foreign} players who can be compared" if foreign else f"{len(rows)}"


def _listed(names: list[str]) -> str:
    if len(names) > NAMED_RIVALS:
        return f"{', '.join(names[:NAMED_RIVALS])} and {counted(len(names) - NAMED_RIVALS, 'other')}"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
