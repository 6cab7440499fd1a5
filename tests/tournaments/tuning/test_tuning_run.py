"""Tuning events played, interrupted, gone on with, and changed in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import parse_result
from tests.support.fakes.tuning_backend import TuningBackend, install
from tests.support.tuning_files import CE, MC, write
from tournaments.games.gtp_game import GameTask
from tournaments.gomill.control_file import read_control_file
from tournaments.runner.progress import Progress
from tournaments.runner.tournament import RunOptions
from tournaments.tuning.model_tuner import METHOD, ModelTuner
from tournaments.tuning.tuning_games import random_for
from tournaments.tuning.tuning_run import prepare_tuning, tuning_state

METHODS = {
    "mc": (MC, None),
    "mc tree": (MC + "max_depth = 2\n", None),
    "cem": (CE, None),
    "model": (MC, METHOD),
}


def play(path: Path, method: str | None = None, games: int | None = None, **options: Any) -> Progress:
    return prepare_tuning(read_control_file(path), RunOptions(**options), method, games).play()


def counted(folder: Path) -> list[str]:
    return sorted(file.stem for file in (folder / "tune.games").iterdir())


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    count = 0

    def folder() -> Iterator[Path]:
        nonlocal count
        while True:
            count += 1
            path = tmp_path / str(count)
            path.mkdir()
            yield path

    return folder()


@pytest.mark.parametrize("name", METHODS)
def test_a_run_that_was_killed_anywhere_goes_on(
    folders: Iterator[Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    text, method = METHODS[name]
    games = 24 if method else None
    text = text.replace("number_of_games = 60", "number_of_games = 40")
    whole = write(next(folders), text)
    install(monkeypatch, TuningBackend(3))
    wanted = play(whole, method, games).wanted
    log = whole.with_suffix(".played").read_bytes()
    ids = counted(whole.parent)
    assert len(ids) == wanted
    for part in (0.3, 0.77) if method else (0.05, 0.31, 0.5, 0.77, 1.0):
        path = write(next(folders), text)
        kept = log[: int(len(log) * part)]
        path.with_suffix(".played").write_bytes(kept)
        before = kept.count(b'"kind":"game"')
        backend = install(monkeypatch, TuningBackend(2))
        play(path, method, games)
        assert counted(path.parent) == ids
        assert abs(len(backend.begun) + before - len(ids)) <= 1  # one may be torn in the middle
        state = tuning_state(read_control_file(path))
        assert len(state.games) == len(ids)
        assert path.with_suffix(".report").read_text() == state.text


@pytest.mark.parametrize("name", ["mc", "mc tree", "cem"])
def test_an_interruption_changes_nothing(
    folders: Iterator[Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    text, _ = METHODS[name]
    whole, parts = (write(next(folders), text) for _ in range(2))
    install(monkeypatch, TuningBackend(1))
    play(whole)
    while play(parts, most_games=17).played_now == 17:
        pass
    for suffix in (".hist", ".report"):
        assert parts.with_suffix(suffix).read_text() == whole.with_suffix(suffix).read_text()


@pytest.mark.parametrize("text", [MC, CE])
def test_a_parameter_that_is_refused_is_given_up_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    def spoils(task: GameTask) -> str | None:
        candidate = max((task.black, task.white), key=lambda player: player.code != "passer")
        return candidate.code if float(candidate.command[-1]) > 0.85 else None

    path = write(tmp_path, text)
    backend = install(monkeypatch, TuningBackend(2, spoils))
    said: list[dict[str, Any]] = []
    progress = prepare_tuning(read_control_file(path)).play(said.append)
    given_up = [event for event in said if event["event"] == "given up"]
    assert given_up
    assert all(float(event["parameters"].split()[-1]) > 0.85 for event in given_up)
    assert not progress.suspended
    assert progress.incidents
    assert max(map(backend.begun.count, backend.begun)) == 3
    report = path.with_suffix(".report").read_text()
    assert "60/60" in report if text is MC else "final distribution" in report
    assert len(tuning_state(read_control_file(path)).games) == len(progress.games)


def test_the_model_avoids_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoils(task: GameTask) -> str | None:
        candidate = max((task.black, task.white), key=lambda player: player.code != "passer")
        return candidate.code if float(candidate.command[-1]) > 0.85 else None

    path = write(tmp_path, MC)
    install(monkeypatch, TuningBackend(1, spoils))
    said: list[dict[str, Any]] = []
    prepare_tuning(read_control_file(path), None, METHOD, 30).play(said.append)
    assert 1 <= sum(event["event"] == "given up" for event in said) <= 6
    assert len(tuning_state(read_control_file(path)).games) == 30


@pytest.mark.parametrize("guilty", ["candidate", "opponent"])
def test_a_run_ends_where_nobody_can_play(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guilty: str
) -> None:
    def spoils(task: GameTask) -> str | None:
        codes = {player.code for player in (task.black, task.white)}
        return "passer" if guilty == "opponent" else (codes - {"passer"}).pop()

    path = write(tmp_path, MC)
    backend = install(monkeypatch, TuningBackend(1, spoils))
    progress = play(path)
    assert list(progress.suspended) == ["passer" if guilty == "opponent" else "#candidate"]
    assert len(backend.begun) == (3 if guilty == "opponent" else 9)
    install(monkeypatch, TuningBackend(1))  # mended: nothing is held against anybody
    assert play(path).played_now == 60


CHANGES = {
    "scale": (MC, ("LINEAR(0.0, 1.0)", "LINEAR(0.0, 0.9)"), "tuning x was"),
    "split": (MC, ("split=5", "split=6"), "tuning split was"),
    "opponent": (MC, ('"pass")}', '"pass", "x")}'), "player passer: command was"),
    "komi": (MC, ("komi = 7.5", "komi = 6.5"), "matchup tuning: komi was 7.5, is 6.5"),
    "colour": (MC, ('"random"', '"b"'), "tuning candidate_colour was 'random', is 'b'"),
    "samples": (CE, ("generation = 10", "generation = 12"), "tuning samples_per_generation was 10, is 12"),
    "fewer games": (
        CE,
        ("batch_size = 4", "batch_size = 3"),
        "batch_size was 4, is 3; it may only become larger",
    ),
}
ALLOWED = {
    "more games": (MC, ("= 60", "= 70"), 70),
    "exploration": (MC, ("0.45", "0.2"), 60),
    "depth": (MC, ("initial_wins", "max_depth = 2\ninitial_wins"), 60),
    "format": (MC, ("x: %.3f", "%f"), 60),
    "maker": (MC, ('"%.4f" % x', '"%.5f" % x'), 60),
    "more generations": (CE, ("generations = 3", "generations = 4"), 160),
    "larger batches": (CE, ("batch_size = 4", "batch_size = 5"), None),
    "step": (CE, ("step_size = 0.8", "step_size = 0.5"), 120),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_that_would_mix_different_games_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    text, change, message = CHANGES[name]
    path = write(tmp_path, text)
    install(monkeypatch, TuningBackend(2))
    play(path, most_games=4)
    write(tmp_path, text.replace(*change))
    with pytest.raises(UserError, match=message) as raised:
        play(path)
    assert "lzeval tournament reset" in str(raised.value)


@pytest.mark.parametrize("name", ALLOWED)
def test_other_changes_are_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    text, change, games = ALLOWED[name]
    path = write(tmp_path, text)
    install(monkeypatch, TuningBackend(2))
    play(path, most_games=50)
    write(tmp_path, text.replace(*change))
    progress = play(path)
    assert games is None or len(progress.games) == games
    assert len(tuning_state(read_control_file(path)).games) == len(progress.games)


def test_the_model_goes_on_from_gomills_games_and_not_the_other_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, MC)
    install(monkeypatch, TuningBackend(2))
    play(path)
    progress = play(path, METHOD, 80)
    assert len(progress.games) == 80
    assert len(set(counted(tmp_path))) == 80
    assert "80/80 games played" in tuning_state(read_control_file(path)).text
    with pytest.raises(
        UserError, match="games have been played by --method model, which mc cannot go on from"
    ):
        play(path)


def test_a_game_without_a_result_teaches_the_model_nothing(tmp_path: Path) -> None:
    competition = read_control_file(write(tmp_path, MC))
    tuner = ModelTuner(competition, random_for(competition), 8)
    for result in ("B+R", "0", "?", "Void"):
        trial = tuner.next()
        assert trial is not None
        black, white = ("c", "o") if trial.colour is Colour.BLACK else ("o", "c")
        tuner.record(trial, GameRecord(trial.game_id, black, white, parse_result(result)))
    assert len(tuner.places) == len(tuner.points) == 2
    assert tuner.points[1] == 0.5, "a jigo"
    assert [line.rpartition(" ")[2] for line in tuner.history[2:]] == ["result", "result"]
