"""What a member keeps across a crash: small secrets and ciphertexts, encrypted, all or nothing.

Each value is one file, sealed with AES-256-GCM under a key that follows from the member's identity,
its name bound as associated data, written beside and renamed after fsync. Without a folder the
values live in memory, as in a simulation, which dies with its process.
"""

import os
import re
import threading
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fedcredit_parties.disk import kept_in
from fedcredit_parties.errors import EncryptionError

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,200}")
_NONCE_BYTES = 12


class Vault:
    """Named byte strings of one member.

    Parameters
    ----------
    folder : Path, optional
        Where they are kept; in memory when absent.
    key : bytes, optional
        32 bytes; needed with a folder.

    Raises
    ------
    ValueError
        When there is a folder and no key.

    Disclosure
    ----------
    Whoever reads the folder learns names, sizes and times of the values.
    """

    def __init__(self, folder: Path | None = None, *, key: bytes = b"") -> None:
        if folder is not None and len(key) != 32:
            raise ValueError("a vault on disk needs a key of 32 bytes")
        self._folder = folder
        self._cipher = AESGCM(key) if folder is not None else None
        self._memory: dict[str, bytes] = {}
        self._lock = threading.Lock()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, name: str, value: bytes) -> None:
        """Keep `value` under `name`; it is on disk when this returns.

        Raises
        ------
        DiskFullError, MachineError
            When the disk refuses. What was kept under the name before is still there.
        """
        self._check(name)
        with self._lock:
            if self._folder is None or self._cipher is None:
                self._memory[name] = bytes(value)
                return
            nonce = os.urandom(_NONCE_BYTES)
            sealed = nonce + self._cipher.encrypt(nonce, value, name.encode())
            part = self._folder / f"part-{name}"
            kind = name.partition(".")[0]
            with kept_in(self._folder, f"{kind} was not kept, and nothing was said that needs it"):
                try:
                    with open(part, "wb", opener=_private) as file:
                        file.write(sealed)
                        file.flush()
                        os.fsync(file.fileno())
                    part.replace(self._folder / name)
                    _sync(self._folder)
                except OSError:
                    part.unlink(missing_ok=True)
                    raise

    def get(self, name: str) -> bytes | None:
        """Return what is kept under `name`, or None.

        Raises
        ------
        EncryptionError
            When the file was not written by this member under this name.
        """
        self._check(name)
        with self._lock:
            if self._folder is None or self._cipher is None:
                return self._memory.get(name)
            path = self._folder / name
            if not path.exists():
                return None
            sealed = path.read_bytes()
            try:
                return self._cipher.decrypt(
                    sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode()
                )
            except (InvalidTag, ValueError):
                raise EncryptionError(
                    f"the kept value {name} does not open with this member's key",
                    expected="a file that this member wrote",
                    found="another file, or changed bytes",
                    remedy="restore the state folder from a backup made with this identity",
                ) from None

    def delete(self, name: str) -> None:
        """Forget what is kept under `name`, if anything."""
        self._check(name)
        with self._lock:
            self._memory.pop(name, None)
            if self._folder is not None:
                (self._folder / name).unlink(missing_ok=True)

    def names(self, prefix: str) -> list[str]:
        """Return the kept names that begin with `prefix`, sorted."""
        with self._lock:
            if self._folder is None:
                return sorted(name for name in self._memory if name.startswith(prefix))
            return sorted(
                path.name for path in self._folder.iterdir() if path.name.startswith(prefix)
            )

    @staticmethod
    def _check(name: str) -> None:
        if not _NAME.fullmatch(name) or name.startswith("part-"):
            raise ValueError(f"not a name of the vault: {name!r}")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync(folder: Path) -> None:
    """Make a rename durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
