"""`lzeval eval`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from lzeval.cli.cluster_options import ClusterOption
from lzeval.text.terminal import say_json


def evaluate(
    network: Annotated[str, typer.Argument(help="A weights file, a checkpoint or a bundled name.")],
    data: Annotated[list[str], typer.Argument(help="SGF files or folders, or a packed folder.")],
    sample: Annotated[
        int | None,
        typer.Option(min=1, help="Measure on so many positions, chosen at random; all if not given."),
    ] = None,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw figures by phase, and how true winrates are (.png or .svg)."),
    ] = None,
    cluster: ClusterOption = "",
) -> None:
    """Measure how well a network predicts game records: move accuracy, losses, the value by game phase."""
    if plot is not None:
        from lzeval.text.plots import check_plot

        check_plot(plot)
    from lzeval.cluster.connection import connected
    from trainer.runs.evaluate import measure_network, print_measurements

    with connected(cluster) if cluster else nullcontext() as nodes:
        measurements = measure_network(network, data, sample=sample, precision=precision, cluster=nodes)
    if as_json:
        say_json(measurements, indent=1)
    else:
        print_measurements(measurements)
    if plot is not None:
        from trainer.runs.plots import plot_measurements

        plot_measurements(measurements, plot)
