"""The engine under check."""

from __future__ import annotations

import contextlib

from engines.gtp.client.transport import SubprocessPeer


class CheckedEngine(SubprocessPeer):
    """A program whose input can be closed while it is watched."""

    def end_input(self) -> None:
        """Let the engine read the end of its input, as it does when its client has ended."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.close()
