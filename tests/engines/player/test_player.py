from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.evaluator.base import NetworkAnswer, Planes
from engines.gtp.engine import Analysis, Reports, Restriction
from engines.gtp.heatmap import parse_heatmap
from engines.gtp.server.error_stream import ErrorStream
from engines.gtp.server.server import GtpServer
from engines.player.arguments import EngineArguments
from engines.player.player import NetworkPlayer
from engines.search.settings import SearchSettings
from lzeval.go.board import BLACK, EMPTY, WHITE
from lzeval.go.colour import Colour
from lzeval.go.game import Game
from lzeval.go.points import format_vertex, parse_vertex
from tests.support.fakes.evaluators import HashEvaluator, SteadyEvaluator
from tests.support.fakes.weights_files import as_lines, tiny_weights, write_lines
from tests.support.paths import ROOT
from tests.support.reference_search import ReferenceSearch, sent_to

SIZE = 9
OPTIONS = EngineArguments("net", visits=40, resign=0, dumb_pass=True, seed=5)


def talk(player: NetworkPlayer, *commands: str) -> list[str]:
    """What the server says to each command, `= ` left out; heatmaps come on its error stream, last."""
    output, errors = io.BytesIO(), io.BytesIO()
    data = io.BytesIO("\n".join(commands).encode())
    GtpServer(lambda: player, data, output, ErrorStream(errors), name="x", version="1").serve()
    said = [
        text.removeprefix("= ").removeprefix("=") for text in output.getvalue().decode().split("\n\n")[:-1]
    ]
    return [*said, errors.getvalue().decode()]


def fresh(options: EngineArguments = OPTIONS, salt: int = 0) -> NetworkPlayer:
    return NetworkPlayer(HashEvaluator(SIZE, salt=salt), options)


def test_it_plays_what_the_search_finds() -> None:
    """Through several moves of one game, with the opponent's between them."""
    player, game = fresh(), Game(SIZE)
    judge = ReferenceSearch(HashEvaluator(SIZE).opinion, OPTIONS.seed, dumb_pass=True)
    for reply in ("C3", "G7", "F5", "D4"):
        judge.think(game, BLACK, 40)
        best = judge.best()
        assert talk(player, "genmove b")[0] == format_vertex(best, SIZE)
        game.play(game.to_move, best)
        if game.is_legal(game.to_move, parse_vertex(reply, SIZE)):
            game.play(game.to_move, parse_vertex(reply, SIZE))
            assert talk(player, f"play w {reply}")[0] == ""


def test_the_same_seed_gives_the_same_game() -> None:
    moves = [["genmove b", "genmove w"] * 3 for _ in range(2)]
    assert talk(fresh(), *moves[0]) == talk(fresh(), *moves[1])
    other = replace(OPTIONS, seed=6)
    assert talk(fresh(), *moves[0]) != talk(fresh(other), *moves[0])


def test_a_program_with_one_thread_says_the_same_twice(tmp_path: Path) -> None:
    """Moves, and visits and winrates of every move that was looked at; large searches, in batches."""
    network = write_lines(tmp_path / "tiny.txt", as_lines(tiny_weights()))
    options = ["--threads", "1", "--visits", "300", "--batch", "8", "--precision", "fp32"]

    def said(seed: int) -> tuple[bytes, bytes]:
        command = [sys.executable, "-m", "lzeval", "gtp", str(network), *options, "--seed", str(seed)]
        commands = b"genmove b\ngenmove w\nplay b pass\ngenmove w\nundo\ngenmove w\n"
        outcome = subprocess.run(
            command,
            input=commands,
            capture_output=True,
            check=True,
            timeout=100,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        return outcome.stdout, outcome.stderr

    first = said(7)
    assert b" visits" in first[1]
    assert said(7) == first
    assert said(8)[1] != first[1]


def test_a_cleared_board_begins_anew() -> None:
    player = fresh()
    first = talk(player, "genmove b", "genmove w")
    assert talk(player, "clear_board", "genmove b", "genmove w")[1:] == first


def test_taking_back() -> None:
    player = fresh()
    said = talk(player, "play b C3", "play w G7", "undo", "play w G7", "undo", "undo", "undo")
    assert said[:6] == [""] * 6
    assert said[6] == "? cannot undo"
    assert not any(player.stones())


def test_moves_for_either_colour_at_any_time() -> None:
    said = talk(fresh(), "genmove w", "genmove w", "genmove b", "final_score")
    assert all(parse_vertex(move, SIZE) >= 0 for move in said[:3])


def test_illegal_moves_and_other_sizes_change_nothing() -> None:
    player = fresh()
    said = talk(player, "play b C3", "play w C3", "boardsize 19", "boardsize 9")
    assert said[1] == "? illegal move"
    assert said[2].startswith("? ")
    assert said[3] == ""
    assert not any(player.stones())


def test_handicap_is_not_taken_back() -> None:
    player = fresh()
    said = talk(player, "fixed_handicap 3", "undo", "genmove w")
    assert len(said[0].split()) == 3
    assert said[1] == "? cannot undo"
    assert sum(cell != EMPTY for cell in player.stones()) == 4


def test_the_history_begins_after_the_handicap() -> None:
    """The planes of earlier positions are empty, as before the first move of an even game."""
    seen: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = []

    class Watching(HashEvaluator):
        def evaluate(self, planes: Planes) -> NetworkAnswer:
            seen.append(planes[0].copy())
            return super().evaluate(planes)

    player = NetworkPlayer(Watching(SIZE), EngineArguments("net", visits=1))
    talk(player, "fixed_handicap 4", "genmove w")
    planes = seen[0]
    assert planes[8].sum() == 4
    assert not planes[:8].any()
    assert not planes[9:16].any()
    assert planes[17].all()


def unturned(
    evaluator: HashEvaluator, game: Game, symmetry: int
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], float]:
    """Policy and value of the position as the network sees it under a symmetry."""
    planes = np.zeros((18, SIZE, SIZE), np.uint8)
    flat = planes.reshape(18, -1)
    for age, stones in enumerate(game.boards[::-1][:8]):
        for point in range(SIZE * SIZE):
            cell = stones[sent_to(point, symmetry, SIZE)]
            if cell != EMPTY:
                flat[age + (0 if cell == game.to_move else 8), point] = 1
    planes[16 if game.to_move == BLACK else 17] = 1
    shown, value = evaluator.opinion(planes)
    policy = np.zeros(SIZE * SIZE + 1)
    for point in range(SIZE * SIZE):
        policy[sent_to(point, symmetry, SIZE)] = shown[point]
    policy[-1] = shown[-1]
    return policy, (1 + value) / 2


@pytest.mark.parametrize("symmetry", ["", "0", "3", "7", "average"])
def test_a_heatmap_is_the_network(symmetry: str) -> None:
    game = Game(SIZE)
    plays = ["b C3", "w G7", "b D4", "w pass", "b E5"]
    for play in plays:
        colour, vertex = play.split()
        game.play(1 if colour == "b" else 2, parse_vertex(vertex, SIZE))
    evaluator = HashEvaluator(SIZE)
    wanted = range(8) if symmetry == "average" else [int(symmetry or 0)]
    views = [unturned(evaluator, game, number) for number in wanted]
    policy = np.mean([view[0] for view in views], axis=0)
    policy[:-1][np.frombuffer(game.stones[:-1], np.uint8) != EMPTY] = 0
    drawn = talk(fresh(), *(f"play {play}" for play in plays), f"heatmap {symmetry}".strip())[-1]
    found = parse_heatmap(drawn, SIZE)
    assert np.abs(np.array([*found.policy, found.pass_policy]) - np.floor(policy * 1000)).max() <= 1
    assert found.winrate == pytest.approx(np.mean([view[1] for view in views]), abs=1e-5)


def test_a_heatmap_leaves_the_game_alone() -> None:
    assert talk(fresh(), "heatmap", "genmove b")[1] == talk(fresh(), "genmove b")[0]


def test_resigning_and_describing() -> None:
    options = EngineArguments("net", visits=10, playouts=20)
    player = NetworkPlayer(SteadyEvaluator(5, black_value=-0.95), options)
    moves = [
        f"play {'bw'[n % 2]} {vertex}" for n, vertex in enumerate(["A1", "B2", "C3", "D4", "E5", "A3", "C1"])
    ]
    said = talk(player, *moves, "genmove b", "gomill-describe_engine", "gomill-explain_last_move")
    assert said[7].lower() == "resign"
    assert "steady" in said[8]
    assert "10 visits, 20 playouts" in said[8]
    assert said[9].startswith("winrate 2.5")


class Failing:
    """Fails once, as a device that has run out of memory does."""

    def __init__(self) -> None:
        self._good = HashEvaluator(SIZE)
        self.info, self.batch_size, self.countdown = self._good.info, 1, 10

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        self.countdown -= 1
        if self.countdown == 0:
            raise MemoryError
        return self._good.evaluate(planes)


def test_a_failure_costs_one_move() -> None:
    player = NetworkPlayer(Failing(), OPTIONS)
    said = talk(player, "genmove b", "genmove b")
    assert said[0].startswith("? internal error")
    assert parse_vertex(said[1], SIZE) >= 0


def test_what_a_search_found_is_told_as_leela_zero_tells_it() -> None:
    player, errors, output = fresh(), io.BytesIO(), io.BytesIO()
    commands = io.BytesIO(b"genmove b\ngenmove w\n")
    GtpServer(
        lambda: player, commands, output, ErrorStream(errors), name="x", version="1", tell_searches=True
    ).serve()
    told = errors.getvalue().decode().splitlines()
    line = re.compile(r" *[A-J]\d -> +\d+ \(V: +[\d.]+%\) \(LCB: +[\d.]+%\) \(N: +[\d.]+%\) PV: [A-J]\d.*")
    assert [text for text in told if not line.fullmatch(text)] == ["40 visits", "40 visits"]
    moves = re.findall(r"= (\w+)", output.getvalue().decode())
    assert told[0].split()[0] == moves[0]


def test_a_player_searches_by_its_settings() -> None:
    settings = SearchSettings(puct=1.1, fpu=0.6)
    player = fresh(replace(OPTIONS, **settings.changed(), analysis_visits=60))
    judge = ReferenceSearch(HashEvaluator(SIZE).opinion, OPTIONS.seed, dumb_pass=True, settings=settings)
    judge.think(Game(SIZE), BLACK, 60)
    assert analysed(player, Colour.BLACK) == visits_of(judge) != {}
    assert "40 visits, puct 1.1, fpu 0.6" in talk(player, "gomill-describe_engine")[0]


def test_analysis_over_gtp_is_the_search() -> None:
    said = talk(
        fresh(EngineArguments("net", visits=40, analysis_visits=200)), "lz-genmove_analyze b 1 minmoves 5"
    )[0]
    *reports, played = said.strip().split("\n")
    assert played == f"play {reports[-1].split()[2]}"
    visits = [int(words.split()[0]) for words in reports[-1].split(" visits ")[1:]]
    assert len(visits) >= 5
    assert sum(visits) == 39


def test_an_analysis_looks_at_the_allowed_moves_alone() -> None:
    player = fresh()
    said = talk(player, "play b E5", "lz-analyze w 1 allow w C3,G7 5", "genmove w")
    moves = {part.split()[0] for part in said[1].split("info move ")[1:]}
    assert moves <= {"C3", "G7"}
    assert moves
    assert said[2] not in {"C3", "G7"}, "the tree forgets the restriction"


def analysed(player: NetworkPlayer, colour: Colour, *restrictions: Restriction) -> dict[str, int]:
    """Moves and visits after 60 visits of the root."""
    reports: list[Analysis] = []
    enough = lambda: bool(reports) and reports[-1].visits >= 60  # noqa: E731
    player.analyse(colour, enough, Reports(reports.append, 0.001), restrictions)
    assert reports[-1].visits == 60
    return {format_vertex(move.move, SIZE): move.visits for move in reports[-1].moves}


def test_a_restricted_analysis_is_the_restricted_search() -> None:
    """For both colours and below the root, in a position that has been searched before."""
    player, game = fresh(replace(OPTIONS, analysis_visits=60)), Game(SIZE)
    player.play(Colour.BLACK, parse_vertex("E5", SIZE))
    game.play(BLACK, parse_vertex("E5", SIZE))
    avoid = frozenset(parse_vertex(v, SIZE) for v in ("A1", "B1", "C1", "A2", "B2", "C2", "pass"))
    allow = frozenset(parse_vertex(v, SIZE) for v in ("D4", "F7", "G7", "C6", "C7", "G3"))
    restrictions = [
        Restriction(BLACK, avoid, allowed=False, until=4),
        Restriction(WHITE, allow, allowed=True, until=3),
    ]
    free = ReferenceSearch(HashEvaluator(SIZE).opinion, OPTIONS.seed, dumb_pass=True)
    free.think(game, WHITE, 60)
    assert analysed(player, Colour.WHITE) == visits_of(free)
    judge = ReferenceSearch(
        HashEvaluator(SIZE).opinion, free._state, dumb_pass=True, restrictions=restrictions
    )
    judge.think(game, WHITE, 60)
    assert analysed(player, Colour.WHITE, *restrictions) == visits_of(judge)
    assert set(analysed(player, Colour.WHITE)) - {"D4", "F7", "G7", "C6", "C7", "G3"}


def visits_of(judge: ReferenceSearch) -> dict[str, int]:
    return {format_vertex(m, SIZE): c.visits for m, c in judge.root.children.items() if c.visits}


def test_a_restricted_move_is_played_from_a_tree_of_its_own() -> None:
    player = fresh(replace(OPTIONS, dumb_pass=False))
    said = talk(
        player,
        "genmove b",
        "undo",
        "lz-genmove_analyze b 100 allow b C3,G7 1",
        "undo",
        "genmove b",
        "play w pass",
        "lz-genmove_analyze b 100 avoid b pass 1",
        "lz-genmove_analyze w 100 avoid w A1:J9,pass 1",
    )
    assert said[2].strip().split("\n")[-1] in {"play C3", "play G7"}
    assert said[4] not in {"C3", "G7"}
    assert said[6].strip().split("\n")[-1] != "play pass"
    assert said[7].strip().split("\n")[-1] == "play pass", "where no move is left"


def test_an_analysis_without_moves_is_told_on_the_error_stream() -> None:
    said = talk(fresh(), "lz-analyze b 1 avoid b A1:J9,pass 1", "name")
    assert said[1] == "x"
    assert "no move is left" in said[-1]
    assert "Traceback" not in said[-1]


def test_suicide_is_played_and_searched_where_it_is_allowed() -> None:
    """Black's corner: a move at A7 takes three of its own stones off."""
    start = "gogui-play_sequence b A9 b A8 w B9 w B8 w C9 w A6 w B7"
    analysis = "lz-genmove_analyze b 100 allow b A7 1"
    said = talk(
        fresh(),
        start,
        "final_score",
        "play b A7",
        "kata-set-rules tromp-taylor",
        "final_score",
        analysis,
        "gogui-rules_board",
        "undo",
        "kata-set-rules aga",
        analysis,
    )
    assert said[2] == "? illegal move"
    assert said[4] == said[1], "the score of a position does not depend on it"
    assert said[5].strip().split("\n")[-1] == "play A7"
    assert said[6].count("X") == 0
    assert said[9].strip() == "play pass", "A7 is no move, and others are not allowed"


def test_draws_and_noise_come_from_the_seed() -> None:
    def game(**options: Any) -> list[str]:
        return talk(
            fresh(EngineArguments("net", visits=60, resign=0, **options)), *["genmove b", "genmove w"] * 3
        )[:-1]

    plain = game(seed=3)
    assert game(seed=3, random_moves=6) == game(seed=3, random_moves=6) != plain
    assert game(seed=3, noise=True) == game(seed=3, noise=True) != plain


def test_a_clock_limits_the_search_and_runs() -> None:
    class Slow(HashEvaluator):
        def evaluate(self, planes: Planes) -> NetworkAnswer:
            time.sleep(0.002)
            return super().evaluate(planes)

    player = NetworkPlayer(Slow(SIZE), EngineArguments("net", lag=0, full_time=True))
    began = time.monotonic()
    talk(player, "time_settings 0 1 1", "genmove b")
    assert 0.9 < time.monotonic() - began < 10
    assert player.last_analysis() is not None
    began = time.monotonic()
    talk(player, "time_left b 0 1", "genmove b", "time_left w 0 1", "genmove w")
    assert time.monotonic() - began < 0.9


def test_simple_ko_allows_what_superko_forbids() -> None:
    """A position that comes about again after six plies, with a pass in them: no retake, but superko."""
    player = fresh()
    send_two = "gogui-setup b B1 b A2 b B3 b C2 w C1 w D2 w C3"
    said = talk(
        player, send_two, "kata-set-rules aga", "kata-get-rules", "kata-set-rules chinese", "kata-get-rules"
    )
    assert [json.loads(text)["ko"] for text in (said[2], said[4])] == ["POSITIONAL", "SIMPLE"]
    assert not player.rules.superko


def test_dead_stones_are_taken_off_the_score() -> None:
    class Judging(NetworkPlayer):
        def dead_stones(self) -> list[int]:
            return [parse_vertex("B5", SIZE)]

    player = Judging(HashEvaluator(SIZE), OPTIONS)
    wall = " ".join(f"b E{row} w F{row}" for row in range(1, 10))
    asked = [f"final_status_list {status}" for status in ("dead", "alive", "seki")]
    said = talk(player, f"gogui-setup {wall} w B5", "final_score", *asked)
    assert said[1:3] == ["B+1.5", "B5"]
    assert len(said[3].split("\n")) == 2
    assert said[4] == ""
    assert sum(cell != EMPTY for cell in player.stones()) == 19, "the game itself keeps them"
