"""A run on the terminal while it goes on: a bar for a match or a pool, more lines for a tournament."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lzeval.errors import UserError
from lzeval.text.terminal import progress_bar, say, say_prose, screen
from lzeval.text.wording import counted

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from lzeval.records.record import GameRecord
    from tournaments.calibrate.course import Course
    from tournaments.rating.rating_table import RatingTable
    from tournaments.runner.progress import NodeProgress, Progress

STANDINGS_EVERY_S = 2.0
MOST_GAMES_SHOWN = 16
MOST_FAULTS_SHOWN = 6
_WORDS = {
    "warning": "{message}",
    "run": "{games} played before, {parallel} at a time",
    "game": "{game}  {result}",
    "void": "{game}  void: {why}",
    "abandoned": "{game}  left out of this run after {attempts}",
    "suspended": "{player} is suspended: {why}; the others go on",
    "fault": "{game}  {player}: {message}",
    "given up": "{parameters} is given up: no game of it could be played",
}
GRAVE = ("warning", "abandoned", "suspended", "given up")
"""Events that are told even to those who do not want to hear much."""


class _View:
    """A display that `show` redraws; `live` is the context to use it in."""

    live: Live | Bar
    told: tuple[str, ...]
    """Kinds of events that `tell` prints."""

    def tell(self, event: Mapping[str, Any]) -> None:
        """Print an event above the display."""
        if event["event"] in self.told:
            say_prose(in_words(event) or "", self.live.console)

    def warn(self, message: str) -> None:
        """Print a warning above the display."""
        self.tell({"event": "warning", "message": message})


class BarView(_View):
    """A bar of games, and behind it what `standing` says, the speed, and the time that is left.

    Events that it tells are faults, too.
    """

    live: Bar
    told = (*GRAVE, "fault")

    def __init__(self, title: str, total: int, standing: Callable[[Progress], Sequence[str]]) -> None:
        from rich.progress import MofNCompleteColumn, TextColumn

        self._standing = standing
        self.live = progress_bar(MofNCompleteColumn(), TextColumn("{task.fields[text]}", markup=False))
        self._lines: dict[str, TaskID] = {}
        """Lines of a cluster's nodes."""
        self.live.add_task(title, total=total, text="starting (a first time takes a minute)")

    def show(self, progress: Progress) -> None:
        """Redraw the bar."""
        self.live.update(self.live.task_ids[0], completed=len(progress.games), text=self.text(progress))
        for name, node in list(progress.nodes.items()):
            if name not in self._lines:
                self._lines[name] = self.live.add_task(f"  {name}", total=None, text="")
            text = node_text(node, progress.seconds)
            self.live.update(self._lines[name], completed=node.playing, total=node.slots, text=text)

    def text(self, progress: Progress) -> str:
        """Text behind the bar."""
        parts = [*self._standing(progress)]
        if progress.evaluations and progress.seconds:
            parts.append(f"{progress.evaluations / progress.seconds:,.0f} evals/s")
        playing = [node for node in progress.nodes.values() if node.slots]
        if playing:
            parts.append(f"on {counted(len(playing), 'node')}")
        left = progress.seconds_left
        if left is not None:
            most = "" if progress.rule is None else "at most "
            parts.append(f"{most}{duration(left)} left")
        return "  ".join(parts)


class CourseView(BarView):
    """The bar of a calibration, whose number of games is not known before its end."""

    def __init__(self, title: str, most: int) -> None:
        """`most` games are played."""
        super().__init__(title, most, lambda _: [])
        self.course: Course | None = None

    def tell(self, event: Mapping[str, Any]) -> None:
        """Print an event above the bar; that the finding ends the run is told by the finding itself."""
        if self.course is None or not self.course.is_decided or event["event"] != "warning":
            super().tell(event)

    def show(self, progress: Progress) -> None:
        """Redraw the bar up to the number of games that is expected now."""
        if self.course is not None:
            expected = round(self.course.games + 2 * self.course.pairs_left())
            self.live.update(self.live.task_ids[0], total=max(expected, len(progress.games)))
        super().show(progress)

    def text(self, progress: Progress) -> str:
        """Text behind the bar: the estimate, and the time to expect."""
        if self.course is None:
            return ""
        parts = [self.course.standing()]
        if progress.played_now:
            left = 2 * self.course.pairs_left() * progress.seconds / progress.played_now
            parts.append(f"some {duration(left)} left")
        return "  ".join(part for part in parts if part)


class StandingsView(_View):
    """Games in progress, standings and faults of a tournament."""

    live: Live
    told = GRAVE

    def __init__(self, title: str, anchor: str | None = None, *, prior: bool = True) -> None:
        """`anchor` is the player whose rating is shown as 0."""
        from rich.live import Live

        self._title = title
        self._anchor = anchor
        self._prior = prior
        self.table: RenderableType = ""
        """Standing of the players, shown below the games in progress."""
        self._table_of = -1
        self._table_s = 0.0
        self.live = Live(console=screen(err=True), auto_refresh=False, transient=True)

    def show(self, progress: Progress) -> None:
        """Redraw everything."""
        from rich.console import Group
        from rich.text import Text

        nodes = list(progress.nodes.items())
        self.refresh(progress)
        parts: list[RenderableType] = [self._headline(progress), self._games(progress), self.table]
        parts += [
            Text(f"  {name}: {node.playing} {node_text(node, progress.seconds)}") for name, node in nodes
        ]
        parts += self._faults(progress)
        self.live.update(Group(*parts), refresh=True)

    def _headline(self, progress: Progress) -> RenderableType:
        from rich.text import Text

        games = counted(len(progress.games), "game")
        if progress.wanted is not None:
            games = f"{len(progress.games)} of {counted(progress.wanted, 'game')}"
        left = progress.seconds_left
        speed = f", {60 * progress.played_now / progress.seconds:.1f} a minute" if progress.seconds else ""
        eta = "" if left is None else f", {duration(left)} left"
        return Text.assemble((self._title, "bold"), f": {games}{speed}{eta}")

    def _games(self, progress: Progress) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        now_s = time.monotonic()
        for game in sorted(progress.live.copy().values(), key=lambda game: game.row)[:MOST_GAMES_SHOWN]:
            took = duration(max(0.0, now_s - game.began_s))
            cells = (f"  {game.game_id}", f"{game.black} v {game.white}", f"move {game.moves}", took)
            grid.add_row(*map(Text, cells))
        return grid

    def refresh(self, progress: Progress) -> None:
        """Compute the standings anew, where that is due."""
        now_s = time.monotonic()
        if self._table_of == len(progress.games) or now_s - self._table_s < STANDINGS_EVERY_S:
            return
        table = standings(progress.games, prior=self._prior)
        self._table_of, self._table_s = len(progress.games), now_s
        if table is not None:
            from tournaments.report.terminal import standings_grid

            self.table = standings_grid(table, self._anchor)

    def _faults(self, progress: Progress) -> list[RenderableType]:
        from rich.text import Text

        lines = [f"  {incident.player}: {incident.sentence()}" for incident in progress.incidents]
        counts = Counter(incident.fault.value for incident in progress.incidents)
        shown = lines[-MOST_FAULTS_SHOWN:]
        if counts:
            shown.insert(0, "faults: " + ", ".join(f"{count} {name}" for name, count in counts.most_common()))
        shown += [f"suspended: {code} ({why})" for code, why in progress.suspended.items()]
        return [Text(line, no_wrap=True, overflow="ellipsis") for line in shown]


def node_text(node: NodeProgress, seconds: float) -> str:
    """A node's share in words; `seconds` have passed since the run began."""
    if not node.slots:
        return "does not play"
    speed = f", {node.evaluations / seconds:,.0f} evals/s" if node.evaluations and seconds else ""
    return f"in progress, {counted(node.games, 'game')} played{speed}"


def standings(records: list[GameRecord], *, prior: bool = True) -> RatingTable | None:
    """Ratings so far; None before the first decided game."""
    from tournaments.rating.rating_table import build_table

    try:
        return build_table(records, prior=prior)
    except UserError:
        return None


def duration(seconds: float) -> str:
    """A time in words: `45 s`, `12 min` or `3 h 20 min`."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


def in_words(event: Mapping[str, Any]) -> str | None:
    """An event as a line for people; the beginning of a game has none."""
    words = _WORDS.get(event["event"])
    counts = {"games": "game", "attempts": "attempt"}
    numbers = {name: counted(event[name], noun) for name, noun in counts.items() if name in event}
    return None if words is None else words.format(**{**event, **numbers})


def tell(event: Mapping[str, Any]) -> None:
    """Tell everything that happens on standard error."""
    text = in_words(event)
    if text is not None:
        say(text, err=True)


def tell_if_grave(event: Mapping[str, Any]) -> None:
    if event["event"] in GRAVE:
        tell(event)
