"""One KataGo, many threads that ask it, and what goes wrong with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engines.gtp.errors import EngineGone, EngineRefused, EngineTimeout, LostTogether
from engines.katago.arguments import KataGoArguments
from engines.katago.player import query_of
from engines.katago.process import Answer
from engines.katago.program import program_at
from engines.katago.start import KataGo, start_katago
from lzeval.errors import EngineError, UserError
from lzeval.go.colour import Colour
from lzeval.go.game import Game
from lzeval.go.points import parse_vertex
from tests.support.katago import FakeKataGo

GAME = Game(9, 7.0)
GAME.play(Colour.BLACK, parse_vertex("E5", 9))


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKataGo]:
    program_at.cache_clear()
    yield FakeKataGo(tmp_path, monkeypatch)
    program_at.cache_clear()


@pytest.fixture
def told() -> list[str]:
    return []


def start(fake: FakeKataGo, told: list[str] | None = None, settings: str = "") -> KataGo:
    arguments = KataGoArguments(str(fake.network), settings=settings)
    warn = None if told is None else told.append
    config = fake.network.with_name("katago.cfg")
    return start_katago(arguments, config, 4, silence_s=20, name="net", warn=warn)


def ask(katago: KataGo, visits: int = 10, timeout_s: float = 20) -> Answer:
    return katago.process.ask(query_of(GAME, Colour.WHITE, visits), timeout_s)


def outcomes(katago: KataGo, number: int, timeout_s: float = 20) -> list[Answer | EngineError]:
    """What so many threads get that ask at once."""
    together = threading.Barrier(number)

    def one(visits: int) -> Answer | EngineError:
        together.wait()
        try:
            return ask(katago, visits, timeout_s)
        except EngineError as error:
            return error

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(10, 10 + number)))


def test_each_thread_gets_the_answer_to_its_own_query(fake: FakeKataGo) -> None:
    katago = start(fake)
    answers = outcomes(katago, 8)
    assert [answer["rootInfo"]["visits"] for answer in answers if isinstance(answer, dict)] == list(
        range(10, 18)
    )
    katago.process.close()
    assert not katago.process.is_alive
    with pytest.raises(LostTogether):
        ask(katago)


def test_one_is_told_why_it_died_and_the_others_that_they_are_not_to_blame(fake: FakeKataGo) -> None:
    fake.goes_wrong("dies=1")
    errors = outcomes(start(fake), 6)
    (told,) = [error for error in errors if isinstance(error, EngineGone)]
    assert str(told) == "net: the program ended with status 3, last saying 'CUDA error: it burns'"
    others = [error for error in errors if isinstance(error, LostTogether)]
    assert len(others) == 5
    assert all("CUDA error" in str(error) for error in others)


def test_one_that_hangs_is_killed_after_the_time_for_a_move(fake: FakeKataGo) -> None:
    fake.goes_wrong("hangs=1")
    katago = start(fake)
    began_s = time.monotonic()
    errors = outcomes(katago, 4, timeout_s=0.5)
    assert time.monotonic() - began_s < 10
    kinds = sorted(type(error).__name__ for error in errors)
    assert kinds == ["EngineTimeout", "LostTogether", "LostTogether", "LostTogether"]
    assert "net: 'analysis': no answer within 0.5 s" in map(str, errors)
    assert not katago.process.is_alive


def test_an_error_for_a_position_is_of_that_position_alone(fake: FakeKataGo) -> None:
    fake.goes_wrong("error=2")
    katago = start(fake)
    assert ask(katago)["rootInfo"]["visits"] == 10
    with pytest.raises(EngineRefused, match="moves: Could not parse board"):
        ask(katago)
    assert katago.process.is_alive
    katago.process.close()


@pytest.mark.parametrize(
    ("how", "warning"),
    [
        ("warning", "net: rules: rules are not those of this network"),
        ("stray", "net: an answer that nobody asked for, with id 'nobody'"),
        ("garbage", "net: not an answer: 'not JSON at all'"),
    ],
)
def test_what_is_odd_is_told_once_and_harms_nothing(
    fake: FakeKataGo, told: list[str], how: str, warning: str
) -> None:
    fake.goes_wrong(how)
    katago = start(fake, told)
    assert [ask(katago)["rootInfo"]["visits"] for _ in range(3)] == [10] * 3
    assert told == [warning]
    katago.process.close()


@pytest.mark.parametrize(
    ("how", "settings", "kind", "complaint"),
    [
        ("refuses", "", EngineGone, "is it a neural net"),
        (
            "old",
            "",
            EngineRefused,
            "KataGo 1.18.1 is too old: its answers have no playSelectionValue; get 1.15",
        ),
        ("dies=0", "", EngineGone, "CUDA error: it burns"),
        ("", "unknownSetting=3", EngineError, "KataGo 1.18.1 knows no setting unknownSetting"),
        (
            "version=Leela Zero 0.17",
            "",
            UserError,
            "is no KataGo; asked for its version, it says 'Leela Zero 0.17'",
        ),
    ],
)
def test_one_that_is_not_fit_is_refused_at_the_start(
    fake: FakeKataGo, how: str, settings: str, kind: type[Exception], complaint: str
) -> None:
    fake.goes_wrong(how)
    with pytest.raises(kind, match=complaint):
        start(fake, settings=settings)


def test_a_silent_start_has_an_end(fake: FakeKataGo) -> None:
    fake.goes_wrong("slow=60")
    arguments = KataGoArguments(str(fake.network))
    with pytest.raises(EngineTimeout):
        start_katago(arguments, fake.network.with_name("katago.cfg"), 1, silence_s=1.0)


def test_a_missing_program_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: FakeKataGo
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("KATAGO", "no-katago")
    with pytest.raises(UserError, match="KATAGO=no-katago: there is no such program"):
        start(fake)
    monkeypatch.delenv("KATAGO")
    with pytest.raises(UserError, match="there is no katago on PATH; get it from"):
        start(fake)
