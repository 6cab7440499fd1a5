"""Benchmark of a report's page: its size, and how soon one can use it in a browser.

    python -m benchmarks.report_page

Headless Chromium opens the page and an empty one in turn, each in a new tab. A page is usable once its script has run,
its list of games and a board are there, something is painted, and a key steps through the game. Games are made up.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.reading import made_up_match
from benchmarks.report import Row, present, run
from lzeval.errors import UserError
from tournaments.report.page import page
from tournaments.report.summary import gather

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
EMPTY = '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Empty</title><p>Nothing.</p></html>'
TIMES = """(() => {
  const [times] = performance.getEntriesByType('navigation')
  const [paint] = performance.getEntriesByName('first-contentful-paint')
  return {loaded: times.loadEventEnd, painted: paint ? paint.startTime : 0}
})()"""
WORKS = """(() => {
  const move = () => document.getElementById('status').textContent
  const before = move()
  document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft', bubbles: true}))
  const stones = document.querySelectorAll('#stones circle').length
  return document.querySelectorAll('tr[data-game]').length > 0 && stones > 0 && move() !== before
})()"""
LONGEST_WAIT_S = 60.0


class Browser:
    """A headless browser that is told what to do over a pipe, in the DevTools protocol."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._numbers = count(1)
        self._unread = b""

    def ask(self, method: str, session: str = "", **parameters: object) -> dict[str, Any]:
        """The answer's result. Raises UserError where the browser refuses, or ends."""
        number = next(self._numbers)
        message: dict[str, object] = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                if "error" in answer:
                    raise UserError(f"the browser refused {method}: {answer['error'].get('message')}")
                result: dict[str, Any] = answer["result"]
                return result

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            more = os.read(self._answers, 1 << 16)
            if not more:
                raise UserError("the browser ended")
            self._unread += more
        text, _, self._unread = self._unread.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def evaluate(self, script: str, session: str) -> Any:
        outcome = self.ask("Runtime.evaluate", session, expression=script, returnByValue=True)
        return outcome["result"].get("value")

    def time_page(self, file: Path, *, is_report: bool) -> tuple[float, float]:
        """Seconds from the beginning of the navigation until the page is usable; and the same by our own clock."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        started = time.perf_counter()
        self.ask("Page.navigate", session, url=file.as_uri())
        while True:
            times = self.evaluate(TIMES, session)
            took = time.perf_counter() - started
            if times and times["loaded"] and times["painted"]:
                break
            if took > LONGEST_WAIT_S:
                raise UserError(f"{file.name} was not there after {LONGEST_WAIT_S:g} s")
            time.sleep(0.002)
        if is_report and not self.evaluate(WORKS, session):
            raise UserError("the page is there, but its games cannot be used")
        self.ask("Target.closeTarget", targetId=target)
        return max(times["loaded"], times["painted"]) / 1000, took


@contextmanager
def browser(name: str, profile: Path) -> Iterator[Browser]:
    """A running browser, which ends with the block."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,900", "--no-first-run")
    process = subprocess.Popen(
        [
            *("sh", "-c", f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}', name, *options),
            *(f"--user-data-dir={profile}", "--remote-debugging-pipe"),
        ],
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Browser(ours_out, ours_in)
    finally:
        process.kill()
        process.wait()
        os.close(ours_out)
        os.close(ours_in)


def main(
    games: Annotated[int, typer.Option(min=2, help="Games on the page.")] = 2000,
    players: Annotated[int, typer.Option(min=2, help="Players of them.")] = 2,
    rounds: Annotated[int, typer.Option(min=1, help="How often each page is opened.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Size of a report's page, and the time until it is usable, beside an empty page in the same browser."""
    name = next(filter(shutil.which, BROWSERS), None)
    if name is None:
        raise UserError("this needs Chromium: apt-get install chromium")
    records = made_up_match(games, players)
    started = time.process_time()
    text = page(gather(records)).encode("utf-8", "replace")
    making_s = time.process_time() - started
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        files = {"empty page": Path(folder) / "empty.html", "report": Path(folder) / "report.html"}
        files["empty page"].write_text(EMPTY, encoding="utf-8")
        files["report"].write_bytes(text)
        times: dict[str, list[tuple[float, float]]] = {what: [] for what in files}
        with browser(name, Path(folder) / "profile") as opened:
            for _ in range(rounds):
                for what, file in files.items():
                    times[what].append(opened.time_page(file, is_report=what == "report"))
        rows: list[Row] = [
            {
                "page": what,
                "MB": files[what].stat().st_size / 1e6,
                "usable_s": statistics.median(page_s for page_s, _ in found),
                "slowest_s": max(page_s for page_s, _ in found),
                "by_our_clock_s": statistics.median(clock_s for _, clock_s in found),
            }
            for what, found in times.items()
        ]
    present(rows, {"games": games, "players": players, "seconds_to_make_it": making_s}, as_json=as_json)


if __name__ == "__main__":
    run(main)
