"""A GTP engine that breaks one promise at a time, to see who notices. It needs nothing but Python.

It passes every move and answers every command it is not told to spoil. An option names the command it spoils.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ANSWERS = {"name": "Misbehaving", "version": "1", "protocol_version": "2", "genmove": "pass"}
LONG_S = 600
FLOOD_LINES = 20_000


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--hang-on", help="never answer this command")
    add("--crash-on", help="end with status 3 instead of answering")
    add("--crash-silently-at-start", action="store_true", help="end with status 4 at once")
    add("--refuse", help="answer ? to this command")
    add("--say", default="no", help="what a refusal, or the move, says")
    add("--move", help="the answer to genmove")
    add("--garbage-on", help="print lines without end instead of answering")
    add("--banner", type=int, default=0, help="lines on standard output before the first answer")
    add("--not-gtp", action="store_true", help="print one line and end, as a wrong program does")
    add("--flood-stderr", action="store_true", help="write more errors than a pipe holds")
    add("--answer-twice", help="answer this command twice")
    add("--ignore-quit", action="store_true", help="go on after quit and after the end of input")
    add("--child-pid-to", help="start a program that never ends, and write its number there")
    add("--crlf", action="store_true", help="end lines as Windows does")
    return parser.parse_args()


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def spoil(flags: argparse.Namespace, command: str) -> None:
    """Break the promise for this command, if it is the one; may not return."""
    if flags.flood_stderr:
        for number in range(FLOOD_LINES):
            sys.stderr.write(f"warning {number}: all is well\n")
    if command == flags.hang_on:
        time.sleep(LONG_S)
    if command == flags.crash_on:
        sys.stderr.write("out of memory, or so\n")
        sys.stderr.flush()
        os._exit(3)
    while command == flags.garbage_on:
        say("thinking...\n")


def answer(flags: argparse.Namespace, command: str) -> str:
    end = "\r\n" if flags.crlf else "\n"
    if command == flags.refuse:
        return f"? {flags.say}{end}{end}"
    if command == "genmove" and flags.move is not None:
        return f"= {flags.move}{end}{end}"
    return f"= {ANSWERS.get(command, '')}{end}{end}"


def start(flags: argparse.Namespace) -> None:
    if flags.crash_silently_at_start:
        os._exit(4)
    if flags.not_gtp:
        say("usage: something else entirely\n")
        sys.exit(0)
    if flags.child_pid_to:
        child = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({LONG_S})"])
        Path(flags.child_pid_to).write_text(str(child.pid))
    say("".join(f"Tuning the kernel, step {number}\n" for number in range(flags.banner)))


def main() -> None:
    flags = options()
    start(flags)
    for line in sys.stdin:
        command = line.split()[0]
        spoil(flags, command)
        if command == "quit" and not flags.ignore_quit:
            say("= \n\n")
            return
        say(answer(flags, command) * (2 if command == flags.answer_twice else 1))
    while flags.ignore_quit:
        time.sleep(LONG_S)


if __name__ == "__main__":
    main()
