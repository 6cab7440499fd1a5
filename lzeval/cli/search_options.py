"""Options for the search of each player of a match: `--a.puct`, `--b.puct` and others."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import Field, fields
from typing import Annotated, Any

import typer

from engines.search.settings import SearchSettings

PANEL = "Search of A; --b. instead of --a. for that of B"
_WITHOUT_EFFECT = "virtual_loss"
"""The setting that changes nothing in a match, whose trees wait for one answer at a time."""


def takes_search_settings(run: Callable[..., None]) -> Callable[..., None]:
    """The command `run` with these options; `search` of `run` gets those of A and of B, by name, that are given."""

    def command(**values: Any) -> None:
        search = tuple(_taken(values, player) for player in "ab")
        run(**values, search=search)

    settings = [each for each in fields(SearchSettings) if each.name != _WITHOUT_EFFECT]
    own = inspect.signature(run, eval_str=True).parameters.values()
    parameters = [
        *(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own if each.name != "search"),
        *(_parameter(player, setting) for player in "ab" for setting in settings),
    ]
    vars(command)["__signature__"] = inspect.Signature(parameters)  # which `inspect.signature` reads
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    command.__doc__ = run.__doc__
    return command


def _taken(values: dict[str, Any], player: str) -> dict[str, Any]:
    """Remove the player's settings from `values`, and return those that are given."""
    names = {each.name: f"{player}_{each.name}" for each in fields(SearchSettings)}
    taken = {name: values.pop(parameter, None) for name, parameter in names.items()}
    return {name: value for name, value in taken.items() if value is not None}


def _parameter(player: str, setting: Field[Any]) -> inspect.Parameter:
    about = setting.metadata
    declared = typer.Option(
        f"--{player}.{setting.name.replace('_', '-')}",
        min=about["least"],
        max=about["most"],
        help=f"{about['help_text']} {setting.default:g} if not given.",
        rich_help_panel=PANEL,
        hidden=player == "b",
    )
    kind = type(setting.default)
    return inspect.Parameter(
        f"{player}_{setting.name}",
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, declared],
    )
