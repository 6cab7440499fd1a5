"""Control files for gomill: a match or a tournament of ours as the real ringmaster would play it.

A file holds literals and the names `Player` and `Matchup`, nothing else. Settings of ours that gomill does
not know stand at its top level too, where gomill ignores them.
"""

from __future__ import annotations

import ast
import keyword
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from lzeval.errors import UserError
from lzeval.go.points import LARGEST, SMALLEST
from lzeval.system.files import write_text_atomically

MATCHUP = "0"
"""The id of the only matchup, as gomill counts them."""
CODE_CHARACTERS = frozenset(string.ascii_letters + string.digits + "-!$%&*+.:;<=>?^_~")
"""What a player's code may consist of."""
_OF_GOMILL = """
    competition_type players description record_games stderr_to_log skip_player_checks board_size komi
    handicap handicap_style move_limit scorer internal_scorer_handicap_compensation matchups competitors
    rounds Player Matchup Competitor
"""
Scorer: TypeAlias = Literal["internal", "players"]
RESERVED_NAMES = frozenset([*_OF_GOMILL.split(), *keyword.kwlist, "print", "exec"])
"""Top-level names that mean something to gomill or to Python 2, and so cannot be settings of ours."""


@dataclass(frozen=True, slots=True)
class CtlPlayer:
    """How gomill starts one player."""

    command: Sequence[str]
    """Program and arguments; a program with a `/` is looked for from the control file's folder."""
    startup_gtp_commands: Sequence[str] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    is_reliable_scorer: bool = True


def write_match_ctl(
    path: str | Path,
    *,
    players: Mapping[str, CtlPlayer],
    board_size: int,
    komi: float,
    number_of_games: int,
    description: str = "",
    move_limit: int = 1000,
    scorer: Scorer = "players",
    settings: Mapping[str, object] | None = None,
) -> None:
    """Write a playoff of two players, colours alternating, to the file `path`, whole or not at all.

    `players` maps the code of each of the two to its engine; the first is Black in even-numbered games.
    `settings` are our own top-level names with literals for values.
    Raises UserError for what gomill would refuse, and where the file cannot be written.
    """
    if len(players) != 2:
        raise UserError(f"a match needs two players, not {len(players)}")
    _check_games("match", number_of_games)
    first, second = players
    lines = [
        *_common("playoff", players, description, board_size, komi, move_limit, scorer),
        "matchups = [",
        f"    Matchup({first!r}, {second!r}, alternating=True, number_of_games={int(number_of_games)}),",
        "]",
    ]
    if settings:
        lines += ["", "# For lzeval; gomill has no use for these.", *_our_settings(settings)]
    write_text_atomically(path, "\n".join([*lines, ""]))


def write_allplayall_ctl(
    path: str | Path,
    *,
    players: Mapping[str, CtlPlayer],
    board_size: int,
    komi: float,
    rounds: int,
    description: str = "",
    move_limit: int = 1000,
    scorer: Scorer = "players",
    additions: Mapping[str, object] | None = None,
) -> None:
    """Write a tournament of all players against each other, `rounds` games a pair, colours alternating.

    `players` are listed in the order of reports. `additions` are what `lzeval tournament` reads and gomill does not
    (`tournaments.plan.competition.Additions`). Raises UserError as `write_match_ctl` does.
    """
    if len(players) < 2:
        raise UserError(f"a tournament needs two players at least, not {len(players)}")
    _check_games("tournament", rounds)
    lines = [
        *_common("allplayall", players, description, board_size, komi, move_limit, scorer),
        f"competitors = {list(players)!r}",
        f"rounds = {int(rounds)}",
    ]
    if additions:
        lines += [
            "",
            "# For lzeval; gomill has no use for this.",
            f"lzeval = {_literal('lzeval', dict(additions))}",
        ]
    write_text_atomically(path, "\n".join([*lines, ""]))


def game_ids(number_of_games: int, matchup: str = MATCHUP) -> list[str]:
    """The ids of all games of a matchup, as gomill counts and pads them: `0_00`, `0_01`, ..."""
    width = len(str(number_of_games - 1))
    return [f"{matchup}_{number:0{width}d}" for number in range(number_of_games)]


def _common(
    competition_type: str,
    players: Mapping[str, CtlPlayer],
    description: str,
    board_size: int,
    komi: float,
    move_limit: int,
    scorer: Scorer,
) -> list[str]:
    """The lines that both types of file begin with. Raises UserError."""
    _check_players(players)
    _check_conditions(board_size, move_limit)
    return [
        f"competition_type = {competition_type!r}",
        f"description = {_literal('description', description)}",
        "",
        f"board_size = {int(board_size)}",
        f"komi = {_literal('komi', float(komi))}",
        f"move_limit = {int(move_limit)}",
        f"scorer = {scorer!r}",
        "",
        "players = {",
        *(f"    {code!r}: {_player(code, player)}," for code, player in players.items()),
        "}",
        "",
    ]


def _check_players(players: Mapping[str, CtlPlayer]) -> None:
    for code, player in players.items():
        if not code or not CODE_CHARACTERS.issuperset(code):
            raise UserError(f"{code!r} cannot be a player's code: use letters, digits and -!$%&*+.:;<=>?^_~")
        if isinstance(player.command, str) or not player.command:
            raise UserError(f"the command of player {code} must be a list of a program and its arguments")


def _check_conditions(board_size: int, move_limit: int) -> None:
    if not SMALLEST <= board_size <= LARGEST:
        raise UserError(f"board size {board_size} is not from {SMALLEST} to {LARGEST}")
    if move_limit < 1:
        raise UserError(f"the move limit must be at least 1, not {move_limit}")


def _check_games(kind: str, number_of_games: int) -> None:
    if number_of_games < 1:
        raise UserError(f"a {kind} has at least one game, not {number_of_games}")


def _player(code: str, player: CtlPlayer) -> str:
    arguments: dict[str, object] = {"command": list(player.command)}
    if player.startup_gtp_commands:
        arguments["startup_gtp_commands"] = list(player.startup_gtp_commands)
    if player.environ:
        arguments["environ"] = dict(player.environ)
    if player.cwd is not None:
        arguments["cwd"] = player.cwd
    if not player.is_reliable_scorer:
        arguments["is_reliable_scorer"] = False
    return f"Player({', '.join(f'{name}={_literal(code, value)}' for name, value in arguments.items())})"


def _our_settings(settings: Mapping[str, object]) -> Iterator[str]:
    for name, value in settings.items():
        if not name.isidentifier() or not name.isascii() or name in RESERVED_NAMES:
            raise UserError(f"{name!r} cannot be the name of a setting in a control file")
        yield f"{name} = {_literal(name, value)}"


def _literal(name: str, value: object) -> str:
    """`value` as Python 2 and 3 both read it. Raises UserError if it is more than a literal."""
    text = repr(value)
    try:
        same = ast.literal_eval(text) == value
    except (ValueError, SyntaxError):
        same = False
    if not same:
        raise UserError(f"{name}: {text} cannot be written into a control file")
    return text
