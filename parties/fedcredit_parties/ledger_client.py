"""A member's own pen and its own verified copy of the ledger.

Writing: entries are signed here, numbered in the author's own chain and tied to the newest head the
author has verified. Reading: nothing the front says is believed; leaves pass the replica's checks
(links, signatures, rules), and "witnessed" means that this member verified a checkpoint with the
quorum of co-signatures over its own tree.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from fedcredit_ledger.entry import Entry, SignedEntry, format_time
from fedcredit_ledger.errors import QuorumError, RejectedEntryError
from fedcredit_ledger.note import SigningKey
from fedcredit_ledger.replica import Replica
from fedcredit_ledger.rules import State
from fedcredit_ledger.witness import Witness
from fedcredit_parties.file_lock import exclusive
from fedcredit_parties.front import Front

T = TypeVar("T")

POLL_S = 2.0
"""Longest single long poll; a waiting member looks at its deadline this often."""

_NO_ENTRY = "0" * 64


class LedgerClient:
    """Append as one author; read as one verifier.

    Parameters
    ----------
    key : SigningKey
        The author's signing key.
    origin : str
        The ledger's origin line.
    founding_entry : str
        Entry id of the founding entry, pinned outside the system.
    front : Front
        Where entries are handed in and leaves fetched.
    clock : callable
        Returns the current time in UTC.
    pen : Path, optional
        Lock file shared by all processes that write as this author.

    Attributes
    ----------
    leaving : Event
        Set when the member stops: nobody waits any longer.

    Notes
    -----
    Safe to use from several threads of one member.
    """

    def __init__(
        self,
        *,
        key: SigningKey,
        origin: str,
        founding_entry: str,
        front: Front,
        clock: Callable[[], datetime],
        pen: Path | None = None,
    ) -> None:
        self.key = key
        self.origin = origin
        self.front = front
        self.clock = clock
        self.replica = Replica(founding_entry)
        self._lock = threading.RLock()
        self._pen = threading.Lock()
        self._pen_file = pen
        self.leaving = threading.Event()

    @property
    def state(self) -> State:
        """The state after the newest verified leaf."""
        return self.replica.state

    def refresh(self, *, timeout_s: float = 0.0, beyond: int | None = None) -> None:
        """Fetch and verify what is new; wait up to `timeout_s` for a first new leaf.

        Parameters
        ----------
        timeout_s : float, default 0
            Longest wait in seconds.
        beyond : int, optional
            Size that the caller has looked at. When another thread of this member has gone beyond
            it meanwhile, there is something new to look at, and nobody waits.

        Raises
        ------
        LedgerError
            At the first leaf that does not extend what was verified before.
        """
        start = self.replica.size
        if beyond is not None and start > beyond:
            timeout_s = 0.0
        leaves = self.front.leaves(start, timeout_s=timeout_s)
        with self._lock:
            fresh = leaves[self.replica.size - start :]
            if fresh:
                self.replica.update(fresh)

    def append(
        self,
        kind: str,
        data: Mapping[str, Any],
        *,
        readers: tuple[str, ...] = ("all",),
        cosigners: tuple[SigningKey, ...] = (),
    ) -> str:
        """Sign and submit one entry; return its id once it stands in the verified copy.

        Raises
        ------
        RejectedEntryError
            With the code of the rule that refused it.
        """
        with self._pen, self._shared_pen():
            with self._lock:
                sequence, previous = self._next_number()
                entry = Entry(
                    author=self.key.name,
                    author_seq=sequence,
                    author_prev=previous,
                    ledger=self.origin,
                    type=kind,
                    time=format_time(self.clock()),
                    seen_size=self.replica.size,
                    seen_root=self.replica.root.hex(),
                    readers=list(readers),
                    data=dict(data),
                )
            signed = SignedEntry.sign(entry, self.key, *cosigners)
            (answer,) = self.front.submit([signed.encode()])
            if answer.code:
                raise RejectedEntryError(answer.code, answer.detail)
            self.refresh()
            self.replica.find(signed.id)
            return signed.id

    @contextmanager
    def _shared_pen(self) -> Iterator[None]:
        """Keep other processes of this author from writing the same number."""
        if self._pen_file is None:
            yield
            return
        with exclusive(self._pen_file):
            self.refresh()
            yield

    def _next_number(self) -> tuple[int, str]:
        head = self.state.author_heads.get(self.key.name)
        return (0, _NO_ENTRY) if head is None else (head[0] + 1, head[1])

    def wait(self, predicate: Callable[[State], T | None], *, deadline: float) -> T | None:
        """Follow the ledger until `predicate` returns something.

        Parameters
        ----------
        predicate : callable
            Takes the state, returns a value or None.
        deadline : float
            In `time.monotonic` seconds; None is returned after it, or when the member leaves.
        """
        while True:
            self.refresh()
            with self._lock:
                seen = self.replica.size
                found = predicate(self.state)
            if found is not None:
                return found
            left = deadline - time.monotonic()
            if left <= 0 or self.leaving.is_set():
                return None
            self.refresh(timeout_s=min(POLL_S, left), beyond=seen)

    def cosign(self, witness: Witness, note: bytes) -> bytes:
        """Return `witness`'s co-signature of a checkpoint that this member's own copy confirms.

        Raises
        ------
        LedgerError
            When the checkpoint does not extend what was verified here.
        """
        self.refresh()
        with self._lock:
            return witness.cosign(note, self.replica)

    def witnessed(self, index: int, *, deadline: float) -> bytes:
        """Wait until leaf `index` is under a quorum checkpoint that this member verified.

        Raises
        ------
        QuorumError
            When the deadline passes first, or the member leaves.
        """
        while self.replica.quorum_size <= index:
            left = deadline - time.monotonic()
            if left <= 0 or self.leaving.is_set():
                raise QuorumError(f"no witness quorum over leaf {index} before the deadline")
            note = self.front.checkpoint(covering=index + 1, timeout_s=min(POLL_S, left))
            if note is not None:
                self.refresh()
                with self._lock:
                    self.replica.update_checkpoint(note)
        return self.replica.quorum_note
