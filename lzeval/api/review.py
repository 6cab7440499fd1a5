"""A game reviewed by a network: what each move cost, and what would have been better."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lzeval.api import html
from lzeval.api.arguments import whole
from lzeval.api.network import NetworkLike, load
from lzeval.api.progress import progress as show_progress
from lzeval.go.colour import Colour

if TYPE_CHECKING:
    import pandas as pd

    from engines.review.assess import MoveReview
    from engines.review.record import ReviewedRecord


class Review:
    """Judgement of a network on each move of a game. In a notebook it draws the moves that cost most."""

    def __init__(self, record: ReviewedRecord, moves: list[MoveReview], network: str, visits: int) -> None:
        self._record = record
        self._moves = moves
        self.network = network
        """Name of the network."""
        self.visits = visits
        """Visits of each position."""

    def to_frame(self) -> pd.DataFrame:
        """One row a move: number, colour (b, w), move, best, before, after, outcome, loss (0 to 1, for the mover)."""
        import pandas as pd

        columns = ["number", "colour", "move", "best", "before", "after", "outcome", "loss"]
        return pd.DataFrame([self._row(move) for move in self._moves], columns=columns)

    def worst(self, most: int = 10) -> pd.DataFrame:
        """The moves that cost most, dearest first; without those that the search itself would have made."""
        return (
            self.to_frame().query("loss > 0 and move != best").sort_values("loss", ascending=False).head(most)
        )

    @property
    def winrates(self) -> list[float]:
        """Black's chance of winning after each move, 0 to 1."""
        return [move.winrate_of_black for move in self._moves]

    def write_sgf(self, path: str | Path) -> Path:
        """Write the record with winrates, comments and better variations. Raises UserError where it cannot be."""
        from engines.review.record import serialise
        from lzeval.system.files import write_bytes_atomically

        write_bytes_atomically(Path(path), serialise(self._record))
        return Path(path)

    def _row(self, move: MoveReview) -> tuple[object, ...]:
        from lzeval.go.points import format_vertex

        size = self._record.game.size
        played, best = (format_vertex(point, size) for point in (move.move, move.best))
        return (
            *(move.number, Colour(move.colour).letter, played, best),
            *(move.before, move.after, move.outcome, move.loss),
        )

    def _repr_html_(self) -> str:
        from engines.review.assess import worst_moves

        header = ("Move", "Player", "Played", "Loss", "Best", "Before", "After")
        rows = []
        for move in worst_moves(self._moves):
            number, colour, played, best, before, _, outcome, loss = self._row(move)
            rows.append(
                (
                    number,
                    "Black" if colour == "b" else "White",
                    played,
                    f"{loss:.1%}",
                    best,
                    f"{before:.1%}",
                    f"{outcome:.1%}",
                )
            )
        title = html.paragraph(f"Moves that cost most ({self.network}, {self.visits} visits)")
        return f"<div>{title}{html.table(header, rows)}</div>"


def review(
    record: str | Path,
    network: NetworkLike = "big",
    *,
    visits: int = 100,
    seed: int = 1,
    progress: bool = True,
) -> Review:
    """Search every position of a record's main line, as `lzeval review` does.

    `record` is a file of one game. Raises RecordError for what is no game, and UserError where the network is for
    another board.
    """
    from engines.review.assess import analyse_game, review_moves
    from engines.review.record import annotate, read_record
    from lzeval.errors import UserError

    visits, seed = whole("visits", visits, 1), whole("seed", seed, 0)
    found = read_record(Path(record))
    reviewer = load(network)
    if reviewer.board_size != found.game.size:
        raise UserError(f"{reviewer.name} is for {reviewer.board_size}x{reviewer.board_size} boards")
    positions = len(found.game.moves) + 1
    plan = replace(reviewer.plan, batch_size=min(reviewer.plan.batch_size, positions))
    with show_progress(positions, "positions", shown=progress) as update:
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            update(done, "")

        analyses = analyse_game(plan.build(), found.game, visits=visits, seed=seed, on_progress=advance)
    moves = review_moves(found.game, analyses)
    annotate(found, analyses, moves, network=reviewer.name)
    return Review(found, moves, reviewer.name, visits)
