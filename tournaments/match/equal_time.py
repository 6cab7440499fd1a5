"""Visits at which a move costs both players of a match the same time, measured where and as the match is played.

The two play games of the match for a while, as many at once as in the match, and their thinking is counted: so batches,
processes, and other programs that want the same cores are those of the match. What is counted comes in rounds; a
player's cost of an answer is the median of them, as other work on the machine falls into some rounds and not others.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, cycle
from statistics import median
from typing import Protocol

from engines.search.searcher import Limits
from lzeval.errors import UserError
from lzeval.go.openings import Opening, game_seed
from lzeval.records.record import GameRecord
from tournaments.games.gtp_game import GameTask
from tournaments.games.network_games import GameJob
from tournaments.games.thinking import Thinking, ThinkingOf
from tournaments.match.match import Match, with_visits
from tournaments.match.terms import EqualTime
from tournaments.runner.open_gtp_backend import open_gtp_backend
from tournaments.runner.progress import Progress
from tournaments.runner.tournament import RunOptions

MIDGAMES = 32
"""Positions from which networks play to be measured."""
LATEST_SHARE = 0.7
"""The latest of them, as a share of the board's points in moves."""
ROUND_S = 2.0
"""A round of games between networks."""
GTP_MOVES = 8
"""Moves of each player in a game with other programs that is played to measure."""
GIVE_UP_S = 300.0
"""Time without a round after which nothing can be measured."""
MOST_VISITS = 1_000_000
WORTH_ANOTHER_LOOK = 0.03
"""A change of visits that is measured once more: a move that goes on with a larger tree asks less for each visit."""
Tell = Callable[[str], None]
Watch = Callable[[float], None]
"""Is shown the part of the measuring that is done, 0 to 1."""
Round = tuple[Thinking, Thinking]
"""The thinking of A and of B in the same time."""


class Pilot(Protocol):
    """Plays with the players of a match for as long as it is asked for rounds."""

    def __call__(self, match: Match, tell: Tell) -> Iterator[Round]:
        """Rounds without end. Raises UserError or EngineError where the players cannot play."""
        ...


@dataclass(frozen=True)
class Pace:
    """When rounds are enough: all of `rounds` and `moves` (of each player), or after `longest_s` FEWEST_MOVES of them.

    Where even those take PATIENCE times as long, there are no more.
    """

    rounds: int
    moves: int
    longest_s: float


FEWEST_MOVES = 20
"""Of each player, from which it is known how many answers a move takes."""
PATIENCE = 5
FIRST, SECOND = Pace(2, 40, 60.0), Pace(5, 150, 180.0)
"""For the measurement at A's visits for both, and for that at about the visits of the match."""


@dataclass(frozen=True)
class Costs:
    """Time that a move costs each player."""

    seconds: tuple[float, float]
    spread: float
    """How far rounds differ in the ratio of both: half of the range, as a share of the median."""
    rounds: int


def at_equal_time(
    match: Match, tell: Tell, watch: Watch = lambda _: None, pilot: Pilot | None = None
) -> Match:
    """The match with as many visits for B as take the time of A's; itself where they are known, or not wanted.

    Plays for about a minute to measure, and keeps nothing. Raises UserError or EngineError where players cannot play.
    """
    if not match.options.equal_time or match.equal_time is not None:
        return match
    play = pilot or _pilot_of(match, tell)
    visits = match.options.players[0].visits
    assert visits is not None  # the options have been checked
    costs = measure(match, play, FIRST, tell, lambda share: watch(0.25 * share))
    wanted = _visits_of_b(visits, costs)
    if abs(wanted - visits) > WORTH_ANOTHER_LOOK * visits:
        costs = measure(with_visits(match, wanted), play, SECOND, tell, lambda s: watch(0.25 + 0.75 * s))
        wanted = _visits_of_b(wanted, costs)
    found = EqualTime((visits, wanted), costs.seconds[0], costs.spread, costs.rounds)
    return replace(with_visits(match, wanted), equal_time=found)


def _pilot_of(match: Match, tell: Tell) -> Pilot:
    if match.is_of_networks:
        return partial(pilot_of_networks, jobs=midgame_jobs(match, tell))
    return pilot_of_programs


def _visits_of_b(visits: int, costs: Costs) -> int:
    """As many as take the time of A's move, where `visits` cost B what was measured."""
    return min(MOST_VISITS, max(1, round(visits * costs.seconds[0] / costs.seconds[1])))


def measure(match: Match, pilot: Pilot, pace: Pace, tell: Tell, watch: Watch) -> Costs:
    """Have both play until there are rounds enough."""
    playing = pilot(match, tell)
    try:
        rounds = [next(playing)]
        began_s = time.monotonic()
        while True:
            moves = _moves_of_both(rounds)
            passed = (time.monotonic() - began_s) / pace.longest_s
            share = max(
                min(len(rounds) / pace.rounds, moves / pace.moves),
                min(passed, moves / FEWEST_MOVES),
                passed / PATIENCE,
            )
            watch(min(1.0, share))
            if share >= 1:
                return costs_of(rounds, [player.visits or 1 for player in match.options.players])
            rounds.append(next(playing))
    finally:
        getattr(playing, "close", lambda: None)()


def _moves_of_both(rounds: Sequence[Round]) -> int:
    """Moves of the player with fewer."""
    return min(sum(each[player].moves for each in rounds) for player in (0, 1))


def costs_of(rounds: Sequence[Round], visits: Sequence[int]) -> Costs:
    """Seconds of a move: the median cost of an answer times the answers that a move takes.

    Where fewer than FEWEST_MOVES have ended, a move is taken to ask for each of the player's `visits`.
    """
    seconds, is_known = [], _moves_of_both(rounds) >= FEWEST_MOVES
    for player in (0, 1):
        own = [each[player] for each in rounds]
        an_answer = median(each.seconds / each.answers for each in own)
        moves, answers = sum(each.moves for each in own), sum(each.answers_of_moves for each in own)
        seconds.append(an_answer * (answers / moves if is_known and answers else visits[player]))
    ratios = [(a.seconds / a.answers) / (b.seconds / b.answers) for a, b in rounds]
    return Costs((seconds[0], seconds[1]), (max(ratios) - min(ratios)) / 2 / median(ratios), len(rounds))


class _Counter:
    """Cuts what a backend counts into rounds."""

    def __init__(self, codes: tuple[str, str]) -> None:
        self._codes = codes
        self._before: ThinkingOf = {}
        self._since_s = time.monotonic()

    def round(self, thinking: ThinkingOf) -> Round | None:
        """The thinking since the last round; None while either player has not answered since.

        Raises UserError where that goes on for long.
        """
        a, b = (thinking.get(code, Thinking()) - self._before.get(code, Thinking()) for code in self._codes)
        if not (a.answers and b.answers and a.seconds > 0 and b.seconds > 0):
            if time.monotonic() - self._since_s > GIVE_UP_S:
                raise UserError(
                    f"--equal-time cannot be measured: no moves of both players for {GIVE_UP_S:.0f} s"
                )
            return None
        self._before, self._since_s = thinking, time.monotonic()
        return a, b


def midgame_jobs(match: Match, tell: Tell) -> list[GameJob]:
    """Games of the match that begin at positions from its openings to the endgame.

    What a search takes over from the move before changes in the course of a game. The moves are those of both networks
    without a search.
    """
    play = match.network_play(min(match.options.games, MIDGAMES))
    quick = [
        replace(player, limits=Limits(1), move_policy=replace(player.move_policy, resign=0.0))
        for player in play.players
    ]
    longest = min(match.move_limit, int(LATEST_SHARE * match.options.size**2))
    play = replace(play, players=quick, settings=replace(play.settings, move_limit=longest))
    backend = match.machines.open_networks(play, Progress(None), tell)
    jobs = match.jobs()[: play.most]
    waiting, played = deque(jobs), dict[str, GameRecord]()
    try:
        while len(played) < len(jobs):
            while waiting and backend.free:
                backend.give([waiting.popleft()])
            played.update((game.game_id, game) for game in backend.finished(0.1))
    finally:
        backend.stop()
    begun = []
    for number, job in enumerate(jobs):
        moves = [move for _, move in played[job.game_id].moves]
        first = len(job.opening.moves)
        begun.append(
            replace(
                job, opening=Opening("", tuple(moves[: first + (len(moves) - first) * number // len(jobs)]))
            )
        )
    return begun


def pilot_of_networks(match: Match, tell: Tell, jobs: Sequence[GameJob]) -> Iterator[Round]:
    """`jobs`, again and again, in the match's own processes. A Pilot."""
    backend = match.machines.open_networks(match.network_play(match.options.games), Progress(None), tell)
    endless = (replace(job, game_id=f"{n}_0") for n, job in enumerate(cycle(jobs)))
    counter, playing, is_warm = _Counter(match.codes), 0, False
    try:
        next_s = time.monotonic() + ROUND_S
        while True:
            while backend.free and playing < match.options.games:
                backend.give([next(endless)])
                playing += 1
            playing -= len(backend.finished(0.1))
            if time.monotonic() >= next_s and (found := counter.round(backend.thinking)) is not None:
                if is_warm:
                    yield found
                is_warm = True
                next_s = time.monotonic() + ROUND_S
    finally:
        backend.stop()


def pilot_of_programs(match: Match, tell: Tell) -> Iterator[Round]:
    """Short games from the match's openings, as many at once as in the match; a round is one in each slot. A Pilot."""
    (matchup,) = match.competition.matchups
    openings = match.book.chosen(match.options.games // 2, match.options.seed)
    longest = max(len(opening.moves) for opening in openings) + 2 * GTP_MOVES
    short = replace(matchup, move_limit=min(match.move_limit, longest))
    competition = replace(match.competition, matchups=(short,))
    options, progress, elsewhere = (
        RunOptions(parallel=match.options.threads),
        Progress(None),
        match.machines.open_programs,
    )
    counter = _Counter(match.codes)
    with ExitStack() as stack:
        backend = (
            open_gtp_backend(competition, stack, progress.moved, parallel=options.parallel)
            if elsewhere is None
            else elsewhere(competition, options, progress, tell)
        )
        stack.callback(backend.stop)
        slots, playing, ended = min(backend.free, match.options.games), 0, 0
        for number in count():
            while playing == slots:
                for game in backend.finished(0.2):
                    if game.incidents:
                        raise UserError(f"--equal-time cannot be measured: {game.incidents[0].sentence()}")
                    playing, ended = playing - 1, ended + 1
                if ended >= slots and (found := counter.round(backend.thinking)) is not None:
                    ended = 0
                    yield found
            black, white = short.colours(number)
            place = number // 2 % len(openings)
            backend.give(
                [
                    GameTask(
                        f"{number}_0",
                        short,
                        number,
                        competition.players[black],
                        competition.players[white],
                        seed=game_seed(match.options.seed, number) % 2**31,
                        opening=openings[place],
                    )
                ]
            )
            playing += 1
