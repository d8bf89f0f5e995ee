"""One admitted call at the front: who asks, its query, its body, and what notes show outside."""

import hashlib
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl

from starlette.requests import Request

from fedcredit.coordinator.desk_store import Label
from fedcredit.coordinator.fleet_proxy import body_chunks, body_length
from fedcredit.coordinator.gate import RefusedError
from fedcredit_ledger.canonical import decode
from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.errors import MalformedEntryError
from fedcredit_ledger.note import Note
from fedcredit_parties.mailbox import HEADER

MAX_WAIT_S = 30.0
"""Longest long poll."""


class Call:
    """One admitted request: who asks, with which query, and a body not yet read."""

    def __init__(self, request: Request, party: str, body_digest: str) -> None:
        self.request = request
        self.party = party
        self.body_digest = body_digest
        query: str = request.scope["query_string"].decode("ascii", "replace")
        self._query: dict[str, str] = dict(parse_qsl(query))

    def number(self, name: str) -> int:
        """Return a whole number of the query.

        Raises
        ------
        RefusedError
            400 when it is absent or no number.
        """
        text = self._query.get(name, "")
        if not (text.isascii() and text.isdigit() and len(text) <= 15):
            raise RefusedError(400)
        return int(text)

    def text(self, name: str) -> str:
        """Return a text of the query, empty when it is absent."""
        return self._query.get(name, "")

    @property
    def wait_s(self) -> float:
        """How long the caller would wait."""
        try:
            wait_s = float(self._query.get("wait", "0"))
        except ValueError:
            raise RefusedError(400) from None
        return min(wait_s, MAX_WAIT_S) if wait_s > 0 else 0.0

    async def body(self, most: int) -> bytes:
        """Read the body, which must be the signed one.

        Raises
        ------
        RefusedError
            401 when it is another, 408 when it does not come.
        """
        body = bytearray()
        async for chunk in self.chunks(most):
            body += chunk
        if hashlib.sha256(body).hexdigest() != self.body_digest:
            raise RefusedError(401)
        return bytes(body)

    async def chunks(self, most: int) -> AsyncIterator[bytes]:
        """Yield the body as it comes; nothing is read of one that is too large."""
        length = body_length(self.request)
        if length is None:
            raise RefusedError(411)
        if length > most:
            raise RefusedError(413)
        try:
            async for chunk in body_chunks(self.request):
                yield chunk
        except TimeoutError:
            raise RefusedError(408) from None


def is_by(note: bytes, party: str) -> bool:
    """Say whether a note is an entry by this author; whatever else is wrong, the log will tell."""
    try:
        return SignedEntry.parse(note).entry.author == party
    except MalformedEntryError:
        return False


def label_of(note: bytes, sender: str, recipient: str, post_id: str) -> Label:
    """Read the outside of a note, which must name its poster and its recipient.

    Raises
    ------
    RefusedError
        403 when it names others, 400 when it is no note.
    """
    try:
        text = Note.parse(note).text
        head = decode(text.removeprefix(HEADER).rstrip(b"\n"))
    except MalformedEntryError:
        raise RefusedError(400) from None
    if not (text.startswith(HEADER) and isinstance(head, dict)):
        raise RefusedError(400)
    kind, run_id = head.get("kind"), head.get("run_id")
    if not (isinstance(kind, str) and isinstance(run_id, str)):
        raise RefusedError(400)
    if (head.get("sender"), head.get("recipient")) != (sender, recipient):
        raise RefusedError(403)
    return Label(sender=sender, kind=kind, run_id=run_id, post_id=post_id)
