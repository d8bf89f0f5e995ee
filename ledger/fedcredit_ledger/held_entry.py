"""Entries that an outside witness holds because their authors got no receipt: pressure on a log.

An author that waits in vain hands its signed entry to the witness. When the witness has held it for
too long it co-signs no head, until the log shows the entry in the head that it wants co-signed, or
shows there that it has refused it in public. An entry that has become too old for the rules presses
no more: its author signs it again.

References
----------
Ledger SPEC.md, Witnesses (W4).
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.checkpoint import MAX_PROOF_HASHES, Checkpoint
from fedcredit_ledger.entry import SignedEntry, parse_time
from fedcredit_ledger.errors import MalformedEntryError, SignatureError, WitnessRefusedError
from fedcredit_ledger.merkle import verify_inclusion
from fedcredit_ledger.note import VerifierKey, decode_base64
from fedcredit_ledger.rules import MAX_DRIFT_S

PATIENCE_S = 120
"""How long a witness holds an entry before it stops co-signing."""

RECEIPT_S = 60.0
"""How long an author waits for a receipt before it hands the entry over."""

MAX_ENTRY_BYTES = 16_384

MAX_SHOWN = 64
"""Entries that a log shows at once."""

HEADER = b"fedcredit-shown-entries/v1\n"

ASKED = b"fedcredit-asked-entry/v1\n"

_LEAF = re.compile(rb"leaf (0|[1-9][0-9]{0,14}) ([1-9][0-9]{0,4}) (0|[1-9][0-9]?)", re.ASCII)


@dataclass(frozen=True)
class Held:
    """An entry that a witness holds.

    Attributes
    ----------
    entry : SignedEntry
        As its author handed it over.
    since_s : int
        When the witness began to hold it, or the one that it takes the place of; Unix seconds.
    """

    entry: SignedEntry
    since_s: int

    def is_overdue(self, now: datetime) -> bool:
        """Tell whether it stops co-signatures: held for too long, and not yet too old itself."""
        return now.timestamp() - self.since_s > PATIENCE_S and not self.is_too_old(now)

    def is_too_old(self, now: datetime) -> bool:
        """Tell whether the rules would refuse it by now."""
        return abs((now - parse_time(self.entry.entry.time)).total_seconds()) > MAX_DRIFT_S


def take(
    body: bytes, *, authors: Mapping[str, Sequence[VerifierKey]], now: datetime
) -> SignedEntry:
    """Read an entry that is handed over.

    Parameters
    ----------
    body : bytes
        The signed entry.
    authors : mapping of str to sequence of VerifierKey
        By origin the signing keys of those whose entries are taken.
    now : datetime
        The witness's time.

    Raises
    ------
    WitnessRefusedError
        400 when it is no entry or its time is more than 600 s from `now`, 404 for another ledger,
        403 when no known author has signed it.
    """
    try:
        if len(body) > MAX_ENTRY_BYTES:
            raise MalformedEntryError(f"an entry is larger than {MAX_ENTRY_BYTES} bytes")
        signed = SignedEntry.parse(body)
        age_s = abs((now - parse_time(signed.entry.time)).total_seconds())
    except MalformedEntryError as error:
        raise WitnessRefusedError(400, error.message) from error
    if signed.entry.ledger not in authors:
        raise WitnessRefusedError(404, "entries of that ledger are not taken here")
    keys = [key for key in authors[signed.entry.ledger] if key.name == signed.entry.author]
    if not any(_is_by(signed, key) for key in keys):
        raise WitnessRefusedError(403, "no author that is known here has signed the entry")
    if age_s > MAX_DRIFT_S:
        raise WitnessRefusedError(400, f"the entry's time is more than {MAX_DRIFT_S} s off")
    return signed


def _is_by(signed: SignedEntry, key: VerifierKey) -> bool:
    try:
        key.verify(signed.note.text, signed.signatures[0])
    except SignatureError:
        return False
    return True


def follows(held: Held, signed: SignedEntry) -> bool:
    """Tell whether the author has gone on: its new entry says that the held one is settled."""
    return signed.entry.author_seq > held.entry.entry.author_seq


def asked_text(origin: str, entry_id: str) -> bytes:
    """Return what a log signs to get an entry that is held, so that it can take or refuse it."""
    return ASKED + f"{origin}\n{entry_id}\n".encode()


@dataclass(frozen=True)
class ShownEntry:
    """A leaf, and its inclusion proof in the head that comes with it.

    Attributes
    ----------
    index : int
    leaf : bytes
    hashes : tuple of bytes
    """

    index: int
    leaf: bytes
    hashes: tuple[bytes, ...]

    def settles(self, head: Checkpoint) -> tuple[str, ...]:
        """Verify it; return the ids of the entries that it settles: its own, and one refused.

        Raises
        ------
        InvalidEvidenceError, MalformedEntryError
            When the leaf is not in the head, or is none.
        """
        leaf = Leaf.parse(self.leaf)
        verify_inclusion(
            leaf.hash, index=self.index, size=head.size, proof=self.hashes, root=head.root
        )
        entry = leaf.signed.entry
        refused = entry.data.get("entry_id") if entry.type == "entry-refused" else None
        return (leaf.signed.id, str(refused)) if refused else (leaf.signed.id,)


def encode_shown(shown: Sequence[ShownEntry], request: bytes) -> bytes:
    """Return the body that shows entries before an add-checkpoint request."""
    parts = [HEADER]
    for one in shown:
        parts.append(b"leaf %d %d %d\n" % (one.index, len(one.leaf), len(one.hashes)))
        parts.append(one.leaf)
        parts += [base64.b64encode(value) + b"\n" for value in one.hashes]
    return b"".join([*parts, b"\n", request])


def parse_shown(body: bytes) -> tuple[list[ShownEntry], bytes]:
    """Read such a body; return what is shown, and the add-checkpoint request.

    Raises
    ------
    MalformedEntryError
        When it is not in the form.
    """
    if not body.startswith(HEADER):
        raise MalformedEntryError("shown entries begin with their header line")
    place = len(HEADER)
    shown: list[ShownEntry] = []

    def line() -> bytes:
        nonlocal place
        end = body.find(b"\n", place)
        if end < 0:
            raise MalformedEntryError("shown entries end too early")
        text, place = body[place:end], end + 1
        return text

    while found := line():
        row = _LEAF.fullmatch(found)
        if row is None or len(shown) == MAX_SHOWN:
            raise MalformedEntryError(f"a shown entry has a line of its own, at most {MAX_SHOWN}")
        index, length, n_hashes = map(int, row.groups())
        leaf, place = body[place : place + length], place + length
        if n_hashes > MAX_PROOF_HASHES:
            raise MalformedEntryError("an inclusion proof has at most 63 hashes")
        try:
            hashes = tuple(decode_base64(line().decode("ascii")) for _ in range(n_hashes))
        except UnicodeDecodeError as error:
            raise MalformedEntryError("an inclusion proof is not ASCII") from error
        shown.append(ShownEntry(index, leaf, hashes))
    return shown, body[place:]
