"""Settings of gomill's tuning events: what a control file says of parameters, candidates and the search for them."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from lzeval.errors import UserError
from tournaments.gomill.control import settings
from tournaments.gomill.control.additions import known_player
from tournaments.gomill.control.budget import Budget, Meter
from tournaments.gomill.control.language import Configured, Namespace, is_function
from tournaments.gomill.control.operators import binary
from tournaments.gomill.control.scales import SCALES, Scale, predefined_scale
from tournaments.gomill.control.syntax import RefusedError
from tournaments.gomill.control.text import text_of
from tournaments.plan.competition import PlayerSpec
from tournaments.plan.tuning import REACH, CandidateColour, CrossEntropy, MonteCarlo, Tuning, TuningParameter

if TYPE_CHECKING:
    from tournaments.gomill.control_file import ControlFileReader

MONTE_CARLO, CROSS_ENTROPY = "mc_tuner", "ce_tuner"
_FORMAT_ERRORS = (RefusedError, TypeError, ValueError, KeyError, OverflowError)
_MC_PARAMETER: Mapping[str, Callable[[object], Any]] = {
    "split": settings.positive_number,
    "format": settings.text,
}
_CE_PARAMETER: Mapping[str, Callable[[object], Any]] = {
    "initial_mean": settings.number,
    "initial_variance": settings.number,
    "format": settings.text,
}
_MC: Mapping[str, settings.Check] = {
    "number_of_games": settings.or_none(settings.whole_number),
    "exploration_coefficient": settings.number,
    "initial_visits": settings.positive_number,
    "initial_wins": settings.positive_number,
    "max_depth": settings.positive_number,
    "summary_spec": lambda value: tuple(map(settings.whole_number, settings.items(value))),
    "log_tree_to_history_period": settings.or_none(settings.positive_number),
    "number_of_running_simulations_to_show": settings.whole_number,
}
_CE: Mapping[str, settings.Check] = {
    "batch_size": settings.positive_number,
    "samples_per_generation": settings.positive_number,
    "number_of_generations": settings.positive_number,
    "elite_proportion": lambda value: _share(value),
    "step_size": lambda value: _share(value),
}
_WANTED = {
    MONTE_CARLO: ("exploration_coefficient", "initial_visits", "initial_wins"),
    CROSS_ENTROPY: tuple(_CE),
}
_COLOURS: Mapping[str, CandidateColour] = {
    "b": "b",
    "black": "b",
    "w": "w",
    "white": "w",
    "r": "random",
    "random": "random",
}
"""Words that gomill takes for a colour, in lower case."""


def read_tuning(reader: ControlFileReader, players: Mapping[str, PlayerSpec]) -> Tuning | None:
    """The tuning event of the file; None, and mistakes noted, where it is none."""
    kind = reader.competition_type
    before = len(reader.mistakes)
    for name in ("candidate_colour", "opponent", "make_candidate", *_WANTED[kind]):
        if name not in reader.namespace.values:
            reader.mistake(name, "is not given")
    opponent = reader.setting("opponent", lambda value: known_player(value, players), "")
    colour: CandidateColour = reader.setting("candidate_colour", _colour, "random")
    maker = reader.setting("make_candidate", _function, None)
    calls = reader.required("parameters", settings.items)
    if not calls and "parameters" in reader.namespace.values:
        reader.mistake("parameters", "is empty; a tuning event has at least one Parameter")
    read = [_parameter(reader, place, call) for place, call in enumerate(calls)]
    found = [each for each in read if each is not None]
    _check_codes(reader, [parameter.code for parameter, _ in found])
    given = reader.defaults(_MC if kind == MONTE_CARLO else _CE)
    if kind == MONTE_CARLO:
        komi = reader.namespace.values.get("komi")
        if isinstance(komi, int | float) and komi == int(komi):
            reader.mistake("komi", "must be fractional, as the Monte Carlo tuner has no use for a jigo")
    if len(reader.mistakes) > before:
        return None
    search: MonteCarlo | CrossEntropy
    if kind == MONTE_CARLO:
        search = MonteCarlo(splits=tuple(values["split"] for _, values in found), **given)
    else:
        initial = tuple((values["initial_mean"], values["initial_variance"]) for _, values in found)
        search = CrossEntropy(initial=initial, **given)
    made = _candidates(reader, maker)
    return Tuning(tuple(parameter for parameter, _ in found), opponent, colour, search, made)


def _share(value: object) -> float:
    found = settings.number(value)
    if not 0 < found < 1:
        raise ValueError(f"must be between 0 and 1, not {found:g}")
    return found


def _colour(value: object) -> CandidateColour:
    if not isinstance(value, str) or value.lower() not in _COLOURS:
        raise ValueError("is one of 'b', 'w', 'random'")
    return _COLOURS[value.lower()]


def _function(value: object) -> object:
    if not is_function(value):
        raise ValueError("must be a function")
    return value


def _check_codes(reader: ControlFileReader, codes: Sequence[str]) -> None:
    for code in dict.fromkeys(codes):
        if codes.count(code) > 1:
            reader.mistake("parameters", f"has two parameters of the code {code}; give one of them another")


def _parameter(
    reader: ControlFileReader, place: int, value: object
) -> tuple[TuningParameter, dict[str, Any]] | None:
    """A parameter, and its settings that are of the search; None, and a mistake, if it is none."""
    is_mc = reader.competition_type == MONTE_CARLO
    checks = _MC_PARAMETER if is_mc else _CE_PARAMETER
    function = "scale" if is_mc else "transform"
    where = f"parameter {place}: "
    line = None
    try:
        call = settings.configured("Parameter")(value)
        line = call.line
        values = settings.arguments(call, ("code",), (function, *checks))
        if "code" in values:
            where = f"parameter {settings.brief(values['code'])}: "
        for name in ("code", "scale", "split") if is_mc else ("code", "initial_mean", "initial_variance"):
            if name not in values:
                raise ValueError(f"'{name}' is not given")
        code = settings.identifier(values["code"])
        where = f"parameter {code}: "
        given = dict(
            values, **{name: check(values[name]) for name, check in checks.items() if name in values}
        )
        low, high = 0.0, 1.0
        if not is_mc:
            if given["initial_variance"] < 0:
                raise ValueError("'initial_variance' must not be below 0")
            reach = REACH * math.sqrt(given["initial_variance"])
            low, high = given["initial_mean"] - reach, given["initial_mean"] + reach
        convert = _conversion(reader, values.get(function), function, where, call.line)
        text = _formatter(code, given.get("format"))
        found = TuningParameter(code, convert, text, low, high)
        first = 0.5 / given["split"] if is_mc else given["initial_mean"]
        first_value = found.engine_value(first)
        if given.get("format") is not None:
            _check_format(str(given["format"]), first_value)
    except ValueError as exc:
        reader.mistake_in(line or reader.namespace.lines.get("parameters"), f"{where}{exc}")
        return None
    except UserError as exc:
        reader.mistake_in(None, str(exc))
        return None
    return found, given


def _conversion(
    reader: ControlFileReader, function: object, name: str, where: str, line: int | None
) -> Callable[[float], object]:
    """An optimiser parameter to an engine parameter. Raises ValueError for what is no scale or transform."""
    convert: Scale
    if function is None:
        return float
    if isinstance(function, Configured) and function.kind in SCALES:
        convert = predefined_scale(function)
    elif is_function(function):

        def convert(share: float) -> object:
            return call_function(reader.namespace, function, [share], line)
    else:
        raise ValueError(
            f"'{name}' must be a function{', LINEAR, LOG or EXPLICIT' if name == 'scale' else ''}"
        )

    def guarded(share: float) -> object:
        try:
            return convert(share)
        except RefusedError as exc:
            raise UserError(
                reader.place(exc.line, f"{where}'{name}' of {text_of(share)}: {exc.problem}")
            ) from exc
        except ArithmeticError as exc:
            raise UserError(reader.place(line, f"{where}'{name}' of {text_of(share)}: {exc}")) from exc

    return guarded


def call_function(namespace: Namespace, function: object, args: Sequence[object], line: int | None) -> object:
    """Call a function of the file. Raises RefusedError."""
    assert namespace.call is not None, "the file was executed, not evaluated"
    return namespace.call(function, args, line or 1)


def _formatted(form: str, value: object) -> str:
    return str(binary(ast.Mod, form, value, Meter(Budget(), 1)))


def _check_format(form: str, value: object) -> None:
    try:
        _formatted(form, value)
    except _FORMAT_ERRORS as exc:
        raise ValueError(f"'format' {settings.brief(form)} does not fit {settings.brief(value)}") from exc


def _formatter(code: str, form: object) -> Callable[[object], str]:
    chosen = f"{code}:%s" if form is None else str(form)

    def text(value: object) -> str:
        try:
            return _formatted(chosen, value)
        except _FORMAT_ERRORS:
            return f"[{code}?{settings.brief(value)}]"

    return text


def _candidates(reader: ControlFileReader, maker: object) -> Callable[[str, Sequence[object]], PlayerSpec]:
    line = reader.namespace.lines.get("make_candidate")

    def make(code: str, values: Sequence[object]) -> PlayerSpec:
        given = f"make_candidate({', '.join(map(settings.brief, values))})"
        try:
            call = call_function(reader.namespace, maker, values, line)
        except RefusedError as exc:
            raise UserError(reader.place(exc.line, f"{given}: {exc.problem}")) from exc
        if not isinstance(call, Configured) or call.kind != "Player":
            raise UserError(reader.place(line, f"{given} returned {settings.brief(call)}, and not a Player"))
        return reader.made_player(code, call, given)

    return cast("Callable[[str, Sequence[object]], PlayerSpec]", make)
