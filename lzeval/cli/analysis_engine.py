"""`lzeval analysis-engine`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lzeval.cli.device_option import Device

if TYPE_CHECKING:
    from engines.analysis.engine import AnalysisEngine, Writer


def analysis_engine(
    network: Annotated[str, typer.Argument(metavar="NET", help="Weights file, checkpoint, or bundled name.")],
    visits: Annotated[int, typer.Option(min=1, help="Visits of a position that says nothing else.")] = 400,
    positions: Annotated[
        int, typer.Option(min=1, max=1024, help="Positions searched at once; few answer sooner.")
    ] = 16,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    device: Device = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads for the network.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same answers.")] = 1,
    katrain: Annotated[
        bool, typer.Option("--katrain", help="Report a scoreLead of 0, without which KaTrain fails.")
    ] = False,
) -> None:
    """Serve a network over KataGo's JSON analysis protocol, for KaTrain and scripts.

    Queries are lines on standard input, answers lines on standard output; see docs/analysis-engine.md.
    """
    from engines.analysis.server import serve_stdio
    from lzeval.system.bundled import resolve_network

    resolve_network(network)

    def make_engine(write: Writer) -> AnalysisEngine:
        from dataclasses import replace

        from engines.analysis.engine import AnalysisEngine
        from engines.evaluator.load import plan_evaluator
        from engines.search.position_search import PositionSearch

        plan = plan_evaluator(network, precision=precision, device=device)
        plan = replace(plan, batch_size=min(plan.batch_size, positions))
        search = PositionSearch(plan.build(threads), positions)
        return AnalysisEngine(search, write, visits=visits, seed=seed, with_scores=katrain)

    serve_stdio(make_engine)
