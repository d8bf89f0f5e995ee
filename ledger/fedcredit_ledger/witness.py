"""A witness: it co-signs heads of one history, forwards only.

A member that holds a verified copy co-signs a checkpoint only when it extends what the member
co-signed before, and equals the copy's own root; so every rule has been replayed up to it. The
newest size and root are on the disk before a co-signature leaves.

References
----------
c2sp.org/tlog-witness; ledger SPEC.md, Witnesses (W1 to W3, W5).
"""

import os
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from fedcredit_ledger.canonical import decode, encode
from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.entry import utc_now
from fedcredit_ledger.errors import CheckpointError, ForkError, LedgerError, RollbackError
from fedcredit_ledger.merkle import EMPTY_ROOT
from fedcredit_ledger.note import CosignatureKey, Note
from fedcredit_ledger.replica import Replica
from fedcredit_ledger.rules import MAX_DRIFT_S


class Witness:
    """One witness of one ledger.

    Parameters
    ----------
    key : CosignatureKey
        The witness key.
    path : Path, optional
        Where the newest size and root are kept; without it they live as long as the object.
    clock : callable, optional
        Returns the time in UTC.

    Attributes
    ----------
    size : int
        Size of the newest head it co-signed.
    root : bytes
        Its root.

    Disclosure
    ----------
    A co-signature says that this member saw this head at this time; nothing else.
    """

    def __init__(
        self,
        key: CosignatureKey,
        *,
        path: Path | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.key = key
        self.size = 0
        self.root = EMPTY_ROOT
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        if path is not None and path.exists():
            self.size, self.root = _read(path, key.name)

    @property
    def head(self) -> tuple[int, bytes]:
        """Size and root of the newest head it co-signed, as they belong together."""
        with self._lock:
            return self.size, self.root

    def cosign(self, note: bytes, replica: Replica) -> bytes:
        """Co-sign a checkpoint; return the signature line with its newline.

        Parameters
        ----------
        note : bytes
            Checkpoint signed by the log.
        replica : Replica
            The member's own verified copy, at least as long.

        Raises
        ------
        RollbackError
            When the head is smaller than one co-signed before.
        ForkError
            When it does not extend that head, or is not the copy's root.
        CheckpointError
            When the log did not sign it, the copy is shorter, or the newest leaf's time of receipt
            is more than 600 s from this witness's clock.
        """
        parsed = Note.parse(note)
        with self._lock:
            head = replica.check_head(parsed)
            if head.size < self.size:
                raise RollbackError(
                    f"{self.key.name} has co-signed a larger head",
                    party=self.key.name,
                    expected=f"at least {self.size} leaves",
                    found=str(head.size),
                    remedy="the log was rolled back; the member's state folder keeps the head",
                )
            if replica.root_at(self.size) != self.root:
                raise ForkError(
                    f"{self.key.name} has co-signed another history",
                    party=self.key.name,
                    expected=self.root.hex(),
                    found=replica.root_at(self.size).hex(),
                    remedy="the member's state folder keeps the head: with the one co-signed "
                    "before it is proof",
                )
            now = self._clock()
            if head.size:
                received = Leaf.parse(replica.leaf(head.size - 1)).received_at
                if abs(now - received) > timedelta(seconds=MAX_DRIFT_S):
                    raise CheckpointError(
                        "the newest leaf was received at another time than this witness's clock",
                        party=self.key.name,
                        expected=f"within {MAX_DRIFT_S} s of {now:%Y-%m-%dT%H:%M:%SZ}",
                        found=f"{received:%Y-%m-%dT%H:%M:%SZ}",
                        remedy="check the clocks of the coordinator and of this member",
                    )
            if self._path is not None and (head.size, head.root) != (self.size, self.root):
                _write(self._path, self.key.name, head.size, head.root)
            self.size, self.root = head.size, head.root
            return self.key.cosign(parsed.text, int(now.timestamp())).line().encode() + b"\n"


def _read(path: Path, name: str) -> tuple[int, bytes]:
    kept = decode(path.read_bytes())
    if not isinstance(kept, dict) or set(kept) != {"name", "root", "size"} or kept["name"] != name:
        raise LedgerError("the witness's file is not this witness's", party=name)
    return kept["size"], bytes.fromhex(kept["root"])


def _write(path: Path, name: str, size: int, root: bytes) -> None:
    """Replace the file; the old one stays whole until the new one is on the disk."""
    fresh = path.with_name(path.name + ".new")
    with open(fresh, "wb") as file:
        file.write(encode({"name": name, "root": root.hex(), "size": size}))
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
