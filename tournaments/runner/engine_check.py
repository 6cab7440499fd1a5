"""A check before a tournament: whether each engine starts, speaks GTP, and takes the boards that it will play on."""

from __future__ import annotations

from dataclasses import dataclass

from lzeval.errors import EngineError
from tournaments.games.clock import clock_talk
from tournaments.games.faults import fault_of
from tournaments.games.gtp_player import EngineHost, GameContext, launch
from tournaments.games.process_guard import Guard
from tournaments.plan.competition import Competition, MatchupSpec, PlayerSpec
from tournaments.runner.open_gtp_backend import engine_hosts


@dataclass(frozen=True)
class EngineCheck:
    """Outcome of the check of one player."""

    player: str
    engine: str
    """Name and version, as far as it got."""
    problems: tuple[str, ...]
    """Why it cannot play."""
    notes: tuple[str, ...] = ()
    """Commands that it lacks and that games go without."""


def try_out(competition: Competition, guard: Guard) -> list[EngineCheck]:
    """Start each engine once, with an empty board of every size that it plays on. Nothing is written."""
    codes = sorted({code for matchup in competition.matchups for code in matchup.players})
    if competition.lzeval.referee is not None:
        codes = sorted({*codes, competition.lzeval.referee})
    hosts = tuple(engine_hosts(competition, guard))
    try:
        return [_try_one(competition, competition.players[code], guard, hosts) for code in codes]
    finally:
        for host in hosts:
            host.close()


def _try_one(
    competition: Competition, player: PlayerSpec, guard: Guard, hosts: tuple[EngineHost, ...]
) -> EngineCheck:
    context = GameContext("check", 0, 1)
    try:
        engine = launch(player, context, competition.lzeval.timeouts, guard, hosts)
    except EngineError as error:
        return EngineCheck(player.code, "", (str(error),))
    matchups = [matchup for matchup in competition.matchups if player.code in matchup.players]
    notes = ["in this process"] if engine.is_in_process else []
    try:
        for size, komi in sorted({(matchup.board_size, matchup.komi) for matchup in matchups}):
            engine.begin(size, komi, context)
        engine.introduce()
        scores = player.is_reliable_scorer and any(matchup.scorer == "players" for matchup in matchups)
        if scores and not engine.knows("final_score"):
            notes.append("knows no final_score")
        if any(matchup.handicap for matchup in matchups):
            notes += [f"knows no {name}" for name in _handicap_commands(matchups) if not engine.knows(name)]
        clock = competition.lzeval.time_control
        if clock is not None and clock_talk(clock, engine.knows).start is None:
            notes.append("cannot be told of the clock")
        if competition.lzeval.referee == player.code and not engine.knows("final_status_list"):
            return EngineCheck(
                player.code, engine.title, ("knows no final_status_list, and cannot be the referee",)
            )
    except EngineError as error:
        fault = fault_of(error, engine.stderr_of_game(), was_ready=engine.is_ready)
        return EngineCheck(player.code, engine.title, (f"{fault.value}: {error}",))
    finally:
        engine.close()
    return EngineCheck(player.code, engine.title, (), tuple(notes))


def _handicap_commands(matchups: list[MatchupSpec]) -> list[str]:
    styles = {matchup.handicap_style for matchup in matchups if matchup.handicap}
    fixed = ["fixed_handicap"] if "fixed" in styles else []
    return fixed + (["place_free_handicap", "set_free_handicap"] if "free" in styles else [])
