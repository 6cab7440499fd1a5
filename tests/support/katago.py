"""The stand-in for KataGo, installed where a test wants it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.paths import FAKE_KATAGO, ROOT


class FakeKataGo:
    """A program `katago` in a folder of its own, named by the environment variable KATAGO."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.network = folder / "net.bin.gz"
        self.network.write_bytes(b"a network")
        self._log = folder / "starts"
        self._patch = patch
        if sys.platform == "win32":
            self.program = folder / "katago.bat"
            self.program.write_text(f'@"{sys.executable}" "{FAKE_KATAGO}" %*\n')
        else:
            self.program = folder / "katago"
            self.program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE_KATAGO}" "$@"\n')
            self.program.chmod(0o755)
        patch.setenv("KATAGO", str(self.program))
        patch.setenv("FAKE_KATAGO_LOG", str(self._log))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))

    def goes_wrong(self, how: str) -> None:
        """Have it break a promise, see `tests.support.fakes.fake_katago`; empty: keep them all."""
        self._patch.setenv("FAKE_KATAGO", how)

    @property
    def starts(self) -> int:
        """Processes that have been started where something is to go wrong once."""
        return len(self._log.read_text().split()) if self._log.exists() else 0
