"""`lzeval pool`: networks and their games in one file, so that ratings of today and of last month compare."""

from lzeval.cli.pool.commands import app

__all__ = ["app"]
