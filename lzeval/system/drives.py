"""Which file systems are on other machines: what needs locks that always hold must not lie there."""

from __future__ import annotations

import sys
from pathlib import Path

NETWORK_KINDS = frozenset(
    (
        *(
            "afpfs",
            "afs",
            "beegfs",
            "ceph",
            "cifs",
            "davfs",
            "gpfs",
            "lustre",
            "ncpfs",
            "nfs",
            "nfs3",
            "nfs4",
        ),
        *(
            "panfs",
            "pvfs2",
            "smb2",
            "smb3",
            "smbfs",
            "webdav",
            "wekafs",
            "fuse.ceph",
            "fuse.davfs2",
            "fuse.gcsfuse",
        ),
        *("fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    )
)
"""Names that Linux, macOS and the BSDs give file systems of other machines."""
REMOTE = 4
"""What Windows' GetDriveTypeW says of a network drive: DRIVE_REMOTE."""


def network_kind(path: Path) -> str | None:
    """The kind of network file system that the file or folder `path` lies on, such as `nfs4`; None: none is known.

    It may not exist yet. Nothing is asked of the other machine, so that one that is away keeps nobody waiting.
    """
    path = path.resolve()
    if sys.platform == "win32":
        return _kind_on_windows(path)
    import psutil

    found, kind = -1, ""
    for partition in psutil.disk_partitions(all=True):
        mounted = Path(partition.mountpoint)
        if len(mounted.parts) >= found and path.is_relative_to(mounted):  # of several, the last lies on top
            found, kind = len(mounted.parts), partition.fstype
    return kind if kind in NETWORK_KINDS else None


def _kind_on_windows(path: Path) -> str | None:
    import ctypes

    if path.drive.startswith("\\\\"):
        return "a network share"
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - other systems have none
    return "a network drive" if kernel.GetDriveTypeW(f"{path.drive}\\") == REMOTE else None
