"""The report of `lzeval rate`: what it says, that it is safe and whole, and that its script knows the rules."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from collections.abc import Sequence
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
from sgfmill import boards
from typer.testing import CliRunner

import tournaments.report
from lzeval.cli.rate import rate
from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.go.points import parse_sgf, parse_vertex
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import Skipped, read_games, write_game
from lzeval.records.result import JIGO, UNKNOWN, VOID, GameResult, Outcome, win
from tournaments.rating.two_players import head_to_head
from tournaments.report.embedded import embed, encode_moves
from tournaments.report.over_time import duel_course, pool_courses, running_scores
from tournaments.report.page import page, write_report
from tournaments.report.sparkline import BLOCKS, score_table, sparkline
from tournaments.report.summary import endings, gather, lengths
from tournaments.report.text_tables import write_latex, write_markdown
from tournaments.report.verdict import conclude

SCRIPTS = Path(tournaments.report.__file__).parent / "templates"
VOID_ELEMENTS = {"meta", "input", "br", "path", "line", "circle", "rect", "polyline", "polygon"}
NASTY = "<script>alert('x')</script>"
COLOURS = tuple(Colour)
Moves = tuple[tuple[Colour, int], ...]


def some_moves(number: int, length: int = 20, size: int = 19) -> Moves:
    """Different for each `number`; no point twice."""
    points = random.Random(number).sample(range(size * size), length)
    return tuple(
        (Colour.BLACK if place % 2 == 0 else Colour.WHITE, point) for place, point in enumerate(points)
    )


def game(number: int, black: str, white: str, result: GameResult, **more: Any) -> GameRecord:
    facts = {"moves": some_moves(number), "komi": 7.5, "date": "2026-01-31", **more}
    return GameRecord(f"0_{number:03}", black, white, result, **facts)


def duel(winners: str) -> list[GameRecord]:
    """Pairs with colours swapped; each letter says who won, `a` or `b`, or `j` for a jigo."""
    games = []
    for number, winner in enumerate(winners):
        black, white = ("a", "b") if number % 2 == 0 else ("b", "a")
        result = JIGO if winner == "j" else win(Colour.BLACK if winner == black else Colour.WHITE, "R")
        opening = f"opening {number // 2}"
        games.append(game(number, black, white, result, opening=opening, pair=number // 2))
    return games


def league(players: str = "pqrs", rounds: int = 4, *, in_pairs: bool = False) -> list[GameRecord]:
    """Everybody against everybody; who comes first in `players` wins three games of four."""
    games: list[GameRecord] = []
    for turn in range(rounds):
        for place, better in enumerate(players):
            for worse in players[place + 1 :]:
                black, white = (better, worse) if turn % 2 else (worse, better)
                winner = Colour.BLACK if (black == better) == (turn % 4 != 3) else Colour.WHITE
                pair = turn // 2 if in_pairs else None
                games.append(game(len(games), black, white, win(winner, "R"), pair=pair))
    return games


# What it says


def test_the_verdict_names_the_stronger_with_its_interval() -> None:
    facts = gather(duel("aaabaaabaaaaabaaaaaaabaa" * 2))
    verdict = conclude(facts)
    found = head_to_head(facts.games, "a", "b").difference
    assert verdict.is_decided
    assert verdict.sentence == (
        f"a is stronger than b: +{found.elo:.0f} Elo, 95 % interval +{found.low:.0f} to +{found.high:.0f}."
    )
    assert "From 24 pairs of games" in verdict.basis


def test_the_weaker_one_is_not_named_first() -> None:
    assert conclude(gather(duel("bbab" * 20))).sentence.startswith("b is stronger than a: +")


@pytest.mark.parametrize(
    ("winners", "words"),
    [("abbaaa", "a is +"), ("abab", "a and b scored the same"), ("aa", "1 pair of games is too few")],
)
def test_what_the_games_do_not_decide_is_called_undecided(winners: str, words: str) -> None:
    verdict = conclude(gather(duel(winners)))
    assert not verdict.is_decided
    assert verdict.sentence.startswith("Undecided: ")
    assert words in verdict.sentence


def test_a_clean_sweep_has_a_bound_and_no_number() -> None:
    verdict = conclude(gather(duel("a" * 40)))
    assert verdict.is_decided
    assert re.fullmatch(
        r"a is stronger than b: it won both games of each pair, .* at least \+\d+ Elo\.", verdict.sentence
    )


def test_the_strongest_of_many_has_to_be_above_each_other_one() -> None:
    decided = conclude(gather(league("pqrs", rounds=160)))
    assert re.match(r"p is the strongest of 4: \+\d+ Elo above q, 95 % interval \+", decided.sentence)
    strangers = [game(3000 + n, "y", "z", win(winner)) for n, winner in enumerate(COLOURS)]
    apart = conclude(gather([*league("pqrs", rounds=160), *strangers]))
    assert apart.sentence.startswith("p is the strongest of the 4 players who can be compared: ")
    undecided = conclude(gather(league("pqrs", rounds=4)))
    assert not undecided.is_decided
    assert "p leads, but the games do not put it above q" in undecided.sentence


def test_somebody_unbeaten_is_a_rival_without_a_rating() -> None:
    games = league("pqrs", rounds=160)
    games.append(game(2000, "new", "p", win(Colour.BLACK, "R")))
    verdict = conclude(gather(games, prior=False))
    assert verdict.sentence.endswith("the games do not put it above new.")
    assert not conclude(gather(games)).is_decided


def test_games_that_do_not_count_are_told_with_their_reasons() -> None:
    games = duel("aabbab")
    games += [
        game(20, "a", "b", GameResult(Outcome.VOID, note="hit move limit")),
        game(21, "a", "b", GameResult(Outcome.UNKNOWN, note="players disagreed")),
        game(22, "a", "b", win(Colour.BLACK, 3.5), end_comment="b final_score: W+2.5\na final_score: B+3.5"),
        game(23, "a", "a", win(Colour.BLACK, "R")),
        game(0, "a", "b", games[0].result),
        game(24, "a", "b", UNKNOWN),
        game(25, "a", "b", win(Colour.WHITE), opening="half", pair=99),
    ]
    broken = [
        Skipped(Path("bad.sgf"), "no game record in it"),
        Skipped(Path("x.sgf"), "no game record in it", 3),
    ]
    facts = gather([*games, *broken])
    assert {(a.kind, a.reason): a.games for a in facts.apart} == {
        ("void", "hit move limit"): ["0_020"],
        ("unknown result", "players disagreed"): ["0_021"],
        ("unknown result", "the record names no winner"): ["0_024"],
        ("disputed", "players disagreed"): ["0_021"],
        ("disputed", "b named another winner"): ["0_022"],
        ("without two players", "a player against itself"): ["0_023"],
        ("repeated", "identical to an earlier game"): ["0_000"],
        ("half a pair", "its other game is missing"): ["0_025"],
        ("unreadable", "no game record in it"): ["bad.sgf", "x.sgf#3"],
    }
    text = page(facts)
    assert all(words in text for words in ("hit move limit", "x.sgf#3", "b named another winner"))


def test_breakdowns_add_up() -> None:
    games = duel("aabbabjaab")
    games += [
        game(30, "a", "b", win(Colour.WHITE, 12.5), moves=some_moves(30, 120)),
        game(31, "b", "a", win(Colour.BLACK, "T")),
    ]
    facts = gather(games)
    assert {o.name: (o.games, o.black.wins, o.first.wins) for o in facts.openings}["opening 0"] == (2, 1, 2)
    assert sum(o.games for o in facts.openings) == 10
    assert facts.pair_counts == [1, 0, 2, 1, 1]
    ways = {e.way: (e.games, e.by_black, e.by_white, e.median_moves) for e in endings(facts.evidence.decided)}
    assert ways["count"] == (1, 0, 1, 120)
    assert ways["time"] == (1, 1, 0, 20)
    assert ways["jigo"] == (1, 0, 0, 20)
    assert sum(found[0] for found in ways.values()) == 12
    bins = lengths(facts)
    assert (bins[0].start, bins[0].games, bins[-1].games) == (20, 11, 1)
    assert sum(b.first for b in bins) == facts.table.rows[0].total.wins
    assert all(left.end == right.start for left, right in pairwise(bins))


@pytest.mark.parametrize("winners", ["aababbabaajb", "ab" * 300, "a" * 12])
def test_the_course_ends_with_the_result(winners: str) -> None:
    facts = gather(duel(winners))
    last, steps = head_to_head(facts.games, *facts.players).difference, duel_course(facts)
    assert (steps[-1].units, steps[-1].elo, steps[-1].low, steps[-1].high) == (
        last.units,
        last.elo,
        last.low,
        last.high,
    )
    assert len(steps) <= 160
    assert running_scores(facts, facts.players[:1])[facts.players[0]][-1] == facts.table.rows[0].total.score


def test_single_games_have_a_course_too() -> None:
    games = [game(n, "a", "b", win(Colour.BLACK if n % 3 else Colour.WHITE, "R")) for n in range(30)]
    assert [step.units for step in duel_course(gather(games))] == list(range(1, 31))


@pytest.mark.parametrize("in_pairs", [False, True])
def test_the_courses_of_many_end_with_their_ratings(in_pairs: bool) -> None:
    facts = gather(league(rounds=12, in_pairs=in_pairs))
    courses = pool_courses(facts)
    assert list(courses) == list("pqrs")
    for row in facts.table.rows:
        last = courses[row.rating.player][-1]
        assert (last.elo, last.low, last.high) == (row.rating.elo, row.rating.low, row.rating.high)
        assert last.units == facts.table.decided


# The page


class Parsed(HTMLParser):
    """Elements and text; raises AssertionError where elements are not nested as they should be."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID_ELEMENTS or self.rawdata[: self.rawdata.find(">")].endswith("/"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID_ELEMENTS:
            assert self.open.pop() == tag
        elif self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        else:
            self.text += data


def embedded(text: str) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert match is not None
    content: dict[str, Any] = json.loads(match[1])
    return content


def rating_chart(text: str) -> str:
    """The chart of ratings on a page."""
    return text[text.index('<div class="dots"') : text.index('<section id="cross-table">')]


def rows_of(text: str) -> list[dict[str, Any]]:
    data = embedded(text)
    return [dict(zip(data["fields"], row, strict=True)) for row in data["games"]]


def decoded_moves(letters: str, size: int) -> Moves:
    """What the page's letters mean, by lzeval's own reading of SGF points."""
    pairs = [letters[at : at + 2] for at in range(0, len(letters), 2)]
    return tuple(
        (
            Colour.BLACK if pair.islower() else Colour.WHITE,
            parse_sgf("" if pair.lower() == "zz" else pair.lower(), size),
        )
        for pair in pairs
    )


def test_differences_and_what_goes_beyond_the_ratings_are_told() -> None:
    winners = {("p", "q"): "p", ("q", "r"): "q", ("p", "r"): "r"}
    games = [
        game(
            100 * number + turn,
            *(sides if turn % 2 else sides[::-1]),
            win(Colour.BLACK if (turn % 5 > 0) == (turn % 2 > 0) else Colour.WHITE),
        )
        for number, (sides, winner) in enumerate(
            ((pair if winner == pair[0] else pair[::-1]), winner) for pair, winner in winners.items()
        )
        for turn in range(100)
    ]
    text = Parsed(page(gather(games))).text
    assert "Rock, paper, scissors: p beats q, q beats r, r beats p" in text
    assert "80 of 100 points" in text.replace("\xa0", " ")


def test_an_anchor_moves_ratings_and_axis() -> None:
    facts = gather(league(rounds=8), {"q": 1800})
    text = Parsed(page(facts)).text
    assert "Elo is measured from q = 1800" in text
    assert "and intervals from the mean of all players." in text
    from_q = Parsed(page(gather(league(rounds=8), {"q": 1800}, origin="q"))).text
    assert "Elo is measured from q = 1800, and intervals from q." in from_q.replace("\xa0", " ")
    assert "reference" in from_q
    assert ">0</span>" not in rating_chart(page(facts))
    assert ">0</span>" in rating_chart(page(gather(league(rounds=8))))


def test_the_page_is_well_formed_and_has_every_section() -> None:
    for facts in (gather(duel("aababbaj")), gather(league(rounds=8))):
        parsed = Parsed(page(facts))
        ids = {attributes.get("id") for _, attributes in parsed.elements}
        linked = {str(attributes["href"])[1:] for name, attributes in parsed.elements if name == "a"}
        of_many = () if facts.is_duel else ("differences",)
        assert linked == {
            *(
                "ratings",
                "cross-table",
                "course",
                "breakdowns",
                "counted-apart",
                "settings",
                "games",
                *of_many,
            )
        }
        assert linked <= ids
        assert conclude(facts).sentence in parsed.text.replace("\xa0", " ")
        assert all(row.rating.player in parsed.text for row in facts.table.rows)


def test_each_rating_has_a_dot_and_an_interval() -> None:
    games = [*league(rounds=8), game(900, "new", "p", win(Colour.BLACK, "R"))]
    chart = rating_chart(page(gather(games, prior=False)))
    assert (chart.count('class="dot"'), chart.count('class="bar"')) == (4, 4)
    assert chart.count('class="unbounded"') == 1
    places = [float(left) for left in re.findall(r'<circle cx="([\d.]+)%"', chart)]
    assert places == sorted(places, reverse=True)
    assert len(set(places)) == 4
    ends = [
        tuple(map(float, pair))
        for pair in re.findall(r'<line x1="([\d.]+)%" x2="([\d.]+)%"[^>]*"bar"', chart)
    ]
    assert all(low < place < high for (low, high), place in zip(ends, places, strict=True))


def test_groups_that_never_met_share_no_axis() -> None:
    games = [*league("pqrs", rounds=8), *(game(900 + n, "y", "z", win(COLOURS[n % 2])) for n in range(4))]
    text = page(gather(games))
    assert text.count('class="dot"') == 4
    assert "not comparable with group 1" in text


def test_the_page_loads_nothing() -> None:
    text = page(gather(duel("aabb")))
    assert "://" not in text
    assert "@import" not in text
    assert "url(" not in text
    assert "default-src &#39;none&#39;" in text
    for name, attributes in Parsed(text).elements:
        assert name not in {"link", "img", "iframe", "base", "object", "embed"}
        assert "src" not in attributes
        assert str(attributes.get("href", "#")).startswith("#")


def nasty_games() -> list[GameRecord]:
    """Markup wherever a record can hold text."""
    more = {"opening": f"</script><!--{NASTY}", "date": NASTY, "pair": 0}
    ending = GameResult(Outcome.VOID, note=NASTY)
    games = [
        game(0, NASTY, '"onload="b&<b>', win(Colour.BLACK, "R"), **more),
        game(1, '"onload="b&<b>', NASTY, win(Colour.BLACK, "R"), **more),
        game(2, NASTY, '"onload="b&<b>', ending, properties={"RU": NASTY}),
    ]
    return [GameRecord(**{**_fields(g), "game_id": f"{g.game_id}{NASTY}"}) for g in games]


def _fields(record: GameRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in GameRecord.__dataclass_fields__}


def test_text_of_records_stays_text() -> None:
    text = page(gather([*nasty_games(), Skipped(Path(f"{NASTY}.sgf"), f"why {NASTY}")]))
    parsed = Parsed(text)
    assert NASTY not in text
    assert [name for name, _ in parsed.elements].count("script") == 2
    assert not [name for name, _ in parsed.elements if name == "b" and "onload" in str(_)]
    assert all("onload" not in attributes for _, attributes in parsed.elements)
    assert NASTY in parsed.text
    assert not set("<>&").intersection(embed(gather(nasty_games())))
    row = rows_of(text)[2]
    assert row["note"] == NASTY
    assert row["id"] == f"0_002{NASTY}"
    assert embedded(text)["openings"] == [f"</script><!--{NASTY}"]


def test_embedded_games_are_the_records() -> None:
    passing: Moves = (
        (Colour.BLACK, 0),
        (Colour.WHITE, 81),
        (Colour.BLACK, 81),
        (Colour.BLACK, 80),
        (Colour.WHITE, 8),
    )
    games = [
        game(
            0,
            "a",
            "b",
            win(Colour.BLACK, 3.5),
            moves=passing,
            size=9,
            setup_black=(20, 60),
            setup_white=(40,),
            handicap=2,
        ),
        game(1, "b", "a", JIGO, moves=some_moves(5, 300, 25), size=25, komi=None),
        game(2, "b", "a", VOID, black_winrates=(None, 0.5, 1.0, *[0.0] * 17)),
    ]
    rows = rows_of(page(gather(games)))
    for row, record in zip(rows, games, strict=True):
        assert decoded_moves(row["moves"], record.size) == record.moves
        assert (row["id"], row["komi"], row["length"]) == (record.game_id, record.komi, len(record.moves))
    assert set(decoded_moves(rows[0]["setup"], 9)) == {
        (Colour.BLACK, 20),
        (Colour.BLACK, 60),
        (Colour.WHITE, 40),
    }
    assert (rows[0]["handicap"], rows[0]["ending"]) == (2, "count")
    assert rows[2]["winrates"] == "..5099" + "00" * 17
    assert [row["counts"] for row in rows] == ["yes", "yes", "void"]


def test_two_thousand_games_make_a_page_of_a_few_megabytes() -> None:
    chances = tuple(random.Random(1).random() for _ in range(300))
    games = [
        game(n, "ab"[n % 2], "ba"[n % 2], win(Colour.BLACK if n % 3 else Colour.WHITE, "R"), moves=some_moves(n, 300),
             black_winrates=chances, opening=f"opening {n // 2}", pair=n // 2)
        for n in range(2000)
    ]  # fmt: skip
    text = page(gather(games))
    assert len(rows_of(text)) == 2000
    assert len(text.encode()) < 5_000_000


def test_settings_come_from_the_match(tmp_path: Path) -> None:
    folder = tmp_path / "m" / "match.games"
    folder.mkdir(parents=True)
    for record in duel("aabb"):
        write_game(record, folder)
    description = {
        "settings": {
            "players": [{"code": "a", "blocks": 6, "filters": 128, "sha256": "f00d" * 16}],
            "visits": 50,
            "resign_percent": 10.0,
        },
        "files": ["/secret/place/a.gz"],
        "machine": {"processor": "Abacus", "cores": 2, "system": "None"},
    }
    (tmp_path / "m" / "match.json").write_text(json.dumps(description))
    for source in (folder, tmp_path / "m", folder / "0_000.sgf"):
        facts = gather(read_games([folder]))
        write_report(facts, [source], tmp_path / "x.html")
        text = (tmp_path / "x.html").read_text(encoding="utf-8")
        assert all(words in text for words in ("6 blocks of 128 filters", "Abacus", "f00df00d", "10 %"))
        assert "/secret/place" not in text
    (tmp_path / "m" / "match.json").write_text("[broken")
    write_report(facts, [folder], tmp_path / "x.html")
    assert "no match.json beside them" in (tmp_path / "x.html").read_text(encoding="utf-8")


# The command


def run(*arguments: object) -> str:
    app = typer.Typer()
    app.command()(rate)
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.fixture
def records(tmp_path: Path) -> Path:
    folder = tmp_path / "records"
    folder.mkdir()
    for record in duel("aababaaabaab"):
        write_game(record, folder)
    return folder


def test_the_command_writes_all_forms(records: Path, tmp_path: Path) -> None:
    forms = {"--report": "r.html", "--markdown": "r.md", "--latex": "r.tex", "--out": "r.csv"}
    arguments = [part for option, name in forms.items() for part in (option, tmp_path / name)]
    output = run(records, *arguments)
    assert all((tmp_path / name).stat().st_size for name in forms.values())
    assert len(rows_of((tmp_path / "r.html").read_text(encoding="utf-8"))) == 12
    lines = output.splitlines()
    assert max(len(line) for line in lines if line.startswith(" ")) <= 80
    assert any(re.fullmatch(rf" a +[{BLOCKS}]{{12}} +\d+ to \d+ % ", line) for line in lines)


def test_a_report_is_a_page(records: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"name it \*\.html"):
        run(records, "--report", tmp_path / "report.pdf")
    with pytest.raises(UserError, match="cannot write"):
        run(records, "--report", tmp_path / "no" / "report.html")


def test_tables_for_papers(tmp_path: Path) -> None:
    names = ("a|b_c & 50%", "x\\y")
    games = [
        game(n, *(names if n % 2 else names[::-1]), win(Colour.BLACK if n % 3 else Colour.WHITE, "R"))
        for n in range(9)
    ]
    facts = gather(games)
    write_markdown(facts, tmp_path / "t.md")
    markdown = (tmp_path / "t.md").read_text(encoding="utf-8")
    rows = [re.split(r"(?<!\\)\|", line) for line in markdown.splitlines() if line.startswith("|")]
    assert sorted({len(row) for row in rows}) == [5, 8]
    assert r"a\|b\_c &amp; 50%" in markdown
    write_latex(facts, tmp_path / "t.tex")
    latex = (tmp_path / "t.tex").read_text(encoding="utf-8")
    assert r"a|b\_c \& 50\% & " in latex
    assert r"x\textbackslash{}y & $-$" in latex or r"a|b\_c \& 50\% & $-$" in latex
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 2
    total = facts.table.rows[0].total
    assert f"{total.wins}--{total.losses}" in latex


def test_a_sparkline_shows_the_range_it_spans() -> None:
    line, low, high = sparkline([0.0, 0.25, 0.5, 0.75, 1.0])
    assert (line, low, high) == ("▁▃▅▆█", 0.0, 1.0)
    flat, low, high = sparkline([0.5] * 100)
    assert (len(flat), len(set(flat))) == (40, 1)
    assert (low, high) == pytest.approx((0.4, 0.6))
    assert sparkline([1.0] * 9)[0] == "█" * 9
    assert sparkline([n / 999 for n in range(1000)])[0][-1] == "█"


def test_scores_of_few_games_are_no_line() -> None:
    assert score_table(gather(duel("aabb")), 80) is None
    many = gather(league("pqr", rounds=40))
    table = score_table(many, 80)
    assert table is not None
    assert [row[0] for row in table.rows] == ["p", "q", "r"]
    assert score_table(many, 10) is None


@pytest.mark.parametrize("width", [15, 30, 45, 80])
def test_scores_fit_the_screen(width: int) -> None:
    table = score_table(gather(league("pqr", rounds=40)), width)
    assert table is not None
    assert len(table.rows[0][1]) == min(40, width - 5)


# Its script


@pytest.fixture(scope="session")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not installed")
    return found


def run_script(node: str, script: str, content: object) -> Any:
    """What `script` returns for `content`; the functions of the page's pure parts are in scope by name."""
    names = "BLACK, WHITE, decodeMoves, decodeWinrates, replay, vertex, starPoints"
    program = f"""
        const {{{names}}} = require({json.dumps(str(SCRIPTS / "rules.js"))})
        const listing = require({json.dumps(str(SCRIPTS / "listing.js"))})
        const content = JSON.parse(require('fs').readFileSync(0, 'utf8'))
        const answer = (() => {{ {script} }})()
        process.stdout.write(JSON.stringify(answer))
    """
    outcome = subprocess.run(
        [node, "-e", program],
        input=json.dumps(content),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        encoding="utf-8",
    )
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout)


REPLAY = """
    return content.map(({size, setup, moves}) =>
      replay(size, decodeMoves(setup, size), decodeMoves(moves, size))
        .map(({stones, ko}) => [[...stones].map(colour => '.bw'[colour]).join(''), ko]))
"""


def judged(record: GameRecord) -> list[tuple[str, int | None]]:
    """sgfmill's board and point of ko at the start and after each move, in the script's terms."""
    size = record.size
    board = boards.Board(size)
    setup = ([divmod(i, size) for i in indices] for indices in (record.setup_black, record.setup_white))
    assert board.apply_setup(*setup, [])
    positions: list[tuple[str, int | None]] = [(_picture(board), None)]
    for colour, index in record.moves:
        ko = None if index == size * size else board.play(*divmod(index, size), colour.letter)
        positions.append((_picture(board), None if ko is None else (size - 1 - ko[0]) * size + ko[1]))
    return positions


def _picture(board: Any) -> str:
    rows = range(board.side - 1, -1, -1)
    return "".join(board.get(row, column) or "." for row in rows for column in range(board.side))


def assert_replayed_alike(node: str, games: Sequence[GameRecord]) -> None:
    rows = rows_of(page(gather([*duel("aabb"), *games])))[4:]
    content = [{name: row[name] for name in ("size", "setup", "moves")} for row in rows]
    for record, found in zip(games, run_script(node, REPLAY, content), strict=True):
        assert [tuple(position) for position in found] == judged(record), record.game_id


def moves_at(text: str, size: int = 5, first: Colour = Colour.BLACK) -> Moves:
    """GTP vertices, played in turn; a `-` leaves a turn out."""
    colours = (first, first.opponent)
    turns = enumerate(text.split())
    return tuple((colours[n % 2], parse_vertex(word, size)) for n, word in turns if word != "-")


SHAPES = {
    "a stone in the corner": "A2 A1 B1",
    "a chain at the edge": "A3 A1 B1 A2 B2",
    "ko and no retake": "B2 C2 A3 D3 B4 C4 C3 B3 - C3",
    "two stones in one go are no ko": "A2 A1 B2 B1 C1",
    "several chains at once": "B1 A1 A2 pass C2 B2 D1 C1 B3",
    "snapback": "A3 A2 B3 B2 C3 C2 D2 C1 D1 pass B1 A1 B1",
    "own stones": "A2 pass B1 A1",
    "own chain of two": "A3 A1 B2 - C1 - pass B1",
    "passes": "pass C3 pass pass",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_script_captures_as_sgfmill_does(node: str, shape: str) -> None:
    record = game(7, "a", "b", win(Colour.BLACK, "R"), moves=moves_at(SHAPES[shape]), size=5)
    assert_replayed_alike(node, [record])


def test_the_shapes_hold_what_their_names_say() -> None:
    ends = {
        name: judged(game(0, "a", "b", JIGO, moves=moves_at(moves), size=5)) for name, moves in SHAPES.items()
    }
    kos = {name for name, positions in ends.items() if any(ko is not None for _, ko in positions)}
    assert "ko and no retake" in kos
    assert "two stones in one go are no ko" not in kos
    stones = {name: [p.count("b") + p.count("w") for p, _ in positions] for name, positions in ends.items()}
    taken = {name for name, counts in stones.items() if any(b < a + 1 for a, b in pairwise(counts))}
    assert taken == set(SHAPES)


def test_handicap_stones_are_on_the_board(node: str) -> None:
    stones = tuple(parse_vertex(v, 19) for v in ("D4", "Q16", "D16", "Q4"))
    moves = moves_at("R14 Q14 F3 K10", 19, first=Colour.WHITE)
    record = game(
        8, "a", "b", win(Colour.WHITE, 0.5), moves=moves, setup_black=stones, setup_white=(0,), handicap=4
    )
    assert_replayed_alike(node, [record])


def test_crowded_random_games(node: str) -> None:
    """Small boards filled at random: captures, kos and suicides in numbers, by sgfmill's rules."""
    chooser = random.Random(3)
    games = []
    for number in range(80):
        size = chooser.choice((3, 4, 5, 9))
        board, moves = boards.Board(size), []
        for turn in range(120):
            colour = COLOURS[turn % 2]
            empty = [i for i in range(size * size) if board.get(*divmod(i, size)) is None]
            index = chooser.choice(empty) if empty else size * size
            if empty:
                board.play(*divmod(index, size), colour.letter)
            moves.append((colour, index))
        games.append(game(number, "a", "b", JIGO, moves=tuple(moves), size=size))
    assert sum(ko is not None for record in games for _, ko in judged(record)) > 50
    assert_replayed_alike(node, games)


def test_real_games(node: str, shared: Path) -> None:
    """Professionals on small boards, and networks with passes and many kos on the large one."""
    sources = [shared / "references" / "aeb-9x9-13x13.sgf.xz", shared / "references" / "lz-selfplay-sgf"]
    games = [record for record in read_games(sources) if isinstance(record, GameRecord)][::4]
    assert len(games) > 100
    assert {record.size for record in games} == {9, 13, 19}
    assert_replayed_alike(node, games)


def test_taken_stones_are_counted(node: str) -> None:
    script = """
        const positions = replay(5, [], decodeMoves(content, 5))
        const {captured, last} = positions[positions.length - 1]
        return [captured[BLACK], captured[WHITE], last.point]
    """
    letters = {name: encode_moves(moves_at(SHAPES[name]), 5) for name in SHAPES}
    assert run_script(node, script, letters["a chain at the edge"] + "ZZ") == [2, 0, -1]
    assert run_script(node, script, letters["snapback"]) == [5, 1, 21]
    assert run_script(node, script, letters["own stones"] + "zz") == [1, 0, -1]


def test_names_of_points_and_dots(node: str) -> None:
    script = "return [vertex(3, 19), vertex(360, 19), vertex(-1, 19), [9, 13, 19, 8, 5].map(s => starPoints(s).length)]"
    assert run_script(node, script, None) == ["D19", "T1", "pass", [5, 5, 9, 4, 0]]
    assert run_script(node, "return decodeWinrates('..50')", None) == [None, 50]
    dots = run_script(node, "return starPoints(9).map(point => vertex(point, 9))", None)
    assert sorted(dots) == ["C3", "C7", "E5", "G3", "G7"]


ANY = {"player": None, "colour": "", "result": "", "opening": "", "shortest": "", "longest": ""}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"player": "c"}, [4, 5]),
        ({"player": ""}, []),
        ({"player": "a", "colour": "w"}, [1, 3, 5]),
        ({"player": "a", "result": "won"}, [0, 1]),
        ({"player": "a", "result": "lost"}, [2, 4]),
        ({"result": "jigo"}, [3]),
        ({"result": "void"}, [5]),
        ({"result": "count"}, [4]),
        ({"result": "disputed"}, [4]),
        ({"opening": "ing 1"}, [2, 3]),
        ({"shortest": "30"}, [4]),
        ({"longest": "30", "player": "c"}, [5]),
    ],
)
def test_the_list_is_filtered(node: str, wanted: dict[str, str], expected: list[int]) -> None:
    games = duel("aabj")
    remark = "a final_score: W+1.5"
    games.append(game(4, "a", "c", win(Colour.WHITE, 2.5), moves=some_moves(4, 40), end_comment=remark))
    games[4] = GameRecord(**{**_fields(games[4]), "end_comment": "a final_score: B+1.5"})
    games.append(game(5, "c", "a", VOID))
    content = {"data": json.loads(embed(gather(games))), "wanted": {**ANY, **wanted}}
    script = """
        const games = listing.readGames(content.data)
        return games.filter(game => listing.matches(game, content.wanted)).map(game => game.order)
    """
    assert run_script(node, script, content) == expected


def test_the_list_is_sorted(node: str) -> None:
    games = [
        game(0, "b10", "a", win(Colour.BLACK, 10.5)),
        game(1, "a", "b2", win(Colour.BLACK, 9.5), moves=some_moves(1, 30)),
        game(2, "a", "b10", win(Colour.WHITE, "R"), moves=some_moves(2, 10)),
    ]
    script = """
        const order = (name, down) =>
          listing.readGames(content).sort(listing.comparison(name, down)).map(game => game.order)
        return [order('length', false), order('length', true), order('result', false), order('white', false)]
    """
    found = run_script(node, script, json.loads(embed(gather(games))))
    assert found == [[2, 0, 1], [1, 0, 2], [1, 0, 2], [0, 1, 2]]


# In a browser


@pytest.fixture(scope="session")
def browser() -> str:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("neither chromium nor google-chrome is installed")
    return found


def browse(browser: str, folder: Path, text: str, address: str = "") -> str:
    """The page's HTML after its script has run."""
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    outcome = subprocess.run(
        [
            browser,
            *("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,900"),
            *(f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=2000", "--dump-dom"),
            f"{file.as_uri()}{address}",
        ],
        capture_output=True,
        check=False,
        timeout=120,
    )
    return outcome.stdout.decode("utf-8")


def listed(html: str) -> list[str]:
    return re.findall(r'<tr data-game="(\d+)"', html)


def test_a_browser_runs_the_page_under_its_own_policy(browser: str, tmp_path: Path) -> None:
    text = page(gather([*duel("ab" * 30), *nasty_games()]))
    html = browse(browser, tmp_path, text, "#game-3-7")
    assert len(listed(html)) == 50
    assert "first 50 of 63 games" in html
    assert "Move 7 of 20" in html
    assert html.count('class="b"') + html.count('class="w"') == 7
    assert re.search(r'class="mark on-b"', html)
    assert NASTY not in html


PRESSES = """
<script>
const said = []
const say = () => said.push($('status').textContent.match(/Move (\\d+)/)[1])
const press = (key, shiftKey) =>
  document.body.dispatchEvent(new KeyboardEvent('keydown', {key, shiftKey, bubbles: true}))
say(); press('Home'); say(); press('ArrowRight'); say(); press('ArrowRight', true); say(); press('ArrowLeft'); say()
press('End'); say(); press('j'); say(); press('Home'); document.querySelector('[data-go=next]').click(); say()
const form = $('filters').elements
form.player.value = '0'
form.player.dispatchEvent(new Event('input', {bubbles: true}))
form.colour.value = 'b'
form.colour.dispatchEvent(new Event('input', {bubbles: true}))
said.push($('count').textContent)
document.querySelector('[data-go=play]').click()
setTimeout(() => { document.title = JSON.stringify([...said, Number($('slider').value) > 1]) }, 1200)
</script>
</body>"""


def test_keys_buttons_and_filters(browser: str, tmp_path: Path) -> None:
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page(gather(duel("ab" * 4))))
    html = browse(browser, tmp_path, text.replace("</body>", PRESSES))
    title = re.search(r"<title>(.*?)</title>", html)
    assert title is not None
    assert json.loads(title[1]) == ["20", "0", "1", "11", "10", "20", "20", "1", "4 games, of 8 in all", True]
