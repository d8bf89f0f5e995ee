"""The file behind a table: read once, known by its digest, looked at again before every answer.

A daemon answers from the rows that it read when it started; the file may be replaced meanwhile. All
rounds of a run must count the same rows, also when the daemon is killed and started in the middle.
So the digest of the bytes that were read goes with the table; a run keeps the digest that it was
approved with; and before a round is answered, file, table and run are compared. A changed file is
refused until the daemon is started again, which reads it anew and registers it as a new version.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fedcredit_parties.errors import DataError, TableChangedError

ENDINGS = (".csv", ".parquet")


@dataclass(frozen=True, kw_only=True)
class _Stamp:
    """What a file system says of a file without reading it."""

    n_bytes: int
    modified_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> "_Stamp":
        found = path.stat()
        return cls(n_bytes=found.st_size, modified_ns=found.st_mtime_ns, inode=found.st_ino)


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class TableFile:
    """One file of rows, as it was when it was read.

    Parameters
    ----------
    path : Path
        A ``.csv`` or ``.parquet`` file.
    name : str
        The table's name in ``party.toml``.
    party : str
        Whose it is.
    digest : str
        SHA-256 (hex) of the bytes that were read.
    stamp : object
        Size, time and inode when they were.

    Attributes
    ----------
    n_bytes : int
        Size of the file that was read.

    Disclosure
    ----------
    The digest stays in this party's own state: of a small table it would be an oracle for guesses.
    """

    def __init__(self, path: Path, *, name: str, party: str, digest: str, stamp: "_Stamp") -> None:
        self.path = path
        self.name = name
        self.party = party
        self.digest = digest
        self.n_bytes = stamp.n_bytes
        self._stamp = stamp

    @classmethod
    def read(cls, path: Path, *, name: str, party: str) -> tuple["TableFile", pd.DataFrame]:
        """Read a file; return what is known of it, and its rows.

        Raises
        ------
        DataError
            When the file is absent, unreadable, of another kind, or written to meanwhile.
        """
        if path.suffix not in ENDINGS:
            raise DataError(
                f"table {name} is of an unknown kind",
                party=party,
                expected="a .csv or .parquet file",
                found=path.suffix or "no ending",
                remedy="convert it, and correct [[data]] path in party.toml",
            )
        try:
            stamp = _Stamp.of(path)
            digest = _digest(path)
            frame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
            is_settled = _Stamp.of(path) == stamp
        except (OSError, ValueError) as error:
            raise DataError(
                f"table {name} cannot be read",
                party=party,
                expected=f"a table at {path.name}",
                found=getattr(error, "strerror", None) or type(error).__name__,
                remedy="correct [[data]] path in party.toml, or the file",
            ) from None
        if not is_settled:
            raise DataError(
                f"table {name} was written to while it was read",
                party=party,
                expected="a file that is complete",
                found="another size or time than a moment before",
                remedy="write the table beside, rename it into place, then start the daemon",
            )
        return cls(path, name=name, party=party, digest=digest, stamp=stamp), frame

    def check(self) -> None:
        """Look whether the file still holds the bytes that were read.

        Raises
        ------
        TableChangedError
            When it does not, or is gone.
        """
        try:
            stamp = _Stamp.of(self.path)
            if stamp == self._stamp:
                return
            digest = _digest(self.path)
        except OSError as error:
            raise self._changed(str(error.strerror)) from None
        if digest != self.digest:
            raise self._changed(f"{stamp.n_bytes} bytes, digest {digest[:12]}")
        self._stamp = stamp

    def _changed(self, found: str) -> TableChangedError:
        return TableChangedError(
            f"table {self.name} changed under the daemon",
            party=self.party,
            expected=f"the file as it was read: {self.n_bytes} bytes, digest {self.digest[:12]}",
            found=found,
            remedy=f"put the old {self.path.name} back; or stop and start the daemon, which reads "
            "the table again and registers it as a new version, and run the job again",
        )
