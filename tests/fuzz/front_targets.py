"""The coordinator's front: requests of strangers and of bribed members, Fleet calls, HTTP."""

import asyncio
import hashlib
import random
import socket
import ssl
from collections.abc import Callable
from typing import Any

import httpx

from fedcredit.coordinator import gate
from fedcredit.coordinator.fleet_proxy import PATHS
from fedcredit.coordinator.front_service import front_app
from fedcredit_parties.frames import pack
from fedcredit_parties.front_request import SignedRequest
from fedcredit_parties.member import utc_now
from tests.front_desk import ORIGIN, Counter, request
from tests.fuzz.harness import Target
from tests.fuzz.mutations import LENGTHS, spoil_bytes, spoil_lines

NAMED = {400, 401, 403, 404, 405, 408, 411, 413, 415, 429, 431, 502, 503, 507}
"""Numbers by which a request is refused on purpose; 500 is none of them."""

TARGETS = (
    ("GET", "/status"),
    ("GET", "/leaves?from=0"),
    ("GET", "/leaves?from=0&n=1"),
    ("GET", "/checkpoint?covering=1"),
    ("GET", "/witness/pending?old=0"),
    ("GET", "/inbox?after=0"),
    ("GET", f"/blob/{'0' * 64}"),
    ("PUT", f"/blob/{hashlib.sha256(b'bytes').hexdigest()}"),
    ("POST", "/entries"),
    ("POST", "/witness/cosignature"),
    ("POST", "/inbox/bank-b?id=1"),
)


class Asgi:
    """The front's application, called without a network."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.upstream: list[str] = []
        self.loop = asyncio.new_event_loop()
        app = front_app(counter.desk, superlink="http://127.0.0.1:9")
        self.app = app
        self._stop = asyncio.Event()
        self._life = self.loop.create_task(self._live())
        self.loop.run_until_complete(asyncio.sleep(0.01))
        for route in app.routes:
            answer = getattr(route, "endpoint", None)
            proxy = getattr(answer, "__self__", None)
            if proxy is not None and hasattr(proxy, "_client"):
                proxy._client = httpx.AsyncClient(transport=httpx.MockTransport(self._superlink))
        self._numbers = iter(range(10**9))

    async def _live(self) -> None:
        async with self.app.router.lifespan_context(self.app):
            await self._stop.wait()

    def _superlink(self, seen: httpx.Request) -> httpx.Response:
        self.upstream.append(seen.url.raw_path.decode("latin-1"))
        return httpx.Response(200, stream=httpx.ByteStream(b"answer"))

    def close(self) -> None:
        self._stop.set()
        self.loop.run_until_complete(self._life)
        self.loop.close()

    def signed(
        self, name: str, method: str, target: bytes, body: bytes
    ) -> list[tuple[bytes, bytes]]:
        """Return headers that a member has signed over exactly this."""
        found = SignedRequest.sign(
            self.counter.identities[name].signing,
            origin=ORIGIN,
            method=method,
            target=target.decode("latin-1"),
            body_digest=hashlib.sha256(body).hexdigest(),
            now=utc_now(),
            nonce=f"{next(self._numbers):032x}",
        )
        return [(n.encode(), v.encode()) for n, v in found.headers().items()]

    def ask(
        self, method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> int:
        """Return the status of one request."""
        return self.loop.run_until_complete(self._ask(method, target, headers, body))

    async def _ask(
        self, method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> int:
        path, _, query = target.partition(b"?")
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": path.decode("utf-8", "replace"),
            "raw_path": path,
            "query_string": query,
            "headers": headers,
            "client": ("192.0.2.1", next(self._numbers) % 60_000),
            "server": ("127.0.0.1", 1),
            "state": {},
        }
        parts = [body[: len(body) // 2], body[len(body) // 2 :]]
        status: list[int] = []

        async def receive() -> dict[str, Any]:
            if parts:
                return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])

        await self.app(scope, receive, send)
        return status[0]


def front_targets(counter: Counter, asgi: Asgi) -> list[Target]:
    """Return the targets of the front."""
    return [
        _of_strangers(counter, asgi),
        _of_members(counter, asgi),
        _fleet(asgi),
        _http(counter),
    ]


def _bodies(counter: Counter) -> list[bytes]:
    from tests.threats.test_front_refuses_strangers import entry_of

    note = entry_of("bank-a", counter.identities["bank-a"].signing)
    checkpoint = counter.log.checkpoint_note() or b""
    text = checkpoint.partition(b"\n\n")[0] + b"\n"
    line = counter.identities["bank-a"].witness.cosign(text, 1).line().encode() + b"\n"
    letters: list[bytes] = []
    sender = counter.member("bank-a")
    sender.mailbox._front.post = lambda recipient, note: letters.append(note)  # type: ignore[method-assign]
    sender.mailbox.send("bank-b", "letter", {"number": 1})
    return [b"", b"bytes", pack([note]), line, letters[0]]


def _spoiled_target(rng: random.Random, target: str) -> bytes:
    kind = rng.randrange(6)
    if kind == 0:
        return target.encode() + rng.choice((b"&wait=nan", b"&wait=1e999", b"&from=-1", b"&x=%ff"))
    if kind == 1:
        return target.encode().replace(b"0", str(rng.choice(LENGTHS)).encode(), 1)
    if kind == 2:
        return rng.choice((b"/", b"//", b"/%2e%2e", b"/inbox/../", b"/.")) + target.encode()[1:]
    if kind == 3:
        return spoil_bytes(rng, target.encode())[:8_000].replace(b"\n", b"") or b"/"
    return target.encode()


def _spoiled_headers(
    rng: random.Random, headers: list[tuple[bytes, bytes]]
) -> list[tuple[bytes, bytes]]:
    spoiled = list(headers)
    for _ in range(rng.randint(1, 2)):
        place = rng.randrange(len(spoiled))
        name, value = spoiled[place]
        kind = rng.randrange(5)
        if kind == 0:
            del spoiled[place]
            if not spoiled:
                break
        elif kind == 1:
            spoiled.append((name, value))
        elif kind == 2:
            length = str(rng.choice(LENGTHS)).encode()
            spoiled.append((b"content-length", length))
        elif kind == 3:
            spoiled.append((b"transfer-encoding", rng.choice((b"chunked", b"gzip", b"x"))))
        else:
            spoiled[place] = (name, spoil_bytes(rng, value)[:4_000])
    return spoiled


def _of_strangers(counter: Counter, asgi: Asgi) -> Target:
    """Return the target of requests whose signature does not hold: nothing may come of them."""
    bodies = _bodies(counter)
    before = counter.log.size

    def mutant(rng: random.Random) -> tuple[str, bytes, list[tuple[bytes, bytes]], bytes]:
        method, target = rng.choice(TARGETS)
        body = rng.choice(bodies) if method != "GET" else b""
        headers = asgi.signed("bank-a", method, target.encode(), body)
        headers.append((b"content-length", str(len(body)).encode()))
        kind = rng.randrange(4)
        if kind == 0:
            method = rng.choice(("GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", ""))
        elif kind == 1:
            return method, _spoiled_target(rng, target), headers, body
        elif kind == 2:
            body = spoil_bytes(rng, body or b"x")
            headers[-1] = (b"content-length", str(len(body)).encode())
        return method, target.encode(), _spoiled_headers(rng, headers), body

    def feed(sent: tuple[str, bytes, list[tuple[bytes, bytes]], bytes]) -> str | None:
        status = asgi.ask(*sent)
        assert status in NAMED or status == 200, f"answered with {status}"
        if status != 200:
            return str(status)
        # What is answered was not spoiled after all: the signature is over exactly this.
        method, target, headers, body = sent
        signed = SignedRequest.parse(headers)
        key = counter.identities["bank-a"].signing.verifier
        signed.verify(key, origin=ORIGIN, method=method, target=target.decode("latin-1"))
        assert method == "GET" or signed.body_digest == hashlib.sha256(body).hexdigest()
        return None

    def check() -> None:
        assert counter.log.size == before, "the ledger grew by a stranger's request"

    return Target(name="requests, unsigned", mutant=mutant, feed=feed, weight=20, check=check)


def _of_members(counter: Counter, asgi: Asgi) -> Target:
    """Return the target of requests that a bribed member has signed as they are."""
    bodies = _bodies(counter)

    def mutant(rng: random.Random) -> tuple[str, bytes, bytes]:
        method, target = rng.choice(TARGETS)
        spoiled = _spoiled_target(rng, target)
        body = b""
        if method != "GET":
            body = rng.choice(bodies)
            if rng.random() < 0.7:
                body = rng.choice((spoil_bytes, spoil_lines))(rng, body)
        if method == "PUT" and rng.random() < 0.5:
            spoiled = f"/blob/{hashlib.sha256(body).hexdigest()}".encode()
        return method, spoiled, body

    def feed(sent: tuple[str, bytes, bytes]) -> str | None:
        method, target, body = sent
        # Long polls are for those who wait; a fuzzer does not.
        target = target.replace(b"wait=1e999", b"wait=0")
        try:
            headers = asgi.signed("bank-a", method, target, body)
        except UnicodeEncodeError:
            return "cannot be signed"
        headers.append((b"content-length", str(len(body)).encode()))
        status = asgi.ask(method, target, headers, body)
        assert status in NAMED or status == 200, f"answered with {status}"
        return None if status == 200 else str(status)

    def check() -> None:
        assert counter.log.size <= 2, "the ledger grew by entries that no rule allows"
        others = [counter.desk.inbox(name, 0) for name in ("bank-c", "key-holder", "coordinator")]
        assert others == [None] * 3, "a letter went to a member that nobody wrote to"

    return Target(name="requests, signed", mutant=mutant, feed=feed, weight=30, check=check)


def _fleet(asgi: Asgi) -> Target:
    """Return the target of paths and headers for the SuperLink: only the table may reach it."""

    def mutant(rng: random.Random) -> tuple[str, bytes, list[tuple[bytes, bytes]], bytes]:
        path = rng.choice(sorted(PATHS)).encode()
        if rng.random() < 0.7:
            path = rng.choice(
                (
                    spoil_bytes(rng, path).replace(b"\n", b""),
                    path
                    + rng.choice((b"/", b"?x=1", b";a", b"%2f..", b"/../../control/start-run")),
                    path.replace(
                        b"fleet", rng.choice((b"control", b"runtime", b"FLEET", b"fl%65et"))
                    ),
                    b"/v1/fleet/" + rng.choice((b"..%2fcontrol", b"%2e%2e/control", b"./", b"")),
                )
            )
        body = rng.randbytes(rng.randrange(50))
        headers = [(b"content-length", str(len(body)).encode()), (b"x-flwr", b"1")]
        if rng.random() < 0.4:
            headers = _spoiled_headers(rng, headers) or [(b"x", b"y")]
        method = "POST" if rng.random() < 0.9 else rng.choice(("GET", "PUT", "CONNECT"))
        return method, path or b"/", headers, body

    def feed(sent: tuple[str, bytes, list[tuple[bytes, bytes]], bytes]) -> str | None:
        asgi.upstream.clear()
        status = asgi.ask(*sent)
        assert set(asgi.upstream) <= PATHS, f"the SuperLink was reached at {asgi.upstream}"
        assert status in NAMED or status == 200, f"answered with {status}"
        return None if status == 200 else str(status)

    return Target(name="Fleet calls", mutant=mutant, feed=feed, weight=20)


def _http(counter: Counter) -> Target:
    """Return the target of bytes on the wire, over TLS, as no client would write them."""
    context = ssl.create_default_context(cadata=counter.root_certificates.decode())
    honest = [
        request("GET", "/status", {"fedcredit-party": "bank-a"}),
        request("POST", "/v1/fleet/pull-messages", {"x-flwr": "1"}, b"body"),
        request("PUT", f"/blob/{'0' * 64}", {"expect": "100-continue"}, b"bytes"),
        request("POST", "/entries", {"transfer-encoding": "chunked"}, b"5\r\nbytes\r\n0\r\n\r\n"),
        request("GET", "/status", {"connection": "upgrade", "upgrade": "websocket"}),
    ]

    def mutant(rng: random.Random) -> bytes:
        data = rng.choice(honest)
        return spoil_lines(rng, data) if rng.random() < 0.5 else spoil_bytes(rng, data)

    def feed(data: bytes) -> str | None:
        with (
            socket.create_connection(("127.0.0.1", counter.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            connection.sendall(data)
            connection.settimeout(0.02)  # who has not sent a whole request is not answered
            try:
                answer = connection.recv(4096)
            except TimeoutError:
                return "not answered"
            except OSError:
                return "cut"
        if not answer:
            return "cut"
        status = int(answer.split(b" ", 2)[1])
        assert status in NAMED, f"answered with {status}"
        return str(status)

    def check() -> None:
        assert counter.client("bank-b").status()["size"] <= 2, "the front is gone"

    return Target(name="HTTP bytes", mutant=mutant, feed=feed, weight=5, check=check)


def unlimited() -> Callable[[], None]:
    """Take the gate's limits away, or nine of ten mutants would meet them; return the way back."""
    names = (
        "CALLS_PER_S",
        "BURST",
        "ENTRIES_PER_S",
        "ENTRIES_BURST",
        "STRANGE_PER_S",
        "STRANGE_BURST",
    )
    before = {name: getattr(gate, name) for name in names}
    for name in names:
        setattr(gate, name, 1e12)

    def back() -> None:
        for name, value in before.items():
            setattr(gate, name, value)

    return back
