from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from lzeval.cli.main import main


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "argv", ["lzeval", "sprt", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert (ended.value.code, said.err) == (0, "")
    return said.out


def as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(monkeypatch, capsys, *arguments, "--json"))
    return found


def test_counts_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(monkeypatch, capsys, "--counts", "3,0,3,0,4", "--elo=0,10", "--model", "logistic")
    assert found["llr"] == pytest.approx(0.0352322557, rel=1e-6)
    assert (found["elo"], found["elo95"]) == pytest.approx((34.853, 201.142), abs=1e-3)
    assert found["los"] == pytest.approx(0.64828, abs=1e-5)
    assert (found["verdict"], found["unit"]) == ("undecided", "pairs")
    assert found["median_unbiased"]["ci"] == pytest.approx([-153.3, 248.9], abs=0.1)
    assert found["llr_bayeselo"] is None  # which knows games alone


def test_three_counts_are_games(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(monkeypatch, capsys, "--counts", "207,13,180", "--elo", "0,35", "--model", "normalized")
    assert (found["unit"], found["verdict"]) == ("games", "rejected")
    assert found["llr"] == pytest.approx(-4.780151301, rel=1e-6)
    games = as_json(monkeypatch, capsys, "--counts", "1351,2942,1477", "--elo", "0,10")
    assert games["llr_bayeselo"] == pytest.approx(2.525, abs=1e-3)


def test_counts_in_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(monkeypatch, capsys, "--counts", "779,34,1187", "--elo", "0,35")
    assert "accepted: LLR +" in said
    assert "with BayesElo's draws: LLR +" in said
    assert "median-unbiased: +" in said
    assert "LOS >99.9 %" in said
    assert "The LLR lies well past its bound" in said
    assert "past its bound" not in run(monkeypatch, capsys, "--counts", "14,8,38,6,34")


def test_a_plan(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(monkeypatch, capsys, "--elo", "0,35", "--alpha", "0.02", "--draws", "5")
    assert said.startswith("SPRT [0, 35] logistic Elo, alpha 2 %, beta 5 %, 5 % jigos\n")
    rows = [line.split() for line in said.splitlines() if line.strip().startswith(("+", "-"))]
    assert [row[0] for row in rows] == ["-35", "+0", "+17.5", "+35", "+70"]
    assert all(row[-1] == "-" for row in rows)


def test_a_plan_with_a_cap_tells_what_stays_open(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = as_json(monkeypatch, capsys, "--elo=-10,10", "--games", "400", "--model", "normalized")
    for row in found["plan"]:
        assert row["accepted"] + row["rejected"] + row["undecided"] == pytest.approx(1)
        assert row["games"] <= 400
    assert found["plan"][2]["undecided"] > 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--elo", "35"], "--elo 35: must be two numbers"),
        (["--elo", "35,0"], "--elo 35,0: the first must be less than the second"),
        (["--alpha", "0.7"], "--alpha 0.7: must be above 0 and below 0.5"),
        (["--beta", "0"], "--beta 0: must be above 0 and below 0.5"),
        (["--model", "elo"], "--model elo: must be logistic or normalized"),
        (["--draws", "100"], "--draws 100: must be a percentage from 0 to 90"),
        (["--draws", "nan"], "Invalid value for '--draws': 'nan' is not a decimal number; see "),
        (["--games", "0"], "--games 0: must be 2 or more"),
        (["--counts", "1,2"], "--counts 1,2: must be three counts of games or five of pairs"),
        (["--counts", "1,2,x"], "--counts 1,2,x: must be three counts"),
        (["--counts=-1,2,3"], "--counts -1,2,3: must be three counts"),
        (["--counts", "0,0,0,0,0"], "no game was decided"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["lzeval", "sprt", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith(f"lzeval: {message}")
