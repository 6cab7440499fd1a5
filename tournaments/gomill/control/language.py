"""An evaluator of the plain part of Python, which reads a control file without executing it.

It knows literals, names, operators, lists, tuples, dictionaries, sets, subscripts, comprehensions, `if`, `for`,
`while`, functions of the file's own, the few built-in functions in `BUILTINS` and methods in `METHODS`. Nothing
here reaches the interpreter that runs it: no attribute is ever looked up, nothing is imported, and all work and
all memory count against one budget. Numbers and text behave as under gomill, in Python 2 with true division.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from tournaments.gomill.control.budget import TOO_DEEP, UNITS_A_CALL, Budget, Meter
from tournaments.gomill.control.functions import BUILTINS, FUNCTIONS, MATH_CONSTANTS, Builtin
from tournaments.gomill.control.methods import METHODS
from tournaments.gomill.control.operators import binary
from tournaments.gomill.control.syntax import RefusedError, print_note
from tournaments.gomill.control.text import text_of

DEEPEST_CALL = 25
"""Calls of the file's own functions within each other."""
ADVICE = "write the value out, or give --trust"
MISPLACED = "return, break or continue stands where it means nothing"
_LONGEST_QUOTE = 50


@dataclass(frozen=True, eq=False)
class Configured:
    """A call of `Player`, `Matchup` or `Competitor`: its arguments, yet to be checked."""

    kind: str
    args: tuple[object, ...]
    kwargs: Mapping[str, object]
    line: int | None
    """The place of the call."""


Call: TypeAlias = Callable[[object, Sequence[object], int], object]
"""Calls a function of a file with arguments, each time within a budget of its own; the last argument is the line to
name where the function itself has none. Raises RefusedError."""


@dataclass(frozen=True)
class Namespace:
    """Values of the top level's names in the end."""

    values: Mapping[str, object]
    lines: Mapping[str, int]
    """The place of each name's last assignment."""
    notes: Sequence[str]
    call: Call | None = None
    """Calls a function that is one of the values; None where functions have not come back."""


def is_function(value: object) -> bool:
    """Tell whether a value can be called: one of the file's own functions, or a built-in one."""
    return isinstance(value, _Function | Builtin)


def evaluate(tree: ast.Module, source: str, constructors: Iterable[str] = ()) -> Namespace:
    """The values of all top-level names after the file has been worked through.

    A call of one of `constructors` becomes a Configured. Raises RefusedError for what is not evaluated, for what
    Python would raise an error for, and where the work exceeds the budget.
    """
    evaluator = _Evaluator(source.split("\n"), constructors)
    with evaluator.limited():
        evaluator.run(tree.body, evaluator.top)
    return Namespace(evaluator.top.values, evaluator.lines, evaluator.notes, evaluator.call_later)


@dataclass
class _Scope:
    """Names of the file, of one call or of one round of a comprehension, inside of those that it can see."""

    values: dict[str, object] = field(default_factory=dict)
    outer: _Scope | None = None

    def find(self, name: str) -> _Scope | None:
        """The nearest scope that has the name, by Python's rule for closures; None if none has."""
        scope: _Scope | None = self
        while scope is not None and name not in scope.values:
            scope = scope.outer
        return scope


@dataclass(frozen=True, eq=False)
class _Function:
    """A function that the file defines."""

    name: str
    arguments: ast.arguments
    body: Sequence[ast.stmt]
    defaults: Sequence[object]
    scope: _Scope


@dataclass(frozen=True)
class _Constructor:
    kind: str


@dataclass(frozen=True)
class _MathModule:
    """The value of `math` after `import math`."""


def _of_math(name: str) -> object:
    """A function or constant of the module `math`; None if there is none of that name here."""
    return Builtin(f"math.{name}") if f"math.{name}" in FUNCTIONS else MATH_CONSTANTS.get(name)


class _Control(Exception):  # noqa: N818  # no error, a way out
    """The way out of a block that `return`, `break` and `continue` take; one that nothing catches is misplaced."""


class _Return(_Control):
    def __init__(self, value: object) -> None:
        self.value = value
        super().__init__()


class _Break(_Control):
    pass


class _Continue(_Control):
    pass


_PYTHON_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[object, object], object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,  # type: ignore[dict-item]  # raises TypeError where there is no order
    ast.LtE: operator.le,  # type: ignore[dict-item]
    ast.Gt: operator.gt,  # type: ignore[dict-item]
    ast.GtE: operator.ge,  # type: ignore[dict-item]
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda one, many: operator.contains(many, one),  # type: ignore[arg-type]
    ast.NotIn: lambda one, many: not operator.contains(many, one),  # type: ignore[arg-type]
}


class _Evaluator:
    """One file on its way from a syntax tree to values."""

    def __init__(self, source_lines: Sequence[str], constructors: Iterable[str]) -> None:
        self.source_lines = source_lines
        self.budget = Budget()
        builtins: dict[str, object] = {name: Builtin(name) for name in BUILTINS}
        builtins |= {name: _Constructor(name) for name in constructors}
        self.top = _Scope(outer=_Scope(builtins))
        self.lines: dict[str, int] = {}
        self.notes: list[str] = []
        self.line: int | None = None
        self.depth = 0

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Turn what ends an evaluation in the block before its time into a RefusedError."""
        try:
            yield
        except RecursionError:
            raise RefusedError(self.line, TOO_DEEP) from None
        except _Control:
            raise RefusedError(self.line, MISPLACED) from None

    def call_later(self, function: object, args: Sequence[object], line: int) -> object:
        """Call a function after the file has been worked through."""
        self.budget = Budget()
        node = ast.Call(ast.Constant(None), [], [], lineno=line)
        with self.limited():
            try:
                return self.invoke(node, function, args, {})
            except _PYTHON_ERRORS as exc:
                raise _refused(exc, node) from exc

    # Statements

    def run(self, statements: Sequence[ast.stmt], scope: _Scope) -> None:
        for statement in statements:
            self.line = statement.lineno
            self.spend(statement)
            try:
                self.statement(statement, scope)
            except _PYTHON_ERRORS as exc:
                raise _refused(exc, statement) from exc

    def statement(self, node: ast.stmt, scope: _Scope) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                result = self.value(value, scope)
                for target in targets:
                    self.assign(target, result, scope)
            case ast.AugAssign():
                self.augment(node, scope)
            case ast.Expr(value=value):
                if _begins_with_print(value):
                    self.notes.append(print_note(node.lineno))
                else:
                    self.value(value, scope)
            case ast.If(test=test, body=body, orelse=orelse):
                self.run(body if self.value(test, scope) else orelse, scope)
            case ast.For():
                self.loop(node.body, node.orelse, scope, self.targets(node, scope))
            case ast.While():
                self.loop(node.body, node.orelse, scope, self.while_true(node, scope))
            case ast.FunctionDef(decorator_list=[]):
                defaults = [self.value(default, scope) for default in node.args.defaults]
                self.bind(node.name, _Function(node.name, node.args, node.body, defaults, scope), scope, node)
            case ast.Return(value=result_node):
                raise _Return(None if result_node is None else self.value(result_node, scope))
            case ast.Import(names=[ast.alias(name="math")]):
                self.bind(node.names[0].asname or "math", _MathModule(), scope, node)
            case ast.ImportFrom(module="math", level=0):
                for alias in node.names:
                    self.bind(alias.asname or alias.name, self.math(node, alias.name), scope, node)
            case ast.Pass():
                pass
            case ast.Break():
                raise _Break
            case ast.Continue():
                raise _Continue
            case _:
                raise self.refusal(node)

    def loop(
        self, body: Sequence[ast.stmt], orelse: Sequence[ast.stmt], scope: _Scope, rounds: Iterator[None]
    ) -> None:
        for _ in rounds:
            try:
                self.run(body, scope)
            except _Continue:
                continue
            except _Break:
                return
        self.run(orelse, scope)

    def targets(self, node: ast.For | ast.comprehension, scope: _Scope) -> Iterator[None]:
        """A round for each item, which the loop's variables have been assigned."""
        for item in self.items(node.iter, scope):
            self.spend(node.target)
            self.assign(node.target, item, scope)
            yield

    def while_true(self, node: ast.While, scope: _Scope) -> Iterator[None]:
        while self.value(node.test, scope):
            self.spend(node)
            yield

    def items(self, node: ast.expr, scope: _Scope) -> Iterable[object]:
        found = self.value(node, scope)
        if not isinstance(found, str | list | tuple | dict | set):
            raise RefusedError(node.lineno, f"{_kind(found)} is nothing to go through item by item")
        if isinstance(found, dict | set):  # which may change on the way
            self.budget.spend(node.lineno, len(found))
            return list(found)
        return found

    def assign(self, target: ast.expr, value: object, scope: _Scope) -> None:
        match target:
            case ast.Name(id=name):
                self.bind(name, value, scope, target)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                self.unpack(target, targets, value, scope)
            case ast.Subscript(value=container_node, slice=place):
                container, index = self.value(container_node, scope), self.value(place, scope)
                self.weigh(target, index)
                if not isinstance(container, list | dict) or isinstance(index, slice):
                    raise self.refusal(target)
                container[index] = value  # type: ignore[call-overload]  # a TypeError is the user's
            case _:
                raise self.refusal(target)

    def bind(self, name: str, value: object, scope: _Scope, node: ast.stmt | ast.expr) -> None:
        scope.values[name] = value
        if scope is self.top:
            self.lines[name] = node.lineno

    def unpack(self, node: ast.expr, targets: Sequence[ast.expr], value: object, scope: _Scope) -> None:
        if not isinstance(value, str | list | tuple) or len(value) != len(targets):
            raise RefusedError(node.lineno, f"{_kind(value)} cannot be taken apart into {len(targets)} names")
        for target, item in zip(targets, value, strict=True):
            self.assign(target, item, scope)

    def augment(self, node: ast.AugAssign, scope: _Scope) -> None:
        if isinstance(node.target, ast.Name) and node.target.id not in scope.values:
            raise RefusedError(node.lineno, f"{node.target.id} has no value yet")
        load = ast.copy_location(_loading(node.target), node)
        old, more = self.value(load, scope), self.value(node.value, scope)
        if isinstance(old, list) and isinstance(node.op, ast.Add) and isinstance(more, list | tuple):
            self.weigh(node, more)
            old.extend(more)  # the same list, as other names may mean it, too
            self.assign(node.target, old, scope)
        else:
            self.assign(node.target, self.operate(node, node.op, old, more), scope)

    # Expressions

    def value(self, node: ast.expr, scope: _Scope) -> object:
        """The value of the expression."""
        self.spend(node)
        try:
            return self.expression(node, scope)
        except _PYTHON_ERRORS as exc:
            raise _refused(exc, node) from exc

    def expression(self, node: ast.expr, scope: _Scope) -> object:
        match node:
            case ast.Constant(value=value):
                return self.constant(node, value)
            case ast.Name(id=name):
                return self.named(node, name, scope)
            case ast.List(elts=elements):
                return list(self.elements(elements, scope))
            case ast.Tuple(elts=elements):
                return tuple(self.elements(elements, scope))
            case ast.Set(elts=elements):
                return {self.key(element, scope) for element in elements}
            case ast.Dict(keys=keys, values=values):
                if None in keys:
                    raise self.refusal(node)
                pairs = zip(keys, values, strict=True)
                return {self.key(key, scope): self.value(item, scope) for key, item in pairs if key}
            case ast.BinOp(left=left, op=op, right=right):
                return self.operate(node, op, self.value(left, scope), self.value(right, scope))
            case ast.UnaryOp(op=op, operand=operand):
                return self.unary(op, self.value(operand, scope))
            case ast.BoolOp(op=op, values=parts):
                return self.connect(isinstance(op, ast.And), parts, scope)
            case ast.Compare():
                return self.compare(node, scope)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.value(body if self.value(test, scope) else orelse, scope)
            case ast.Subscript(value=container, slice=place):
                return self.subscript(node, self.value(container, scope), self.value(place, scope))
            case ast.Slice(lower=lower, upper=upper, step=step):
                return slice(*(part and self.value(part, scope) for part in (lower, upper, step)))
            case (
                ast.ListComp(elt=element, generators=loops) | ast.GeneratorExp(elt=element, generators=loops)
            ):
                return [self.value(element, inner) for inner in self.comprehend(loops, scope)]
            case ast.SetComp(elt=element, generators=loops):
                return {self.key(element, inner) for inner in self.comprehend(loops, scope)}
            case ast.DictComp(key=key, value=item, generators=loops):
                inners = self.comprehend(loops, scope)
                return {self.key(key, inner): self.value(item, inner) for inner in inners}
            case ast.Lambda(args=arguments, body=body):
                returned = ast.copy_location(ast.Return(body), node)
                defaults = [self.value(default, scope) for default in arguments.defaults]
                return _Function("lambda", arguments, [returned], defaults, scope)
            case ast.Call():
                return self.call(node, scope)
            case ast.Attribute(value=ast.Name(id=name)) if self.is_math(name, scope):
                return self.math(node, node.attr)
            case ast.JoinedStr():
                raise RefusedError(
                    node.lineno, "f-strings are not gomill's Python; use %, as in 'level %d' % 3"
                )
            case _:
                raise self.refusal(node)

    def constant(self, node: ast.expr, value: object) -> object:
        if isinstance(value, bytes):
            return value.decode("utf-8")
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise self.refusal(node)

    def named(self, node: ast.expr, name: str, scope: _Scope) -> object:
        found = scope.find(name)
        if found is None:
            raise RefusedError(node.lineno, f"{name} is not known here; {ADVICE}")
        return found.values[name]

    def is_math(self, name: str, scope: _Scope) -> bool:
        found = scope.find(name)
        return found is not None and isinstance(found.values[name], _MathModule)

    def math(self, node: ast.expr | ast.stmt, name: str) -> object:
        found = _of_math(name)
        if found is None:
            raise self.refusal(node)
        return found

    def elements(self, nodes: Sequence[ast.expr], scope: _Scope) -> Iterator[object]:
        for node in nodes:
            if isinstance(node, ast.Starred):
                raise self.refusal(node)
            yield self.value(node, scope)

    def key(self, node: ast.expr, scope: _Scope) -> object:
        """A value that is about to be hashed."""
        found = self.value(node, scope)
        self.weigh(node, found)
        return found

    def operate(self, node: ast.expr | ast.stmt, op: ast.operator, left: object, right: object) -> object:
        return binary(type(op), left, right, self.meter(node))

    def unary(self, op: ast.unaryop, operand: object) -> object:
        if isinstance(op, ast.Not):
            return not operand
        if not isinstance(operand, int | float):
            raise TypeError(f"{_kind(operand)} has no sign")
        if isinstance(op, ast.Invert):
            return ~operand  # type: ignore[operator]  # a TypeError where it is no whole number
        return -operand if isinstance(op, ast.USub) else +operand

    def connect(self, conjunction: bool, parts: Sequence[ast.expr], scope: _Scope) -> object:
        """The value of `and` or `or`: the first part that settles it, or the last."""
        found: object = None
        for part in parts:
            found = self.value(part, scope)
            if bool(found) is not conjunction:
                break
        return found

    def compare(self, node: ast.Compare, scope: _Scope) -> object:
        left, found = self.value(node.left, scope), object()
        for op, part in zip(node.ops, node.comparators, strict=True):
            right = self.value(part, scope)
            self.weigh(node, left)
            self.weigh(node, right)
            found = _COMPARISONS[type(op)](left, right)
            if not found:
                break
            left = right
        return found

    def subscript(self, node: ast.expr, container: object, place: object) -> object:
        self.weigh(node, place)
        if not isinstance(container, str | list | tuple | dict):
            raise TypeError(f"{_kind(container)} has no items")
        if isinstance(place, slice) and not isinstance(container, dict):
            self.budget.spend(node.lineno, len(container))
        return container[place]  # type: ignore[call-overload, index]  # a TypeError is the user's

    def comprehend(self, loops: Sequence[ast.comprehension], scope: _Scope) -> Iterator[_Scope]:
        """A scope for each round of the nested loops of a comprehension that its conditions let pass."""
        inner = _Scope(outer=scope)
        first, *others = loops
        for _ in self.targets(first, inner):
            if not all(self.value(condition, inner) for condition in first.ifs):
                continue
            if others:
                yield from self.comprehend(others, inner)
            else:
                yield inner

    # Calls

    def call(self, node: ast.Call, scope: _Scope) -> object:
        func = node.func
        if isinstance(func, ast.Attribute) and not (
            isinstance(func.value, ast.Name) and self.is_math(func.value.id, scope)
        ):
            return self.method(node, func, scope)
        if isinstance(func, ast.Name) and scope.find(func.id) is None:
            raise self.refusal(node)
        function = self.value(func, scope)
        args, kwargs = self.arguments(node, scope)
        return self.invoke(node, function, args, kwargs)

    def invoke(
        self, node: ast.Call, function: object, args: Sequence[object], kwargs: Mapping[str, object]
    ) -> object:
        """Call a function or constructor with values."""
        if isinstance(function, _Constructor):
            return Configured(function.kind, tuple(args), kwargs, node.lineno)
        if isinstance(function, _Function):
            return self.apply(node, function, args, kwargs)
        if isinstance(function, Builtin):
            return FUNCTIONS[function.name](self.meter(node), *args, **kwargs)
        raise TypeError(f"{_kind(function)} is no function")

    def method(self, node: ast.Call, func: ast.Attribute, scope: _Scope) -> object:
        if isinstance(func.value, ast.Name) and scope.find(func.value.id) is None:
            raise self.refusal(node)
        owner = self.value(func.value, scope)
        known = METHODS.get(type(owner), {}).get(func.attr)
        if known is None:
            raise self.refusal(node)
        args, kwargs = self.arguments(node, scope)
        return known(self.meter(node), owner, *args, **kwargs)

    def arguments(self, node: ast.Call, scope: _Scope) -> tuple[list[object], dict[str, object]]:
        args: list[object] = []
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                args += self.items(argument.value, scope)
            else:
                args.append(self.value(argument, scope))
        kwargs: dict[str, object] = {}
        for keyword in node.keywords:
            found = self.value(keyword.value, scope)
            if keyword.arg is not None:
                kwargs[keyword.arg] = found
            elif isinstance(found, dict):
                kwargs |= found
            else:
                raise TypeError(f"{_kind(found)} does not name arguments")
        self.budget.spend(node.lineno, len(args) + len(kwargs))
        return args, kwargs

    def apply(
        self, node: ast.Call, function: _Function, args: Sequence[object], kwargs: Mapping[str, object]
    ) -> object:
        """Call a function that the file defines."""
        self.budget.spend(node.lineno, UNITS_A_CALL)
        scope = _Scope(_bound(function, args, kwargs), function.scope)
        if self.depth == DEEPEST_CALL:
            raise RefusedError(
                node.lineno, f"{function.name} is called from within itself more than {DEEPEST_CALL} deep"
            )
        self.depth += 1
        try:
            self.run(function.body, scope)
        except _Return as returned:
            return returned.value
        except _Control:
            raise RefusedError(self.line, MISPLACED) from None
        finally:
            self.depth -= 1
        return None

    # Limits

    def spend(self, node: ast.stmt | ast.expr) -> None:
        self.budget.spend(node.lineno, 1)

    def weigh(self, node: ast.stmt | ast.expr, value: object) -> None:
        self.budget.weigh(node.lineno, value)

    def meter(self, node: ast.stmt | ast.expr) -> Meter:
        return Meter(self.budget, node.lineno)

    def refusal(self, node: ast.stmt | ast.expr) -> RefusedError:
        """The error that the node cannot be evaluated here, with its line."""
        line = self.source_lines[node.lineno - 1].strip() if node.lineno <= len(self.source_lines) else ""
        quote = line if len(line) <= _LONGEST_QUOTE else f"{line[: _LONGEST_QUOTE - 3]}..."
        return RefusedError(node.lineno, f"{quote} cannot be evaluated; {ADVICE}")


def _refused(error: Exception, node: ast.stmt | ast.expr) -> RefusedError:
    """Python's error at the node, with its line."""
    return RefusedError(node.lineno, f"there is no {error}" if isinstance(error, KeyError) else str(error))


def _bound(function: _Function, args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, object]:
    """The values of the function's parameters, by Python's rules. Raises TypeError."""
    parameters = [argument.arg for argument in (*function.arguments.posonlyargs, *function.arguments.args)]
    if function.arguments.kwonlyargs:
        raise TypeError(f"{function.name} has parameters of Python 3")
    optional = parameters[len(parameters) - len(function.defaults) :]
    values = dict(zip(parameters, args, strict=False))
    surplus = dict[str, object]()
    for name, value in kwargs.items():
        if name in values:
            raise TypeError(f"{function.name} is given {name} twice")
        (values if name in parameters else surplus)[name] = value
    values = dict(zip(optional, function.defaults, strict=True)) | values
    missing = [name for name in parameters if name not in values]
    if missing:
        raise TypeError(f"{function.name} lacks a value for {missing[0]}")
    if function.arguments.vararg is not None:
        values[function.arguments.vararg.arg] = tuple(args[len(parameters) :])
    elif len(args) > len(parameters):
        raise TypeError(f"{function.name} takes {len(parameters)} values, not {len(args)}")
    if function.arguments.kwarg is not None:
        values[function.arguments.kwarg.arg] = surplus
    elif surplus:
        raise TypeError(f"{function.name} has no parameter {next(iter(surplus))}")
    return values


def _begins_with_print(node: ast.expr) -> bool:
    """Tell whether Python 2 would have taken the line for a print statement."""
    while True:
        match node:
            case ast.Name(id="print"):
                return True
            case ast.Call(func=inner) | ast.BinOp(left=inner) | ast.Tuple(elts=[inner, *_]):
                node = inner
            case _:
                return False


def _loading(target: ast.expr) -> ast.expr:
    """The same place to be read from."""
    match target:
        case ast.Name(id=name):
            return ast.Name(name, ast.Load())
        case ast.Subscript(value=container, slice=place):
            inner = ast.Subscript(container, place, ast.Load())
            return ast.copy_location(inner, target)
        case _:
            return target


def _kind(value: object) -> str:
    """The kind of a value, for messages."""
    if isinstance(value, Configured):
        return f"a {value.kind}"
    if value is None or isinstance(value, bool | int | float):
        return text_of(value)
    return f"a {_KINDS.get(type(value), 'function')}"


_KINDS = {str: "string", list: "list", tuple: "tuple", dict: "dictionary", set: "set", slice: "slice"}
