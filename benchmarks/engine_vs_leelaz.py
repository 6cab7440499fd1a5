"""How fast one search is, and how soon the first move comes: our GTP engine and Leela Zero's own program.

    python -m benchmarks.engine_vs_leelaz --network big --visits 1600 --threads 1 --rounds 3

Both are driven over GTP, with the same network, visits and threads, from the same positions, in turn; neither may
stop early. Playouts a second are visits of the root by the seconds that `genmove` took. `--nodes` has our engine
analyse until its tree holds so many nodes, and tells the memory it has taken by then.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.match_vs_leelaz import find_leelaz
from benchmarks.report import available_cores, present, run
from engines.gtp.client import Deadlines, GtpClient
from engines.gtp.engine import Colour
from lzeval.core.bundled import resolve_network
from tournaments.openings import Opening, load_book

SIZE = 19
PATIENT = Deadlines(start_s=600, new_game_s=600, move_s=600, command_s=600, quit_s=10)
MEBIBYTE = 1024
"""In the units of /proc/PID/status."""


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
    """Of one search after `opening`, nothing being known of the position."""
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


def analysis_memory(network: str, nodes: int) -> float:
    """MiB that our engine has taken when an analysis has visited the root `nodes` times."""
    command = [*our_command(network, 1, 1), "--analysis-visits", str(nodes)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("lz-analyze 50\n")
        process.stdin.flush()
        for line in process.stdout:
            words = line.split()
            visits = sum(int(words[at + 1]) for at, word in enumerate(words) if word == "visits")
            if visits >= nodes - 1:
                break
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write("\nquit\n")
        process.stdin.close()
        process.stdout.read()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / MEBIBYTE


def main(
    network: Annotated[str, typer.Option(help="Weights file or bundled name.")] = "big",
    visits: Annotated[int, typer.Option(min=2)] = 1600,
    threads: Annotated[int | None, typer.Option(min=1, help="All cores if not given.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Positions; how often the two take turns.")] = 3,
    nodes: Annotated[int | None, typer.Option(help="Measure our memory at so many nodes, on Linux.")] = None,
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
    if nodes is not None:
        facts[f"MiB at {nodes:,} nodes"] = analysis_memory(network, nodes)
    present(rows, facts, as_json=as_json)


if __name__ == "__main__":
    run(main)
