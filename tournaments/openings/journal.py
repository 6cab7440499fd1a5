"""Judgements on disk: whoever makes a book again after an interruption asks for none of them twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from lzeval.go.points import format_vertex, parse_vertex
from lzeval.system.files import write_text_atomically
from tournaments.openings.judges import Judge, Judgement, Moves

Told = Callable[[int], None]
"""Called with the number of openings that have been judged."""


class Journal:
    """A file beside the book, a line a judgement, which counts as long as judge, board and komi are the same."""

    def __init__(self, path: Path, judge: Judge, size: int, komi: float) -> None:
        self._path, self._judge, self._size = path, judge, size
        self._known: dict[tuple[int, Moves], Judgement] = {}
        self._head = json.dumps({"judge": judge.title, "size": size, "komi": komi}) + "\n"
        self._file: IO[str] = self._taken_up()

    def _taken_up(self) -> IO[str]:
        """The file, open for more. A line that was cut short is written again, and all after it."""
        lines: list[str] = []
        with suppress(OSError, UnicodeDecodeError):
            lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
        sound = [self._head]
        if lines[:1] == [self._head]:
            for line in lines[1:]:
                try:
                    self._note(json.loads(line))
                except (ValueError, KeyError, TypeError):
                    break
                sound.append(line)
        if sound != lines:
            write_text_atomically(self._path, "".join(sound))
        return self._path.open("a", encoding="utf-8")

    def _note(self, entry: dict[str, object]) -> None:
        moves = tuple(parse_vertex(vertex, self._size) for vertex in str(entry["moves"]).split())
        policy = tuple((int(move), float(share)) for move, share in entry["policy"])  # type: ignore[attr-defined]
        lead = entry["lead"]
        self._known[int(str(entry["visits"])), moves] = Judgement(
            float(str(entry["winrate"])), None if lead is None else float(str(lead)), policy
        )

    def ask(self, openings: Sequence[Moves], visits: int, told: Told) -> list[Judgement]:
        """The judgements of `openings`, asked for as far as they are not known."""
        missing = [moves for moves in openings if (visits, moves) not in self._known]
        done = len(openings) - len(missing)
        told(done)
        for place, judgement in self._judge.judged(missing, visits):
            self._known[visits, missing[place]] = judgement
            self._file.write(self._line(missing[place], visits, judgement))
            self._file.flush()
            done += 1
            told(done)
        return [self._known[visits, moves] for moves in openings]

    def _line(self, moves: Moves, visits: int, judgement: Judgement) -> str:
        vertices = " ".join(format_vertex(move, self._size) for move in moves)
        return json.dumps({"moves": vertices, "visits": visits, **vars(judgement)}) + "\n"

    def close(self) -> None:
        self._file.close()

    def forget(self) -> None:
        """Remove the file: the book is written."""
        self.close()
        self._path.unlink(missing_ok=True)
