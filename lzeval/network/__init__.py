"""The network in PyTorch, and its way to and from files."""

from lzeval.compiled.openmp import let_threads_sleep

let_threads_sleep()
