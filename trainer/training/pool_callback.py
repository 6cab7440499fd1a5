"""The network's strength on its way: every so often it plays in a rating pool, and its Elo is logged.

The games are played by `lzeval gauntlet`, a process of its own at low priority, while training goes on; networks wait
for each other. Nothing of it touches what is trained: weights are only read, and no random number is drawn. What goes
wrong is said in a line, and training goes on.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from lzeval.errors import UserError
from lzeval.go.openings import BUNDLED_SIZES, DEFAULT, EMPTY_BOARD
from lzeval.network.leela import write_network
from lzeval.system.files import write_text_atomically
from trainer.settings.config import PoolConfig
from trainer.training.callbacks import Averages, GoCallback
from trainer.training.module import GoModule

ASK_AGAIN_S = 0.2
DIES_WITHIN_S = 10.0
FOLDER, WEIGHTS, RESULT = "pool", ".txt.gz", ".json"
PROCESS_OF_MANY = ("LZEVAL_RUN", "RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""Variables by which a process belongs to a training run of several; the one that plays does not."""


@dataclass
class _Game:
    """The gauntlet that is going on."""

    weights: Path
    process: subprocess.Popen[bytes]


class PoolRatings(GoCallback):
    """Lets the network play in a pool every so many positions, and logs `pool/elo` with its 95 % interval."""

    def __init__(
        self,
        folder: Path,
        name: str,
        config: PoolConfig,
        board_size: int,
        averages: Averages,
        say: Callable[[str], None],
    ) -> None:
        """`say` tells the user a line; `folder` is the run's."""
        assert config.file is not None
        self.folder = folder / FOLDER
        self.run = folder.resolve().name
        self.name = name
        self.config = config
        self.pool = Path(config.file)
        self.board_size = board_size
        self._averages = averages
        self._say = say
        self._waiting: list[Path] = []
        self._playing: _Game | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take up what an earlier session left unplayed."""
        if trainer.is_global_zero:
            self._waiting = sorted(_unplayed_in(self.folder), key=_positions_of)

    def after_batch(self, trainer: pl.Trainer, module: GoModule, batch: Any) -> None:
        if not trainer.is_global_zero:
            return
        positions = module.positions
        before = positions - len(batch.moves) * trainer.world_size
        if positions // self.config.every > before // self.config.every:
            self._export(module, positions)
        self._attend(trainer)

    def _export(self, module: GoModule, positions: int) -> None:
        target = self.folder / f"{self.name}-{positions}{WEIGHTS}"
        try:
            self.folder.mkdir(exist_ok=True)
            write_network(self._averages.exported(module.network), target)
        except (UserError, OSError) as exc:
            self._say(f"warning: no games in {self.pool}: {exc}")
            return
        _result_of(target).unlink(missing_ok=True)  # of a session that was killed after its last checkpoint
        if target not in self._waiting:
            self._waiting.append(target)

    def _attend(self, trainer: pl.Trainer) -> None:
        """Note a result, if there is one; begin with the next network when nobody plays."""
        if self._playing is not None and self._playing.process.poll() is not None:
            self._note(trainer, self._playing)
            self._playing = None
        if self._playing is None and self._waiting:
            self._playing = self._begin(self._waiting.pop(0))

    def _begin(self, weights: Path) -> _Game | None:
        environment = {name: value for name, value in os.environ.items() if name not in PROCESS_OF_MANY}
        try:
            with _output_of(weights).open("wb") as out, _log_of(weights).open("wb") as log:
                process = subprocess.Popen(
                    self._command(weights), stdin=subprocess.DEVNULL, stdout=out, stderr=log, env=environment
                )
        except OSError as exc:
            self._say(f"warning: no games in {self.pool}: {exc}")
            return None
        return _Game(weights, process)

    def _command(self, weights: Path) -> list[str]:
        """A gauntlet; in a pool that is not there yet, the network is only added."""
        config, positions = self.config, str(_positions_of(weights))
        known = ["--copy", "--name", f"{self.run}-{positions}", "--run", self.run, "--positions", positions]
        known += ["--size", str(self.board_size)]
        known += [] if config.visits is None else ["--visits", str(config.visits)]
        program = ["nice", "-n", "10"] if os.name == "posix" and shutil.which("nice") else []
        program += [sys.executable, "-m", "lzeval"]
        if not self.pool.exists():
            openings = config.openings or (DEFAULT if self.board_size in BUNDLED_SIZES else EMPTY_BOARD)
            return [*program, "pool", "add", str(self.pool), str(weights), *known, "--openings", openings]
        threads = [] if config.threads is None else ["--threads", str(config.threads)]
        play = [
            "--against",
            str(self.pool),
            "--games",
            str(config.games),
            "--device",
            config.device,
            "--json",
        ]
        return [*program, "gauntlet", str(weights), *known, *play, *threads]

    def _note(self, trainer: pl.Trainer, game: _Game) -> None:
        """Log what a gauntlet has found, or say why it has not."""
        output = _output_of(game.weights)
        try:
            if game.process.returncode:
                raise ValueError(_last_line(_log_of(game.weights)) or f"status {game.process.returncode}")
            text = output.read_text(encoding="utf-8")
            found = json.loads(text)["gauntlet"] if text.strip() else None
            write_text_atomically(_result_of(game.weights), json.dumps(found, indent=1) + "\n")
        except (OSError, ValueError, KeyError, TypeError, UserError) as exc:
            self._say(f"warning: {game.weights.name} has no rating from {self.pool}: {exc}")
            return
        finally:
            output.unlink(missing_ok=True)
        game.weights.unlink(missing_ok=True)  # the pool has a copy
        _log_of(game.weights).unlink(missing_ok=True)
        if found is None:
            self._say(f"{self.pool}: {game.weights.name} is its first network")
            return
        self._say(str(found["sentence"]))
        metrics = {f"pool/{key}": found[key] for key in ("elo", "low", "high") if found[key] is not None}
        if metrics:
            metrics["pool/positions"] = _positions_of(game.weights)
            for logger in trainer.loggers:
                logger.log_metrics(metrics, step=trainer.global_step)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Wait for the networks that still play; the last checkpoint is on disk by now."""
        if not trainer.is_global_zero:
            return
        self._attend(trainer)
        if self._playing is not None:
            count = 1 + len(self._waiting)
            self._say(f"training is over; {count} {'network' if count == 1 else 'networks'} still to play")
        while self._playing is not None or self._waiting:
            time.sleep(ASK_AGAIN_S)
            self._attend(trainer)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """End the playing: its games are kept, and the run plays the rest when it goes on."""
        if self._playing is None:
            return
        game, self._playing = self._playing, None
        game.process.terminate()
        try:
            game.process.wait(DIES_WITHIN_S)
        except subprocess.TimeoutExpired:
            game.process.kill()
            game.process.wait()
        _output_of(game.weights).unlink(missing_ok=True)


def unplayed(run: Path) -> bool:
    """Tell whether networks of the run in the folder `run` still have to play."""
    return bool(_unplayed_in(run / FOLDER))


def _unplayed_in(folder: Path) -> list[Path]:
    return [file for file in folder.glob(f"*{WEIGHTS}") if not _result_of(file).exists()]


def _positions_of(weights: Path) -> int:
    digits = weights.name[: -len(WEIGHTS)].rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


def _result_of(weights: Path) -> Path:
    return weights.with_name(weights.name[: -len(WEIGHTS)] + RESULT)


def _output_of(weights: Path) -> Path:
    return weights.with_name(weights.name[: -len(WEIGHTS)] + ".partial")


def _log_of(weights: Path) -> Path:
    return weights.with_name(weights.name[: -len(WEIGHTS)] + ".log")


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
