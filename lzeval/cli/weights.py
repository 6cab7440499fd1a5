"""`lzeval weights`: look at weights files, check them, write them, and make new ones of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from lzeval.cli.networks import check_target, mean_of, parse_shares, write
from lzeval.errors import UserError
from lzeval.system.bundled import resolve_network
from lzeval.text.terminal import say, say_json

if TYPE_CHECKING:  # numpy and torch are imported where a command works, not where it prints its help
    from lzeval.network.combine import Change
    from lzeval.network.weights_file.rows import Problem
    from lzeval.network.weights_file.weights import WeightsInfo

app = typer.Typer(
    no_args_is_help=True,
    help="Look at, check, convert, average, shorten and symmetrize Leela Zero weights files.",
)

BAD_FILE_STATUS = 2

_NETWORK_HELP = "A weights file, plain or gzipped, or a bundled network's name."
_JSON_HELP = "Print one JSON object instead of text."

_Source: TypeAlias = Annotated[
    Path, typer.Argument(metavar="IN", help="Weights file, checkpoint or bundled network's name.")
]
_Target: TypeAlias = Annotated[
    Path, typer.Argument(metavar="OUT", help="File to write, named .txt, or .txt.gz to have it gzipped.")
]
_Digits: TypeAlias = Annotated[
    int | None, typer.Option(min=1, max=9, help="Significant digits; without it, as many as needed.")
]
_Force: TypeAlias = Annotated[bool, typer.Option("--force", help="Overwrite OUT if it exists.")]


@app.command(epilog="Example: lzeval weights info big")
def info(
    file: Annotated[Path, typer.Argument(help=_NETWORK_HELP)],
    as_json: Annotated[bool, typer.Option("--json", help=_JSON_HELP)] = False,
) -> None:
    """Show a network's size, version and checksums."""
    from lzeval.network.weights_file.weights import weights_info

    found = weights_info(resolve_network(file))
    if as_json:
        say_json(_info_as_dict(found))
    else:
        say(_info_as_text(found))


@app.command(epilog="Example: lzeval weights check mynet.txt.gz")
def check(
    file: Annotated[Path, typer.Argument(help=_NETWORK_HELP)],
    board_size: Annotated[int, typer.Option(min=2, max=25, help="The board the network is to play on.")] = 19,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON_HELP)] = False,
) -> None:
    """List everything that is wrong with a weights file; exit with status 2 if anything is."""
    from lzeval.network.weights_file.weights import check_weights

    path = resolve_network(file)
    problems = check_weights(path, board_size)
    if as_json:
        say_json(_problems_as_dict(path, problems))
    else:
        say(_problems_as_text(path, problems))
    if problems:
        raise typer.Exit(BAD_FILE_STATUS)


@app.command(epilog="Example: lzeval weights convert last.ckpt mynet.txt.gz --digits 5")
def convert(
    source: _Source,
    target: _Target,
    digits: _Digits = None,
    force: _Force = False,
) -> None:
    """Write a network as a weights file."""
    from lzeval.network.any_file import read_any

    check_target(target, force)
    write(read_any(source), target, digits)


@app.command(epilog="Example: lzeval weights average old.txt.gz new.txt.gz mean.txt.gz --weights 1,2")
def average(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="IN", help="Weights files, checkpoints or bundled networks' names."),
    ],
    target: _Target,
    weights: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="How much each network counts; all the same if not given."),
    ] = None,
    digits: _Digits = None,
    force: _Force = False,
) -> None:
    """Write the mean of several networks of one shape, layer by layer, normalisation included.

    They should come of one run, or of one network: the mean of two strangers cannot play.
    """
    if len(sources) < 2:
        raise UserError("give at least two networks, and then the file to write")
    check_target(target, force, sources)
    write(mean_of(sources, shares=parse_shares(weights)), target, digits)


@app.command(epilog="Example: lzeval weights quantize big big.txt.gz --loss 0.002")
def quantize(
    source: _Source,
    target: _Target,
    digits: Annotated[int | None, typer.Option(min=1, max=9, help="Significant digits to keep.")] = None,
    loss: Annotated[
        float | None,
        typer.Option(help="Or as few as change no move's probability by so much; 0.001 if neither is given."),
    ] = None,
    force: _Force = False,
) -> None:
    """Write a network with fewer digits, as a smaller file, and say what that changes in 64 sample positions."""
    if digits is not None and loss is not None:
        raise UserError("--digits and --loss cannot both be given: the second finds the first")
    if loss is not None and not 0 < loss < 1:
        raise UserError(f"--loss {loss:g}: must be a change of a probability, above 0 and below 1")
    check_target(target, force, [source])
    from engines.evaluator.load import CHECKED_POSITIONS, sample_planes
    from lzeval.network.any_file import read_any
    from lzeval.network.combine import Answers, fewest_digits
    from lzeval.network.weights_file.weights import rounded

    weights = read_any(source)
    planes = sample_planes(weights.shape.board_size, CHECKED_POSITIONS)
    if digits is None:
        digits, change = fewest_digits(weights, planes, 0.001 if loss is None else loss)
    else:
        change = Answers(weights, planes).change(rounded(weights, digits))
    write(weights, target, digits)
    before, after = (path.stat().st_size for path in (resolve_network(source), target))
    say(
        f"{digits} significant digits: {after:,} bytes; {source}: {before:,} bytes\n"
        + _change_as_text(change)
    )


@app.command(epilog="Example: lzeval weights symmetrize mynet.txt.gz symmetric.txt.gz")
def symmetrize(source: _Source, target: _Target, digits: _Digits = None, force: _Force = False) -> None:
    """Write a network whose policy weighs a board's eight images alike, and say what that changes in 64 positions.

    Each weight of the policy's last layer becomes the mean of its images. Compare the two with lzeval eval: the
    bundled ones predict better so, Leela Zero's 5x64 networks can no longer play.
    """
    check_target(target, force, [source])
    from engines.evaluator.load import CHECKED_POSITIONS, sample_planes
    from lzeval.network.any_file import read_any
    from lzeval.network.combine import Answers
    from lzeval.network.symmetric_policy import symmetrized
    from lzeval.network.weights_file.weights import rounded

    weights = read_any(source)
    made = symmetrized(weights)
    made = made if digits is None else rounded(made, digits)
    write(made, target, digits)
    change = Answers(weights, sample_planes(weights.shape.board_size, CHECKED_POSITIONS)).change(made)
    say(_change_as_text(change))


def _change_as_text(change: Change) -> str:
    return (
        f"in {change.positions} positions of random games, a move's probability changed by {change.policy:.2g} at "
        f"most, a winrate by {change.winrate:.2g}, and the best move stayed the best in {change.same_best}"
    )


def _info_as_dict(found: WeightsInfo) -> dict[str, str | int]:
    return {
        "file": str(found.path),
        "version": found.version,
        "blocks": found.shape.blocks,
        "filters": found.shape.filters,
        "board_size": found.shape.board_size,
        "parameters": found.parameters,
        "numbers_sha256": found.numbers_sha256,
        "text_sha256": found.text_sha256,
        "file_sha256": found.file_sha256,
        "file_bytes": found.file_bytes,
    }


def _info_as_text(found: WeightsInfo) -> str:
    size = found.shape.board_size
    rows = {
        "file": f"{found.path} ({found.file_bytes:,} bytes)",
        "version": f"{found.version} (the value is {'the mover' if found.version == 1 else 'Black'}'s)",
        "blocks": found.shape.blocks,
        "filters": found.shape.filters,
        "board size": f"{size}x{size}",
        "parameters": f"{found.parameters:,}",
        "sha256 of the numbers": found.numbers_sha256,
        "sha256 of the text": found.text_sha256,
        "sha256 of the file": found.file_sha256,
    }
    return "\n".join(f"{label + ':':24}{value}" for label, value in rows.items())


def _problems_as_dict(path: Path, problems: list[Problem]) -> dict[str, object]:
    listed = [{"line": problem.line, "message": problem.message} for problem in problems]
    return {"file": str(path), "sound": not problems, "problems": listed}


def _problems_as_text(path: Path, problems: list[Problem]) -> str:
    return "\n".join(f"{path}: {problem}" for problem in problems) or f"{path}: sound"
