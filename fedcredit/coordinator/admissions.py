"""Who is invited to join a running federation, and the entry that admits it.

The coordinator's operator puts an invitation into the state folder; the running coordinator reads
it there. The invited party asks the front for the entry, which holds exactly the keys of the
invitation and the endorsements that stand on the ledger, signs it, and hands it in. The coordinator
signs it then and appends it at once, or it is refused by the rules as everybody's entry is: an
invitation grants nothing.
"""

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from fedcredit.errors import FoundingError
from fedcredit.founding import MEMBER_NAME
from fedcredit.founding_exchange import founder_document, read_founder
from fedcredit_ledger.entry import SignedEntry, act_digest
from fedcredit_ledger.errors import MalformedEntryError, RejectedEntryError, SignatureError
from fedcredit_ledger.note import VerifierKey
from fedcredit_ledger.quorum import endorsements_of, n_needed
from fedcredit_ledger.state import State
from fedcredit_parties.disk import kept_in
from fedcredit_parties.ledger_client import LedgerClient

_FOLDER = "invited"

_LOG = logging.getLogger(__name__)


def invite(state: Path, row: Mapping[str, Any]) -> Path:
    """Write an invitation; one for the same name takes its place.

    Parameters
    ----------
    state : Path
        The coordinator's state folder.
    row : mapping
        Content of the party's founder file, as `read_founder` returned it.
    """
    folder = state / _FOLDER
    path = folder / f"{row['party']}.json"
    part = folder / f"part-{row['party']}.json"
    with kept_in(state, "the invitation was not written"):
        folder.mkdir(exist_ok=True, mode=0o700)
        part.write_text(json.dumps(founder_document(row), indent=1), "utf-8")
        part.replace(path)
    return path


def endorsed_act(
    state: State, kind: str, data: Mapping[str, Any], *, now: datetime
) -> dict[str, Any]:
    """Return an act with the endorsements that stand on the ledger for it.

    Raises
    ------
    RejectedEntryError
        ``not-endorsed`` when these are too few.
    """
    about = str(data.get("party", ""))
    given = endorsements_of(state, kind, act_digest(kind, data), now=now, without=about)
    needed = n_needed(state, without=about)
    if len(given) < needed:
        raise RejectedEntryError(
            "not-endorsed", f"{needed} parties must endorse it: {', '.join(given) or 'none'} did"
        )
    return {**data, "endorsements": list(given.values())}


class Admissions:
    """The coordinator's counter for those who are invited.

    Parameters
    ----------
    folder : Path
        The coordinator's state folder.
    ledger : LedgerClient
        The coordinator's pen.

    Disclosure
    ----------
    An invited party learns the next entry of the coordinator: number, time, head of the ledger,
    and who has endorsed it. It reads no other entry before it is a party.
    """

    def __init__(self, folder: Path, ledger: LedgerClient) -> None:
        self._folder = folder / _FOLDER
        self._ledger = ledger
        self._drafted: dict[str, bytes] = {}

    def key(self, name: str) -> str:
        """Return the signing key of somebody who is invited; empty for everybody else."""
        try:
            row = self._row(name)
        except FoundingError as error:
            _LOG.warning("an invitation cannot be read: %s", error)
            return ""
        return "" if row is None else str(row["signing_vkey"])

    def draft(self, name: str) -> bytes:
        """Return the text of the entry that admits `name`; the coordinator has not signed it yet.

        Raises
        ------
        RejectedEntryError
            ``not-permitted`` when nobody of that name is invited.
        """
        row = self._row(name)
        if row is None:
            raise _not_invited(name)
        self._ledger.refresh()
        now = self._ledger.clock()
        data = endorsed_act(self._ledger.state, "party-joined", row, now=now)
        self._drafted[name] = self._ledger.draft_text("party-joined", data)
        return self._drafted[name]

    def accept(self, name: str, note: bytes) -> str:
        """Sign the entry that `name` has signed, and append it; return its id.

        Raises
        ------
        RejectedEntryError
            When it is not what was drafted for `name`, or a rule refuses it.
        """
        row = self._row(name)
        if row is None:
            raise _not_invited(name)
        try:
            signed = SignedEntry.parse(note)
        except MalformedEntryError as error:
            raise RejectedEntryError("malformed", error.message) from None
        bare = {key: value for key, value in signed.entry.data.items() if key != "endorsements"}
        if signed.note.text != self._drafted.get(name) or bare != row:
            raise RejectedEntryError("not-permitted", "this is not the entry that was drafted")
        try:
            VerifierKey.parse(row["signing_vkey"]).verify(signed.note.text, signed.signatures[0])
        except SignatureError as error:
            raise RejectedEntryError("wrong-key", error.message) from None
        entry_id = self._ledger.complete(signed.note.text, *signed.signatures)
        del self._drafted[name]
        (self._folder / f"{name}.json").unlink(missing_ok=True)
        return entry_id

    def _row(self, name: str) -> dict[str, Any] | None:
        path = self._folder / f"{name}.json"
        if MEMBER_NAME.fullmatch(name) is None or not path.exists():
            return None
        return read_founder(path)


def _not_invited(name: str) -> RejectedEntryError:
    return RejectedEntryError("not-permitted", f"{name} is not invited")
