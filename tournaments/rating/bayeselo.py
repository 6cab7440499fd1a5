"""The sequential test as programs counted it before pentanomial results: one game, wins and draws after BayesElo.

A game is won with probability 1 / (1 + 10^((d - e) / 400)) and lost with 1 / (1 + 10^((d + e) / 400)): `e` is the
difference and `d`, drawelo, says how common draws are; both hypotheses have the `d` that the results show. Published
log likelihood ratios of chess programs are often of this kind. Source: R. Coulom, BayesElo (2005).
"""

from __future__ import annotations

import math


def bayeselo_llr(
    losses: int, draws: int, wins: int, elo0: float, elo1: float, *, logistic: bool = True
) -> float | None:
    """Log likelihood ratio of `elo1` to `elo0`; None where one of the outcomes has not been seen.

    `logistic`: the hypotheses are in ordinary Elo and are changed to BayesElo's, by the ratio of both near 0; else they
    are in BayesElo's own.
    """
    if min(losses, draws, wins) <= 0:
        return None
    games = losses + draws + wins
    lost, won = losses / games, wins / games
    draw_elo = 200 * (math.log10((1 - lost) / lost) + math.log10((1 - won) / won))
    x = 10 ** (-draw_elo / 400)
    scale = 4 * x / (1 + x) ** 2 if logistic else 1.0
    under0, under1 = (_log_chances(elo / scale, draw_elo) for elo in (elo0, elo1))
    loss, win = (one - zero for zero, one in zip(under0, under1, strict=True))
    return losses * loss + draws * (loss + win) + wins * win


def _log_chances(elo: float, draw_elo: float) -> tuple[float, float]:
    """Logarithms of the chances of a loss and of a win, by BayesElo's difference.

    That of a draw is their sum and what depends on drawelo alone, as 1 - 1 / (1 + a) - 1 / (1 + b) is
    (a b - 1) / ((1 + a) (1 + b)).
    """
    lost, won = (-_softplus((draw_elo - sign * elo) * math.log(10) / 400) for sign in (-1, 1))
    return lost, won


def _softplus(number: float) -> float:
    """log(1 + exp(number)), however large that is."""
    return max(number, 0.0) + math.log1p(math.exp(-abs(number)))
