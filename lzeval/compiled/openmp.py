"""Settings of OpenMP, chosen before torch is loaded: how threads of torch and numba wait for each other.

Each brings a pool of threads along. A thread that has done its part of a loop goes round in a waiting loop before it
sleeps, GNU's OpenMP for some milliseconds and LLVM's for 200. Beside another program that takes the cores from
threads that still have work to do, of the same pool or of the other.
"""

from __future__ import annotations

import os

POLICY = "OMP_WAIT_POLICY"
"""OpenMP's own word on waiting; with it a user has said all."""
WAITING = {"GOMP_SPINCOUNT": "500", "KMP_BLOCKTIME": "1"}
"""GNU's turns of the waiting loop, some microseconds, and LLVM's milliseconds; each library reads its own.
`benchmarks/beside_busy.py` compares GNU's with others, LLVM's is not measured."""


def let_threads_sleep() -> None:
    """Have threads that wait sleep soon, unless the user has set that otherwise.

    The libraries read `os.environ` once, when they are loaded: it comes too late for a torch that is there already.
    Processes that are started later inherit it.
    """
    if POLICY not in os.environ:
        for name, value in WAITING.items():
            os.environ.setdefault(name, value)
