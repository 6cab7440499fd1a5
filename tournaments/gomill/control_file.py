"""gomill's control files in: what a `.ctl` says, as a Competition, without the file being executed.

`docs/control-files.md` tells what is evaluated and what is refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from lzeval.errors import UserError
from tournaments.gomill.control import settings
from tournaments.gomill.control.additions import addition_checks, known_player
from tournaments.gomill.control.language import Configured, Namespace, evaluate
from tournaments.gomill.control.scales import SCALES
from tournaments.gomill.control.syntax import RefusedError, parse_source
from tournaments.gomill.files import OUTPUT_SUFFIXES
from tournaments.gomill.tuning_file import CROSS_ENTROPY, MONTE_CARLO, read_tuning
from tournaments.plan.competition import (
    Additions,
    Competition,
    CompetitionType,
    MatchupSpec,
    PlayerSpec,
    allplayall_matchups,
)
from tournaments.plan.tuning import CANDIDATE, TUNING, Tuning

CONSTRUCTORS: Mapping[CompetitionType, tuple[str, ...]] = {
    "playoff": ("Player", "Matchup"),
    "allplayall": ("Player", "Competitor"),
    "mc_tuner": ("Player", "Parameter", *SCALES),
    "ce_tuner": ("Player", "Parameter"),
}
"""Names that gomill lets the files of each type call."""
_TYPE_LINE = re.compile(r"""competition_type\s*=\s*(['"])([_a-zA-Z0-9]+)\1\s*""")
_MOST_COMPETITORS = 26 * 27
TUNING_GAME = (*settings.EVEN_GAME, "handicap", "handicap_style")
"""Settings of games that a tuning event has."""
T = TypeVar("T")


def read_control_file(path: str | Path, *, trust: bool = False) -> Competition:
    """The competition of the control file `path`.

    With `trust` the file is executed, as gomill would, by another Python. Raises UserError with a line for each
    mistake, that begins with the file's name and the number of the line that is wrong.
    """
    file = Path(path)
    if file.suffix in OUTPUT_SUFFIXES:
        raise UserError(
            f"{file}: a control file may not end in {file.suffix}, as gomill's output does; call it .ctl"
        )
    source = _read_source(file)
    try:
        competition_type = _competition_type(source)
        if trust:
            if competition_type in (MONTE_CARLO, CROSS_ENTROPY):
                raise RefusedError(
                    None, "--trust cannot run a tuning event, whose functions are called later; leave it out"
                )
            from tournaments.gomill.control.trusted import execute

            namespace = execute(file, CONSTRUCTORS[competition_type])
        else:
            tree, notes = parse_source(source)
            namespace = evaluate(tree, source, CONSTRUCTORS[competition_type])
            namespace = replace(namespace, notes=(*notes, *namespace.notes))
    except RefusedError as exc:
        raise UserError(_place(file, exc.line, exc.problem)) from exc
    return ControlFileReader(file, competition_type, namespace).competition()


def _read_source(file: Path) -> str:
    try:
        source = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{file}: there is no such control file") from None
    except OSError as exc:
        raise UserError(f"{file} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        raise UserError(_place(file, line, "this is not UTF-8, which control files are written in")) from exc
    return source.replace("\r\n", "\n")


def _competition_type(source: str) -> CompetitionType:
    """The competition type that the first line names, comments aside. Raises RefusedError."""
    for number, line in enumerate(source.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _TYPE_LINE.fullmatch(line)
        if match is None:
            raise RefusedError(
                number,
                f"the first line must be competition_type = {' or '.join(map(repr, CONSTRUCTORS))}, "
                "and nothing else",
            )
        if match[2] not in CONSTRUCTORS:
            raise RefusedError(
                number, f"there are no {match[2]} competitions, only {', '.join(CONSTRUCTORS)}"
            )
        return cast("CompetitionType", match[2])
    raise RefusedError(None, "there is nothing in this file; it must begin with competition_type = 'playoff'")


def _place(file: Path, line: int | None, problem: str) -> str:
    return f"{file}: {problem}" if line is None else f"{file}, line {line}: {problem}"


_MISSING = object()


@dataclass
class ControlFileReader:
    """One file's values on their way into a Competition; mistakes are collected, to be told together."""

    file: Path
    competition_type: CompetitionType
    namespace: Namespace
    mistakes: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def competition(self) -> Competition:
        """Raises UserError."""
        self.notes += self.namespace.notes
        if self.namespace.values.get("competition_type") != self.competition_type:
            self.mistake("competition_type", "is given two different values")
        players = self.players()
        competitors: tuple[str, ...] = ()
        rounds = None
        tuning = None
        if self.competition_type == "playoff":
            matchups = self.playoff(players)
        elif self.competition_type in (MONTE_CARLO, CROSS_ENTROPY):
            tuning = read_tuning(self, players)
            matchups = self.tuning_games(tuning)
        else:
            competitors = self.competitors(players)
            rounds = self.setting("rounds", settings.or_none(settings.whole_number), None)
            matchups = self.allplayall(competitors, rounds)
        found = Competition(
            code=self.file.stem,
            path=self.file.absolute(),
            competition_type=self.competition_type,
            players=players,
            matchups=matchups,
            description=self.setting("description", settings.or_none(settings.description), None) or "",
            record_games=self.setting("record_games", settings.boolean, True),
            stderr_to_log=self.setting("stderr_to_log", settings.boolean, True),
            skip_player_checks=self.setting("skip_player_checks", settings.boolean, False),
            competitors=competitors,
            rounds=rounds,
            lzeval=self.additions(players),
            notes=tuple(self.notes),
            tuning=tuning,
        )
        self.tell_mistakes()
        if tuning is not None:  # one candidate as a sample, which shows whether the file can make them
            players[CANDIDATE] = tuning.candidate(CANDIDATE, tuning.centre)
        return found

    # Mistakes

    def mistake(self, name: str, problem: str) -> None:
        """Note a mistake in a top-level setting."""
        self.mistake_in(self.namespace.lines.get(name), f"'{name}' {problem}")

    def mistake_in(self, line: int | None, problem: str) -> None:
        self.mistakes.append((line or 0, problem))

    def tell_mistakes(self) -> None:
        if self.mistakes:
            ordered = dict.fromkeys(sorted(self.mistakes, key=lambda mistake: mistake[0]))
            raise UserError("\n".join(self.place(line or None, text) for line, text in ordered))

    def place(self, line: int | None, problem: str) -> str:
        """The problem with file and line, for messages."""
        return _place(self.file, line, problem)

    def setting(self, name: str, check: Callable[[object], T], default: T) -> T:
        """A top-level setting; the default, and a mistake, if its value is none."""
        value = self.namespace.values.get(name, _MISSING)
        if value is _MISSING:
            return default
        try:
            return check(value)
        except ValueError as exc:
            self.mistake(name, str(exc))
            return default

    def required(self, name: str, check: Callable[[object], list[T]]) -> list[T]:
        """The list that a top-level setting holds; empty if it is missing or wrong, which is a mistake."""
        if name not in self.namespace.values:
            self.mistake(name, "is not given")
        return self.setting(name, check, [])

    def checked(
        self,
        values: Mapping[str, object],
        checks: Mapping[str, settings.Check],
        line: int | None,
        where: str = "",
    ) -> dict[str, Any]:
        """Return those of `values` that `checks` knows and lets pass."""
        found = {}
        for name, check in checks.items():
            if name not in values:
                continue
            try:
                found[name] = check(values[name])
            except ValueError as exc:
                self.mistake_in(line, f"{where}'{name}' {exc}")
        return found

    # Players

    def players(self) -> dict[str, PlayerSpec]:
        found = {}
        for code, value in self.required("players", settings.pairs):
            try:
                name, call = settings.identifier(code), settings.configured("Player")(value)
            except ValueError as exc:
                self.mistake("players", f"{settings.brief(code)}: {exc}")
            else:
                found[name] = self.player(name, call)
        return found

    def player(self, code: str, call: Configured) -> PlayerSpec:
        """One without a command, and a mistake, if the call is wrong."""
        where = f"player {code}: "
        try:
            values = settings.arguments(call, ("command",), settings.PLAYER)
            if "command" not in values:
                raise ValueError("'command' is not given")
            if values.get("cwd") == "":
                raise ValueError("'cwd' is empty; '.' is the control file's folder")
        except ValueError as exc:
            self.mistake_in(call.line, f"{where}{exc}")
            return PlayerSpec(code, ())
        found = {
            k: v for k, v in self.checked(values, settings.PLAYER, call.line, where).items() if v is not None
        }
        program, *arguments = found.pop("command", ("",))
        cwd = found.pop("cwd", None)
        command = (self.resolved(program) if "/" in program else program, *arguments)
        return PlayerSpec(code, command, cwd=Path(self.resolved(cwd)) if cwd else None, **found)

    def made_player(self, code: str, call: Configured, maker: str) -> PlayerSpec:
        """The player of a call that came of `maker`. Raises UserError."""
        reader = ControlFileReader(self.file, self.competition_type, self.namespace)
        found = reader.player(code, call)
        if reader.mistakes:
            line, problem = reader.mistakes[0]
            raise UserError(self.place(line or None, f"{maker}: {problem}"))
        return found

    def resolved(self, name: str) -> str:
        """The path that the file means by `name`: from its own folder, with `~` for home."""
        return os.path.join(self.file.absolute().parent, os.path.expanduser(name))  # noqa: PTH111, PTH118  # as gomill

    # Playoff

    def playoff(self, players: dict[str, PlayerSpec]) -> tuple[MatchupSpec, ...]:
        """Adds clones to `players`."""
        defaults = self.defaults(settings.MATCHUP)
        self.check_default_handicap(defaults)
        calls = self.required("matchups", settings.items)
        if not calls and "matchups" in self.namespace.values:
            self.mistake("matchups", "is empty; a playoff has at least one Matchup")
        found = [self.matchup(place, value, defaults, players) for place, value in enumerate(calls)]
        matchups = tuple(matchup for matchup in found if matchup is not None)
        self.check_ids(matchups, calls)
        return matchups

    def defaults(self, checks: Mapping[str, settings.Check]) -> dict[str, Any]:
        found = {}
        for name, check in checks.items():
            value = self.setting(name, check, _MISSING)
            if value is not _MISSING:
                found[name] = value
        return found

    def check_default_handicap(self, defaults: Mapping[str, Any]) -> None:
        if "board_size" in defaults:
            try:
                settings.check_handicap(
                    defaults.get("handicap"), defaults.get("handicap_style", "fixed"), defaults["board_size"]
                )
            except ValueError as exc:
                self.mistake_in(self.namespace.lines.get("handicap"), str(exc))

    def matchup(
        self, place: int, value: object, defaults: Mapping[str, Any], players: dict[str, PlayerSpec]
    ) -> MatchupSpec | None:
        where = f"matchup {place}: "
        try:
            call = settings.configured("Matchup")(value)
        except ValueError as exc:
            self.mistake("matchups", f"{where}{exc}")
            return None
        try:
            values = settings.arguments(call, ("player_1", "player_2"), ("id", "name", *settings.MATCHUP))
            codes = _pairing(values, players)
            names = _id_and_name(values, str(place), codes)
        except ValueError as exc:
            self.mistake_in(call.line, f"{where}{exc}")
            return None
        if codes[1] not in players:
            players[codes[1]] = replace(players[codes[0]], code=codes[1])
        game = {**defaults, **self.checked(values, settings.MATCHUP, call.line, where)}
        for name in ("board_size", "komi"):
            if name not in game and name not in values and name not in self.namespace.values:
                self.mistake_in(call.line, f"{where}'{name}' is given neither here nor for all matchups")
        if not {"board_size", "komi"} <= game.keys():
            return None
        found = MatchupSpec(**names, player_1=codes[0], player_2=codes[1], **game)
        try:
            settings.check_handicap(found.handicap, found.handicap_style, found.board_size)
        except ValueError as exc:
            self.mistake_in(call.line, f"{where}{exc}")
        return found

    def check_ids(self, matchups: Iterable[MatchupSpec], calls: list[object]) -> None:
        seen: set[str] = set()
        for matchup in matchups:
            if matchup.id in seen:
                lines = [
                    c.line for c in calls if isinstance(c, Configured) and c.kwargs.get("id") == matchup.id
                ]
                line = lines[-1] if lines else self.namespace.lines.get("matchups")
                self.mistake_in(line, f"two matchups have the id {matchup.id!r}; give one of them another")
            seen.add(matchup.id)

    # Tuning events

    def tuning_games(self, tuning: Tuning | None) -> tuple[MatchupSpec, ...]:
        """The conditions of a tuning event's games, as a matchup of the candidate and its opponent."""
        checks = {name: settings.MATCHUP[name] for name in TUNING_GAME}
        game = self.defaults(checks)
        self.check_default_handicap(game)
        for name in ("board_size", "komi"):
            if name not in self.namespace.values:
                self.mistake(name, "is not given")
        if tuning is None or not {"board_size", "komi"} <= game.keys():
            return ()
        name = f"candidate v {tuning.opponent}"
        return (MatchupSpec(TUNING, name, CANDIDATE, tuning.opponent, **game),)

    # Allplayall

    def competitors(self, players: Mapping[str, PlayerSpec]) -> tuple[str, ...]:
        codes: list[str] = []
        values = self.required("competitors", settings.items)
        for place, value in enumerate(values):
            try:
                code = _competitor(value, players)
                if code in codes:
                    raise ValueError(f"{code} is listed twice")
            except ValueError as exc:
                self.mistake("competitors", f"number {place}: {exc}")
                continue
            codes.append(code)
        if len(values) < 2 and "competitors" in self.namespace.values:
            self.mistake("competitors", f"lists {len(values)}; at least two players are wanted")
        if len(values) > _MOST_COMPETITORS:
            self.mistake("competitors", f"lists {len(values)}; gomill has letters for {_MOST_COMPETITORS}")
        return tuple(codes)

    def allplayall(self, competitors: tuple[str, ...], rounds: int | None) -> tuple[MatchupSpec, ...]:
        game = self.defaults(settings.EVEN_GAME)
        for name in ("board_size", "komi"):
            if name not in self.namespace.values:
                self.mistake(name, "is not given")
        if not {"board_size", "komi"} <= game.keys() or len(competitors) > _MOST_COMPETITORS:
            return ()
        return allplayall_matchups(competitors, rounds, **game)

    # lzeval's own

    def additions(self, players: Mapping[str, PlayerSpec]) -> Additions:
        value = self.namespace.values.get("lzeval")
        if value is None:
            return Additions()
        line = self.namespace.lines.get("lzeval")
        if not isinstance(value, dict):
            self.notes.append(f"line {line or '?'}: lzeval is no dictionary, and so is not read as settings")
            return Additions()
        known = addition_checks(players, self.resolved)
        for name in value:
            if name not in known:
                self.mistake_in(
                    line, f"lzeval has no setting {settings.brief(name)}; there are {', '.join(known)}"
                )
        named = {name: item for name, item in value.items() if isinstance(name, str)}
        return Additions(**self.checked(named, known, line, "lzeval: "))


def _pairing(values: Mapping[str, object], players: Mapping[str, PlayerSpec]) -> tuple[str, str]:
    """The players' codes; of a player against itself, the second is its clone's. Raises ValueError."""
    codes = [values.get("player_1", _MISSING), values.get("player_2", _MISSING)]
    if _MISSING in codes:
        raise ValueError("two players are wanted")
    one, other = (known_player(code, players) for code in codes)
    return one, f"{other}#2" if one == other else other


def _id_and_name(values: Mapping[str, object], place: str, codes: tuple[str, str]) -> dict[str, Any]:
    matchup_id, name = values.get("id", place), values.get("name")
    try:
        found = settings.identifier(matchup_id)
    except ValueError as exc:
        raise ValueError(f"'id' {exc}") from exc
    if name is None:
        return {"id": found, "name": f"{codes[0]} v {codes[1]}"}
    try:
        return {"id": found, "name": settings.text(name), "has_own_name": True}
    except ValueError as exc:
        raise ValueError(f"'name' {exc}") from exc


def _competitor(value: object, players: Mapping[str, PlayerSpec]) -> str:
    if isinstance(value, Configured):
        call = settings.configured("Competitor")(value)
        value = settings.arguments(call, ("player",), ()).get("player")
    return known_player(value, players)
