"""Arguments of analysis commands, and the lines that answer them: Leela Zero's form and KataGo's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from engines.gtp.engine import Analysis, Restriction
from engines.gtp.server.commands.arguments import colour, read, vertex, whole_number
from engines.gtp.server.session import Failure
from lzeval.go.colour import Colour
from lzeval.go.points import format_vertex
from lzeval.text.decimals import parse_number

SWITCHES = frozenset(
    {
        "ownership",
        "ownershipstdev",
        "movesownership",
        "movesownershipstdev",
        "pvvisits",
        "pvedgevisits",
        "rootinfo",
    }
)
"""KataGo's, each followed by true or false. All but `rootInfo` ask for what a Leela network does not know."""
SHORTEST_S, USUAL_S, LONGEST_S = 0.01, 1.0, 1e6
MOST_TOLD = 10


@dataclass(frozen=True)
class Request:
    """A request for an analysis: the moves to look at, and how often to report."""

    colour: Colour
    interval_s: float = USUAL_S
    fewest_moves: int = 0
    most_moves: int | None = None
    restrictions: tuple[Restriction, ...] = ()
    root_info: bool = False


Format: TypeAlias = Callable[[Analysis, int, Request], str]
"""A line for an analysis on a board of some size, as requested."""


def parse_request(args: Sequence[str], to_move: Colour, size: int) -> Request:
    """Read the arguments, which come in any order. Raises Failure `syntax error`."""
    words = list(args)
    given: dict[str, Colour | int | float | bool] = {"colour": to_move}
    restrictions = []
    while words:
        word = words.pop(0).lower()
        if word in ("b", "w", "black", "white"):
            given["colour"] = colour(word)
        elif word == "interval":
            given["interval_s"] = _interval(_next(words))
        elif word in ("minmoves", "maxmoves"):
            given["fewest_moves" if word == "minmoves" else "most_moves"] = read(whole_number, _next(words))
        elif word in ("avoid", "allow"):
            restrictions.append(_restriction(word, _next(words), _next(words), _next(words), size))
        elif word in SWITCHES:
            wanted = _next(words).lower() == "true"
            given["root_info"] = wanted if word == "rootinfo" else bool(given.get("root_info"))
        else:
            given["interval_s"] = _interval(word)
    return Request(restrictions=tuple(restrictions), **given)  # type: ignore[arg-type]


def _next(words: list[str]) -> str:
    if not words:
        raise Failure("syntax error")
    return words.pop(0)


def _interval(text: str) -> float:
    """Seconds, from hundredths of one."""
    seconds = read(parse_number, text) / 100
    if not 0 <= seconds < LONGEST_S:
        raise Failure("syntax error")
    return max(seconds, SHORTEST_S)


def _restriction(word: str, who: str, vertices: str, until: str, size: int) -> Restriction:
    """`D4,Q16:R17` are vertices and rectangles; `until` is the number of coming moves that it holds for."""
    depth = read(whole_number, until)
    moves: set[int] = set()
    for part in vertices.split(","):
        first, _, last = part.partition(":")
        if first.lower() == "resign":
            continue
        corners = vertex(first, size), vertex(last or first, size)
        moves |= set(corners) if size * size in corners else _rectangle(*corners, size)
    return Restriction(colour(who), frozenset(moves), word == "allow", depth)


def _rectangle(one: int, other: int, size: int) -> set[int]:
    rows, columns = (sorted(pair) for pair in zip(divmod(one, size), divmod(other, size), strict=True))
    return {
        row * size + column
        for row in range(rows[0], rows[1] + 1)
        for column in range(columns[0], columns[1] + 1)
    }


def leela_line(found: Analysis, size: int, request: Request) -> str:
    """All moves on one line, chances in ten-thousandths."""
    return " ".join(_infos(found, size, request, lambda share: f"{10000 * share:.0f}"))


def kata_line(found: Analysis, size: int, request: Request) -> str:
    """The same with chances from 0 to 1; what a Leela network does not know is left out."""
    infos = _infos(found, size, request, lambda share: f"{share:.6g}")
    if request.root_info:
        infos.append(f"rootInfo visits {found.visits} winrate {found.winrate:.6g}")
    return " ".join(infos)


def summary(found: Analysis, size: int) -> str:
    """The moves of a search a line each, as Leela Zero tells them on standard error, where some clients read them."""
    lines = [
        f"{format_vertex(move.move, size):>4} -> {move.visits:7d} (V: {move.winrate:6.2%}) (LCB: {move.lcb:6.2%}) "
        f"(N: {move.prior:6.2%}) PV: {' '.join(format_vertex(index, size) for index in move.line)}\n"
        for move in found.moves[:MOST_TOLD]
    ]
    return "".join([*lines, f"{found.visits} visits\n"])


def _infos(found: Analysis, size: int, request: Request, chance: Callable[[float], str]) -> list[str]:
    return [
        f"info move {format_vertex(move.move, size)} visits {move.visits} winrate {chance(move.winrate)} "
        f"prior {chance(move.prior)} lcb {chance(move.lcb)} order {order} "
        f"pv {' '.join(format_vertex(index, size) for index in move.line)}"
        for order, move in enumerate(found.moves[: request.most_moves])
    ]
