"""A disk that is really full: a small file system in memory, mounted for one test."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PAD = "pad"


@contextmanager
def small_disk(folder: Path, *, n_kib: int = 1024) -> Iterator[Path]:
    """Mount a file system of `n_kib` KiB; the test is skipped where that is forbidden."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={n_kib}k,mode=0700", "tmpfs", str(folder)]
    made = subprocess.run(mount, capture_output=True, check=False) if os.geteuid() == 0 else None
    if made is None or made.returncode:
        pytest.skip("a small file system can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Leave not one byte free."""
    with open(folder / PAD, "ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def free(folder: Path) -> None:
    """Give the room back."""
    (folder / PAD).unlink()
