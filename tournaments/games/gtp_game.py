"""One game between two GTP engines: set up, refereed, timed and scored; every way to spoil it has a name."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import NoReturn, TypeVar

from engines.gtp.engine import TimeSettings
from engines.gtp.errors import EngineRefused, EngineTimeout
from lzeval.errors import EngineError, IllegalMoveError
from lzeval.go.colour import Colour
from lzeval.go.game import Game
from lzeval.go.handicap import fixed_handicap_points
from lzeval.go.openings import Opening
from lzeval.go.points import format_vertex, parse_vertex
from lzeval.go.rules import DEFAULT_RULES, REFEREES, Rules
from lzeval.records.record import GameRecord
from lzeval.records.result import VOID, GameResult, win
from tournaments.games.arbiter import Arbiter
from tournaments.games.clock import LAG_S, ClockTalk, GameClock, clock_talk, sgf_left, sgf_settings
from tournaments.games.faults import GENTLE, Fault, Incident, Policy, fault_of
from tournaments.games.gtp_player import GameContext, GtpPlayer
from tournaments.games.scoring import ScoredGame, compensation, decide
from tournaments.games.thinking import Thinking, ThinkingOf
from tournaments.plan.competition import MatchupSpec, PlayerSpec

T = TypeVar("T")
_point_of = lru_cache(maxsize=4096)(parse_vertex)
_vertex_of = lru_cache(maxsize=4096)(format_vertex)
FLAG_GRACE_S = 1.0
"""An engine whose flag has fallen may finish its sentence for so long, and is killed then."""


@dataclass(frozen=True)
class GameTask:
    """A game to be played."""

    game_id: str
    matchup: MatchupSpec
    number: int
    """The game's number in its matchup, from 0."""
    black: PlayerSpec
    white: PlayerSpec
    seed: int = 0
    """A seed for the engines' random numbers; the same in every attempt."""
    event: str = ""
    opening: Opening | None = None
    pair: int | None = None
    attempt: int = 1

    def player(self, colour: Colour) -> PlayerSpec:
        return self.black if colour is Colour.BLACK else self.white


@dataclass(frozen=True)
class GameConditions:
    """Conditions common to all games of a tournament."""

    rules: Rules = REFEREES["gomill"]
    clock: TimeSettings | None = None
    lag_s: float = LAG_S
    policy: Policy = GENTLE
    arbiter: Arbiter | None = None


@dataclass(frozen=True)
class PlayedGame:
    """A game that has ended, one way or another."""

    task: GameTask
    record: GameRecord
    is_void: bool
    """True if it does not count and is to be played again; a game that hit the move limit counts as played."""
    incidents: tuple[Incident, ...] = ()
    seconds: float = 0.0
    clocks: tuple[Mapping[str, str], ...] = ()
    """SGF's properties of the mover's clock after each move; empty without a clock."""
    stderr: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Standard error of each player's engine, by the player's code."""
    thinking: ThinkingOf = field(default_factory=dict, hash=False)
    """Thinking of the players, by their codes; each one's first move, with which engines get ready, is left out."""
    conversation: str = ""
    """The conversations with both engines, where another machine played and they are wanted."""

    @property
    def game_id(self) -> str:
        return self.task.game_id


OnMove = Callable[[Game], None]
"""Is shown the board after every move."""


def play_game(
    task: GameTask,
    engines: Mapping[Colour, GtpPlayer],
    conditions: GameConditions,
    *,
    slot: int = 0,
    watch: OnMove | None = None,
) -> PlayedGame:
    """Play the game with the two engines. What goes wrong becomes an incident of the game, never an exception."""
    return _Play(task, engines, conditions, slot, watch).run()


class _SpoiltError(Exception):
    """The game has ended by somebody's fault."""

    def __init__(self, colour: Colour, fault: Fault, message: str) -> None:
        self.colour = colour
        self.fault = fault
        self.message = message
        super().__init__(message)


class _Play:
    """The game while it goes on."""

    def __init__(
        self,
        task: GameTask,
        engines: Mapping[Colour, GtpPlayer],
        conditions: GameConditions,
        slot: int,
        watch: OnMove | None,
    ) -> None:
        self._task = task
        self._engines = engines
        self._conditions = conditions
        self._context = GameContext(task.game_id, slot, task.seed)
        self._watch = watch
        matchup = task.matchup
        self._size = matchup.board_size
        self._board = Game(matchup.board_size, matchup.komi, conditions.rules)
        self._clock = GameClock(conditions.clock, conditions.lag_s) if conditions.clock else None
        self._talks: dict[Colour, ClockTalk] = {}
        self._explains: dict[Colour, bool] = {}
        self._claims: dict[Colour, bool] = {}
        self._incidents: list[Incident] = []
        self._clocks: list[Mapping[str, str]] = []
        self._notes: dict[int, str] = {}
        self._remarks: list[str] = []
        self._handicap: list[int] = []
        self._thinking: dict[str, Thinking] = {}
        self._date = time.strftime("%Y-%m-%d %H:%M")

    def run(self) -> PlayedGame:
        began_s = time.monotonic()
        is_void = False
        try:
            self._set_up()
            result = self._play()
        except _SpoiltError as spoilt:
            result, is_void = self._spoil(spoilt)
        record = self._record(result)
        return PlayedGame(
            task=self._task,
            record=record,
            is_void=is_void,
            incidents=tuple(self._incidents),
            seconds=time.monotonic() - began_s,
            clocks=tuple(self._clocks),
            stderr=self._stderr(),
            thinking=self._thinking,
        )

    def _spoil(self, spoilt: _SpoiltError) -> tuple[GameResult, bool]:
        """The result, and whether the game is void."""
        code = self._task.player(spoilt.colour).code
        if spoilt.fault is Fault.TIME:
            self._incidents.append(Incident(code, spoilt.fault, spoilt.message, "forfeit"))
            return win(spoilt.colour.opponent, "T", spoilt.message), False
        consequence = self._conditions.policy.consequence(spoilt.fault)
        incident = Incident(code, spoilt.fault, spoilt.message, consequence)
        self._incidents.append(incident)
        note = f"{code}: {spoilt.fault.value}: {spoilt.message}"
        if consequence == "void":
            return GameResult(VOID.outcome, note=note), True
        return win(spoilt.colour.opponent, "F", note), False

    def _blame(self, colour: Colour, error: EngineError) -> NoReturn:
        engine = self._engines[colour]
        fault = fault_of(error, engine.stderr_of_game(), was_ready=engine.is_ready)
        raise _SpoiltError(colour, fault, _without_name(error)) from error

    # Before the first move

    def _set_up(self) -> None:
        matchup = self._task.matchup
        for colour, engine in self._each():
            try:
                engine.begin(matchup.board_size, matchup.komi, self._context)
                self._explains[colour] = engine.knows("gomill-explain_last_move")
                self._claims[colour] = self._may_claim(colour)
                self._start_clock(colour)
            except EngineError as error:
                self._blame(colour, error)
        if matchup.handicap:
            self._place_handicap(matchup.handicap)
        self._play_opening(self._task.opening.moves if self._task.opening else ())

    def _each(self) -> list[tuple[Colour, GtpPlayer]]:
        return [(colour, self._engines[colour]) for colour in Colour]

    def _may_claim(self, colour: Colour) -> bool:
        return self._task.player(colour).allow_claim and self._engines[colour].knows("gomill-genmove_ex")

    def _start_clock(self, colour: Colour) -> None:
        if self._clock is None:
            return
        talk = clock_talk(self._clock.settings, self._engines[colour].knows)
        if talk.start is not None:
            command, *words = talk.start.split()
            self._engines[colour].ask(command, *words)
        self._talks[colour] = talk

    def _place_handicap(self, stones: int) -> None:
        if self._task.matchup.handicap_style == "fixed":
            self._handicap = fixed_handicap_points(stones, self._size)
            for colour, _ in self._each():
                if set(self._handicap_answer(colour, "fixed_handicap", stones)) != set(self._handicap):
                    raise _SpoiltError(colour, Fault.SETUP, "other points for fixed_handicap than GTP's")
        else:
            self._handicap = self._handicap_answer(Colour.BLACK, "place_free_handicap", stones)
            vertices = [format_vertex(point, self._size) for point in self._handicap]
            try:
                self._engines[Colour.WHITE].ask("set_free_handicap", *vertices)
            except EngineError as error:
                self._blame(Colour.WHITE, error)
        setup = [(Colour.BLACK, point) for point in self._handicap]
        self._board.set_up(setup, Colour.WHITE, len(setup))

    def _handicap_answer(self, colour: Colour, command: str, stones: int) -> list[int]:
        try:
            text = self._engines[colour].ask(command, stones)
            points = [parse_vertex(vertex, self._size) for vertex in text.split()]
        except EngineError as error:
            self._blame(colour, error)
        except ValueError as error:
            raise _SpoiltError(colour, Fault.SETUP, f"{command}: {error}") from error
        if not points or self._board.pass_move in points or len(set(points)) < len(points):
            raise _SpoiltError(colour, Fault.SETUP, f"{command}: {text!r} are no handicap stones")
        return points

    def _play_opening(self, moves: Sequence[int]) -> None:
        for move in moves:
            colour = self._board.to_move
            for engine_colour, engine in self._each():
                try:
                    engine.ask("play", colour.letter, format_vertex(move, self._size))
                except EngineError as error:
                    self._blame(engine_colour, error)
            self._enter(colour, move)

    # Moves

    def _play(self) -> GameResult:
        board = self._board
        limit = self._task.matchup.move_limit
        mover = board.to_move
        other = mover.opponent
        while True:
            ended = self._move(mover)
            if ended is not None:
                return ended
            is_over = board.passes >= 2
            is_last = is_over or len(board.moves) >= limit
            self._tell(other, mover, board.moves[-1][1], is_last=is_last)
            if is_over:
                return self._score()
            if is_last:
                return GameResult(VOID.outcome, note="hit move limit")
            mover, other = other, mover

    def _move(self, colour: Colour) -> GameResult | None:
        """One move of `colour`; the result where it gives the game up or claims it."""
        text = self._genmove(colour)
        said = text.lower()
        if said == "resign":
            return win(colour.opponent, "R")
        if said == "claim" and self._claims[colour]:
            return win(colour, note="claim")
        try:
            move = _point_of(text, self._size)
        except ValueError:
            raise _SpoiltError(colour, Fault.ILLEGAL, f"{text[:60]!r} is no move") from None
        try:
            self._enter(colour, move)
        except IllegalMoveError as objection:
            vertex = format_vertex(move, self._size)
            message = f"{vertex} at move {self._next}: {objection}"
            raise _SpoiltError(colour, Fault.ILLEGAL, message) from None
        self._explain(colour)
        return None

    @property
    def _next(self) -> int:
        return len(self._board.moves) + 1

    def _genmove(self, colour: Colour) -> str:
        """The engine's answer, in time."""
        engine, clock = self._engines[colour], self._clock
        words = (
            ("gomill-genmove_ex", colour.letter, "claim")
            if self._claims[colour]
            else ("genmove", colour.letter)
        )
        limit_s = engine.move_s
        try:
            if clock is not None:
                if self._talks[colour].tells_left:
                    engine.ask(*self._talks[colour].time_left(colour, clock).split())
                limit_s = min(limit_s, clock.patience_s(colour) + FLAG_GRACE_S)
            began_s = time.monotonic()
            text = engine.ask(*words, timeout_s=limit_s)
        except EngineRefused as error:
            raise _SpoiltError(colour, Fault.REFUSED, _without_name(error)) from error
        except EngineTimeout as error:
            if clock is not None and limit_s < engine.move_s:
                raise _SpoiltError(colour, Fault.TIME, f"no move {self._next} in time") from error
            self._blame(colour, error)
        except EngineError as error:
            self._blame(colour, error)
        took_s = time.monotonic() - began_s
        code = self._task.player(colour).code
        before = self._thinking.get(code)
        self._thinking[code] = Thinking() if before is None else before + Thinking(took_s, 1, 1, 1)
        if clock is not None and not clock.spend(colour, took_s):
            raise _SpoiltError(colour, Fault.TIME, f"{took_s:.1f} s for move {self._next}")
        return text.strip()

    def _enter(self, colour: Colour, move: int) -> None:
        self._board.play(colour, move)
        if self._clock is not None:
            self._clocks.append(sgf_left(colour, self._clock.left(colour)))
        if self._watch is not None:
            self._watch(self._board)

    def _explain(self, colour: Colour) -> None:
        if not self._explains[colour]:
            return
        try:
            answer = self._engines[colour].attempt("gomill-explain_last_move")
        except EngineError as error:
            self._blame(colour, error)
        if answer.ok and answer.text.strip():
            self._notes[len(self._board.moves) - 1] = answer.text.strip()

    def _tell(self, colour: Colour, mover: Colour, move: int, *, is_last: bool) -> None:
        """Tell `colour` of the other's move. Nothing that goes wrong with the last one matters."""
        try:
            self._engines[colour].ask("play", mover.letter, _vertex_of(move, self._size))
        except EngineRefused as error:
            if not is_last:
                self._hear_protest(colour, mover, move, error)
        except EngineError as error:
            if not is_last:
                self._blame(colour, error)

    def _hear_protest(self, colour: Colour, mover: Colour, move: int, error: EngineRefused) -> NoReturn:
        """A move was refused: rightly, if strict rules forbid it, otherwise at the cost of whoever refused it."""
        self._board.undo()
        objection = self._board.why_illegal(mover, move, DEFAULT_RULES)
        self._board.play(mover, move)
        vertex = format_vertex(move, self._size)
        if objection is not None and error.reason.strip().lower() == "illegal move":
            code = self._task.player(colour).code
            message = f"{vertex} at move {len(self._board.moves)}: {objection}, says {code}"
            raise _SpoiltError(mover, Fault.ILLEGAL, message) from error
        message = f"{_without_name(error)}, a legal move"
        raise _SpoiltError(colour, Fault.REFUSED, message) from error

    # After the last move

    def _score(self) -> GameResult:
        matchup, arbiter = self._task.matchup, self._conditions.arbiter
        bonus = compensation(matchup.internal_scorer_handicap_compensation, len(self._handicap))
        verdict = decide(
            self._board,
            matchup.scorer,
            bonus,
            self._final_scores() if matchup.scorer == "players" else {},
            arbiter.code if arbiter else None,
            (lambda: arbiter.dead_stones(self._board)) if arbiter else None,
        )
        self._remarks += verdict.remarks()
        if verdict.disputed:
            self._report_dispute(verdict)
        return verdict.result

    def _report_dispute(self, verdict: ScoredGame) -> None:
        players = [opinion for opinion in verdict.opinions if opinion.who in self._codes]
        said = ", ".join(f"{opinion.who} says {opinion.text}" for opinion in players)
        self._incidents += [Incident(opinion.who, Fault.DISPUTE, said) for opinion in players]

    @property
    def _codes(self) -> tuple[str, str]:
        return self._task.black.code, self._task.white.code

    def _final_scores(self) -> dict[str, str]:
        """Answers of the reliable scorers, by code; an engine that fails now costs its opinion only."""
        answers = {}
        for colour, engine in self._each():
            player = self._task.player(colour)
            if player.is_reliable_scorer:
                text = self._afterwards(colour, partial(engine.ask_if_known, "final_score"))
                if text is not None:
                    answers[player.code] = text.strip()
        return answers

    def _afterwards(self, colour: Colour, ask: Callable[[], T | None]) -> T | None:
        engine = self._engines[colour]
        if not engine.is_alive:
            return None
        try:
            return ask()
        except EngineError as error:
            fault = fault_of(error, engine.stderr_of_game(), was_ready=True)
            self._incidents.append(Incident(self._task.player(colour).code, fault, _without_name(error)))
            return None

    def _record(self, result: GameResult) -> GameRecord:
        task, matchup = self._task, self._task.matchup
        described = {colour: self._description(colour) for colour in Colour}
        settings = sgf_settings(self._clock.settings) if self._clock else {}
        return GameRecord(
            game_id=task.game_id,
            black=task.black.code,
            white=task.white.code,
            result=result,
            moves=tuple(self._board.moves),
            size=matchup.board_size,
            komi=matchup.komi,
            handicap=len(self._handicap),
            setup_black=tuple(self._handicap),
            date=self._date,
            event=task.event,
            opening=task.opening.name if task.opening and task.opening.moves else "",
            pair=task.pair,
            seed=task.seed if task.opening and task.opening.moves else None,
            black_engine=self._title(Colour.BLACK),
            white_engine=self._title(Colour.WHITE),
            black_description=described[Colour.BLACK],
            white_description=described[Colour.WHITE],
            black_cpu_s=self._cpu_s(Colour.BLACK),
            white_cpu_s=self._cpu_s(Colour.WHITE),
            end_comment="\n".join(self._remarks),
            move_notes=self._notes,
            properties=settings,
        )

    def _title(self, colour: Colour) -> str:
        player = self._task.player(colour)
        return self._engines[colour].title if player.sgf_player_name_from_gtp else player.code

    def _description(self, colour: Colour) -> str:
        engine = self._engines[colour]
        return self._afterwards(colour, engine.describe) or engine.title

    def _cpu_s(self, colour: Colour) -> float | None:
        engine = self._engines[colour]
        return self._afterwards(colour, engine.cpu_s)

    def _stderr(self) -> dict[str, str]:
        """Standard error by code; nothing of engines whose words are thrown away."""
        said = {}
        for colour, engine in self._each():
            player = self._task.player(colour)
            text = "" if player.discard_stderr else engine.stderr_of_game()
            if text:
                said[player.code] = text
        return said


def _without_name(error: EngineError) -> str:
    """The message without the engine's name, which is told beside it."""
    return str(error).removeprefix(f"{error.engine}: ")
