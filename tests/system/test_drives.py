from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from lzeval.system.drives import network_kind


class Partition(NamedTuple):
    mountpoint: str
    fstype: str


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which `home` is on NFS but for `home/local`, and `over` was mounted twice."""
    home = tmp_path.resolve()
    table = [
        Partition("/", "ext4"),
        Partition(str(home / "home"), "nfs4"),
        Partition(str(home / "home" / "local"), "xfs"),
        Partition(str(home / "over"), "cifs"),
        Partition(str(home / "over"), "tmpfs"),
        Partition(str(home / "under"), "tmpfs"),
        Partition(str(home / "under"), "fuse.sshfs"),
    ]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: table)
    return home


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("home/nets.pool", "nfs4"),
        ("home/a/b/nets.pool", "nfs4"),
        ("home2/nets.pool", None),
        ("home/local/nets.pool", None),
        ("home/local/../nets.pool", "nfs4"),
        ("over/nets.pool", None),
        ("under/nets.pool", "fuse.sshfs"),
        ("nets.pool", None),
    ],
)
def test_the_innermost_and_last_file_system_counts(mounted: Path, path: str, kind: str | None) -> None:
    assert network_kind(mounted / path) == kind


def test_a_link_lies_where_it_leads(mounted: Path) -> None:
    (mounted / "home").mkdir()
    (mounted / "link").symlink_to(mounted / "home")
    assert network_kind(mounted / "link" / "nets.pool") == "nfs4"


def test_this_machines_own_disk_is_none(tmp_path: Path) -> None:
    assert network_kind(tmp_path) in (None, "nfs", "nfs4", "lustre", "gpfs")
    assert network_kind(Path("/proc") if Path("/proc").exists() else Path("/")) is None
