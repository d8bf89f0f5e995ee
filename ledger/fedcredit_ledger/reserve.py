"""Ballast: room on the disk that is held so that the ledger's last word still fits.

When the disk is full, the file is deleted, and what it held takes the entry that says why the
ledger is suspended.
"""

import os
from pathlib import Path

RESERVE_BYTES = 64 * 2**20


class Reserve:
    """A file of a fixed size that holds nothing.

    Parameters
    ----------
    path : Path
        The file, on the disk whose room is to be held.
    n_bytes : int, default 64 MiB
        Its size.
    """

    def __init__(self, path: Path, *, n_bytes: int = RESERVE_BYTES) -> None:
        self.path = path
        self.n_bytes = n_bytes

    def hold(self) -> None:
        """Take the room, blocks and all; nothing happens when it is held already.

        Raises
        ------
        OSError
            When the disk has not so much room; then none is held.
        """
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(file).st_size != self.n_bytes:
                os.ftruncate(file, 0)
                if self.n_bytes:
                    os.posix_fallocate(file, 0, self.n_bytes)
                os.fsync(file)
        except OSError:
            self.path.unlink(missing_ok=True)
            raise
        finally:
            os.close(file)

    def release(self) -> bool:
        """Give the room back; tell whether there was any."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        return True
