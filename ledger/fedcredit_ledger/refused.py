"""What the sequencer has refused and the coordinator is to record: who, by which rule.

Whoever floods the sequencer with what is refused must push out nobody's refusal, not even one of
its own. So only what can be recorded is kept (a kind that matters, signed by a party), and of each
party and rule the first, until it is taken: no more than there are parties and rules.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.errors import SignatureError
from fedcredit_ledger.note import VerifierKey
from fedcredit_ledger.state import PartyState

RECORDED = ("round-", "run-", "grant-")
"""Beginnings of the types whose refusals are recorded: openings, contributions, grants, runs."""

ORDINARY = frozenset({"author-gap", "opening-unwitnessed", "seen-went-back"})
"""Codes that honest software meets and mends by writing again: two processes of one author, an
opening that came before its quorum."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A refused entry, for the coordinator's ``entry-refused``.

    Attributes
    ----------
    entry_id, author, type, code : str
        As the entry says; the rule that refused it.
    note : bytes
        The entry with its signatures.
    is_demanded : bool
        A witness that holds it waits for its refusal.
    """

    entry_id: str
    author: str
    type: str
    code: str
    note: bytes
    is_demanded: bool = False


class Refused:
    """Refusals that wait to be recorded. Safe to use from several threads."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str, str], Refusal] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    def add(self, signed: SignedEntry, code: str, parties: Mapping[str, PartyState]) -> None:
        """Keep a refused entry, unless nobody would record it or one like it waits."""
        entry = signed.entry
        if not entry.type.startswith(RECORDED) or code in ORDINARY:
            return
        if (entry.author, code, "") in self._waiting or not _is_by_author(signed, parties):
            return
        with self._lock:
            self._waiting.setdefault((entry.author, code, ""), _refusal(signed, code))

    def demand(self, signed: SignedEntry, code: str) -> None:
        """Keep a refused entry that a witness holds, whatever it is; of each author the newest."""
        with self._lock:
            name = (signed.entry.author, "", "demanded")
            self._waiting[name] = _refusal(signed, code, is_demanded=True)

    def take(self) -> Refusal | None:
        """Return the one that has waited longest, or None."""
        with self._lock:
            if not self._waiting:
                return None
            return self._waiting.pop(next(iter(self._waiting)))


def _refusal(signed: SignedEntry, code: str, *, is_demanded: bool = False) -> Refusal:
    return Refusal(
        entry_id=signed.id,
        author=signed.entry.author,
        type=signed.entry.type,
        code=code,
        note=signed.encode(),
        is_demanded=is_demanded,
    )


def _is_by_author(signed: SignedEntry, parties: Mapping[str, PartyState]) -> bool:
    party = parties.get(signed.entry.author)
    if party is None:
        return False
    try:
        VerifierKey.parse(party.signing_vkey).verify(signed.note.text, signed.signatures[0])
    except SignatureError:
        return False
    return True
