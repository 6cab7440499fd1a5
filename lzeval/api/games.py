"""Games and matches between networks, and between networks and other programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lzeval.api import html
from lzeval.api.arguments import finite, whole
from lzeval.api.network import Network, NetworkLike, load
from lzeval.api.position import Position
from lzeval.api.progress import progress as show_progress
from lzeval.api.results import Rated
from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.system.main_module import main_module_unseen

if TYPE_CHECKING:
    from tournaments.match.match import Match, MatchResult
    from tournaments.rating.elo import EloEstimate
    from tournaments.runner.progress import Progress


def play(
    black: NetworkLike,
    white: NetworkLike,
    *,
    visits: int = 100,
    komi: float = 7.5,
    seed: int = 1,
    opening: Position | None = None,
    resign: float = 10.0,
    move_limit: int | None = None,
) -> GameRecord:
    """Play one game between two networks in this process.

    `visits` are those of a move's search; `resign` is the winrate in percent below which a player gives up, 0: never;
    `opening` is the position to begin from, on an empty board at its start; a game of `move_limit` moves, twice the
    board's points where it is None, is void. Equal arguments give equal games. Raises UserError where the networks are
    for boards of different sizes, or for an argument that makes no sense.
    """
    from engines.search.choice import MovePolicy
    from engines.search.searcher import Limits
    from lzeval.go.openings import Opening
    from lzeval.version import __version__
    from tournaments.games.network_games import GameJob, GameSettings, NetworkGames, PlayerSettings

    players = [load(black), load(white)]
    size = players[0].board_size
    if players[1].board_size != size or (opening is not None and opening.size != size):
        raise UserError("both networks, and the opening, must be for boards of one size")
    visits, seed, komi = whole("visits", visits, 1), whole("seed", seed, 0), finite("komi", komi)
    longest = 2 * size * size if move_limit is None else whole("move_limit", move_limit, 1)
    if not 0 <= finite("resign", resign) < 50:
        raise UserError(f"resign {resign:g}: must be a percentage from 0 (never) to below 50")
    codes = [network.name for network in players]
    settings = [
        PlayerSettings(
            code, f"{code}:lzeval {__version__}", f"{visits} visits", Limits(visits), MovePolicy(resign / 100)
        )
        for code in codes
    ]
    first = Opening("", ()) if opening is None else Opening("given", _points(opening))
    games = NetworkGames(
        settings,
        [network.plan.with_batch(1).build() for network in players],
        GameSettings(size, komi, longest, event="game"),
        1,
    )
    games.start(GameJob(0, "0", 0, first, seed, 0, 1))
    while True:
        finished = games.step()
        if finished:
            return finished[0]


def _points(opening: Position) -> tuple[int, ...]:
    """The moves of an opening. Raises UserError where it does not begin on an empty board with colours in turn."""
    game = opening._game
    in_turn = all(colour is (Colour.BLACK, Colour.WHITE)[n % 2] for n, (colour, _) in enumerate(game.moves))
    if any(game.boards[0][: game.size**2]) or not in_turn:
        raise UserError("an opening must begin on an empty board, with Black, and colours must take turns")
    return tuple(move for _, move in game.moves)


class MatchOutcome:
    """The outcome of a match. In a notebook it draws its rating table."""

    def __init__(self, planned: Match, result: MatchResult) -> None:
        self._planned = planned
        self._result = result
        self.rated = Rated(result.table)
        """Ratings of both players."""

    @property
    def folder(self) -> Path:
        """Folder of the games and tables."""
        return self._planned.folder.path

    @property
    def players(self) -> tuple[str, str]:
        """Names of the first and the second player, as tables have them."""
        return self._planned.codes

    @property
    def elo(self) -> float:
        """Elo of the first player over the second."""
        return self._difference().elo

    @property
    def interval(self) -> tuple[float, float]:
        """Ends of the 95 % interval of `elo`; infinite where one side won every game."""
        found = self._difference()
        return found.low, found.high

    @property
    def score(self) -> float:
        """Mean score of the first player, 0 to 1."""
        return self._difference().score

    @property
    def terms(self) -> str:
        """Terms of the players' thinking, such as `at 100 visits each`; empty for programs that play as they are."""
        return self._planned.terms

    def _difference(self) -> EloEstimate:
        found = self._result.table.head_to_head
        if found is None:
            raise UserError("no game of the match was decided")
        return found.difference if found.player == self.players[0] else found.difference.reversed()

    def games(self) -> list[GameRecord]:
        """The games that are there, in order."""
        from lzeval.api.records import read_records

        return list(read_records(self._planned.folder.games))

    def as_dict(self) -> dict[str, object]:
        """Table and findings in the form of `lzeval rate --json`."""
        return self.rated.as_dict()

    def _repr_html_(self) -> str:
        return f"<div>{self.rated._repr_html_()}{html.paragraph(f'games: {self.folder}')}</div>"

    def __repr__(self) -> str:
        return self.rated.finding


def match(
    a: NetworkLike,
    b: NetworkLike,
    *,
    games: int = 400,
    visits: int | tuple[int | None, int | None] | None = 100,
    playouts: int | tuple[int | None, int | None] | None = None,
    search: Mapping[str, float] | tuple[Mapping[str, float], Mapping[str, float]] = MappingProxyType({}),
    folder: str | Path | None = None,
    progress: bool = True,
    **options: Any,
) -> MatchOutcome:
    """Play a match and rate it, as `lzeval match` does; finished games are kept, and the same call goes on.

    `a` and `b` are networks, which are loaded anew by the options below, or other programs as `gnugo:10`. `games` is an
    even number. `visits`, `playouts` and `search` are for both players, or a pair with one for each; `search` has
    settings of the search by name, as `{"puct": 0.8}`. `folder` is where the match is kept; None: below `matches/`.
    Further `options` are those of the command line in Python's spelling: komi, size, move_limit, resign, seed,
    openings, precision, device, threads, until_decided, equal_time, and sprt as `"0,35"`. Games are played by processes
    of their own. Raises UserError for what cannot be played, or where no game was decided.
    """
    from tournaments.match.match import plan_match, play_match
    from tournaments.match.options import MatchOptions, player_options
    from tournaments.rating.sprt import parse_sprt

    one, two = (str(player.source) if isinstance(player, Network) else str(player) for player in (a, b))
    out = None if folder is None else str(folder)
    if isinstance(options.get("sprt"), str):
        options["sprt"] = parse_sprt(options["sprt"], 0.05, 0.05, "logistic", option="sprt")
    try:
        players = player_options(
            one, two, _counts("visits", visits), _counts("playouts", playouts), _each("search", search)
        )
        wanted = MatchOptions(players, games=games, out=out, **options)
    except TypeError as exc:
        raise UserError(f"match: {str(exc).partition('() ')[2]}") from exc
    planned = plan_match(wanted)
    if wanted.equal_time:
        planned = _measured(planned, shown=progress)
    with show_progress(games, " v ".join(planned.codes), shown=progress) as update:

        def watch(state: Progress) -> None:
            update(len(state.games), "")

        with main_module_unseen():
            return MatchOutcome(planned, play_match(planned, watch))


def _measured(planned: Match, *, shown: bool) -> Match:
    """The match with as many visits for its second player as take the time of the first one's."""
    from tournaments.match.equal_time import at_equal_time

    with show_progress(100, "measuring what a move costs", shown=shown) as update, main_module_unseen():
        return at_equal_time(planned, lambda _: None, lambda share: update(round(100 * share), ""))


def _each(name: str, value: object) -> Any:
    """A value for both players, or a pair with one for each. Raises UserError for another number of values."""
    if not isinstance(value, (list, tuple)):
        return value
    if len(value) != 2:
        raise UserError(f"{name} {value!r}: one value is wanted, or a pair of them")
    return tuple(value)


def _counts(name: str, value: object) -> Any:
    """Numbers for both players or each; None: no limit. Raises UserError."""
    each = _each(name, value)
    for number in each if isinstance(each, tuple) else (each,):
        if number is not None:
            whole(name, number, 1)
    return each
