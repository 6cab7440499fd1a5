"""A control file for networks that are to play each other, written for those who do not want to write one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

from engines.player.arguments import engine_command
from lzeval.errors import UserError
from lzeval.go.openings import BUNDLED_SIZES, DEFAULT, EMPTY_BOARD, komi_for, load_book
from lzeval.go.rules import REFEREES
from lzeval.system.bundled import network_name, resolve_network
from lzeval.text.wording import command_line
from tournaments.gomill.control import settings
from tournaments.gomill.write_control_file import write_control_file
from tournaments.match.options import MatchOptions, PlayerOptions
from tournaments.match.players import MatchPlayer, is_program, program_of
from tournaments.plan.competition import Competition, PlayerSpec, allplayall_matchups

EngineKind: TypeAlias = Literal["lzeval", "leelaz"]
ENGINES: tuple[EngineKind, ...] = ("lzeval", "leelaz")


def new_control_file(
    out: str | Path,
    networks: Sequence[str],
    *,
    engine: EngineKind = "lzeval",
    rounds: int = 4,
    visits: int | None = 100,
    time_settings: str | None = None,
    board_size: int = 19,
    komi: float | None = None,
    openings: str = "default",
    seed: int = 1,
    force: bool = False,
) -> Path:
    """Write an allplayall of `networks` to `out`, for `lzeval tournament` and for gomill's ringmaster.

    `networks` are weights files, checkpoints (which `leelaz` does not read), bundled names, or programs as a match has
    them, such as `gnugo:10` or `katago:NET`. `rounds` is games a pair; `visits` limits each move, unless it is None;
    `time_settings` are the three numbers of the GTP command, such as `0 11 1`; without a komi it is that of the
    openings. The players' codes are the files' names. Raises UserError; an `out` that exists is overwritten with
    `force` only.
    """
    target = Path(out)
    if target.suffix != ".ctl":
        raise UserError(f"{out}: the name of a control file is to end in .ctl")
    if target.exists() and not force:
        raise UserError(f"{out} exists; use --force to overwrite it")
    if engine not in ENGINES:
        raise UserError(f"--engine {engine}: is one of {', '.join(ENGINES)}")
    if visits is None and time_settings is None:
        raise UserError("a move wants a limit: give --visits or --time-settings")
    time_command = None if time_settings is None else _time_command(time_settings)
    book = _book(openings, board_size)
    made = []
    rules_by = next((network for network in networks if network.startswith("katago")), None)
    for network in networks:
        asked, other = PlayerOptions(network, visits), PlayerOptions(rules_by or network, visits)
        options = MatchOptions((asked, other), size=board_size, seed=seed, openings=book)
        made.append(_player(network, engine, options, time_command))
    players = {
        code: replace(player.spec, code=code)
        for code, player in zip(_codes([player.spec.code for player in made]), made, strict=True)
    }
    codes = tuple(players)
    counts_area = all(player.plays_on for player in made)
    competition = Competition(
        target.stem,
        target,
        "allplayall",
        players,
        allplayall_matchups(
            codes,
            rounds,
            board_size=board_size,
            komi=komi_for(load_book(book, board_size), komi),
            scorer="internal" if counts_area else "players",
        ),
        description=f"{', '.join(codes)}: {rounds} games a pair",
        competitors=codes,
        rounds=rounds,
    )
    ours: dict[str, object] = {"openings": book, "seed": seed}
    able = [code for code, player in zip(codes, made, strict=True) if player.counts_dead_stones]
    if able and not counts_area:
        ours["referee"] = able[0]
    rules = next((player.rules for player in made if player.rules is not None), None)
    if rules is not None:
        ours["rules"] = next(name for name, known in REFEREES.items() if known == rules)
    write_control_file(competition, {"lzeval": ours})
    return target


def _player(text: str, engine: EngineKind, options: MatchOptions, time_command: str | None) -> MatchPlayer:
    """A player; its spec's code is its name. Raises UserError."""
    player = options.players[0]
    startup = () if time_command is None else (time_command,)
    if is_program(text):
        found = program_of(player, options)
        if found.rules is not None and startup:
            raise UserError(f"{text}: knows no clock; leave --time-settings out")
        told = (*found.spec.startup_gtp_commands, *startup)
        return replace(found, spec=replace(found.spec, startup_gtp_commands=told))
    file = resolve_network(text).resolve()
    command = _lzeval_command if engine == "lzeval" else _leelaz_command
    words = command(file, player.visits, options.seed)
    return MatchPlayer(PlayerSpec(network_name(file), words, startup_gtp_commands=startup), {})


def _codes(names: Sequence[str]) -> list[str]:
    """Players' codes: the networks' names, with what a code may not hold left out, and numbers where they repeat."""
    codes: list[str] = []
    for each in names:
        name = re.sub(r"[^-!$%&*+.:;<=>?^_~a-zA-Z0-9]", "_", each) or "network"
        number = 1
        code = name
        while code in codes:
            number += 1
            code = f"{name}-{number}"
        codes.append(code)
    return codes


def _lzeval_command(network: Path, visits: int | None, seed: int) -> tuple[str, ...]:
    return tuple(engine_command(str(network), visits=visits, seed=seed))


def _leelaz_command(network: Path, visits: int | None, _seed: int) -> tuple[str, ...]:
    """Make a command line without a seed: leelaz would play the same game again and again."""
    from lzeval.network.weights_file.weights import is_checkpoint

    if is_checkpoint(network):
        export = command_line("lzeval", "export", network, "NET.txt.gz")
        raise UserError(f"{network} is a checkpoint; leelaz wants weights: {export}")
    limit = () if visits is None else ("--visits", str(visits))
    return "leelaz", "--gtp", "--noponder", "--weights", str(network), *limit


def _time_command(numbers: str) -> str:
    words = numbers.replace(",", " ").split()
    try:
        settings.time_control(f"canadian {' '.join(words)}")
    except ValueError:
        raise UserError(
            f"--time-settings {numbers}: three numbers are wanted, main time, period and moves in it, as in '0 11 1'"
        ) from None
    return f"time_settings {' '.join(words)}"


def _book(name: str, board_size: int) -> str:
    if name == DEFAULT:
        return name if board_size in BUNDLED_SIZES else EMPTY_BOARD
    if name == EMPTY_BOARD:
        return name
    if not Path(name).is_file():
        raise UserError(f"--openings {name}: there is no such file; it is default, none or an opening book")
    return str(Path(name).resolve())
