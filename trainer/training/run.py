"""One training run, from its configuration to its last checkpoint."""

from __future__ import annotations

import datetime
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from lzeval.errors import UserError
from lzeval.network.network import LeelaNetwork
from lzeval.network.symmetric_policy import SYMMETRIC, asymmetry, keep_symmetric
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.system.cache import cache_folder
from lzeval.system.files import remove_leftovers
from lzeval.system.locks import locked
from lzeval.system.memory import keep_freed_memory
from trainer.data.datamodule import GoData
from trainer.settings.compose import stored
from trainer.settings.config import LoggerConfig, NetworkConfig, TrainConfig, seconds
from trainer.training.callbacks import Averages, Checkpoints, Counting, Exports, ProgressLine, SettingsFile
from trainer.training.grow import grow
from trainer.training.inputs import check_inputs
from trainer.training.module import GoModule
from trainer.training.pool_callback import PoolRatings, unplayed
from trainer.training.restore_gammas import ENOUGH_POSITIONS, restore_gammas
from trainer.training.resume import (
    Saved,
    is_finished,
    require_going_on,
    require_same_data,
    require_same_tensors,
)

FOLDER_VARIABLE, LOCK = "LZEVAL_RUN", ".lock"
EVERLASTING = 10**9
"""Lightning wants a number of steps; ours end by positions or by time."""


def multiplies_bf16(accelerator: str = "auto") -> bool:
    """Whether this machine's GPU, if it has one and is to use it, or else its processor multiplies bfloat16 fast."""
    if accelerator != "cpu" and torch.cuda.is_available():
        return torch.cuda.get_device_capability()[0] >= 8
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, probe, bool)() for probe in probes)


def new_network(config: NetworkConfig, board_size: int, init: str | None) -> LeelaNetwork:
    """A fresh network, or the one of `init`, grown to the configured shape; in training mode. Raises UserError."""
    shape = NetworkShape(config.blocks, config.filters, board_size)
    if init is None:
        return LeelaNetwork(shape)
    from lzeval.network.checkpoint import load_network

    network = load_network(init).network
    if network.shape == shape:
        return network.train()
    return grow(network, shape)


def ties_policy(config: TrainConfig, network: LeelaNetwork) -> bool:
    """Whether the images of the policy's weights are tied: where that is asked for, or, unasked, changes nothing."""
    if config.symmetric_policy is not None:
        return config.symmetric_policy
    return config.init is None or asymmetry(network) <= SYMMETRIC


def run_folder(config: TrainConfig) -> Path:
    """Folder of the run. Raises UserError where several processes would each think of a folder of their own."""
    if config.run is not None:
        if Path(config.run).is_file():
            raise UserError(f"run={config.run}: is a file, and a run is a folder; choose another name")
        return Path(config.run)
    if FOLDER_VARIABLE in os.environ:  # this process was started by the one that chose
        return Path(os.environ[FOLDER_VARIABLE])
    if os.environ.get("TORCHELASTIC_RUN_ID") or int(os.environ.get("SLURM_NTASKS", "1")) > 1:
        raise UserError("give run=FOLDER: processes started by torchrun or SLURM have to agree on it")
    stamp = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    return Path("runs") / f"{config.network.name}-{stamp}"


def is_first_process() -> bool:
    """Whether this is the only process of a run, or the one of several that speaks for all."""
    return not getattr(rank_zero_only, "rank", 0)


def log_name(folder: Path) -> str:
    """`csv`, and `csv-2`, `csv-3` and so on when a run goes on: Lightning empties a log's folder that it finds."""
    sessions = len(list(folder.glob("csv*")))
    return f"csv-{sessions + 1}" if sessions else "csv"


def _check_is_text(folder: Path) -> None:
    """Raise UserError for a name that TensorBoard could not write to."""
    try:
        str(folder).encode("utf-8")
    except UnicodeEncodeError:
        raise UserError(
            f"run={folder}: TensorBoard wants a name that is text in UTF-8 and in this locale; "
            "choose another run=FOLDER, or logger=csv"
        ) from None


def loggers(config: LoggerConfig, folder: Path) -> list[Logger]:
    """Lightning's loggers, by the names in `config`."""
    found: list[Logger] = [CSVLogger(folder, name="", version=log_name(folder))]
    for name in config.names:
        if name == "tensorboard":
            _check_is_text(folder)
            found.append(TensorBoardLogger(folder, name="", version="tensorboard"))
        elif name == "wandb":
            found.append(WandbLogger(name=folder.name, save_dir=folder, project=config.project))
        elif name == "mlflow":
            uri = os.environ.get("MLFLOW_TRACKING_URI")
            found.append(MLFlowLogger(config.project, run_name=folder.name, tracking_uri=uri))
    return found


class Trained(NamedTuple):
    """A run that has come to its end."""

    checkpoint: Path
    positions: int
    """Trained on, over all interruptions."""
    was_over: bool
    """The run had ended before; nothing was done."""


def train(
    config: TrainConfig,
    *,
    resuming: bool = False,
    here: TrainConfig | None = None,
    progress: ProgressLine | None = None,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train as `config` says.

    A run folder that holds a checkpoint is continued: same order of positions, same optimiser state, same
    learning rate as if it had never stopped. Its settings have to be the same; with `resuming` there has to be one, and
    what `resume` allows may be changed. Raises UserError, also where another process trains in that folder; a
    folder is made, and its config.yaml written, when the run is known to work.

    `here` are the settings with the paths and devices of this machine, where others have chosen them (None: they are
    `config`'s). Once `is_stopping` of the first process says so, all of them save and raise KeyboardInterrupt.
    """
    here = here or config
    folder = run_folder(here)
    os.environ[FOLDER_VARIABLE] = str(folder)  # for the processes that Lightning starts for further devices
    try:
        with ExitStack() as lock:
            begun = (folder / LOCK).exists()
            if begun and is_first_process():
                lock.enter_context(locked(folder / LOCK))
                remove_leftovers(folder)
            saved = require_going_on(config, folder, resuming=resuming)
            if saved is not None and is_finished(config, saved) and not has_to_play(config, folder):
                return Trained(folder / "latest.ckpt", saved.positions, was_over=True)
            callbacks = _Callbacks(progress or ProgressLine(), is_stopping)
            run = _prepared(config, here, folder, saved, callbacks)
            if not begun and is_first_process():
                lock.enter_context(locked(folder / LOCK))
                if saved is None and run.latest.exists():
                    raise UserError(f"{folder}: another process of lzeval trained here meanwhile")
            return _fit(run)
    finally:
        os.environ.pop(FOLDER_VARIABLE, None)


def has_to_play(config: TrainConfig, folder: Path) -> bool:
    """Whether networks of the run still wait for their games in its pool."""
    return config.pool.file is not None and unplayed(folder)


class _Callbacks(NamedTuple):
    """Those whom a run tells of itself, and asks."""

    progress: ProgressLine
    is_stopping: Callable[[], bool]


class _Prepared(NamedTuple):
    """A run whose settings and input are known to be good."""

    trainer: pl.Trainer
    module: GoModule
    data: GoData
    latest: Path
    """Its checkpoint."""
    goes_on: bool


def open_data(config: TrainConfig, saved: Saved | None, folder: Path) -> GoData:
    """The data sets of a run, which is the one that was `saved` in `folder` or begins; checks all its input.

    Records are packed if they must be. Raises UserError.
    """
    check_inputs(
        config if saved is None else replace(config, init=None)
    )  # a run that goes on needs it no more
    cached = config.data.cache or cache_folder()
    data = GoData(
        config.data, config.batch_size, config.seed, config.watch.evaluate_on, Path(cached) / "packed"
    )
    if config.schedule.name == "plateau" and data.holdout_data is None:
        raise UserError("schedule=plateau follows the holdout's loss; add data.holdout=...")
    if saved is not None:
        require_same_data(saved, data.fingerprints(), folder)
    return data


def _prepared(
    config: TrainConfig, here: TrainConfig, folder: Path, saved: Saved | None, callbacks: _Callbacks
) -> _Prepared:
    """Open everything that the run needs, and write nothing but packed records. Raises UserError."""
    keep_freed_memory()
    pl.seed_everything(here.seed, verbose=False)
    if here.trainer.threads:
        torch.set_num_threads(here.trainer.threads)
    data = open_data(here, saved, folder)
    fingerprints, latest = data.fingerprints(), folder / "latest.ckpt"
    init = here.init if saved is None else None
    symmetric = here.symmetric_policy
    if saved is not None and symmetric is None:  # was decided when the run began
        symmetric = stored(str(folder), []).symmetric_policy
    network = new_network(here.network, here.data.board_size, init)
    symmetric = ties_policy(replace(here, symmetric_policy=symmetric), network)
    config, here = (replace(each, symmetric_policy=symmetric) for each in (config, here))
    if symmetric:
        keep_symmetric(network)
    if init is not None:
        restore_gammas(network, data.first_planes(-(-ENOUGH_POSITIONS // here.batch_size)))
    module = GoModule(here, network, fingerprints)
    if saved is not None:
        require_same_tensors(saved, module.state_dict(), latest)
    with _quiet():
        trainer = _lightning(here, folder, data, SettingsFile(folder, config), callbacks)
    return _Prepared(trainer, module, data, latest, saved is not None)


def _fit(run: _Prepared) -> Trained:
    with _quiet():
        try:
            run.trainer.fit(run.module, run.data, ckpt_path=run.latest if run.goes_on else None)
        except SystemExit as exc:  # Lightning's own way out of Ctrl-C and SIGTERM
            raise KeyboardInterrupt from exc
    if run.trainer.interrupted:
        raise KeyboardInterrupt
    return Trained(run.latest, run.module.positions, was_over=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's remarks."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pytorch_lightning.*|torch\..*|torchmetrics.*|lightning.*")
        yield


def pool_ratings(
    config: TrainConfig, folder: Path, averages: Averages, progress: ProgressLine
) -> list[PoolRatings]:
    """The callback that lets the network play in a pool, if that is wanted; it comes after `Checkpoints`."""
    if config.pool.file is None:
        return []
    return [
        PoolRatings(folder, config.network.name, config.pool, config.data.board_size, averages, progress.say)
    ]


def _lightning(
    config: TrainConfig, folder: Path, data: GoData, settings: SettingsFile, callbacks: _Callbacks
) -> pl.Trainer:
    try:
        return _trainer(config, folder, data, settings, callbacks)
    except MisconfigurationException as exc:  # such as devices that there are not
        told = " ".join(str(exc).split())
        raise UserError(
            f"trainer.accelerator={config.trainer.accelerator} trainer.devices={config.trainer.devices}: {told}"
        ) from exc


def _trainer(
    config: TrainConfig, folder: Path, data: GoData, settings: SettingsFile, callbacks: _Callbacks
) -> pl.Trainer:
    wanted = config.trainer.precision
    bf16 = wanted == "bf16" or (wanted == "auto" and multiplies_bf16(config.trainer.accelerator))
    measured = data.holdout_data is not None and config.watch.evaluate_every > 0
    averages = Averages(config.average, data)
    progress = callbacks.progress
    return pl.Trainer(
        accelerator=config.trainer.accelerator,
        devices=config.trainer.devices,
        num_nodes=config.trainer.nodes,
        strategy=config.trainer.strategy,
        precision="bf16-mixed" if bf16 else "32-true",
        max_steps=EVERLASTING,
        max_epochs=-1,
        accumulate_grad_batches=config.accumulate,
        val_check_interval=max(1, config.watch.evaluate_every // config.batch_size) if measured else None,
        check_val_every_n_epoch=None if measured else 1,
        limit_val_batches=None if measured else 0,
        num_sanity_val_steps=0,
        gradient_clip_val=config.clip_norm,
        log_every_n_steps=config.watch.log_every,
        logger=loggers(config.logger, folder),
        callbacks=[
            Counting(),
            settings,
            progress,
            averages,
            Exports(folder, config.network.name, config.export, averages),
            Checkpoints(folder, seconds(config.watch.save_every), data, callbacks.is_stopping),
            *pool_ratings(config, folder, averages, progress),
        ],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
