"""The one way from outside to Flower's SuperLink: twelve calls that a node needs, nothing else.

The SuperLink serves its unauthenticated Control API (start and stop runs, register nodes) and its
Runtime API on the same port. It listens on loopback only; here a request passes when its path is,
byte for byte, one of the table below. Who may call is Flower's node authentication to decide.
"""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager

import httpx
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from fedcredit.coordinator.connections import admit
from fedcredit_parties.front_client import pinned

PREFIX = "/v1/fleet/"

OBJECT = b"/v1/fleet/push-object"

PATHS = frozenset(
    f"{PREFIX}{call}"
    for call in (
        "register-node",
        "activate-node",
        "deactivate-node",
        "unregister-node",
        "send-node-heartbeat",
        "pull-messages",
        "push-messages",
        "get-run",
        "get-fab",
        "push-object",
        "pull-object",
        "confirm-message-received",
    )
)
"""Flower 1.41.0, ``flwr.superlink.routers.fleet``."""

MAX_BODY_BYTES = 64 * 2**20
"""Of an object; the SuperLink holds a whole body before it looks who sent it."""

MAX_CALL_BYTES = 2**20
"""Of every other call: headers, heartbeats, lists of digests."""

MAX_AT_ONCE = 256

MAX_BYTES_AT_ONCE = 256 * 2**20
"""Of all bodies under way, by the lengths that they state."""

BODY_S = 60.0
"""How long a body may take to come in."""

_DROPPED = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",
        "content-length",
        "date",
        "server",
    }
)
"""Hop-by-hop headers (RFC 9110, 7.6.1), and what each hop writes itself."""


class FleetProxy:
    """Pass Fleet calls on.

    Parameters
    ----------
    address : str
        ``https://127.0.0.1:port`` of the SuperLink.
    root_certificates : bytes
        Its authority, PEM; not used with ``http://``.

    Raises
    ------
    ValueError
        When the address is not on this machine.
    """

    def __init__(self, address: str, root_certificates: bytes = b"") -> None:
        url = httpx.URL(address)
        if url.scheme not in ("http", "https") or not _is_loopback(url.host):
            raise ValueError("the SuperLink is reached over loopback only")
        self._address = f"{url.scheme}://{url.netloc.decode()}"
        self._at_once = 0
        self._bytes_at_once = 0
        self._client = httpx.AsyncClient(
            verify=pinned(root_certificates) if url.scheme == "https" else False,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(5.0, read=60.0, write=60.0, pool=10.0),
            limits=httpx.Limits(max_connections=MAX_AT_ONCE, max_keepalive_connections=32),
        )
        self._client.headers.clear()

    async def answer(self, request: Request) -> Response:
        """Pass one request on, bodies as they come."""
        raw: bytes = request.scope["raw_path"]
        if raw.decode("latin-1") not in PATHS or request.scope["query_string"]:
            return Response(status_code=404)
        if request.method != "POST":
            return Response(status_code=405)
        length = body_length(request)
        if length is None:
            return Response(status_code=411, headers={"connection": "close"})
        most = MAX_BODY_BYTES if raw == OBJECT else MAX_CALL_BYTES
        if length > most:
            return Response(status_code=413, headers={"connection": "close"})
        if self._at_once >= MAX_AT_ONCE or self._bytes_at_once + length > MAX_BYTES_AT_ONCE:
            return Response(status_code=503, headers={"connection": "close"})
        try:
            return await self._pass_on(request, raw.decode("ascii"), length)
        except (httpx.TransportError, ClientDisconnect, TimeoutError):
            # Down, restarting, or the caller is gone: a node asks again.
            return Response(status_code=503, headers={"connection": "close"})

    @contextmanager
    def _place(self, length: int) -> Iterator[None]:
        """Count a call that is under way."""
        self._at_once += 1
        self._bytes_at_once += length
        try:
            yield
        finally:
            self._at_once -= 1
            self._bytes_at_once -= length

    async def _pass_on(self, request: Request, path: str, length: int) -> Response:
        named = request.headers.get("connection", "").lower().replace(" ", "").split(",")
        headers = [
            (name, value)
            for name, value in request.headers.raw
            if name.decode("latin-1") not in _DROPPED
            and name.decode("latin-1") not in named
            and not name.startswith(b"fedcredit-")
        ]
        headers.append((b"content-length", str(length).encode()))
        upstream = self._client.build_request(
            "POST", self._address + path, headers=headers, content=body_chunks(request)
        )
        async with AsyncExitStack() as held:
            held.enter_context(self._place(length))
            reply = await self._client.send(upstream, stream=True)
            held.push_async_callback(reply.aclose)
            if reply.is_success:
                admit(request.scope)  # Flower's node authentication let it in
            if reply.is_redirect:
                return Response(status_code=502)
            kept = {
                name: value for name, value in reply.headers.items() if name.lower() not in _DROPPED
            }
            if "content-length" in reply.headers:
                kept["content-length"] = reply.headers["content-length"]
            return _Passed(reply, kept, held.pop_all())

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()


def body_length(request: Request) -> int | None:
    """Return the length that a request states, or None when it states none in the one plain way."""
    stated = request.headers.getlist("content-length")
    if "transfer-encoding" in request.headers or len(stated) != 1:
        return None
    return int(stated[0]) if stated[0].isascii() and stated[0].isdigit() else None


async def body_chunks(request: Request) -> AsyncIterator[bytes]:
    """Yield a body as it comes in.

    Raises
    ------
    TimeoutError
        When it takes too long as a whole.
    """
    stream = request.stream()
    until = asyncio.get_running_loop().time() + BODY_S
    while True:
        try:
            async with asyncio.timeout_at(until):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        if chunk:
            yield chunk


class _Passed(StreamingResponse):
    """The SuperLink's answer as it comes; what it holds is released however the sending ends.

    The body's generator could not do that: one that was never begun runs no ``finally``.
    """

    def __init__(
        self, reply: httpx.Response, headers: Mapping[str, str], held: AsyncExitStack
    ) -> None:
        super().__init__(reply.aiter_raw(), status_code=reply.status_code, headers=headers)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await asyncio.shield(self._held.aclose())


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
