"""Training: from game records to checkpoints."""

from lzeval.compiled.openmp import let_threads_sleep

let_threads_sleep()
