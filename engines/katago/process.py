"""A KataGo in JSON analysis mode that several threads ask at once.

The protocol is that of KataGo's docs/Analysis_Engine.md: a query a line, answered in any order under its id. So the
positions of all games that go on are searched side by side, and the network evaluates them in common batches.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitTimeoutError
from contextlib import suppress
from typing import Any, TypeAlias

from engines.gtp.client.pipes import PeerClosedError
from engines.gtp.client.transport import Peer
from engines.gtp.errors import EngineGone, EngineRefused, EngineTimeout, LostTogether
from lzeval.errors import EngineError

Answer: TypeAlias = "dict[str, Any]"
POLL_S = 0.2
REPORT_S = 60.0
"""Interval of the reports that a long search sends as signs of life."""
TUNING = "Performing autotuning"
"""Words of a KataGo for OpenCL that has not seen the machine, or this kind of network, before."""
SILENCE_S = 300.0
"""Time without a line, while a query waits, after which a process without a deadline counts as hung."""
QUIT_S = 5.0
"""Time for the program to end once its input is closed, before it is killed."""
LONGEST_WORDS = 300
"""Characters of the last line of standard error that an error repeats."""
MOST_WARNINGS = 100
"""Different warnings that are told."""


class AnalysisProcess:
    """One process and the queries that wait for its answers.

    When it ends, whoever learns of it first is told why (EngineGone, EngineTimeout); all others get LostTogether. An
    answer that no query waits for is a warning.
    """

    def __init__(self, peer: Peer, name: str, warn: Callable[[str], None] | None = None) -> None:
        """`name` is what errors call the engine; `warn` hears each of its warnings once, on a thread of its own."""
        self.name = name
        self._warned: set[str] = set()
        self._tell_warning = warn
        self._peer = peer
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[str, Future[Answer]] = {}
        self._end: EngineError | None = None
        """Why it has ended; None: it has not."""
        self._is_told = False
        self._has_answered = False
        self._heard_s = time.monotonic()
        """When it last said anything."""
        self._quit_s: float | None = None
        """Time that the program has to end; None: it is to go on."""
        self._reader = threading.Thread(target=self._read, name=f"katago-{name}", daemon=True)
        self._reader.start()

    @property
    def is_alive(self) -> bool:
        return self._end is None

    def ask(self, query: Mapping[str, object], timeout_s: float | None = None) -> Answer:
        """The last answer to a query, which needs no id.

        Raises EngineRefused for an error in it, EngineGone, LostTogether, and EngineTimeout after `timeout_s`, when the
        process is killed: what it has not answered by then, it may never answer. None: as long as it says anything.
        """
        future = self._send({"reportDuringSearchEvery": REPORT_S, **query})
        if timeout_s is not None:
            return self._wait(future, timeout_s)
        began_s = time.monotonic()
        while time.monotonic() - max(began_s, self._heard_s) < SILENCE_S:
            with suppress(EngineTimeout):
                return self._wait(future, min(REPORT_S, SILENCE_S), is_last=False)
        return self._wait(future, 0, waited_s=SILENCE_S)

    def start(self, silence_s: float) -> Answer:
        """The answer to its first query, which comes once it has loaded the network.

        It may take long, as long as standard error goes on: a KataGo for OpenCL tunes itself once for every machine and
        shape of network. Raises as `ask` does, after `silence_s` without a word.
        """
        future = self._send({"action": "query_version"})
        said, heard_s = self._peer.stderr_mark(), time.monotonic()
        while True:
            with suppress(EngineTimeout):
                return self._wait(future, POLL_S, is_last=False)
            mark = self._peer.stderr_mark()
            if mark != said:
                if TUNING in self._peer.stderr_text(said):
                    self._warn(
                        "KataGo tunes itself for this machine, once for each kind of network; it takes minutes"
                    )
                said, heard_s = mark, time.monotonic()
            if time.monotonic() - heard_s > silence_s:
                return self._wait(future, 0, waited_s=silence_s)

    def _send(self, query: Mapping[str, object]) -> Future[Answer]:
        future: Future[Answer] = Future()
        with self._lock:
            key = f"q{next(self._numbers)}"
            self._waiting[key] = future
            if self._end is None:
                with suppress(PeerClosedError):  # of which the thread that reads hears as well
                    self._peer.send(json.dumps({"id": key, **query}))
        if self._end is not None:
            self._give_up(self._end)
        return future

    def _wait(
        self, future: Future[Answer], timeout_s: float, *, is_last: bool = True, waited_s: float = 0.0
    ) -> Answer:
        """The answer; `waited_s` has been waited for it before, and has its end where this is the last time."""
        try:
            return future.result(timeout_s)
        except WaitTimeoutError:
            late = EngineTimeout(self.name, "analysis", waited_s + timeout_s)
            if is_last:
                self._give_up(late)
                self._quit_s = 0.0
                self._tell(late)
            raise late from None
        except (EngineGone, EngineTimeout) as error:
            self._tell(error)
            raise

    def _tell(self, error: EngineError) -> None:
        """Let the first who learns of the end have the reason. Raises LostTogether for the others."""
        with self._lock:
            is_first, self._is_told = not self._is_told, True
        if not is_first:
            raise LostTogether(self.name, str(error).removeprefix(f"{self.name}: ")) from error

    def _give_up(self, error: EngineError) -> None:
        """Let nobody wait any more."""
        with self._lock:
            self._end = self._end or error
            waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            future.set_exception(self._end)

    # The thread that reads, and that alone touches the program's output

    def _read(self) -> None:
        try:
            while self._quit_s is None:
                with suppress(TimeoutError):
                    for line in self._peer.receive_lines(POLL_S):
                        self._heard_s = time.monotonic()
                        self._hear(line)
        except PeerClosedError:
            status = self._peer.wait(POLL_S)
            words = self._peer.stderr_text().rstrip().rpartition("\n")[2]
            self._give_up(EngineGone(self.name, None, status, words[-LONGEST_WORDS:]))
        self._peer.close(self._quit_s or 0.0)

    def _hear(self, line: str) -> None:
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            if self._has_answered:  # what starts it may talk before
                self._warn(f"not an answer: {line[:200]!r}")
            return
        if "warning" in said:
            self._warn(f"{said.get('field', 'query')}: {said['warning']}")
        elif not said.get("isDuringSearch"):
            self._answer(said)

    def _answer(self, said: Answer) -> None:
        self._has_answered = True
        key = said.get("id")
        with self._lock:
            future = self._waiting.pop(key, None) if isinstance(key, str) else None
        problem = said.get("error")
        if future is None and self._end is not None:  # whoever asked has been told of the end
            return
        if future is None:
            self._warn(str(problem or f"an answer that nobody asked for, with id {key!r}"))
        elif problem is None:
            future.set_result(said)
        else:
            field = said.get("field")
            reason = f"{field}: {problem}" if field else str(problem)
            future.set_exception(EngineRefused(self.name, "analysis", reason))

    def _warn(self, text: str) -> None:
        if text in self._warned or len(self._warned) >= MOST_WARNINGS:
            return
        self._warned.add(text)
        if self._tell_warning is not None:
            self._tell_warning(f"{self.name}: {text}")

    # The end

    def close(self) -> None:
        """End the process; whoever still waits for an answer is told that it has gone. May be called twice."""
        with self._lock:
            self._is_told = True
        self._give_up(EngineGone(self.name, None, None))
        self._quit_s = QUIT_S
        self._reader.join(2 * QUIT_S)

    def stderr_text(self) -> str:
        """The last part of what it has written to standard error."""
        return self._peer.stderr_text()
