"""A file that holds a secret is its owner's alone: written so, and asked before it is used."""

import os
from pathlib import Path

from fedcredit_parties.errors import ConfigError

_OTHERS = 0o077


def write_private(path: Path, text: str) -> None:
    """Write a new file that its owner alone may read.

    Raises
    ------
    FileExistsError
        When there is one already.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def replace_private(path: Path, text: str) -> None:
    """Write a file that its owner alone may read: whole or not at all, and on the disk."""
    part = path.with_name(f"part-{path.name}")
    part.unlink(missing_ok=True)
    write_private(part, text)
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def check_secret(path: Path, *, what: str, party: str = "") -> None:
    """Refuse a secret that is absent, or that others may read or write.

    Parameters
    ----------
    path : Path
        A file or a folder.
    what : str
        What it is, for people.
    party : str
        Whose.

    Raises
    ------
    ConfigError
    """
    try:
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        raise ConfigError(
            f"{what} cannot be read",
            party=party,
            expected=path.name,
            found=str(error.strerror),
            remedy="restore it from the backup made when the party was founded",
        ) from None
    if mode & _OTHERS:
        wanted = 0o700 if path.is_dir() else 0o600
        raise ConfigError(
            f"{what} can be read by others",
            party=party,
            expected=f"mode {wanted:04o}",
            found=f"mode {mode:04o}",
            remedy=f"chmod {wanted:o} {path}",
        )
