"""How many games fit on this machine at a time: what the engines take while they think, measured, and what there is."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lzeval.core.errors import EngineError
from tournaments.competition import Competition, PlayerSpec
from tournaments.contestant import Circumstances, Contestant, launch
from tournaments.guard import Guard

THINKING_S = 3.0
"""How long an engine is watched while it looks for its first move."""
SAMPLE_S = 0.05
SHORTEST_S = 0.2
"""Less processor time than this says nothing of how many cores an engine uses."""
MEMORY_SHARE = 0.8
"""Of the free memory."""


@dataclass(frozen=True)
class Appetite:
    """What one engine takes."""

    cores: int
    memory: int
    """Bytes."""


MODEST = Appetite(1, 0)
"""What is assumed of an engine where nothing can be measured."""


def measured_parallel(competition: Competition, guard: Guard, kept: int) -> int:
    """Games at a time that neither share cores nor run out of memory; `kept` engines may run in each slot."""
    cores = available_cores()
    codes = sorted({code for matchup in competition.matchups for code in matchup.players})
    if cores == 1 or not sys.platform.startswith("linux"):
        return cores
    appetites = {code: _measure(competition, competition.players[code], guard) for code in codes}
    return games_that_fit(list(appetites.values()), kept, cores, free_memory())


def games_that_fit(appetites: list[Appetite], kept: int, cores: int, memory: int | None) -> int:
    """At least one: of two engines only one thinks at a time, but all that are kept take memory."""
    by_cores = cores // max(appetite.cores for appetite in appetites)
    largest = sorted((appetite.memory for appetite in appetites), reverse=True)[:kept]
    if memory is None or not sum(largest):
        return max(1, by_cores)
    return max(1, min(by_cores, int(memory * MEMORY_SHARE) // sum(largest)))


def available_cores() -> int:
    """Cores that this process may use."""
    if sys.platform.startswith("linux"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_memory() -> int | None:
    """Bytes, also within a container's limit; None where the system does not say."""
    free = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]))
    with contextlib.suppress(OSError, ValueError):
        folder = Path("/sys/fs/cgroup")
        limit = int((folder / "memory.max").read_text(encoding="ascii"))
        free.append(limit - int((folder / "memory.current").read_text(encoding="ascii")))
    return min(free, default=None)


def _measure(competition: Competition, player: PlayerSpec, guard: Guard) -> Appetite:
    """Start the engine and watch it think; one that cannot is left for its first game to complain about."""
    matchup = next(matchup for matchup in competition.matchups if player.code in matchup.players)
    try:
        engine = launch(player, Circumstances(), competition.lzeval.timeouts, guard)
    except EngineError:
        return MODEST
    try:
        engine.begin(matchup.board_size, matchup.komi, Circumstances())
        return _watch(engine)
    except EngineError:
        return MODEST
    finally:
        engine.close()


def _watch(engine: Contestant) -> Appetite:
    """What the engine and all of its group take during a move, or the first seconds of it."""
    thinking = threading.Thread(target=_think, args=(engine,), daemon=True)
    before_s, memory = _usage(engine.pid)
    began_s = time.monotonic()
    cores = 1
    thinking.start()
    while thinking.is_alive():
        thinking.join(SAMPLE_S)
        cpu_s, now = _usage(engine.pid)
        memory = max(memory, now)
        if cpu_s - before_s >= SHORTEST_S:
            cores = max(cores, round((cpu_s - before_s) / (time.monotonic() - began_s)))
    return Appetite(cores, memory)


def _think(engine: Contestant) -> None:
    with contextlib.suppress(EngineError):
        engine.ask("genmove", "b", timeout_s=THINKING_S)


def _usage(group: int) -> tuple[float, int]:
    """Seconds of processor time and bytes of memory of all processes in a group."""
    if sys.platform == "win32":
        return 0.0, 0
    tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    cpu, pages = 0, 0
    for fields in _stats():
        if int(fields[2]) == group:
            cpu += int(fields[11]) + int(fields[12])
            pages += int(fields[21])
    return cpu / tick, pages * page


def _stats() -> Iterator[list[str]]:
    """What Linux tells of each process, from its state on."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            yield file.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
