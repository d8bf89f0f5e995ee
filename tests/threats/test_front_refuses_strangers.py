"""Who is not a member, or is another member, gets nothing at the front and reaches nothing behind.

Beside every attack stands a weaker gate or proxy that falls to the same bytes, so that the attack
is known to be one.
"""

import asyncio
import base64
import hashlib
import json
import threading
import time
from collections import Counter as Counter_
from collections.abc import Iterator
from datetime import timedelta

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from fedcredit.coordinator import fleet_proxy, front_service
from fedcredit.coordinator.fleet_proxy import PATHS, FleetProxy
from fedcredit.coordinator.gate import MAX_ADDRESSES, Gate, RefusedError
from fedcredit.coordinator.newest_requests import NewestRequests
from fedcredit.errors import CoordinatorError
from fedcredit_ledger.entry import Entry, SignedEntry, format_time
from fedcredit_ledger.note import Note, SigningKey
from fedcredit_parties.frames import pack
from fedcredit_parties.front_request import SignedRequest
from fedcredit_parties.member import utc_now
from tests.front_desk import ORIGIN, Counter, request

EMPTY = hashlib.sha256(b"").hexdigest()


class SuperLink:
    """Stands where Flower's server would; writes down what reaches it."""

    def __init__(self) -> None:
        self.reached: list[tuple[str, str, bytes, dict[str, str]]] = []
        app = Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "POST", "PUT"])])
        config = uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            log_level="warning",
            access_log=False,
            loop="asyncio",
            ws="none",
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started and self.thread.is_alive():
            time.sleep(0.005)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]

    async def answer(self, seen: Request) -> Response:
        body = await seen.body()
        self.reached.append(
            (seen.method, seen.scope["raw_path"].decode(), body, dict(seen.headers))
        )
        if body == b"redirect, please":
            return RedirectResponse("/v1/control/start-run")
        return Response(b"answer of the SuperLink", headers={"x-flower": "yes"})

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join()


@pytest.fixture(scope="module")
def superlink() -> Iterator[SuperLink]:
    superlink = SuperLink()
    yield superlink
    superlink.close()


@pytest.fixture(scope="module")
def counter(tmp_path_factory, superlink) -> Iterator[Counter]:
    counter = Counter(
        tmp_path_factory.mktemp("front"), superlink=f"http://127.0.0.1:{superlink.port}"
    )
    yield counter
    counter.close()


_nonces = iter(f"{i:032x}" for i in range(1, 10_000))

CALLS = [
    ("GET", "/status"),
    ("GET", "/leaves?from=0"),
    ("GET", "/checkpoint?covering=1"),
    ("GET", "/witness/pending?old=0"),
    ("GET", "/inbox?after=0"),
    ("GET", f"/blob/{'0' * 64}"),
    ("PUT", f"/blob/{EMPTY}"),
    ("POST", "/entries"),
    ("POST", "/witness/cosignature"),
    ("POST", "/inbox/bank-b?id=1"),
]


def ask(counter: Counter, name: str, method: str, target: str, body: bytes = b"") -> int:
    """Send a request that `name` has signed; return the status."""
    digest = hashlib.sha256(body).hexdigest()
    signed = counter.signed(name, method, target, digest, next(_nonces))
    return counter.raw(request(method, target, signed.headers(), body))[0]


def entry_of(author: str, signer: SigningKey) -> bytes:
    entry = Entry(
        author=author,
        author_seq=0,
        author_prev="0" * 64,
        ledger=ORIGIN,
        type="grant-revoked",
        time=format_time(utc_now()),
        seen_size=0,
        seen_root=EMPTY,
        readers=["all"],
        data={"grant_id": "g-1", "reason": "withdrawn"},
    )
    return SignedEntry.sign(entry, signer).encode()


# Signatures


@pytest.mark.parametrize(("method", "target"), CALLS)
def test_no_call_is_answered_without_a_signature(counter, method, target):
    status, body = counter.raw(request(method, target, {}))

    assert (status, body) == (401, front_service.REFUSED)


def test_a_stranger_a_wrong_key_an_altered_and_an_old_request_get_the_same_answer(counter):
    honest = counter.signed("bank-a", "GET", "/inbox?after=0", EMPTY, next(_nonces)).headers()
    stranger = SigningKey.generate("stranger")
    forger = SigningKey.generate("bank-a")
    old = utc_now().replace(year=2020)

    def by(key: SigningKey, **changes: object) -> dict[str, str]:
        settings: dict[str, object] = {"origin": ORIGIN, "now": utc_now()} | changes
        return SignedRequest.sign(
            key,
            method="GET",
            target="/inbox?after=0",
            body_digest=EMPTY,
            nonce=next(_nonces),
            **settings,
        ).headers()

    signing = counter.identities["bank-a"].signing
    spoiled = base64.b64encode(bytes(68)).decode()
    answers = {
        "unknown name": by(stranger),
        "known name, another key": by(forger),
        "another's name on an honest signature": honest | {"fedcredit-party": "bank-b"},
        "old": by(signing, now=old),
        "for another ledger": by(signing, origin="ledger.example/another"),
        "another nonce": honest | {"fedcredit-nonce": next(_nonces)},
        "another time": honest | {"fedcredit-time": format_time(utc_now() + timedelta(seconds=1))},
        "another body": honest | {"fedcredit-body": "1" * 64},
        "no signature": honest | {"fedcredit-signature": spoiled},
        "not base64": honest | {"fedcredit-signature": "***"},
        "not a name": honest | {"fedcredit-party": "../bank-a"},
    }

    seen = {
        what: counter.raw(request("GET", "/inbox?after=0", headers))
        for what, headers in answers.items()
    }

    assert {
        what for what, answer in seen.items() if answer != (401, front_service.REFUSED)
    } == set()
    assert counter.raw(request("GET", "/inbox?after=0", honest))[0] == 200


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", "/leaves?from=1"), ("PUT", "/inbox?after=0"), ("GET", "/inbox?after=0&wait=0")],
)
def test_a_signature_for_one_call_opens_no_other(counter, method, target):
    signed = counter.signed("bank-a", "GET", "/inbox?after=0", EMPTY, next(_nonces))

    status, _ = counter.raw(request(method, target, signed.headers()))

    assert status in (401, 405)


def test_a_body_that_was_altered_on_the_way_is_not_used(counter):
    note = entry_of("bank-a", counter.identities["bank-a"].signing)
    body = pack([note])
    altered = body.replace(b"withdrawn", b"Withdrawn")
    signed = counter.signed(
        "bank-a", "POST", "/entries", hashlib.sha256(body).hexdigest(), next(_nonces)
    )

    status, said = counter.raw(request("POST", "/entries", signed.headers(), altered))

    assert (status, said) == (401, front_service.REFUSED)
    assert counter.log.size == 1


class _ForgetfulGate(Gate):
    """A gate that does not remember nonces: replays pass."""

    def _is_first_time(self, request: SignedRequest) -> bool:
        return True


def test_a_request_that_was_answered_once_is_refused_when_it_comes_again(counter):
    sent = request(
        "GET",
        "/inbox?after=0",
        counter.signed("bank-a", "GET", "/inbox?after=0", EMPTY, next(_nonces)).headers(),
    )

    first, again = counter.raw(sent), counter.raw(sent)

    assert (first[0], again) == (200, (401, front_service.REFUSED))


def test_the_replay_passes_a_gate_that_forgets(counter):
    signed = counter.signed("bank-a", "GET", "/status", EMPTY, next(_nonces)).headers()
    headers = [(name.encode(), value.encode()) for name, value in signed.items()]
    settings = {"origin": ORIGIN, "state": lambda: counter.log.state, "clock": utc_now}
    weak, strong = _ForgetfulGate(**settings), Gate(**settings)

    for gate in (weak, weak, strong):
        assert gate.admit("GET", "/status", headers).party == "bank-a"
    with pytest.raises(RefusedError) as refused:
        strong.admit("GET", "/status", headers)

    assert refused.value.status == 401


@pytest.fixture
def restarted(tmp_path) -> Iterator[Counter]:
    """A front that remembers across restarts, on a port of its own."""
    counter = Counter(tmp_path, memory=tmp_path / "newest-requests.json")
    yield counter
    counter.close()


def one_posting(counter: Counter, **changes: object) -> bytes:
    """Return a signed request whose repetition would be a second letter."""
    letters: list[bytes] = []
    sender = counter.member("key-holder")
    sender.mailbox._front.post = lambda recipient, note: letters.append(note)
    sender.mailbox.send("bank-b", "letter", {"number": 1})
    target, body = "/inbox/bank-b?id=1", letters[0]
    digest = hashlib.sha256(body).hexdigest()
    signed = counter.signed("key-holder", "POST", target, digest, next(_nonces), **changes)
    return request("POST", target, signed.headers(), body)


def restart(counter: Counter) -> None:
    """Start the front again over an empty desk: as a killed coordinator whose desk was lost."""
    counter.shut()
    counter.open()


def test_a_request_is_refused_when_it_comes_again_after_a_restart(restarted):
    sent = one_posting(restarted)

    first = restarted.raw(sent)[0]
    restart(restarted)
    again = restarted.raw(sent)[0]

    assert (first, again) == (200, 503)
    assert restarted.desk.inbox("bank-b", 0) is None


def test_a_request_from_a_clock_that_is_ahead_is_refused_after_a_restart_too(restarted):
    sent = one_posting(restarted, now=utc_now() + timedelta(seconds=100))

    first = restarted.raw(sent)[0]
    restart(restarted)
    again = restarted.raw(sent)[0]
    other = restarted.client("bank-a").status()

    assert (first, again) == (200, 503)
    assert other["size"] == 1, "another member's clock is no trouble of this one"


def test_a_front_without_that_memory_answers_the_same_request_twice(tmp_path):
    forgetful = Counter(tmp_path)
    sent = one_posting(forgetful)

    first = forgetful.raw(sent)[0]
    restart(forgetful)
    again = forgetful.raw(sent)[0]
    letters = forgetful.desk.inbox("bank-b", 0)
    forgetful.close()

    assert (first, again) == (200, 200)
    assert letters is not None and len(letters) == 1


def test_a_client_goes_on_over_a_restart_within_seconds(restarted):
    client = restarted.client("bank-a")
    client.status()
    restart(restarted)
    began = time.monotonic()

    assert client.status()["size"] == 1
    assert time.monotonic() - began < 4.0


def test_a_memory_of_something_else_is_not_believed(restarted, tmp_path):
    restarted.client("bank-a").status()
    assert set(json.loads(restarted.memory.read_text())) == {"bank-a"}
    assert restarted.memory.stat().st_mode & 0o077 == 0
    for spoiled in (b"", b"[]", b'{"bank-a": 3}', b'{"bank-a": "yesterday"}', b"\xff"):
        (tmp_path / "spoiled").write_bytes(spoiled)
        with pytest.raises(CoordinatorError, match="cannot be read"):
            NewestRequests(tmp_path / "spoiled")


# Floods


def test_a_stranger_who_asks_too_often_is_turned_away_unread_and_members_are_not(
    counter, monkeypatch
):
    headers = [
        (name.encode(), value.encode())
        for name, value in counter.signed("bank-a", "GET", "/status", EMPTY, "f" * 32)
        .headers()
        .items()
    ]
    spoiled = [(name, value.replace(b"f" * 32, b"e" * 32)) for name, value in headers]
    gate = Gate(origin=ORIGIN, state=lambda: counter.log.state, clock=utc_now)
    statuses: Counter_ = Counter_()

    def ask_at(peer: tuple[str, int], sent: list[tuple[bytes, bytes]]) -> int:
        try:
            gate.admit("GET", "/status", sent, peer)
        except RefusedError as refused:
            return refused.status
        return 200

    assert ask_at(("192.0.2.1", 5), headers) == 200
    for port in range(1000):
        statuses[ask_at(("192.0.2.1", 1000 + port), spoiled)] += 1

    assert statuses[401] >= 200
    assert statuses[429] >= 600
    # Who was admitted on a connection goes on there; another address is another matter.
    assert ask_at(("192.0.2.1", 5), spoiled) == 401
    assert ask_at(("192.0.2.2", 5), spoiled) == 401


def test_ten_thousand_addresses_take_no_more_room_than_four_thousand(counter):
    gate = Gate(origin=ORIGIN, state=lambda: counter.log.state, clock=utc_now)

    for number in range(10_000):
        with pytest.raises(RefusedError):
            gate.admit("GET", "/status", [], (f"2001:db8::{number:x}", 1))

    assert len(gate._strange) == MAX_ADDRESSES


def test_a_member_cannot_fill_the_ledger_in_an_afternoon(counter):
    gate = Gate(origin=ORIGIN, state=lambda: counter.log.state, clock=utc_now)
    taken = 0

    with pytest.raises(RefusedError) as refused:
        for _ in range(1000):
            gate.afford_entries("bank-a", 64)
            taken += 64

    assert refused.value.status == 429
    assert 5_000 - 64 <= taken < 5_300
    gate.afford_entries("bank-b", 64)


def test_a_header_that_stands_twice_is_no_signature(counter):
    signed = counter.signed("bank-a", "GET", "/status", EMPTY, next(_nonces)).headers()
    sent = request("GET", "/status", signed).replace(
        b"\r\n\r\n", b"\r\nfedcredit-party: bank-b\r\n\r\n"
    )

    assert counter.raw(sent)[0] == 401


def test_a_stranger_learns_no_name_from_how_long_the_answer_takes(counter):
    def took(name: str) -> float:
        key = SigningKey.generate(name)
        gate = Gate(origin=ORIGIN, state=lambda: counter.log.state, clock=utc_now)
        times = []
        for _ in range(60):
            signed = SignedRequest.sign(
                key,
                origin=ORIGIN,
                method="GET",
                target="/status",
                body_digest=EMPTY,
                now=utc_now(),
                nonce=next(_nonces),
            )
            headers = [(n.encode(), v.encode()) for n, v in signed.headers().items()]
            began = time.perf_counter()
            with pytest.raises(RefusedError):
                gate.admit("GET", "/status", headers)
            times.append(time.perf_counter() - began)
        return sorted(times)[10]

    known, unknown = took("bank-a"), took("bank-z")

    # A gate that verified nothing for unknown names would answer them several times faster.
    assert unknown > 0.5 * known


# Another member's things


def test_a_member_reads_no_inbox_but_its_own(counter):
    key_holder = counter.member("key-holder")
    key_holder.mailbox.send("bank-b", "letter", {"secret": 1})

    mine = counter.client("bank-a").inbox(0)
    attempts = [
        ask(counter, "bank-a", "GET", target)
        for target in ("/inbox/bank-b", "/inbox/bank-b?after=0", "/inbox/../inbox/bank-b?after=0")
    ]

    assert mine == []
    assert set(attempts) <= {404, 405}
    assert ask(counter, "bank-a", "GET", "/inbox?after=0&party=bank-b") == 200
    assert len(counter.client("bank-b").inbox(0)) == 1


def test_a_member_posts_no_note_in_anothers_name(counter):
    before = counter.client("bank-b").inbox(0)
    key_holder = counter.member("key-holder")
    key_holder.mailbox.send("bank-c", "letter", {})
    ((_, note),) = counter.client("bank-c").inbox(0)[-1:]

    as_bank_a = ask(counter, "bank-a", "POST", "/inbox/bank-c?id=9", note)
    to_another = ask(counter, "key-holder", "POST", "/inbox/bank-b?id=9", note)
    to_nobody = ask(counter, "key-holder", "POST", "/inbox/nobody?id=9", note)
    not_a_note = ask(counter, "bank-a", "POST", "/inbox/bank-b?id=9", b"hello")

    assert (as_bank_a, to_another, to_nobody, not_a_note) == (403, 403, 404, 400)
    assert counter.client("bank-b").inbox(0) == before


def test_a_member_hands_in_no_entry_of_another_author(counter):
    stolen = entry_of("bank-b", counter.identities["bank-b"].signing)
    forged = entry_of("bank-b", SigningKey.generate("bank-b"))

    answers = {ask(counter, "bank-a", "POST", "/entries", pack([n])) for n in (stolen, forged)}

    assert answers == {403}
    assert (counter.log.size, len(counter.log.refused)) == (1, 0)


def test_a_member_hands_in_no_cosignature_of_another_witness(counter):
    note = counter.log.checkpoint_note()
    text = Note.parse(note).text
    line = counter.identities["bank-b"].witness.cosign(text, int(time.time())).line() + "\n"

    assert ask(counter, "bank-a", "POST", "/witness/cosignature", line.encode()) == 403
    assert counter.log.checkpoint_note() == note
    assert ask(counter, "bank-b", "POST", "/witness/cosignature", line.encode()) == 200


# Sizes


@pytest.mark.parametrize(
    ("method", "target", "most"),
    [
        ("POST", "/entries", 64 * 20_000),
        ("POST", "/inbox/bank-b?id=1", 65_536),
        ("POST", "/witness/cosignature", 8_192),
        ("PUT", f"/blob/{EMPTY}", 64 * 2**20),
    ],
)
def test_a_body_that_is_too_large_is_refused_before_it_is_read(counter, method, target, most):
    signed = counter.signed("bank-a", method, target, EMPTY, next(_nonces)).headers()
    began = time.monotonic()

    # The body itself is never sent: who waited for it would wait for ever.
    status, _ = counter.raw(request(method, target, signed | {"content-length": str(most + 1)}))

    assert status == 413
    assert time.monotonic() - began < 2.0


def test_a_strangers_gigabyte_is_refused_before_it_is_read(counter):
    status, _ = counter.raw(
        request("PUT", f"/blob/{EMPTY}", {"content-length": str(2**30)}, b"x" * 100)
    )

    assert status == 401


@pytest.mark.parametrize(
    "headers", [{"transfer-encoding": "chunked"}, {"content-length": "+0"}], ids=str
)
def test_a_body_without_a_plain_length_is_not_read(counter, headers):
    signed = counter.signed("bank-a", "PUT", f"/blob/{EMPTY}", EMPTY, next(_nonces)).headers()

    status, _ = counter.raw(request("PUT", f"/blob/{EMPTY}", signed | headers, b"0\r\n\r\n"))

    assert status in (400, 411)


def test_a_body_that_never_comes_ends(counter, monkeypatch):
    monkeypatch.setattr(fleet_proxy, "BODY_S", 0.3)
    signed = counter.signed("bank-a", "POST", "/entries", "1" * 64, next(_nonces)).headers()

    status, _ = counter.raw(request("POST", "/entries", signed | {"content-length": "100"}, b"x"))

    assert status == 408


# The SuperLink behind


def test_the_table_of_fleet_paths_is_flowers():
    from flwr.superlink.routers.fleet.router import router

    assert {route.path for route in router.routes} == PATHS


def test_a_fleet_call_passes_with_its_body_and_its_own_headers(counter, superlink):
    headers = {
        "content-type": "application/x-protobuf",
        "x-flwr-key": "kept",
        "connection": "x-hop, keep-alive",
        "x-hop": "dropped",
        "te": "trailers",
        "fedcredit-party": "bank-a",
    }
    superlink.reached.clear()

    status, body = counter.raw(request("POST", "/v1/fleet/pull-messages", headers, b"protobuf"))

    ((method, path, sent, passed),) = superlink.reached
    assert (status, body) == (200, b"answer of the SuperLink")
    assert (method, path, sent) == ("POST", "/v1/fleet/pull-messages", b"protobuf")
    assert passed["x-flwr-key"] == "kept"
    assert passed["host"] == f"127.0.0.1:{superlink.port}"
    assert not passed.keys() & {"x-hop", "te", "fedcredit-party"}


TRICKS = [
    "/v1/control/start-run",
    "/v1/control/register-node",
    "/v1/runtime/acquire-task",
    "/health",
    "/docs",
    "/v1/fleet/../control/start-run",
    "/v1/fleet/pull-messages/../../control/start-run",
    "/v1/fleet/%2e%2e/control/start-run",
    "/v1/fleet/..%2fcontrol%2fstart-run",
    "/v1/fleet/%2e%2e%2fcontrol%2fstart-run",
    "/v1/fleet/..;/control/start-run",
    "/v1/fleet//control/start-run",
    "//v1/fleet/pull-messages",
    "/v1/fleet/pull-messages/",
    "/v1/fleet/pull%2dmessages",
    "/v1/fleet/pull-messages%00",
    "/v1/fleet/pull-messages?x=/v1/control/start-run",
    "/v1/fleet/pull-messages;x",
    "/v1/fleet/",
    "/V1/FLEET/pull-messages",
    "/v1\\fleet\\pull-messages",
    "http://127.0.0.1:9/v1/control/start-run",
    "*",
]


@pytest.mark.parametrize("target", TRICKS)
@pytest.mark.parametrize("by_a_member", [False, True], ids=["stranger", "member"])
def test_no_path_leads_to_the_control_api(counter, superlink, target, by_a_member):
    superlink.reached.clear()
    headers = (
        counter.signed("bank-a", "POST", target, EMPTY, next(_nonces)).headers()
        if by_a_member
        else {}
    )

    status, _ = counter.raw(request("POST", target, headers))

    assert 400 <= status < 500
    assert superlink.reached == []


class _CarelessProxy(FleetProxy):
    """A proxy that looks at the beginning of the decoded path: it can be climbed out of."""

    async def answer(self, request: Request) -> Response:
        if not request.scope["path"].startswith("/v1/fleet/"):
            return Response(status_code=404)
        return await self._pass_on(request, request.scope["path"], 0)


def test_the_same_paths_climb_out_of_a_proxy_that_compares_beginnings(superlink):
    superlink.reached.clear()

    async def climb() -> None:
        proxy = _CarelessProxy(f"http://127.0.0.1:{superlink.port}")
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/fleet/../control/start-run",
            "raw_path": b"/v1/fleet/%2e%2e/control/start-run",
            "query_string": b"",
            "headers": [(b"content-length", b"0")],
        }

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        await proxy.answer(Request(scope, receive))
        await proxy.close()

    asyncio.run(climb())

    assert [path for _, path, _, _ in superlink.reached] == ["/v1/control/start-run"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "CONNECT", "OPTIONS", "HEAD"])
def test_fleet_paths_are_posted_to_and_nothing_else(counter, superlink, method):
    superlink.reached.clear()

    status, _ = counter.raw(
        request(method, "/v1/fleet/pull-messages", {"connection": "close", "content-length": "0"})
    )

    assert status in (400, 404, 405)
    assert superlink.reached == []


def test_the_proxy_follows_no_redirect_of_the_superlink(counter, superlink):
    superlink.reached.clear()

    status, _ = counter.raw(request("POST", "/v1/fleet/get-run", {}, b"redirect, please"))

    assert status == 502
    assert [path for _, path, _, _ in superlink.reached] == ["/v1/fleet/get-run"]


def test_a_fleet_body_of_a_gigabyte_reaches_nobody(counter, superlink):
    superlink.reached.clear()

    status, _ = counter.raw(
        request("POST", "/v1/fleet/push-object", {"content-length": str(2**30)}, b"x" * 100)
    )

    assert status == 413
    assert superlink.reached == []


def test_two_requests_in_one_do_not_pass_the_proxy(counter, superlink):
    superlink.reached.clear()
    smuggled = b"POST /v1/control/start-run HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
    headers = {"content-length": str(len(smuggled)), "transfer-encoding": "chunked"}

    status, _ = counter.raw(
        request("POST", "/v1/fleet/pull-messages", headers, b"0\r\n\r\n" + smuggled)
    )

    assert status in (400, 411)
    assert superlink.reached == []


@pytest.mark.parametrize("address", ["https://10.0.0.1:9443", "https://superlink.example:9443"])
def test_a_superlink_that_is_not_on_this_machine_is_refused(address):
    with pytest.raises(ValueError, match="loopback"):
        FleetProxy(address)
