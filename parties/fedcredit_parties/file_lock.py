"""Locks between processes of one member: one daemon per identity, one pen per author chain."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedcredit_parties.disk import kept_in
from fedcredit_parties.errors import DuplicateIdentityError


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file, waiting for another holder to leave."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def only_one(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file of a daemon; the operating system lets go of it when the process dies.

    Raises
    ------
    DuplicateIdentityError
        When another process holds it.
    DiskFullError, MachineError
        When the file cannot be written.
    """
    with kept_in(path.parent, f"{what} did not start"):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            found = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise DuplicateIdentityError(
                f"{what} runs already",
                expected="one process per identity",
                found=f"process {found} holds {path.name}",
                remedy=f"stop that one first (kill {found}): two daemons with one key would "
                "contradict each other",
            ) from None
        with kept_in(path.parent, f"{what} did not start"):
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def hold(path: Path) -> None:
    """Hold the lock file as long as this process lives, waiting for another holder to end."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)


def holder_of(path: Path) -> int | None:
    """Return the id of the process that holds a daemon's lock file, or None."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
        return int(text) if text.isdigit() else None
    finally:
        os.close(handle)
    return None
