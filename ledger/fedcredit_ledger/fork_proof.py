"""A proof that a log has signed two histories, for anybody who has the log's key.

Two heads, each signed by the log, that cannot both be true. Of one size with two roots they speak
for themselves. Of two sizes, a consistency proof shows which root the larger head's own tree has at
the smaller size: another one than the smaller head says.

References
----------
RFC 9162, section 2.1.4 (consistency proofs); ledger SPEC.md, Fork proofs.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from fedcredit_ledger.checkpoint import MAX_PROOF_HASHES, Checkpoint, open_checkpoint
from fedcredit_ledger.errors import (
    CheckpointError,
    InvalidEvidenceError,
    LedgerError,
    MalformedEntryError,
)
from fedcredit_ledger.merkle import HASH_BYTES, AnyTree, node_hash, verify_consistency
from fedcredit_ledger.note import Note, VerifierKey

FORMAT = "fedcredit-fork-proof/v1"

MAX_PROOF_BYTES = 64 * 1024

_FIELDS = {"format", "log", "smaller", "larger", "root", "hashes"}


@dataclass(frozen=True, kw_only=True)
class ForkProof:
    """Two heads that contradict each other.

    Attributes
    ----------
    log : str
        The log's key (vkey), as the proof's maker knows it; a reader compares it with his own.
    smaller, larger : bytes
        Checkpoints signed by the log, the smaller size first.
    root : bytes
        Root that the tree of `larger` has at the size of `smaller`.
    hashes : tuple of bytes
        Consistency proof from there to `larger`; empty when the sizes are equal.
    """

    log: str
    smaller: bytes
    larger: bytes
    root: bytes
    hashes: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        """Return the proof as a JSON document that a person can read."""
        document = {
            "format": FORMAT,
            "log": self.log,
            "smaller": self.smaller.decode(),
            "larger": self.larger.decode(),
            "root": self.root.hex(),
            "hashes": [value.hex() for value in self.hashes],
        }
        return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the document: what ``misbehaviour-reported`` cites."""
        return hashlib.sha256(self.encode()).hexdigest()

    @classmethod
    def parse(cls, data: bytes) -> "ForkProof":
        """Read a document; nothing is verified yet.

        Raises
        ------
        InvalidEvidenceError
            When it is not in the form.
        """
        try:
            if len(data) > MAX_PROOF_BYTES:
                raise ValueError
            fields = json.loads(data.decode())
            if not isinstance(fields, dict) or set(fields) != _FIELDS:
                raise ValueError
            proof = cls(
                log=VerifierKey.parse(fields["log"]).vkey,
                smaller=fields["smaller"].encode(),
                larger=fields["larger"].encode(),
                root=bytes.fromhex(fields["root"]),
                hashes=tuple(bytes.fromhex(value) for value in fields["hashes"]),
            )
        except (LedgerError, ValueError, TypeError, AttributeError, RecursionError):
            raise InvalidEvidenceError(
                "this is no fork proof", expected=FORMAT, found="another document"
            ) from None
        if fields["format"] != FORMAT or proof.encode() != data:
            raise InvalidEvidenceError("a fork proof is not in its one form", expected=FORMAT)
        return proof

    def heads(self, log: VerifierKey) -> tuple[Checkpoint, Checkpoint]:
        """Verify the proof; return the two heads that the log has signed.

        Parameters
        ----------
        log : VerifierKey
            The log's key, from the founding entry.

        Raises
        ------
        InvalidEvidenceError
            When the two heads can both be true, or nothing shows that they cannot.
        CheckpointError
            When the log did not sign one of them.
        """
        try:
            smaller = open_checkpoint(Note.parse(self.smaller), log)
            larger = open_checkpoint(Note.parse(self.larger), log)
        except MalformedEntryError as error:
            raise InvalidEvidenceError("a fork proof holds a head that is none") from error
        if len(self.root) != HASH_BYTES or len(self.hashes) > MAX_PROOF_HASHES:
            raise InvalidEvidenceError("a fork proof's hashes have 32 bytes and are at most 63")
        if smaller.size == larger.size == 0:
            raise InvalidEvidenceError("two empty ledgers are no fork")
        verify_consistency(
            old_size=smaller.size,
            old_root=self.root,
            new_size=larger.size,
            new_root=larger.root,
            proof=self.hashes,
        )
        if self.root == smaller.root:
            raise InvalidEvidenceError("the two heads can both be true: the larger continues")
        return smaller, larger


def from_tree(log: VerifierKey, foreign: bytes, own: bytes, tree: AnyTree) -> ForkProof | None:
    """Hold a foreign head against one's own, whose tree one has.

    Parameters
    ----------
    log : VerifierKey
        The log's key.
    foreign : bytes
        A checkpoint that is not of this tree, signed by the log.
    own : bytes
        A checkpoint of this tree, signed by the log.
    tree : AnyTree
        At least as large as `own`.

    Returns
    -------
    ForkProof or None
        None when the foreign head is larger than one's own: its tree is not here, so nothing can be
        shown from it. Its leaves, or a proof by the log, would show it.
    """
    theirs, mine = _size(foreign), _size(own)
    if not 0 < theirs <= mine <= tree.size:
        return None
    proof = ForkProof(
        log=log.vkey,
        smaller=foreign,
        larger=own,
        root=tree.root_at(theirs),
        hashes=tuple(tree.consistency_proof(theirs, mine)) if theirs < mine else (),
    )
    return _if_it_holds(proof, log)


def from_request(
    log: VerifierKey, known: bytes, offered: bytes, hashes: Sequence[bytes]
) -> ForkProof | None:
    """Hold a head that was offered, with the log's own proof, against one co-signed before.

    Parameters
    ----------
    log : VerifierKey
        The log's key.
    known : bytes
        The newest checkpoint that was co-signed.
    offered : bytes
        A checkpoint that does not continue it, signed by the log.
    hashes : sequence of bytes
        The consistency proof that came with it.

    Returns
    -------
    ForkProof or None
        None when the hashes do not lead to the offered head (anybody can send such a request, so it
        proves nothing), or when the known size is a power of two, whose root a consistency proof
        does not carry.
    """
    old, new = _size(known), _size(offered)
    if old > new or old == 0:
        return None
    if old == new:
        root = Checkpoint.parse(Note.parse(offered).text).root
        proof = ForkProof(log=log.vkey, smaller=known, larger=offered, root=root)
        return _if_it_holds(proof, log)
    if old & (old - 1) == 0 or not hashes:
        return None
    proof = ForkProof(
        log=log.vkey,
        smaller=known,
        larger=offered,
        root=_old_root(hashes, old, new),
        hashes=tuple(hashes),
    )
    return _if_it_holds(proof, log)


def _old_root(hashes: Sequence[bytes], old: int, new: int) -> bytes:
    """Return the root at `old` that a consistency proof leads to (RFC 9162, 2.1.4.2)."""
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    root = hashes[0]
    for sibling in hashes[1:]:
        if fn & 1 or fn == sn:
            root = node_hash(sibling, root)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        fn, sn = fn >> 1, sn >> 1
    return root


def _if_it_holds(proof: ForkProof, log: VerifierKey) -> ForkProof | None:
    try:
        proof.heads(log)
    except (InvalidEvidenceError, CheckpointError):
        return None
    return proof


def _size(note: bytes) -> int:
    return Checkpoint.parse(Note.parse(note).text).size
