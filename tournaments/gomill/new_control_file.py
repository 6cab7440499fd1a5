"""A control file for networks that are to play each other, written for those who do not want to write one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from engines.katago.arguments import is_katago, katago_command, parse_player, text_values
from engines.player.arguments import engine_command
from lzeval.errors import UserError
from lzeval.go.openings import BUNDLED_SIZES, DEFAULT, EMPTY_BOARD, komi_for, load_book
from lzeval.system.bundled import network_name, resolve_network
from lzeval.text.wording import command_line
from tournaments.gomill.control import settings
from tournaments.gomill.write_control_file import write_control_file
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

    `networks` are weights files, checkpoints (which `leelaz` does not read), bundled names or `katago:NET`;
    `rounds` is games a pair; `visits` limits each move, unless it is None; `time_settings` are the three numbers of the
    GTP command, such as `0 11 1`; without a komi it is that of the openings. The players' codes are the files' names.
    Raises UserError; an `out` that exists is overwritten with `force` only.
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
    startup = () if time_settings is None else (_time_command(time_settings),)
    made = [_player(network, engine, visits, seed, time_settings) for network in networks]
    players = {
        code: PlayerSpec(code, command, startup_gtp_commands=startup)
        for code, (_, command) in zip(_codes([name for name, _ in made]), made, strict=True)
    }
    codes = tuple(players)
    book = _book(openings, board_size)
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
            scorer="internal",
        ),
        description=f"{', '.join(codes)}: {rounds} games a pair",
        competitors=codes,
        rounds=rounds,
    )
    settings_of_ours = {"openings": book, "seed": seed}
    if any(map(is_katago, networks)):
        settings_of_ours["rules"] = "strict"  # which KataGo is told to play by
    write_control_file(competition, {"lzeval": settings_of_ours})
    return target


def _player(
    network: str, engine: EngineKind, visits: int | None, seed: int, time_settings: str | None
) -> tuple[str, tuple[str, ...]]:
    """Name and command line of a player. Raises UserError."""
    if is_katago(network):
        if visits is None or time_settings is not None:
            raise UserError(f"{network}: wants --visits, and knows no clock")
        found = parse_player(network.partition(":")[2])
        path = str(Path(found.network).resolve())
        return found.network_name, tuple(
            katago_command(path, visits=visits, **text_values(found), seed=seed, quiet=True)
        )
    file = resolve_network(network).resolve()
    command = _lzeval_command if engine == "lzeval" else _leelaz_command
    return network_name(file), command(file, visits, seed)


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
