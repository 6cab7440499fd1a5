"""One process of a run on a cluster: the training that any `lzeval train` does, told what to do by its node.

Its job comes as the first line of its standard input, `stop` as the next; when that ends, so does the process. What it
has to say goes to standard output, a JSON object a line behind a mark. It never sees Ray.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import sys
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

from lzeval.errors import UserError
from trainer.settings.config import TrainConfig

MARK = "\x1e"
"""Begins lines that are meant for the driver."""
ABANDONED, USER_ERROR, INTERRUPTED = 75, 2, 130
"""Exit statuses where the node is gone, where the error was told, and where the run stopped as it was asked to."""


@dataclass(frozen=True)
class Job:
    """A run as one of its processes is to train it."""

    config: TrainConfig
    """As the user has it."""
    here: TrainConfig
    """The same with paths and devices of the node."""
    resuming: bool

    def as_line(self) -> bytes:
        return base64.b64encode(pickle.dumps(self)) + b"\n"


def main() -> None:
    with open(0, "rb", buffering=0, closefd=False) as told:  # unbuffered: other lines are for others
        job = pickle.loads(base64.b64decode(told.readline()))  # noqa: S301 - from the driver
    assert isinstance(job, Job)
    stopping = Event()
    Thread(target=_listen, args=(stopping,), daemon=True).start()
    sys.exit(_run(job, stopping))


def _listen(stopping: Event) -> None:
    """Wait for the word to stop, and end the process when nobody can give it any more."""
    while os.read(0, 100):
        stopping.set()
    os._exit(ABANDONED)


def _run(job: Job, stopping: Event) -> int:
    """Train, and say what came of it; returns the exit status."""
    from trainer.training.callbacks import ProgressLine
    from trainer.training.run import train

    class Told(ProgressLine):
        """The line of progress, told to the driver."""

        def begin(self) -> None:
            pass

        def show(self, share: float, text: str) -> None:
            tell("progress", [share, text])

        def say(self, text: str) -> None:
            tell("say", text)

    try:
        trained = train(
            job.config, resuming=job.resuming, here=job.here, progress=Told(), is_stopping=stopping.is_set
        )
    except UserError as exc:
        tell("error", str(exc))
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    tell("trained", trained.positions)
    return 0


def tell(what: str, content: Any) -> None:
    sys.stdout.write(f"{MARK}{json.dumps([what, content])}\n")
    sys.stdout.flush()
