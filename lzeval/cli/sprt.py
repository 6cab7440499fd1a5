"""`lzeval sprt`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lzeval.text.terminal import Column, print_table, say, say_json
from lzeval.text.wording import counted, signed

if TYPE_CHECKING:
    from tournaments.rating.sequential import Expectation
    from tournaments.rating.sprt import Sprt


def sprt(
    elo: Annotated[
        str,
        typer.Option(metavar="ELO0,ELO1", help="The two hypotheses; --elo=-10,10 if one is below 0."),
    ] = "0,35",
    alpha: Annotated[float, typer.Option(help="Probability of accepting ELO1 where ELO0 is true.")] = 0.05,
    beta: Annotated[float, typer.Option(help="Probability of rejecting ELO1 where it is true.")] = 0.05,
    model: Annotated[str, typer.Option(help="logistic or normalized Elo.")] = "logistic",
    counts: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...",
            help="Evaluate these: pairs of 0, 1/2, 1, 3/2, 2 points (five), or losses, jigos, wins (three).",
        ),
    ] = None,
    draws: Annotated[float, typer.Option(help="Of a plan: jigos, in percent of the games.")] = 0.0,
    games: Annotated[int | None, typer.Option(help="Of a plan: stop after this many games.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Plan a sequential test (SPRT), or evaluate the results of one.

    Without --counts: how many games the test will take, and how often it will be wrong, by the true difference.
    """
    from tournaments.rating.sprt import parse_sprt

    test = parse_sprt(elo, alpha, beta, model)
    if counts is None:
        _plan(test, draws, games, as_json)
    else:
        _evaluate(test, counts, as_json)


def _plan(test: Sprt, draws: float, games: int | None, as_json: bool) -> None:
    from lzeval.errors import UserError
    from tournaments.rating.sequential import plan, usual_differences

    if not 0 <= draws <= 90:
        raise UserError(f"--draws {draws:g}: must be a percentage from 0 to 90")
    if games is not None and games < 2:
        raise UserError(f"--games {games}: must be 2 or more")
    expected = plan(test, usual_differences(test), jigos=draws / 100, cap=games)
    if as_json:
        from dataclasses import asdict

        content = {**_description(test), "draws_percent": draws, "plan": [asdict(row) for row in expected]}
        say_json(content, indent=2)
    else:
        _print_plan(test, draws, games, expected)


def _print_plan(test: Sprt, draws: float, games: int | None, expected: list[Expectation]) -> None:
    from tournaments.rating.elo import percent_sure

    cap = "" if games is None else f", at most {counted(games, 'game')}"
    say(f"SPRT {test.describe()}, {draws + 0.0:g} % jigos{cap}")
    say(f"accepted at an LLR of {signed(test.upper, 3)}, rejected at {signed(test.lower, 3)}")
    headings = ("Games", "95 % within", "Accepted", "Rejected", "Undecided")
    print_table(
        [Column("True Elo", is_kept=True), *map(Column, headings)],
        (
            [
                *(f"{row.elo + 0.0:+g}", f"{row.games:.0f}", f"{row.usual_games:.0f}"),
                *map(percent_sure, (row.accepted, row.rejected)),
                "-" if games is None else percent_sure(row.undecided),
            ]
            for row in expected
        ),
    )
    say("Games: the mean, in pairs from openings that favour nobody; uneven openings make a test shorter.")


def _evaluate(test: Sprt, text: str, as_json: bool) -> None:
    from tournaments.rating.bayeselo import bayeselo_llr
    from tournaments.rating.elo import estimate, percent_sure
    from tournaments.rating.sequential import after_stop

    counts = _parse_counts(text)
    found, stopped, llr = estimate(counts), after_stop(test, counts), test.llr(counts)
    old_llr = None
    if len(counts) == 3:
        old_llr = bayeselo_llr(counts[0], counts[1], counts[2], test.elo0, test.elo1)
    verdict = test.verdict(llr)
    if as_json:
        content = {
            **_description(test),
            "counts": counts,
            "unit": found.unit,
            "llr": llr,
            "llr_bayeselo": old_llr,
            "verdict": verdict,
            "elo": found.elo,
            "elo95": found.elo95,
            "los": found.los,
            "median_unbiased": stopped.as_dict(),
        }
        say_json(content, indent=2)
        return
    say(f"SPRT {test.describe()}, {counted(found.units, found.unit.removesuffix('s'))}")
    say(f"{verdict}: LLR {signed(llr, 3)}, bounds {signed(test.lower, 3)} and {signed(test.upper, 3)}")
    if old_llr is not None:
        say(f"as older programs count games, with BayesElo's draws: LLR {signed(old_llr, 3)}")
    say(f"median-unbiased: {stopped.describe()}")
    say(
        f"as if the number had been fixed: {signed(found.elo, 1)} +- {found.elo95:.1f} Elo, "
        f"LOS {percent_sure(found.los)}"
    )
    if stopped.past_bound:
        say("The LLR lies well past its bound: the test went on after its end, or was looked at too rarely.")


def _parse_counts(text: str) -> list[int]:
    from lzeval.errors import UserError
    from lzeval.text.decimals import parse_integer

    try:
        counts = [parse_integer(part) for part in text.split(",")]
    except ValueError:
        counts = []
    if len(counts) not in (3, 5) or min(counts) < 0:
        raise UserError(f"--counts {text}: must be three counts of games or five of pairs, such as 3,0,3,0,4")
    return counts


def _description(test: Sprt) -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(test), "lower": test.lower, "upper": test.upper}
