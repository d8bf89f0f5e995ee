"""A witness outside the federation, in the protocol that other logs' witnesses speak.

It holds no copy of the ledger and reads no entry. A log shows it a head and a proof that this head
continues the one it co-signed last; when log signature and proof are good, it keeps the new head
and co-signs it. So it vouches for one history, not for what stands in it, and any program that
speaks this protocol can take its place.

References
----------
c2sp.org/tlog-witness (add-checkpoint); c2sp.org/tlog-checkpoint; c2sp.org/tlog-cosignature.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fedcredit_ledger.add_checkpoint import AddCheckpoint
from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.entry import utc_now
from fedcredit_ledger.errors import (
    CheckpointError,
    InvalidEvidenceError,
    LedgerError,
    MalformedEntryError,
    SignatureError,
    WitnessRefusedError,
)
from fedcredit_ledger.fork_proof import ForkProof, from_request
from fedcredit_ledger.held_entry import Held, ShownEntry, asked_text, follows, parse_shown, take
from fedcredit_ledger.merkle import EMPTY_ROOT, verify_consistency
from fedcredit_ledger.note import CosignatureKey, Note, VerifierKey
from fedcredit_ledger.witness_state import Seen, WitnessState

SIZE_TYPE = "text/x.tlog.size"
"""Content type of the answer that names the size of the newest head that was co-signed."""

BAD_REQUEST, FORBIDDEN, NOT_FOUND, CONFLICT, UNPROVEN = 400, 403, 404, 409, 422

WITHHELD = 503
"""Entries are held that are overdue: the body names them, an id a line."""

_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """The answer to a request.

    Attributes
    ----------
    status : int
        HTTP's number.
    body : bytes
        Co-signature lines, or why there are none.
    content_type : str
    """

    status: int
    body: bytes
    content_type: str = _TEXT


def judge(
    request: AddCheckpoint,
    *,
    logs: Mapping[str, Sequence[VerifierKey]],
    seen: Callable[[str], Seen],
) -> Checkpoint:
    """Decide whether a witness may co-sign; return the head.

    Parameters
    ----------
    request : AddCheckpoint
        What the log hands in.
    logs : mapping of str to sequence of VerifierKey
        The keys that are trusted for a log, by its origin.
    seen : callable
        Takes an origin, returns the newest head of that log that was co-signed.

    Raises
    ------
    WitnessRefusedError
        With the number of the answer: 400 when the checkpoint is malformed or smaller than the old
        size, 404 for a log that is not known, 403 when none of its keys signed, 409 when the old
        size is not the newest that was co-signed or that size has another root, 422 when the proof
        does not prove.
    """
    try:
        head = request.head()
    except CheckpointError as error:
        raise WitnessRefusedError(BAD_REQUEST, error.message) from error
    keys = logs.get(head.origin)
    if not keys:
        raise WitnessRefusedError(NOT_FOUND, "this witness knows no log of that origin")
    if not any(_signed(request.note, key) for key in keys):
        raise WitnessRefusedError(FORBIDDEN, "no trusted key of the log has signed the checkpoint")
    if request.old_size > head.size:
        raise WitnessRefusedError(BAD_REQUEST, "the old size is larger than the checkpoint")
    known = seen(head.origin)
    if request.old_size != known.size:
        raise WitnessRefusedError(
            CONFLICT,
            "the old size is not that of the newest head co-signed here",
            expected=str(known.size),
            found=str(request.old_size),
        )
    if known.note and head.size == known.size and head.root != known.root:
        raise WitnessRefusedError(
            CONFLICT,
            f"another root of {head.size} leaves is co-signed here",
            expected=known.root.hex(),
            found=head.root.hex(),
            is_fork=True,
        )
    _continues(request, head, known)
    return head


def _signed(note: Note, key: VerifierKey) -> bool:
    """Tell whether a key signed; lines by other keys are passed over, as C2SP says."""
    for signature in note.signatures:
        if key.owns(signature):
            try:
                key.verify(note.text, signature)
            except SignatureError:
                return False
            return True
    return False


def _continues(request: AddCheckpoint, head: Checkpoint, known: Seen) -> None:
    """Demand the proof that `head` continues `known`."""
    if known.size == 0:
        if request.proof:
            raise WitnessRefusedError(UNPROVEN, "from size 0 there is no consistency proof")
        if head.size == 0 and head.root != EMPTY_ROOT:
            raise WitnessRefusedError(UNPROVEN, "the root of no leaves is the hash of nothing")
        return
    try:
        verify_consistency(
            old_size=known.size,
            old_root=known.root,
            new_size=head.size,
            new_root=head.root,
            proof=request.proof,
        )
    except InvalidEvidenceError as error:
        raise WitnessRefusedError(UNPROVEN, error.message) from error


class TlogWitness:
    """A witness of any number of logs.

    Parameters
    ----------
    key : CosignatureKey
        The witness's key.
    logs : iterable of VerifierKey
        Keys of the logs it accepts, each named after its log's origin; one log may have several.
    state : WitnessState
        What it has co-signed.
    authors : mapping of str to sequence of VerifierKey, optional
        By origin the signing keys of those whose withheld entries it takes; of no others.
    clock : callable, optional
        Returns the time in UTC; a co-signature states it.
    keep : callable, optional
        Takes the proof when a log has signed two histories.
    before_keeping : callable, optional
        Called between the judgement and the write: where a test lets a second request overtake.

    Disclosure
    ----------
    The witness learns how many leaves a log has, when, and their root, and reads the entries that
    their authors or the log show it because they were withheld. A co-signature tells everybody that
    it saw this head at this time.
    """

    def __init__(
        self,
        key: CosignatureKey,
        logs: Iterable[VerifierKey],
        state: WitnessState,
        *,
        authors: Mapping[str, Sequence[VerifierKey]] | None = None,
        clock: Callable[[], datetime] = utc_now,
        keep: Callable[[ForkProof], None] = lambda proof: None,
        before_keeping: Callable[[], None] = lambda: None,
    ) -> None:
        self.key = key
        self.state = state
        self.logs: dict[str, list[VerifierKey]] = {}
        for log in logs:
            self.logs.setdefault(log.name, []).append(log)
        self.authors = dict(authors or {})
        self._clock = clock
        self._keep = keep
        self._before_keeping = before_keeping

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer one request; what is co-signed is on the disk before.

        Raises
        ------
        LedgerError
            When the state cannot be read or written; nothing was co-signed then.
        """
        return self._answer(lambda: ([], body))

    def add_shown(self, body: bytes) -> Answer:
        """Answer the same request behind entries that the log shows in its checkpoint.

        Raises
        ------
        LedgerError
            As `add_checkpoint`.
        """
        return self._answer(lambda: parse_shown(body))

    def _answer(self, read: Callable[[], tuple[list[ShownEntry], bytes]]) -> Answer:
        try:
            shown, body = read()
            request = AddCheckpoint.parse(body)
        except MalformedEntryError as error:
            return Answer(BAD_REQUEST, f"{error.message}\n".encode())
        try:
            return Answer(200, self.cosign(request, shown))
        except WitnessRefusedError as refusal:
            if refusal.status == UNPROVEN or refusal.is_fork:
                self._convict(request)
            if refusal.status == CONFLICT:
                size = self.state.seen(request.head().origin).size
                return Answer(CONFLICT, b"%d\n" % size, SIZE_TYPE)
            return Answer(refusal.status, f"{refusal.message}\n".encode())

    def _convict(self, request: AddCheckpoint) -> None:
        """Keep the proof when a refused request shows that the log has signed two histories."""
        origin, note = request.head().origin, request.note.encode()
        known = self.state.seen(origin).note
        for log in self.logs[origin] if known else ():
            if _signed(request.note, log):
                proof = from_request(log, known, note, request.proof)
                if proof is not None:
                    self._keep(proof)

    def hold(self, body: bytes) -> Answer:
        """Take an entry whose author got no receipt; what is taken is on the disk before.

        Of each author one is held. One of a larger number takes its place, for it says that the
        earlier one is settled. Another takes it, and the time since when, only once the earlier one
        is too old: else an author would exchange it as fast as the log can refuse it.

        Raises
        ------
        LedgerError
            When the state cannot be read or written.
        """
        now = self._clock()
        try:
            signed = take(body, authors=self.authors, now=now)
        except WitnessRefusedError as refusal:
            return Answer(refusal.status, f"{refusal.message}\n".encode())
        since_s = int(now.timestamp())
        earlier = self.state.held(signed.entry.ledger).get(signed.entry.author)
        if earlier is not None and not follows(earlier, signed):
            if not earlier.is_too_old(now):
                return Answer(202, f"held: {earlier.entry.id}\n".encode())
            since_s = earlier.since_s
        self.state.hold(Held(signed, since_s))
        return Answer(202, f"held: {signed.id}\n".encode())

    def hand_out(self, body: bytes) -> Answer:
        """Give the log an entry that is held; to nobody else, for others may not read it.

        Raises
        ------
        LedgerError
            When the state cannot be read.
        """
        try:
            note = Note.parse(body)
            _, origin, entry_id, rest = note.text.decode().split("\n")
        except (MalformedEntryError, ValueError):
            return Answer(BAD_REQUEST, b"a log asks for an entry by its id\n")
        if rest or note.text != asked_text(origin, entry_id):
            return Answer(BAD_REQUEST, b"a log asks for an entry by its id\n")
        if not any(_signed(note, key) for key in self.logs.get(origin, ())):
            return Answer(FORBIDDEN, b"no trusted key of the log has signed this\n")
        for one in self.state.held(origin).values():
            if one.entry.id == entry_id:
                return Answer(200, one.entry.encode())
        return Answer(NOT_FOUND, b"the entry is not held\n")

    def _demand_entries(self, head: Checkpoint, shown: Sequence[ShownEntry]) -> list[Held]:
        """Return what the shown entries settle; refuse while anything is overdue beside it."""
        held = self.state.held(head.origin)
        try:
            settled = {entry_id for one in shown for entry_id in one.settles(head)}
        except LedgerError as error:
            raise WitnessRefusedError(UNPROVEN, error.message) from error
        overdue = sorted(
            one.entry.id
            for one in held.values()
            if one.is_overdue(self._clock()) and one.entry.id not in settled
        )
        if overdue:
            raise WitnessRefusedError(WITHHELD, "\n".join(overdue))
        return [one for one in held.values() if one.entry.id in settled]

    def cosign(self, request: AddCheckpoint, shown: Sequence[ShownEntry] = ()) -> bytes:
        """Co-sign the request's checkpoint; return the line with its newline.

        Parameters
        ----------
        request : AddCheckpoint
            What the log hands in.
        shown : sequence of ShownEntry
            Entries that stand in the checkpoint: those that were held are not held any longer.

        Raises
        ------
        WitnessRefusedError
            As `judge` says, with 409 when another request has overtaken this one, and with 503 when
            an entry is held that is overdue; the message names it.
        LedgerError
            When the state cannot be read or written.
        """
        judged: list[Seen] = []

        def seen(origin: str) -> Seen:
            judged.append(self.state.seen(origin))
            return judged[-1]

        head = judge(request, logs=self.logs, seen=seen)
        settled = self._demand_entries(head, shown)
        self._before_keeping()
        time_s = int(self._clock().timestamp())
        new = Seen(head.size, head.root, request.note.encode(), time_s)
        if not self.state.advance(head.origin, judged[-1], new):
            raise WitnessRefusedError(CONFLICT, "another request has overtaken this one")
        for one in settled:
            self.state.release(one)
        return self.key.cosign(request.note.text, time_s).line().encode() + b"\n"
