"""Playing in a pool, by crews that only pretend to, and by a room with real searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from engines.evaluator.base import Evaluator
from engines.evaluator.lazy import MOST_BUILT, on_demand
from engines.evaluator.load import EvaluatorPlan
from engines.search.searcher import Limits
from lzeval.errors import UserError
from lzeval.records.record import GameRecord
from lzeval.records.result import Outcome, parse_result
from tests.support.fakes.evaluators import HashEvaluator, fake_info
from tests.support.network_games import SETTINGS, play_all, player
from tests.support.network_games import job as plain_job
from tests.support.pools import candidate, record, weights_file
from tournaments.games.network_games import GameJob, NetworkGames, PlayerSettings
from tournaments.pool.gauntlet import Gauntlet, sentence
from tournaments.pool.play import Entrant, PoolSession, standing_of
from tournaments.pool.rating import rate_pool
from tournaments.pool.settings import settings_from
from tournaments.pool.store import RatingPool
from tournaments.runner.progress import Progress

STRENGTH = {"net0": 0.0, "net1": 150.0, "net2": 300.0, "new": 200.0}


class PretendedCrew:
    """Results by strength, some games at a time; what is given and not finished is lost when it stops."""

    def __init__(self, places: int = 4, seed: int = 1, dies_after: int | None = None) -> None:
        self.evaluations, self.thinking = 0, {}
        self.names: list[str] = []
        self.jobs: list[GameJob] = []
        self.given: list[GameJob] = []
        self.stopped = False
        self._places = places
        self._rng = Random(seed)
        self._left = dies_after

    @property
    def free(self) -> int:
        return self._places - len(self.jobs)

    def give(self, jobs: Sequence[GameJob]) -> None:
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
        black, white = self.names[job.black], self.names[job.white]
        edge = STRENGTH[black] - STRENGTH[white]
        won = self._rng.random() < 1 / (1 + 10 ** (-edge / 400))
        game = record(black, white, job.seed, "B+R" if won else "W+R", pair=job.pair)
        return [replace(game, game_id=job.game_id, opening=job.opening.name, seed=job.seed)]

    def stop(self) -> None:
        self.stopped = True


def entrant(name: str, sha: str = "") -> Entrant:
    info = replace(fake_info(5, name), sha256=sha or name)
    return Entrant(
        PlayerSettings(name, f"{name}:1", "", Limits(3)),
        EvaluatorPlan(info, "cpu", "fp32", 4, "", None),
        Path(),
    )


@pytest.fixture
def pool(tmp_path: Path) -> RatingPool:
    made = RatingPool.create(
        tmp_path / "nets.pool", settings_from({"visits": 3, "size": 5, "openings": "none"})
    )
    for seed in range(3):
        made.add_network(candidate(weights_file(tmp_path, seed)))
    return made


def session(pool: RatingPool, crew: PretendedCrew, games: int) -> PoolSession:
    names = [network.name for network in pool.networks()]
    players = {name: entrant(name) for name in names}
    crew.names = names
    progress = Progress(games)
    return PoolSession(pool, crew, players, lambda standing: standing.best_pairing(names), progress)


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
    assert second.low is not None
    assert first.low is not None
    again = rate_pool(pool).rating("net0")
    assert again is not None
    assert again.low is not None
    assert again.elo is not None
    assert again.elo - again.low == pytest.approx(-first.low)  # widths do not depend on who is the zero
    from_net1 = rate_pool(pool, origin="net1").rating("net1")
    assert from_net1 is not None
    assert (from_net1.low, from_net1.high) == (1000, 1000)
    with pytest.raises(UserError, match="--from net9: no such network"):
        rate_pool(pool, origin="net9")


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
    session(pool, PretendedCrew(), 100).play()
    pool.add_network(candidate(weights_file(tmp_path, 8), "new"))
    names = [network.name for network in pool.networks()]
    plan = Gauntlet(pool, "new", names[:-1], until=140)
    assert not plan.is_reached()
    progress = Progress(2000)
    players = {name: entrant(name) for name in names}
    crew = PretendedCrew()
    crew.names = names
    PoolSession(pool, crew, players, plan.choose, progress, plan.is_enough, "new").play()
    assert plan.is_reached()
    assert plan.games() == progress.played_now < 500
    rated = rate_pool(pool)
    text = sentence(rated, "new", 140)
    assert text.startswith("new: ")
    assert f"from {progress.played_now} games against" in text
    assert "where net0 is fixed" in text
    assert "still wider" not in text
    assert "still wider than +-1." in sentence(rated, "new", 1)


def test_a_gauntlet_of_wins_has_a_bound(pool: RatingPool) -> None:
    for number in range(6):
        pool.import_games([record("net1", "net0", number), record("net0", "net1", 50 + number)], "test")
        pool.import_games([record("net2", "net0", 100 + number)], "test")
    text = sentence(rate_pool(pool), "net2")
    assert text.startswith("net2: +")
    assert text.endswith("Won all 6 games: placed by a weak prior.")
    text = sentence(rate_pool(pool, prior=False), "net2")
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


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the plans that were built, in order; they build fakes that are salted with the network's hash."""
    names: list[str] = []

    def build(plan: EvaluatorPlan, threads: int = 1) -> Evaluator:
        names.append(plan.info.network)
        return HashEvaluator(5, plan.batch_size, int(plan.info.sha256))

    monkeypatch.setattr(EvaluatorPlan, "build", build)
    return names


def room_of(networks: int, tables: int) -> NetworkGames:
    """A room for `networks` players whose evaluators come on demand."""
    plans = [entrant(f"n{number}", str(number)).plan for number in range(networks)]
    evaluators = on_demand(plans, lambda: room.playing)
    room = NetworkGames([player(f"n{number}") for number in range(networks)], evaluators, SETTINGS, tables)
    room.warm_up()
    return room


def job(number: int, black: int, white: int) -> GameJob:
    return replace(plain_job(number, *([] if number % 4 < 2 else ["B2", "D4"])), black=black, white=white)


PAIRINGS = [(0, 1), (1, 0), (1, 2), (2, 0), (0, 3), (0, 2), (2, 1), (3, 1)]


def test_games_of_many_networks_are_those_that_two_would_play(built: list[str]) -> None:
    """Each as a `NetworkGames` of its two networks alone plays it."""
    jobs = [job(number, *pairing) for number, pairing in enumerate(PAIRINGS)]
    together = play_all(room_of(4, 6), jobs)
    assert built == ["n0", "n1", "n2", "n3"]
    for number, pairing in enumerate(PAIRINGS):
        one, other = sorted(pairing)
        both = player(f"n{one}"), player(f"n{other}")
        room = NetworkGames(both, (HashEvaluator(5, 4, one), HashEvaluator(5, 4, other)), SETTINGS, 1)
        alone = replace(jobs[number], black=int(pairing[0] == other), white=int(pairing[1] == other))
        assert play_all(room, [alone])[number] == together[number]


def test_players_with_the_same_answers_share_an_evaluator(built: list[str]) -> None:
    plans = [entrant("one", "7").plan, entrant("other", "8").plan, entrant("alias", "7").plan]
    one, other, alias = on_demand(plans, set)
    assert one is alias is not other
    assert (one.batch_size, one.info.network) == (4, "one")
    assert built == []


def test_networks_that_play_no_more_make_room(built: list[str]) -> None:
    """Two at a time, the first again after all others: that one is built twice, nobody else more than once."""
    room = room_of(MOST_BUILT + 4, 2)
    jobs = [job(n, n, n + 1) for n in range(1, MOST_BUILT + 3)]
    assert len(play_all(room, [*jobs, job(99, 0, 1)])) == len(jobs) + 1
    assert sorted(built) == sorted([f"n{n}" for n in range(MOST_BUILT + 4)] + ["n0", "n1"])


def test_networks_at_a_table_are_kept_however_many(built: list[str]) -> None:
    count = MOST_BUILT + 4
    room = room_of(count, count // 2)
    assert len(play_all(room, [job(n, 2 * n, 2 * n + 1) for n in range(count // 2)])) == count // 2
    assert sorted(built) == sorted(f"n{n}" for n in range(count))
