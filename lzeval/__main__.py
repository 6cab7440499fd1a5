"""`lzeval`, and `python -m lzeval`."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def start() -> None:
    """Run the command line; Ctrl-C while it is still being loaded is one line and status 130 as well."""
    try:
        from lzeval.cli.main import main
    except KeyboardInterrupt:
        sys.stderr.write("lzeval: interrupted\n")
        raise SystemExit(INTERRUPTED) from None
    main()


if __name__ == "__main__":
    start()
