"""A GTP engine that ends each game in another way: by the number in GOMILL_GAME_ID, and by which player it is.

scripted_engine.py PLAYER FOLDER. PLAYER is `one`, which resigns, forfeits and crashes, or `two`. A crash happens once;
then a file in FOLDER says that it has. It needs nothing but Python, of any version.
"""

# ruff: noqa: PTH110, PTH118, PTH123  # nothing but Python, of any version
import os
import sys

PLAYER, FOLDER = sys.argv[1:]
GAME_ID = os.environ.get("GOMILL_GAME_ID", "startup-check")
NUMBER = int(GAME_ID.rsplit("_")[-1]) if "_" in GAME_ID else 0
ENDINGS = [
    "pass",
    "jigo",
    "resign",
    "occupied",
    "nonsense",
    "limit",
    "dispute",
    "margins",
    "crash",
    "refuse",
    "silent",
]
ENDING = ENDINGS[NUMBER % len(ENDINGS)]
KNOWN = ["gomill-cpu_time", "gomill-describe_engine", "gomill-explain_last_move", "final_score"]
CPU_TIMES = {"one": "1.25", "two": "2.5"}
SCORES = {
    "jigo": {"one": "0", "two": "0"},
    "dispute": {"one": "B+2", "two": "W+2.0"},
    "margins": {"one": "B+2.5", "two": "b+3.5"},
}


def score():
    return SCORES.get(ENDING, {}).get(PLAYER, "B+3.5")


def crash_once():
    marker = os.path.join(FOLDER, "crashed-" + GAME_ID)
    if not os.path.exists(marker):
        open(marker, "w").close()
        sys.exit(3)


def move(count):
    """The answer to genmove after `count` moves on the board."""
    if ENDING == "limit":
        return "ABCDEFGHJ"[count % 9] + str(1 + count // 9)
    if count < 2:
        return ["A1", "B2"][count]
    if PLAYER == "one":
        if ENDING == "crash":
            crash_once()
        if ENDING in ("resign", "occupied", "nonsense"):
            return {"resign": "resign", "occupied": "B2", "nonsense": "Z99"}[ENDING]
    return "pass"


def answer(command, arguments, count):
    if command == "known_command":
        known = arguments[0] in KNOWN and not (ENDING == "silent" and arguments[0] == "final_score")
        return "true" if known else "false"
    if command == "genmove":
        if ENDING == "refuse" and PLAYER == "one" and count >= 2:
            return None
        return move(count)
    answers = {
        "protocol_version": "2",
        "name": "Scripted " + PLAYER,
        "version": "1." + "0" * (40 if PLAYER == "two" else 1),
        "final_score": score(),
        "gomill-cpu_time": CPU_TIMES[PLAYER],
        "gomill-describe_engine": "Scripted engine\nplayer " + PLAYER,
        "gomill-explain_last_move": "move " + str(count) if count == 2 else "",
    }
    return answers.get(command, "")


def main():
    count = 0
    for line in iter(sys.stdin.readline, ""):
        words = line.split()
        said = answer(words[0], words[1:], count)
        if words[0] in ("play", "genmove"):
            count += 1
        sys.stdout.write("? not now\n\n" if said is None else "= " + said + "\n\n")
        sys.stdout.flush()
        if words[0] == "quit":
            break


main()
