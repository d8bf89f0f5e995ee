"""Which file system a path lies on: a ledger is not written over a network.

A network file system may confirm what is not on any disk, and its locks may be held by two machines
at once; then neither "it is on the disk" nor "one process writes" is true.
"""

import re
from pathlib import Path

from fedcredit_ledger.errors import StorageError

MOUNTS = Path("/proc/self/mountinfo")
"""Where Linux tells what is mounted; elsewhere nothing is known and nothing refused."""

NETWORK = frozenset(
    {
        "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.ceph", "fuse.cephfs", "fuse.davfs",
        "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "glusterfs",
        "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "smb2", "smb3", "smbfs",
    }
)  # fmt: skip
"""File system types behind which there is a network."""


def file_system(path: Path, mounts: Path = MOUNTS) -> str:
    """Return the type of the file system that holds `path`; empty when nobody knows.

    Parameters
    ----------
    path : Path
        It need not exist; then the folder counts in which it would be made.
    mounts : Path
        A file in the form of Linux's ``mountinfo``.

    References
    ----------
    proc(5), ``/proc/pid/mountinfo``.
    """
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    place = path.resolve()
    best, kind = -1, ""
    for line in lines:
        fields, _, behind = line.partition(" - ")
        point = Path(_unescaped(fields.split(" ")[4]))
        # Of two mounts on one folder the later one hides the earlier.
        if place.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), behind.split(" ")[0]
    return kind


def refuse_network(path: Path, mounts: Path = MOUNTS) -> None:
    """Refuse a path on a network file system.

    Raises
    ------
    StorageError
    """
    kind = file_system(path, mounts)
    if kind in NETWORK:
        raise StorageError(
            "a ledger is not written on a network file system",
            expected=f"a disk of this machine for {path.name}",
            found=kind,
            remedy="move the folder to a local disk, or keep the ledger in PostgreSQL",
        )


def _unescaped(text: str) -> str:
    """Return a mount point; blanks in it are written as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
