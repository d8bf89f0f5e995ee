"""Headers are sent until every party has answered, refused, or time is up."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

import pytest
from flwr.app import Error, Message, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from fedcredit.coordinator import replies as replies_module
from fedcredit.coordinator.replies import CRASHED, INVALID_APP, Ask, Replies, StoppedError
from fedcredit_parties.errors import MalformedMessageError
from fedcredit_parties.wire import Contribution, Refusal

NODES = {"bank-a": 1, "bank-b": 2}
NOBODY = 3
"""Flower: the node did not answer."""


class ScriptedGrid(Grid):
    """Answers each message to a node with the next line of that node's script."""

    def __init__(self, scripts: dict[int, list[Callable[[Message], Message | None]]]) -> None:
        TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 1, 1
        self.scripts = {node: deque(script) for node, script in scripts.items()}
        self.sent: list[int] = []
        self._replies: dict[str, Message] = {}

    def set_run(self, run: Run) -> None:
        raise AssertionError("not used")

    @property
    def run(self) -> Run:
        raise AssertionError("not used")

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        return Message(
            content, dst_node_id=dst_node_id, message_type=message_type, group_id=group_id, ttl=ttl
        )

    def get_node_ids(self) -> Iterable[int]:
        return list(self.scripts)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        ids = []
        for message in messages:
            message_id = f"m{len(self.sent)}"
            node = message.metadata.dst_node_id
            self.sent.append(node)
            message.metadata.__dict__["_message_id"] = message_id
            reply = self.scripts[node].popleft()(message) if self.scripts[node] else None
            if reply is not None:
                self._replies[message_id] = reply
            ids.append(message_id)
        return ids

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        return [self._replies.pop(i) for i in list(message_ids) if i in self._replies]

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        raise AssertionError("not used")


def answers(name: str, n: int = 1) -> Callable[[Message], Message]:
    said = Contribution(run_id="r", entry_id="e", party=name, ciphertexts=(b"c",) * n)
    return lambda message: Message(said.to_records(), reply_to=message)


def refuses(error: str) -> Callable[[Message], Message]:
    return lambda message: Message(Refusal(error=error).to_records(), reply_to=message)


def fails(code: int, reason: str = "") -> Callable[[Message], Message]:
    return lambda message: Message(Error(code, reason), reply_to=message)


def is_silent(message: Message) -> None:
    return None


def collect(
    grid: ScriptedGrid,
    *,
    seconds: float = 5.0,
    returned: Callable[[], set[str]] = set,
    accept: Callable[[str, Contribution], None] = lambda name, said: None,
    stop: threading.Event | None = None,
) -> tuple[dict[str, Contribution], tuple[str, Refusal] | None]:
    ask = Ask(run_id="r", entry_id="e", roster=tuple(NODES), deadline=time.monotonic() + seconds)
    return Replies(grid, NODES).collect(
        ask,
        n_ciphertexts=lambda name: 1,
        accept=accept,
        committed=lambda timeout_s: True,
        returned=returned,
        stop=stop or threading.Event(),
    )


def test_every_party_is_asked_once_when_all_answer() -> None:
    grid = ScriptedGrid({1: [answers("bank-a")], 2: [answers("bank-b")]})

    found, refused = collect(grid)

    assert set(found) == {"bank-a", "bank-b"}
    assert refused is None
    assert sorted(grid.sent) == [1, 2]


def test_a_party_that_died_is_asked_again() -> None:
    grid = ScriptedGrid({1: [fails(NOBODY), answers("bank-a")], 2: [answers("bank-b")]})

    found, refused = collect(grid)

    assert set(found) == {"bank-a", "bank-b"}
    assert refused is None
    assert sorted(grid.sent) == [1, 1, 2]


def test_a_party_that_says_it_is_back_is_asked_at_once() -> None:
    grid = ScriptedGrid({1: [is_silent, answers("bank-a")], 2: [answers("bank-b")]})
    news = iter([set(), {"bank-a"}])

    started = time.monotonic()
    found, _ = collect(grid, returned=lambda: next(news, set()))

    assert set(found) == {"bank-a", "bank-b"}
    assert time.monotonic() - started < replies_module.MESSAGE_S / 2


def test_a_message_that_expires_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies_module, "MESSAGE_S", -0.9)
    grid = ScriptedGrid({1: [is_silent, answers("bank-a")], 2: [answers("bank-b")]})

    found, _ = collect(grid)

    assert set(found) == {"bank-a", "bank-b"}


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        pytest.param(refuses("NoGrantError"), "NoGrantError", id="a rule"),
        pytest.param(fails(CRASHED, "ZeroDivisionError"), "ZeroDivisionError", id="a crash"),
        pytest.param(fails(CRASHED, "row 17 said x"), "PartyError", id="a crash that talks"),
        pytest.param(fails(INVALID_APP, "another app"), "PartyError", id="another app is pinned"),
    ],
)
def test_a_refusal_ends_the_asking_and_says_its_class(
    reply: Callable[[Message], Message], error: str
) -> None:
    grid = ScriptedGrid({1: [reply], 2: [is_silent]})

    _, refused = collect(grid)

    assert refused == ("bank-a", Refusal(error=error))


def test_a_silent_party_is_missing_at_the_deadline() -> None:
    grid = ScriptedGrid({1: [answers("bank-a")], 2: [is_silent]})

    found, refused = collect(grid, seconds=0.2)

    assert set(found) == {"bank-a"}
    assert refused is None


def test_a_contribution_with_more_ciphertexts_than_committed_is_refused() -> None:
    grid = ScriptedGrid({1: [answers("bank-a", n=2)], 2: [answers("bank-b")]})

    with pytest.raises(MalformedMessageError):
        collect(grid)


def test_what_is_not_accepted_ends_the_asking() -> None:
    grid = ScriptedGrid({1: [answers("bank-a")], 2: [answers("bank-b")]})

    def accept(name: str, said: Contribution) -> None:
        raise MalformedMessageError("not what it signed", party=name)

    with pytest.raises(MalformedMessageError, match="not what it signed"):
        collect(grid, accept=accept)


def test_a_coordinator_that_is_told_to_stop_stops() -> None:
    stop = threading.Event()
    stop.set()

    with pytest.raises(StoppedError):
        collect(ScriptedGrid({1: [is_silent], 2: [is_silent]}), stop=stop)


def test_all_headers_of_an_attempt_go_out_in_one_call() -> None:
    grid = ScriptedGrid({1: [answers("bank-a")], 2: [answers("bank-b")]})
    calls: list[int] = []
    honest = grid.push_messages

    def push(messages: Iterable[Message]) -> Iterable[str]:
        calls.append(len(list(messages)))
        return honest(messages)

    grid.push_messages = push  # type: ignore[method-assign]
    collect(grid)

    assert calls == [2]


def test_a_header_that_flower_cannot_deliver_goes_out_again_after_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replies_module, "AGAIN_S", 0.1)
    grid = ScriptedGrid({1: [answers("bank-a")], 2: [answers("bank-b")]})
    honest = grid.push_messages
    n_calls = 0

    def push(messages: Iterable[Message]) -> Iterable[str]:
        nonlocal n_calls
        n_calls += 1
        kept = list(messages)
        # Flower gives no number to a message for a node that is off line.
        return ["", *honest(kept[1:])] if n_calls == 1 else honest(kept)

    grid.push_messages = push  # type: ignore[method-assign]
    began = time.monotonic()
    found, refused = collect(grid)

    assert set(found) == {"bank-a", "bank-b"} and refused is None
    assert grid.sent == [2, 1]
    assert 0.1 <= time.monotonic() - began < 2.0


def test_replies_are_not_looked_for_often_before_everybody_has_committed() -> None:
    grid = ScriptedGrid({1: [answers("bank-a")], 2: [answers("bank-b")]})
    asked: list[float] = []

    def committed(timeout_s: float) -> bool:
        asked.append(timeout_s)
        return len(asked) > 1

    ask = Ask(run_id="r", entry_id="e", roster=tuple(NODES), deadline=time.monotonic() + 5.0)
    honest = grid.pull_messages
    n_pulls = 0

    def pull(message_ids: Iterable[str]) -> Iterable[Message]:
        nonlocal n_pulls
        n_pulls += 1
        return [] if n_pulls == 1 else honest(message_ids)

    grid.pull_messages = pull  # type: ignore[method-assign]
    found, _ = Replies(grid, NODES).collect(
        ask,
        n_ciphertexts=lambda name: 1,
        accept=lambda name, said: None,
        committed=committed,
        returned=set,
        stop=threading.Event(),
    )

    assert len(found) == 2
    assert asked[0] == replies_module.EARLY_S
