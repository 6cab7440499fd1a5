"""A GTP engine that breaks one promise at a time, to see who notices. It needs nothing but Python.

It passes every move and answers every command it is not told to spoil. An option names the command it spoils.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ANSWERS = {"name": "Misbehaving", "version": "1", "protocol_version": "2", "genmove": "pass"}
INFO = "info move C3 visits 9 winrate 4656 prior 839 lcb 4640 order 0 pv C3 D4 info move D4 visits 1 winrate 4 pv D4"
COMPLETE = {
    **ANSWERS,
    "name": "Leela Zero",
    "version": "0.17",
    "fixed_handicap": "C3 D4",
    "place_free_handicap": "C3 D4",
    "final_score": "B+3.5",
    "lz-genmove_analyze": f"\n{INFO}\nplay C3",
}
COMMANDS = """
name version protocol_version list_commands known_command quit boardsize clear_board komi play genmove undo
time_settings time_left set_free_handicap fixed_handicap place_free_handicap final_score final_status_list
kgs-genmove_cleanup lz-analyze lz-genmove_analyze
"""
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
    add("--complete", action="store_true", help="send ids back, list commands, know handicap and analysis")
    add("--answer", action="append", default=[], metavar="COMMAND=TEXT", help="give this answer instead")
    add("--unlist", action="append", default=[], help="leave this command out of the list")
    add("--list", action="append", default=[], help="add this command to the list")
    add("--chatter", help="a line on standard output after each answer")
    add("--stderr", help="a line on standard error at each command")
    add("--one-at-a-time", action="store_true", help="lose the commands that come with others")
    add("--one-size", action="store_true", help="refuse a size of two numbers")
    add("--info", default=INFO, help="a line of analysis")
    add("--slow-stop", type=float, default=0.0, help="seconds that an analysis goes on after input")
    add("--unclosed", action="store_true", help="end an analysis without an empty line")
    add("--stay", action="store_true", help="answer quit, and do not end")
    add("--moves", default="", help="what genmove answers in each game, before it passes")
    add("--resign-by-seed", action="store_true", help="resign instead of passing if set_random_seed was odd")
    add("--refuse-at", type=int, help="say `illegal move` to the so-manieth play")
    add("--only-at", type=int, help="spoil a command only the so-manieth time it comes")
    add("--half-a-line-on", help="begin the answer to this command, and no more")
    add("--exit-then", action="store_true", help="end after half a line")
    add("--wrong-ids", action="store_true", help="answer with ids that nobody sent")
    add("--stop-on", help="stop as by SIGSTOP at this command")
    add("--kill-on", help="die of SIGKILL at this command")
    add("--deaf", action="store_true", help="ignore SIGTERM")
    add("--child-in-session", action="store_true", help="the started program leaves the process group")
    add("--flee", action="store_true", help="leave the playing to a child, and end")
    add("--slow", type=float, default=0.0, help="seconds before each answer to genmove")
    add("--write-to", help="append every command to this file, after the process's number")
    return parser.parse_args()


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def spoil(flags: argparse.Namespace, command: str) -> None:
    """Break the promise for this command, if it is the one; may not return."""
    if flags.flood_stderr:
        for number in range(FLOOD_LINES):
            sys.stderr.write(f"warning {number}: all is well\n")
    if not is_due(flags, command):
        return
    if command == flags.hang_on:
        time.sleep(LONG_S)
    if command == flags.stop_on:
        os.kill(os.getpid(), signal.SIGSTOP)
    if command == flags.kill_on:
        os.kill(os.getpid(), signal.SIGKILL)
    if command == flags.half_a_line_on:
        say("= C")
        time.sleep(0 if flags.exit_then else LONG_S)
        os._exit(0)
    if command == flags.crash_on:
        sys.stderr.write("out of memory, or so\n")
        sys.stderr.flush()
        os._exit(3)
    while command == flags.garbage_on:
        say("thinking...\n")


SEEN: dict[str, int] = {}
"""How often each command has come."""


def is_due(flags: argparse.Namespace, command: str) -> bool:
    SEEN[command] = SEEN.get(command, 0) + 1
    return flags.only_at in (None, SEEN[command])


class Plan:
    """What to play, from a list and a seed."""

    def __init__(self, flags: argparse.Namespace) -> None:
        self._flags = flags
        self._seed = 0
        self._left: list[str] = []

    def hear(self, line: str) -> None:
        command, *words = line.split()
        if command == "clear_board":
            self._left = self._flags.moves.split()
        if command == "set_random_seed":
            self._seed = int(words[0])

    def move(self) -> str:
        if self._left:
            return self._left.pop(0)
        return "resign" if self._flags.resign_by_seed and self._seed % 2 else "pass"


def planned(flags: argparse.Namespace, line: str, plan: Plan) -> str:
    """The answer where a plan or `--answer` has one; else that of `answer`."""
    command, *words = line.split()
    given = dict(pair.split("=", 1) for pair in flags.answer)
    identity = "77" if flags.wrong_ids else ""
    if command == "genmove":
        time.sleep(flags.slow)
    if command == "play" and SEEN["play"] == flags.refuse_at:
        return f"?{identity} illegal move\n\n"
    if command in given and command != flags.refuse:
        return f"={identity} {given[command]}\n\n"
    if command == "known_command" and words[0] in given:
        return f"={identity} true\n\n"
    if command == "genmove" and flags.move is None and command != flags.refuse:
        return f"={identity} {plan.move()}\n\n"
    return answer(flags, command).replace("=", f"={identity}", 1)


def answer(flags: argparse.Namespace, command: str) -> str:
    end = "\r\n" if flags.crlf else "\n"
    if command == flags.refuse:
        return f"? {flags.say}{end}{end}"
    if command == "genmove" and flags.move is not None:
        return f"= {flags.move}{end}{end}"
    return f"= {ANSWERS.get(command, '')}{end}{end}"


class CompleteEngine:
    """What clients ask for: ids, occupied points, analysis that input ends."""

    def __init__(self, flags: argparse.Namespace) -> None:
        self._flags = flags
        self._names = [name for name in [*COMMANDS.split(), *flags.list] if name not in flags.unlist]
        listed = {"list_commands": "\n".join(self._names)}
        self._answers = {**COMPLETE, **listed, **dict(pair.split("=", 1) for pair in flags.answer)}
        self._stones: set[str] = set()
        self._is_analysing = False

    def answer(self, identity: str, command: str, words: list[str]) -> str:
        before = self._end_analysis()
        known = (
            str(words[:1] in [[name] for name in self._names]).lower() if command == "known_command" else ""
        )
        text = self._answers.get(command, known)
        if command == "clear_board":
            self._stones.clear()
        if command == "play":
            if words[1] in self._stones:
                return f"{before}?{identity} {text or 'illegal move'}\n\n"
            self._stones.add(words[1])
            text = ""
        if command == self._flags.refuse or (self._flags.one_size and command == "boardsize" and words[1:]):
            return f"{before}?{identity} {self._flags.say}\n\n"
        if command.endswith("lz-analyze") or command == "analyze":
            self._is_analysing = True
            return f"{before}={identity}\n{self._flags.info}\n"
        return f"{before}={identity} {text}\n\n"

    def _end_analysis(self) -> str:
        if not self._is_analysing:
            return ""
        self._is_analysing = False
        time.sleep(self._flags.slow_stop)
        return "" if self._flags.unclosed else "\n"


def serve_completely(flags: argparse.Namespace) -> None:
    engine = CompleteEngine(flags)
    while data := os.read(0, 65536).decode():
        lines = [line.partition("#")[0].split() for line in data.splitlines()]
        for words in lines[:1] if flags.one_at_a_time else lines:
            identity = words.pop(0) if words and words[0].isdigit() else ""
            if not words:
                continue
            spoil(flags, words[0])
            if flags.stderr:
                sys.stderr.write(flags.stderr + "\n")
                sys.stderr.flush()
            said = engine.answer(identity, words[0], words[1:]) * (2 if words[0] == flags.answer_twice else 1)
            say(said.replace("\n", "\r\n" if flags.crlf else "\n"))
            if flags.chatter is not None:
                say(flags.chatter + "\n")
            if words[0] == "quit" and not (flags.ignore_quit or flags.stay):
                return
    while flags.ignore_quit or flags.stay:
        time.sleep(LONG_S)


def start(flags: argparse.Namespace) -> None:
    if flags.crash_silently_at_start:
        os._exit(4)
    if flags.not_gtp:
        say("usage: something else entirely\n")
        sys.exit(0)
    if flags.child_pid_to:
        sleep = [sys.executable, "-c", f"import time; time.sleep({LONG_S})"]
        child = subprocess.Popen(sleep, start_new_session=flags.child_in_session)
        Path(flags.child_pid_to).write_text(str(child.pid))
    if flags.flee and os.fork():
        os._exit(0)
    say("".join(f"Tuning the kernel, step {number}\n" for number in range(flags.banner)))


def main() -> None:
    flags = options()
    if flags.deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    start(flags)
    if flags.complete:
        serve_completely(flags)
        return
    plan = Plan(flags)
    for line in sys.stdin:
        command = line.split()[0]
        if flags.write_to:
            with Path(flags.write_to).open("a") as file:
                file.write(f"{os.getpid()} {line}")
        plan.hear(line)
        spoil(flags, command)
        if command == "quit" and not flags.ignore_quit:
            say("= \n\n")
            return
        said = planned(flags, line, plan) if flags.crlf is False else answer(flags, command)
        say(said * (2 if command == flags.answer_twice else 1))
    while flags.ignore_quit:
        time.sleep(LONG_S)


if __name__ == "__main__":
    main()
