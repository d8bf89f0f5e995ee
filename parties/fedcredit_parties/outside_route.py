"""A member's second route: the witnesses that are no members, reached without the coordinator.

Two things go this way, both only where the policy names such a witness. Once an hour the member
reads the head that the witness has co-signed last, and compares it with the ledger that it is
served: a coordinator that shows the two different histories is found within the hour. And an entry
for which no receipt came is handed over, which stops the witness's co-signatures until the
coordinator shows it (W4).

References
----------
Ledger SPEC.md, Witnesses.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import httpx

from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.errors import CheckpointError, LedgerError, RollbackError
from fedcredit_ledger.held_entry import RECEIPT_S
from fedcredit_ledger.note import Note
from fedcredit_ledger.rules import MAX_DRIFT_S
from fedcredit_parties.ledger_client import LedgerClient

HOURLY_S = 3600.0
"""How often the witness's page is read."""

LOOK_S = 5.0
"""How often entries without a receipt are looked for."""

CALL_S = 5.0
"""How long a witness may take to answer."""

MAX_PAGE_BYTES = 64 * 1024

_LOG = logging.getLogger(__name__)


class OutsideRoute:
    """The way to the outside witnesses of one ledger.

    Parameters
    ----------
    ledger : LedgerClient
        The member's verified copy, and its entries that wait for a receipt.

    Disclosure
    ----------
    A witness learns that somebody reads its page, and of an entry that is handed over everything
    that the federation reads in it. Nothing is sent while receipts come.
    """

    def __init__(self, ledger: LedgerClient) -> None:
        self._ledger = ledger
        self._client = httpx.Client(
            timeout=CALL_S,
            trust_env=False,
            follow_redirects=False,
            headers={"accept-encoding": "identity"},
        )
        self._handed: set[str] = set()

    @property
    def urls(self) -> dict[str, str]:
        """The outside witnesses' addresses, by name, as the policy in force has them."""
        return self._ledger.replica.policy.urls

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def serve(self, stop: threading.Event, refuse: Callable[[bytes, LedgerError], None]) -> None:
        """Look after both until `stop` is set.

        Parameters
        ----------
        stop : Event
        refuse : callable
            Takes a witness's head that is not of this member's history, and the error.
        """
        read_s = time.monotonic() - HOURLY_S
        while not stop.wait(LOOK_S):
            self.press()
            if time.monotonic() - read_s >= HOURLY_S:
                read_s = time.monotonic()
                for name in self.urls:
                    with suppress(LedgerError):  # what is served need not be a head: it was logged
                        self.compare(name, refuse)

    def press(self, *, older_than_s: float = RECEIPT_S) -> None:
        """Hand over what has waited for a receipt for so long, once each."""
        for signed in self._ledger.unanswered(older_than_s=older_than_s, newer_than_s=MAX_DRIFT_S):
            if signed.id not in self._handed:
                self._handed.add(signed.id)
                for name, url in self.urls.items():
                    self._hand_over(name, url, signed)

    def _hand_over(self, name: str, url: str, signed: SignedEntry) -> None:
        try:
            answer = self._client.post(f"{url.rstrip('/')}/pending", content=signed.encode())
            said = f"answers {answer.status_code}"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            said = f"does not answer: {type(error).__name__}"
        _LOG.warning("no receipt for entry %s: handed to %s, which %s", signed.id[:16], name, said)

    def page(self, name: str) -> bytes:
        """Return the newest head that a witness has co-signed for this ledger; empty for none.

        Raises
        ------
        CheckpointError
            When the witness does not answer, or with something else.
        """
        digest = hashlib.sha256(self._ledger.origin.encode()).hexdigest()
        url, until, found = self.urls[name].rstrip("/"), time.monotonic() + CALL_S, b""
        try:
            with self._client.stream("GET", f"{url}/{digest}/checkpoint") as answer:
                for chunk in answer.iter_raw():  # what is packed is not unpacked
                    found += chunk
                    if len(found) > MAX_PAGE_BYTES or time.monotonic() > until:
                        raise CheckpointError(f"the page of the witness {name} does not end")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CheckpointError(
                f"the outside witness {name} does not answer", found=type(error).__name__
            ) from error
        if answer.status_code == 404:
            return b""
        if answer.status_code != 200:
            raise CheckpointError(
                f"the outside witness {name} shows no head", found=f"{answer.status_code}"
            )
        return found

    def compare(self, name: str, refuse: Callable[[bytes, LedgerError], None]) -> int:
        """Compare a witness's newest head with this member's copy; return the head's size.

        Raises
        ------
        RollbackError, ForkError
            When the ledger that is served is not the one that the witness knows; `refuse` has been
            told.
        CheckpointError, MalformedEntryError
            When the witness does not answer, or shows something else than a head of this log.
        """
        try:
            raw = self.page(name)
            if not raw:
                return 0
            note = Note.parse(raw)
            size = Checkpoint.parse(note.text).size
        except LedgerError as error:
            _LOG.warning("%s", error)
            raise
        if size > self._ledger.replica.size:
            self._ledger.refresh()
        try:
            if size > self._ledger.replica.size:
                raise RollbackError(
                    f"the ledger that is served is shorter than the witness {name} has seen",
                    expected=f"at least {size} leaves",
                    found=str(self._ledger.replica.size),
                    remedy="the coordinator was rolled back, or withholds entries from this member",
                )
            self._ledger.check_head(note)
        except LedgerError as error:
            refuse(raw, error)
            raise
        return size
