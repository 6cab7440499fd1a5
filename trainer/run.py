"""One training run, from its configuration to its last checkpoint."""

from __future__ import annotations

import datetime
import logging
import os
import warnings
from dataclasses import asdict, replace
from pathlib import Path

import pytorch_lightning as pl
import torch
import yaml
from pytorch_lightning.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from lzeval.core.cache import cache_folder
from lzeval.core.errors import UserError
from lzeval.core.files import write_text_atomically
from lzeval.core.locks import locked
from lzeval.net.checkpoint import checkpoint_shape
from lzeval.net.network import LeelaNetwork, NetworkShape
from lzeval.net.symmetric import SYMMETRIC, asymmetry, keep_symmetric
from trainer.callbacks import Averages, Checkpoints, Counting, Exports, ProgressLine
from trainer.config import LoggerConfig, NetworkConfig, TrainConfig, seconds
from trainer.data import GoData
from trainer.gammas import ENOUGH_POSITIONS, restore_gammas
from trainer.grow import grow
from trainer.memory import keep_freed_memory
from trainer.module import GoModule
from trainer.pool_callback import PoolRatings

FOLDER_VARIABLE = "LZEVAL_RUN"
PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow-skinny"}
EVERLASTING = 10**9
"""Lightning wants a number of steps; ours end by positions or by time."""


def multiplies_bf16() -> bool:
    """Whether this machine's processor, or its GPU, multiplies bfloat16 at full speed."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_capability()[0] >= 8
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, probe, bool)() for probe in probes)


def new_network(config: NetworkConfig, board_size: int, init: str | None) -> LeelaNetwork:
    """A fresh network, or the one of `init`, grown to the configured shape; in training mode. Raises UserError."""
    shape = NetworkShape(config.blocks, config.filters, board_size)
    if init is None:
        return LeelaNetwork(shape)
    from lzeval.net.checkpoint import load_network

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
    """Where the run is kept. Raises UserError where several processes would each think of a folder of their own."""
    if config.run is not None:
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
    sittings = len(list(folder.glob("csv*")))
    return f"csv-{sittings + 1}" if sittings else "csv"


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
    """What writes the logs. Raises UserError where one is not installed."""
    found: list[Logger] = [CSVLogger(folder, name="", version=log_name(folder))]
    for name in config.names:
        try:
            if name == "tensorboard":
                _check_is_text(folder)
                found.append(TensorBoardLogger(folder, name="", version="tensorboard"))
            elif name == "wandb":
                found.append(WandbLogger(name=folder.name, save_dir=folder, project=config.project))
            elif name == "mlflow":
                uri = os.environ.get("MLFLOW_TRACKING_URI")
                found.append(MLFlowLogger(config.project, run_name=folder.name, tracking_uri=uri))
        except ModuleNotFoundError as exc:
            raise UserError(f"logger={name}: {name} is not installed; pip install {PACKAGES[name]}") from exc
    return found


def train(config: TrainConfig) -> Path:
    """Train as `config` says and return the last checkpoint.

    A run folder that holds a checkpoint is continued: same order of positions, same optimiser state, same
    learning rate as if it had never stopped. Raises UserError, also where another process trains in that folder.
    """
    folder = run_folder(config)
    os.environ[FOLDER_VARIABLE] = str(folder)  # for the processes that Lightning starts for further devices
    try:
        if not is_first_process():
            return _train(config, folder)
        with locked(folder / ".lock"):
            return _train(config, folder)
    finally:
        os.environ.pop(FOLDER_VARIABLE, None)


def _train(config: TrainConfig, folder: Path) -> Path:
    keep_freed_memory()
    pl.seed_everything(config.seed, verbose=False)
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    cached = config.data.cache or cache_folder()
    data = GoData(
        config.data, config.batch_size, config.seed, config.watch.evaluate_on, Path(cached) / "packed"
    )
    if config.schedule.name == "plateau" and data.holdout_data is None:
        raise UserError("schedule=plateau follows the holdout's loss; add data.holdout=...")
    latest = folder / "latest.ckpt"
    _require_same_network(config, latest)
    network = new_network(config.network, config.data.board_size, config.init)
    config = replace(config, symmetric_policy=ties_policy(config, network))  # also when the run goes on
    if config.symmetric_policy:
        keep_symmetric(network)
    if config.init is not None and not latest.exists():
        restore_gammas(network, data.first_planes(-(-ENOUGH_POSITIONS // config.batch_size)))
    module = GoModule(config, network)
    if is_first_process():
        write_text_atomically(folder / "config.yaml", yaml.safe_dump(asdict(config), sort_keys=False))
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pytorch_lightning.*|torch\..*|torchmetrics.*|lightning.*")
        trainer = _lightning(config, folder, data)
        try:
            trainer.fit(module, data, ckpt_path=latest if latest.exists() else None)
        except SystemExit as exc:  # Lightning's own way out of Ctrl-C and SIGTERM
            raise KeyboardInterrupt from exc
    if trainer.interrupted:
        raise KeyboardInterrupt
    return latest


def _require_same_network(config: TrainConfig, checkpoint: Path) -> None:
    """Raise UserError if the run's checkpoint is of a network of another size."""
    if not checkpoint.exists():
        return
    found = checkpoint_shape(checkpoint)
    wanted = NetworkShape(config.network.blocks, config.network.filters, config.data.board_size)
    if found != wanted:
        raise UserError(
            f"{checkpoint}: holds a network of {found}, and {wanted} is wanted; "
            f"begin another run with init={checkpoint}"
        )


def pool_ratings(
    config: TrainConfig, folder: Path, averages: Averages, progress: ProgressLine
) -> list[PoolRatings]:
    """What lets the network play in a pool, if that is wanted; comes after what saves checkpoints."""
    if config.pool.file is None:
        return []
    return [
        PoolRatings(folder, config.network.name, config.pool, config.data.board_size, averages, progress.say)
    ]


def _lightning(config: TrainConfig, folder: Path, data: GoData) -> pl.Trainer:
    bf16 = config.trainer.precision == "bf16" or (config.trainer.precision == "auto" and multiplies_bf16())
    measured = data.holdout_data is not None
    averages = Averages(config.average, data)
    progress = ProgressLine()
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
            progress,
            averages,
            Exports(folder, config.network.name, config.export, averages),
            Checkpoints(folder, seconds(config.watch.save_every)),
            *pool_ratings(config, folder, averages, progress),
        ],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
