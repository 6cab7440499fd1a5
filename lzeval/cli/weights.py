"""`lzeval weights`: look at weights files, check them, and write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lzeval.core.bundled import resolve_network
from lzeval.core.errors import UserError

if TYPE_CHECKING:  # numpy and torch are imported where a command works, not where it prints its help
    from lzeval.core.weights import LeelaWeights, Problem, WeightsInfo

app = typer.Typer(no_args_is_help=True, help="Look at, check and convert Leela Zero weights files.")

BAD_FILE_STATUS = 2

_NETWORK_HELP = "A weights file, plain or gzipped, or a bundled network's name."
_JSON_HELP = "Print one JSON object instead of text."


@app.command(epilog="Example: lzeval weights info big")
def info(
    file: Annotated[Path, typer.Argument(help=_NETWORK_HELP)],
    as_json: Annotated[bool, typer.Option("--json", help=_JSON_HELP)] = False,
) -> None:
    """Show a network's size, version and checksums."""
    from lzeval.core.weights import weights_info

    found = weights_info(resolve_network(file))
    typer.echo(json.dumps(_info_as_dict(found)) if as_json else _info_as_text(found))


@app.command(epilog="Example: lzeval weights check mynet.txt.gz")
def check(
    file: Annotated[Path, typer.Argument(help=_NETWORK_HELP)],
    board_size: Annotated[int, typer.Option(min=2, max=25, help="The board the network is to play on.")] = 19,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON_HELP)] = False,
) -> None:
    """List everything that is wrong with a weights file; exit with status 2 if anything is."""
    from lzeval.core.weights import check_weights

    path = resolve_network(file)
    problems = check_weights(path, board_size)
    typer.echo(_problems_as_json(path, problems) if as_json else _problems_as_text(path, problems))
    if problems:
        raise typer.Exit(BAD_FILE_STATUS)


@app.command(epilog="Example: lzeval weights convert last.ckpt mynet.txt.gz --digits 5")
def convert(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="Weights file, checkpoint or bundled network's name.")
    ],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="File to write, named .txt, or .txt.gz to have it gzipped.")
    ],
    digits: Annotated[
        int | None, typer.Option(min=1, max=9, help="Significant digits; without it, as many as needed.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite OUT if it exists.")] = False,
) -> None:
    """Write a network as a weights file."""
    from lzeval.core.weights import write_weights

    if not target.name.endswith((".txt", ".txt.gz")):
        raise UserError(f"cannot write {target}: its name is to end in .txt or .txt.gz")
    if target.exists() and not force:
        raise UserError(f"{target} exists; use --force to overwrite it")
    weights = _read_any(resolve_network(source))
    write_weights(weights, target, digits)
    typer.echo(f"{target}: {weights.shape}, version {weights.version}")


def _read_any(path: Path) -> LeelaWeights:
    """The weights in a file of either kind; torch is imported for a checkpoint only."""
    from lzeval.core.weights import is_checkpoint, read_weights

    if not is_checkpoint(path):
        return read_weights(path)
    from lzeval.net.checkpoint import read_checkpoint
    from lzeval.net.leela import weights_from_network

    return weights_from_network(read_checkpoint(path))


def _info_as_dict(found: WeightsInfo) -> dict[str, str | int]:
    return {
        "file": str(found.path),
        "version": found.version,
        "blocks": found.shape.blocks,
        "filters": found.shape.filters,
        "board_size": found.shape.board_size,
        "parameters": found.parameters,
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
        "sha256 of the text": found.text_sha256,
        "sha256 of the file": found.file_sha256,
    }
    return "\n".join(f"{label + ':':20}{value}" for label, value in rows.items())


def _problems_as_json(path: Path, problems: list[Problem]) -> str:
    listed = [{"line": problem.line, "message": problem.message} for problem in problems]
    return json.dumps({"file": str(path), "sound": not problems, "problems": listed})


def _problems_as_text(path: Path, problems: list[Problem]) -> str:
    return "\n".join(f"{path}: {problem}" for problem in problems) or f"{path}: sound"
