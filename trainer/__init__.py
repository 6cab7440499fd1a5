"""From game records to checkpoints."""

from lzeval.core.openmp import let_threads_sleep

let_threads_sleep()
