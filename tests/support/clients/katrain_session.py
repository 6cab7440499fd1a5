"""Drives an analysis engine with KaTrain's own modules, without its windows: katrain_session.py PROGRAM [ARGUMENT...].

Prints what happened as one JSON object. Wants a home folder of its own, as KaTrain writes settings there.
"""

import json
import os
import shlex
import sys
import time
import traceback

os.environ.update(KIVY_NO_ARGS="1", KIVY_NO_CONSOLELOG="1", KIVY_NO_FILELOG="1")
COMMAND, sys.argv[1:] = sys.argv[1:], []

from katrain.core.ai import generate_ai_move  # noqa: E402
from katrain.core.base_katrain import KaTrainBase  # noqa: E402
from katrain.core.constants import OUTPUT_ERROR  # noqa: E402
from katrain.core.engine import KataGoEngine  # noqa: E402
from katrain.core.game import Game, KaTrainSGF  # noqa: E402

RECORD = "(;GM[1]FF[4]SZ[19]KM[7.5]RU[{rules}];B[pd];W[dp];B[pp];W[dd];B[fc];W[cf])"
PATIENCE_S = 120


class Controls:
    """Stands for the part of the window that shows what KaTrain does."""

    def set_status(self, *_args, **_kwargs):
        pass


class KaTrain(KaTrainBase):
    def __init__(self):
        self.errors = []
        super().__init__(force_package_config=True, debug_level=-1)
        self.controls = Controls()
        self.pondering = False

    def log(self, message, level=None):
        if level == OUTPUT_ERROR:
            self.errors.append(str(message))

    def __call__(self, *what):
        self.errors.append(str(what))

    def update_state(self, *_args, **_kwargs):
        pass


def wait(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)


def main():
    katrain = KaTrain()
    command = " ".join(shlex.quote(word) for word in COMMAND)
    settings = dict(
        katrain.config("engine"), backend="custom", altcommand=command, max_visits=40, fast_visits=10
    )
    engine = KataGoEngine(katrain, settings)
    sent = []
    send = engine.send_query
    engine.send_query = lambda query, *rest, **named: (sent.append(query), send(query, *rest, **named))[1]

    game = katrain.game = Game(katrain, engine, KaTrainSGF.parse_sgf(RECORD.format(rules="chinese")))
    game.redo(999)
    nodes = list(game.root.nodes_in_tree)
    wait(lambda: all(node.analysis_complete for node in nodes))
    report = {
        "winrates": [node.winrate for node in nodes],
        "candidates": [node.candidate_moves[0]["move"] for node in nodes],
        "policies": [len(node.policy) for node in nodes],
    }
    node = game.current_node
    usual = set(node.analysis["moves"])
    report["policy"] = node.policy

    game.analyze_extra("alternative")
    wait(engine.is_idle)
    report["usual"], report["alternatives"] = sorted(usual), sorted(set(node.analysis["moves"]) - usual)
    report["policy_after_alternatives"] = node.policy

    node.clear_analysis()
    node.analyze(engine, region_of_interest=[0, 6, 0, 6])
    wait(engine.is_idle)
    wait(lambda: node.analysis["moves"])
    report["region"] = sorted(node.analysis["moves"])

    node.clear_analysis()
    node.analyze(engine)
    wait(lambda: node.analysis_complete)
    node.analyze(engine, ponder=True, time_limit=False)
    wait(lambda: node.root_visits > 60)
    game.analyze_extra("stop")
    wait(engine.is_idle)
    report["pondered"] = node.root_visits

    move, played = generate_ai_move(game, "ai:default", {})
    report["played"] = move.gtp()
    wait(lambda: played.analysis_complete)
    report["queries"] = [query for query in sent if "moves" in query]
    report["errors"] = katrain.errors
    sys.stdout.write(json.dumps(report) + "\n")
    engine.shutdown(finish=None)  # as when its window is closed


try:
    main()
except Exception:
    sys.__stderr__.write(traceback.format_exc())  # kivy has taken the other one
    raise
