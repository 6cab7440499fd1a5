"""Pages of HTML made from jinja2's templates."""

from __future__ import annotations

from collections.abc import Callable

from jinja2 import Environment, PackageLoader, StrictUndefined


def html_templates(package: str, **filters: Callable[..., object]) -> Environment:
    """The templates in the folder `templates` of `package`; `filters` are functions that they may apply to values.

    Every value is escaped, unless it is a `markupsafe.Markup`. A name that a template is not given is an error.
    """
    found = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(filters)
    return found
