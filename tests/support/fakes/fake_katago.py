"""A stand-in for KataGo in JSON analysis mode, which keeps its promises or breaks one of them.

It plays by a hash of the position, passes after some moves, and says in the file FAKE_KATAGO_LOG when it starts. The
environment variable FAKE_KATAGO names what goes wrong, as in `dies=30` (after 30 queries); with `dies=30,once` it
goes wrong in the first process alone. `slow=S` is its time to start, and `paces=S` that of each answer.
"""

from __future__ import annotations

import json
import os
import sys
import time
import zlib
from pathlib import Path
from typing import Any, TextIO

from lzeval.go.game import Game
from lzeval.go.points import format_vertex, parse_vertex
from lzeval.go.rules import DEFAULT_RULES

LENGTH = 24
"""Moves after which it passes."""


def faults() -> dict[str, str]:
    pairs = (part.partition("=") for part in os.environ.get("FAKE_KATAGO", "").split(",") if part)
    found = {name: value for name, _, value in pairs}
    if "once" in found and starts() > 1:
        return {}
    return found


def starts() -> int:
    """Number of this process among those that have started, from 1."""
    log = os.environ.get("FAKE_KATAGO_LOG")
    if log is None:
        return 1
    with Path(log).open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")
    return len(Path(log).read_text(encoding="utf-8").split())


def position(query: dict[str, Any]) -> Game:
    game = Game(query["boardXSize"], query["komi"], DEFAULT_RULES)
    stones = [("BW".index(colour) + 1, parse_vertex(at, game.size)) for colour, at in query["initialStones"]]
    if stones:
        game.set_up(stones, "BW".index(query["initialPlayer"]) + 1)
    for colour, at in query["moves"]:
        game.play("BW".index(colour) + 1, parse_vertex(at, game.size))
    return game


def answer(query: dict[str, Any]) -> dict[str, Any]:
    game = position(query)
    order = sorted(
        (move for move in game.legal_moves(game.to_move) if move != game.pass_move),
        key=lambda move: zlib.crc32(f"{game.moves}{move}".encode()),
    )
    if len(game.moves) >= LENGTH or not order:
        order = [game.pass_move]
    infos = [
        {
            "move": format_vertex(move, game.size),
            "order": place,
            "visits": query["maxVisits"] - 1 if place == 0 else 1,
            "winrate": 0.5,
            "lcb": 0.4,
            "prior": 0.1,
            "scoreLead": 0.5,
            "playSelectionValue": float(query["maxVisits"] if place == 0 else 0),
            "pv": [format_vertex(move, game.size)],
        }
        for place, move in enumerate(order[:3])
    ]
    root = {"winrate": 0.5, "visits": query["maxVisits"], "scoreLead": 0.5}
    return {"isDuringSearch": False, "turnNumber": len(game.moves), "moveInfos": infos, "rootInfo": root}


def write(line: str, file: TextIO = sys.stdout) -> None:
    file.write(f"{line}\n")
    file.flush()


def say(**fields: Any) -> None:
    write(json.dumps(fields))


def main() -> None:
    wrong = faults()
    if sys.argv[1:2] == ["version"]:
        write(wrong.get("version", "KataGo v1.18.1\nGit revision: none"))
        return
    if "refuses" in wrong:
        sys.exit("Could not parse the model file, is it a neural net?")
    config = Path(sys.argv[sys.argv.index("-config") + 1]).read_text(encoding="utf-8")
    if "unknownSetting" in config:
        write("WARNING: Config had unused keys\nUnused key 'unknownSetting' in it", sys.stderr)
    write("No suitable fusermount binary found on the $PATH")
    time.sleep(float(wrong.get("slow", 0)))
    count = 0
    for line in sys.stdin:
        query = json.loads(line)
        if query.get("action"):
            say(**query, version="1.18.1")
            continue
        count += 1
        time.sleep(float(wrong.get("paces", 0)))
        if "dies" in wrong and count > int(wrong["dies"]):
            write("CUDA error: it burns", sys.stderr)
            os._exit(3)
        if "hangs" in wrong and count > int(wrong["hangs"]):
            time.sleep(600)
        found = answer(query)
        if "old" in wrong:
            for info in found["moveInfos"]:
                del info["playSelectionValue"]
        if "error" in wrong and count == 1 + int(wrong["error"]):
            say(error="Could not parse board", field="moves", id=query["id"])
            continue
        if "warning" in wrong:
            say(warning="rules are not those of this network", field="rules", id=query["id"])
        if "stray" in wrong:
            say(id="nobody", **found)
        if "garbage" in wrong:
            write("not JSON at all")
        if "maims" in wrong and count == 1 + int(wrong["maims"]):
            del found["rootInfo"]
        say(id=query["id"], **found)


if __name__ == "__main__":
    main()
