"""Competitions as control files describe them, for tests that write such files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tournaments.plan.competition import Competition, MatchupSpec, PlayerSpec, allplayall_matchups


def players(commands: Mapping[str, Sequence[str]]) -> dict[str, PlayerSpec]:
    return {code: PlayerSpec(code, tuple(command)) for code, command in commands.items()}


def playoff(
    path: Path, those: Mapping[str, PlayerSpec], games: int, description: str = "", **conditions: Any
) -> Competition:
    """Two players, 9x9, komi 7.5 unless `conditions`, fields of a MatchupSpec, say otherwise."""
    one, other = those
    matchup = MatchupSpec(
        "0", f"{one} v {other}", one, other, 9, 7.5, alternating=True, number_of_games=games
    )
    matchups = (replace(matchup, **conditions),)
    return Competition(path.stem, path, "playoff", those, matchups, description)


def allplayall(
    path: Path, those: Mapping[str, PlayerSpec], rounds: int, description: str = ""
) -> Competition:
    matchups = allplayall_matchups(list(those), rounds, board_size=9, komi=7.5)
    return Competition(
        path.stem, path, "allplayall", those, matchups, description, competitors=tuple(those), rounds=rounds
    )
