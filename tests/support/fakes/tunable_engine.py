"""A GTP engine that wins with a chance which is known for each of its parameters.

tunable_engine.py X [Y ...]: parameters from 0 to 1. It resigns or passes, and claims the game after passes. Which of
the two depends on the words and on GOMILL_GAME_ID alone. `pass`: it only ever passes. `refuse-above=X` as the first
word: larger parameters are refused, by an end at once. It needs nothing but Python.
"""

import hashlib
import math
import os
import sys

BEST = 0.7
TOP, DROP = 0.9, 12.0


def chance(parameters: "list[float]") -> float:
    """The chance of winning: TOP where all parameters are BEST, and less by a normal curve elsewhere."""
    return TOP * math.exp(-DROP * sum((value - BEST) ** 2 for value in parameters))


def main(words: "list[str]") -> None:
    if words[0].startswith("refuse-above="):
        limit = float(words.pop(0).partition("=")[2])
        if max(map(float, words)) > limit:
            sys.exit("this parameter is too large")
    passes_only = words == ["pass"]
    key = " ".join(["", *words, os.environ.get("GOMILL_GAME_ID", "")])
    share = int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big") / 2**48
    wins = not passes_only and share < chance([float(word) for word in words])
    colour = "b"
    for line in sys.stdin:
        command, *args = line.split()
        said = {"protocol_version": "2", "name": "Tunable", "version": "1"}.get(command, "")
        if command == "known_command":
            said = str(args[0] == "final_score" and not passes_only).lower()
        elif command == "genmove":
            colour = args[0][0].upper()
            said = "pass" if wins or passes_only else "resign"
        elif command == "final_score":
            said = f"{colour}+1.5"
        sys.stdout.write(f"= {said}\n\n")
        sys.stdout.flush()
        if command == "quit":
            return


if __name__ == "__main__":
    main(sys.argv[1:])
