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

from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.entry import Entry, SignedEntry, format_time
from fedcredit_ledger.errors import QuorumError, RejectedEntryError
from fedcredit_ledger.note import CosignatureKey, Note, Signature, SigningKey
from fedcredit_ledger.replica import Replica
from fedcredit_ledger.rules import State
from fedcredit_ledger.witness import Witness
from fedcredit_parties.file_lock import exclusive
from fedcredit_parties.front import Front
from fedcredit_parties.kept_heads import KeptHeads
from fedcredit_parties.long_poll import LongPoll

T = TypeVar("T")

POLL_S = 10.0
"""Longest single long poll; a member that leaves ends it at once."""

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
    kept : KeptHeads, optional
        What this member keeps of the ledger; kept in memory when absent.

    Attributes
    ----------
    leaving : Event
        Set when the member stops: nobody waits any longer.

    Notes
    -----
    Safe to use from several threads of one member. They share one long poll: whoever finds another
    thread waiting for the same leaves waits for that thread.
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
        kept: KeptHeads | None = None,
    ) -> None:
        self.key = key
        self.origin = origin
        self.front = front
        self.clock = clock
        self.replica = Replica(founding_entry)
        self._lock = threading.RLock()
        self._news = threading.Condition(self._lock)
        self._poll = LongPoll(self._news, lambda: self.replica.size, self._fetch)
        self._pen = threading.Lock()
        self._pen_file = pen
        self.kept = KeptHeads(key.name, None) if kept is None else kept
        self._unanswered: dict[str, tuple[SignedEntry, float]] = {}
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
            Longest wait in seconds; 0 asks the front for what it has now.
        beyond : int, optional
            Size that the caller has looked at, by default this copy's. When another thread of this
            member has gone beyond it meanwhile, there is something new to look at, and nobody
            waits or asks.

        Raises
        ------
        LedgerError
            At the first leaf that does not extend what was verified before.
        """
        self._poll.ask(timeout_s=timeout_s, beyond=beyond)

    def _fetch(self, timeout_s: float) -> None:
        start = self.replica.size
        leaves = self.front.leaves(start, timeout_s=timeout_s)
        with self._news:
            fresh = leaves[self.replica.size - start :]
            if fresh:
                self.replica.update(fresh)
                self._news.notify_all()

    def _reach(self, size: int) -> None:
        """Fetch up to `size` leaves; give up when nothing comes for the length of a long poll."""
        while (seen := self.replica.size) < size and not self.leaving.is_set():
            self.refresh(timeout_s=POLL_S, beyond=seen)
            if self.replica.size == seen:
                return

    def append(
        self,
        kind: str,
        data: Mapping[str, Any],
        *,
        readers: tuple[str, ...] = ("all",),
        cosigners: tuple[SigningKey | CosignatureKey, ...] = (),
        key: SigningKey | None = None,
    ) -> str:
        """Sign and submit one entry; return its id once it stands in the verified copy.

        Parameters
        ----------
        kind, data, readers
            As in the entry.
        cosigners : tuple of keys
            Further keys that the type demands, in its order.
        key : SigningKey, optional
            Another key of the author that the type demands in the first place.

        Raises
        ------
        RejectedEntryError
            With the code of the rule that refused it.
        SignatureError, CheckpointError, InvalidEvidenceError
            When the receipt is not signed by the log.
        """
        with self._pen, self._shared_pen():
            entry = self._entry(kind, data, readers)
            return self._submit(SignedEntry.sign(entry, key or self.key, *cosigners))

    def draft(
        self,
        kind: str,
        data: Mapping[str, Any],
        *,
        cosigners: tuple[SigningKey | CosignatureKey, ...] = (),
        key: SigningKey | None = None,
    ) -> SignedEntry:
        """Sign an entry, perhaps for a co-signer elsewhere; nothing is submitted.

        It holds for as long as this author writes nothing else, and 600 s at most. Parameters as in
        `append`.
        """
        with self._pen, self._shared_pen():
            entry = self._entry(kind, data, ("all",))
            return SignedEntry.sign(entry, key or self.key, *cosigners)

    def draft_text(self, kind: str, data: Mapping[str, Any]) -> bytes:
        """Return an entry's text, unsigned, for somebody else to sign first."""
        with self._pen, self._shared_pen():
            return self._entry(kind, data, ("all",)).text()

    def complete(self, text: bytes, *others: Signature) -> str:
        """Sign what `draft_text` returned, with the others' signatures below; submit it.

        An author that signs only now has never signed two entries of one number: whoever asks for
        drafts gets nothing that would show it as an equivocator.

        Raises
        ------
        RejectedEntryError
            ``author-gap`` when this author has written something else since the draft.
        """
        with self._pen, self._shared_pen():
            signed = SignedEntry.parse(Note(text, (self.key.sign(text), *others)).encode())
            entry = signed.entry
            if (entry.author_seq, entry.author_prev) != self._next_number():
                raise RejectedEntryError("author-gap", "the draft's number is used meanwhile")
            return self._submit(signed)

    def hand_in(self, signed: SignedEntry) -> str:
        """Submit a drafted entry; return its id once it stands in the verified copy.

        Raises
        ------
        RejectedEntryError
            ``author-gap`` when this author has written something else since the draft.
        """
        with self._pen, self._shared_pen():
            return self._submit(signed)

    def hand_over(self, signed: SignedEntry) -> None:
        """Submit a drafted entry after which the front knows this key no more.

        Raises
        ------
        RejectedEntryError
            As in `hand_in`.
        """
        with self._pen, self._shared_pen():
            self._send(signed)
            self._settle(signed.id)

    def _entry(self, kind: str, data: Mapping[str, Any], readers: tuple[str, ...]) -> Entry:
        with self._lock:
            sequence, previous = self._next_number()
            return Entry(
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

    def _send(self, signed: SignedEntry) -> bytes:
        """Hand an entry in; return its receipt."""
        if self._pen_file is not None:
            self._pen_file.write_text(signed.id, "ascii")
        with self._lock:
            self._unanswered[signed.id] = (signed, time.monotonic())
        (answer,) = self.front.submit([signed.encode()])
        if answer.code:
            self._settle(signed.id)
            raise RejectedEntryError(answer.code, answer.detail)
        return answer.receipt

    def _settle(self, entry_id: str) -> None:
        with self._lock:
            self._unanswered.pop(entry_id, None)

    def unanswered(self, *, older_than_s: float, newer_than_s: float) -> list[SignedEntry]:
        """Return the entries handed in so long ago that stand in no verified copy.

        Parameters
        ----------
        older_than_s : float
            Younger ones may still be answered.
        newer_than_s : float
            Older ones are forgotten: the rules would refuse them, and their author signs again.
        """
        now = time.monotonic()
        with self._lock:
            for entry_id, (_, since) in list(self._unanswered.items()):
                if now - since > newer_than_s or entry_id in self.state.entry_index:
                    del self._unanswered[entry_id]
            return [one for one, since in self._unanswered.values() if now - since >= older_than_s]

    def _submit(self, signed: SignedEntry) -> str:
        receipt = self._send(signed)
        with self._lock:
            seen, known = self.replica.size, signed.id in self.state.entry_index
        if not known:
            self.refresh(timeout_s=POLL_S, beyond=seen)
        if signed.id not in self.state.entry_index:
            self.refresh()
        self.replica.find(signed.id)
        self._settle(signed.id)
        self.kept.keep_receipt(receipt, self.replica)
        return signed.id

    @contextmanager
    def _shared_pen(self) -> Iterator[None]:
        """Keep other processes of this author from writing the same number.

        The file names the entry that was written last, or was about to be. When that is not the
        author's newest one here, another process may have written, and the copy is brought up to
        date.
        """
        if self._pen_file is None:
            yield
            return
        with exclusive(self._pen_file):
            if self._pen_file.read_text("ascii") != self._next_number()[1]:
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
        looked = False
        while True:
            with self._lock:
                seen = self.replica.size
                found = predicate(self.state)
            if found is not None:
                return found
            left = deadline - time.monotonic()
            if self.leaving.is_set() or (left <= 0 and looked):
                return None
            looked = True
            self.refresh(timeout_s=min(POLL_S, max(0.0, left)), beyond=seen)

    def cosign(self, witness: Witness, note: bytes) -> bytes:
        """Return `witness`'s co-signature of a checkpoint that this member's own copy confirms.

        Raises
        ------
        LedgerError
            When the checkpoint does not extend what was verified here.
        """
        self._reach(Checkpoint.parse(Note.parse(note).text).size)
        with self._lock:
            line = witness.cosign(note, self.replica)
        self.kept.keep_cosigned(note)
        return line

    def check_head(self, note: Note) -> Checkpoint:
        """Verify a log-signed head against this member's copy.

        Raises
        ------
        CheckpointError, ForkError
        """
        with self._lock:
            return self.replica.check_head(note)

    def under_quorum(self, start: int) -> tuple[list[bytes], bytes] | None:
        """Return the leaves from `start` under the first head with a quorum beyond, and that head.

        Nobody waits: None when there is no such head yet; the witnesses are then asked for one.

        Raises
        ------
        LedgerError
            When the head does not verify against this member's own copy.
        """
        if self.replica.size <= start:
            return None
        note = self.front.checkpoint(covering=start + 1, timeout_s=0.0)
        if note is None:
            return None
        self._reach(Checkpoint.parse(Note.parse(note).text).size)
        with self._lock:
            head = self.replica.update_checkpoint(note)
            return self.replica.leaves(start, head.size), note

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
                self._reach(Checkpoint.parse(Note.parse(note).text).size)
                with self._lock:
                    self.replica.update_checkpoint(note)
        return self.replica.quorum_note
