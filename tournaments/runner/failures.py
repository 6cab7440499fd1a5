"""Failures of players over many games: which attempt at a game counts, and who fails too often in a row."""

from __future__ import annotations

from tournaments.games.faults import Fault
from tournaments.games.gtp_game import PlayedGame


def attempts_made(played: PlayedGame) -> int:
    """Number of attempts at a game so far; one that was lost with another game does not count."""
    is_blamed = any(incident.fault is not Fault.TOGETHER for incident in played.incidents)
    return played.task.attempt if is_blamed else played.task.attempt - 1


class Failures:
    """Technical faults by player, since its last game that came to an end."""

    def __init__(self, patience: int) -> None:
        """`patience` is the number of faults in a row that is too many."""
        self._patience = patience
        self._counts: dict[str, int] = {}
        self._given_up: set[str] = set()

    def add(self, played: PlayedGame) -> list[tuple[str, str]]:
        """Count what happened in a game. Returns players who have failed too often with it, once each, and why."""
        found = []
        blamed = {
            incident.player
            for incident in played.incidents
            if incident.fault.is_technical and incident.fault is not Fault.TOGETHER
        }
        for code in (played.task.black.code, played.task.white.code):
            if code in blamed:
                self._counts[code] = self._counts.get(code, 0) + 1
            elif not played.is_void:
                self._counts[code] = 0
            if self._counts.get(code, 0) >= self._patience and code not in self._given_up:
                self._given_up.add(code)
                last = [incident for incident in played.incidents if incident.player == code][-1]
                message = f"the last one a {last.fault.value}: {last.message}"
                found.append((code, f"{self._counts[code]} faults in a row, {message}"))
        return found
