"""One run over the nodes of a cluster: Ray starts its processes, and they train as if torchrun had started them.

The run's folder is on the driver's disk. Where the first process does not see that, its files are fetched as they
change, so that a lost node costs what was learnt since the last checkpoint.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from lzeval.cluster.connection import Cluster
from lzeval.cluster.watch import HeadLostError, NodeWatch
from lzeval.errors import UserError
from lzeval.system.files import folder_made
from lzeval.system.locks import locked
from lzeval.text.terminal import say
from lzeval.text.wording import command_line
from trainer.cluster.folders import (
    LATEST,
    Mirror,
    own_folder,
    place_data,
    place_networks,
    sees,
    settings_there,
)
from trainer.cluster.members import Member, NodeLostError, Share, answers, reserved, share_of
from trainer.cluster.node import Heard
from trainer.cluster.process import INTERRUPTED, Job
from trainer.settings.config import TrainConfig
from trainer.training.callbacks import ProgressLine
from trainer.training.resume import is_finished, read_saved, require_going_on
from trainer.training.run import LOCK, Trained, has_to_play, open_data

LISTEN_EVERY_S = 0.5
NOTICED_S = 45.0
"""Time in which Ray notices the loss of a node; the other nodes' processes die of it at once."""
SAVED_WITHIN_S = 300.0
"""Longest wait for processes that were asked to save and to stop."""


@dataclass
class Session:
    """Who listens to a run, who may stop it, and whether it waits for nodes that are busy."""

    progress: ProgressLine = field(default_factory=ProgressLine)
    is_stopping: Callable[[], bool] = lambda: False
    patient: bool = False


def train_on(
    cluster: Cluster, config: TrainConfig, *, resuming: bool = False, session: Session | None = None
) -> Trained:
    """`trainer.training.run.train`, on `trainer.nodes` nodes of a cluster. Raises UserError, such as NodeLostError."""
    session = session or Session()
    folder = Path(str(config.run)).absolute()
    saved = require_going_on(config, folder, resuming=resuming)
    if saved is not None and is_finished(config, saved) and not has_to_play(config, folder):
        return Trained(folder / LATEST, saved.positions, was_over=True)
    share = share_of(config.trainer, cluster.nodes())
    data = open_data(config, saved, folder)
    goes_on = saved is not None
    with (
        folder_made(folder),
        reserved(
            cluster, config.trainer.nodes, share, is_stopping=session.is_stopping, patient=session.patient
        ) as members,
    ):
        first, *others = members
        mirror = None if sees(first, folder) else Mirror(first, folder)
        if mirror is not None and config.pool.file is not None:
            raise UserError(
                "pool.file: games are played beside the first process, so that the driver's machine has to take part"
                " in training; give it to Ray with cores"
            )
        first.folder = str(folder) if mirror is None else own_folder(first, folder, goes_on=goes_on)
        for member in others:
            member.folder = own_folder(member, folder, goes_on=goes_on)
        of_data, of_networks = (
            place_data(data, members),
            place_networks(cluster, config, members, goes_on=goes_on),
        )
        watch = NodeWatch(cluster)
        run = _Run(config, folder, share, members, mirror, session, watch)
        with closing(watch), nullcontext() if mirror is None else locked(folder / LOCK):
            for member, places, networks in zip(members, of_data, of_networks, strict=True):
                run.begin(
                    member, Job(config, settings_there(config, member, data, places | networks), resuming)
                )
            return run.wait()


@dataclass
class _Run:
    """Processes of a run, from their start to their end."""

    config: TrainConfig
    folder: Path
    share: Share
    members: Sequence[Member]
    mirror: Mirror | None
    session: Session
    watch: NodeWatch
    number: str = field(default_factory=lambda: secrets.token_hex(4))
    positions: int = 0

    def begin(self, member: Member, job: Job) -> None:
        """Start a node's processes."""
        trainer, world = job.here.trainer, self.share.processes * len(self.members)
        trainer.devices = self.share.processes
        trainer.strategy = "ddp" if world > 1 else "auto"
        trainer.accelerator = "gpu" if self.share.gpus else "cpu"
        if trainer.precision == "auto" and not self.share.gpus:
            trainer.precision = "bf16" if all(each.bf16 for each in self.members) else "fp32"
        answers([member.actor], "begin", job, self._environments(self.members.index(member), world))

    def _environments(self, node: int, world: int) -> list[dict[str, str]]:
        """The variables that torchrun would set for each process of a node; none for the only process of a run."""
        if world == 1:
            return [{}]
        count, first = self.share.processes, self.members[0]
        common = {
            "MASTER_ADDR": first.address,
            "MASTER_PORT": str(first.port),
            "TORCHELASTIC_RUN_ID": self.number,
            "WORLD_SIZE": str(world),
            "LOCAL_WORLD_SIZE": str(count),
            "GROUP_WORLD_SIZE": str(len(self.members)),
            "GROUP_RANK": str(node),
            "NODE_RANK": str(node),
        }
        return [
            common | {"RANK": str(node * count + local), "LOCAL_RANK": str(local)} for local in range(count)
        ]

    def wait(self) -> Trained:
        """Wait for the end. Raises UserError, or KeyboardInterrupt where the run was asked to save and to stop."""
        self.session.progress.begin()
        try:
            self._until_ended()
            if self.mirror is not None:
                self.mirror.fetch()
        except NodeLostError as exc:
            raise NodeLostError(self._advice(f"a node was lost in training ({exc})")) from exc
        except HeadLostError as exc:
            raise HeadLostError(self._advice("the cluster lost its head in training")) from exc
        finally:
            self.session.progress.stop()
        return Trained(self.folder / LATEST, self.positions, was_over=False)

    def _until_ended(self) -> None:
        asked_at: float | None = None
        while True:
            try:
                self.watch.nodes()
                heard = self._listen()
                if all(process.status == 0 for process in heard):
                    return
                if any(process.status is not None for process in heard):
                    self._ended(heard, was_asked=asked_at is not None)
                if asked_at is None and self.session.is_stopping():
                    raise KeyboardInterrupt
                if asked_at is not None and time.monotonic() - asked_at > SAVED_WITHIN_S:
                    raise KeyboardInterrupt
                if self.mirror is not None:
                    self.mirror.fetch_if_due()
                time.sleep(LISTEN_EVERY_S)
            except KeyboardInterrupt:
                if asked_at is not None:
                    raise
                asked_at = time.monotonic()
                answers([member.actor for member in self.members], "stop")

    def _listen(self) -> list[Heard]:
        """All processes, in the order of their ranks; passes on what they say. Raises UserError, NodeLostError."""
        of_nodes = answers([member.actor for member in self.members], "listen")
        heard: list[Heard] = [process for of_node in of_nodes for process in of_node]
        errors = []
        for rank, process in enumerate(heard):
            for what, content in map(json.loads, process.told):
                if what == "error":
                    errors.append(content)
                elif what == "trained":
                    self.positions = int(content)
                elif rank == 0:
                    self._show(what, content)
        if errors:
            raise UserError(errors[0])
        return heard

    def _show(self, what: str, content: object) -> None:
        if what == "progress" and isinstance(content, list):
            self.session.progress.show(*content)
        else:
            self.session.progress.say(str(content))

    def _ended(self, heard: Sequence[Heard], *, was_asked: bool) -> None:
        """Some processes have ended. Raises an exception, unless the others are about to end as they should."""
        statuses = [process.status for process in heard]
        if was_asked and INTERRUPTED in statuses:
            if all(status is not None for status in statuses):
                if self.mirror is not None:
                    self.mirror.fetch()
                raise KeyboardInterrupt
            return
        if all(status in (0, None) for status in statuses):
            return
        rank = min(
            (rank for rank in range(len(heard)) if statuses[rank]), key=lambda rank: statuses[rank] or 0
        )
        if (statuses[rank] or 0) > 0:
            self._require_nodes()
        process, member = heard[rank], self.members[rank // self.share.processes]
        for line in process.last_lines:
            say(f"{member.host}: {line}", err=True)
        how = (
            "failed"
            if process.status is None or process.status > 0
            else f"was killed (signal {-process.status})"
        )
        raise UserError(self._advice(f"the process on {member.host} {how} in training"))

    def _require_nodes(self) -> None:
        """Raise NodeLostError if a process has died of the loss of another's node, which takes time to be noticed."""
        deadline = time.monotonic() + NOTICED_S
        while len(self.members) > 1 and time.monotonic() < deadline:
            self._listen()
            time.sleep(LISTEN_EVERY_S)

    def _advice(self, problem: str) -> str:
        """One line on what is left, and how to go on."""
        if self.mirror is not None:
            with suppress(UserError):  # what was fetched before is what there is
                self.mirror.fetch()
        latest = self.folder / LATEST
        if not latest.exists():
            return f"{problem}; nothing was saved yet: the same command begins again"
        left = max(1, self.config.trainer.nodes - 1)
        again = command_line("lzeval", "train", "--resume", self.config.run, f"trainer.nodes={left}")
        alone = command_line("lzeval", "train", "--resume", self.config.run, "trainer=auto")
        return (
            f"{problem}; {read_saved(latest).positions:,} positions are saved: to go on with what is left, {again},"
            f" or on this machine alone, {alone}"
        )
