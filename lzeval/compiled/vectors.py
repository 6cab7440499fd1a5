"""Arithmetic on several float32 at a time, where compilers do not find it.

A loop over a dozen arrays is compiled number by number: that none of them overlaps another would take too many checks.
Here a function of a few numbers is compiled for vectors instead, with the operations that it says, in its order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

WIDTH = 16
"""Numbers in a vector; processors with narrower ones take several."""

_UNALIGNED = 4
"""Bytes."""


class Vector:
    """Numbers that a program which is being compiled works on at a time."""

    def __init__(self, builder: Any, value: Any) -> None:
        self._builder, self.value = builder, value

    def __add__(self, other: Vector) -> Vector:
        return Vector(self._builder, self._builder.fadd(self.value, other.value))

    def __sub__(self, other: Vector) -> Vector:
        return Vector(self._builder, self._builder.fsub(self.value, other.value))

    def __rmul__(self, factor: float) -> Vector:
        same = ir.Constant(self.value.type, [float(factor)] * self.value.type.count)
        return Vector(self._builder, self._builder.fmul(same, self.value))


def on_vectors(function: Callable[..., tuple[Any, ...]], width: int = WIDTH, *, add: bool = False) -> Any:
    """`function` as `compiled(sources, targets, first)`, for other compiled functions to call.

    `function` makes numbers of as many as there are `sources`, by `+`, `-` and factors on the left. Sources and targets
    are tuples of contiguous float32 arrays `[C]`; of each, the `width` numbers from `first` on are taken. With `add`
    the results are added to what the targets hold.
    """
    vector = ir.VectorType(ir.FloatType(), width)

    def emit(_typing_context: Any, sources: Any, targets: Any, first: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            def places(number: int) -> list[Any]:
                kind = signature.args[number]
                arrays = (builder.extract_value(arguments[number], n) for n in range(len(kind)))
                starts = (context.make_array(kind.dtype)(context, builder, array).data for array in arrays)
                return [
                    builder.bitcast(builder.gep(start, [arguments[2]]), vector.as_pointer())
                    for start in starts
                ]

            def load(place: Any) -> Vector:
                return Vector(builder, builder.load(place, align=_UNALIGNED))

            results = function(*map(load, places(0)))
            for place, result in zip(places(1), results, strict=True):
                value = load(place) + result if add else result
                builder.store(value.value, place, align=_UNALIGNED)
            return context.get_dummy_value()

        return types.void(sources, targets, first), build

    return intrinsic(emit)
