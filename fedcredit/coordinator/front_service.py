"""The front as an ASGI service: the desk's calls over HTTPS, each signed, and Flower's Fleet paths.

The calls are those of the ledger's specification, section 3. Who waits (a long poll) holds a
coroutine and no thread: the desk says that something changed, and every waiting call looks again.
Whatever writes to the disk runs in a few threads beside the event loop, so that many appends make
one batch.
"""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from fedcredit.coordinator.admissions import Admissions
from fedcredit.coordinator.connections import admit
from fedcredit.coordinator.desk_store import FullDeskError
from fedcredit.coordinator.fleet_proxy import PREFIX, FleetProxy
from fedcredit.coordinator.front import PAGE_BYTES, Desk
from fedcredit.coordinator.front_call import Call, is_by, label_of
from fedcredit.coordinator.gate import Gate, RefusedError
from fedcredit.coordinator.sessions import Sessions
from fedcredit_ledger.add_checkpoint import AddCheckpoint
from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.entry import HEX_DIGEST, format_time
from fedcredit_ledger.errors import (
    ForkError,
    LedgerError,
    MalformedEntryError,
    RejectedEntryError,
    RollbackError,
)
from fedcredit_ledger.note import Note, Signature
from fedcredit_parties.errors import MachineError, MalformedMessageError
from fedcredit_parties.frames import pack, unpack
from fedcredit_parties.front_request import (
    MAX_BLOB_BYTES,
    MAX_COSIGNATURE_BYTES,
    MAX_ENTRIES,
    MAX_ENTRIES_BYTES,
    MAX_NOTE_BYTES,
    MORE,
    TIME,
)
from fedcredit_parties.member import utc_now

T = TypeVar("T")

_LOG = logging.getLogger(__name__)

TIDY_S = 60.0
"""How often what nobody needs any more is dropped, and the witnesses see what nobody waits for."""

REFUSED = b"not a fresh request signed by a member of this federation\n"
"""The one answer to a stranger, to a wrong signature, to an altered and to a repeated request."""

LEAVES_A_PAGE = 1024

FEW, LINGER_S, LINGER_MOST_S = 8, 0.002, 0.03
"""When more than `FEW` members wait for leaves, an answer waits for what comes with the first one,
so long for each further member: the entries of a round come together, and n entries that are handed
out one by one to n members are n * n answers."""

MAX_SESSION_BYTES = 16_384
"""A number, earlier ones, and a head with the co-signatures of all witnesses."""

_THREADS = 16
_CHUNK_BYTES = 2**18
_OCTETS = "application/octet-stream"


def front_app(
    desk: Desk,
    *,
    superlink: str = "",
    superlink_ca: bytes = b"",
    clock: Callable[[], datetime] = utc_now,
    memory: Path | None = None,
    admissions: Admissions | None = None,
) -> Starlette:
    """Return the ASGI application of a desk.

    Parameters
    ----------
    desk : Desk
        Log, blobs, inboxes.
    superlink : str, optional
        ``https://127.0.0.1:port`` of Flower's SuperLink; without it Fleet paths do not exist.
    superlink_ca : bytes
        The SuperLink's authority, PEM.
    clock : callable, optional
        Returns the current time in UTC.
    memory : Path, optional
        File that lets a restarted front refuse requests that were answered before.
    admissions : Admissions, optional
        Answers those who are invited to join; without it nobody is.

    Raises
    ------
    ValueError
        When the SuperLink is not on this machine.
    CoordinatorError
        When `memory` is a file of something else.

    Disclosure
    ----------
    See `Desk`. Strangers learn the coordinator's time and nothing else; who is invited to join
    learns the entry that would admit it (`Admissions`).
    """
    service = _Service(desk, clock, memory, admissions)
    proxy = FleetProxy(superlink, superlink_ca) if superlink else None

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with service.running():
            yield
        if proxy is not None:
            await proxy.close()

    routes = [_Exact(path, methods, call) for path, methods, call in service.table()]
    if proxy is not None:
        routes.append(_Exact(PREFIX + "{call:path}", {"POST"}, proxy.answer))
    app = Starlette(routes=routes, lifespan=lifespan)
    app.router.redirect_slashes = False
    return app


_Answer = Callable[[Call], Awaitable[Response]]
_Endpoint = Callable[[Request], Awaitable[Response]]


class _Exact(Route):
    """A route that takes a path as it stands on the wire: nothing encoded, doubled or climbing."""

    def __init__(self, path: str, methods: set[str], endpoint: _Endpoint) -> None:
        super().__init__(path, endpoint, methods=sorted(methods))
        self.methods = methods  # Starlette adds HEAD

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw: bytes = scope.get("raw_path", b"")
        if raw != scope["path"].encode("ascii", "replace") or b"//" in raw or b"/." in raw:
            await Response(status_code=404)(scope, receive, send)
            return
        await super().handle(scope, receive, send)


class _Service:
    """The calls of the front, over a desk."""

    def __init__(
        self,
        desk: Desk,
        clock: Callable[[], datetime],
        memory: Path | None,
        admissions: Admissions | None,
    ) -> None:
        self._desk = desk
        self._log = desk.log
        self._admissions = admissions
        self._gate = Gate(
            origin=desk.log.origin,
            state=lambda: desk.log.state,
            clock=clock,
            memory=memory,
            invited=self._invited,
        )
        self._clock = clock
        self._sessions = Sessions()
        self._bell = asyncio.Event()
        self._ringing = False
        self._n_waiting = 0
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="desk")

    def table(self) -> list[tuple[str, set[str], _Endpoint]]:
        """Return path, methods and endpoint of every call."""
        table: list[tuple[str, str, _Answer]] = [
            ("/entries", "POST", self._entries),
            ("/leaves", "GET", self._leaves),
            ("/checkpoint", "GET", self._checkpoint),
            ("/witness/pending", "GET", self._pending),
            ("/witness/cosignature", "POST", self._cosignature),
            ("/inbox", "GET", self._inbox),
            ("/inbox/{party}", "POST", self._post),
            ("/session", "POST", self._session),
            ("/status", "GET", self._status),
        ]
        blob = self._admitted(self._blob)
        join = self._admitted(self._join, from_invited=True)
        return [
            ("/blob/{digest}", {"GET", "PUT"}, blob),
            ("/join", {"GET", "POST"}, join),
            *((path, {method}, self._admitted(answer)) for path, method, answer in table),
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen to the desk, and drop what is old, while the server runs."""
        loop = asyncio.get_running_loop()

        def ring() -> None:
            self._ringing = False
            self._bell.set()
            self._bell = asyncio.Event()

        def listener() -> None:
            if not self._ringing:
                self._ringing = True
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(ring)

        self._desk.listen(listener)
        tidying = asyncio.create_task(self._tidy())
        try:
            yield
        finally:
            tidying.cancel()
            self._pool.shutdown(wait=True)

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_S)
            self._desk.want(self._log.size)  # W6: nothing waits longer than this to be witnessed
            with suppress(MachineError):  # the disk is full: the calls that write say so
                await self._beside(lambda: self._desk.tidy(self._clock()))

    async def _beside(self, work: Callable[[], T]) -> T:
        """Do what writes or locks in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _invited(self, name: str) -> str:
        return "" if self._admissions is None else self._admissions.key(name)

    def _admitted(self, answer: _Answer, *, from_invited: bool = False) -> _Endpoint:
        """Wrap a call: signature first, then the answer; errors become numbers."""

        async def endpoint(request: Request) -> Response:
            query = request.scope["query_string"]
            target = request.scope["raw_path"] + (b"?" + query if query else b"")
            try:
                signed = self._gate.admit(
                    request.method,
                    target.decode("latin-1"),
                    request.scope["headers"],
                    tuple(request.scope.get("client") or ("", 0)),
                    from_invited=from_invited,
                )
                admit(request.scope)
                if self._desk.closed:
                    raise RefusedError(503)
                with self._gate.one_of_few(signed.party):
                    return await answer(Call(request, signed.party, signed.body_digest))
            except RefusedError as error:
                return self._refused(request, error.status)
            except (FullDeskError, MachineError) as error:
                _LOG.warning("%s", error)
                return self._refused(request, 507)
            except (MalformedMessageError, ClientDisconnect):
                return self._refused(request, 400)
            except LedgerError:
                return self._refused(request, 503)

        return endpoint

    def _refused(self, request: Request, status: int) -> Response:
        """Answer without having read a body; then the connection ends, or it would be read."""
        headers = {} if request.method == "GET" else {"connection": "close"}
        if status != 401:
            return Response(status_code=status, headers=headers)
        headers[TIME] = format_time(self._gate.clock())
        return Response(REFUSED, status_code=status, headers=headers, media_type="text/plain")

    async def _found(
        self, call: Call, worth: Callable[[], bool], look: Callable[[], T | None]
    ) -> T | None:
        """Return what `look` finds, as soon as it does, or None at the end of the caller's wait.

        `worth` is asked first, at every change, and must be quick; `look` runs beside.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + call.wait_s
        gone: asyncio.Task[None] | None = None
        try:
            while True:
                bell = self._bell
                found = await self._beside(look) if worth() else None
                left = until - loop.time()
                if found is not None or left <= 0 or self._desk.closed:
                    return found
                gone = gone or asyncio.create_task(_gone(call.request))
                rung = asyncio.create_task(bell.wait())
                await asyncio.wait((rung, gone), timeout=left, return_when="FIRST_COMPLETED")
                rung.cancel()
                if gone.done():
                    return None
        finally:
            if gone is not None:
                gone.cancel()

    # Ledger

    async def _entries(self, call: Call) -> Response:
        notes = unpack(await call.body(MAX_ENTRIES_BYTES), most=MAX_ENTRIES)
        if not notes or any(not is_by(note, call.party) for note in notes):
            raise RefusedError(403)
        self._gate.afford_entries(call.party, len(notes))
        outcomes = await self._beside(lambda: self._desk.submit(notes))
        parts: list[bytes] = []
        for outcome in outcomes:
            parts += (outcome.receipt, outcome.code.encode(), outcome.detail.encode())
        return Response(pack(parts), media_type=_OCTETS)

    async def _leaves(self, call: Call) -> Response:
        start = call.number("from")
        most = min(call.number("n"), LEAVES_A_PAGE) if call.text("n") else LEAVES_A_PAGE
        if self._log.size <= start:
            await self._first_leaf(call, start)
        leaves: list[bytes] = []
        if self._log.size > start:
            leaves = await self._beside(lambda: self._log.leaves(start, most))
        page: list[bytes] = []
        for leaf in leaves:
            if page and sum(map(len, page)) + len(leaf) > PAGE_BYTES:
                break
            page.append(leaf)
        return _page(pack(page), has_more=bool(page) and start + len(page) < self._log.size)

    async def _first_leaf(self, call: Call, start: int) -> None:
        """Wait until there is a leaf from `start`, and a moment longer when many wait."""
        self._n_waiting += 1
        try:
            if await self._found(call, lambda: self._log.size > start, lambda: True):
                await asyncio.sleep(min(LINGER_MOST_S, LINGER_S * max(0, self._n_waiting - FEW)))
        finally:
            self._n_waiting -= 1

    async def _checkpoint(self, call: Call) -> Response:
        covering = call.number("covering")
        self._desk.want(covering)
        note = await self._found(
            call,
            lambda: self._log.quorum_size >= covering,
            lambda: self._log.quorum_note(covering),
        )
        return Response(note or b"", media_type=_OCTETS)

    async def _pending(self, call: Call) -> Response:
        """Answer with a C2SP tlog-witness add-checkpoint request, or nothing."""
        old = call.number("old")

        def look() -> bytes | None:
            note = self._desk.pending(old)
            return None if note is None else self._add_checkpoint(old, note)

        found = await self._found(call, lambda: self._desk.wants and self._log.size > old, look)
        return Response(found or b"", media_type=_OCTETS)

    def _add_checkpoint(self, old: int, note: bytes) -> bytes:
        parsed = Note.parse(note)
        size = Checkpoint.parse(parsed.text).size
        proof = self._log.consistency(old, size) if old else []
        return AddCheckpoint(old, tuple(proof), parsed).encode()

    async def _cosignature(self, call: Call) -> Response:
        lines = await call.body(MAX_COSIGNATURE_BYTES)
        try:
            names = {Signature.parse(line).name for line in lines.decode().splitlines()}
        except (UnicodeDecodeError, MalformedEntryError):
            raise RefusedError(400) from None
        if names != {call.party}:
            raise RefusedError(403)
        try:
            await self._beside(lambda: self._log.add_cosignatures(lines))
        except LedgerError:
            raise RefusedError(400) from None
        self._desk.wake()
        return Response()

    async def _join(self, call: Call) -> Response:
        """Draft the entry that admits who is invited, and append it once it is co-signed."""
        admissions = self._admissions
        if admissions is None:
            raise RefusedError(404)
        note, code, detail = b"", "", ""
        try:
            if call.request.method == "GET":
                note = await self._beside(lambda: admissions.draft(call.party))
            else:
                body = await call.body(MAX_NOTE_BYTES)
                entry_id = await self._beside(lambda: admissions.accept(call.party, body))
                note = entry_id.encode()
        except RejectedEntryError as error:
            code, detail = error.code, error.detail
        return Response(pack([note, code.encode(), detail.encode()]), media_type=_OCTETS)

    # Blobs and inboxes

    async def _blob(self, call: Call) -> Response:
        digest = call.request.path_params["digest"]
        if HEX_DIGEST.fullmatch(digest) is None:
            raise RefusedError(404)
        if call.request.method == "GET":
            file = await self._beside(lambda: self._desk.open_blob(digest))
            if file is None:
                raise RefusedError(404)
            length = str(file.seek(0, io.SEEK_END))
            file.seek(0)
            return StreamingResponse(
                self._read(file), media_type=_OCTETS, headers={"content-length": length}
            )
        if call.body_digest != digest:
            raise RefusedError(400)
        blob = await self._beside(lambda: self._desk.new_blob(call.party))
        try:
            async for chunk in call.chunks(MAX_BLOB_BYTES):
                blob.write(chunk)
            try:
                await self._beside(lambda: blob.commit(digest))
            except MalformedMessageError:
                raise RefusedError(401) from None
        finally:
            blob.abort()
        self._desk.wake()
        return Response()

    async def _read(self, file: BinaryIO) -> AsyncIterator[bytes]:
        with file:
            while chunk := await self._beside(lambda: file.read(_CHUNK_BYTES)):
                yield chunk

    async def _post(self, call: Call) -> Response:
        recipient = call.request.path_params["party"]
        post_id = call.text("id")
        note = await call.body(MAX_NOTE_BYTES)
        if recipient not in self._log.state.parties or not 0 < len(post_id) <= 64:
            raise RefusedError(404)
        label = label_of(note, call.party, recipient, post_id)
        await self._beside(lambda: self._desk.post(recipient, note, label))
        return Response()

    async def _inbox(self, call: Call) -> Response:
        """Answer with the caller's own notes; there is no way to name another inbox."""
        after, party = call.number("after"), call.party
        notes = await self._found(
            call,
            lambda: self._desk.has_note(party, after),
            lambda: self._desk.inbox(party, after),
        )
        notes = notes or []
        body = pack(number.to_bytes(8, "big") + note for number, note in notes)
        return _page(body, has_more=bool(notes) and self._desk.has_note(party, notes[-1][0]))

    async def _session(self, call: Call) -> Response:
        """Tell a daemon whether it is the one that holds its member's place."""
        try:
            said = json.loads(await call.body(MAX_SESSION_BYTES))
            session, earlier = said["session"], tuple(said["earlier"])
            head = said.get("head", "").encode()
        except (ValueError, TypeError, KeyError, AttributeError):
            raise RefusedError(400) from None
        if not all(isinstance(x, str) and len(x) <= 64 for x in (session, *earlier)):
            raise RefusedError(400)
        await self._hear(call.party, head)
        heard_s = self._sessions.hello(call.party, session, earlier)
        if heard_s is None:
            return Response()
        _LOG.warning("a second daemon of %s calls and is refused", call.party)
        return Response(
            json.dumps({"heard_s": heard_s}), status_code=409, media_type="application/json"
        )

    async def _hear(self, party: str, head: bytes) -> None:
        """Compare a head that a member holds with the ledger; an old copy ends the coordinator."""
        try:
            await self._beside(lambda: self._desk.hear(party, head))
        except (RollbackError, ForkError) as error:
            _LOG.error("%s holds a head of this log: %s", party, error)
            raise
        except LedgerError:
            raise RefusedError(400) from None

    async def _status(self, call: Call) -> Response:
        head = self._log.latest
        status = {
            "origin": head.origin,
            "quorum_size": self._log.quorum_size,
            "root": head.root.hex(),
            "size": head.size,
            "time": format_time(self._clock()),
        }
        return Response(json.dumps(status), media_type="application/json")


def _page(body: bytes, *, has_more: bool) -> Response:
    return Response(body, media_type=_OCTETS, headers={MORE: "1"} if has_more else None)


async def _gone(request: Request) -> None:
    """Return when the caller has hung up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
