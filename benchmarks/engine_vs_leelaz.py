"""Benchmark of one search and of the time to the first move: our GTP engine and Leela Zero's own program.

    python -m benchmarks.engine_vs_leelaz --network big --visits 1600 --threads 1 --rounds 3

Both are driven over GTP, with the same network, visits and threads, from the same positions, in turn; neither may
stop early. Playouts a second are visits of the root by the seconds that `genmove` took. `--nodes` has our engine
analyse until its tree holds so many nodes, and tells the memory it has taken by then.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.match_vs_leelaz import find_leelaz
from benchmarks.report import available_cores, present, run
from engines.gtp.client.client import Deadlines, GtpClient
from lzeval.go.colour import Colour
from lzeval.go.openings import Opening, load_book
from lzeval.system.bundled import resolve_network

SIZE = 19
PATIENT = Deadlines(start_s=600, new_game_s=600, move_s=600, command_s=600, quit_s=10)
INTERVAL_S, REPORTS, STOPS = 0.2, 5, 8
KIBIBYTES = 1024


def our_command(network: str, visits: int, threads: int) -> list[str]:
    options = ["--visits", visits, "--threads", threads, "--resign", 0]
    return [sys.executable, "-m", "lzeval", "gtp", network, *map(str, options)]


def leelaz_command(program: str, weights: Path, visits: int, threads: int) -> list[str]:
    options = ["--cpu-only", "--gtp", "--quiet", "--noponder", "--timemanage", "off", "--resignpct", 0]
    return [program, *map(str, [*options, "-t", threads, "-v", visits, "-w", weights])]


def launched(command: list[str]) -> tuple[GtpClient, float]:
    """The engine, and the seconds from its start until it has answered about a position: its network is ready."""
    started = time.perf_counter()
    client = GtpClient.launch(command, Path(command[0]).name, deadlines=PATIENT)
    client.new_game(SIZE, 7.5)
    client.ask("heatmap")
    return client, time.perf_counter() - started


def search_seconds(client: GtpClient, opening: Opening) -> float:
    """Seconds of one search after `opening`, nothing being known of the position."""
    client.new_game(SIZE, 7.5)
    if client.knows("clear_cache"):
        client.ask("clear_cache")
    colour = Colour.BLACK
    for move in opening.moves:
        client.play(colour, move)
        colour = colour.opponent
    started = time.perf_counter()
    client.genmove(colour)
    return time.perf_counter() - started


class AnalysingEngine:
    """Our engine as a GUI drives it that shows an analysis."""

    def __init__(self, network: str, visits: int | None = None) -> None:
        limit = [] if visits is None else ["--analysis-visits", str(visits)]
        self._process = subprocess.Popen(
            [*our_command(network, 1, 1), *limit], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def send(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def report(self) -> str:
        """The next line that says something of a move."""
        while not (line := self.line()).startswith("info"):
            pass
        return line

    def peak_mib(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / KIBIBYTES

    def close(self) -> None:
        self._process.communicate("\nquit\n")


def analysis_facts(network: str, nodes: int | None) -> dict[str, object]:
    engine = AnalysingEngine(network)
    stops, gaps = [], []
    for _ in range(STOPS):
        engine.send(f"lz-analyze {INTERVAL_S * 100:g}")
        engine.report()
        before = time.perf_counter()
        for _ in range(REPORTS):
            engine.report()
            gaps.append(time.perf_counter() - before)
            before += gaps[-1]
        time.sleep(INTERVAL_S / 3)
        before = time.perf_counter()
        engine.send("")
        while engine.line():
            pass
        stops.append(time.perf_counter() - before)
    engine.close()
    facts: dict[str, object] = {
        f"seconds between reports wanted every {INTERVAL_S} s": statistics.mean(gaps),
        "largest distance from it, percent": 100 * max(abs(gap - INTERVAL_S) for gap in gaps) / INTERVAL_S,
        "milliseconds from a line to the end of an analysis, median": 1000 * statistics.median(stops),
        "at most": 1000 * max(stops),
    }
    if nodes is not None:
        engine = AnalysingEngine(network, nodes)
        engine.send("lz-analyze 50")
        while sum(int(part.split()[0]) for part in engine.report().split(" visits ")[1:]) < nodes - 1:
            pass
        facts[f"MiB after {nodes:,} visits"] = engine.peak_mib()
        engine.close()
    return facts


def main(
    network: Annotated[str, typer.Option(help="Weights file or bundled name.")] = "big",
    visits: Annotated[int, typer.Option(min=2)] = 1600,
    threads: Annotated[int | None, typer.Option(min=1, help="All cores if not given.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Positions; how often the two take turns.")] = 3,
    nodes: Annotated[
        int | None, typer.Option(help="Measure our memory after so many visits, on Linux.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare our engine with leelaz, one search at a time."""
    threads = threads or available_cores()
    program = find_leelaz()
    openings = load_book("default", SIZE).chosen(rounds, 1)
    commands = {
        "lzeval": our_command(network, visits, threads),
        "leelaz": leelaz_command(program, resolve_network(network), visits, threads),
    }
    engines = {name: launched(command) for name, command in commands.items()}
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for opening in openings:
        for name, (client, _) in engines.items():
            seconds[name].append(search_seconds(client, opening))
    for client, _ in engines.values():
        client.close()
    ratio = statistics.median(b / a for a, b in zip(seconds["lzeval"], seconds["leelaz"], strict=True))
    rows = [
        {
            "engine": name,
            "playouts_a_second": visits / statistics.median(seconds[name]),
            "ready_after_s": first,
        }
        for name, (_, first) in engines.items()
    ]
    facts: dict[str, object] = {
        "network": network,
        "visits": visits,
        "threads": threads,
        "times as many playouts/s": ratio,
    }
    facts |= analysis_facts(network, nodes)
    present(rows, facts, as_json=as_json)


if __name__ == "__main__":
    run(main)
