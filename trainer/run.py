"""One training run, from its configuration to its last checkpoint."""

from __future__ import annotations

import datetime
import logging
import warnings
from dataclasses import asdict
from pathlib import Path

import platformdirs
import pytorch_lightning as pl
import torch
import yaml
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger

from lzeval.net.network import LeelaNetwork, NetworkShape
from trainer.callbacks import Checkpoints, ProgressLine
from trainer.config import NetworkConfig, TrainConfig, seconds
from trainer.data import GoData
from trainer.grow import grow
from trainer.memory import keep_freed_memory
from trainer.module import GoModule

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


def run_folder(config: TrainConfig) -> Path:
    if config.run is not None:
        return Path(config.run)
    stamp = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    return Path("runs") / f"{config.network.name}-{stamp}"


def log_name(folder: Path) -> str:
    """`csv`, and `csv-2`, `csv-3` and so on when a run goes on: Lightning empties a log's folder that it finds."""
    sittings = len(list(folder.glob("csv*")))
    return f"csv-{sittings + 1}" if sittings else "csv"


def train(config: TrainConfig) -> Path:
    """Train as `config` says and return the last checkpoint.

    A run folder that holds a checkpoint is continued: same order of positions, same optimiser state, same
    learning rate as if it had never stopped.
    """
    folder = run_folder(config)
    cache = (
        Path(config.data.cache) if config.data.cache else Path(platformdirs.user_cache_dir("lzeval", False))
    )
    keep_freed_memory()
    pl.seed_everything(config.seed, verbose=False)
    if config.hardware.threads:
        torch.set_num_threads(config.hardware.threads)
    data = GoData(config.data, config.batch_size, config.seed, config.watch.evaluate_on, cache / "packed")
    module = GoModule(config, new_network(config.network, config.data.board_size, config.init))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(asdict(config), sort_keys=False), encoding="utf-8")
    bf16 = config.hardware.precision == "bf16" or (config.hardware.precision == "auto" and multiplies_bf16())
    latest = folder / "latest.ckpt"
    steps_between = max(1, config.watch.evaluate_every // config.batch_size)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pytorch_lightning.*|torch\..*|torchmetrics.*")
        trainer = pl.Trainer(
            accelerator=config.hardware.accelerator,
            devices=config.hardware.devices,
            precision="bf16-mixed" if bf16 else "32-true",
            max_steps=EVERLASTING,
            max_epochs=-1,
            val_check_interval=steps_between if data.holdout_data is not None else None,
            check_val_every_n_epoch=None if data.holdout_data is not None else 1,
            limit_val_batches=None if data.holdout_data is not None else 0,
            num_sanity_val_steps=0,
            gradient_clip_val=config.clip_norm,
            log_every_n_steps=config.watch.log_every,
            logger=[
                CSVLogger(folder, name="", version=log_name(folder)),
                TensorBoardLogger(folder, name="", version="tensorboard"),
            ],
            callbacks=[ProgressLine(), Checkpoints(folder, seconds(config.watch.save_every))],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        try:
            trainer.fit(module, data, ckpt_path=latest if latest.exists() else None)
        except SystemExit as exc:  # Lightning's own way out of Ctrl-C and SIGTERM
            raise KeyboardInterrupt from exc
    if trainer.interrupted:
        raise KeyboardInterrupt
    return latest
