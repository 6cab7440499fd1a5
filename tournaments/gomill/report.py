"""The report on a competition, line by line as gomill writes it.

Its arithmetic is gomill's, too: percentages are of all games, those without a result included, and a jigo is half a
win for either player in each of the columns `wins`, `black` and `white`, whoever had which colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import Outcome
from tournaments.gomill.control.text import text_of
from tournaments.plan.competition import Competition, MatchupSpec

NO_DESCRIPTION = "[no description available]"
Games = Mapping[str, Sequence[GameRecord]]
"""Games by the id of their matchup."""


def report_text(
    competition: Competition, records: Iterable[GameRecord], descriptions: Mapping[str, str] | None = None
) -> str:
    """The text of CODE.report; `records` are in the order in which they ended.

    `descriptions` tells of each player what its engine has said about itself; None: what the records say.
    """
    ended = list(records)
    return "\n".join([*_report(competition, ended, descriptions or described_players(ended)), ""])


def described_players(records: Iterable[GameRecord]) -> dict[str, str]:
    """Each player's latest description of itself."""
    found = {}
    for record in records:
        found[record.black] = record.black_description or record.black_engine or NO_DESCRIPTION
        found[record.white] = record.white_description or record.white_engine or NO_DESCRIPTION
    return found


def matchup_of(record: GameRecord) -> str:
    """The id of the matchup that a game belongs to."""
    return record.game_id.rpartition("_")[0]


def _report(
    competition: Competition, records: Sequence[GameRecord], descriptions: Mapping[str, str]
) -> Iterator[str]:
    games: dict[str, list[GameRecord]] = {}
    for record in records:
        games.setdefault(matchup_of(record), []).append(record)
    yield f"{competition.competition_type}: {competition.code}"
    if competition.description:
        yield competition.description
    yield ""
    if competition.competition_type == "allplayall":
        yield from _grid(competition, games)
        yield ""
    yield from _matchups(competition.matchups, games)
    if competition.competition_type == "playoff":
        yield from _deleted_matchups(competition, games)
    yield ""
    for code, description in sorted(descriptions.items()):
        yield f"player {code}: {description}"
    yield ""


def _matchups(matchups: Iterable[MatchupSpec], games: Games) -> Iterator[str]:
    """A block for each matchup that has games."""
    played = [matchup for matchup in matchups if games.get(matchup.id)]
    for place, matchup in enumerate(played):
        if place:
            yield ""
        handicap = ""
        if matchup.handicap is not None:
            handicap = f"handicap: {matchup.handicap} ({matchup.handicap_style})   "
        details = f"board size: {matchup.board_size}   {handicap}komi: {text_of(matchup.komi)}"
        yield from _block(matchup.name, matchup.number_of_games, details, matchup.players, games[matchup.id])


def _deleted_matchups(competition: Competition, games: Games) -> Iterator[str]:
    """A block for each matchup that has games and is in the control file no more."""
    known = {matchup.id for matchup in competition.matchups}
    for matchup_id in sorted(games.keys() - known):
        players = games[matchup_id][0].black, games[matchup_id][0].white
        yield ""
        details = "?? (missing from control file)"
        yield from _block(" v ".join(players), None, details, players, games[matchup_id])


def _block(
    name: str, wanted: int | None, details: str, players: tuple[str, str], games: Sequence[GameRecord]
) -> Iterator[str]:
    total = len(games)
    yield f"{name} ({total if wanted is None else f'{total}/{wanted}'} games)"
    unknown = sum(not game.result.is_decided for game in games)
    if unknown:
        yield f"unknown results: {unknown} {_percent(unknown, total)}"
    yield details
    one, other = (_Tally.of(player, games) for player in players)
    yield from _render(_table(one, other, games))


# Counting


def _score(games: Iterable[GameRecord], player: str | None = None, colour: Colour | None = None) -> float:
    """Wins of a player, of a colour, or of a player with a colour; each jigo counts as half a win in any case."""
    score = 0.0
    for game in games:
        winner = game.result.winner
        if game.result.outcome is Outcome.JIGO:
            score += 0.5
        elif winner is not None:
            score += player in (None, game.player(winner)) and colour in (None, winner)
    return score


@dataclass(frozen=True)
class _Tally:
    """One player's sums in a matchup."""

    player: str
    total: int
    score: float
    scores: Mapping[Colour, float]
    played: Mapping[Colour, int]
    forfeits: int
    cpu_s: float | None
    """The mean over the games that tell."""

    @classmethod
    def of(cls, player: str, games: Sequence[GameRecord]) -> _Tally:
        times = [s for game in games if (s := _cpu_s(game, player)) is not None]
        return cls(
            player,
            len(games),
            _score(games, player),
            {colour: _score(games, player, colour) for colour in Colour},
            {colour: sum(game.player(colour) == player for game in games) for colour in Colour},
            sum(_forfeiter(game) == player for game in games),
            sum(times) / len(times) if times else None,
        )


def _cpu_s(game: GameRecord, player: str) -> float | None:
    return game.black_cpu_s if player == game.black else game.white_cpu_s


def _forfeiter(game: GameRecord) -> str | None:
    winner = game.result.winner
    return game.player(winner.opponent) if winner and game.result.detail == "F" else None


def _grid(competition: Competition, games: Games) -> Iterator[str]:
    """The grid of wins and losses of each player against each."""
    total = sum(map(len, games.values()))
    wanted = "" if competition.rounds is None else f"/{competition.rounds * len(competition.matchups)}"
    yield f"{total}{wanted} games played"
    yield ""
    between = {frozenset(matchup.players): games.get(matchup.id, ()) for matchup in competition.matchups}
    letters = _letters(competition)
    groups = [
        _Group("", [_Column(letters)]),
        _Group("", [_Column(competition.competitors)]),
    ]
    for letter, other in zip(letters, competition.competitors, strict=True):
        cells = [
            "" if one == other else _wins_and_losses(between[frozenset((one, other))], one, other)
            for one in competition.competitors
        ]
        groups.append(_Group(f" {letter}", [_Column(cells)]))
    yield from _render(groups)


def _letters(competition: Competition) -> list[str]:
    """The letters of the competitors, out of their matchups' ids."""
    first = competition.competitors[0]
    ids = {m.player_2: m.id.partition("v")[2] for m in competition.matchups if m.player_1 == first}
    return ["A", *(ids[code] for code in competition.competitors[1:])]


def _wins_and_losses(games: Iterable[GameRecord], one: str, other: str) -> str:
    played = list(games)
    return f"{_count(_score(played, one))}-{_count(_score(played, other))}"


# Tables


@dataclass(frozen=True)
class _Column:
    cells: Sequence[str]
    to_the_right: bool = False
    padding: int = 1
    """Spaces behind it."""


@dataclass(frozen=True)
class _Group:
    """Columns under a common heading."""

    heading: str
    columns: Sequence[_Column] = field(default_factory=list)


def _table(one: _Tally, other: _Tally, games: Sequence[GameRecord]) -> list[_Group]:
    both = (one, other)
    changing = not (_fixed_colours(one, other) or _fixed_colours(other, one))
    overall = [_percent(tally.score, tally.total) for tally in both]
    groups = [
        _Group("", [_Column([tally.player for tally in both], padding=3)]),
        _Group("wins", [_Column([_count(tally.score) for tally in both], to_the_right=True)]),
        _Group("", [_Column(overall, to_the_right=True, padding=7 if changing else 3)]),
    ]
    if changing:
        groups += [
            _colour_columns("black", Colour.BLACK, both, games, padding=5),
            _colour_columns("white", Colour.WHITE, both, games, padding=3),
        ]
    else:
        colours = ["(black)", "(white)"] if _fixed_colours(one, other) else ["(white)", "(black)"]
        groups.append(_Group("", [_Column(colours)]))
    if one.forfeits or other.forfeits:
        groups.append(_Group("forfeits", [_Column([str(t.forfeits) for t in both], to_the_right=True)]))
    if one.cpu_s or other.cpu_s:
        cells = ["   ----" if tally.cpu_s is None else f"{tally.cpu_s:7.2f}" for tally in both]
        groups.append(_Group("avg cpu", [_Column(cells, to_the_right=True, padding=2)]))
    return groups


def _fixed_colours(black: _Tally, white: _Tally) -> bool:
    """Tell whether one player always was Black and the other always White."""
    return black.played[Colour.WHITE] == 0 and white.played[Colour.BLACK] == 0


def _colour_columns(
    heading: str, colour: Colour, both: Sequence[_Tally], games: Sequence[GameRecord], padding: int
) -> _Group:
    total = _score(games, colour=colour)
    counts = [*(_count(tally.scores[colour]) for tally in both), _count(total)]
    shares = [*(_percent(t.scores[colour], t.played[colour]) for t in both), _percent(total, len(games))]
    return _Group(heading, [_Column(counts), _Column(shares, to_the_right=True, padding=padding)])


def _render(groups: Sequence[_Group]) -> list[str]:
    """Lines without spaces at their ends; rows that are empty are left out."""
    heading = ""
    rows = [""] * max(len(column.cells) for group in groups for column in group.columns)
    for group in groups:
        widths = [max(map(len, column.cells)) for column in group.columns]
        room = sum(widths) + sum(column.padding for column in group.columns) - 1
        widths[0] += max(0, len(group.heading) - room)
        heading += group.heading.ljust(room) + " "
        for column, width in zip(group.columns, widths, strict=True):
            for place in range(len(rows)):
                cell = column.cells[place] if place < len(column.cells) else ""
                rows[place] += cell.rjust(width) if column.to_the_right else cell.ljust(width)
                rows[place] += " " * column.padding
    return [heading.rstrip(), *(row for row in map(str.rstrip, rows) if row)]


def _count(score: float) -> str:
    return str(int(score)) if score == int(score) else text_of(score)


def _percent(part: float, whole: int) -> str:
    if whole == 0:
        return "??" if part else "--"
    return f"{100 * part / whole:.2f}%"
