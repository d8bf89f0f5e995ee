"""The front: the calls that members of a federation make at the coordinator's counter.

Lane X of a round (ledger entries, checkpoints, blobs, inboxes) goes through this interface and
through nothing else; lane F (the Flower messages) carries what is large. Everything that passes is
bytes. A simulation implements it in one process (`fedcredit.coordinator.front`); the deployment
puts the same calls behind HTTPS. The front is not trusted: whatever it hands out is checked by the
member that receives it against signatures, digests and its own copy of the ledger.
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class SubmitAnswer:
    """What the sequencer says of one submitted entry.

    Attributes
    ----------
    receipt : bytes
        C2SP tlog-proof of the entry; empty when it was refused.
    code : str
        The rule that refused it (ledger SPEC.md, rules); empty when it was accepted.
    detail : str
        One sentence for the author of the entry.
    """

    receipt: bytes = b""
    code: str = ""
    detail: str = ""


class Front(Protocol):
    """Calls of one member; the front knows the caller by `name`."""

    name: str
    n_bytes_sent: int

    def submit(self, notes: list[bytes]) -> list[SubmitAnswer]:
        """Append signed entries, in order; idempotent by entry id."""
        ...

    def leaves(self, start: int, *, timeout_s: float = 0.0) -> list[bytes]:
        """Return leaves from `start`; wait up to `timeout_s` until there is one."""
        ...

    def checkpoint(self, *, covering: int, timeout_s: float) -> bytes | None:
        """Return a checkpoint with the quorum's co-signatures over at least `covering` leaves."""
        ...

    def witness_pending(self, old_size: int, *, timeout_s: float) -> bytes | None:
        """Wait for a checkpoint larger than `old_size` that somebody wants co-signed."""
        ...

    def cosign(self, lines: bytes) -> None:
        """Hand in co-signature lines for the checkpoint that was pending."""
        ...

    def put_blob(self, data: bytes) -> str:
        """Store bytes under their SHA-256 and return it in hex."""
        ...

    def get_blob(self, digest: str) -> bytes:
        """Return the bytes with this SHA-256."""
        ...

    def post(self, recipient: str, note: bytes) -> None:
        """Put a signed note into another member's inbox."""
        ...

    def inbox(self, after: int, *, timeout_s: float = 0.0) -> list[tuple[int, bytes]]:
        """Return own notes numbered above `after`; wait up to `timeout_s` for the first."""
        ...

    def leave(self) -> None:
        """Wait no longer, neither for news nor for a front that does not answer."""
        ...

    def close(self) -> None:
        """Close what this member holds open at the front."""
        ...
