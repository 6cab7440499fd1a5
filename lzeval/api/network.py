"""Networks as the API holds them: evaluated, searched with, and written to files."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, overload

from lzeval.api.arguments import whole
from lzeval.api.position import Position, PositionLike
from lzeval.errors import UserError
from lzeval.records.record import GameRecord

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engines.evaluator.base import Evaluator, EvaluatorInfo
    from engines.evaluator.load import EvaluatorPlan
    from engines.search.position_search import PositionAnalysis

    Floats: TypeAlias = npt.NDArray[np.float32]

Positions: TypeAlias = Sequence[Position | GameRecord | Path]
"""Several positions, each in a form of its own."""
NetworkLike: TypeAlias = "Network | str | Path"
"""A network, or what `load` takes."""


def bundled_networks() -> dict[str, Path]:
    """The networks that come with lzeval: file by name."""
    from lzeval.system import bundled

    return bundled.bundled_networks()


def load(network: NetworkLike, *, device: str = "auto", precision: str = "auto", threads: int = 1) -> Network:
    """Load a network: a Leela Zero weights file, a checkpoint of `lzeval train`, or a bundled name such as `small`.

    `device` is one of those that `--device` takes; `precision` auto, fp32 or bf16, where auto takes what was checked
    against fp32 on this machine. `threads` are those of one evaluation. Raises UserError, or its WeightsError, for what
    is no network.
    """
    from engines.evaluator.load import plan_evaluator

    if isinstance(network, Network):
        return network
    threads = whole("threads", threads, 1, 1024)
    return Network(plan_evaluator(network, device=device, precision=precision), Path(network), threads)


@dataclass(frozen=True)
class Evaluation:
    """Opinion of a network on a position, without search."""

    position: Position
    winrate: float
    """Chance of winning of the side to move, 0 to 1."""
    policy: Floats = field(repr=False)
    """`[size * size + 1]` probabilities, row by row from A1, the pass last; occupied points are not left out."""

    def best(self, count: int = 5) -> list[tuple[str, float]]:
        """The `count` likeliest legal moves: vertex and probability, likeliest first."""
        from lzeval.go.points import parse_vertex

        size = self.position.size
        moves = [
            (vertex, float(self.policy[parse_vertex(vertex, size)])) for vertex in self.position.legal_moves()
        ]
        return sorted(moves, key=lambda move: -move[1])[:count]

    def _repr_html_(self) -> str:
        labels = {vertex: f"{100 * share:.0f}" for vertex, share in self.best() if vertex != "pass"}
        return f"<div>{self.position.svg(labels)}<p>{escape(_percent(self.winrate))}</p></div>"


@dataclass(frozen=True)
class Candidate:
    """A move that a search has tried."""

    move: str
    """GTP vertex."""
    visits: int
    winrate: float
    """Mean over the visits, 0 to 1, for the side to move."""
    lower_bound: float
    """Lower confidence bound of the winrate, by which moves are ranked; negative where visits are too few for one."""
    prior: float
    """The network's probability of the move."""
    variation: tuple[str, ...]
    """The line that the search expects, this move first."""


@dataclass(frozen=True)
class SearchResult:
    """Findings of a search in a position."""

    position: Position
    winrate: float
    """Chance of winning of the side to move, 0 to 1: mean over all visits."""
    visits: int
    candidates: tuple[Candidate, ...]
    """Moves that were tried, best first."""

    @property
    def best(self) -> str:
        """The best move's vertex. Raises UserError where none was tried."""
        if not self.candidates:
            raise UserError("the search tried no move: give it 2 visits or more")
        return self.candidates[0].move

    def _repr_html_(self) -> str:
        labels = {c.move: str(n) for n, c in enumerate(self.candidates[:9], 1) if c.move != "pass"}
        rows = "".join(
            f"<tr><td>{n}</td><td>{escape(c.move)}</td><td>{c.visits}</td><td>{c.winrate:.1%}</td>"
            f"<td>{c.prior:.1%}</td><td>{escape(' '.join(c.variation[:8]))}</td></tr>"
            for n, c in enumerate(self.candidates[:9], 1)
        )
        head = "".join(f"<th>{name}</th>" for name in ("", "Move", "Visits", "Winrate", "Prior", "Variation"))
        return (
            f"<div>{self.position.svg(labels)}<p>{escape(_percent(self.winrate))}, {self.visits} visits</p>"
            f"<table><tr>{head}</tr>{rows}</table></div>"
        )


class Network:
    """A network that answers. `load` makes one."""

    def __init__(self, plan: EvaluatorPlan, source: Path, threads: int = 1) -> None:
        self._plan = plan
        self._source = source
        self._threads = threads
        self._evaluators: dict[int, Evaluator] = {}
        self._lock = threading.RLock()
        """Held while an evaluator works, which answers one caller at a time."""

    @property
    def info(self) -> EvaluatorInfo:
        """Name, sha256, blocks, filters, board size, device and precision."""
        return self._plan.info

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.info.network

    @property
    def board_size(self) -> int:
        """Lines of the boards that it plays on."""
        return self.info.board_size

    @property
    def plan(self) -> EvaluatorPlan:
        """Device, precision and size of batches that it is run with."""
        return self._plan

    @property
    def source(self) -> Path:
        """The file or the name that it was loaded by."""
        return self._source

    @overload
    def evaluate(self, positions: Position | str | Path) -> Evaluation: ...
    @overload
    def evaluate(self, positions: Positions) -> list[Evaluation]: ...
    def evaluate(self, positions: PositionLike | Positions) -> Evaluation | list[Evaluation]:
        """The network's own opinion: of one position, in any form that `Position.of` takes, or of a list of them.

        Raises UserError for a position on a board of another size.
        """
        import numpy as np

        from lzeval.go.planes import planes_of

        found, is_one = self._checked(positions)
        if not found:
            return []
        policy, value = self.evaluate_planes(np.stack([planes_of(position._game) for position in found]))
        results = [
            Evaluation(position, (1 + float(value[n])) / 2, policy[n]) for n, position in enumerate(found)
        ]
        return results[0] if is_one else results

    def evaluate_planes(self, planes: npt.NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """Policy `[B, S * S + 1]` (probabilities, the pass last) and value `[B]` (-1 to 1, for the side to move).

        `planes` `[B, 18, S, S]` are 0 or 1, in Leela Zero's order: the mover's stones now and 1 to 7 moves ago, the
        opponent's likewise, all ones if Black moves, all ones if White moves. Raises UserError for another shape.
        """
        import numpy as np

        size = self.board_size
        planes = np.asarray(planes)
        if planes.ndim != 4 or planes.shape[1:] != (18, size, size):
            raise UserError(f"planes of shape {planes.shape}: {self.name} takes [B, 18, {size}, {size}]")
        if planes.dtype.kind not in "buif" or not ((planes == 0) | (planes == 1)).all():
            raise UserError(f"planes of {planes.dtype}: every number must be 0 or 1")
        evaluator = self._evaluator(self._plan.batch_size if len(planes) > 1 else 1)
        policy = np.zeros((len(planes), size * size + 1), np.float32)
        value = np.zeros(len(planes), np.float32)
        for start in range(0, len(planes), evaluator.batch_size):
            batch = np.zeros((evaluator.batch_size, 18, size, size), np.uint8)
            rows = planes[start : start + evaluator.batch_size]
            batch[: len(rows)] = rows
            with self._lock:  # the answer's arrays are the evaluator's until its next call
                answer = evaluator.evaluate(batch)
                policy[start : start + len(rows)] = answer.policy[: len(rows)]
                value[start : start + len(rows)] = answer.value[: len(rows)]
        return policy, value

    @overload
    def search(
        self, positions: Position | str | Path, *, visits: int = ..., seed: int = ...
    ) -> SearchResult: ...
    @overload
    def search(self, positions: Positions, *, visits: int = ..., seed: int = ...) -> list[SearchResult]: ...
    def search(
        self,
        positions: PositionLike | Positions,
        *,
        visits: int = 100,
        seed: int = 1,
    ) -> SearchResult | list[SearchResult]:
        """Search one position, or a list of them side by side, with `visits` each.

        What is found at a position depends on the position, the seed and the visits alone. Raises UserError for a
        position on a board of another size, or without visits.
        """
        from engines.search.position_search import SearchPosition, position_seed, search_all

        visits, seed = whole("visits", visits, 1), whole("seed", seed, 0)
        found, is_one = self._checked(positions)
        wanted = []
        for position in found:
            game = position._game
            wanted.append(SearchPosition(game, game.to_move, visits, position_seed(seed, game)))
        evaluator = self._evaluator(min(self._plan.batch_size, max(1, len(wanted))))
        by_number: dict[int, SearchResult] = {}
        with self._lock:
            for report in search_all(evaluator, wanted):
                assert report.analysis is not None
                by_number[report.ticket] = _result(found[report.ticket], report.analysis)
        results = [by_number[number] for number in range(len(found))]
        return results[0] if is_one else results

    def write_weights(self, path: str | Path, *, digits: int | None = None) -> Path:
        """Write Leela Zero's weights file: `.txt`, or `.txt.gz` compressed. Returns the path.

        `digits` is the number of significant digits of each number; None: as many as float32 needs. An existing file
        is replaced whole. Raises UserError where it cannot be written.
        """
        from lzeval.network.any_file import read_any
        from lzeval.network.weights_file.weights import write_weights

        if digits is not None:
            digits = whole("digits", digits, 1, 17)
        write_weights(read_any(self._source), path, digits)
        return Path(path)

    def write_onnx(self, path: str | Path) -> Path:
        """Write the network as ONNX (`pip install "lzeval[onnx]"`). Returns the path.

        Input `planes` `[batch, 18, S, S]` float32 as in `evaluate_planes`, outputs `policy` `[batch, S * S + 1]`
        (probabilities) and `value` `[batch]` (-1 to 1, for the side to move). Raises UserError where it cannot be
        written.
        """
        from lzeval.network.checkpoint import load_network
        from lzeval.network.leela import weights_from_network
        from lzeval.network.onnx_file import write_onnx

        write_onnx(weights_from_network(load_network(self._source).network), path)
        return Path(path)

    def _evaluator(self, batch_size: int) -> Evaluator:
        """One for batches of this size, made on first use and kept."""
        with self._lock:
            if batch_size not in self._evaluators:
                self._evaluators[batch_size] = self._plan.with_batch(batch_size).build(self._threads)
            return self._evaluators[batch_size]

    def _checked(self, positions: PositionLike | Positions) -> tuple[list[Position], bool]:
        """Positions for this network's boards, and whether one was given and not a list. Raises UserError."""
        if isinstance(positions, (str, Path, Position, GameRecord)):
            found, is_one = [Position.of(positions)], True
        else:
            given = list(positions)
            vertices = [each for each in given if isinstance(each, str)]
            is_one = bool(given) and len(vertices) == len(given)
            found = [Position(vertices)] if is_one else [Position.of(each) for each in given]
        for position in found:
            if position.size != self.board_size:
                size = self.board_size
                raise UserError(f"{self.name} plays on {size}x{size}, not on {position.size}x{position.size}")
        return found, is_one

    def __repr__(self) -> str:
        info = self.info
        return (
            f"<Network {info.network}: {info.blocks} blocks x {info.filters} filters, "
            f"{info.board_size}x{info.board_size}, {self._plan.precision} on {self._plan.device}>"
        )


def _result(position: Position, analysis: PositionAnalysis) -> SearchResult:
    from lzeval.go.points import format_vertex

    def vertices(moves: Iterable[int]) -> tuple[str, ...]:
        return tuple(format_vertex(move, position.size) for move in moves)

    candidates = tuple(
        Candidate(
            format_vertex(move.move, position.size),
            move.visits,
            move.winrate,
            move.lcb,
            move.prior,
            vertices(line),
        )
        for move, line in zip(analysis.moves, analysis.lines, strict=True)
    )
    return SearchResult(position, analysis.winrate, analysis.visits, candidates)


def _percent(winrate: float) -> str:
    return f"{winrate:.1%} for the side to move"
