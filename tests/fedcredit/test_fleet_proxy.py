"""The way to the SuperLink: what a call holds there is free again, however the call ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from starlette.requests import Request
from starlette.types import Message

from fedcredit.coordinator import fleet_proxy
from fedcredit.coordinator.fleet_proxy import FleetProxy

REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nanswer"

SCOPE = {
    "type": "http",
    "asgi": {"spec_version": "2.3"},  # as uvicorn's
    "method": "POST",
    "path": "/v1/fleet/get-run",
    "raw_path": b"/v1/fleet/get-run",
    "query_string": b"",
    "headers": [(b"content-length", b"0")],
}


@asynccontextmanager
async def one_connection(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FleetProxy]:
    """Return a proxy with a single place and a single connection to a SuperLink."""

    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        while True:
            try:
                await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()
                return
            writer.write(REPLY)

    monkeypatch.setattr(fleet_proxy, "MAX_AT_ONCE", 1)
    monkeypatch.setattr(fleet_proxy, "MAX_BYTES_AT_ONCE", 0)
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy = FleetProxy(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield proxy
    finally:
        await proxy.close()
        server.close()
        await asyncio.gather(*(task for task in serving if task is not None))


class Caller:
    """Somebody who calls and reads the answer, or does not read it, or hangs up too."""

    def __init__(self, *, reads: bool = True, hangs_up: bool = False) -> None:
        self.messages: list[Message] = []
        self._reads = asyncio.Event()
        if reads:
            self._reads.set()
        self._gone = asyncio.Event()
        if hangs_up:
            self._gone.set()
        self._asked = False

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.messages.append(message)
        await self._reads.wait()

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    async def call(self, proxy: FleetProxy) -> "Caller":
        scope = dict(SCOPE)
        response = await proxy.answer(Request(scope, self.receive, self.send))
        await response(scope, self.receive, self.send)
        return self


def test_a_caller_that_hangs_up_before_the_body_leaves_its_connection_to_others(monkeypatch):
    async def course() -> tuple[list[str], int]:
        async with one_connection(monkeypatch) as proxy:
            gone = await Caller(reads=False, hangs_up=True).call(proxy)
            sent = [message["type"] for message in gone.messages]
            return sent, (await Caller().call(proxy)).status

    assert asyncio.run(course()) == (["http.response.start"], 200)


def test_an_error_after_the_superlink_has_answered_leaves_the_connection_to_others(monkeypatch):
    admit: Callable[[object], None] = fleet_proxy.admit

    def fail(scope: object) -> None:
        raise RuntimeError("not this time")

    async def course() -> int:
        async with one_connection(monkeypatch) as proxy:
            monkeypatch.setattr(fleet_proxy, "admit", fail)
            with pytest.raises(RuntimeError, match="not this time"):
                await Caller().call(proxy)
            monkeypatch.setattr(fleet_proxy, "admit", admit)
            return (await Caller().call(proxy)).status

    assert asyncio.run(course()) == 200


def test_a_place_is_taken_until_the_answer_was_sent_and_free_after_a_cancelled_call(monkeypatch):
    async def course() -> list[int]:
        async with one_connection(monkeypatch) as proxy:
            slow = Caller(reads=False)
            under_way = asyncio.create_task(slow.call(proxy))
            while not slow.messages:
                await asyncio.sleep(0.01)
            statuses = [(await Caller().call(proxy)).status]
            under_way.cancel()
            with pytest.raises(asyncio.CancelledError):
                await under_way
            statuses.append((await Caller().call(proxy)).status)
            return statuses

    assert asyncio.run(asyncio.wait_for(course(), 5)) == [503, 200]
