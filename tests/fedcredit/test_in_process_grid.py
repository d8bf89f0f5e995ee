"""Flower's grid without a network: everything crosses as bytes, one thread a party."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

from fedcredit.coordinator.in_process_grid import InProcessGrid


def _app(answer: Any) -> ClientApp:
    app = ClientApp()

    @app.query("sum")
    def handle(message: Message, context: Context) -> Message:
        return Message(answer(message.content), reply_to=message)

    return app


def _record(**fields: Any) -> RecordDict:
    return RecordDict({"fedcredit": ConfigRecord(fields)})


@pytest.fixture
def grid() -> Iterator[InProcessGrid]:
    met = threading.Barrier(3, timeout=10)

    def together(content: RecordDict) -> RecordDict:
        met.wait()
        return content

    grid = InProcessGrid({name: _app(together) for name in ("a", "b", "c")})
    yield grid
    grid.close()


def _messages(grid: InProcessGrid, content: RecordDict) -> list[Message]:
    return [grid.create_message(content, "query.sum", node, "run") for node in grid.get_node_ids()]


def test_parties_answer_at_the_same_time(grid: InProcessGrid) -> None:
    """Each waits for the other two before it answers: with one thread this would never end."""
    replies = list(grid.send_and_receive(_messages(grid, _record(x=1)), timeout=10))

    assert sorted(grid.name_of[r.metadata.src_node_id] for r in replies) == ["a", "b", "c"]


def test_what_arrives_is_a_copy(grid: InProcessGrid) -> None:
    content = _record(payload=b"\x00\x01", word="w")

    for reply in grid.send_and_receive(_messages(grid, content), timeout=10):
        record = reply.content["fedcredit"]
        assert record is not content["fedcredit"]
        assert dict(record) == {"payload": b"\x00\x01", "word": "w"}


def test_bytes_are_counted_for_their_sender(grid: InProcessGrid) -> None:
    list(grid.send_and_receive(_messages(grid, _record(payload=b"x" * 1_000)), timeout=10))

    assert set(grid.n_bytes_sent) == {"a", "b", "c"}
    assert all(1_000 < n < 1_200 for n in grid.n_bytes_sent.values())


def test_a_reply_is_handed_out_once(grid: InProcessGrid) -> None:
    ids = list(grid.push_messages(_messages(grid, _record(x=1))))
    found: list[Message] = []
    pause = threading.Event()
    while len(found) < 3:
        found += grid.pull_messages(ids)
        pause.wait(0.005)

    assert list(grid.pull_messages(ids)) == []
    assert {m.metadata.reply_to_message_id for m in found} == set(ids)


def test_a_handler_that_fails_gives_an_error_reply_and_ends_nobody() -> None:
    def fails(content: RecordDict) -> RecordDict:
        raise ZeroDivisionError

    grid = InProcessGrid({"a": _app(fails)})
    try:
        (reply,) = grid.send_and_receive(_messages(grid, _record(x=1)), timeout=10)
        assert reply.has_error()
    finally:
        grid.close()
