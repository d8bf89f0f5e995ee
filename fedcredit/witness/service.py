"""The witness as an ASGI service: one call for logs, one page a log for everybody.

``POST /add-checkpoint`` is C2SP's; who may be co-signed is decided by the log's signature and by
nothing else, so no request carries a name or a password. ``POST /pending`` takes an entry for which
its author got no receipt, and ``POST /add-checkpoint-with-entries`` is how the log answers that;
``POST /held``, signed by the log, is how it gets an entry that it never saw.
``GET /<DIGEST>/checkpoint``, the SHA-256 of an origin, shows the newest head that was co-signed: a
member that reads it learns whether it is served the same history as the witness.
"""

import hashlib
import logging
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from fedcredit.coordinator.connections import admit
from fedcredit_ledger.add_checkpoint import MAX_REQUEST_BYTES
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.held_entry import MAX_ENTRY_BYTES
from fedcredit_ledger.note import Note
from fedcredit_ledger.tlog_witness import BAD_REQUEST, Answer, TlogWitness
from fedcredit_parties.errors import PartyError

UNUSABLE = 500

MAX_SHOWN_BYTES = 2**21
"""Of a request that shows leaves: 64 of them, with their proofs."""

_LOG = logging.getLogger(__name__)


def witness_app(witness: TlogWitness) -> Starlette:
    """Return the ASGI application of a witness.

    Disclosure
    ----------
    Whoever reaches it learns size, root and time of the newest head of every log whose origin it
    can name; only who has the log's signature over a head can have it co-signed.

    References
    ----------
    c2sp.org/tlog-witness.
    """

    def taking(call: Callable[[bytes], Answer], most: int) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            body = b""
            try:
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > most:
                        return Response(b"the request is too long\n", status_code=BAD_REQUEST)
            except ClientDisconnect:
                return Response(status_code=BAD_REQUEST)
            try:
                answer = await run_in_threadpool(call, body)
            except (LedgerError, PartyError) as error:
                _LOG.warning("nothing was co-signed or held: %s", error)
                return Response(status_code=UNUSABLE)
            if answer.status in (200, 202):
                admit(request.scope)
            headers = {"content-type": answer.content_type}
            return Response(answer.body, answer.status, headers=headers)

        return endpoint

    async def checkpoint(request: Request) -> Response:
        try:
            note = await run_in_threadpool(page, witness, request.path_params["digest"])
        except LedgerError as error:
            _LOG.warning("no head was shown: %s", error)
            return Response(status_code=UNUSABLE)
        if note is None:
            return Response(status_code=404)
        return Response(note, headers={"content-type": "text/plain; charset=utf-8"})

    return Starlette(
        routes=[
            Route(
                "/add-checkpoint",
                taking(witness.add_checkpoint, MAX_REQUEST_BYTES),
                methods=["POST"],
            ),
            Route(
                "/add-checkpoint-with-entries",
                taking(witness.add_shown, MAX_SHOWN_BYTES),
                methods=["POST"],
            ),
            Route("/held", taking(witness.hand_out, MAX_ENTRY_BYTES), methods=["POST"]),
            Route("/pending", taking(witness.hold, MAX_ENTRY_BYTES), methods=["POST"]),
            Route("/{digest}/checkpoint", checkpoint, methods=["GET"]),
        ]
    )


def origin_digest(origin: str) -> str:
    """Return the SHA-256 (hex) of an origin line: the name of its page."""
    return hashlib.sha256(origin.encode()).hexdigest()


def page(witness: TlogWitness, digest: str) -> bytes | None:
    """Return the newest head of the log with that origin digest, as it was co-signed, or None."""
    for origin, seen in witness.state.all().items():
        if origin_digest(origin) == digest:
            note = Note.parse(seen.note)
            own = witness.key.cosign(note.text, seen.time_s)
            return Note(note.text, (*note.signatures, own)).encode()
    return None
