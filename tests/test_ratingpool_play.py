"""Playing in a pool, by crews that only pretend to, and by a room with real searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from engines.evaluator.base import Evaluator
from engines.evaluator.load import EvaluatorPlan
from engines.search.searcher import Limits
from lzeval.core.errors import UserError
from tests.fakes.evaluators import HashEvaluator, fake_info
from tests.test_playing import PLAYERS, SETTINGS, play_all
from tests.test_playing import job as plain_job
from tests.test_ratingpool_store import candidate, record, weights_file
from tournaments.gauntlet import Gauntlet, sentence
from tournaments.playing import PlayerSettings, Room
from tournaments.ratingpool.play import Progress, Session, standing_of
from tournaments.ratingpool.rating import rate_pool
from tournaments.ratingpool.room import MOST_NETWORKS, Entrant, PoolJob, PoolRoom
from tournaments.ratingpool.settings import settings_from
from tournaments.ratingpool.store import RatingPool
from tournaments.results import GameRecord, Outcome, parse_result

STRENGTH = {"net0": 0.0, "net1": 150.0, "net2": 300.0, "new": 200.0}


class PretendedCrew:
    """Results by strength, some games at a time; what is given and not finished is lost when it stops."""

    def __init__(self, places: int = 4, seed: int = 1, dies_after: int | None = None) -> None:
        self.evaluations = 0
        self.jobs: list[PoolJob] = []
        self.given: list[PoolJob] = []
        self.stopped = False
        self._places = places
        self._rng = Random(seed)
        self._left = dies_after

    @property
    def free(self) -> int:
        return self._places - len(self.jobs)

    def give(self, jobs: Sequence[PoolJob]) -> None:
        assert len(jobs) <= self.free
        self.jobs += jobs
        self.given += jobs

    def finished(self, timeout_s: float) -> list[GameRecord]:
        assert self.jobs, f"waits {timeout_s} s for nothing"
        if self._left == 0:
            raise KeyboardInterrupt
        if self._left is not None:
            self._left -= 1
        job = self.jobs.pop(self._rng.randrange(len(self.jobs)))
        names = [entrant.settings.code for entrant in job.entrants]
        black, white = names[job.black], names[1 - job.black]
        edge = STRENGTH[black] - STRENGTH[white]
        won = self._rng.random() < 1 / (1 + 10 ** (-edge / 400))
        game = record(black, white, job.seed, "B+R" if won else "W+R", pair=job.pair)
        return [replace(game, game_id=job.game_id, opening=job.opening.name, seed=job.seed)]

    def stop(self) -> None:
        self.stopped = True


def entrant(name: str, sha: str = "") -> Entrant:
    info = replace(fake_info(5, name), sha256=sha or name)
    return Entrant(
        PlayerSettings(name, f"{name}:1", "", Limits(3)), EvaluatorPlan(info, "cpu", "fp32", 4, "", None)
    )


@pytest.fixture
def pool(tmp_path: Path) -> RatingPool:
    made = RatingPool.create(
        tmp_path / "nets.pool", settings_from({"visits": 3, "size": 5, "openings": "none"})
    )
    for seed in range(3):
        made.add_network(candidate(weights_file(tmp_path, seed)))
    return made


def session(pool: RatingPool, crew: PretendedCrew, games: int) -> Session:
    names = [network.name for network in pool.networks()]
    players = {name: entrant(name) for name in names}
    progress = Progress(games, standing_of(pool, names))
    return Session(pool, crew, players, lambda standing: standing.best_pairing("net0", names), progress)


def test_as_many_games_as_wanted_in_whole_pairs(pool: RatingPool) -> None:
    crew = PretendedCrew(places=5)
    session(pool, crew, 30).play()
    games = pool.games()
    assert len(games) == 30
    by_pair: dict[tuple[frozenset[str], int | None], list[GameRecord]] = {}
    for game in games:
        by_pair.setdefault((frozenset((game.black, game.white)), game.pair), []).append(game)
    for one, other in by_pair.values():
        assert (one.black, one.white) == (other.white, other.black)
    assert {frozenset(pair) for pair, _ in by_pair} == {
        frozenset(p) for p in (("net0", "net1"), ("net0", "net2"), ("net1", "net2"))
    }
    assert len({job.seed for job in crew.given}) == 30


def test_an_interrupted_session_goes_on(pool: RatingPool) -> None:
    crew = PretendedCrew(dies_after=7)
    with pytest.raises(KeyboardInterrupt):
        session(pool, crew, 30).play()
    assert pool.count() == 7
    left = {(job.pair, job.seed) for job in crew.jobs}
    again = PretendedCrew(seed=2)
    session(pool, again, 23).play()
    assert pool.count() == 30
    assert left <= {
        (job.pair, job.seed) for job in again.given[: len(left)]
    }  # first of all, and as they were
    assert rate_pool(pool).table.unfinished_pairs == 0


def test_the_table_is_on_the_scale_of_the_first_network(pool: RatingPool) -> None:
    with pytest.raises(UserError, match="no decided games yet; lzeval pool play"):
        rate_pool(pool)
    session(pool, PretendedCrew(), 60).play()
    rated = rate_pool(pool)
    first = rated.rating("net0")
    assert first is not None
    assert first.elo == 0
    assert rated.zero == "net0"
    pool.set_anchor("net1", 1000)
    second = rate_pool(pool).rating("net1")
    assert second is not None
    assert second.elo == 1000


def test_a_scale_that_hangs_on_nobody_is_said(pool: RatingPool, tmp_path: Path) -> None:
    session(pool, PretendedCrew(), 60).play()
    pool.add_network(candidate(weights_file(tmp_path, 8), "alone"))
    pool.set_anchor("alone", 0)
    rated = rate_pool(pool)
    assert rated.zero is None
    assert [network.name for network in rated.waiting] == ["alone"]
    elo = [row.rating.elo for row in rated.table.rows if row.rating.elo is not None]
    assert sum(elo) == pytest.approx(0)


def test_a_gauntlet_stops_when_it_knows_enough(pool: RatingPool, tmp_path: Path) -> None:
    session(pool, PretendedCrew(), 200).play()
    pool.add_network(candidate(weights_file(tmp_path, 8), "new"))
    names = [network.name for network in pool.networks()]
    plan = Gauntlet(pool, "new", names[:-1], until=140)
    assert not plan.is_reached()
    progress = Progress(2000, standing_of(pool, names))
    players = {name: entrant(name) for name in names}
    Session(pool, PretendedCrew(), players, plan.choose, progress, plan.is_enough, "new").play()
    assert plan.is_reached()
    assert plan.games() == progress.played < 500
    rated = rate_pool(pool)
    text = sentence(rated, "new", 140)
    assert text.startswith("new: ")
    assert f"from {progress.played} games against" in text
    assert "where net0 is fixed" in text
    assert "still wider" not in text
    assert "still wider than +-1." in sentence(rated, "new", 1)


def test_a_gauntlet_of_wins_has_a_bound(pool: RatingPool) -> None:
    for number in range(6):
        pool.import_games([record("net1", "net0", number), record("net0", "net1", 50 + number)], "test")
        pool.import_games([record("net2", "net0", 100 + number)], "test")
    text = sentence(rate_pool(pool), "net2")
    assert text.startswith("net2: won all 6 games: no finite rating, at least ")
    with pytest.raises(UserError, match="--until 0: must be more"):
        Gauntlet(pool, "net2", ["net0"], 0.0)
    with pytest.raises(UserError, match="nobody in it whom net2 could play"):
        Gauntlet(pool, "net2", [])


def test_void_games_are_kept_and_count_for_nobody(pool: RatingPool) -> None:
    class Void(PretendedCrew):
        def finished(self, timeout_s: float) -> list[GameRecord]:
            return [replace(game, result=parse_result("Void")) for game in super().finished(timeout_s)]

    session(pool, Void(), 6).play()
    assert [game.result.outcome for game in pool.games()] == [Outcome.VOID] * 6
    assert standing_of(pool, ["net0", "net1"]).games.sum() == 0


# The room


def hash_room(tables: int, batch: int = 4) -> PoolRoom:
    def build(plan: EvaluatorPlan) -> Evaluator:
        return HashEvaluator(5, batch, int(plan.info.sha256))

    room = PoolRoom(SETTINGS, PLAYERS[0], tables, build)
    room.warm_up()
    return room


def pool_job(number: int, one: int, other: int) -> PoolJob:
    job = plain_job(number, *([] if number % 4 < 2 else ["B2", "D4"]))
    entrants = (entrant(f"n{one}", str(one)), entrant(f"n{other}", str(other)))
    return PoolJob(job.number, job.game_id, job.pair, job.opening, job.seed, job.black, entrants)


PAIRINGS = [(1, 2), (1, 2), (2, 3), (3, 1), (4, 1), (3, 1), (2, 3), (4, 2)]


def test_games_of_many_networks_are_those_that_two_would_play() -> None:
    """Each as a `Room` of its two networks alone plays it."""
    jobs = [pool_job(number, *pairing) for number, pairing in enumerate(PAIRINGS)]
    together = play_all(hash_room(6), jobs)
    for number, (one, other) in enumerate(PAIRINGS):
        both = tuple(
            replace(PLAYERS[0], code=f"n{n}", engine=f"n{n}:1", description="") for n in (one, other)
        )
        room = Room(both, (HashEvaluator(5, 4, one), HashEvaluator(5, 4, other)), SETTINGS, 1)
        assert play_all(room, [jobs[number]])[number] == together[number]


def test_a_room_forgets_networks_that_play_no_more() -> None:
    room = hash_room(2, batch=1)
    jobs = [pool_job(n, n, n + 1) for n in range(1, MOST_NETWORKS + 4)]
    assert len(play_all(room, jobs)) == len(jobs)
    assert len(room._of_networks) <= MOST_NETWORKS + 1
