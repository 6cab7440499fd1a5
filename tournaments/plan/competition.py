"""A competition as a control file describes it: who plays, which games, under what conditions.

`tournaments.gomill.control_file` reads gomill's `.ctl` files into these; attributes keep gomill's names where gomill
has the setting. Everything is checked and complete: defaults are filled in, an allplayall is expanded into its
matchups, paths are resolved from the control file's folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from engines.gtp.engine import TimeSettings
from lzeval.go.rules import REFEREES, Rules

if TYPE_CHECKING:
    from tournaments.plan.tuning import Tuning

CompetitionType: TypeAlias = Literal["playoff", "allplayall", "mc_tuner", "ce_tuner"]
HandicapStyle: TypeAlias = Literal["fixed", "free"]
Scorer: TypeAlias = Literal["players", "internal"]
HandicapCompensation: TypeAlias = Literal["full", "short", "no"]
Consequence: TypeAlias = Literal["void", "forfeit"]


@dataclass(frozen=True)
class PlayerSpec:
    """A player: how its engine is started and spoken to."""

    code: str
    """Its name in tables, records and matchups; a clone's ends in `#2`."""
    command: tuple[str, ...]
    """Program and arguments, never empty. A program with a `/` is resolved; others are looked up on PATH."""
    cwd: Path | None = None
    """The folder it runs in; None: the one that the program runs in."""
    environ: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Environment variables to add to, or put in place of, the program's own."""
    startup_gtp_commands: tuple[str, ...] = ()
    """GTP commands with their arguments, sent in this order once an engine has started, before any game."""
    gtp_aliases: Mapping[str, str] = field(default_factory=dict, hash=False)
    """GTP commands to send under another name: the standard one -> the engine's."""
    is_reliable_scorer: bool = True
    """True if its final_score counts where the players score."""
    allow_claim: bool = False
    """True if it may claim a win through gomill-genmove_ex."""
    discard_stderr: bool = False
    """True if what it writes to standard error is thrown away."""
    sgf_player_name_from_gtp: bool = True
    """True if SGF's PB and PW are its name and version as it tells them, and not its code."""


@dataclass(frozen=True)
class MatchupSpec:
    """A series of games between the same two players under the same conditions."""

    id: str
    """Id in a playoff: as given, or the place in the list from 0. In an allplayall: `AvB`, `AvC`, ..."""
    name: str
    """Name for people: as given, or `A v B`."""
    player_1: str
    """Code of a player: Black in all games, or with `alternating` in those with even numbers."""
    player_2: str
    board_size: int
    """Lines, 2 to 25."""
    komi: float
    """Points for White."""
    alternating: bool = False
    """True if colours are swapped in games with odd numbers."""
    number_of_games: int | None = None
    """Number of games; None: without end."""
    handicap: int | None = None
    """Black's stones, 2 at least; None: an even game."""
    handicap_style: HandicapStyle = "fixed"
    """`fixed`: GTP places the stones; `free`: Black's engine does."""
    move_limit: int = 1000
    """A game that reaches that many moves, passes included, is void."""
    scorer: Scorer = "players"
    """Way of counting: the players' final_score, or an area count that takes every stone for alive."""
    internal_scorer_handicap_compensation: HandicapCompensation = "full"
    """Points for White in an internal count with `n` stones of handicap: `n`, `n - 1` or none."""
    has_own_name: bool = False
    """True if the control file gave `name`; only then SGF's EV tells it."""

    @property
    def players(self) -> tuple[str, str]:
        return self.player_1, self.player_2

    def colours(self, number: int) -> tuple[str, str]:
        """The codes of Black and White in game `number`, counted from 0."""
        if self.alternating and number % 2:
            return self.player_2, self.player_1
        return self.player_1, self.player_2

    def game_id(self, number: int) -> str:
        """The id of game `number`, counted from 0: zero-padded to the matchup's last, not at all without end."""
        width = 1 if self.number_of_games is None else len(str(self.number_of_games - 1))
        return f"{self.id}_{number:0{width}d}"


def allplayall_matchups(
    competitors: Sequence[str], rounds: int | None, **game: Any
) -> tuple[MatchupSpec, ...]:
    """Matchups of all pairs of `competitors`, `rounds` games each; `game` are fields of MatchupSpec for all of them.

    Ids are made as gomill makes them: the competitors are A, B, ..., Z, AA, AB, ...
    """
    letters = [first + second for first in ("", *ascii_uppercase) for second in ascii_uppercase]
    return tuple(
        MatchupSpec(
            f"{a}v{b}", f"{one} v {other}", one, other, alternating=True, number_of_games=rounds, **game
        )
        for (a, one), (b, other) in combinations(zip(letters, competitors, strict=False), 2)
    )


@dataclass(frozen=True)
class Timeouts:
    """Time that an engine may take before it counts as hanging; None: for ever, as with gomill."""

    start_s: float | None = 60.0
    """Seconds from its start to its first answer."""
    new_game_s: float | None = 60.0
    """Seconds for each command between games and at start-up, and for scoring."""
    move_s: float | None = None
    """Seconds for a move."""
    quit_s: float | None = 5.0
    """Seconds from `quit` to its end; then it is killed."""


@dataclass(frozen=True)
class Additions:
    """Settings of a control file under `lzeval = dict(...)`, which gomill ignores."""

    openings: str = "none"
    """`default` (the bundled book), `none` (the empty board) or the path of an opening book, resolved."""
    time_control: TimeSettings | None = None
    """A clock that is kept, and loses games; written `"canadian 0 11 1"`, as `kata-time_settings` takes it."""
    timeouts: Timeouts = Timeouts()
    rules: Rules = REFEREES["gomill"]
    """Written `gomill` (simple ko and suicide) or `strict` (no position twice, and no suicide)."""
    referee: str | None = None
    """Code of a player that decides where the players' scores do not; it need not play itself. None: nobody."""
    seed: int = 1
    """Seed of the order of openings and of the engines' own seeds."""
    anchor: str | None = None
    """Code of the player whose rating is 0 Elo; None: the mean is."""
    faults: Mapping[str, Consequence] = field(default_factory=dict, hash=False)
    """Consequence of an engine's fault, by the names in `tournaments.games.faults`: the game is void, or lost.
    `technical` is the rule for all that are not named; written `faults="forfeit"`, it is the only one."""
    attempts: int = 3
    """A game that was void so many times is left out of this run."""
    patience: int = 3
    """A player with so many technical faults, without a game to its end between them, is suspended."""
    in_process: bool = True
    """True if players that are networks of ours may play in the tournament's own process."""


@dataclass(frozen=True)
class Competition:
    """All that a control file says."""

    code: str
    """Its name: that of the file without the suffix."""
    path: Path
    """The control file."""
    competition_type: CompetitionType
    players: Mapping[str, PlayerSpec]
    """Players by code, clones for games of a player against itself included."""
    matchups: tuple[MatchupSpec, ...]
    """Matchups in the order of the file; ids are unique."""
    description: str = ""
    record_games: bool = True
    """True if records are kept in CODE.games."""
    stderr_to_log: bool = True
    """True if what engines write to standard error goes to CODE.log; if not, to this program's."""
    skip_player_checks: bool = False
    """True if engines are not tried out before the first game."""
    competitors: tuple[str, ...] = ()
    """Codes of an allplayall, in the order of the letters in its matchups' ids."""
    rounds: int | None = None
    """Games of each pair of an allplayall; None: without end."""
    lzeval: Additions = Additions()
    notes: tuple[str, ...] = ()
    """Remarks of the reader that the user may want to know, a line each."""
    tuning: Tuning | None = None
    """What a tuning event tunes; its only matchup has the conditions of all games."""

    def matchup(self, matchup_id: str) -> MatchupSpec:
        """The matchup of this id. Raises KeyError if there is none."""
        for matchup in self.matchups:
            if matchup.id == matchup_id:
                return matchup
        raise KeyError(matchup_id)

    def event(self, matchup: MatchupSpec) -> str:
        """SGF's EV of the matchup's games: the competition's code, and the matchup's name if it has one."""
        return f"{self.code} ({matchup.name})" if matchup.has_own_name else self.code
