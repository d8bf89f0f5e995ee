"""Flower's lane: what a node takes, what a party's handlers answer, what the coordinator reads."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from flwr.app import Error, Message, RecordDict
from flwr.app.message import remove_content_from_message
from flwr.common.serde import message_to_proto
from flwr.proto.fleet_pb2 import PullMessagesResponse, PushMessagesResponse
from flwr.proto.message_pb2 import (
    ConfirmMessageReceivedResponse,
    ObjectTree,
    PullObjectResponse,
    PushObjectResponse,
)
from flwr.proto.run_pb2 import GetRunResponse, Run
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_tree,
    no_object_id_recompute,
)

from fedcredit.coordinator.replies import Replies
from fedcredit_parties import data_holder, flower_node
from fedcredit_parties.data_holder import DataHolder
from fedcredit_parties.errors import by_name
from fedcredit_parties.flower_node import FlowerNode, table
from fedcredit_parties.handlers import SUM, handlers_of
from fedcredit_parties.wire import Contribution, Refusal, is_refusal
from tests.fuzz.harness import Target
from tests.fuzz.mutations import spoil_bytes
from tests.fuzz.party_targets import authority, honest_records, spoil_records

NODE, RUN, APP = 7, 42, "ab" * 32


def flower_targets(folder: Path, holder: DataHolder) -> list[Target]:
    """Return the targets of Flower's lane; `holder` answers what gets through."""
    return [_pulls(folder, holder), _handlers(holder), _replies()]


def _message(content: RecordDict, kind: str = SUM) -> Message:
    message = Message(content, dst_node_id=NODE, message_type=kind, ttl=600.0)
    message.metadata.__dict__["_run_id"] = RUN
    message.metadata.__dict__["_src_node_id"] = 1
    return message


class _SuperLink:
    """Answers a node with one message's objects; keeps what it hands in."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.app = APP
        self.pushed: list[Any] = []

    def GetRun(self, request: Any) -> GetRunResponse:
        return GetRunResponse(run=Run(run_id=RUN, fab_hash=self.app))

    def PullObject(self, request: Any) -> PullObjectResponse:
        content = self.objects.get(request.object_id)
        return PullObjectResponse(
            object_found=True,
            object_available=True,
            object_content=b"none" if content is None else content,
        )

    def PushMessages(self, request: Any) -> PushMessagesResponse:
        self.pushed += request.messages_list
        return PushMessagesResponse(session_id="s", objects_to_push=[])

    def PushObject(self, request: Any) -> PushObjectResponse:
        return PushObjectResponse(stored=True)

    def ConfirmMessageReceived(self, request: Any) -> ConfirmMessageReceivedResponse:
        return ConfirmMessageReceivedResponse()


class _AtOnce:
    """A thread that is over when it has started."""

    def __init__(
        self, *, target: Callable[..., None], args: tuple[Any, ...] = (), **_: Any
    ) -> None:
        self._work = (target, args)

    def start(self) -> None:
        self._work[0](*self._work[1])


@contextmanager
def _without_threads() -> Iterator[None]:
    real = flower_node.threading
    flower_node.threading = SimpleNamespace(  # type: ignore[assignment]
        Thread=_AtOnce, Event=real.Event, Lock=real.Lock
    )
    try:
        yield
    finally:
        flower_node.threading = real  # type: ignore[assignment]


@contextmanager
def _without_waiting() -> Iterator[None]:
    """An attempt that nobody has written is not waited for."""
    real, data_holder.HEARD_S = data_holder.HEARD_S, 0.0
    try:
        yield
    finally:
        data_holder.HEARD_S = real


def _deflated(message: Message) -> tuple[bytes, dict[str, bytes], ObjectTree]:
    """Return header, objects by number, and tree, as the SuperLink holds them."""
    with no_object_id_recompute():
        message.metadata.__dict__["_message_id"] = message.object_id
        objects = {name: item.deflate() for name, item in get_all_nested_objects(message).items()}
        tree = get_object_tree(message)
    header = message_to_proto(remove_content_from_message(message)).SerializeToString()
    return header, objects, tree


def _pulls(folder: Path, holder: DataHolder) -> Target:
    """Return the target of whole messages, each object under the digest of what it became."""
    link = _SuperLink()
    node = FlowerNode(
        address="https://127.0.0.1:1",
        root_certificates=authority(),
        node_key=ec.generate_private_key(ec.SECP384R1()),
        app_hash=APP,
        answer=table(handlers_of(holder)),
        state=folder / "node",
    )
    (folder / "node").mkdir()
    node._fleet.close()
    node._fleet = link  # type: ignore[assignment]
    node._node = NODE
    honest = honest_records()

    def mutant(rng: random.Random) -> tuple[bytes, dict[str, bytes], str]:
        content = rng.choice(honest)
        if rng.random() < 0.5:
            content = spoil_records(rng, content)
        kind = (
            SUM if rng.random() < 0.9 else rng.choice(("train", "query.steal", "query", "evaluate"))
        )
        message = _message(content, kind)
        metadata = message.metadata
        if rng.random() < 0.2:
            odd: list[float] = [0.0, -1.0, float("nan"), float("inf"), 1e308]
            metadata.__dict__["_ttl"] = rng.choice(odd)
        if rng.random() < 0.1:
            metadata.__dict__["_created_at"] = rng.choice([0.0, float("nan"), time.time() + 1e9])
        header, objects, tree = _deflated(message)
        if rng.random() < 0.6:
            objects, tree = _spoil_object(rng, objects, tree)
        pulled = PullMessagesResponse(message_object_trees=[tree])
        pulled.messages_list.add().ParseFromString(header)
        pulled.messages_list[0].metadata.message_id = tree.object_id
        whole = pulled.SerializeToString()
        if rng.random() < 0.2:
            whole = spoil_bytes(rng, whole)
        app = APP if rng.random() < 0.9 else rng.choice(("", "cd" * 32, APP.upper()))
        return whole, objects, app

    def feed(sent: tuple[bytes, dict[str, bytes], str]) -> str | None:
        whole, link.objects, link.app = sent
        link.pushed.clear()
        node._apps.clear()
        node._lost.clear()
        with _without_threads(), _without_waiting():
            taken = node._take(whole)
        assert not node._owed, "a message is owed for ever"
        assert link.app == APP or not link.pushed or link.pushed[-1].error.code == 7
        if not taken:
            return "not taken"
        if not link.pushed:
            return "dropped"
        reply = link.pushed[-1]
        return f"error {reply.error.code} {reply.error.reason[:24]}" if reply.error.reason else None

    def check() -> None:
        left = [path.name for path in (folder / "node").iterdir()]
        assert left == [], f"{len(left)} files left behind by messages that were answered"

    return Target(name="Flower messages", mutant=mutant, feed=feed, weight=40, check=check)


def _spoil_object(
    rng: random.Random, objects: dict[str, bytes], tree: ObjectTree
) -> tuple[dict[str, bytes], ObjectTree]:
    """Spoil one object; give it, and those that name it, the numbers that they have now."""
    victim = rng.choice(list(objects))
    spoiled: dict[str, bytes] = {}
    renamed: dict[str, str] = {}
    for name, content in objects.items():  # children come before their parents
        for old, new in renamed.items():
            content = content.replace(old.encode(), new.encode())
        if name == victim:
            content = _spoil_content(rng, content)
        number = sha256(content).hexdigest()
        renamed[name] = number
        spoiled[number] = content
    return spoiled, _renamed(tree, renamed)


def _spoil_content(rng: random.Random, content: bytes) -> bytes:
    head, divider, body = content.partition(b"\0")
    kind = rng.randrange(4)
    if kind == 0:
        names = (
            b"Array",
            b"ArrayChunk",
            b"Message",
            b"RecordDict",
            b"MetricRecord",
            b"object",
            b"",
        )
        return rng.choice(names) + b" " + head.partition(b" ")[2] + divider + body
    if kind == 1:
        return head + divider + spoil_bytes(rng, body)
    if kind == 2:
        number = str(rng.choice((0, -1, 2**63, 10**30))).encode()
        return head.rpartition(b" ")[0] + b" " + number + divider + body
    return spoil_bytes(rng, content)


def _renamed(tree: ObjectTree, names: dict[str, str]) -> ObjectTree:
    return ObjectTree(
        object_id=names.get(tree.object_id, tree.object_id),
        children=[_renamed(child, names) for child in tree.children],
    )


def _handlers(holder: DataHolder) -> Target:
    """Return the target of well-formed messages with spoiled contents, at the table of handlers."""
    answer = table(handlers_of(holder))
    honest = honest_records()

    def mutant(rng: random.Random) -> tuple[str, RecordDict]:
        kind = SUM if rng.random() < 0.9 else rng.choice(("train", "query.steal", "evaluate"))
        return kind, spoil_records(rng, rng.choice(honest))

    def feed(sent: tuple[str, RecordDict]) -> str | None:
        message = _message(sent[1], sent[0])
        message.metadata.__dict__["_message_id"] = "m"
        with _without_waiting():
            reply = answer(message)
        if not reply.has_content():
            assert reply.error.code == flower_node.NO_HANDLER
            return "no handler"
        assert is_refusal(reply.content), "a spoiled header was answered"
        error = Refusal.from_records(reply.content).error
        assert error in by_name, f"an error without a name: {error}"
        return error

    return Target(name="handler table", mutant=mutant, feed=feed, weight=20)


def _replies() -> Target:
    """Return the target of answers of a bribed party, as the coordinator reads them."""
    contribution = Contribution(
        run_id="run-1", entry_id="ab" * 32, party="bank-a", ciphertexts=(b"c" * 100,)
    ).to_records()
    honest = [contribution, Refusal(error="NoGrantError").to_records()]

    def mutant(rng: random.Random) -> Message:
        asked = _message(honest_records()[0])
        asked.metadata.__dict__["_message_id"] = "m"
        if rng.random() < 0.1:
            code = rng.choice((0, 1, 2, 7, 99, -1, 2**31 - 1))
            reason = rng.choice(("", "NoGrantError", "x" * 500, "\u202e", "KeyboardInterrupt"))
            return Message(Error(code, reason), reply_to=asked)
        return Message(spoil_records(rng, rng.choice(honest)), reply_to=asked)

    def feed(reply: Message) -> str | None:
        said = Replies._read(reply, "bank-a", lambda name: 1)
        if said is None:
            return "asked again"
        return said.error if isinstance(said, Refusal) else None

    return Target(name="replies of a party", mutant=mutant, feed=feed, weight=10)
