"""Flower's Grid without a network: one thread a party, the same messages as bytes.

The coordinator's loop and the parties' Flower apps are those of the deployment. What is sent is
serialised and parsed again on the other side, so nothing but bytes crosses, and each side's bytes
are counted.

References
----------
``flwr.serverapp.Grid``; the message identity that a SuperLink would set is set here, through
Flower's private names, in this file only.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.serde import recorddict_from_proto, recorddict_to_proto
from flwr.proto.recorddict_pb2 import RecordDict as ProtoRecordDict
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity


class InProcessGrid(Grid):
    """Deliver messages to Flower apps in threads of this process.

    Parameters
    ----------
    apps : mapping of str to ClientApp
        The answering app of every party, by name.
    """

    def __init__(self, apps: Mapping[str, ClientApp]) -> None:
        self.node_of = {name: i for i, name in enumerate(sorted(apps), start=1)}
        self.name_of = {node: name for name, node in self.node_of.items()}
        self.n_bytes_sent: Counter[str] = Counter()
        self._apps = dict(apps)
        self._contexts = {
            name: Context(run_id=1, node_id=node, node_config={}, state=RecordDict(), run_config={})
            for name, node in self.node_of.items()
        }
        self._pool = ThreadPoolExecutor(max_workers=len(apps), thread_name_prefix="party")
        self._replies: dict[str, Future[Message]] = {}
        self._n_messages = 0
        self._lock = threading.Lock()
        self._run: Run | None = None
        TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 1, 1

    def set_run(self, run: Run) -> None:
        """Set the run that messages belong to."""
        self._run = run

    @property
    def run(self) -> Run:
        """The run that was set."""
        if self._run is None:
            raise RuntimeError("no run was set")
        return self._run

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """Return a message to one node."""
        return Message(
            content, dst_node_id=dst_node_id, message_type=message_type, group_id=group_id, ttl=ttl
        )

    def get_node_ids(self) -> Iterable[int]:
        """Return the node of every party."""
        return list(self.name_of)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Start delivering messages; return their ids."""
        ids = []
        for message in messages:
            with self._lock:
                self._n_messages += 1
                message_id = f"m{self._n_messages}"
            name = self.name_of[message.metadata.dst_node_id]
            message.content = _through_bytes(message.content)[0]
            message.metadata.__dict__["_message_id"] = message_id
            self._replies[message_id] = self._pool.submit(self._deliver, name, message)
            ids.append(message_id)
        return ids

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Return the replies that have arrived among those asked for, each once."""
        found = []
        for message_id in list(message_ids):
            future = self._replies.get(message_id)
            if future is not None and future.done():
                del self._replies[message_id]
                found.append(future.result())
        return found

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        """Deliver messages and return the replies that arrive within `timeout` seconds."""
        ids = set(self.push_messages(messages))
        deadline = None if timeout is None else time.monotonic() + timeout
        replies = []
        for message_id in ids:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                replies.append(self._replies[message_id].result(left))
            except TimeoutError:
                continue
            del self._replies[message_id]
        return replies

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _deliver(self, name: str, message: Message) -> Message:
        try:
            reply = self._apps[name](message, self._contexts[name])
        except Exception as crash:
            # The border of a party: what it did not foresee becomes Flower's error reply, which
            # names the class and nothing else, and a trace in the party's own log.
            logging.getLogger(__name__).exception("%s: an unforeseen error in a handler", name)
            return Message(
                Error(code=_HANDLER_CRASHED, reason=type(crash).__name__), reply_to=message
            )
        if reply.has_content():
            reply.content, n_bytes = _through_bytes(reply.content)
            self.n_bytes_sent[name] += n_bytes
        return reply


_HANDLER_CRASHED = 2


def _through_bytes(content: RecordDict) -> tuple[RecordDict, int]:
    data = recorddict_to_proto(content).SerializeToString()
    parsed = ProtoRecordDict()
    parsed.ParseFromString(data)
    return recorddict_from_proto(parsed), len(data)
