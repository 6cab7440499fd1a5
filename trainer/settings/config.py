"""Settings of a training run: composed of YAML and of what is typed (`compose`), checked (`bounds`)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lzeval.errors import UserError

PATHS = (
    "data.train",
    "data.holdout",
    "data.cache",
    "init",
    "run",
    "teacher.network",
    "teacher.value_network",
    "pool.file",
    "pool.openings",
)
"""Settings that are paths, or names of bundled networks: text, whatever it looks like, commas included."""
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
    """Learning rate of the parameters that muon leaves to AdamW."""
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
    devices: int | str | list[int] = "auto"
    """Number of devices; a list: the numbers of those that are taken; auto: all."""
    nodes: int = 1
    strategy: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    compile: bool = False


@dataclass
class DataConfig:
    train: str | list[str] | None = None
    """Has to be given."""
    holdout: str | list[str] | None = None
    weights: list[float] | None = None
    """Weights by which sources of `train` are drawn from; None: they count as one."""
    workers: int = 0
    """Processes that make batches; 0: the training process itself."""
    cache: str | None = None
    board_size: int = 19

    def sources(self, part: str) -> list[str]:
        """The files and folders of `train` or `holdout` as a list."""
        value = getattr(self, part)
        if value is None:
            return []
        return list(value) if isinstance(value, (list, tuple)) else [value]


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
    """Openings of a new pool: default, none, or a file; None: default on 19x19, none on other boards."""
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
    """Share of the teacher in what the value is to say."""
    symmetries: int = 1
    """Images of a position, of eight, whose answers are averaged: 2 costs a second question."""


@dataclass
class WatchConfig:
    log_every: int = 50
    """Steps; 0: never."""
    evaluate_every: int = 100_000
    """Positions; 0: never."""
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
    """True if the images of the policy's weights stay tied; None: in new networks, and where they are equal."""
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
