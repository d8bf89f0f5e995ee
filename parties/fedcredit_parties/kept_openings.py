"""What this member has committed to in the ledger and may disclose later: salts and values.

The ledger shows a salted hash; who has the salt can show the value, and nobody else can even test a
guess. Each opening is sealed under a data key, and each data key under a key that follows from the
member's identity. All openings about one subject share a data key: without it, every copy of them
is noise, a backup's too once its keys are erased. SPEC.md, "Commitment" and "Erasure".
"""

import hmac
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fedcredit_ledger.canonical import decode, encode
from fedcredit_ledger.entry import commit
from fedcredit_parties.disk import kept_in
from fedcredit_parties.errors import EncryptionError

Opening = tuple[str, str, Any]
"""Salt (base64), name and value of one commitment."""

_NONCE_BYTES = 12
_SCHEMA = """
CREATE TABLE IF NOT EXISTS data_key (id TEXT PRIMARY KEY, wrapped BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS opening (
    commitment TEXT PRIMARY KEY, key TEXT NOT NULL REFERENCES data_key (id), sealed BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS opening_by_key ON opening (key);
"""


@dataclass(frozen=True, kw_only=True)
class Committed:
    """Fresh commitments of one entry, and what opens them.

    Attributes
    ----------
    commits : dict of str to str
        For ``data["commits"]``.
    openings : tuple of Opening
    """

    commits: dict[str, str]
    openings: tuple[Opening, ...]

    def salt(self, name: str) -> str:
        """Return the salt of a field."""
        return next(salt for salt, found, _ in self.openings if found == name)


class KeptOpenings:
    """Openings of one member's own commitments.

    Parameters
    ----------
    path : Path, optional
        The SQLite file; in memory when absent.
    key : bytes, optional
        32 bytes; needed with a path.

    Raises
    ------
    ValueError
        When there is a path and no key.
    DiskFullError, MachineError
        When the file cannot be opened.

    Disclosure
    ----------
    Whoever reads the file learns how many openings there are, and which belong to one subject;
    neither names nor values. What a file system keeps of overwritten blocks is out of reach here.
    """

    def __init__(self, path: Path | None = None, *, key: bytes = b"") -> None:
        if path is not None and len(key) != 32:
            raise ValueError("openings on disk need a key of 32 bytes")
        key = key or os.urandom(32)
        self._folder = path.parent if path is not None else Path()
        self._wrapping = AESGCM(hmac.digest(key, b"fedcredit-openings/v1 keys", "sha256"))
        self._index = hmac.digest(key, b"fedcredit-openings/v1 subjects", "sha256")
        self._lock = threading.Lock()
        with self._kept("the openings were not opened"):
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._database = sqlite3.connect(path or ":memory:", check_same_thread=False)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
                self._database.execute(f"PRAGMA {pragma}")
            self._database.executescript(_SCHEMA)

    @contextmanager
    def _kept(self, lost: str) -> Iterator[None]:
        with self._lock, kept_in(self._folder, lost):
            yield

    def commit(self, values: Mapping[str, Any], *, subject: str = "") -> Committed:
        """Commit to the fields of one entry; their openings are on the disk when this returns.

        Parameters
        ----------
        values : mapping
            Field -> canonical value.
        subject : str
            Whom they are about; all openings about one subject are erased together. Empty for
            nobody.

        Raises
        ------
        MalformedEntryError
            When a value has no canonical form.
        DiskFullError, MachineError
            When the disk refuses; say nothing that commits to the values then.
        """
        commits, openings = {}, []
        for name, value in values.items():
            commits[name], salt = commit(name, value)
            openings.append((salt, name, value))
        key_id = self._key_of(subject) if subject else os.urandom(16).hex()
        with self._kept("openings were not kept, and nothing was said that needs them"):
            with self._database:
                data_key = self._data_key(key_id) or self._new_key(key_id)
                for digest, opening in zip(commits.values(), openings, strict=True):
                    sealed = _seal(data_key, encode(list(opening)), digest)
                    self._database.execute(
                        "INSERT INTO opening VALUES (?, ?, ?)", (digest, key_id, sealed)
                    )
        return Committed(commits=commits, openings=tuple(openings))

    def get(self, commitment: str) -> Opening | None:
        """Return what opens a commitment; None when it is not this member's, or is erased.

        Raises
        ------
        EncryptionError
            When the file was not written by this member.
        """
        with self._kept("openings were not read"):
            row = self._database.execute(
                "SELECT key, sealed FROM opening WHERE commitment = ?", (commitment,)
            ).fetchone()
            data_key = self._data_key(row[0]) if row is not None else None
        if row is None or data_key is None:
            return None
        salt, name, value = decode(_open(data_key, row[1], commitment))
        return (salt, name, value)

    def about(self, subject: str) -> list[str]:
        """Return the commitments about a subject, in the order in which they were made."""
        with self._kept("openings were not read"):
            rows = self._database.execute(
                "SELECT commitment FROM opening WHERE key = ? ORDER BY rowid",
                (self._key_of(subject),),
            ).fetchall()
        return [str(row[0]) for row in rows]

    def erase(self, commitments: Iterable[str]) -> int:
        """Erase what opens these commitments; return how many there were.

        A data key goes with the last opening under it. Nobody, this member included, can test a
        guess of the value afterwards.

        Raises
        ------
        DiskFullError, MachineError
            When the disk refuses; nothing is erased then.
        """
        with self._kept("nothing was erased"):
            with self._database:
                n_erased = sum(
                    self._database.execute(
                        "DELETE FROM opening WHERE commitment = ?", (commitment,)
                    ).rowcount
                    for commitment in commitments
                )
                self._database.execute(
                    "DELETE FROM data_key WHERE id NOT IN (SELECT key FROM opening)"
                )
            self._database.execute("VACUUM")
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return n_erased

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _key_of(self, subject: str) -> str:
        return hmac.digest(self._index, subject.encode(), "sha256").hex()

    def _new_key(self, key_id: str) -> bytes:
        data_key = AESGCM.generate_key(256)
        nonce = os.urandom(_NONCE_BYTES)
        wrapped = nonce + self._wrapping.encrypt(nonce, data_key, key_id.encode())
        self._database.execute("INSERT INTO data_key VALUES (?, ?)", (key_id, wrapped))
        return data_key

    def _data_key(self, key_id: str) -> bytes | None:
        row = self._database.execute(
            "SELECT wrapped FROM data_key WHERE id = ?", (key_id,)
        ).fetchone()
        return None if row is None else _unwrap(self._wrapping, row[0], key_id)


def _seal(data_key: bytes, value: bytes, commitment: str) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(data_key).encrypt(nonce, value, commitment.encode())


def _open(data_key: bytes, sealed: bytes, commitment: str) -> bytes:
    return _unwrap(AESGCM(data_key), sealed, commitment)


def _unwrap(cipher: AESGCM, sealed: bytes, name: str) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
    except (InvalidTag, ValueError):
        raise EncryptionError(
            "the kept openings do not open with this member's key",
            expected="a file that this member wrote",
            found="another file, or changed bytes",
            remedy="restore openings.db from a backup made with this identity",
        ) from None
