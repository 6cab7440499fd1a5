"""What `import lzeval` offers, judged by numpy, OpenVINO's reader of ONNX, sgfmill and the commands' own functions."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from sgfmill import sgf, sgf_moves

import lzeval
from lzeval.network.leela import read_network
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.network.weights_file.weights import read_weights, write_weights
from lzeval.records.result import parse_result
from tests.support.fakes.weights_files import random_planes, tiny_weights
from tests.support.numpy_forward import numpy_forward
from tests.support.paths import ROOT

SIZE = 5
RECORD = "(;GM[1]FF[4]SZ[5]KM[6.5]PB[one]PW[two]RE[B+R];B[cc];W[bb];B[dd];W[bd])"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Weights files of two small networks for 5x5."""
    folder = tmp_path_factory.mktemp("networks")
    shape = NetworkShape(1, 4, SIZE)
    paths = [folder / "one.txt", folder / "two.txt.gz"]
    for seed, path in enumerate(paths):
        write_weights(tiny_weights(seed, shape), path)
    return paths


@pytest.fixture(scope="module")
def network(files: list[Path]) -> lzeval.Network:
    return lzeval.load(files[0], precision="fp32")


# The package


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = (
        "import sys; before = set(sys.modules); import lzeval; lzeval.UserError\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert outcome.stdout.split() == ["lzeval"]


def test_every_public_name_is_there_and_documented() -> None:
    assert sorted(dir(lzeval)) == sorted(lzeval.__all__)
    for name in set(lzeval.__all__) - {"__version__"}:
        assert getattr(lzeval, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = lzeval.nonsense


def test_checkers_of_types_see_the_same_names() -> None:
    """The imports for type checking name each public name, from the module that is imported at run time."""
    tree = ast.parse((ROOT / "lzeval" / "__init__.py").read_text(encoding="utf-8"))
    seen = {
        alias.asname: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == lzeval._MODULES


# Positions


def test_a_position_is_read_in_every_form(tmp_path: Path) -> None:
    file = tmp_path / "game.sgf"
    file.write_text(RECORD)
    (record,) = lzeval.read_records(file)
    forms = [file, str(file), RECORD, record, lzeval.Position("C3 B4 D2 B2", size=SIZE, komi=6.5)]
    found = [lzeval.Position.of(form) for form in forms]
    board, _ = sgf_moves.get_setup_and_moves(sgf.Sgf_game.from_string(RECORD))
    for _, colour, move in [(0, "b", (2, 2)), (0, "w", (3, 1)), (0, "b", (1, 3)), (0, "w", (1, 1))]:
        board.play(*move, colour)
    picture = "\n".join(
        " ".join({"b": "#", "w": "o", None: "."}[board.get(row, column)] for column in range(SIZE))
        for row in reversed(range(SIZE))
    )
    assert {str(position) for position in found} == {picture}
    assert {(p.to_move, p.komi, p.moves) for p in found} == {
        (lzeval.Colour.BLACK, 6.5, ("C3", "B4", "D2", "B2"))
    }


def test_playing_on_leaves_the_position_as_it_was() -> None:
    position = lzeval.Position("D4 Q16")
    further = position.play("Q4", "pass")
    assert (position.moves, further.moves) == (("D4", "Q16"), ("D4", "Q16", "Q4", "pass"))
    assert further.at(2).moves == position.moves
    assert str(further.at(2)) == str(position)
    assert len(position.legal_moves()) == 19 * 19 - 2 + 1


def test_handicap_stones_are_set_up() -> None:
    position = lzeval.Position.from_sgf("(;SZ[9]HA[2]KM[0.5]AB[cg][gc];W[gg];B[cc])", move=1)
    assert (position.to_move, str(position).count("#"), position.moves) == (lzeval.Colour.BLACK, 2, ("G3",))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lzeval.Position("D4 D4"), r"move 2, D4, is illegal \(occupied\)"),
        (lambda: lzeval.Position("D4 Z99"), "move 2: 'Z99' is not on a 19x19 board"),
        (lambda: lzeval.Position("", size=40), "size 40: must be a whole number, from 2 to 25"),
        (lambda: lzeval.Position("D4").at(2), "move 2: the game has 1 moves"),
        (lambda: lzeval.Position.from_sgf("(;SZ[9]"), "SGF text: "),
        (lambda: lzeval.Position.from_sgf("missing.sgf"), "missing.sgf: "),
        (lambda: lzeval.load("smal"), "did you mean the bundled small"),
        (lambda: lzeval.load("small", threads=0), "threads 0: must be a whole number, from 1 to 1024"),
        (lambda: lzeval.Position(komi=float("nan")), "komi nan: must be a finite number"),
        (lambda: lzeval.Position().play(5), "move 1: 5 is no vertex"),
        (lambda: lzeval.Position().svg({"Z99": "x"}), "labels: 'Z99'"),
    ],
)
def test_mistakes_are_named(make, message: str) -> None:
    with pytest.raises(lzeval.UserError, match=message):
        make()


class _Checker(HTMLParser):
    """Complains of elements that are closed in another order than they were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        self.open.append(tag)

    def handle_startendtag(self, _tag: str, _attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check_html(text: str) -> str:
    checker = _Checker()
    checker.feed(text)
    assert not checker.open
    return re.sub(r"<[^>]*>", " ", text)


def test_a_board_draws_itself() -> None:
    position = lzeval.Position("D4 Q16 pass")
    picture = ElementTree.fromstring(position.svg({"C3": "<1>"}))
    stones = [c.get("fill") for c in picture.iter() if c.tag.endswith("circle") and c.get("stroke") == "#222"]
    assert stones == ["#111", "#f8f8f8"]
    assert "<1>" in [element.text for element in picture.iter()]
    assert len([c for c in picture.iter() if c.tag.endswith("circle") and c.get("r") == "3"]) == 9
    check_html(position._repr_html_())


# Networks


def test_evaluations_are_the_networks(network: lzeval.Network, files: list[Path]) -> None:
    planes = random_planes(7, SIZE).numpy().astype(np.uint8)
    policy, value = network.evaluate_planes(planes)
    judge = numpy_forward(files[0], planes)
    np.testing.assert_allclose(policy, judge.policy, atol=1e-4)
    np.testing.assert_allclose(value, judge.value, atol=1e-4)


def test_a_position_is_evaluated_as_its_planes_are(network: lzeval.Network, files: list[Path]) -> None:
    position = lzeval.Position("C3 B4 D2", size=SIZE)
    planes = np.zeros((1, 18, SIZE, SIZE), np.uint8)
    black, white, first = (2, 2), (3, 1), (1, 3)
    planes[0, 0][white], planes[0, 8][black], planes[0, 8][first] = (
        1,
        1,
        1,
    )  # White moves: White's stones come first
    planes[0, 1][white], planes[0, 9][black] = 1, 1
    planes[0, 10][black] = 1
    planes[0, 17] = 1
    judge = numpy_forward(files[0], planes)
    found = network.evaluate(position)
    np.testing.assert_allclose(found.policy, judge.policy[0], atol=1e-4)
    assert found.winrate == pytest.approx((1 + judge.value[0]) / 2, abs=1e-4)
    assert {vertex for vertex, _ in found.best(99)} == set(position.legal_moves())
    several = network.evaluate([position, lzeval.Position(size=SIZE), position])
    np.testing.assert_allclose(several[2].policy, found.policy, atol=1e-5)
    assert network.evaluate([]) == []


def test_a_search_does_not_depend_on_its_company(network: lzeval.Network) -> None:
    positions = [lzeval.Position(moves, size=SIZE) for moves in ("", "C3", "C3 B4")]
    together = network.search(positions, visits=40, seed=3)
    again = network.search(positions, visits=40, seed=3)
    assert together == again
    for found in together:
        assert found.visits >= 40
        assert sum(candidate.visits for candidate in found.candidates) == found.visits - 1
        assert all(candidate.variation[0] == candidate.move for candidate in found.candidates)
        text = check_html(found._repr_html_())
        assert found.best in text
    others = [positions[1], *(lzeval.Position(moves, size=SIZE) for moves in ("D4", "B2 D4"))]
    assert network.search(others, visits=40, seed=3)[0] == together[1]
    assert network.search(positions[1], visits=40, seed=4) != network.search(positions[1], visits=40, seed=3)


def test_the_board_must_be_the_networks(network: lzeval.Network) -> None:
    with pytest.raises(lzeval.UserError, match="one plays on 5x5, not on 19x19"):
        network.search("D4")
    with pytest.raises(lzeval.UserError, match=r"one takes \[B, 18, 5, 5\]"):
        network.evaluate_planes(np.zeros((2, 18, 9, 9), np.uint8))
    for wrong in (0, -1, 2.5, True, float("nan"), "8"):
        with pytest.raises(lzeval.UserError, match=r"visits .*: must be a whole number, 1 or more"):
            network.search(lzeval.Position(size=SIZE), visits=wrong)
    with pytest.raises(lzeval.UserError, match="seed -1: must be a whole number, 0 or more"):
        network.search(lzeval.Position(size=SIZE), seed=-1)
    with pytest.raises(lzeval.UserError, match="every number must be 0 or 1"):
        network.evaluate_planes(np.full((1, 18, SIZE, SIZE), np.nan))
    policy, value = network.evaluate_planes(np.zeros((0, 18, SIZE, SIZE), np.uint8))
    assert (policy.shape, value.shape) == ((0, SIZE * SIZE + 1), (0,))


def test_every_form_of_a_position_may_stand_in_a_list(network: lzeval.Network, tmp_path: Path) -> None:
    file = tmp_path / "game.sgf"
    file.write_text(RECORD)
    (record,) = lzeval.read_records(file)
    found = network.evaluate([record, lzeval.Position.of(record), file])
    assert [str(each.position) for each in found] == [str(lzeval.Position.of(file))] * 3
    assert len({each.winrate for each in found}) == 1
    with pytest.raises((lzeval.UserError, TypeError)):
        network.evaluate([record, None])


def test_threads_may_share_a_network(network: lzeval.Network) -> None:
    positions = [lzeval.Position(moves, size=SIZE) for moves in ("C3", "C3 B4", "B2", "D4 C3")]
    expected = [network.search(position, visits=30) for position in positions]
    with ThreadPoolExecutor(4) as threads:
        for _ in range(3):
            assert list(threads.map(lambda each: network.search(each, visits=30), positions)) == expected


@pytest.mark.parametrize("version", [1, 2])
def test_onnx_files_answer_like_the_network(version: int, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="needs the package onnx")
    import openvino

    source = tmp_path / "net.txt"
    write_weights(tiny_weights(4, NetworkShape(2, 4, SIZE), version), source)
    network = lzeval.load(source, precision="fp32")
    model = openvino.Core().compile_model(str(network.write_onnx(tmp_path / "net.onnx")), "CPU")
    planes = random_planes(6, SIZE).numpy()
    answer = model([planes])
    judge = numpy_forward(source, planes)
    np.testing.assert_allclose(answer["policy"], judge.policy, atol=1e-4)
    sides = np.where(planes[:, 16, 0, 0] == 1, 1, -1) if version == 2 else 1
    np.testing.assert_allclose(answer["value"], judge.value * sides, atol=1e-4)


def test_weights_are_written_and_read(network: lzeval.Network, files: list[Path], tmp_path: Path) -> None:
    written = network.write_weights(tmp_path / "copy.txt.gz")
    before, after = read_weights(files[0]), read_weights(written)
    assert after.shape == before.shape
    read_network(written)
    policy, value = lzeval.load(written, precision="fp32").evaluate_planes(
        np.zeros((1, 18, SIZE, SIZE), np.uint8)
    )
    judge = numpy_forward(files[0], np.zeros((1, 18, SIZE, SIZE), np.uint8))
    np.testing.assert_allclose(policy, judge.policy, atol=1e-4)
    np.testing.assert_allclose(value, judge.value, atol=1e-4)


# Games


def test_a_game_is_the_same_again_and_can_be_kept(files: list[Path], tmp_path: Path) -> None:
    opening = lzeval.Position("C3", size=SIZE)
    games = [lzeval.play(*files, visits=6, seed=4, opening=opening, resign=0) for _ in range(2)]
    assert replace(games[0], date="") == replace(games[1], date="")
    assert games[0].moves[0] == (lzeval.Colour.BLACK, 12)
    assert lzeval.play(*files, visits=6, seed=5, opening=opening, resign=0).moves != games[0].moves
    for record in ("(;SZ[5]AB[aa][bb];W[cc])", "(;SZ[5];B[aa];B[bb])"):
        with pytest.raises(lzeval.UserError, match="an opening must begin on an empty board"):
            lzeval.play(*files, opening=lzeval.Position.from_sgf(record))
    with pytest.raises(lzeval.UserError, match="move_limit 0: must be a whole number, 1 or more"):
        lzeval.play(*files, move_limit=0)
    file = lzeval.write_record(games[0], tmp_path)
    (read,) = lzeval.read_records(file)
    assert (read.moves, read.result) == (games[0].moves, games[0].result)
    score = lzeval.Position.of(read).area_score()
    assert games[0].result.is_decided
    assert (score > 0) == (games[0].result.winner is lzeval.Colour.BLACK)


def test_a_match_is_rated_kept_and_taken_up_again(files: list[Path], tmp_path: Path) -> None:
    def play() -> lzeval.MatchOutcome:
        return lzeval.match(
            *files,
            games=4,
            visits=4,
            folder=tmp_path / "match",
            size=SIZE,
            openings="none",
            move_limit=60,
            threads=1,
        )

    outcome = play()
    games = outcome.games()
    assert len(games) == 4
    won = sum(
        game.result.score(lzeval.Colour.BLACK if game.black == "one" else lzeval.Colour.WHITE)
        for game in games
    )
    assert outcome.score == pytest.approx(won / 4)
    assert outcome.interval[0] <= outcome.interval[1]
    files_before = {path: path.stat().st_mtime_ns for path in (tmp_path / "match" / "match.games").iterdir()}
    assert play().as_dict() == outcome.as_dict()
    assert files_before == {
        path: path.stat().st_mtime_ns for path in (tmp_path / "match" / "match.games").iterdir()
    }
    text = check_html(outcome._repr_html_())
    assert "one" in text
    assert "two" in text


def test_options_of_a_match_are_named_where_they_are_wrong(files: list[Path]) -> None:
    with pytest.raises(lzeval.UserError, match="unexpected keyword argument 'vists'"):
        lzeval.match(*files, vists=3)
    with pytest.raises(lzeval.UserError, match="--games 3: must be an even number"):
        lzeval.match(*files, games=3)


def test_ratings_of_records_and_of_files_agree(tmp_path: Path) -> None:
    games = [
        lzeval.GameRecord(f"g{n}", *names, parse_result(result), moves=((lzeval.Colour.BLACK, n),), size=9)
        for n, (names, result) in enumerate(
            [
                (("a", "b"), "B+R"),
                (("b", "a"), "B+R"),
                (("a", "b"), "B+2.5"),
                (("b", "c"), "B+R"),
                (("c", "b"), "B+R"),
            ]
        )
    ]
    for game in games:
        lzeval.write_record(game, tmp_path)
    of_records, of_files = lzeval.rate(games), lzeval.rate(tmp_path)
    assert of_records.as_dict()["players"] == of_files.as_dict()["players"]
    assert of_records.players[0] == "a"
    frame = of_records.to_frame()
    assert list(frame.player) == of_records.players
    assert dict(zip(frame.player, frame.games, strict=True)) == {"a": 3, "b": 5, "c": 2}
    low, high = of_records.interval("a")
    elo = of_records.elo("a")
    assert low is not None
    assert high is not None
    assert elo is not None
    assert low < elo < high
    text = check_html(of_records._repr_html_())
    assert all(player in text.split() for player in "abc")
    assert of_records.write_csv(tmp_path / "ratings.csv").read_text().splitlines()[0].startswith("player")
    assert lzeval.rate(games[:3]).finding.startswith("a over b")
    anchored = lzeval.rate(games, anchors={"a": 100})
    assert anchored.elo("a") == 100
    assert list(anchored.to_frame().elo) == [anchored.elo(player) for player in anchored.players]
    assert anchored.interval("b") == tuple(anchored.to_frame().set_index("player").loc["b", ["low", "high"]])
    assert set(lzeval.rate(games, aliases={"a": "d"}).players) == set("bcd")


def test_players_names_are_no_html(tmp_path: Path) -> None:
    games = [
        lzeval.GameRecord(str(n), *names, parse_result("B+R"), moves=((lzeval.Colour.BLACK, n),), size=9)
        for n, names in enumerate([("<b>", "x"), ("x", "<b>")])
    ]
    assert "&lt;b&gt;" in lzeval.rate(games)._repr_html_()
    assert "<b>" not in lzeval.rate(games)._repr_html_()


# Records


def test_what_cannot_be_read_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "games.sgf"
    file.write_text(RECORD + "\n(;GM[2]SZ[8])\n" + RECORD)
    with pytest.warns(UserWarning, match=r"games.sgf, game 2: "):
        assert len(list(lzeval.read_records(file))) == 2
    with warnings.catch_warnings(), pytest.raises(lzeval.UserError):
        list(lzeval.read_records(tmp_path / "missing"))


def test_a_record_is_reviewed(files: list[Path], tmp_path: Path) -> None:
    file = tmp_path / "game.sgf"
    file.write_text(RECORD)
    review = lzeval.review(file, files[0], visits=8)
    frame = review.to_frame()
    assert list(frame.move) == ["C3", "B4", "D2", "B2"]
    assert (frame.before - frame.outcome).to_numpy() == pytest.approx(frame.loss.to_numpy())
    assert len(review.winrates) == 4
    assert (review.worst(2).loss.diff().dropna() <= 0).all()
    written = sgf.Sgf_game.from_bytes(review.write_sgf(tmp_path / "out.sgf").read_bytes())
    assert "lzeval: reviewed by one, 8 visits a position" in written.get_root().get("C")
    check_html(review._repr_html_())
    with pytest.raises(lzeval.UserError, match="small is for 19x19 boards"):
        lzeval.review(file, "small")
    with pytest.raises(lzeval.UserError, match="visits 0: must be"):
        lzeval.review(file, files[0], visits=0)


def test_packed_data_is_opened(tmp_path: Path) -> None:
    from trainer.data.pack import pack

    (tmp_path / "game.sgf").write_text(RECORD)
    pack([tmp_path / "game.sgf"], tmp_path / "packed", size=SIZE)
    data = lzeval.open_packed(tmp_path / "packed")
    assert (data.size, len(data)) == (SIZE, 4)
    with pytest.raises(lzeval.UserError):
        lzeval.open_packed(tmp_path)
