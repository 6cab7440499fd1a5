"""Drives engines with gomill's own modules, under Python 2.7: gomill_session.py PROGRAM [ARGUMENT...].

Prints what happened as one JSON object.
"""

import json
import sys

from gomill import gtp_controller, gtp_games

MOVES = 10


def main():
    command = sys.argv[1:]
    report = {}
    channel = gtp_controller.Subprocess_gtp_channel(command)
    controller = gtp_controller.Gtp_controller(channel, "engine")
    controller.check_protocol_version()
    report["commands"] = controller.list_commands()
    controller.do_command("boardsize", "19")
    controller.do_command("clear_board")
    controller.do_command("play", "b", "D4")
    try:
        controller.do_command("play", "w", "D4")
    except gtp_controller.BadGtpResponse as error:
        report["occupied"] = error.gtp_error_message
    controller.safe_close()
    report["status"] = channel.exit_status
    report["errors"] = controller.retrieve_error_messages()
    report["game"] = play(command)
    sys.stdout.write(json.dumps(report) + "\n")


def play(command):
    players = gtp_controller.Game_controller("first", "second")
    players.set_player_subprocess("b", command)
    players.set_player_subprocess("w", command)
    game = gtp_games.Gtp_game(players, 19, 7.5, MOVES)
    game.allow_scorer("b")
    game.prepare()
    game.set_handicap(4, is_free=False)
    game.run()
    players.close_players()
    moves = [(colour, move) for colour, move, _ in game.get_moves()]
    return {"moves": moves, "result": game.result.describe(), "late_errors": players.describe_late_errors()}


if __name__ == "__main__":
    main()
