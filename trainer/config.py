"""What a training run can be told. YAML composes it; these classes decide what is allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lzeval.core.errors import UserError
from lzeval.core.points import SYMMETRIES

if TYPE_CHECKING:
    from omegaconf import DictConfig

CONFIG_FOLDER = Path(__file__).resolve().parent.parent / "lzeval" / "conf"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass
class NetworkConfig:
    name: str = "network"
    blocks: int = 8
    filters: int = 32


@dataclass
class OptimizerConfig:
    name: str = "muon"
    """muon, adamw or sgd."""
    lr: float = 0.03
    adam_lr: float = 0.002
    """For the parameters that muon leaves to AdamW."""
    weight_decay: float = 0.0001


@dataclass
class ScheduleConfig:
    name: str = "linear"
    """linear, cosine, onecycle, plateau or constant."""
    warmup: int = 5000
    """Positions over which the learning rate rises."""
    hold: float = 0.3
    """Share of the run before it falls."""
    factor: float = 1.0
    """plateau: what the rate is divided by; onecycle: how many times lower it begins."""
    patience: int = 0
    """plateau: measurements of the holdout without a better loss before the rate is divided."""


@dataclass
class TrainerConfig:
    accelerator: str = "auto"
    devices: Any = "auto"
    nodes: int = 1
    strategy: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    compile: bool = False


@dataclass
class DataConfig:
    train: Any = None
    holdout: Any = None
    weights: list[float] | None = None
    """How often each source of `train` is drawn from; None: they count as one."""
    workers: int = 0
    """Processes that make batches; 0: the training process itself."""
    cache: str | None = None
    board_size: int = 19

    def sources(self, part: str) -> list[str]:
        """The files and folders of `train` or `holdout` as a list."""
        value = getattr(self, part)
        if value is None:
            return []
        return [str(item) for item in value] if isinstance(value, (list, tuple)) else [str(value)]


@dataclass
class LoggerConfig:
    names: list[str] = field(default_factory=lambda: ["csv", "tensorboard"])
    project: str = "lzeval"


@dataclass
class AverageConfig:
    ema: float = 0.0
    swa_from: float = 1.0
    norm_batches: int = 100


@dataclass
class ExportConfig:
    every: int | None = None
    """Positions."""
    digits: int | None = None


@dataclass
class PoolConfig:
    file: str | None = None
    """A rating pool that the network plays in on its way, made if it is not there; None: no playing."""
    every: int = 500_000
    """Positions."""
    games: int = 20
    """Each time, an even number."""
    visits: int | None = None
    """A move; None: as the pool has it."""
    openings: str | None = None
    """Of a new pool: default, none, or a file; None: default on 19x19, none on other boards."""
    threads: int | None = None
    """Cores to play on; None: all."""
    device: str = "auto"


@dataclass
class TeacherConfig:
    network: str | None = None
    """A weights file, a checkpoint or a bundled name; None: no teacher."""
    value_network: str | None = None
    """Another one, from which the values are learnt; None: they are `network`'s as well."""
    policy: float = 0.3
    """Share of the teacher in what the policy is to say; the rest is the record's."""
    value: float = 0.8
    """Likewise for the value."""
    symmetries: int = 1
    """Of how many of a position's eight images its answer is the mean: 2 costs a second question."""


@dataclass
class WatchConfig:
    log_every: int = 50
    evaluate_every: int = 100_000
    evaluate_on: int = 8192
    save_every: str = "5m"


@dataclass
class TrainConfig:
    network: NetworkConfig = field(default_factory=NetworkConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    average: AverageConfig = field(default_factory=AverageConfig)
    export: ExportConfig = field(default_factory=ExportConfig)
    data: DataConfig = field(default_factory=DataConfig)
    pool: PoolConfig = field(default_factory=PoolConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    watch: WatchConfig = field(default_factory=WatchConfig)
    run: str | None = None
    init: str | None = None
    symmetric_policy: bool | None = False
    """Whether the images of the policy's weights stay tied; None: in new networks, and where they are equal."""
    seed: int = 1
    batch_size: int = 64
    accumulate: int = 1
    max_positions: int | None = None
    max_time: str | None = None
    value_weight: float = 1.0
    label_smoothing: float = 0.0
    clip_norm: float | None = 5.0


def seconds(duration: str) -> float:
    """`90s`, `45m`, `1.5h`, `1d`, `00:45:00` or a bare number of seconds. Raises UserError."""
    text = duration.strip()
    clock = re.fullmatch(r"([0-9]+):([0-9]{2}):([0-9]{2})", text)
    if clock:
        hours, minutes, rest = map(int, clock.groups())
        return 3600.0 * hours + 60 * minutes + rest
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd]?)", text)
    if not match:
        raise UserError(f"{duration!r} is not a length of time; write 90s, 45m or 2h")
    return float(match[1]) * UNITS[match[2] or "s"]


def _as_written(overrides: Sequence[str]) -> list[str]:
    """Quote values that are paths, so that Hydra's grammar takes them as they stand."""
    quoted = []
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key:
            raise UserError(f"{override!r}: settings are written key=value, as in network=big max_time=45m")
        if key == "experiment":  # a preset is added to the defaults, with a plus before its key or without
            key, override = "+experiment", "+" + override
        enclosed = len(value) > 1 and value[0] + value[-1] in ("[]", "{}", "''", '""')
        plain = enclosed or re.fullmatch(r"[\w.+-]*", value, re.ASCII)
        quoted.append(override if plain else f"{key}={_quoted(value)}")
    return quoted


def _quoted(value: str) -> str:
    """`value` in single quotes; Hydra asks for a backslash before quotes, and before backslashes before quotes."""
    escaped = re.sub(r"(\\*)'", r"\1\1\'", value)
    return "'" + re.sub(r"(\\+)$", r"\1\1", escaped) + "'"


def _known_keys(config: DictConfig, prefix: str = "") -> list[str]:
    from omegaconf import DictConfig

    keys: list[str] = []
    for key in config:
        name = prefix + str(key)
        keys.append(name)
        node = config._get_node(key)
        if isinstance(node, DictConfig):
            keys += _known_keys(node, f"{name}.")
    return keys


def _nearest(overrides: Sequence[str], known: Sequence[str]) -> str | None:
    """Which key of `overrides`, or choice of a YAML, is misspelt, and what it may be, as a sentence."""
    for override in overrides:
        key, _, value = override.lstrip("+~").partition("=")
        if key not in known and key != "experiment":
            near = difflib.get_close_matches(key, known, 1, 0.5)
            return f"there is no setting {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        choices = sorted(file.stem for file in (CONFIG_FOLDER / key).glob("*.yaml"))
        if choices and value not in choices:
            return f"{key}={value}: choose one of {', '.join(choices)}"
    return None


def _told(error: Exception) -> str:
    """The first line of Hydra's or OmegaConf's `error`, after the setting that it is about."""
    key = getattr(error, "full_key", None)
    line = " ".join(str(error).split("\n")[0].split())
    return f"{key}: {line}" if key else line


def compose(overrides: Sequence[str], name: str = "train") -> TrainConfig:
    """The configuration `name` with `overrides` (`key=value`) applied. Raises UserError if it does not fit."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        known = _known_keys(hydra_compose(name))
        try:
            raw = hydra_compose(name, _as_written(overrides))
            missing = OmegaConf.missing_keys(raw)
            if missing:
                key = sorted(missing)[0]
                raise UserError(f"{key} is not set; add {key}=... (a file or folder of game records)")
            built = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(TrainConfig), raw))
        except (HydraException, OmegaConfBaseException) as exc:
            problem = _nearest(overrides, known) or _told(exc)
            raise UserError(problem) from exc
    assert isinstance(built, TrainConfig)
    check(built)
    return built


def check(config: TrainConfig) -> None:
    """Raise UserError for values that fit their type and still make no sense."""
    choices = {
        "optimizer.name": (config.optimizer.name, ("muon", "adamw", "sgd")),
        "schedule.name": (config.schedule.name, ("linear", "cosine", "onecycle", "plateau", "constant")),
        "trainer.precision": (config.trainer.precision, ("auto", "fp32", "bf16")),
        "trainer.accelerator": (config.trainer.accelerator, ("auto", "cpu", "gpu")),
        "trainer.strategy": (config.trainer.strategy, ("auto", "ddp")),
        "pool.device": (config.pool.device, ("auto", "cpu", "cuda")),
    }
    for name in config.logger.names:
        choices[f"logger.names: {name}"] = (name, ("csv", "tensorboard", "wandb", "mlflow"))
    for key, (value, allowed) in choices.items():
        if value not in allowed:
            raise UserError(f"{key}={value}: choose one of {', '.join(allowed)}")
    at_least_one = {
        "batch_size": config.batch_size,
        "accumulate": config.accumulate,
        "network.blocks": config.network.blocks,
        "network.filters": config.network.filters,
        "watch.evaluate_on": config.watch.evaluate_on,
        "trainer.nodes": config.trainer.nodes,
        "export.every": config.export.every,
        "pool.every": config.pool.every,
        "pool.visits": config.pool.visits,
        "pool.threads": config.pool.threads,
        "max_positions": config.max_positions,
        "average.norm_batches": config.average.norm_batches,
    }
    if config.teacher.value_network is not None and config.teacher.network is None:
        raise UserError(
            "teacher.value_network is for a second teacher: name the first one with teacher.network "
            "(one network that teaches both needs teacher.network only)"
        )
    if not 1 <= config.teacher.symmetries <= SYMMETRIES:
        raise UserError(f"teacher.symmetries={config.teacher.symmetries}: a number from 1 to {SYMMETRIES}")
    for key, number in at_least_one.items():
        if number is not None and number < 1:
            raise UserError(f"{key}={number}: must be at least 1")
    shares = {
        "teacher.policy": config.teacher.policy,
        "teacher.value": config.teacher.value,
        "average.ema": config.average.ema,
        "average.swa_from": config.average.swa_from,
        "label_smoothing": config.label_smoothing,
        "schedule.hold": config.schedule.hold,
    }
    for key, share in shares.items():
        if not 0 <= share <= 1:
            raise UserError(f"{key}={share}: a share from 0 to 1")
    if config.average.ema == 1:
        raise UserError("average.ema=1: such an average never moves; write 0.999")
    if config.pool.games < 2 or config.pool.games % 2:
        raise UserError(f"pool.games={config.pool.games}: must be an even number, 2 or more")
    _check_data(config)
    if config.schedule.name == "plateau" and config.schedule.factor <= 1:
        raise UserError(f"schedule.factor={config.schedule.factor}: the rate is divided by it; write 10")
    if config.max_positions is None and config.max_time is None:
        raise UserError("say how long to train: max_time=45m or max_positions=1000000")
    if config.max_time is not None and seconds(config.max_time) <= 0:
        raise UserError(f"max_time={config.max_time}: must be longer than nothing")
    seconds(config.watch.save_every)


def _check_data(config: TrainConfig) -> None:
    if config.data.workers < 0:
        raise UserError(f"data.workers={config.data.workers}: must be at least 0")
    weights, sources = config.data.weights, config.data.sources("train")
    if weights is not None and (len(weights) != len(sources) or min(weights) <= 0):
        raise UserError(
            f"data.weights={weights}: give a number above 0 for each of data.train's {len(sources)}"
        )


def stored(run: str, overrides: Sequence[str]) -> TrainConfig:
    """The configuration that the run in folder `run` was started with, changed by `overrides`.

    Raises UserError where there is no run, or where an override names no setting of it.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    file = Path(run) / "config.yaml"
    if not file.is_file():
        raise UserError(f"{run}: no run of lzeval's in this folder (config.yaml is missing)")
    try:
        structure = OmegaConf.structured(TrainConfig)
        merged = OmegaConf.merge(structure, OmegaConf.load(file), OmegaConf.from_dotlist(list(overrides)))
        built = OmegaConf.to_object(merged)
    except (OmegaConfBaseException, YAMLError) as exc:
        problem = _nearest(overrides, _known_keys(structure)) or _told(exc)
        raise UserError(problem) from exc
    assert isinstance(built, TrainConfig)
    built.run = str(run)
    check(built)
    return built
