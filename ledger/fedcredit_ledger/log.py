"""The sequencer: takes signed entries, puts them in order, signs heads and collects co-signatures.

It is the only writer of a ledger and is trusted for service only: what it accepts, every member
checks again. Nobody is answered before the entry is on the disk. Whatever arrives while a batch is
being written forms the next batch.
"""

import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from queue import SimpleQueue
from types import TracebackType

from fedcredit_ledger.chain import NO_LEAF, Leaf
from fedcredit_ledger.checkpoint import Checkpoint, encode_proof, open_checkpoint
from fedcredit_ledger.entry import SignedEntry, format_time, utc_now
from fedcredit_ledger.errors import (
    CheckpointError,
    ForkError,
    LedgerError,
    MalformedEntryError,
    RejectedEntryError,
    RollbackError,
    SignatureError,
    SyncError,
)
from fedcredit_ledger.held_entry import asked_text
from fedcredit_ledger.ledger_store import LedgerStore
from fedcredit_ledger.note import Note, Signature, SigningKey, VerifierKey
from fedcredit_ledger.refused import Refused
from fedcredit_ledger.replica import Replica
from fedcredit_ledger.rules import MAX_DRIFT_S, State
from fedcredit_ledger.state_keys import log_keys_at

MAX_BATCH = 256
"""Entries in one transaction."""

TARGET_S = 30.0
"""A head that did not get its quorum in this time gives way to the newest one."""

_RECENT = 64

REMEMBERED = 256
"""Heads, and co-signatures of heads, that are in memory; the others are read from the store."""

PAGE = 1024
"""Leaves that are read at once when a store is replayed."""


@dataclass(frozen=True, kw_only=True)
class SubmitOutcome:
    """The answer to one submitted entry.

    Attributes
    ----------
    receipt : bytes
        C2SP tlog-proof; empty when the entry was refused.
    code : str
        The rule that refused it; empty when it was accepted.
    detail : str
        One sentence for its author.
    """

    receipt: bytes = b""
    code: str = ""
    detail: str = ""


class _Ticket:
    """One call of `submit` that waits for its batch, or for its turn to write one."""

    def __init__(self, notes: Sequence[bytes]) -> None:
        self.notes = notes
        self.outcomes: list[SubmitOutcome] | None = None
        self.is_over = False
        self.news: SimpleQueue[None] = SimpleQueue()


class Log:
    """The sequencer of one ledger.

    Parameters
    ----------
    store : LedgerStore
        Where it is kept. A store with leaves is replayed and checked first.
    signing_key : SigningKey
        The log key, named after the origin.
    origin : str
        Name of the ledger, the first line of its checkpoints.
    clock : callable, optional
        Returns the time in UTC.
    witnessed : iterable of bytes, optional
        Checkpoints that witnesses hold; the store is compared with them before the first append.
    other_keys : iterable of SigningKey, optional
        Log keys before, which sign along for 30 days, and the next one, which ``log-key-rotated``
        puts in force.

    Attributes
    ----------
    refused : Refused
        What waits to be recorded as ``entry-refused``.

    Raises
    ------
    RollbackError, ForkError
        When the store is shorter than, or differs from, a head that a witness holds.
    LedgerError
        When a stored leaf does not verify, or the store belongs to another log.

    Notes
    -----
    Safe to call from several threads.
    """

    def __init__(
        self,
        store: LedgerStore,
        signing_key: SigningKey,
        origin: str,
        clock: Callable[[], datetime] = utc_now,
        *,
        witnessed: Iterable[bytes] = (),
        other_keys: Iterable[SigningKey] = (),
    ) -> None:
        if signing_key.name != origin:
            raise LedgerError("the log key is not named after the origin", expected=origin)
        self._store = store
        self._key = signing_key
        self._keys = {key.vkey: key for key in (signing_key, *other_keys)}
        self.origin = origin
        self._clock = clock
        self._queue: deque[_Ticket] = deque()
        self._writer = threading.Lock()
        self._book = threading.Lock()
        self._broken = ""
        self._failure: LedgerError | None = None
        self._notes: dict[int, bytes] = {}
        self._cosignatures: dict[int, dict[str, Signature]] = {}
        self._quorum_size = 0
        self._quorum_sizes: list[int] = []
        self._target: tuple[int, float] | None = None
        self.refused = Refused()
        self._load()
        for note in witnessed:
            self._compare(open_checkpoint(parsed := Note.parse(note), self._log_key(parsed)))

    def _load(self) -> None:
        first = self._store.leaves(0, 1)
        self._replica = Replica(Leaf.parse(first[0]).signed.id if first else "", self._store)
        while page := self._store.leaves(self._replica.size, PAGE):
            accepted = [self._replica.accept(Leaf.parse_once(raw)) for raw in page]
            if not _are_stored(self._store, accepted):
                raise LedgerError("the stored tree is not that of the stored leaves")
            self._replica.settle()
        self._durable = self._replica.size
        if not first:
            return
        if self._replica.log_key.vkey not in self._keys:
            raise LedgerError("the stored ledger belongs to another log key")
        for size in self._store.checkpoint_sizes():
            note = self._store.checkpoint(size)
            if note is None or self._replica.check_head(Note.parse(note)).size != size:
                raise CheckpointError(f"the stored checkpoint of size {size} is of another size")
            self._remember(size, note)
            lines = [Signature.parse(line) for line in self._store.cosignatures(size)]
            self._count(size, lines)
        if self._durable not in self._notes:
            raise CheckpointError("the newest stored leaves are under no checkpoint")

    def _log_key(self, note: Note) -> VerifierKey:
        if not self._replica.size:
            return self._key.verifier
        size = Checkpoint.parse(note.text).size
        return VerifierKey.parse(self._replica.head_rule(size).log_vkey)

    def _compare(self, head: Checkpoint) -> None:
        if head.size > self.size:
            raise RollbackError(
                "the ledger is shorter than a witness has seen",
                expected=f"at least {head.size} leaves",
                found=str(self.size),
                remedy="fedcredit coordinator restore CONFIG FILE... fetches what is missing from "
                "other members' copies",
            )
        if self._replica.root_at(head.size) != head.root:
            raise ForkError(
                f"a witness has seen another history of {head.size} leaves",
                expected=head.root.hex(),
                found=self._replica.root_at(head.size).hex(),
                remedy="do not append: keep both and call the auditor",
            )

    def hear(self, note: bytes) -> int:
        """Compare the store with a head that a member holds and this log has signed.

        Parameters
        ----------
        note : bytes
            The checkpoint; co-signatures are left aside.

        Returns
        -------
        int
            Its size.

        Raises
        ------
        RollbackError, ForkError
            When the store is an old copy, or another history. The log takes nothing more then.
        MalformedEntryError, SignatureError, CheckpointError
            When it is no head of this log.
        """
        parsed = Note.parse(note)
        head = open_checkpoint(parsed, self._log_key(parsed))
        with self._alone():
            try:
                self._compare(head)
            except (RollbackError, ForkError) as error:
                self._broken = f"{error.message}: the ledger is suspended"
                self._failure = error
                raise
        return head.size

    @property
    def failure(self) -> LedgerError | None:
        """Why nothing is taken any more; the process must end and read its store again."""
        return self._failure or self._store.failure

    @property
    def size(self) -> int:
        """Number of leaves on the disk."""
        return self._durable

    @property
    def root(self) -> bytes:
        """Root over them."""
        return self._replica.root_at(self._durable)

    @property
    def state(self) -> State:
        """The sequencer's own state; it changes while entries are taken."""
        return self._replica.state

    @property
    def quorum_size(self) -> int:
        """Size of the newest checkpoint with a quorum; 0 for none."""
        return self._quorum_size

    @property
    def latest(self) -> Checkpoint:
        """The newest head."""
        return Checkpoint(self.origin, self._durable, self.root)

    def close(self) -> None:
        """Close the store and let others write it."""
        with self._alone():
            self._broken = self._broken or "the ledger is closed"
            self._store.close()

    def __enter__(self) -> "Log":
        """Return the log itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close its store."""
        self.close()

    def found(self, signed: SignedEntry) -> SubmitOutcome:
        """Take the founding entry as leaf 0 of an empty ledger.

        Raises
        ------
        RejectedEntryError
            When a rule refuses it.
        LedgerError
            When there are leaves already, or the entry names another log key.
        """
        with self._alone():
            if self._replica.size:
                raise LedgerError("the ledger is founded already")
            if signed.entry.data.get("log_vkey") != self._key.vkey:
                raise LedgerError("the founding entry names another log key")
            self._replica = Replica(signed.id, self._store)
            leaf = self._leaf(signed)
            self._write([leaf], self._replica.accept(leaf))
            return SubmitOutcome(receipt=self._receipt(0))

    def submit(self, notes: Sequence[bytes]) -> list[SubmitOutcome]:
        """Append signed entries in order; the same entry again gets the same index.

        Parameters
        ----------
        notes : sequence of bytes
            Encoded signed entries.

        Returns
        -------
        list of SubmitOutcome
            One for each, a receipt or a code. A refused entry does not use up its number.

        Raises
        ------
        LedgerError
            When the ledger cannot be written any more. Nothing was promised then.
        """
        ticket = _Ticket(notes)
        self._queue.append(ticket)
        while not ticket.is_over:
            if self._writer.acquire(blocking=False):
                try:
                    self._commit()
                finally:
                    self._release()
            else:
                ticket.news.get()
        if ticket.outcomes is None:
            raise LedgerError(self._broken, remedy="restart the coordinator; it checks its store")
        return ticket.outcomes

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no batch is being written, and let none begin."""
        self._writer.acquire()
        try:
            yield
        finally:
            self._release()

    def _release(self) -> None:
        """Let another thread write: the one that has waited longest, if any waits."""
        self._writer.release()
        try:
            self._queue[0].news.put(None)
        except IndexError:
            pass

    def _commit(self) -> None:
        """Write what is waiting as one batch, this thread's ticket among it or not."""
        self._replica.settle()  # what is held so far was written before anybody was answered
        batch: list[_Ticket] = []
        n_notes = 0
        while self._queue and (not batch or n_notes + len(self._queue[0].notes) <= MAX_BATCH):
            batch.append(self._queue.popleft())
            n_notes += len(batch[-1].notes)
        try:
            if not self._broken:
                self._judge(batch)
        finally:
            for ticket in batch:
                ticket.is_over = True
                ticket.news.put(None)

    def _judge(self, batch: list[_Ticket]) -> None:
        leaves: list[Leaf] = []
        nodes: list[tuple[int, int, bytes]] = []
        verdicts = [[self._take(note, leaves, nodes) for note in t.notes] for t in batch]
        if leaves:
            self._write(leaves, nodes)
        for ticket, verdict in zip(batch, verdicts, strict=True):
            ticket.outcomes = [
                SubmitOutcome(receipt=self._receipt(v)) if isinstance(v, int) else v
                for v in verdict
            ]

    def _take(
        self, note: bytes, leaves: list[Leaf], nodes: list[tuple[int, int, bytes]]
    ) -> int | SubmitOutcome:
        try:
            signed = SignedEntry.parse(note)
        except MalformedEntryError as error:
            return SubmitOutcome(code="malformed", detail=error.message)
        known = self._known(signed)
        if known is not None:
            return known
        try:
            if not self._replica.size:
                raise RejectedEntryError("wrong-phase", "the ledger is not founded")
            if signed.entry.type == "log-key-rotated":
                self._demand_key(signed)
            leaf = self._leaf(signed)
            nodes += self._replica.accept(leaf, quorum_size=self._quorum_size)
        except RejectedEntryError as error:
            self.refused.add(signed, error.code, self.state.parties)
            return SubmitOutcome(code=error.code, detail=error.detail)
        leaves.append(leaf)
        return leaf.index

    def _known(self, signed: SignedEntry) -> int | None:
        """Return the index of an entry that is on the ledger; its number is used up then."""
        newest, _ = self.state.author_heads.get(signed.entry.author, (-1, ""))
        if signed.entry.author_seq > newest:
            return None
        return self.state.entry_index.get(signed.id)

    def _demand_key(self, signed: SignedEntry) -> None:
        if signed.entry.data.get("new_vkey") not in self._keys:
            raise RejectedEntryError("not-permitted", "the sequencer does not hold the new key")

    def _leaf(self, signed: SignedEntry) -> Leaf:
        last = self._replica.last
        now = self._clock()
        received = format_time(now)
        if last is not None and received < last.received:
            if (last.received_at - now).total_seconds() > MAX_DRIFT_S:
                self._broken = "the clock went back by more than 600 s: the ledger is suspended"
                self._failure = LedgerError(self._broken, remedy="set the clock, then start again")
                raise RejectedEntryError("stale", self._broken)
            received = last.received
        return Leaf(
            index=self._replica.size,
            prev=NO_LEAF if last is None else last.hash.hex(),
            received=received,
            signed=signed,
        )

    def _write(self, leaves: list[Leaf], nodes: list[tuple[int, int, bytes]]) -> None:
        size = self._replica.size
        text = Checkpoint(self.origin, size, self._replica.root).text()
        vkeys = log_keys_at(self.state.head_rules, size, self._clock())
        keys = [self._keys[vkeys[0]], *(self._keys[v] for v in vkeys[1:] if v in self._keys)]
        note = Note(text, tuple(key.sign(text) for key in keys)).encode()
        inner = [node for node in nodes if node[0]]
        try:
            self._store.append(leaves, nodes=inner, size=size, checkpoint=note)
        except LedgerError as error:
            self._broken = f"{error.message}: the ledger is suspended"
            self._failure = error
            raise
        with self._book:
            self._remember(size, note)
            self._durable = size

    def _remember(self, size: int, note: bytes) -> None:
        self._notes[size] = note
        if len(self._notes) > REMEMBERED:
            del self._notes[next(iter(self._notes))]

    def _bare(self, size: int) -> bytes | None:
        """Return the checkpoint of a size without co-signatures."""
        return self._notes.get(size) or self._store.checkpoint(size)

    def _lines(self, size: int) -> dict[str, Signature]:
        """Return the co-signatures of the checkpoint of a size by name."""
        found = self._cosignatures.get(size)
        if found is None:
            stored = map(Signature.parse, self._store.cosignatures(size))
            found = self._cosignatures[size] = {line.name: line for line in stored}
            if len(self._cosignatures) > REMEMBERED:
                del self._cosignatures[next(iter(self._cosignatures))]
        return found

    def _receipt(self, index: int) -> bytes:
        """Return the proof in the newest head, or in the first one that makes it final."""
        with self._book:
            place = bisect_left(self._quorum_sizes, index + 1)
            size = next(iter(self._quorum_sizes[place : place + 1]), self._durable)
            note = self._note(size) if size <= self._quorum_size else self._notes[size]
        assert note is not None, "every size of the two has its head"
        return encode_proof(index, self._replica.tree.inclusion_proof(index, size), note)

    def receipt(self, entry_id: str) -> bytes:
        """Return a fresh tlog-proof of an entry; with co-signatures when it is final.

        Raises
        ------
        LedgerError
            When the entry is not on the ledger.
        """
        with self._alone():
            return self._receipt(self._replica.find(entry_id))

    def leaves(self, start: int = 0, n: int | None = None) -> list[bytes]:
        """Return up to `n` leaves from `start`, of those on the disk."""
        end = self._durable if n is None else min(self._durable, start + n)
        return self._replica.leaves(start, end)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Return the consistency proof between two sizes.

        Raises
        ------
        LedgerError
            When there are no such sizes.
        """
        if not 0 < old <= new <= self._durable:
            raise LedgerError(f"there is no consistency proof from {old} to {new}")
        return self._replica.tree.consistency_proof(old, new)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the inclusion proof of a leaf in the tree of a size.

        Raises
        ------
        LedgerError
            When there is no such leaf, or no such size.
        """
        if not 0 <= index < size <= self._durable:
            raise LedgerError(f"there is no inclusion proof of leaf {index} in {size} leaves")
        return self._replica.tree.inclusion_proof(index, size)

    def settled_at(self, entry_id: str) -> int | None:
        """Return the leaf in which an entry stands, or its refusal; None for neither."""
        index = self.state.entry_index.get(entry_id)
        return self.state.refused_at.get(entry_id) if index is None else index

    def ask_for(self, entry_id: str) -> bytes:
        """Return the log's signed request for an entry that a witness holds."""
        text = asked_text(self.origin, entry_id)
        return Note(text, (self._key.sign(text),)).encode()

    def take_held(self, note: bytes) -> None:
        """Append an entry that a witness holds; when it is refused, say so in public.

        Raises
        ------
        LedgerError
            When nothing can be written.
        MalformedEntryError
            When it is no entry.
        """
        signed = SignedEntry.parse(note)
        (outcome,) = self.submit([note])
        if outcome.code:
            self.refused.demand(signed, outcome.code)

    def checkpoint_note(self, size: int | None = None) -> bytes | None:
        """Return the checkpoint of a size (the newest one) with its co-signatures so far."""
        with self._book:
            return self._note(self._durable if size is None else size)

    def _note(self, size: int) -> bytes | None:
        bare = self._bare(size)
        if bare is None:
            return None
        lines = self._lines(size)
        return bare + "".join(lines[name].line() + "\n" for name in sorted(lines)).encode()

    def pending(self, old_size: int) -> bytes | None:
        """Return the checkpoint larger than `old_size` that waits for co-signatures.

        All witnesses get the same one until it has its quorum, or 30 s have passed: if each got
        the newest, no head of a growing ledger would ever be co-signed by all.
        """
        with self._book:
            now = time.monotonic()
            target = self._target
            if (
                target is None
                or target[0] <= self._quorum_size
                or (now - target[1] > TARGET_S and target[0] < self._durable)
            ):
                if self._durable <= self._quorum_size:
                    return None
                target = self._target = (self._durable, now)
            return self._note(target[0]) if target[0] > old_size else None

    def add_cosignatures(self, lines: bytes, *, size: int | None = None) -> int:
        """Take co-signature lines of one checkpoint; return its size.

        Parameters
        ----------
        lines : bytes
            One or more lines, each with its newline.
        size : int, optional
            Size of the checkpoint; by default it is found among the newest ones.

        Raises
        ------
        MalformedEntryError
            When a line is not one.
        SignatureError
            When a line is by no witness of the policy, or verifies for none of the checkpoints.
        """
        try:
            text = lines.decode()
        except UnicodeDecodeError as error:
            raise MalformedEntryError("co-signature lines are UTF-8") from error
        signatures = [Signature.parse(line) for line in text.splitlines()]
        if not signatures or not text.endswith("\n"):
            raise MalformedEntryError("co-signature lines end in a newline")
        with self._book:
            for candidate in self._candidates(size):
                if self._count(candidate, signatures):
                    self._keep(candidate, signatures)
                    return candidate
        raise SignatureError("a co-signature verifies for none of the newest checkpoints")

    def _keep(self, size: int, signatures: list[Signature]) -> None:
        lines = [(f"{s.name}+{s.key_id.hex()}", s.line()) for s in signatures]
        try:
            self._store.add_cosignatures(size, lines)
        except SyncError as error:
            self._broken = f"{error.message}: the ledger is suspended"
            self._failure = error
            raise

    def _candidates(self, size: int | None) -> list[int]:
        if size is not None:
            return [size] if self._bare(size) is not None else []
        newest = list(self._notes)[-_RECENT:][::-1]
        if self._target is not None:
            newest.insert(0, self._target[0])
        return newest

    def _count(self, size: int, signatures: list[Signature]) -> bool:
        """Add lines that all verify over one checkpoint; tell whether they do."""
        note = self._bare(size)
        assert note is not None, "a candidate has its checkpoint"
        text = Note.parse(note).text
        policy = self._replica.head_rule(size).policy
        try:
            names = policy.cosigned(text, signatures)
        except SignatureError:
            return False
        if len(names) != len({(s.name, s.key_id) for s in signatures}):
            return False
        known = self._lines(size)
        for signature in signatures:
            known.setdefault(signature.name, signature)
        cosigned = policy.cosigned(text, known.values())
        if policy.satisfied(cosigned):
            self._quorum_size = max(self._quorum_size, size)
            place = bisect_left(self._quorum_sizes, size)
            if self._quorum_sizes[place : place + 1] != [size]:
                self._quorum_sizes.insert(place, size)
        return True

    def quorum_note(self, covering: int = 1) -> bytes | None:
        """Return the first checkpoint with a quorum that covers at least `covering` leaves.

        The first and not the newest, so that a reader can walk through all of them.
        """
        with self._book:
            place = bisect_left(self._quorum_sizes, covering)
            found = self._quorum_sizes[place : place + 1]
            return self._note(found[0]) if found else None


def _are_stored(store: LedgerStore, accepted: list[list[tuple[int, int, bytes]]]) -> bool:
    """Tell whether the nodes that leaves have completed are the ones in the store."""
    rows: dict[int, tuple[int, list[bytes]]] = {}
    for nodes in accepted:
        for level, index, value in nodes:
            rows.setdefault(level, (index, []))[1].append(value)
    return all(
        store.stored_nodes(level, first, len(row)) == row for level, (first, row) in rows.items()
    )
