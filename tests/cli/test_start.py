"""The first moments of a command."""

from __future__ import annotations

import builtins
from typing import Any

import pytest

from lzeval.__main__ import start


def test_ctrl_c_while_the_command_line_is_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    really = builtins.__import__

    def interrupted(name: str, *others: Any) -> Any:
        if name == "lzeval.cli.main":
            raise KeyboardInterrupt
        return really(name, *others)

    monkeypatch.setattr(builtins, "__import__", interrupted)
    with pytest.raises(SystemExit) as ended:
        start()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "lzeval: interrupted\n"
