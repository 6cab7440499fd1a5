"""What gomill's own modules make of control files and results, under Python 2.7: gomill_judge.py CASES ANSWERS.

CASES is JSON: a list of `{"ctl": PATH, "games": [[COLOUR, RE, DETAIL, CPU_B, CPU_W], ...]}`, where COLOUR is the winner
or null. For each, ANSWERS gets either the error that gomill has, or what it has read and, where there are games, its
history and report after so many of them; its state is then in CODE.status.
"""

# ruff: noqa: PTH123  # Python 2 has no pathlib
import json
import sys

from gomill import gtp_games, ringmasters

PLAYER = ["cmd_args", "cwd", "environ", "startup_gtp_commands", "gtp_aliases"]
PLAYER += ["is_reliable_scorer", "allow_claim", "discard_stderr", "sgf_player_name_from_gtp"]
MATCHUP = [
    "id",
    "name",
    "player_1",
    "player_2",
    "board_size",
    "komi",
    "alternating",
    "handicap",
    "handicap_style",
]
MATCHUP += [
    "move_limit",
    "scorer",
    "internal_scorer_handicap_compensation",
    "number_of_games",
    "event_description",
]


class Engine:
    def __init__(self, code):
        self.code = code

    def get_short_description(self):
        return self.code

    def get_long_description(self):
        return None if self.code.endswith("?") else "engine of " + self.code


class Response:
    warnings = ()
    log_entries = ()


def result_of(job, game):
    winner, text, detail, cpu_black, cpu_white = game
    black, white = job.player_b.code, job.player_w.code
    result = gtp_games.Game_result.__new__(gtp_games.Game_result)
    times = {black: cpu_black, white: cpu_white}
    result.__setstate__((black, white, winner, text, detail, text.endswith("F"), job.game_id, times))
    return result


def response_to(job, game):
    response = Response()
    response.game_id, response.game_data = job.game_id, job.game_data
    response.game_result = result_of(job, game)
    codes = (job.player_b.code, job.player_w.code)
    response.engine_descriptions = {code: Engine(code) for code in codes}
    return response


def plain(games):
    """Strings as under Python 2: bytes."""
    return [[item.encode("utf-8") if hasattr(item, "encode") else item for item in game] for game in games]


def judged(case):
    try:
        master = ringmasters.Ringmaster(case["ctl"].encode("utf-8"))
    except ringmasters.RingmasterError as error:
        return {"error": str(error)}
    competition = master.competition
    answer = {
        "players": {p.code: [getattr(p, name) for name in PLAYER] for p in competition.players.values()},
        "matchups": [[getattr(m, name) for name in MATCHUP] for m in competition.matchup_list],
        "settings": [
            competition.description,
            master.record_games,
            master.stderr_to_log,
            master.skip_player_checks,
        ],
    }
    master.set_clean_status()
    history, jobs = [], []
    competition.set_history_logger(history.append)
    for game in plain(case["games"]):
        job = competition.get_game()
        jobs.append([job.game_id, job.player_b.code, job.player_w.code])
        competition.process_game_result(response_to(job, game))
    if case["games"]:
        master.write_status()
        with open(master.history_pathname, "w") as file:
            file.write("".join(line + "\n" for line in history))
        master.report()
        with open(master.report_pathname) as file:
            answer["report"] = file.read()
        answer["history"], answer["jobs"] = history, jobs
    return answer


with open(sys.argv[1]) as file:
    cases = json.load(file)
with open(sys.argv[2], "w") as file:
    json.dump([judged(case) for case in cases], file)
