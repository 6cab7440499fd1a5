"""`lzeval gtp-check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lzeval.text.terminal import say, say_json

if TYPE_CHECKING:
    from engines.gtp_check import ClientReport

BREAKS_STATUS = 1


def gtp_check(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="What starts the engine.")],
    client: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this client; may be repeated."),
    ] = None,
    board_size: Annotated[int, typer.Option(min=5, max=25, help="The board's size.")] = 19,
    timeout: Annotated[float, typer.Option(help="Seconds that an answer may take.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Find out which GTP clients an engine, of whatever make, would break, and why.

    Holds the sessions that sabaki, lizzie, lizzieyzy, q5go, gogui, gtp2ogs, kgs (kgsGtp) and gomill hold, each with
    a fresh engine. Exit status 1 if something breaks. Options for this command go before COMMAND.
    """
    from engines.gtp_check import CLIENTS, check_engine
    from lzeval.errors import UserError

    names = client or list(CLIENTS)
    for name in names:
        if name not in CLIENTS:
            raise UserError(f"there is no client {name!r}; there are {', '.join(CLIENTS)}")
    if not 0 < timeout < 1e6:
        raise UserError(f"--timeout {timeout:g}: must be a number of seconds above 0")
    reports = []
    for name in dict.fromkeys(names):
        reports.append(check_engine(command, CLIENTS[name], board_size, timeout))
        if not as_json:
            say(_as_text(reports[-1]))
    broken = any(report.breaks for report in reports)
    if as_json:
        content = {
            "command": command,
            "board_size": board_size,
            "breaks": broken,
            "clients": [report.as_dict() for report in reports],
        }
        say_json(content, indent=2)
    if broken:
        raise typer.Exit(BREAKS_STATUS)


def _as_text(report: ClientReport) -> str:
    if not report.findings:
        return f"{report.title}: ok"
    lines = [f"{report.title}: {'breaks' if report.breaks else 'works'}"]
    for finding in report.findings:
        lines += [
            f"  {finding.severity.value}  {finding.sent}",
            f"          engine:  {finding.received}",
            f"          {report.client}: {finding.then}",
        ]
    return "\n".join(lines)
