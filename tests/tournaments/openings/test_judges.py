"""What judges say of a position, as Black sees it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.evaluator.load import plan_evaluator
from engines.katago.arguments import KataGoArguments
from engines.katago.start import KataGo
from lzeval.go.planes import planes_of
from lzeval.go.points import parse_vertex
from lzeval.network.leela import write_network
from lzeval.network.weights_file.layout import NetworkShape
from tests.support.command_line import run_here
from tests.support.fakes.weights_files import lived_in_network
from tournaments.openings.judges import Moves, NetworkJudge, played
from tournaments.openings.katago_judge import KataGoJudge

SIZE = 7
OPENINGS: list[Moves] = [(), (24,), (24, 25), (10, 20, 30)]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("net") / "net.txt"
    write_network(lived_in_network(1, NetworkShape(1, 4, SIZE)), path)
    return path


def test_a_network_of_ours(network: Path) -> None:
    judge = NetworkJudge(plan_evaluator(str(network), precision="fp32", device="cpu"), SIZE, 7.0, 1)
    evaluator = plan_evaluator(str(network), precision="fp32", device="cpu", batch_size=1).build(1)
    found = dict(judge.judged(OPENINGS, 1))
    assert judge.title.startswith("net, sha256 ")
    for place, moves in enumerate(OPENINGS):
        game = played(moves, SIZE)
        planes = planes_of(game)
        images = [np.rot90(side, turns, (1, 2)) for side in (planes, planes[:, ::-1]) for turns in range(4)]
        movers = [(1 + float(evaluator.evaluate(image[None].copy()).value[0])) / 2 for image in images]
        expected = [1 - mover if len(moves) % 2 else mover for mover in movers]
        assert min(abs(found[place].winrate - winrate) for winrate in expected) < 1e-5
        assert found[place].lead is None
        assert all(
            share >= 0.003 and game.is_legal(game.to_move, move) for move, share in found[place].policy
        )
        shares = [share for _, share in found[place].policy]
        assert shares == sorted(shares, reverse=True)
        assert shares
        assert 0.5 < sum(shares) <= 1 + 1e-6
    searched = dict(judge.judged(OPENINGS, 30))
    assert any(searched[place].winrate != found[place].winrate for place in searched)


class Pretended:
    """Answers as KataGo's analysis engine does, of the side to move."""

    def __init__(self) -> None:
        self.queries: list[Mapping[str, Any]] = []

    def ask(self, query: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        assert timeout_s > 0
        self.queries.append(query)
        taken = [vertex for _, vertex in query["moves"]]
        policy = [0.0] * (SIZE * SIZE) + [0.1]
        for vertex, share in (("A7", 0.5), ("B1", 0.25), ("G7", 0.001)):
            column, row = "ABCDEFG".index(vertex[0]), SIZE - int(vertex[1])  # from the top
            policy[row * SIZE + column] = -1.0 if vertex in taken else share
        root = {"winrate": 0.6, "scoreLead": 2.5, "visits": query["maxVisits"]}
        return {"rootInfo": root, "moveInfos": [], "policy": policy}


def test_katago() -> None:
    pretended = Pretended()
    katago = KataGo(pretended, "1.16.0", "0123abcd")  # type: ignore[arg-type]
    judge = KataGoJudge(katago, KataGoArguments("nets/b6.bin.gz"), SIZE, 7.0, 2)
    a7, b1, d4 = (parse_vertex(vertex, SIZE) for vertex in ("A7", "B1", "D4"))
    found = dict(judge.judged([(d4, a7), (d4,)], 16))
    assert judge.title == "KataGo 1.16.0, network b6, sha256 0123abcd"
    assert (found[0].winrate, found[0].lead) == (0.6, 2.5)
    assert found[1].winrate == pytest.approx(0.4)
    assert found[1].lead == -2.5
    assert found[0].policy == ((b1, 0.25),)
    assert found[1].policy == ((a7, 0.5), (b1, 0.25))
    for query in pretended.queries:
        assert (query["komi"], query["maxVisits"], query["includePolicy"]) == (7.0, 16, True)
        assert (query["boardXSize"], query["boardYSize"]) == (SIZE, SIZE)
        assert query["rules"]["scoring"] == "AREA"
    moves = sorted(len(query["moves"]) for query in pretended.queries)
    assert moves == [1, 2]


def test_the_command(network: Path, tmp_path: Path) -> None:
    words = ["openings", "make", "--size", SIZE, "--judge", network, "--openings-count", 4, "--visits", 2]
    variables = {"XDG_CACHE_HOME": str(network.parent / "cache")}
    done = run_here(*words, "--lean", 49, "--out", "book.txt", cwd=tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("book.txt: 4 openings of ")
    text = (tmp_path / "book.txt").read_text("utf-8")
    assert f"# Made by: lzeval openings make --size {SIZE} --judge net.txt --komi 7" in text
    assert len([line for line in text.splitlines() if not line.startswith("#")]) == 4
    wrong = run_here(*words[:4], *words[4:-2], "--komi", 6.3, "--out", "b.txt", cwd=tmp_path, **variables)
    assert (wrong.returncode, wrong.stderr) == (2, "lzeval: --komi 6.3: must be whole or half points\n")
    other = run_here(
        "openings", "make", "--size", 9, "--judge", network, "--out", "b.txt", cwd=tmp_path, **variables
    )
    assert other.returncode == 2
    assert "7x7" in other.stderr
    missing = run_here(
        *("openings", "make", "--size", 9, "--judge", "katago:no.bin.gz", "--out", "b.txt"), cwd=tmp_path
    )
    assert missing.returncode == 2
    assert "no.bin.gz" in missing.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["book.txt"]
