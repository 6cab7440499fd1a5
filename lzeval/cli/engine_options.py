"""Commands whose options are the fields of an engine's arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from engines.player.options import Option, options_of

T = TypeVar("T")


def takes_options_of(
    arguments: type[T], network_help: str
) -> Callable[[Callable[[T], None]], Callable[..., None]]:
    """A decorator of a function that takes `arguments`: the command with an option for each of their fields."""

    def decorate(run: Callable[[T], None]) -> Callable[..., None]:
        def command(**values: Any) -> None:
            run(arguments(**values))

        network = Annotated[str, typer.Argument(metavar="NET", help=network_help)]
        parameters = [
            inspect.Parameter("network", inspect.Parameter.KEYWORD_ONLY, annotation=network),
            *map(_parameter, options_of(arguments)),
        ]
        vars(command)["__signature__"] = inspect.Signature(parameters)  # which `inspect.signature` reads
        command.__annotations__ = {each.name: each.annotation for each in parameters}
        command.__doc__ = run.__doc__
        return command

    return decorate


def _parameter(option: Option) -> inspect.Parameter:
    declared = typer.Option(
        option.flag, min=option.least, max=option.most, help=option.help_text, rich_help_panel=option.panel
    )
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=option.default,
        annotation=Annotated[option.kind, declared],
    )
