"""Evaluators of many players, each built when it is first asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from engines.evaluator.base import Evaluator, NetworkAnswer, Planes, Ticket
from engines.evaluator.in_thread import asynchronous
from engines.evaluator.load import EvaluatorPlan

MOST_BUILT = 16
"""Evaluators that are kept, unless more of them have players with a game."""


class LazyEvaluators:
    """The evaluator of a plan. `built` is shared by several, so that they make room for each other."""

    def __init__(
        self,
        plan: EvaluatorPlan,
        built: dict[LazyEvaluators, Evaluator],
        needed: Callable[[], Collection[LazyEvaluators]],
        lanes: int,
    ) -> None:
        """`needed` gives those that may not be dropped now; `lanes`: batches that may be under way at a time."""
        self.info = plan.info
        self.batch_size = plan.batch_size
        self._plan = plan
        self._built = built
        self._needed = needed
        self._lanes = lanes

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        """Answer a batch of planes, see `Evaluator.evaluate`."""
        return self._evaluator().evaluate(planes)

    def make_planes(self) -> Planes:
        """Make room for a batch, see `AsyncEvaluator.make_planes`."""
        return asynchronous(self._evaluator()).make_planes()

    def submit(self, planes: Planes) -> Ticket:
        """Begin to answer a batch, see `AsyncEvaluator.submit`."""
        return asynchronous(self._evaluator()).submit(planes)

    def _evaluator(self) -> Evaluator:
        if self not in self._built:
            self._make_room()
            if self._lanes == 1:
                self._built[self] = self._plan.build()
            else:
                self._built[self] = asynchronous(self._plan.build(lanes=self._lanes))
        return self._built[self]

    def _make_room(self) -> None:
        if len(self._built) >= MOST_BUILT:
            needed = self._needed()
            for other in [other for other in self._built if other not in needed]:
                del self._built[other]


def on_demand(
    plans: Sequence[EvaluatorPlan], playing: Callable[[], Collection[int]], lanes: int = 1
) -> list[LazyEvaluators]:
    """The evaluators of players with these plans, one object for those with the same answers.

    `playing` gives the players who have a game, by index: where many are built, those of others go until they are
    asked again. `lanes`: batches of each that may be under way at a time.
    """
    evaluators: list[LazyEvaluators] = []
    built: dict[LazyEvaluators, Evaluator] = {}

    def needed() -> set[LazyEvaluators]:
        return {evaluators[player] for player in playing()}

    for plan in plans:
        like = next(
            (known for known, other in zip(evaluators, plans, strict=False) if plan.answers_like(other)), None
        )
        evaluators.append(like or LazyEvaluators(plan, built, needed, lanes))
    return evaluators
