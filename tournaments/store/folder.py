"""The files of a tournament: looked at, held by one process at a time, removed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lzeval.errors import LockedError, UserError
from lzeval.go.openings import game_of
from lzeval.system.files import write_bytes_atomically
from lzeval.system.locks import locked
from tournaments.gomill.files import OUTPUT_SUFFIXES, STOP, GomillFiles
from tournaments.gomill.report import matchup_of
from tournaments.plan.competition import Competition
from tournaments.plan.schedule import Place
from tournaments.store.game_log import FinishedGame, History, history_of, read_log


@dataclass(frozen=True)
class TournamentFiles(GomillFiles):
    """Files that a tournament keeps beside its control file: gomill's and ours."""

    @classmethod
    def of(cls, competition: Competition) -> TournamentFiles:
        return cls(competition.path)

    @property
    def played(self) -> Path:
        """The log of games."""
        return self.path(".played")

    @property
    def lock(self) -> Path:
        return self.control_file.with_name(f".{self.control_file.stem}.lock")

    @property
    def stderr(self) -> Path:
        """The folder of what engines wrote to standard error, by game and player."""
        return self.path(".stderr")

    @property
    def gtp_logs(self) -> Path:
        return self.path(".gtplogs")

    def outputs(self) -> Iterator[Path]:
        """Files and folders of the tournament that exist, the control file apart."""
        yield from (path for path in map(self.path, OUTPUT_SUFFIXES) if path.exists())


def history(competition: Competition) -> History:
    """Read what has been played, also while another process plays; before our first run, what gomill has played."""
    past = history_of(read_log(TournamentFiles.of(competition).played).entries)
    if past.settings is None:
        past.games = gomills_games(competition)
    return past


def gomills_games(competition: Competition) -> dict[Place, FinishedGame]:
    """Read what gomill's own ringmaster has played."""
    files = TournamentFiles.of(competition)
    if not any(path.exists() for path in (files.status, files.history, files.games)):
        return {}
    from tournaments.gomill.takeover import games_of_gomill

    games = {}
    for record in games_of_gomill(competition):
        number = game_of(record.game_id)
        if number is not None:
            place = matchup_of(record), number
            games[place] = FinishedGame(*place, record)
    return games


def counted_games(competition: Competition, past: History) -> list[FinishedGame]:
    """Games of the matchups that the control file still has."""
    ids = {matchup.id for matchup in competition.matchups}
    return [game for game in past.games.values() if game.matchup in ids]


@contextmanager
def held(competition: Competition) -> Iterator[TournamentFiles]:
    """Hold the tournament's files for this process alone. Raises UserError where another one is at work."""
    files = TournamentFiles.of(competition)
    try:
        with locked(files.lock):
            yield files
    except LockedError as exc:
        raise UserError(f"{competition.path}: another process is running this tournament") from exc


def is_running(competition: Competition) -> bool:
    """Tell whether some process holds the tournament."""
    try:
        with locked(TournamentFiles.of(competition).lock, grace_s=0.0):
            return False
    except UserError:
        return True


def reset(competition: Competition) -> list[Path]:
    """Remove everything that has been played; returns what was removed."""
    import shutil

    with held(competition) as files:
        removed = list(files.outputs())
        for path in removed:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    return removed


def ask_to_stop(competition: Competition) -> None:
    """Have the run that goes on elsewhere end after the games in progress."""
    write_bytes_atomically(TournamentFiles.of(competition).command, f"{STOP}\n".encode())


def create_folder(folder: Path) -> None:
    """Make the folder, if it is not there. Raises UserError where that cannot be done."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as exc:
        raise UserError(f"{folder}: cannot be created ({exc.strerror})") from exc
