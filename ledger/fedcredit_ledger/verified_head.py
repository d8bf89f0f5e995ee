"""The head up to which somebody has verified a ledger, kept to go on from there.

Beside the head it names the leaves that change what heads are judged by: keys and policies. Who
goes on reads those few again, each with its proof under the head's root, instead of every older
leaf. So nothing about keys is believed because the file says so; what it is trusted for is the root
and that no such leaf is missing from it. Keep it where nobody else writes, as one keeps a head.
"""

import hashlib
import re
from dataclasses import dataclass

from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.errors import CheckpointError, InvalidEvidenceError
from fedcredit_ledger.kept import Kept, KeptTree
from fedcredit_ledger.merkle import leaf_hash, verify_inclusion
from fedcredit_ledger.note import Note

HEADER = "fedcredit-ledger-verified/v1"
_PLACES = re.compile("0( [1-9][0-9]{0,15})*")


@dataclass(frozen=True, kw_only=True)
class VerifiedHead:
    """A head and the leaves under it that heads are judged by.

    Attributes
    ----------
    note : bytes
        The head, signed by the log.
    places : tuple of int
        Indices of those leaves, ascending, the founding entry's first.
    """

    note: bytes
    places: tuple[int, ...]

    def encode(self) -> bytes:
        """Return the file: header, digest of what follows, indices, and the head."""
        body = " ".join(map(str, self.places)).encode() + b"\n" + self.note
        return f"{HEADER}\n{hashlib.sha256(body).hexdigest()}\n".encode() + body

    @classmethod
    def parse(cls, raw: bytes) -> "VerifiedHead":
        """Read a file that `encode` has written.

        Raises
        ------
        CheckpointError
            When it is not one, or not as it was written.
        """
        header, digest, body = (*raw.split(b"\n", 2), b"", b"")[:3]
        listed, _, note = body.partition(b"\n")
        text = listed.decode("ascii", "replace")
        places = tuple(map(int, text.split(" "))) if _PLACES.fullmatch(text) else ()
        if (
            header != HEADER.encode()
            or digest != hashlib.sha256(body).hexdigest().encode()
            or not places
            or list(places) != sorted(set(places))
        ):
            raise CheckpointError(
                "the file of the verified head is not as it was written",
                expected=f"{HEADER}, as --keep writes it",
                found="another form or digest",
                remedy="verify the ledger from its beginning, and --keep the head anew",
            )
        return cls(note=note, places=places)

    @staticmethod
    def is_meant(raw: bytes) -> bool:
        """Tell whether bytes are of this kind, and not a bare head."""
        return raw.startswith(HEADER.encode() + b"\n")

    def leaves(self, kept: Kept) -> list[tuple[int, bytes]]:
        """Return the leaves named, each proved to lie under the head.

        Parameters
        ----------
        kept : Kept
            Where the ledger is stored.

        Raises
        ------
        InvalidEvidenceError
            When a leaf is not the one that lies under the root.
        LedgerError
            When a leaf or node is not stored.
        """
        head = Checkpoint.parse(Note.parse(self.note).text)
        tree, found = KeptTree(kept.node, head.size), []
        for place in self.places:
            raw = b"".join(kept.leaves(place, 1))
            if place >= head.size or not raw:
                raise InvalidEvidenceError(
                    "the file of the verified head names a leaf beyond it",
                    expected=f"below {head.size}",
                    found=str(place),
                )
            verify_inclusion(
                leaf_hash(raw),
                index=place,
                size=head.size,
                proof=tree.inclusion_proof(place, head.size),
                root=head.root,
            )
            found.append((place, raw))
        return found
