from __future__ import annotations

import json
import re
import sys
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sgfmill import sgf

from engines.review.assess import MoveReview, analyse_game, review_moves, worst_moves
from engines.review.plot import plot_winrate
from engines.review.record import ReviewedRecord, annotate, read_record, serialise
from engines.search.position_search import PositionAnalysis
from lzeval.errors import RecordError, UserError
from lzeval.go.board import BLACK, WHITE
from lzeval.go.game import Game
from lzeval.go.points import parse_vertex
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.records.input.text import as_sgf
from lzeval.text.plots import check_plot
from tests.support.command_line import Outcome, run_here
from tests.support.fakes.evaluators import HashEvaluator
from tests.support.fakes.weights_files import as_lines, tiny_weights, write_lines
from tests.support.make_games import holdout_texts, random_game, sgf_text

SIZE = 5
GAME = "(;FF[4]GM[1]SZ[5]KM[6.5]PB[Ann]PW[Bob];B[cc];W[dc];B[db];W[];B[bd])"


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "game.sgf"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def reviewed(
    path: Path, visits: int = 40, variations: int = 3
) -> tuple[ReviewedRecord, list[PositionAnalysis], list[MoveReview]]:
    """The record at `path`, annotated."""
    record = read_record(path)
    analyses = analyse_game(HashEvaluator(record.game.size, 4), record.game, visits=visits, places=8)
    reviews = review_moves(record.game, analyses)
    annotate(record, analyses, reviews, network="hash]\\net", variations=variations, longest=4)
    return record, analyses, reviews


def main_line(content: bytes) -> list[Any]:
    return list(sgf.Sgf_game.from_bytes(content).get_main_sequence())


# What moves cost


def test_what_a_move_costs(tmp_path: Path) -> None:
    record, analyses, reviews = reviewed(written(tmp_path, GAME))
    assert len(analyses) == 6
    assert [review.number for review in reviews] == [1, 2, 3, 4, 5]
    for review, before, after in zip(reviews, analyses, analyses[1:], strict=False):
        assert (review.colour, review.move) == record.game.moves[review.number - 1]
        assert review.before == before.winrate
        assert review.after == pytest.approx(1 - after.winrate)
        assert review.loss == pytest.approx(review.before - review.outcome)
        assert review.best == before.moves[0].move
        assert review.visits == 40
        assert review.winrate_of_black == pytest.approx(after.winrate_of(BLACK))


def test_the_worst_moves() -> None:
    losses = [0.1, 0.3, -0.2, 0.2, 0.5]
    reviews = [
        MoveReview(n, BLACK, n, 24 if n < 4 else n, 0.6, 0.6 - loss, None, 9) for n, loss in enumerate(losses)
    ]
    assert [review.number for review in worst_moves(reviews)] == [1, 3, 0], (
        "the search would have made move 4"
    )
    assert [review.number for review in worst_moves(reviews, 1)] == [1]


def test_an_answer_shows_what_the_search_overlooked() -> None:
    """If it is a surprise; a small difference is noise."""
    refuted, sound = (MoveReview(1, BLACK, 0, 24, 0.6, 0.58, answered, 9) for answered in (0.3, 0.54))
    assert (refuted.is_refuted, sound.is_refuted) == (True, False)
    assert (refuted.outcome, sound.outcome) == (0.3, 0.58)
    assert [refuted.loss, sound.loss] == pytest.approx([0.3, 0.02])


def test_answers_are_the_next_moves(tmp_path: Path) -> None:
    record, analyses, reviews = reviewed(written(tmp_path, GAME))
    assert [review.answered for review in reviews] == [
        *(analyses[number + 1].winrate_of(record.game.moves[number - 1][0]) for number in range(1, 5)),
        None,
    ]
    comments = [node.get("C") for node in main_line(serialise(record))[1:]]
    assert ["after the answer" in comment for comment in comments] == [
        review.is_refuted for review in reviews
    ]
    assert any(review.is_refuted for review in reviews)


def test_a_review_can_be_repeated(tmp_path: Path) -> None:
    path = written(tmp_path, GAME)
    assert serialise(reviewed(path)[0]) == serialise(reviewed(path)[0])


# Records


def test_every_node_of_the_main_line_has_a_winrate(tmp_path: Path) -> None:
    text = GAME.replace(";W[dc]", ";W[dc];C[a node without a move]")
    record, analyses, _ = reviewed(written(tmp_path, text))
    nodes = main_line(serialise(record))
    winrates = [node.get_raw("SBKV").decode() for node in nodes]
    turns = [0, 1, 2, 2, 3, 4, 5]
    assert winrates == [f"{100 * analyses[turn].winrate_of(BLACK):.2f}" for turn in turns]
    assert nodes[3].get("C") == "a node without a move"


def test_comments_say_what_happened(tmp_path: Path) -> None:
    record, _, reviews = reviewed(written(tmp_path, GAME.replace("[cc]", "[cc]C[Good, isn't it?]")))
    root, *nodes = main_line(serialise(record))
    assert root.get("C") == "lzeval: reviewed by hash]\\net, 40 visits a position"
    own, ours = nodes[0].get("C").split("\n\n")
    assert own == "Good, isn't it?"
    numbers = re.fullmatch(
        r"lzeval: winrate of Black (.*) % before the move, (.*) % after it(?: and .* % after the answer)?, "
        r"loss (.*) %; (best .*|the network's choice)",
        ours,
    )
    assert numbers
    expected = [100 * share for share in (reviews[0].before, reviews[0].after, reviews[0].loss)]
    assert [float(number) for number in numbers.groups()[:3]] == pytest.approx(expected, abs=0.0501)
    assert "of White" in nodes[1].get("C")


def test_variations_are_the_best_moves(tmp_path: Path) -> None:
    record, analyses, _ = reviewed(written(tmp_path, GAME), visits=150)
    nodes = main_line(serialise(record))
    assert len(nodes) == 6, "nothing is added to the end of the game"
    assert [node.get_move() for node in nodes[1:]] == [
        node.get_move() for node in main_line(GAME.encode())[1:]
    ]
    seen = 0
    for turn, (parent, played) in enumerate(pairwise(nodes)):
        best = [move.move for move in analyses[turn].moves[:3]]
        shown = [_index(child.get_move()[1]) for child in parent][1:]
        assert set(shown) <= set(best) - {_index(played.get_move()[1])}
        assert shown == [move for move in best if move in shown], "best first"
        for child in list(parent)[1:]:
            seen += 1
            _check_variation(record.game, turn, child, analyses[turn])
    assert seen > 3


def _index(point: tuple[int, int] | None) -> int:
    return SIZE * SIZE if point is None else point[0] * SIZE + point[1]


def _check_variation(game: Game, turn: int, node: Any, analysis: PositionAnalysis) -> None:
    """It is the principal variation, it can be played, and it says how good it is."""
    move, line = next(
        (move, line)
        for move, line in zip(analysis.moves, analysis.lines, strict=True)
        if move.move == _index(node.get_move()[1])
    )
    assert node.get("C") == f"lzeval: winrate {100 * move.winrate:.1f} %, {move.visits} visits"
    of_black = move.winrate if analysis.to_move == BLACK else 1 - move.winrate
    assert node.get_raw("SBKV").decode() == f"{100 * of_black:.2f}"
    copy, shown = Game(SIZE), []
    for colour, played in game.moves[:turn]:
        copy.play(colour, played)
    while True:
        letter, point = node.get_move()
        shown.append(_index(point))
        copy.play({"b": BLACK, "w": WHITE}[letter], shown[-1])
        if not len(node):
            break
        node = node[0]
    assert shown == list(line[:4])


def test_no_variations_where_none_are_wanted(tmp_path: Path) -> None:
    record, _, _ = reviewed(written(tmp_path, GAME), variations=0)
    assert all(len(node) <= 1 for node in main_line(serialise(record)))


PIECES = st.lists(
    st.sampled_from(
        [
            b"C[\xff\xfe not UTF-8 \\] ]",
            b"C[lines\r\n\n and\\: tabs\t]",
            b"N[name]",
            b"BM[1]",
            b"TR[aa][bb:cc]",
            b"LB[aa:A][bb:\\]]",
            b"XX[unknown][twice]",
            b"SBKV[12.3]",
            b"BL[12.5]",
            b"C[lzeval: an older review]",
            b"C[mine\n\nlzeval: an older review]",
        ]
    ),
    max_size=3,
    unique_by=lambda piece: piece.split(b"[")[0],
)


def facts(node: Any) -> list[Any]:
    """The tree as plain data, what a review writes left out."""
    properties = {
        name: list(values)
        for name, values in node.get_raw_property_map().items()
        if name not in ("SBKV", "CA")
    }
    texts = [re.sub(rb"(?:\A|\n\n)lzeval: [^\r\n]*", b"", text) for text in properties.pop("C", [])]
    return [properties, [text for text in texts if text], [facts(child) for child in node]]


def contains(after: list[Any], before: list[Any]) -> bool:
    """Whether a tree has all that another has, in the same order, and perhaps more variations."""
    same = after[:2] == before[:2] and len(after[2]) >= len(before[2])
    return same and all(contains(*pair) for pair in zip(after[2], before[2], strict=False))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(PIECES, min_size=4, max_size=4), seed=st.integers(0, 99))
def test_everything_in_a_record_is_kept(tmp_path: Path, pieces: list[list[bytes]], seed: int) -> None:
    moves = random_game(SIZE, 6, Random(seed)).moves
    nodes = sgf_text(SIZE, moves).strip()[1:-1].split(";")[1:]
    text = b"(" + b"".join(b";" + node.encode() + b"".join(pieces[n % 4]) for n, node in enumerate(nodes[:4]))
    text += (
        b"(;" + b";".join(node.encode() for node in nodes[4:]) + b")(;C[a variation](;W[])(;B[aa]))" + b")"
    )
    path = written(tmp_path, text)
    first = serialise(reviewed(path, visits=10)[0])
    before, after = (sgf.Sgf_game.from_bytes(content).get_root() for content in (as_sgf(text), first))
    assert contains(facts(after), facts(before))
    path.write_bytes(first)
    assert serialise(reviewed(path, visits=10)[0]) == first, "a second review replaces the first"


@pytest.mark.parametrize("charset", ["UTF-8", "GB18030", "Shift_JIS", "ISO-8859-1"])
def test_comments_in_any_encoding(tmp_path: Path, charset: str) -> None:
    words = "caf\xe9" if charset == "ISO-8859-1" else "\u56f2\u7881"
    text = GAME.replace("SZ[5]", f"SZ[5]CA[{charset}]").replace("[cc]", f"[cc]C[{words}]")
    record, _, _ = reviewed(written(tmp_path, text.encode(charset)))
    assert main_line(serialise(record))[1].get("C").startswith(f"{words}\n\nlzeval: ")


def test_setup_stones_and_handicap(tmp_path: Path) -> None:
    record = read_record(
        written(tmp_path, "(;SZ[5]HA[2]AB[bb][dd]KM[0.5];AW[cc]AE[dd];W[ab];B[pass])".replace("[pass]", "[]"))
    )
    assert record.game.komi == 0.5
    assert [record.game.boards[0][parse_vertex(name, 5)] for name in ("B4", "C3", "D2")] == [BLACK, WHITE, 0]
    assert [node.after for node in record.nodes] == [0, 0, 1, 2]


def test_a_move_in_the_root_has_no_variations(tmp_path: Path) -> None:
    record, _, reviews = reviewed(written(tmp_path, "(;SZ[5]B[cc];W[bb])"))
    root = sgf.Sgf_game.from_bytes(serialise(record)).get_root()
    assert len(reviews) == 2
    assert "winrate of Black" in root.get("C")


def test_a_game_without_superko(tmp_path: Path) -> None:
    """A ko, two passes, and the ko again: the board as it was."""
    vertices = ["bc", "cc", "cb", "db", "cd", "dd", "ae", "ec", "dc"]
    moves = [f";{'BW'[n % 2]}[{point}]" for n, point in enumerate(vertices)] + [";W[]", ";B[]", ";W[cc]"]
    record, _, reviews = reviewed(written(tmp_path, f"(;SZ[5]{''.join(moves)})"))
    assert len(reviews) == 12
    assert not record.game.rules.superko


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "no game begins in it"),
        ("no record", "no game begins in it"),
        ("(;SZ[5]B[cc]", "ends in the middle of the game"),
        ("(;SZ[5];B[cc])(;SZ[5];B[cc])", "2 games in one file"),
        ("(;SZ[5])", "it has no moves"),
        ("(;SZ[5]AB[cc];C[only words])", "it has no moves"),
        ("(;SZ[5];B[cc];W[cc])", "move 2, White C3, is illegal \\(occupied\\)"),
        ("(;SZ[5];B[zz])", "game.sgf"),
        ("(;SZ[1];B[aa])", "the board has not 2 to 25 lines: SZ\\[1\\]"),
        ("(;SZ[99];B[aa])", "game.sgf"),
        ("(;SZ[5];B[cc];AB[aa])", "stones are set up after move 1"),
        ("(;SZ[5]AB[ab][ba]AW[aa];B[cc])", "A5 has no liberty"),
    ],
)
def test_records_that_cannot_be_reviewed(tmp_path: Path, content: str, problem: str) -> None:
    with pytest.raises(RecordError, match=problem) as raised:
        read_record(written(tmp_path, content))
    assert "\n" not in str(raised.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.sgf", tmp_path):
        with pytest.raises(RecordError, match=str(path)):
            read_record(path)


def test_an_unknown_encoding(tmp_path: Path) -> None:
    content = serialise(reviewed(written(tmp_path, GAME.replace("SZ[5]", "SZ[5]CA[klingon]")))[0])
    assert b"CA[UTF-8]" in content


# Pictures


def drawn(tmp_path: Path, name: str, players: tuple[str, str] = ("Ann", "Bob")) -> bytes:
    _, analyses, reviews = reviewed(written(tmp_path, GAME))
    check_plot(tmp_path / name)
    plot_winrate(analyses[0].winrate_of(BLACK), reviews, players, "tiny", tmp_path / name)
    return (tmp_path / name).read_bytes()


def test_a_picture(tmp_path: Path) -> None:
    assert drawn(tmp_path, "plot.png").startswith(b"\x89PNG")
    assert b"<svg" in drawn(tmp_path, "plot.SVG", ("$a_", "b$"))


def test_pictures_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"to end in \.png or \.svg"):
        check_plot(tmp_path / "plot.gif")
    with pytest.raises(UserError, match="there is no folder"):
        check_plot(tmp_path / "nowhere" / "plot.png")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UserError, match=r"pip install 'lzeval\[plot\]'"):
        check_plot(tmp_path / "plot.png")


# As a command


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lines(tmp_path_factory.mktemp("net") / "tiny.txt", as_lines(tiny_weights()))


def run(*arguments: str | Path) -> Outcome:
    return run_here("review", *arguments)


def test_the_command(tmp_path: Path, network: Path) -> None:
    path = written(tmp_path, GAME)
    done = run(path, "--net", network, "--visits", "30", "--plot", tmp_path / "plot.png")
    assert done.returncode == 0, done.stderr
    assert "Moves that cost most (tiny, 30 visits)" in done.stdout
    assert done.stdout.splitlines()[-1] == f"reviewed record: {tmp_path / 'game-reviewed.sgf'}"
    assert "6/6" in done.stderr
    assert path.read_text() == GAME
    nodes = main_line((tmp_path / "game-reviewed.sgf").read_bytes())
    assert all(node.has_property("SBKV") for node in nodes)
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_as_json(tmp_path: Path, network: Path) -> None:
    path, out = written(tmp_path, GAME), tmp_path / "other.sgf"
    done = run(path, "--net", network, "--visits", "30", "--out", out, "--json")
    found = json.loads(done.stdout)
    assert (found["record"], found["reviewed"]) == (str(path), str(out))
    assert found["network"]["network"] == "tiny"
    assert [(move["number"], move["colour"], move["move"]) for move in found["moves"]] == [
        (1, "b", "C3"),
        (2, "w", "D3"),
        (3, "b", "D4"),
        (4, "w", "pass"),
        (5, "b", "B2"),
    ]
    for move, following in zip(found["moves"], found["moves"][1:], strict=False):
        outcome = (
            move["winrate"] if move["winrate"] - move["winrate_answered"] < 0.05 else move["winrate_answered"]
        )
        assert move["loss"] == pytest.approx(move["winrate_before"] - outcome, abs=2e-4)
        assert move["winrate"] == pytest.approx(1 - following["winrate_before"], abs=2e-4)
        assert move["visits"] == 30
        parse_vertex(move["best"], SIZE)
    assert out.exists()


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (None, [], "No such file"),
        ("nonsense", [], "no game begins in it"),
        (GAME.replace("SZ[5]", "SZ[9]"), [], "for 5x5 boards cannot play on 9x9"),
        (GAME, ["--out", "nowhere/x.sgf"], "there is no folder nowhere"),
        (GAME, ["--plot", "x.gif"], "to end in .png or .svg"),
        (GAME, ["--net", "bigg"], "did you mean the bundled big"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, network: Path, content: str | None, arguments: list[str], message: str
) -> None:
    path = tmp_path / "game.sgf" if content is None else written(tmp_path, content)
    done = run(path, "--net", network, "--visits", "2", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert not (tmp_path / "game-reviewed.sgf").exists()


def test_a_real_record(shared: Path, tmp_path: Path) -> None:
    text = holdout_texts(shared, 3)[1]
    path = written(tmp_path, text)
    file = write_lines(tmp_path / "net.txt", as_lines(tiny_weights(shape=NetworkShape(1, 4, 19))))
    done = run(path, "--net", file, "--visits", "3", "--precision", "fp32", "--json")
    assert done.returncode == 0, done.stderr
    before, after = text.encode(), (tmp_path / "game-reviewed.sgf").read_bytes()
    roots = [sgf.Sgf_game.from_bytes(content).get_root() for content in (after, before)]
    assert contains(*(facts(root) for root in roots))
    assert len(json.loads(done.stdout)["moves"]) == len(main_line(before)) - 1
