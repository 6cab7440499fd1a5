"""Moves out of searched roots: ranking, passing, resigning, by Leela Zero's rules (UCTSearch.cpp, release 0.17)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cmp_to_key

import numpy as np

from engines.search.settings import SearchSettings
from lzeval.go.board import BLACK, WHITE, as_array, fills_own_eye, geometry
from lzeval.go.game import Game

RESIGN = -1
"""The number that stands for a resignation."""
LCB_FEWEST_VISITS = 2
"""Moves are compared by lower confidence bounds where both have more visits than this, and than a share of the most
visited move's."""
LOWEST_TEMPERATURE = 0.01
HANDICAP_RESIGN = 0.1
"""White's resignation threshold at the start of a game with handicap n is this over 1 + n."""
HANDICAP_BLEND_SHARE = 0.6
"""Share of the board's points in moves after which the ordinary threshold holds again."""


@dataclass(frozen=True)
class RootMove:
    """One move of the root, as the side to move sees it."""

    move: int
    visits: int
    winrate: float
    """Mean over its visits; the root's own mean for a move never tried."""
    lcb: float
    """Lower confidence bound of the winrate; negative where there are too few visits for one."""
    prior: float


@dataclass(frozen=True)
class Choice:
    """A player's move, and its opinion."""

    move: int
    """An index, the pass, or RESIGN."""
    winrate: float
    """The chances of the side that moves, 0 to 1."""
    visits: int
    """Visits of the root."""


@dataclass(frozen=True)
class MovePolicy:
    """The way in which a player compares moves, and the conditions under which it passes and resigns."""

    resign: float = 0.1
    """Winrate below which it resigns; 0: never."""
    dumb_pass: bool = False
    """Pass when the search says so, whatever the board count."""
    lcb_share: float = SearchSettings.lcb_share
    """See `ranked`."""


@cache
def t_quantile(visits: int, alpha: float = SearchSettings.lcb_alpha) -> float:
    """Student's t at 1 - `alpha` for `visits - 1` degrees of freedom."""
    from scipy.special import stdtrit

    return -float(stdtrit(visits - 1, alpha))


def lower_bound(
    winrate: float, squares: float, visits: int, alpha: float = SearchSettings.lcb_alpha
) -> float:
    """Lower confidence bound of a mean of `visits` winrates whose squared deviations sum to `squares`.

    The true mean is below it with a chance of `alpha`.
    """
    if visits < 2:
        return visits - 1e6
    return winrate - t_quantile(visits, alpha) * math.sqrt(squares / (visits - 1) / visits)


def ranked(moves: Sequence[RootMove], lcb_share: float = SearchSettings.lcb_share) -> list[RootMove]:
    """Best first: by lower bound where both have visits enough, else by visits, then winrate, then prior.

    Enough are more than LCB_FEWEST_VISITS, and more than `lcb_share` of the most visited move's.
    """
    most = max((move.visits for move in moves), default=0)
    enough = max(LCB_FEWEST_VISITS, lcb_share * most)

    def better(a: RootMove, b: RootMove) -> int:
        if a.visits > enough and b.visits > enough and a.lcb != b.lcb:
            return -1 if a.lcb > b.lcb else 1
        if a.visits != b.visits:
            return b.visits - a.visits
        if a.winrate != b.winrate:
            return -1 if a.winrate > b.winrate else 1
        return (b.prior > a.prior) - (b.prior < a.prior)

    tried = sorted((move for move in moves if move.visits), key=cmp_to_key(better))
    untried = sorted((move for move in moves if not move.visits), key=lambda move: -move.prior)
    return tried + untried


def suffice(tried: Sequence[RootMove], game: Game, colour: int, policy: MovePolicy) -> bool:
    """Tell whether `choose` can do without untried moves: the best of the `tried` ones is a legal board move."""
    best = ranked(tried, policy.lcb_share)[:1]
    return bool(best) and best[0].move != game.pass_move and game.is_legal(colour, best[0].move)


def choose(moves: Sequence[RootMove], visits: int, game: Game, colour: int, policy: MovePolicy) -> Choice:
    """The move of `colour` in `game` after a search that found `moves` (any order).

    A pass that loses on the board gives way to the best other move that fills no own eye; after the
    opponent's pass, a pass that wins on the board is made at once.
    """
    order = (move for move in ranked(moves, policy.lcb_share) if game.is_legal(colour, move.move))
    best = next(order, RootMove(game.pass_move, 0, 0.5, 0.0, 1.0))
    chosen = best.move
    if not policy.dumb_pass and (chosen == game.pass_move or game.passes):
        lead = game.area_score() if colour == BLACK else -game.area_score()
        if chosen == game.pass_move and lead < 0:
            chosen = next((move.move for move in order if _reasonable(game, colour, move.move)), chosen)
        elif chosen != game.pass_move and lead > 0:
            chosen = game.pass_move
    if chosen != game.pass_move and resigns(best.winrate, game, colour, policy.resign):
        chosen = RESIGN
    return Choice(chosen, best.winrate, visits)


def drawn(
    moves: Sequence[RootMove],
    chosen: Choice,
    game: Game,
    colour: int,
    temperature: float,
    random: np.random.Generator,
) -> Choice:
    """A legal move drawn by its visits to the power of 1 / `temperature`; `chosen` where none has visits."""
    tried = [move for move in moves if move.visits and game.is_legal(colour, move.move)]
    if not tried:
        return chosen
    weights = np.array([move.visits for move in tried], np.float64)
    chances = (weights / weights.max()) ** (1 / max(temperature, LOWEST_TEMPERATURE))
    move = tried[int(random.choice(len(tried), p=chances / chances.sum()))]
    return Choice(move.move, move.winrate, chosen.visits)


def removing(
    moves: Sequence[RootMove], dead: Sequence[int], game: Game, colour: int, policy: MovePolicy
) -> int:
    """The best move towards taking the opponent's `dead` stones off the board; the pass once none is left.

    That is a move next to one of them, or else any that fills no own eye.
    """
    if not dead:
        return game.pass_move
    neighbours = geometry(game.size).neighbours
    beside = {int(point) for stone in dead for point in neighbours[stone]}
    sensible = [
        move
        for move in ranked(moves, policy.lcb_share)
        if game.is_legal(colour, move.move) and _reasonable(game, colour, move.move)
    ]
    sensible.sort(key=lambda move: move.move not in beside)
    return sensible[0].move if sensible else game.pass_move


def _reasonable(game: Game, colour: int, move: int) -> bool:
    return move != game.pass_move and not fills_own_eye(
        geometry(game.size), as_array(game.stones), move, int(colour)
    )


def resigns(winrate: float, game: Game, colour: int, resign: float) -> bool:
    """Tell whether `colour` gives up with this winrate where it does so below `resign` (0: never).

    Nobody gives up in the first quarter of the board's points; White does so later in a game with handicap.
    """
    played, points = len(game.moves), game.size * game.size
    if not resign or played <= points // 4:
        return False
    threshold = resign
    if game.handicap and colour == WHITE:
        blend = min(1.0, played / (HANDICAP_BLEND_SHARE * points))
        threshold = blend * resign + (1 - blend) * HANDICAP_RESIGN / (1 + game.handicap)
    return winrate < threshold
