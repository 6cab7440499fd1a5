"""Control files: what is read is what gomill reads, what is refused is named, and nothing a file says is executed."""

from __future__ import annotations

import json
import math
import re
import subprocess
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from engines.gtp.engine import TimeSettings
from lzeval.errors import UserError
from lzeval.go.rules import DEFAULT_RULES
from tests.support.gomill_documents import documented_files
from tests.support.gomill_judge import ask_gomill
from tests.support.paths import ROOT
from tournaments.gomill.control.budget import TOO_MUCH
from tournaments.gomill.control.functions import BUILTINS
from tournaments.gomill.control.language import evaluate
from tournaments.gomill.control.syntax import RefusedError, parse_source
from tournaments.gomill.control_file import read_control_file
from tournaments.plan.competition import Additions, Competition, Timeouts

BASE = """competition_type = 'playoff'
players = {'a': Player('engine --level 1'), 'b': Player(['./engine', 'x y'])}
board_size = 9
komi = 7.5
matchups = [Matchup('a', 'b', number_of_games=4)]
"""
ALLPLAYALL = """competition_type = 'allplayall'
players = {'a': Player('x'), 'b': Player('y'), 'c': Player('z')}
board_size = 9
komi = 6
competitors = ['c', 'a', Competitor('b')]
rounds = 4
"""
ARTICLE = r"""
competition_type = 'playoff'
description = 'Two networks of Leela Zero, eleven seconds a move.'

def leela(weights):
    return Player("leelaz --gtp --noponder --weights /networks/%s.gz" % weights,
                  startup_gtp_commands=["time_settings 0 11 1"])

players = {
    'lz-old': leela('old'),
    'lz-new': leela('new'),
}
board_size = 19
komi = 7.5
matchups = [Matchup('lz-old', 'lz-new', alternating=True, scorer='players', number_of_games=5)]
"""


def write(folder: Path, text: str, name: str = "x.ctl") -> Path:
    path = folder / name
    path.write_text(text.removeprefix("\n"), encoding="utf-8")
    return path


def read(folder: Path, text: str) -> Competition:
    return read_control_file(write(folder, text))


def refusal(folder: Path, text: str, **options: bool) -> list[str]:
    """What is said of a file that is wrong, line by line, without its name."""
    with pytest.raises(UserError) as caught:
        read_control_file(write(folder, text), **options)
    return [
        line.replace(f"{folder / 'x.ctl'}", "").removeprefix(", ") for line in str(caught.value).split("\n")
    ]


def value_of(expression: str) -> object:
    """What the evaluator makes of an expression."""
    source = f"x = {expression}\n"
    return evaluate(parse_source(source)[0], source).values["x"]


# What is read


def test_a_playoff(tmp_path: Path) -> None:
    competition = read(tmp_path, BASE)
    assert (competition.code, competition.path) == ("x", tmp_path / "x.ctl")
    assert competition.players["a"].command == ("engine", "--level", "1")
    assert competition.players["b"].command == (f"{tmp_path}/./engine", "x y")
    (matchup,) = competition.matchups
    assert (matchup.id, matchup.name, matchup.players, matchup.number_of_games) == (
        "0",
        "a v b",
        ("a", "b"),
        4,
    )
    assert (matchup.board_size, matchup.komi, matchup.move_limit, matchup.scorer) == (9, 7.5, 1000, "players")
    assert competition.record_games
    assert not competition.skip_player_checks
    assert competition.lzeval == Additions()
    assert competition.notes == ()


def test_an_allplayall_is_expanded(tmp_path: Path) -> None:
    competition = read(tmp_path, ALLPLAYALL)
    assert competition.competitors == ("c", "a", "b")
    assert [(m.id, *m.players) for m in competition.matchups] == [
        ("AvB", "c", "a"),
        ("AvC", "c", "b"),
        ("BvC", "a", "b"),
    ]
    assert all(matchup.alternating and matchup.number_of_games == 4 for matchup in competition.matchups)


def test_after_z_come_two_letters(tmp_path: Path) -> None:
    text = """competition_type = 'allplayall'
players = dict(('p%d' % n, Player('x')) for n in range(30))
competitors = ['p%d' % n for n in range(30)]
board_size, komi = 9, 0
"""
    ids = {matchup.id for matchup in read(tmp_path, text).matchups}
    assert {"AvZ", "AvAA", "ZvAA", "ABvAD"} <= ids
    assert len(ids) == 30 * 29 // 2


def test_the_articles_file(tmp_path: Path) -> None:
    competition = read(tmp_path, ARTICLE)
    old = competition.players["lz-old"]
    assert old.command == ("leelaz", "--gtp", "--noponder", "--weights", "/networks/old.gz")
    assert old.startup_gtp_commands == ("time_settings 0 11 1",)
    (matchup,) = competition.matchups
    assert [matchup.game_id(n) for n in (0, 4)] == ["0_0", "0_4"]
    assert [matchup.colours(n)[0] for n in range(3)] == ["lz-old", "lz-new", "lz-old"]


def test_a_player_against_itself_is_cloned(tmp_path: Path) -> None:
    competition = read(
        tmp_path, BASE.replace("Matchup('a', 'b'", "Matchup('a', 'a', id='self', name='mirror'")
    )
    (matchup,) = competition.matchups
    assert matchup.players == ("a", "a#2")
    assert competition.players["a#2"].command == competition.players["a"].command
    assert competition.event(matchup) == "x (mirror)"
    assert matchup.game_id(2) == "self_2"


def test_defaults_and_last_assignments_count(tmp_path: Path) -> None:
    text = BASE + "komi = 0.5\nmove_limit = 30\nmatchups += [Matchup('b', 'a', komi=2, alternating=True)]\n"
    one, other = read(tmp_path, text).matchups
    assert (one.komi, other.komi, one.move_limit, other.alternating) == (0.5, 2.0, 30, True)
    assert other.number_of_games is None
    assert other.game_id(7) == "1_7"


def test_paths_are_resolved_from_the_files_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/go")
    text = BASE.replace("'engine --level 1'", "'~/bin/engine', cwd='.'").replace(
        "'x y']", "'x y'], cwd='~/tmp'"
    )
    write(tmp_path, text)
    monkeypatch.chdir(tmp_path)
    players = read_control_file("x.ctl").players
    assert players["a"].command == ("/home/go/bin/engine",)
    assert (players["a"].cwd, players["b"].cwd) == (tmp_path, Path("/home/go/tmp"))


def test_settings_of_ours(tmp_path: Path) -> None:
    text = BASE + (
        "lzeval = dict(openings='books/nine.txt', time_control='byoyomi 60 5 3', seed=7, anchor='b', referee='a',\n"
        "    timeouts=dict(start=1.5, move=None), faults={'hang': 'forfeit', 'technical': 'void'}, rules='strict',\n"
        "    attempts=2, patience=1)\n"
    )
    found = read(tmp_path, text).lzeval
    assert found.openings == str(tmp_path / "books/nine.txt")
    assert found.time_control == TimeSettings(60, 5, periods=3)
    assert found.timeouts == Timeouts(start_s=1.5)
    assert (found.seed, found.anchor, found.referee, found.rules) == (7, "b", "a", DEFAULT_RULES)
    assert found.faults == {"hang": "forfeit", "technical": "void"}
    assert (found.attempts, found.patience) == (2, 1)


@pytest.mark.parametrize(
    ("written", "clock"),
    [
        ("none", None),
        ("absolute 600", TimeSettings(600)),
        ("canadian 0 11 1", TimeSettings(0, 11, byo_yomi_stones=1)),
        ("byoyomi 600 30 5", TimeSettings(600, 30, periods=5)),
        ("fischer 300 2.5", TimeSettings(300, increment_s=2.5)),
    ],
)
def test_clocks(written: str, clock: TimeSettings | None, tmp_path: Path) -> None:
    assert read(tmp_path, f"{BASE}lzeval = {{'time_control': {written!r}}}\n").lzeval.time_control == clock


def test_a_variable_called_lzeval_is_the_users(tmp_path: Path) -> None:
    text = BASE.replace("'engine --level 1'", "lzeval").replace(
        "players =", "lzeval = 'lzeval gtp'\nplayers ="
    )
    competition = read(tmp_path, text)
    assert competition.players["a"].command == ("lzeval", "gtp")
    assert competition.lzeval == Additions()
    assert competition.notes == ("line 2: lzeval is no dictionary, and so is not read as settings",)


def test_python_2_is_understood(tmp_path: Path) -> None:
    text = BASE + textwrap.dedent(
        r"""
        print "playing", \
            "now"
        print
        if 010L <> 9: print 'eight'; komi = 0777 * 1.0
        for name in players.keys(): print("x"); pass
        print >> log, "no file"
        description = ur'\d' + u'é' + "# no comment"  # a comment with 'one quote
        move_limit = 10L
        """
    )
    competition = read(tmp_path, text)
    (matchup,) = competition.matchups
    assert (matchup.komi, matchup.move_limit) == (511.0, 10)
    assert competition.description == "\\dé# no comment"
    assert [int(note.split()[1].rstrip(":")) for note in competition.notes[:3]] == [7, 9, 10]


def test_helpers_loops_and_methods(tmp_path: Path) -> None:
    text = """
competition_type = "playoff"
LEVELS = (1, 5, 10)
def gnugo(level, extra=[], **more):
    if level > 5:
        return Player(['gnugo', '--level=%d' % level] + extra, discard_stderr=True)
    command = 'gnugo --level={0}'.format(level)
    return Player(command, **more)
players = {}
for level in LEVELS:
    players['l%02d' % level] = gnugo(level, cwd='.')
players.update(x=gnugo(10, extra=['--quiet']))
board_size, (komi, handicap_style) = 9, (7.5, 'fixed')
matchups = []
codes = sorted(players)
for i, one in enumerate(codes):
    for other in codes[i + 1:]:
        if other == 'x':
            continue
        matchups.append(Matchup(one, other, id='-'.join([one, other]), name=one.upper() + ' v ' + other))
names = dict(meter=1, owner=2)
for name in names:
    names['{form}-{0}'.format(name, form='f')] = 0
n = 4 - len(names)
while True:
    n += 1
    if n >= 12:
        break
number_of_games = n if n % 2 == 0 else None
"""
    competition = read(tmp_path, text)
    assert competition.players["x"].command == ("gnugo", "--level=10", "--quiet")
    assert competition.players["l01"].command == ("gnugo", "--level=1")
    assert competition.players["l01"].cwd == tmp_path
    assert competition.players["l10"].discard_stderr
    assert [matchup.id for matchup in competition.matchups] == ["l01-l05", "l01-l10", "l05-l10"]
    assert competition.matchups[0].name == "L01 v l05"
    assert competition.matchups[0].number_of_games == 12


# What is refused


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("import os", "import os cannot be evaluated; write the value out, or give --trust"),
        ("from glob import glob", "from glob import glob cannot be evaluated"),
        ("komi = open('x').read()", "komi = open('x').read() cannot be evaluated"),
        ("komi = __import__('os')", "cannot be evaluated"),
        ("komi = os.environ['K']", "cannot be evaluated"),
        ("komi = ().__class__", "cannot be evaluated"),
        ("komi = ''.__class__.__mro__", "cannot be evaluated"),
        ("komi = 'a'.encode('utf-8')", "cannot be evaluated"),
        ("komi = '{0.__class__}'.format(1)", "a field {0.__class__} is not evaluated"),
        ("komi = '{0[0]}'.format([1])", "a field {0[0]} is not evaluated"),
        ("komi = '{0!r}'.format(1)", "a conversion !r is not evaluated"),
        ("komi = '{:{}}'.format(1, 2)", "nested fields are not evaluated"),
        ("komi = '%*d' % (3, 1)", "a width of * is not evaluated"),
        ("komi = f'{1}'", "f-strings are not gomill's Python"),
        ("komi = eval('1')", "cannot be evaluated"),
        ("komi = getattr(1, 'real')", "cannot be evaluated"),
        ("komi = unknown", "unknown is not known here; write the value out, or give --trust"),
        ("komi = 1 / 0", "division by zero"),
        ("komi = [1][3]", "list index out of range"),
        ("komi = {}['x']", "there is no 'x'"),
        ("komi = 1 + 'a'", "+ does not go with these values"),
        ("komi = 3j", "cannot be evaluated"),
        ("komi = `1`", "this is no Python"),
        ("komi = = 1", "this is no Python"),
        ("class A: pass", "cannot be evaluated"),
        ("try: pass\nexcept: pass", "cannot be evaluated"),
        ("with x: pass", "cannot be evaluated"),
        ("del komi", "cannot be evaluated"),
        ("assert True", "cannot be evaluated"),
        ("@staticmethod\ndef f(): pass", "cannot be evaluated"),
        ("def f():\n    yield 1\nkomi = f()", "cannot be evaluated"),
        ("global komi", "cannot be evaluated"),
        ("exec 'komi = 1'", "this is no Python"),
        ("players.a = 1", "cannot be evaluated"),
        ("komi, x = 1, 2, 3", "cannot be taken apart into 2 names"),
        ("return 3", "return, break or continue stands where it means nothing"),
        ("komi = [*players]", "cannot be evaluated"),
        ("komi = {**players}", "cannot be evaluated"),
        ("komi = Matchup.__init__", "cannot be evaluated"),
        ("komi = players.clear()", "cannot be evaluated"),
        ("komi = str(Player('x'))", "only numbers, strings"),
        ("for x in 3: pass", "3 is nothing to go through item by item"),
        ("def f(a): return a\nkomi = f()", "f lacks a value for a"),
        ("def f(a): return a\nkomi = f(1, a=2)", "f is given a twice"),
        ("def f(a): return a\nkomi = f(1, b=2)", "f has no parameter b"),
        ("def f(n): return f(n)\nkomi = f(1)", "f is called from within itself"),
        ("komi = nothing()", "cannot be evaluated"),
        ("komi = 3()", "3 is no function"),
    ],
)
def test_what_is_not_evaluated_is_refused_by_its_line(line: str, problem: str, tmp_path: Path) -> None:
    (said,) = refusal(tmp_path, BASE + "\n" + line + "\n")
    assert re.match(r"line [78]: ", said), said
    assert problem in said


BOMBS = {
    "while": "while True: pass",
    "long range": "for i in range(10 ** 9): pass",
    "string": "x = 'a' * 10 ** 10",
    "list": "x = [0] * 10 ** 10",
    "power": "x = 2 ** 2 ** 100",
    "squares": "x = 7\nfor i in range(100): x = x * x",
    "shift": "x = 1 << 10 ** 9",
    "width": "x = '%999999999d' % 1",
    "precision": "x = '%.999999999f' % 1",
    "format width": "x = '{:>999999999}'.format(1)",
    "ljust": "x = 'a'.ljust(10 ** 9)",
    "replace": "x = ('a' * 1000).replace('a', 'a' * 100000)",
    "join": "x = ('a' * 100000).join(['a'] * 1000)",
    "text of a doubled list": "a = [1]\nfor i in range(60): a = [a, a]\nx = str(a)",
    "comparing doubled lists": "a = b = [1]\nfor i in range(60):\n    a = [a, a]\n    b = [b, b]\nx = a == b",
    "hash of a doubled tuple": "a = (1,)\nfor i in range(60): a = (a, a)\nx = {a: 1}",
    "format of a doubled list": "a = [1]\nfor i in range(60): a = [a, a]\nx = '%s' % (a,)",
    "a list in itself": "a = []\na.append(a)\nx = str(a)",
    "depth": "a = []\nfor i in range(90000): a = [a]\nx = a == [a]",
    "growing while it is read": "a = [1]\nfor x in a: a.append(x)",
    "doubling in place": "a = [1]\nfor i in range(99): a += a",
    "extend": "a = [1]\nfor i in range(99): a.extend(a)",
    "comprehension": "x = [1 for a in range(999) for b in range(999) for c in range(999)]",
    "recursion": "def f(n): return f(n - 1) + f(n - 1) if n else 1\nx = f(24)",
    "slices": "a = list(range(1000))\nfor i in range(10 ** 5): b = a[:]",
    "sorting": "a = list(range(1000))\nfor i in range(10 ** 5): b = sorted(a)",
    "searching": "a = list(range(1000))\nfor i in range(10 ** 5): b = -1 in a",
    "brackets": "x = " + "[" * 9999 + "]" * 9999,
    "signs": "x = " + "-" * 99999 + "1",
    "terms": "x = " + "1+" * 99999 + "1",
    "attributes": "x = a" + ".a" * 99999,
    "length": "x = 1 #" + " " * 300_000,
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_no_file_takes_long_or_much_memory(bomb: str, tmp_path: Path) -> None:
    began = time.process_time()
    (said,) = refusal(tmp_path, BASE + bomb + "\n")
    assert said
    assert time.process_time() - began < 10


def test_values_that_are_small_but_endless_are_told_briefly(tmp_path: Path) -> None:
    text = (
        BASE
        + "a = ['x']\nfor i in range(60): a = [a, a]\nplayers['c'] = Player('x', startup_gtp_commands=[a])\n"
    )
    (said,) = refusal(tmp_path, text)
    assert "is no GTP command" in said
    assert len(said) < 1000


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("board_size = 9", "board_size = 26"), "line 3: 'board_size' must be from 2 to 25, not 26"),
        (("board_size = 9", "board_size = 9.0"), "line 3: 'board_size' a whole number is wanted"),
        (("board_size = 9", "board_size = 2 ** 63"), "line 3: 'board_size' a whole number is wanted"),
        (("board_size = 9", ""), "line 5: matchup 0: 'board_size' is given neither here nor for all matchups"),
        (("komi = 7.5", "komi = '7.5'"), "line 4: 'komi' a number is wanted"),
        (("komi = 7.5", "komi = 1e999"), "line 4: 'komi' a number is wanted"),
        (("komi = 7.5", "komi = 7.5; move_limit = 0"), "line 4: 'move_limit' must be at least 1, not 0"),
        (("komi = 7.5", "komi = 7.5; scorer = 'x'"), "line 4: 'scorer' is one of 'internal', 'players'"),
        (("komi = 7.5", "komi = 7.5; record_games = 1"), "line 4: 'record_games' is either True or False"),
        (("komi = 7.5", "komi = 7.5; description = 3"), "line 4: 'description' a string is wanted"),
        (("komi = 7.5", "komi = 7; handicap = 1"), "line 4: 'handicap': 9x9 with handicap_style='fixed' has 2 to 9"),
        (("number_of_games=4", "handicap=10"), "line 5: matchup 0: 'handicap': 9x9 with handicap_style='fixed'"),
        (("number_of_games=4", "handicap=2, board_size=7"), "line 5: matchup 0: 'handicap': 7x7"),
        (("number_of_games=4", "games=4"), "line 5: matchup 0: Matchup has no argument games"),
        (("number_of_games=4", "number_of_games='4'"), "line 5: matchup 0: 'number_of_games' a whole number"),
        (("number_of_games=4", "player_1='b'"), "line 5: matchup 0: player_1 is given twice"),
        (("number_of_games=4", "id='a b'"), "line 5: matchup 0: 'id' 'a b' is not made of"),
        (("number_of_games=4", "id=4"), "line 5: matchup 0: 'id' a string is wanted"),
        (("number_of_games=4", "name=4"), "line 5: matchup 0: 'name' a string is wanted"),
        (("'a', 'b', number", "'a', number"), "line 5: matchup 0: two players are wanted"),
        (("'a', 'b', number", "'a', 'b', 9, number"), "matchup 0: Matchup takes 2 values without a name, not 3"),
        (("Matchup('a', 'b'", "Matchup('a', 'q'"), "line 5: matchup 0: there is no player 'q' in 'players'"),
        (("[Matchup('a', 'b', number_of_games=4)]", "[]"), "line 5: 'matchups' is empty"),
        (("[Matchup('a', 'b', number_of_games=4)]", "3"), "line 5: 'matchups' a list is wanted"),
        (("[Matchup('a', 'b', number_of_games=4)]", "['ab']"), "line 5: 'matchups' matchup 0: is no Matchup(...)"),
        (("games=4)]", "games=4, id='1'), Matchup('b', 'a')]"), "line 5: two matchups have the id '1'"),
        (("matchups = [Matchup('a', 'b', number_of_games=4)]", ""), "'matchups' is not given"),
        (("'a': Player", "'a b': Player"), "line 2: 'players' 'a b': 'a b' is not made of"),
        (("'a': Player('engine --level 1')", "'a': 'engine'"), "line 2: 'players' 'a': is no Player(...)"),
        (("'engine --level 1'", "''"), "line 2: player a: 'command' no program is named"),
        (("'engine --level 1'", "'x \"y'"), "line 2: player a: 'command' No closing quotation"),
        (("'engine --level 1'", "['x', 3]"), "line 2: player a: 'command' a string is wanted"),
        (("'engine --level 1'", "cwd='.'"), "line 2: player a: 'command' is not given"),
        (("'engine --level 1'", "'x', cwd=''"), "line 2: player a: 'cwd' is empty"),
        (("'engine --level 1'", "'x', level=1"), "line 2: player a: Player has no argument level"),
        (("'engine --level 1'", "'x', environ={'A': 1}"), "line 2: player a: 'environ' a string is wanted"),
        (("'engine --level 1'", "'x', environ=['AB']"), "line 2: player a: 'environ' a dictionary is wanted"),
        (("'engine --level 1'", "'x\\0'"), "line 2: player a: 'command' holds a NUL character"),
        (("'engine --level 1'", "'x', allow_claim=0"), "line 2: player a: 'allow_claim' is either True or False"),
        (("'engine --level 1'", "'x', startup_gtp_commands='x'"), "'startup_gtp_commands' a list is wanted"),
        (("'engine --level 1'", "'x', startup_gtp_commands=['']"), "'startup_gtp_commands' '' is no GTP command"),
        (("'engine --level 1'", "'x', startup_gtp_commands=[['a b']]"), "['a b'] is no GTP command"),
        (("'engine --level 1'", "'x', gtp_aliases={'a b': 'c'}"), "'gtp_aliases' 'a b' is no GTP command"),
        (("players = {", "players = 3; p = {"), "line 2: 'players' a dictionary is wanted"),
        (("'playoff'\n", "'playoff'\ncompetition_type = 'allplayall'\n"), "'competition_type' is given two"),
        (("'playoff'", "'tuner'"), "line 1: there are no tuner competitions, only playoff, allplayall"),
        (("competition_type = 'playoff'", "komi = 1"), "line 1: the first line must be competition_type"),
        (("'playoff'", "'playoff' # x"), "line 1: the first line must be competition_type"),
        (("'playoff'", "'playoff\""), "line 1: the first line must be competition_type"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_line(change: tuple[str, str], said: str, tmp_path: Path) -> None:
    assert change[0] in BASE
    lines = refusal(tmp_path, BASE.replace(*change))
    assert any(said in line for line in lines), lines


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("['c', 'a', Competitor('b')]", "['a']"),
            "line 5: 'competitors' lists 1; at least two players are wanted",
        ),
        (("'c', 'a'", "'a', 'a'"), "line 5: 'competitors' number 1: a is listed twice"),
        (("'c', 'a'", "'c', 'q'"), "line 5: 'competitors' number 1: there is no player 'q'"),
        (("'c', 'a'", "'c', 7"), "line 5: 'competitors' number 1: there is no player 7"),
        (("Competitor('b')", "Competitor(level=3)"), "number 2: Competitor has no argument level"),
        (("Competitor('b')", "Matchup('a', 'b')"), "line 5: competitors = ["),
        (("komi = 6", ""), "'komi' is not given"),
        (("rounds = 4", "rounds = 4.5"), "line 6: 'rounds' a whole number is wanted"),
    ],
)
def test_mistakes_of_allplayalls(change: tuple[str, str], said: str, tmp_path: Path) -> None:
    assert change[0] in ALLPLAYALL
    lines = refusal(tmp_path, ALLPLAYALL.replace(*change))
    assert any(said in line for line in lines), lines


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("dict(opening='none')", "lzeval has no setting 'opening'; there are openings, time_control"),
        ("dict(time_control='11 seconds')", "'time_control' is one of 'none', 'absolute MAIN'"),
        ("dict(time_control='absolute -1')", "'-1' is no number of seconds"),
        ("dict(time_control='canadian 0 11 0')", "there is at least one move or period"),
        ("dict(time_control='byoyomi 0 0 3')", "a period has more than 0 seconds"),
        ("dict(timeouts=dict(stop=3))", "'timeouts' has no 'stop'; there are start, new_game, move and quit"),
        ("dict(timeouts=dict(move=0))", "must be more than 0 seconds, not 0"),
        ("dict(anchor='q')", "'anchor' there is no player 'q'"),
        ("dict(referee='q')", "'referee' there is no player 'q'"),
        ("dict(faults='lose')", "'faults' is one of 'void', 'forfeit'"),
        (
            "dict(faults={'laziness': 'void'})",
            "'faults' has no 'laziness'; there are technical, start failure",
        ),
        ("dict(rules='chinese')", "'rules' is one of 'gomill', 'strict'"),
        ("dict(seed='x')", "'seed' a whole number is wanted"),
    ],
)
def test_mistakes_in_settings_of_ours(written: str, said: str, tmp_path: Path) -> None:
    (line,) = refusal(tmp_path, f"{BASE}lzeval = {written}\n")
    assert line.startswith("line 6: ")
    assert said in line


def test_all_mistakes_are_told_at_once_in_order(tmp_path: Path) -> None:
    text = BASE.replace("komi = 7.5", "komi = None").replace(
        "number_of_games=4", "move_limit=-1, handicap='x'"
    )
    lines = refusal(tmp_path, text)
    assert [line.split(":")[0] for line in lines] == ["line 4", "line 5", "line 5"]


def test_a_broken_player_is_told_once(tmp_path: Path) -> None:
    assert len(refusal(tmp_path, BASE.replace("'engine --level 1'", "''"))) == 1


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.ctl: there is no such control file"):
        read_control_file(tmp_path / "nowhere.ctl")
    with pytest.raises(UserError, match="cannot be read"):
        read_control_file(tmp_path)
    (tmp_path / "x.ctl").write_bytes(BASE.encode() + b"# caf\xe9\n")
    with pytest.raises(UserError, match="line 6: this is not UTF-8"):
        read_control_file(tmp_path / "x.ctl")
    with pytest.raises(UserError, match=r"may not end in \.hist"):
        read_control_file(write(tmp_path, BASE, "x.hist"))
    assert refusal(tmp_path, "# nothing\n")[0].startswith(": there is nothing in this file")


def assert_is_read_or_refused(path: Path) -> None:
    said = str(path)
    try:
        read_control_file(path)
    except UserError as exc:
        said = str(exc)
    assert said.startswith(str(path))


@given(st.binary(max_size=300), st.booleans())
@settings(deadline=None)
def test_bytes_never_end_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, headed: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.ctl"
    path.write_bytes(BASE.encode() * headed + data)
    assert_is_read_or_refused(path)


PIECES = st.sampled_from(
    [
        *(
            "a",
            "'b'",
            "3",
            "1.5",
            "[",
            "]",
            "(",
            ")",
            "{",
            "}",
            ",",
            ":",
            "=",
            "==",
            "+",
            "-",
            "*",
            "/",
            "%",
            "**",
            ".",
        ),
        *(
            ".join",
            ".format",
            "\n",
            "\n ",
            "for",
            "in",
            "if",
            "else",
            "def",
            "return",
            "lambda",
            "print",
            "not",
            "break",
        ),
        *(
            "Player(",
            "Matchup(",
            "players",
            "matchups",
            "komi",
            "range(3)",
            "'a'",
            "`x`",
            "0777",
            "10L",
            "#",
            "\\",
        ),
        *('"""', "break", "while", "lzeval", "dict", "import"),
    ]
)


@given(st.lists(PIECES, max_size=30))
@settings(deadline=None, max_examples=300)
def test_pieces_of_files_never_end_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "pieces.ctl"
    path.write_text(BASE + " ".join(pieces), encoding="utf-8")
    assert_is_read_or_refused(path)


# Judged by Python

NUMBERS = st.one_of(st.integers(-20, 20).map(str), st.sampled_from(["0.5", "2.25", "1e3", "True", "False"]))
STRINGS = st.sampled_from(["''", "'a'", "'level-%d'", "'%s=%s'", "'%5.1f|%-4d'", "'10'", "'b c'", "'%(a)s'"])


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(inner, max_size=3).map(", ".join)
    joined = st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%", "<<", "&", "|"]), inner)
    compared = st.tuples(inner, st.sampled_from(["==", "!=", "<", ">=", "in", "not in", "and", "or"]), inner)
    called = st.tuples(
        st.sampled_from(["len", "sum", "sorted", "list", "tuple", "min", "max", "bool", "int", "abs", "any"]),
        inner,
    )
    return st.one_of(
        joined.map(lambda parts: f"({' '.join(parts)})"),
        compared.map(lambda parts: f"({' '.join(parts)})"),
        several.map(lambda items: f"[{items}]"),
        several.map(lambda items: f"({items},)" if items else "()"),
        st.tuples(inner, inner).map(lambda pair: f"{{{pair[0]}: {pair[1]}}}"),
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]}[{pair[1]}]"),
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]}[:{pair[1]}]"),
        called.map(lambda parts: f"{parts[0]}({parts[1]})"),
        inner.map(lambda text: f"(-{text})"),
        inner.map(lambda text: f"(not {text})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} if {parts[1]} else {parts[2]})"),
        st.tuples(inner, inner).map(lambda pair: f"[({pair[0]}, i) for i in {pair[1]} if i]"),
        st.tuples(inner, inner).map(lambda pair: f"zip({pair[0]}, {pair[1]})"),
        inner.map(lambda text: f"enumerate({text})"),
        inner.map(lambda text: f"(lambda x, y=2: [x, y])({text})"),
        inner.map(lambda text: f"'-'.join({text})"),
    )


EXPRESSIONS = st.recursive(NUMBERS | STRINGS, compound, max_leaves=8)
LISTS = {
    "zip": lambda *lists: list(zip(*lists, strict=False)),
    "enumerate": lambda items: list(enumerate(items)),
}
PYTHON_ERRORS = (ArithmeticError, LookupError, TypeError, ValueError)


def same(one: object, other: object) -> bool:
    """Equal, of the same types, all the way down."""
    return (one == other and repr(one) == repr(other)) or (one != one and other != other)


def ours(expression: str) -> object:
    """The value, or a RefusedError; an expression that costs too much is no example."""
    try:
        return value_of(expression)
    except RefusedError as exc:
        assume(
            exc.problem != TOO_MUCH and "too large" not in exc.problem and "not evaluated" not in exc.problem
        )
        return exc


@given(EXPRESSIONS)
@settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_expressions_mean_what_they_mean_in_python(expression: str) -> None:
    found = ours(expression)
    try:
        judged = eval(expression, dict(LISTS))
    except PYTHON_ERRORS:
        assert isinstance(found, RefusedError), f"{expression} is {found!r}"
        return
    if "%" in expression and not same(found, judged):
        assume(not re.search(r"\d\.\d", str(judged)))  # Python 2 writes floats with fewer digits
    assert same(found, judged), f"{expression} is {judged!r}, not {found!r}"


PYTHON2_ANSWERS = """
from __future__ import division
import json, sys
for line in iter(sys.stdin.readline, ''):
    try:
        code = compile(json.loads(line).encode('ascii'), 'x', 'eval', division.compiler_flag)
        found = repr(eval(code, {'enumerate': lambda items: list(enumerate(items))}))
    except Exception:
        found = None
    print json.dumps(found)
    sys.stdout.flush()
"""


@pytest.fixture(scope="module")
def python2(ringmaster: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Answers expressions by their value's `repr`, line by line."""
    command = [ringmaster[0], "-c", PYTHON2_ANSWERS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def ask(process: subprocess.Popen[str], expression: str) -> str | None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(expression) + "\n")
    process.stdin.flush()
    answer: str | None = json.loads(process.stdout.readline())
    return answer


@pytest.mark.engine
@given(expression=EXPRESSIONS)
@settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
def test_expressions_mean_what_they_mean_in_python_2(python2: subprocess.Popen[str], expression: str) -> None:
    assume(
        not re.search(r"\{.*\{|[<>]|min|max|sorted|list\(\{|in \{", expression)
    )  # it compares and orders anything
    found = ours(expression)
    judged = ask(python2, expression)
    if isinstance(found, RefusedError):
        assert judged is None, f"{expression} is {judged}; refused: {found.problem}"
    else:
        assert judged is not None, f"{expression} is {found!r}, an error in Python 2"
        assert same(found, eval(re.sub(r"(?<=\d)L\b", "", judged))), (
            f"{expression} is {judged}, not {found!r}"
        )


@pytest.mark.engine
@pytest.mark.parametrize(
    "expression",
    [
        *("str(1 / 3)", "str(7.0)", "str(1e30)", "'%s' % (2 / 3)", "'%s %d' % (0.1 + 0.2, 3.9)", "str([1 / 3, 'a'])"),
        *("round(2.5)", "round(-2.5)", "round(2.345, 2)", "7 // 2", "-7 // 2", "-7 % 3", "range(3) + [5]", "2 ** 10"),
        *("'{0}-{1:03d}'.format('a', 7)", "'{}'.format(1 / 3)", "'{x}'.format(x=3)", "zip([1, 2], 'ab')", "2 ** -1"),
        *("'a,b'.split(',')", "' x '.strip()", "'ab'.replace('a', 'xy')", "'7'.zfill(3)", "sorted({'b': 1, 'a': 2})"),
        *("[1, 2, 3][::-1]", "'abc'[1:]", "dict(a=1)['a']", "sum([[1], [2]], [])", "'%%%c' % 'x'", "max(1, 2.5, 2)"),
    ],
)  # fmt: skip
def test_text_and_numbers_are_python_2s(python2: subprocess.Popen[str], expression: str) -> None:
    judged = ask(python2, expression)
    assert judged is not None
    assert same(value_of(expression), eval(judged))


# Judged by gomill

VALID = {
    "base": BASE,
    "allplayall": ALLPLAYALL,
    "article": ARTICLE,
    "everything": """competition_type = "playoff"
description = u'''
  Zwei Programme: Grüße
'''
record_games = False
stderr_to_log = False
skip_player_checks = True
board_size = 13
komi = 6
handicap = None
handicap_style = 'free'
move_limit = 200
scorer = 'internal'
internal_scorer_handicap_compensation = 'short'
alternating = True
number_of_games = 7
players = {
    'a,b': Player(command="prog 'two words' \\"x\\"", cwd='sub', environ={'A': 'b'}, is_reliable_scorer=False),
    'c#'[:1]: Player(['~/x', '-y'], startup_gtp_commands=['a  b c', ['d', 'e']], allow_claim=True, environ=None),
    'd': Player('/abs/x', gtp_aliases={'gomill-cpu_time': 'cputime'}, discard_stderr=True, cwd=None,
                sgf_player_name_from_gtp=False),
}
matchups = (
    Matchup('a,b', 'c'), Matchup('c', 'c', name='Spiegel: 囲碁', komi=-0.5),
    Matchup(player_2='d', player_1='c', id='x!', handicap=4, board_size=19, handicap_style='fixed'),
    Matchup('c', 'c', handicap=100, scorer='players', number_of_games=None, alternating=False),
    Matchup('d', 'a,b', id='last', name='', number_of_games=0, internal_scorer_handicap_compensation='no'),
)
""",
    "computed": """
# a comment first

competition_type = 'allplayall'
def p(n, extra=[]): return Player("engine --visits=%d" % (n / 2), startup_gtp_commands=["komi %s" % (n / 3)] + extra)
players = dict(("n%02d" % n, p(n)) for n in range(2, 9, 3))
competitors = [Competitor(c) for c in sorted(players)]
board_size = max(map_size for map_size in (9, 13))
komi = 13 / 2
rounds = [None, 5][1]
handicap = 3
""",
}
INVALID = {
    name: BASE.replace(*change)
    for name, change in {
        "size": ("= 9", "= 1"),
        "komi": ("7.5", "'x'"),
        "argument": ("number_of_games=4", "games=1"),
        "player": ("'a', 'b'", "'a', 'z'"),
        "id": ("games=4", "games=4, id='a b'"),
        "ids": ("games=4)", "games=4, id='1'), Matchup('a', 'b')"),
        "code": ("'a':", "'a b':"),
        "handicap": ("games=4", "games=4, handicap=1"),
        "handicap 7": ("games=4", "games=4, handicap=2, board_size=7"),
        "default handicap": ("komi = 7.5", "komi = 7.5; handicap = 12"),
        "empty": ("[Matchup('a', 'b', number_of_games=4)]", "[]"),
        "no matchups": ("matchups =", "match ="),
        "no players": ("players =", "engines ="),
        "bool": ("komi = 7.5", "komi = 7.5; alternating = 1"),
        "float": ("board_size = 9", "board_size = 9.0"),
        "command": ("'engine --level 1'", "''"),
        "quotes": ("'engine --level 1'", "'a \"b'"),
        "no command": ("'engine --level 1'", ""),
        "no Player": ("Player('engine --level 1')", "'engine'"),
        "alias": ("'engine --level 1'", "'x', gtp_aliases={'a b': 'c'}"),
        "startup": ("'engine --level 1'", "'x', startup_gtp_commands=[['a b']]"),
        "cwd": ("'engine --level 1'", "'x', cwd=''"),
        "first line": ("competition_type", "komi = 3\ncompetition_type"),
        "comment": ("'playoff'", "'playoff' # this"),
        "no Competitor": ("'a', 'b', ", "Competitor('a'), 'b', "),
    }.items()
} | {
    "twice": ALLPLAYALL.replace("'c', 'a'", "'a', 'a'"),
    "unknown": ALLPLAYALL.replace("'c', 'a'", "'a', 'q'"),
    "no size": ALLPLAYALL.replace("board_size", "size"),
    "rounds": ALLPLAYALL.replace("rounds = 4", "rounds = '4'"),
}  # fmt: skip


def as_gomill_has_it(competition: Competition) -> dict[str, Any]:
    """Ours in the shape of `tests/support/clients/gomill_judge.py`."""
    return {
        "players": {
            code: [
                list(player.command),
                None if player.cwd is None else str(player.cwd),
                sorted(player.environ.items()),
                [[command.split(" ")[0], command.split(" ")[1:]] for command in player.startup_gtp_commands],
                dict(player.gtp_aliases),
                player.is_reliable_scorer,
                player.allow_claim,
                player.discard_stderr,
                player.sgf_player_name_from_gtp,
            ]
            for code, player in competition.players.items()
        },
        "matchups": [
            [
                *(
                    matchup.id,
                    matchup.name,
                    matchup.player_1,
                    matchup.player_2,
                    matchup.board_size,
                    matchup.komi,
                ),
                *(
                    matchup.alternating,
                    matchup.handicap,
                    matchup.handicap_style,
                    matchup.move_limit,
                    matchup.scorer,
                ),
                *(
                    matchup.internal_scorer_handicap_compensation,
                    matchup.number_of_games,
                    competition.event(matchup),
                ),
            ]
            for matchup in competition.matchups
        ],
        "settings": [
            competition.description,
            competition.record_games,
            competition.stderr_to_log,
            competition.skip_player_checks,
        ],
    }


def normalised(answer: dict[str, Any]) -> dict[str, Any]:
    for player in answer["players"].values():
        player[1] = player[1] and str(Path(player[1]))  # a path that ends in `.`
        player[2] = sorted(dict(player[2] or {}).items())
    answer["settings"][0] = answer["settings"][0] or ""
    return answer


def compare_with_gomill(
    ringmaster: list[str], folder: Path, texts: dict[str, str], *, trust: bool = False
) -> None:
    paths = [write(folder, text, f"{number}.ctl") for number, text in enumerate(texts.values())]
    answers = ask_gomill(ringmaster, [{"ctl": str(path), "games": []} for path in paths], folder)
    for name, path, answer in zip(texts, paths, answers, strict=True):
        assert "error" not in answer, f"{name}: {answer}"
        found = as_gomill_has_it(read_control_file(path, trust=trust))
        assert normalised(found) == normalised(answer), name


@pytest.mark.engine
@pytest.mark.parametrize("trust", [False, True])
def test_gomill_reads_the_same(trust: bool, ringmaster: list[str], tmp_path: Path) -> None:
    compare_with_gomill(ringmaster, tmp_path, VALID, trust=trust)


@pytest.mark.engine
def test_gomill_refuses_the_same(ringmaster: list[str], tmp_path: Path) -> None:
    paths = [write(tmp_path, text, f"{number}.ctl") for number, text in enumerate(INVALID.values())]
    answers = ask_gomill(ringmaster, [{"ctl": str(path), "games": []} for path in paths], tmp_path)
    for name, path, answer in zip(INVALID, paths, answers, strict=True):
        assert "error" in answer, f"{name}: gomill takes it"
        with pytest.raises(UserError):
            read_control_file(path)


STRICTER = {
    "infinite komi": BASE.replace("7.5", "1e999"),
    "commands in a string": BASE.replace("'engine --level 1'", "'x', startup_gtp_commands='ab'"),
    "one competitor": ALLPLAYALL.replace("'c', 'a', ", ""),
}
MORE_LENIENT = {
    "byte order mark": "\ufeff" + BASE,
    "line ends of Windows": BASE.replace("\n", "\r\n"),
    "spaces behind the first line": BASE.replace("'playoff'", "'playoff' "),
    "no commands": BASE.replace("'engine --level 1'", "'x', startup_gtp_commands=None"),
    "no aliases": BASE.replace("'engine --level 1'", "'x', gtp_aliases=None"),
}
"""Where we differ from gomill, as docs/control-files.md has it."""


@pytest.mark.engine
def test_where_gomill_differs(ringmaster: list[str], tmp_path: Path) -> None:
    texts = [*STRICTER.values(), *MORE_LENIENT.values()]
    paths = [tmp_path / f"{number}.ctl" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text.encode("utf-8"))
    answers = ask_gomill(ringmaster, [{"ctl": str(path), "games": []} for path in paths], tmp_path)
    assert ["error" in answer for answer in answers] == [False] * len(STRICTER) + [True] * len(MORE_LENIENT)
    for path in paths[: len(STRICTER)]:
        with pytest.raises(UserError):
            read_control_file(path)
    for path in paths[len(STRICTER) :]:
        assert len(read_control_file(path).matchups) == 1


def test_the_examples_of_our_documentation(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "control-files.md").read_text(encoding="utf-8")
    example, addition = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    competition = read(tmp_path, example + addition)
    assert competition.players["new"].startup_gtp_commands == ("time_settings 0 11 1",)
    assert competition.lzeval.anchor == "old"
    assert competition.lzeval.timeouts == Timeouts(start_s=120, move_s=60)
    (said,) = refusal(tmp_path, example + "import os\n")
    assert re.sub(r"\d+", "12", said) in page
    listed = re.search(r"`(abs all any .*?)`", page)
    assert listed is not None
    assert set(listed[1].split()) == set(BUILTINS)


@pytest.mark.engine
def test_every_example_of_gomills_documentation(
    ringmaster: list[str], gomill_archive: Path, tmp_path: Path
) -> None:
    texts = documented_files(gomill_archive)
    assert sum("playoff" in text for text in texts.values()) >= 12
    assert sum("allplayall" in text for text in texts.values()) >= 1
    compare_with_gomill(ringmaster, tmp_path, texts)
    compare_with_gomill(ringmaster, tmp_path, texts, trust=True)


# Trusted


def test_a_trusted_file_is_executed(tmp_path: Path) -> None:
    text = BASE + textwrap.dedent(
        """
        import os
        print("said aloud")
        komi = len(os.path.join('a', 'b')) + 0.5
        class Sizes(object):
            nine = 9
        board_size = Sizes.nine
        matchups = (Matchup(x, 'b', number_of_games=n) for x, n in [('a', 3), ('b', 4)])
        unused = object()
        """
    )
    assert "cannot be evaluated" in refusal(tmp_path, text)[0]
    competition = read_control_file(tmp_path / "x.ctl", trust=True)
    assert [(m.komi, m.players, m.number_of_games) for m in competition.matchups] == [
        (3.5, ("a", "b"), 3),
        (3.5, ("b", "b#2"), 4),
    ]


def test_a_trusted_file_that_fails_is_one_line(tmp_path: Path) -> None:
    (said,) = refusal(tmp_path, BASE + "\n\nkomi = 1 // 0\n", trust=True)
    assert said.startswith("line 8: ZeroDivisionError: ")
    (said,) = refusal(tmp_path, BASE + "import sys; sys.exit(3)\n", trust=True)
    assert "ended before its end" in said
    (said,) = refusal(tmp_path, BASE + "komi = object()\n", trust=True)
    assert said == ": 'komi' a number is wanted"
    (said,) = refusal(tmp_path, BASE.replace("'engine --level 1'", "''"), trust=True)
    assert said.startswith("line 2: player a: ")


def test_a_trusted_file_does_not_run_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tournaments.gomill.control.trusted.DEADLINE_S", 1.0)
    (said,) = refusal(tmp_path, BASE + "while True: pass\n", trust=True)
    assert said == ": it ran for 1 seconds and was ended"


def test_a_trusted_file_without_python_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tournaments.gomill.control.trusted.find_python2", lambda: None)
    assert read_control_file(write(tmp_path, BASE), trust=True).notes == (
        "no Python 2.7 was found: the file was executed by Python 3",
    )
    (said,) = refusal(tmp_path, BASE + "print 'x'\n", trust=True)
    assert said.startswith("line 6: SyntaxError: ")
    assert said.endswith("there is no Python 2.7 here to run it as gomill would")


def test_numbers_of_a_file_are_finite(tmp_path: Path) -> None:
    assert math.isfinite(read(tmp_path, BASE).matchups[0].komi)
    assert refusal(tmp_path, BASE + "komi = float('nan')\n") == ["line 6: 'komi' a number is wanted"]
