"""The options of KataGo as a player, and the configuration that it is started with."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engines.katago.choice import EARLY_TEMPERATURE, TEMPERATURE, MoveChoice
from engines.katago.program import find_program
from engines.player.options import command_of, option, options_of, parse_command_line, parse_words
from lzeval.errors import UserError
from lzeval.go.openings import Opening, game_of, game_seed, load_book
from lzeval.go.rules import DEFAULT_RULES

COMMAND = "katago"
LARGEST_BOARD = 19
"""KataGo's releases are compiled for boards up to this."""
SUFFIXES = (".bin.gz", ".txt.gz", ".bin", ".txt", ".onnx")
USUAL_VISITS = 100
SYMMETRIES = ("random", "fixed")
DEFAULTS: Mapping[str, str] = {
    "reportAnalysisWinratesAs": "SIDETOMOVE",
    "wideRootNoise": "0",
    "rootNoiseEnabled": "false",
    "ignorePreRootHistory": "false",
    "assumeMultipleStartingBlackMovesAreHandicap": "false",
    "conservativePass": "true",
    "rootSymmetryPruning": "true",
    "rootNumSymmetriesToSample": "1",
    "nnCacheSizePowerOfTwo": "18",
    "nnMutexPoolSizePowerOfTwo": "14",
    "logToStderr": "true",
    "logAllRequests": "false",
    "logAllResponses": "false",
}
"""Settings in which KataGo's analysis is to agree with its own play over GTP, and what makes it fit for many games."""
OURS = (
    "numAnalysisThreads",
    "numSearchThreadsPerAnalysisThread",
    "numSearchThreads",
    "maxVisits",
    "reportAnalysisWinratesAs",
)
_SETTING = re.compile(r"([A-Za-z][A-Za-z0-9]*)=([^=;\n]*)")


@dataclass(frozen=True)
class KataGoArguments:
    """The options of KataGo as a player."""

    network: str
    """A network file of KataGo's."""
    visits: int = option(USUAL_VISITS, "Visits a move; each search begins anew.", least=1)
    temperature: float = option(
        TEMPERATURE, "Of KataGo's draw among moves, late in the game; 0: always the best.", least=0, most=5
    )
    early_temperature: float = option(
        EARLY_TEMPERATURE, "The same at the start of the game.", least=0, most=5
    )
    symmetry: str = option("random", "random: the network sees each position turned at random; fixed: never.")
    threads: int = option(1, "Threads that search one position.", least=1)
    resign: float = option(10.0, "Resign below this winrate, in percent; 0: never.")
    seed: int = option(1, "The same seed gives the same draws.")
    openings: str | None = option(
        None, "Under gomill: begin each pair of games with an opening of this book."
    )
    program: str | None = option(None, "KataGo's program; KATAGO or katago on PATH if not given.")
    settings: str = option("", "Further settings of KataGo's configuration, as 'name=value;name=value'.")
    name: str | None = option(None, "What to answer to `name`.")
    quiet: bool = option(False, "Do not tell on standard error what a search found.")
    opening: tuple[int, ...] = field(default=())
    """First moves that both players make without thinking, as long as they do; not on the command line."""

    def check(self, dashes: str = "--") -> None:
        """Raise UserError for what is wrong beyond the bounds of single options; `dashes` stand before their names."""
        if not 0 <= self.resign < 50:
            raise UserError(f"--resign {self.resign:g}: must be a percentage from 0 (never) to below 50")
        if self.symmetry not in SYMMETRIES:
            raise UserError(f"{dashes}symmetry {self.symmetry}: is one of {', '.join(SYMMETRIES)}")
        for name in self.further:
            if name in OURS:
                raise UserError(f"KataGo's setting {name} is set by lzeval itself; leave it out")
        path = Path(self.network)
        if not path.is_file():
            raise UserError(f"{self.network}: there is no such network of KataGo's")

    @property
    def further(self) -> dict[str, str]:
        """The further settings by name. Raises UserError."""
        found = {}
        for part in filter(None, map(str.strip, self.settings.split(";"))):
            match = _SETTING.fullmatch(part)
            if match is None:
                raise UserError(f"--settings {part}: wants name=value, as in cpuctExploration=1.2")
            found[match[1]] = match[2].strip()
        return found

    @property
    def network_name(self) -> str:
        """The file's name without what all have."""
        name = Path(self.network).name
        suffix = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")
        return name[: len(name) - len(suffix)]

    @property
    def title(self) -> str:
        """The engine's name for itself."""
        return self.name or f"KataGo {self.network_name}"

    @property
    def move_choice(self) -> MoveChoice:
        return MoveChoice(self.temperature, self.early_temperature, self.resign / 100)

    def configuration(self, games: int, largest_board: int = LARGEST_BOARD) -> str:
        """KataGo's configuration file for `games` games that may ask at once, on boards up to `largest_board` lines.

        The network evaluates boards of that size, and smaller ones within them.
        """
        settings = {
            **DEFAULTS,
            "numAnalysisThreads": str(games),
            "numSearchThreadsPerAnalysisThread": str(self.threads),
            "nnMaxBatchSize": str(max(1, games * self.threads)),
            "maxBoardXSizeForNNBuffer": str(largest_board),
            "maxBoardYSizeForNNBuffer": str(largest_board),
            "nnRandomize": "true" if self.symmetry == "random" else "false",
            **self.further,
        }
        lines = ["# KataGo as lzeval starts it, written anew for each run.", f"# {Path(self.network).name}"]
        return "\n".join([*lines, *(f"{name} = {value}" for name, value in settings.items()), ""])

    def gtp_configuration(self, visits: int, resign_percent: float) -> str:
        """The configuration file of KataGo's own GTP for the same player."""
        settings = {
            "logToStderr": "true",
            "logAllGTPCommunication": "false",
            "logSearchInfo": "false",
            "koRule": "POSITIONAL",
            "scoringRule": "AREA",
            "taxRule": "NONE",
            "multiStoneSuicideLegal": "false",
            "hasButton": "false",
            "maxVisits": str(visits),
            "ponderingEnabled": "false",
            "numSearchThreads": str(self.threads),
            "nnRandomize": "true" if self.symmetry == "random" else "false",
            "chosenMoveTemperature": f"{self.temperature:g}",
            "chosenMoveTemperatureEarly": f"{self.early_temperature:g}",
            "conservativePass": "true",
            "allowResignation": "true" if resign_percent else "false",
            "resignThreshold": f"{2 * resign_percent / 100 - 1:g}",
            "resignConsecTurns": "1",
            **self.further,
        }
        return "\n".join([*(f"{name} = {value}" for name, value in settings.items()), ""])

    @property
    def process_key(self) -> tuple[object, ...]:
        """Equal for players that can ask the same process."""
        return str(Path(self.network).absolute()), self.program, self.symmetry, self.threads, self.settings

    def for_game(self, size: int, game_id: str = "") -> KataGoArguments:
        """The same with the random numbers and the opening of a game on a board of `size`, where its id is known."""
        game = game_of(game_id)
        if game is None:
            return self
        book = None if self.openings is None else load_book(self.openings, size)
        opening = Opening("", ()) if book is None else book.chosen(game // 2 + 1, self.seed)[game // 2]
        return replace(self, seed=game_seed(self.seed, game), opening=opening.moves)


RULES = DEFAULT_RULES
"""The rules that KataGo is told to play by: area, positional superko, no suicide, as Leela Zero's."""
RULES_TOLD: Mapping[str, object] = json.loads(RULES.as_json())
"""The same in KataGo's words; a player that passes has nothing left to take, and every stone counts as alive."""


def is_katago(text: str) -> bool:
    """Tell whether a player is `katago:NET`, and not a file that is called so."""
    return text.startswith(f"{COMMAND}:") and not Path(text).is_file()


def parse_player(text: str, kind: str = COMMAND) -> KataGoArguments:
    """The player that `katago:NET.bin.gz[,option=value...]` names, without what stands before its colon.

    Options are those of `lzeval katago` without their dashes; a name with a capital in it is one of KataGo's own
    settings. Raises UserError with `kind` before the text.
    """
    found = parse_player_text(text, kind)
    found.check(dashes="")
    return found


def parse_player_text(text: str, kind: str = COMMAND) -> KataGoArguments:
    """`parse_player` of a network that need not be there."""
    network, *given = text.split(",")
    while given and "=" not in given[0]:  # a comma in the file's name
        network += "," + given.pop(0)
    known = {each.flag.removeprefix("--"): each for each in options_of(KataGoArguments)}
    file = os.path.expanduser(network)  # noqa: PTH111
    words, further = [os.path.join(".", file) if file.startswith("-") else file], []  # noqa: PTH118
    names = [part.partition("=")[0] for part in given]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{kind}:{text}: {twice} is given twice")
    for part in given:
        name, _, value = part.partition("=")
        if name in known and known[name].kind is not bool and name not in NOT_IN_TEXT:
            words += [known[name].flag, value]
        elif name != name.lower() and _SETTING.fullmatch(part):
            further.append(part)
        else:
            allowed = ", ".join(sorted(set(known) - NOT_IN_TEXT - {"quiet"}))
            raise UserError(
                f"{kind}:{text}: there is no option {part!r}; there are {allowed}, and KataGo's own settings"
            )
    if not network:
        raise UserError(f"{kind}: a network of KataGo's is wanted, as in {kind}:NET.bin.gz")
    found = parse_words(KataGoArguments, [*words, "--settings", ";".join(further)])
    if found is None:
        raise UserError(f"{kind}:{text}: one of these is no number, or out of bounds: {', '.join(given)}")
    return found


NOT_IN_TEXT = frozenset({"visits", "resign", "seed", "openings", "settings", "name", "quiet"})
"""Options that a match or a tournament has for all its players, by their flags; `settings` have names of their own."""
IN_TEXT = ("temperature", "early_temperature", "symmetry", "threads", "program", "settings")
"""Fields that a player's text may set."""


def text_values(found: KataGoArguments) -> dict[str, Any]:
    """The fields that a player's text has set."""
    return {
        name: value for name in IN_TEXT if (value := getattr(found, name)) != getattr(KataGoArguments, name)
    }


def player_text(found: KataGoArguments) -> str:
    """The text that names the player in any folder: `katago:`, an absolute path, and options. Raises UserError."""
    values = text_values(found)
    settings = values.pop("settings", "").split(";")
    if found.program is not None:
        values["program"] = find_program(found.program)
    flags = {each.name: each.flag.removeprefix("--") for each in options_of(KataGoArguments)}
    options = [f"{flags[name]}={_spelt(value)}" for name, value in values.items()]
    return f"{COMMAND}:" + ",".join([str(Path(found.network).resolve()), *options, *filter(None, settings)])


def playing_options(found: KataGoArguments) -> str:
    """The options that make it another player, as text in one order; empty where all are usual.

    Which program plays, where it keeps its files and how it shares a device is no part of them.
    """
    values = text_values(found)
    settings = {
        name: value
        for name, value in found.further.items()
        if not _HOUSEKEEPING.fullmatch(name) and value != DEFAULTS.get(name)
    }
    options = {name: _spelt(value) for name, value in values.items() if name not in ("program", "settings")}
    return ",".join(f"{name}={value}" for name, value in [*options.items(), *sorted(settings.items())])


def _spelt(value: float | str) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


_HOUSEKEEPING = re.compile(
    r"homeDataDir|log[A-Z].*|.*DeviceToUse.*|numNNServerThreadsPerModel|nnMaxBatchSize|nn(Cache|Mutex)[A-Za-z]*"
)
"""Settings of KataGo's that change no move."""


def katago_command(network: str, **values: Any) -> list[str]:
    """The command line that starts `lzeval katago` with `values` for some fields of KataGoArguments."""
    return command_of(KataGoArguments, COMMAND, network, **values)


def parse_katago_command(command: Sequence[str], cwd: Path | None = None) -> KataGoArguments | None:
    """The options in a command line that starts `lzeval katago` of this installation; None for any other.

    `cwd` is the folder that it is to be started in, None: this process's.
    """
    return parse_command_line(KataGoArguments, COMMAND, command, cwd)
