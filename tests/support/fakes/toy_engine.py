"""A GTP engine whose games depend on the words of its command line and on nothing else.

It plays points that nobody has played yet, in an order of its own, and passes or resigns at some point. It needs
nothing but Python.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time

ANSWERS = {"protocol_version": "2", "name": "Toy", "version": "0.1", "place_free_handicap": "C3 G7"}
KNOWN = (*ANSWERS, "final_score", "quit", "boardsize", "clear_board", "komi", "play", "genmove")
COLUMNS = "ABCDEFGHJKLMNOPQRSTUVWXYZ"
LONGEST = 40
"""Moves before it passes."""


def number(*words: object) -> int:
    """The same for the same words."""
    return int.from_bytes(hashlib.sha256(" ".join(map(str, words)).encode()).digest()[:4], "big")


class Toy:
    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._size = 19
        self._taken: list[str] = []

    def answer(self, command: str, args: list[str]) -> str:
        if command == "boardsize":
            self._size = int(args[0])
        if command == "clear_board":
            self._taken = []
        if command in ("play", "set_free_handicap", "place_free_handicap"):
            self._taken += (
                ANSWERS["place_free_handicap"].split() if command.startswith("place") else args[-2:]
            )
        if command == "known_command":
            return str(args[0] in KNOWN).lower()
        if command == "final_score":
            return "BW"[number(*self._words, *self._taken[-9:]) % 2] + "+3.5"
        return self._move() if command == "genmove" else ANSWERS.get(command, "")

    def _move(self) -> str:
        time.sleep(float(os.environ.get("TOY_SLEEP", "0")))
        if number(*self._words, *self._taken) % 97 == 0:
            return "resign"
        free = [f"{column}{row + 1}" for column in COLUMNS[: self._size] for row in range(self._size)]
        free = [point for point in free if point not in self._taken]
        if len(self._taken) > LONGEST or not free:
            return "pass"
        chosen = free[number(*self._words, len(self._taken)) % len(free)]
        self._taken.append(chosen)
        return chosen


def main() -> None:
    toy = Toy(sys.argv[1:])
    for line in sys.stdin:
        command, *args = line.split()
        sys.stdout.write(f"= {toy.answer(command, args)}\n\n")
        sys.stdout.flush()
        if command == "quit":
            return


if __name__ == "__main__":
    main()
