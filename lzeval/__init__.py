"""lzeval: train networks for Leela Zero's world, and learn which of them is stronger."""

from lzeval.version import __version__

__all__ = ["__version__"]
