"""Control files for gomill: a competition of ours as the real ringmaster would play it.

A file holds literals and the names `Player` and `Matchup`, nothing else. Settings of ours that gomill does
not know stand at its top level too, where gomill ignores them.
"""

from __future__ import annotations

import ast
import keyword
import string
from collections.abc import Iterator, Mapping

from lzeval.errors import UserError
from lzeval.go.points import LARGEST, SMALLEST
from lzeval.system.files import write_text_atomically
from tournaments.plan.competition import Competition, MatchupSpec, PlayerSpec

CODE_CHARACTERS = frozenset(string.ascii_letters + string.digits + "-!$%&*+.:;<=>?^_~")
"""Characters of a player's code."""
_OF_GOMILL = """
    competition_type players description record_games stderr_to_log skip_player_checks board_size komi
    handicap handicap_style move_limit scorer internal_scorer_handicap_compensation matchups competitors
    rounds Player Matchup Competitor
"""
RESERVED_NAMES = frozenset([*_OF_GOMILL.split(), *keyword.kwlist, "print", "exec"])
"""Top-level names that mean something to gomill or to Python 2, and so cannot be settings of ours."""


def write_control_file(competition: Competition, settings: Mapping[str, object]) -> None:
    """Write a competition to the file that its `path` names, whole or not at all.

    All of its matchups have the same conditions, alternate colours and have no handicap. `settings` are our own
    top-level names with literals for values. Raises UserError for what gomill would refuse, and where the file cannot
    be written.
    """
    for player in competition.players.values():
        if not player.code or not CODE_CHARACTERS.issuperset(player.code):
            raise UserError(
                f"{player.code!r} cannot be a player's code: use letters, digits and -!$%&*+.:;<=>?^_~"
            )
    if not competition.matchups:
        raise UserError(f"a tournament needs two players at least, not {len(competition.players)}")
    matchup = competition.matchups[0]
    _check_conditions(matchup)
    lines = [
        f"competition_type = {competition.competition_type!r}",
        f"description = {_literal('description', competition.description)}",
        "",
        f"board_size = {matchup.board_size}",
        f"komi = {_literal('komi', matchup.komi)}",
        f"move_limit = {matchup.move_limit}",
        f"scorer = {matchup.scorer!r}",
        "",
        "players = {",
        *(f"    {player.code!r}: {_player(player)}," for player in competition.players.values()),
        "}",
        "",
        *(_playoff(competition) if competition.competition_type == "playoff" else _allplayall(competition)),
    ]
    if settings:
        lines += ["", "# For lzeval; gomill has no use for these.", *_our_settings(settings)]
    write_text_atomically(competition.path, "\n".join([*lines, ""]))


def _check_conditions(matchup: MatchupSpec) -> None:
    if not SMALLEST <= matchup.board_size <= LARGEST:
        raise UserError(f"board size {matchup.board_size} is not from {SMALLEST} to {LARGEST}")
    if matchup.move_limit < 1:
        raise UserError(f"the move limit must be at least 1, not {matchup.move_limit}")
    if matchup.number_of_games is not None and matchup.number_of_games < 1:
        raise UserError(f"a tournament has at least one game, not {matchup.number_of_games}")


def _playoff(competition: Competition) -> Iterator[str]:
    yield "matchups = ["
    for matchup in competition.matchups:
        players = f"{matchup.player_1!r}, {matchup.player_2!r}"
        yield f"    Matchup({players}, alternating=True, number_of_games={matchup.number_of_games}),"
    yield "]"


def _allplayall(competition: Competition) -> Iterator[str]:
    yield f"competitors = {list(competition.competitors)!r}"
    yield f"rounds = {competition.rounds}"


def _player(player: PlayerSpec) -> str:
    arguments: dict[str, object] = {"command": list(player.command)}
    if player.startup_gtp_commands:
        arguments["startup_gtp_commands"] = list(player.startup_gtp_commands)
    if player.environ:
        arguments["environ"] = dict(player.environ)
    if player.cwd is not None:
        arguments["cwd"] = str(player.cwd)
    if not player.is_reliable_scorer:
        arguments["is_reliable_scorer"] = False
    return (
        f"Player({', '.join(f'{name}={_literal(player.code, value)}' for name, value in arguments.items())})"
    )


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
