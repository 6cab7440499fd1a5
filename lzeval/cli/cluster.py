"""`lzeval cluster`: what the machines of a Ray cluster have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lzeval.cli.status import FAULTY
from lzeval.text.terminal import Column, name_column, print_table, say, say_json, screen, text_column

if TYPE_CHECKING:
    from lzeval.cluster.nodes import Node, NodeFacts

app = typer.Typer(no_args_is_help=True, help="Machines of a Ray cluster.")
GIGABYTE = 10**9
SHOWN = ("lzeval", "python", "openvino", "torch")
"""Versions in the table; `--json` has all."""


@app.callback()
def _group() -> None:
    """A group, although it has one command."""


@app.command(epilog="Example: [bold]lzeval cluster check --cluster auto[/]")
def check(
    cluster: Annotated[
        str,
        typer.Option(
            "--cluster",
            envvar="LZEVAL_CLUSTER",
            metavar="auto|ADDRESS",
            help="The cluster that this machine is part of (auto), or at HOST:PORT.",
        ),
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what each node has, and in what they differ. Exit status 1 if a node cannot take part."""
    from lzeval.cluster.connection import connected
    from lzeval.cluster.nodes import NodeFacts, differences

    with connected(cluster) as machines:
        nodes = machines.nodes()
        facts = machines.facts(nodes)
        address = machines.address
    able = {node.name: told for node in nodes if isinstance(told := facts[node.id], NodeFacts)}
    found = differences(able)
    if as_json:
        say_json(
            {
                "address": address,
                "nodes": [_as_dict(node, facts[node.id]) for node in nodes],
                "differences": found,
            },
            indent=2,
        )
    else:
        say(f"cluster at {address}")
        columns: list[Column] = [name_column("node"), *map(text_column, ("cores", "GPUs", "memory"))]
        columns += map(text_column, ("multiplies", "engines", "versions"))
        rows = [_row(node, able[node.name]) for node in nodes if node.name in able]
        print_table(columns, rows, screen())
        for node in nodes:
            if node.name not in able:
                say(f"{node.name} cannot take part: {facts[node.id]}")
        for name, each in able.items():
            say(f"{name}: {each.kind}, {each.system}")
        for difference in found:
            say(difference)
        if not found:
            say("All nodes that can take part have the same processor, libraries and engines.")
    raise typer.Exit(0 if len(able) == len(nodes) else FAULTY)


def _row(node: Node, facts: NodeFacts) -> list[str]:
    versions = ", ".join(f"{name} {facts.versions[name]}" for name in SHOWN if name in facts.versions)
    return [
        node.name,
        f"{node.cores} of {facts.cores}",
        str(node.gpus),
        f"{facts.memory / GIGABYTE:.0f} GB",
        facts.precision,
        ", ".join(facts.programs) or "none",
        versions,
    ]


def _as_dict(node: Node, facts: NodeFacts | str) -> dict[str, Any]:
    told = {"problem": facts} if isinstance(facts, str) else facts.as_dict()
    return {
        "node": node.name,
        "address": node.address,
        "ray_cores": node.cores,
        "ray_gpus": node.gpus,
        **told,
    }
