"""Write into the ledger what the ledger refused: late, double, replayed and foreign contributions.

A refusal is answered with its code and forgotten by the sequencer. That an opening was tried twice,
or that a party contributed to a run it has no part in, is a fact for everybody: the coordinator
records it as ``entry-refused``, with the code and digests and nothing of the content. The refused
note itself, whose signature proves its author, is kept beside the ledger.
"""

import hashlib
import os
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from fedcredit.coordinator.front import Desk
from fedcredit_ledger.errors import LedgerError, RejectedEntryError
from fedcredit_ledger.refused import Refusal
from fedcredit_ledger.rules_log import is_recorded
from fedcredit_parties.ledger_client import POLL_S
from fedcredit_parties.member import Member, utc_now


class Refusals:
    """Record refusals, bounded: one for an author and code until the next proposal, or a day.

    Those of entries that a witness holds are recorded each: else it would co-sign no more.

    Parameters
    ----------
    desk : Desk
        Its log holds what was refused; whoever hands something in wakes it.
    member : Member
        The coordinator, which writes.
    folder : Path, optional
        Where refused notes are kept, one file each, named by digest; nowhere when absent.
    clock : callable, optional
        Returns the current time in UTC.

    Disclosure
    ----------
    Every party reads who was refused and by which rule, of entries that carry that party's own
    signature. A forged name is not repeated.
    """

    def __init__(
        self,
        desk: Desk,
        member: Member,
        *,
        folder: Path | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._desk = desk
        self._member = member
        self._folder = folder
        self._clock = clock

    def serve(self, stop: threading.Event) -> None:
        """Record until `stop` is set."""
        refused = self._desk.log.refused
        while not stop.is_set() and not self._desk.closed:
            while (refusal := refused.take()) is not None:
                self._record(refusal)
            self._desk.wait(lambda: True if refused else None, POLL_S)

    def _record(self, refusal: Refusal) -> None:
        if not self._is_worth_it(refusal):
            return
        text_digest = hashlib.sha256(refusal.note).hexdigest()
        if self._folder is not None:
            _keep(self._folder, text_digest, refusal.note)
        fact = {
            "entry_id": refusal.entry_id,
            "author": refusal.author,
            "code": refusal.code,
            "text_digest": text_digest,
        }
        try:
            self._member.ledger.append("entry-refused", fact)
        except RejectedEntryError:
            # The entry was accepted after all, or another process has recorded it meanwhile.
            self._member.ledger.refresh()
        except LedgerError as error:
            self._member.rejected.append(error)

    def _is_worth_it(self, refusal: Refusal) -> bool:
        """Tell whether it is another's and new."""
        if refusal.author == self._member.name:
            return False
        state = self._desk.log.state
        if refusal.is_demanded:
            return self._desk.log.settled_at(refusal.entry_id) is None
        return not is_recorded(state, refusal.author, refusal.code, self._clock())


def _keep(folder: Path, digest: str, note: bytes) -> None:
    """Write a refused note for its owner only, before the ledger speaks of it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = folder / f"part-{digest}"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(note)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / f"{digest}.note")
