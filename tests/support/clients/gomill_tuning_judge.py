"""What gomill's tuners choose when they are told results, under Python 2.7: gomill_tuning_judge.py CASES ANSWERS.

CASES is JSON: a list of `{"ctl": PATH, "seed": NUMBER, "steps": [...]}`. A step is `null`, a game to begin, or
`[PLACE, POINTS]`: of the games that go on, in their order, counted round and round, the one at that place ends with 1,
0.5 or 0 for the candidate. ANSWERS gets the games in the order of their beginning, history, report, and the error if
gomill refuses the file.
"""

# ruff: noqa: PTH123  # Python 2 has no pathlib
import json
import random
import sys

from gomill import gtp_games, ringmasters


class Engine:
    def get_long_description(self):
        return "engine of the opponent"


class Response:
    pass


def response_to(job, opponent, points):
    response = Response()
    response.game_id, response.game_data = job.game_id, job.game_data
    winner = None
    if points != 0.5:
        candidate_is_black = job.player_w.code == opponent
        winner = "b" if (points == 1) == candidate_is_black else "w"
    text = {"b": "B+1.5", "w": "W+1.5", None: "0"}[winner]
    result = gtp_games.Game_result.__new__(gtp_games.Game_result)
    codes = (job.player_b.code, job.player_w.code)
    result.__setstate__((codes[0], codes[1], winner, text, None, False, job.game_id, dict.fromkeys(codes)))
    response.game_result = result
    response.engine_descriptions = {opponent: Engine()}
    return response


def judged(case):
    try:
        master = ringmasters.Ringmaster(case["ctl"].encode("utf-8"))
    except ringmasters.RingmasterError as error:
        return {"error": str(error)}
    competition = master.competition
    random.seed(case["seed"])
    random.gauss(0, 1)
    random.seed(case["seed"])
    master.set_clean_status()
    history, begun, going = [], [], []
    competition.set_history_logger(history.append)
    opponent = competition.opponent.code
    for step in case["steps"]:
        if step is None:
            job = competition.get_game()
            if not hasattr(job, "player_b"):
                begun.append(None)
                continue
            going.append(job)
            candidate = job.player_b if job.player_w.code == opponent else job.player_w
            colour = "b" if candidate is job.player_b else "w"
            begun.append([job.game_id, candidate.code, colour, job.sgf_note, candidate.cmd_args])
        elif going:
            job = going.pop(step[0] % len(going))
            competition.process_game_result(response_to(job, opponent, step[1]))
    master.report()
    with open(master.report_pathname) as file:
        report = file.read()
    return {"begun": begun, "history": history, "report": report}


with open(sys.argv[1]) as file:
    cases = json.load(file)
with open(sys.argv[2], "w") as file:
    json.dump([judged(case) for case in cases], file)
