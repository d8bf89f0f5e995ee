"""What a log shows a witness: a head, and the proof that it continues the one co-signed last.

References
----------
c2sp.org/tlog-witness, add-checkpoint; c2sp.org/tlog-checkpoint.
"""

import base64
import re
from dataclasses import dataclass

from fedcredit_ledger.checkpoint import MAX_PROOF_HASHES, Checkpoint
from fedcredit_ledger.errors import CheckpointError, MalformedEntryError
from fedcredit_ledger.merkle import HASH_BYTES
from fedcredit_ledger.note import Note, decode_base64

MAX_REQUEST_BYTES = 64 * 1024
"""A request is smaller: 64 proof and 64 signature lines are 20 kB."""

_OLD = re.compile(r"old (0|[1-9][0-9]{0,14})", re.ASCII)


@dataclass(frozen=True)
class AddCheckpoint:
    """A request: this head continues that one.

    Attributes
    ----------
    old_size : int
        Size of the head that the witness has co-signed last, as the log believes.
    proof : tuple of bytes
        Consistency proof from there to the checkpoint, 32 bytes each; none from size 0.
    note : Note
        The checkpoint, signed by the log.
    """

    old_size: int
    proof: tuple[bytes, ...]
    note: Note

    def encode(self) -> bytes:
        """Return the body of the request."""
        lines = [f"old {self.old_size}", *(base64.b64encode(h).decode() for h in self.proof)]
        return "\n".join([*lines, "", ""]).encode() + self.note.encode()

    @classmethod
    def parse(cls, body: bytes) -> "AddCheckpoint":
        """Read a body; nothing is verified yet.

        Raises
        ------
        MalformedEntryError
            When it is not in the form.
        """
        if len(body) > MAX_REQUEST_BYTES:
            raise MalformedEntryError(f"a request is larger than {MAX_REQUEST_BYTES} bytes")
        head, separator, note = body.partition(b"\n\n")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise MalformedEntryError("a request's proof is not ASCII") from error
        old = _OLD.fullmatch(first)
        if not separator or old is None:
            raise MalformedEntryError("a request begins with its old size, alone on a line")
        if len(lines) > MAX_PROOF_HASHES:
            raise MalformedEntryError(f"a consistency proof has at most {MAX_PROOF_HASHES} lines")
        proof = tuple(decode_base64(line) for line in lines)
        if any(len(value) != HASH_BYTES for value in proof):
            raise MalformedEntryError("a line of a consistency proof is one hash of 32 bytes")
        return cls(int(old[1]), proof, Note.parse(note))

    def head(self) -> Checkpoint:
        """Return the head that the note states; lines of extension are passed over.

        Raises
        ------
        CheckpointError
        """
        lines = self.note.text.split(b"\n")
        if b"" in lines[3:-1]:
            raise CheckpointError("a checkpoint's lines of extension are not empty")
        return Checkpoint.parse(b"\n".join([*lines[:3], b""]))
