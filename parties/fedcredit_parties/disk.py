"""What an operating system says when it refuses to write: an error with a folder and a loss.

Whoever keeps something wraps the writing in `kept_in` and says what is lost when it fails. The rule
behind it: nothing is confirmed to anybody before it is on the disk; what is lost was not promised.
"""

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedcredit_parties.errors import DiskFullError, MachineError

SPARE_BYTES = 256 * 2**20
"""A check complains when less is free: a run keeps some megabytes a round."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_full(error: BaseException) -> bool:
    """Say whether an error, or what caused it, is a disk without room."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return True
        if isinstance(cause, sqlite3.Error) and (
            getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        ):
            return True
        cause = cause.__cause__
    return False


def disk_full(folder: Path, lost: str, *, party: str = "") -> DiskFullError:
    """Return the error for a folder that takes no more.

    Parameters
    ----------
    folder : Path
        Where the writing failed.
    lost : str
        What was not kept, and what was therefore not done.
    party : str
        Whose machine it is.
    """
    return DiskFullError(
        f"the disk is full: {lost}",
        party=party,
        expected=f"room in {folder}",
        found=f"{free_bytes(folder)} bytes free",
        remedy=f"free space there (df -h {folder}); what was confirmed before is safe",
    )


def refused(error: Exception, folder: Path, lost: str, *, party: str = "") -> MachineError:
    """Return the named error for what a disk or a data base on it said."""
    if is_full(error):
        return disk_full(folder, lost, party=party)
    return MachineError(
        f"this machine refused to write: {lost}",
        party=party,
        expected=f"a file that can be written in {folder}",
        found=str(getattr(error, "strerror", None) or type(error).__name__),
        remedy=f"look at owner, mode and health of {folder}",
    )


@contextmanager
def kept_in(folder: Path, lost: str, *, party: str = "") -> Iterator[None]:
    """Turn a refusal to write into a named error.

    Raises
    ------
    DiskFullError
        When there is no room in `folder`.
    MachineError
        For every other refusal of the operating system.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise refused(error, folder, lost, party=party) from error


def free_bytes(folder: Path) -> int:
    """Return how much an ordinary user may still write below `folder`, which may not exist yet."""
    existing = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    return shutil.disk_usage(existing).free
