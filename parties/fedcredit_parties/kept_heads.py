"""What a member keeps of the ledger across its lives: its newest receipt, and the newest head.

Both are signed by the log, so the log cannot deny them. At its next start the member compares them
with the ledger that it is served, and a daemon shows the newest one to the coordinator whenever it
says that it lives: a coordinator that was restored from an old copy learns it from its members.
"""

import os
from pathlib import Path

from fedcredit_ledger.checkpoint import Checkpoint, TlogProof, open_checkpoint
from fedcredit_ledger.errors import ForkError, LedgerError, RollbackError
from fedcredit_ledger.note import Note, VerifierKey
from fedcredit_ledger.replica import Replica
from fedcredit_parties.disk import kept_in

RECEIPT = "newest-receipt"
COSIGNED = "newest-cosigned"


class KeptHeads:
    """The newest receipt and the newest co-signed head of one member.

    Parameters
    ----------
    party : str
        The member.
    folder : Path, optional
        Its state folder; without one they live as long as the object.

    Raises
    ------
    LedgerError
        When a file is not what was written there.
    """

    def __init__(self, party: str, folder: Path | None) -> None:
        self._party = party
        self._folder = folder
        self._receipt: Note | None = None
        self._newest: Note | None = None
        for name in (RECEIPT, COSIGNED):
            found = self._read(name)
            if found is not None:
                self._take(found)
                self._receipt = found if name == RECEIPT else self._receipt

    @property
    def newest(self) -> bytes:
        """The newest head that the log has signed for this member; empty for none."""
        return b"" if self._newest is None else self._newest.encode()

    def check(self, replica: Replica) -> None:
        """Compare what is kept with the verified copy of the ledger that is served.

        Raises
        ------
        RollbackError
            When the ledger is shorter.
        ForkError
            When it is another.
        """
        for note, what in ((self._receipt, "newest receipt"), (self._newest, "newest head")):
            if note is None:
                continue
            head = Checkpoint.parse(note.text)
            if head.size > replica.size:
                raise RollbackError(
                    f"the {what} of {self._party} is not in the ledger that is served",
                    party=self._party,
                    expected=f"at least {head.size} leaves",
                    found=str(replica.size),
                    remedy="the coordinator was rolled back: it must restore its newest ledger. "
                    f"Keep {RECEIPT} and {COSIGNED}: they are signed by the log",
                )
            if replica.root_at(head.size) != head.root:
                raise ForkError(
                    f"the {what} of {self._party} is of another history than the one served",
                    party=self._party,
                    expected=head.root.hex(),
                    found=replica.root_at(head.size).hex(),
                    remedy="keep both: together they are proof",
                )

    def keep_receipt(self, receipt: bytes, replica: Replica) -> None:
        """Keep the receipt of an own entry, once it is on the disk here too.

        Raises
        ------
        CheckpointError, SignatureError, InvalidEvidenceError
            When the log has not signed it.
        DiskFullError, MachineError
            When it cannot be kept.
        """
        note = TlogProof.parse(receipt).checkpoint
        open_checkpoint(note, VerifierKey.parse(replica.head_rule(_size(note)).log_vkey))
        self._write(RECEIPT, receipt)
        self._receipt = note
        self._take(note)

    def keep_cosigned(self, note: bytes) -> None:
        """Keep a head that this member has just verified and co-signed."""
        self._write(COSIGNED, note)
        self._take(Note.parse(note))

    def _take(self, note: Note) -> None:
        newest = self._newest
        if newest is None or _size(note) > _size(newest):
            self._newest = note

    def _read(self, name: str) -> Note | None:
        if self._folder is None or not (path := self._folder / name).exists():
            return None
        try:
            raw = path.read_bytes()
            note = TlogProof.parse(raw).checkpoint if name == RECEIPT else Note.parse(raw)
            _size(note)
        except LedgerError as error:
            raise LedgerError(
                f"{name} is not what was kept there: {error.message}",
                party=self._party,
                remedy=f"move {name} away, and compare the ledger with another member's",
            ) from error
        return note

    def _write(self, name: str, data: bytes) -> None:
        """Replace a file; the old one stays whole until the new one is on the disk."""
        if self._folder is None:
            return
        part = self._folder / f"part-{name}"
        with kept_in(self._folder, f"{name} was not kept", party=self._party):
            with open(part, "wb") as file:
                file.write(data)
                file.flush()
                os.fdatasync(file.fileno())
            part.replace(self._folder / name)


def _size(note: Note) -> int:
    return Checkpoint.parse(note.text).size
