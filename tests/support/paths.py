"""Folders that tests read from."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
"""Records, networks and vectors beside the checkout; tests that want them skip where it is absent."""
FAKES = ROOT / "tests" / "support" / "fakes"
CLIENTS = ROOT / "tests" / "support" / "clients"
GOLDEN = ROOT / "tests" / "golden"
MISBEHAVING = FAKES / "misbehaving_engine.py"
FAKE_KATAGO = FAKES / "fake_katago.py"
