"""The loop of the runner, with games that only have a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from lzeval.errors import EngineError, UserError
from tournaments.games.thinking import ThinkingOf
from tournaments.runner.progress import Progress
from tournaments.runner.runner import play


@dataclass(frozen=True)
class Named:
    game_id: str


@dataclass
class FakeBackend:
    """Plays two games at a time and ends them first come, first served; what `says` lists by turn comes besides."""

    says: dict[int, list[str] | BaseException] = field(default_factory=dict)
    evaluations: int = 0
    thinking: ThinkingOf = field(default_factory=dict)
    given: list[str] = field(default_factory=list)
    playing: list[Named] = field(default_factory=list)
    turns: int = 0
    stops: int = 0

    @property
    def free(self) -> int:
        return 2 - len(self.playing)

    def give(self, jobs: Sequence[Named]) -> None:
        assert len(jobs) <= self.free
        self.playing += jobs
        self.given += [job.game_id for job in jobs]

    def finished(self, timeout_s: float) -> list[Named]:
        said = self.says.get(self.turns, [])
        self.turns += 1
        self.evaluations += 10
        if isinstance(said, BaseException):
            raise said
        return [self.playing.pop(0), *map(Named, said)] if timeout_s else [Named(name) for name in said]

    def stop(self) -> None:
        self.stops += 1


@dataclass
class FakeGames:
    """Games `0`, `1`, ...; those in `again` are void once."""

    waiting: list[str]
    again: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    progress: Progress = field(default_factory=lambda: Progress(None))
    enough: int = 99
    ticks: int = 0

    def next(self, free: int) -> list[Named]:
        return [Named(self.waiting.pop(0))] if free and self.waiting else []

    def keep(self, played: Named) -> None:
        if played.game_id in self.again:
            self.again.remove(played.game_id)
            self.waiting.insert(0, played.game_id)
        else:
            self.kept.append(played.game_id)
        self.progress.is_stopping = len(self.kept) >= self.enough

    def tick(self) -> None:
        self.ticks += 1


def names(count: int) -> list[str]:
    return list(map(str, range(count)))


def test_all_games_are_played_and_watched_to_the_end() -> None:
    backend, games = FakeBackend(), FakeGames(names(5))
    watched: list[int] = []
    play(backend, games, games.progress, lambda progress: watched.append(progress.evaluations))
    assert games.kept == backend.given == names(5)
    assert (watched[0], watched[-1]) == (0, 50)
    assert games.ticks == 6
    assert backend.stops == 1


def test_a_game_that_comes_back_to_be_played_again_is() -> None:
    backend, games = FakeBackend(), FakeGames(names(3), again=["1", "2"])
    play(backend, games, games.progress)
    assert backend.given == ["0", "1", "2", "1", "2"]
    assert sorted(games.kept) == names(3)


def test_a_game_counts_once_however_often_it_is_reported() -> None:
    backend, games = FakeBackend({0: ["0"], 1: ["0", "9"], 2: ["1"]}), FakeGames(names(4))
    play(backend, games, games.progress)
    assert games.kept == names(4)


@pytest.mark.parametrize(("drops", "kept"), [(False, 4), (True, 3)])
def test_enough_is_enough(drops: bool, kept: int) -> None:
    """Games that have begun are finished, or dropped where that is wanted."""
    backend, games = FakeBackend(), FakeGames(names(9), enough=3)
    play(backend, games, games.progress, drops_begun=drops)
    assert games.kept == names(kept)
    assert backend.given == names(4)
    assert backend.stops == 1


def test_an_interruption_keeps_what_has_ended() -> None:
    backend, games = FakeBackend({2: KeyboardInterrupt(), 3: ["2"]}), FakeGames(names(9))
    with pytest.raises(KeyboardInterrupt):
        play(backend, games, games.progress)
    assert games.kept == ["0", "1", "2"]
    assert backend.stops == 1


def test_an_interruption_is_told_rather_than_what_breaks_after_it() -> None:
    backend, games = (
        FakeBackend({1: KeyboardInterrupt(), 2: EngineError("worker", "died")}),
        FakeGames(names(9)),
    )
    with pytest.raises(KeyboardInterrupt):
        play(backend, games, games.progress)
    assert backend.stops == 1


def test_a_backend_that_cannot_go_on_ends_the_run() -> None:
    backend, games = FakeBackend({1: UserError("full")}), FakeGames(names(9))
    with pytest.raises(UserError, match="full"):
        play(backend, games, games.progress)
    assert games.kept == ["0"]
    assert backend.stops == 1
