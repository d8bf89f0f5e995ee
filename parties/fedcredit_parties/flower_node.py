"""A party as a Flower node: one loop that fetches messages, has them answered, sends the replies.

Flower's own SuperNode downloads an app from the coordinator and starts a process for every
message. A party does neither. This loop speaks the same Fleet API (protobuf over HTTPS, node
authentication), outbound only, and hands each message to a function of the installed package. What
the coordinator's run would execute is compared with a pinned hash and never fetched.

Everything here that is private to Flower is imported in this file and nowhere else in the room;
``tests/parties/test_flower_contract.py`` fails on any version but the one it was written against.

References
----------
Flower 1.41.0: ``flwr.supernode.fleet_http_connection``, whose order of calls is followed, with
three differences: nothing here ends or signals the process; a message is confirmed after its reply
(the confirmation deletes objects that the sender may still be pushing); a node that was killed
takes its place again by a heartbeat, where a second activation would be refused for a minute.
"""

import logging
import os
import random
import ssl
import threading
import time
import traceback
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.app import Error, Message
from flwr.app.message import remove_content_from_message
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    DeactivateNodeRequest,
    PullMessagesRequest,
    PullMessagesResponse,
    PushMessagesRequest,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest
from flwr.proto.message_pb2 import ObjectTree
from flwr.proto.node_pb2 import Node
from flwr.proto.run_pb2 import GetRunRequest
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_tree,
    iterate_object_tree,
    no_object_id_recompute,
)
from flwr.supercore.inflatable.inflatable_protobuf_utils import (
    make_confirm_message_received_fn_protobuf,
    make_pull_object_fn_protobuf,
    make_push_object_fn_protobuf,
)
from flwr.supercore.inflatable.inflatable_utils import (
    ObjectPullError,
    ObjectPushError,
    ObjectUnavailableError,
    inflate_object_from_contents,
    pull_objects,
    push_objects,
)
from flwr.supercore.primitives.asymmetric import public_key_to_bytes
from flwr.supercore.protobuf.client import ProtobufCall, ProtobufRequestContext
from flwr.supercore.runtime_version_compatibility import RuntimeVersionMetadata
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from fedcredit_parties.disk import kept_in
from fedcredit_parties.errors import (
    ConfigError,
    FrontUnreachableError,
    MachineError,
    MalformedMessageError,
    PartyError,
    UntrustedFederationError,
)
from fedcredit_parties.file_lock import only_one
from fedcredit_parties.flower_problem import explained

FLOWER_VERSION = "1.41.0"
"""The Flower release whose private names this file uses."""

MAX_MESSAGE_BYTES = 64 * 2**20
"""Objects of one message, together. The wire states no sizes: reading stops at this point."""

MAX_OBJECT_BYTES = 8 * 2**20
"""One answer of the SuperLink; Flower cuts arrays into objects of 5 MiB. Several are under way."""

MAX_OBJECTS = 4096
"""Objects of one message; known before the first is fetched."""

HEARTBEAT_S = 30
"""Interval told to the SuperLink, which believes a silent node for twice as long."""

HANDLER_RAISED, APP_REFUSED, NO_HANDLER = 2, 7, 0
"""Flower's error codes for: the answer raised, another app, nothing answers this type."""

APP_REFUSED_TEXT = "this party answers runs of the app it has pinned, and of no other"
NO_HANDLER_TEXT = "this party has no handler for messages of this type"

_BUSY_S = 10.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 1.0
_LEAVE_S = 5.0
_N_RUNS_KNOWN = 64

_log = logging.getLogger(__name__)

Req = TypeVar("Req")
Res = TypeVar("Res")


class _StoppedError(Exception):
    """The party is leaving."""


class _LostError(Exception):
    """The SuperLink does not know this node any more: it was restarted."""


class _ExpiredError(Exception):
    """Nobody waits for the answer any more."""


class VersionHeaders:
    """Tell the SuperLink our release; Flower's own interceptor may end the process on a reply."""

    def __init__(self, component: str) -> None:
        self._headers = dict(RuntimeVersionMetadata.from_local_component(component).as_metadata())

    def intercept(self, context: ProtobufRequestContext, call_next: ProtobufCall) -> httpx.Response:
        """Add the three version headers."""
        context.request.headers.update(self._headers)
        return call_next(context)


class _Fleet(FleetHttpClient):
    """Flower's Fleet client; reads bounded answers, follows nobody, trusts one authority."""

    def __init__(
        self, address: str, root_certificates: bytes, key: ec.EllipticCurvePrivateKey
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=root_certificates.decode("ascii"))
        super().__init__(
            address,
            interceptors=[
                VersionHeaders("SuperNode"),
                NodeAuthHttpInterceptor(key, key.public_key()),
            ],
            verify=context,
        )
        self._client.follow_redirects = False

    def _send(self, context: ProtobufRequestContext, *, stream: bool = False) -> httpx.Response:
        context.request.headers["accept-encoding"] = "identity"
        timeout = context.request.extensions["timeout"]
        read_s = timeout["read"]
        response = super()._send(context, stream=True)
        timeout["read"] = read_s
        if not response.is_success:
            response.close()
            return response
        content = bytearray()
        try:
            for chunk in response.iter_raw():
                content += chunk
                if len(content) > MAX_OBJECT_BYTES:
                    raise _too_large(MAX_OBJECT_BYTES)
        finally:
            response.close()
        return httpx.Response(
            response.status_code, content=bytes(content), request=response.request
        )


def table(handlers: Mapping[str, Callable[[Message], Message]]) -> Callable[[Message], Message]:
    """Return a function that answers by a fixed table of message types and by nothing else.

    Parameters
    ----------
    handlers : mapping of str to callable
        Flower message type (``query.sum``) to the function that answers it.
    """
    fixed = dict(handlers)

    def answer(message: Message) -> Message:
        handler = fixed.get(message.metadata.message_type)
        if handler is None:
            return Message(Error(NO_HANDLER, NO_HANDLER_TEXT), reply_to=message)
        return handler(message)

    return answer


class FlowerNode:
    """Answer the coordinator's messages until told to stop.

    Parameters
    ----------
    address : str
        ``https://host:port`` of the coordinator's front, optionally with a path in front of
        Flower's ``/v1/fleet/``.
    root_certificates : bytes
        The pinned authority, PEM; no other is trusted.
    node_key : EllipticCurvePrivateKey
        P-384 key that signs every request; its public half stands in the party's ledger entry.
    app_hash : str
        SHA-256 (hex) of the coordinator's app. Runs of another app get an error and no answer.
    answer : callable
        Message to reply, usually :func:`table`. It is called from a thread. After the process was
        killed it is asked the same message again, so answering twice must give the same bytes.
    state : Path
        Folder of this node alone: its number, and the headers of messages it still owes a reply.
    poll_idle_s, poll_busy_s : float
        Pause between two looks for messages, and the pause for 10 s after a message or
        :meth:`hurry`.
    at_once : int
        Messages that are answered at the same time. More than one, because an answer may wait for
        other parties, and a run that was started again must not wait behind it.

    Attributes
    ----------
    online : bool
        Whether the SuperLink knows this node and answered its last call.
    problem : PartyError or None
        Why not, or what was wrong with the last message.
    refused : Counter
        Messages that were refused, by reason: ``another-app``, ``unknown-type``, ``malformed``,
        ``disk-full``.

    Raises
    ------
    ConfigError
        For an address that is not https, certificates that are none, or a folder in use.

    Disclosure
    ----------
    The coordinator learns when the party is on line. Of an error it learns a class name or one of
    two fixed sentences.
    """

    def __init__(
        self,
        *,
        address: str,
        root_certificates: bytes,
        node_key: ec.EllipticCurvePrivateKey,
        app_hash: str,
        answer: Callable[[Message], Message],
        state: Path,
        poll_idle_s: float = 1.0,
        poll_busy_s: float = 0.1,
        at_once: int = 4,
    ) -> None:
        if httpx.URL(address).scheme != "https" or not httpx.URL(address).host:
            raise ConfigError(
                "the coordinator's address is not usable",
                expected="https://host:port",
                found=address,
            )
        self.problem: PartyError | None = None
        self.refused: Counter[str] = Counter()
        self._joined, self._reached = False, False
        self._closed = threading.Event()
        self._address = address
        self._app_hash = app_hash
        self._answer = answer
        self._state = state
        self._poll_idle_s, self._poll_busy_s = poll_idle_s, poll_busy_s
        self._at_once = at_once
        self._apps: OrderedDict[int, str] = OrderedDict()
        self._busy_until = 0.0
        self._announced = False
        self._owed: set[str] = set()
        self._wake = threading.Event()
        self._lost = threading.Event()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._node = 0
        self._public_key = public_key_to_bytes(node_key.public_key())
        try:
            self._fleet = _Fleet(address, root_certificates, node_key)
        except (ssl.SSLError, ValueError) as error:
            raise ConfigError(
                "the pinned authority is not a PEM certificate", found=type(error).__name__
            ) from error

    @property
    def online(self) -> bool:
        """Whether the SuperLink knows this node and answered its last call."""
        return self._joined and self._reached

    def hurry(self) -> None:
        """Look for a message now and often: the ledger says that one is on its way."""
        self._announced = True
        self._busy_until = time.monotonic() + _BUSY_S
        self._wake.set()

    def serve(self, stop: threading.Event) -> None:
        """Stay on line and answer until `stop` is set, whatever the coordinator does.

        Raises
        ------
        ConfigError
            When another process uses the same folder.
        """
        self._stop = stop
        over = threading.Event()
        self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
        with only_one(self._state / "lock", "this Flower node"):
            threading.Thread(target=self._beat, args=(over,), daemon=True).start()
            try:
                while not stop.is_set():
                    try:
                        self._join()
                        self._work()
                    except _LostError:
                        self._joined = False
                    except _StoppedError:
                        break
            finally:
                over.set()
                self._leave()

    # Being on line

    def _join(self) -> None:
        """Take our place: by a heartbeat when the SuperLink still knows us, else by activation."""
        pause = _FIRST_PAUSE_S
        while not self._stop.is_set():
            self._lost.clear()
            try:
                node = self._return() or self._activate()
            except (httpx.HTTPError, DecodeError, ValueError) as error:
                self._tell(explained(error))
            else:
                with self._lock:
                    if node != self._node:
                        # Another SuperLink: what the old one was owed holds up nobody here.
                        self._owed.clear()
                        self._apps.clear()
                    self._node = node
                self._joined, self._reached, self.problem = True, True, None
                _log.info("on line as node %d", node)
                return
            self._stop.wait(pause * random.uniform(0.8, 1.2))
            pause = min(2 * pause, _LONGEST_PAUSE_S)
        raise _StoppedError

    def _return(self) -> int:
        """Return the number we had, when the SuperLink still has it too, else 0."""
        try:
            known = int((self._state / "node").read_text("ascii"))
        except (OSError, ValueError):
            return 0
        try:
            return known if self._heartbeat(known) else 0
        except httpx.HTTPStatusError as error:
            # 401: the number belongs to a SuperLink that is gone, or our clock is wrong, which the
            # activation that follows will tell.
            if error.response.status_code != httpx.codes.UNAUTHORIZED:
                raise
            return 0

    def _activate(self) -> int:
        reply = self._fleet.ActivateNode(
            ActivateNodeRequest(
                public_key=self._public_key,
                heartbeat_interval=HEARTBEAT_S,
            )
        )
        try:
            self._write("node", str(reply.node_id).encode())
        except MachineError as error:
            # Without the number a killed node waits a minute before it is let in again.
            self._tell(error)
        return reply.node_id

    def _heartbeat(self, node: int) -> bool:
        request = SendNodeHeartbeatRequest(node=Node(node_id=node), heartbeat_interval=HEARTBEAT_S)
        return self._fleet.SendNodeHeartbeat(request).success

    def _beat(self, over: threading.Event) -> None:
        while not over.wait(HEARTBEAT_S * random.uniform(0.7, 0.9)):
            if not self._joined:
                continue
            try:
                known = self._heartbeat(self._node)
            except httpx.HTTPStatusError as error:
                known = error.response.status_code != httpx.codes.UNAUTHORIZED
            except (httpx.HTTPError, DecodeError, ValueError, RuntimeError):
                # The loop meets the same trouble and tells it; RuntimeError: closed meanwhile.
                continue
            if not known:
                self._lost.set()
                self._wake.set()

    def _leave(self) -> None:
        """Go off line, unless an answer is owed: then the next start gives it."""
        until = time.monotonic() + _LEAVE_S
        while self._owed and time.monotonic() < until and self.online:
            time.sleep(0.05)
        if self.online and not any(self._state.glob("owed-*")):
            try:
                self._fleet.DeactivateNode(DeactivateNodeRequest(node_id=self._node))
            except (httpx.HTTPError, DecodeError, ValueError) as error:
                _log.info("left without a farewell: %s", type(error).__name__)
        self._joined = False
        self._closed.set()
        self._fleet.close()

    # Messages

    def _work(self) -> None:
        for path in sorted(self._state.glob("owed-*")):
            if not self._take(path.read_bytes()):
                path.unlink(missing_ok=True)
        while not self._stop.is_set():
            self._wake.clear()
            if self._lost.is_set():
                raise _LostError
            if len(self._owed) >= self._at_once:
                self._wake.wait(self._poll_idle_s)
                continue
            pulled = self._pull()
            if pulled is None:
                busy = time.monotonic() < self._busy_until
                self._wake.wait(self._poll_busy_s if busy else self._poll_idle_s)
                continue
            # Who is told of messages looks often for those only; others may expect a next one.
            self._busy_until = 0.0 if self._announced else time.monotonic() + _BUSY_S
            self._take(pulled)

    def _pull(self) -> bytes | None:
        request = PullMessagesRequest(node=Node(node_id=self._node))
        try:
            pulled = self._call(self._fleet.PullMessages, request)
        except (DecodeError, ValueError, MalformedMessageError) as error:
            self._tell(explained(error))
            return None
        except httpx.HTTPStatusError as error:
            self._tell(explained(error))
            return None
        if len(pulled.messages_list) != 1 or len(pulled.message_object_trees) != 1:
            return None
        return bytes(pulled.SerializeToString())

    def _take(self, pulled: bytes) -> bool:
        """Note that a reply is owed and answer in a thread; False when nobody can be answered."""
        try:
            response = PullMessagesResponse.FromString(pulled)
            header = message_from_proto(response.messages_list[0])
            tree = response.message_object_trees[0]
            message_id = header.metadata.message_id
            if tree.object_id != message_id or not _is_digest(message_id):
                raise ValueError("a message whose number is not its digest")
        except Exception as error:
            # Flower parses foreign bytes here and promises no class of error: whatever it is, this
            # is no message, and the loop goes on.
            self._refuse(
                "malformed", _malformed("a header that Flower can read", type(error).__name__)
            )
            return False
        if header.metadata.dst_node_id != self._node:
            # Owed to a SuperLink that is gone.
            return False
        with self._lock:
            if message_id in self._owed:
                return True
            self._owed.add(message_id)
        refusal: MachineError | None = None
        try:
            self._write(f"owed-{message_id}", pulled)
        except MachineError as error:
            self._refuse("disk-full", error)
            refusal = error
        threading.Thread(target=self._handle, args=(header, tree, refusal), daemon=True).start()
        return True

    def _handle(self, header: Message, tree: ObjectTree, refusal: MachineError | None) -> None:
        message_id = header.metadata.message_id
        try:
            if refusal is None:
                self._reply(header, tree)
            else:
                self._push(_raised(refusal, header))
            self._settle(message_id)
        except (_StoppedError, _LostError):
            # Still owed: the file stays until the next start, or the next SuperLink, looks at it.
            pass
        except _ExpiredError:
            self._settle(message_id)
        except httpx.HTTPStatusError as error:
            # The run is over, or the message is: nobody waits for an answer.
            _log.info("message dropped: HTTP %d", error.response.status_code)
            self._settle(message_id)
        except (
            ObjectPullError,
            ObjectPushError,
            ObjectUnavailableError,
            DecodeError,
            ValueError,
            MalformedMessageError,
        ) as error:
            self._tell(explained(error))
            self._settle(message_id)
        finally:
            with self._lock:
                self._owed.discard(message_id)
            self._wake.set()

    def _reply(self, header: Message, tree: ObjectTree) -> None:
        run_id, message_id = header.metadata.run_id, header.metadata.message_id
        if _expired(header):
            return
        if self._app_of(run_id) != self._app_hash:
            self._refuse(
                "another-app",
                UntrustedFederationError(
                    "the coordinator started a run of another app",
                    expected=f"the pinned app {self._app_hash[:12]}",
                    found=self._app_of(run_id)[:12],
                    remedy="nothing was fetched or run; ask the coordinator's operator, and "
                    "install and pin the same version if it was meant",
                ),
            )
            # Not confirmed: nothing was fetched, and the sender may still be handing it in.
            self._push(Message(Error(APP_REFUSED, APP_REFUSED_TEXT), reply_to=header))
            return
        try:
            message = self._fetch(header, tree)
        except MalformedMessageError as malformed:
            self._refuse("malformed", malformed)
            self._push(_raised(malformed, header))
            return
        self._push(self._asked(message))
        confirm = make_confirm_message_received_fn_protobuf(
            lambda request: self._call(self._fleet.ConfirmMessageReceived, request, header),
            Node(node_id=self._node),
            run_id,
        )
        confirm(message_id)

    def _app_of(self, run_id: int) -> str:
        """Return the hash of a run's app, asked once a run."""
        if run_id not in self._apps:
            request = GetRunRequest(node=Node(node_id=self._node), run_id=run_id)
            self._apps[run_id] = self._call(self._fleet.GetRun, request).run.fab_hash
            while len(self._apps) > _N_RUNS_KNOWN:
                self._apps.popitem(last=False)
        return self._apps[run_id]

    def _fetch(self, header: Message, tree: ObjectTree) -> Message:
        """Fetch every object of a message, each checked against its digest, within the limits."""
        ids = list(dict.fromkeys(node.object_id for node in iterate_object_tree(tree)))
        if len(ids) > MAX_OBJECTS:
            raise _malformed(f"at most {MAX_OBJECTS} objects", f"{len(ids)} objects")
        left = MAX_MESSAGE_BYTES
        ask = make_pull_object_fn_protobuf(
            lambda request: self._call(self._fleet.PullObject, request, header),
            Node(node_id=self._node),
            header.metadata.run_id,
        )

        def pull(object_id: str) -> bytes:
            nonlocal left
            content = ask(object_id)
            if sha256(content).hexdigest() != object_id:
                raise _malformed("bytes with the digest that names them", "other bytes")
            with self._lock:
                left -= len(content)
            if left < 0:
                raise _too_large(MAX_MESSAGE_BYTES)
            return content

        contents = pull_objects(
            ids,
            pull,
            max_time=max(1.0, _seconds_left(header)),
            max_tries_per_object=None,
            initial_backoff=0.05,
            backoff_cap=1.0,
        )
        try:
            message = inflate_object_from_contents(tree.object_id, contents)
        except Exception as error:
            # Flower parses foreign bytes here and promises no class of error: whatever it is, the
            # message is not well formed.
            raise _malformed("a message that Flower can read", type(error).__name__) from error
        if not isinstance(message, Message) or not message.has_content():
            raise _malformed("a message with content", "something else")
        told, meant = header.metadata, message.metadata
        if (told.run_id, told.dst_node_id, told.message_type) != (
            meant.run_id,
            meant.dst_node_id,
            meant.message_type,
        ):
            raise _malformed("the header that was announced", "another one")
        meant.__dict__["_message_id"] = told.message_id
        return message

    def _asked(self, message: Message) -> Message:
        try:
            reply = self._answer(message)
            if reply.metadata.reply_to_message_id != message.metadata.message_id:
                raise TypeError("the reply belongs to another message")
            if reply.has_error() and reply.error.code == NO_HANDLER:
                self._refuse("unknown-type", _unknown_type(message))
            return reply
        except FrontUnreachableError as away:
            # The party stops, or the ledger is out of reach: the answer stays owed.
            raise _StoppedError from away
        except Exception as crash:
            # The border of a party: what was not foreseen becomes a class name on the wire and a
            # trace, without the error's text, in the party's own log.
            _log.error(
                "%s in a handler\n%s",
                type(crash).__name__,
                "".join(traceback.format_tb(crash.__traceback__)),
            )
            return _raised(crash, message)

    def _push(self, reply: Message) -> None:
        """Hand in a reply and its objects; once more when a push session was lost."""
        for left in (2, 1, 0):
            if _expired(reply):
                return
            try:
                self._push_once(reply)
            except ObjectPushError:
                if not left:
                    raise
            else:
                return

    def _push_once(self, reply: Message) -> None:
        node = Node(node_id=self._node)
        with no_object_id_recompute():
            reply.metadata.__dict__["_message_id"] = reply.object_id
            bare = remove_content_from_message(reply) if reply.has_content() else reply
            handed_in = self._call(
                self._fleet.PushMessages,
                PushMessagesRequest(
                    node=node,
                    messages_list=[message_to_proto(bare)],
                    message_object_trees=[get_object_tree(reply)],
                    clientapp_runtime_list=[0.0],
                ),
                reply,
            )
            push_objects(
                get_all_nested_objects(reply),
                make_push_object_fn_protobuf(
                    lambda request: self._call(self._fleet.PushObject, request, reply),
                    node,
                    reply.metadata.run_id,
                    handed_in.session_id,
                ),
                object_ids_to_push=set(handed_in.objects_to_push),
            )

    # Calls, files

    def _call(self, call: Callable[[Req], Res], request: Req, about: Message | None = None) -> Res:
        """Call, and call again while the coordinator is away; stop when told to.

        Raises
        ------
        _ExpiredError
            When the message that the call is about has expired.
        _LostError
            When the SuperLink does not know this node any more.
        """
        pause = _FIRST_PAUSE_S
        while True:
            try:
                answer = call(request)
                if not self._reached:
                    self._reached, self.problem = True, None
                return answer
            except httpx.TransportError as error:
                self._reached = False
                self._tell(explained(error))
            except RuntimeError as error:
                if self._closed.is_set():
                    raise _StoppedError from error
                raise
            except httpx.HTTPStatusError as error:
                if error.response.status_code == httpx.codes.UNAUTHORIZED:
                    self._lost.set()
                    raise _LostError from error
                if error.response.status_code not in (429, 502, 503, 504):
                    raise
                # The front is there, the SuperLink behind it is not.
                self._reached = False
                self._tell(explained(error))
            if self._stop.wait(pause * random.uniform(0.8, 1.2)):
                raise _StoppedError
            if self._lost.is_set():
                raise _LostError
            if about is not None and _expired(about):
                raise _ExpiredError
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _tell(self, problem: PartyError) -> None:
        if str(problem) != str(self.problem):
            _log.warning("%s", problem)
        self.problem = problem

    def _refuse(self, reason: str, problem: PartyError) -> None:
        """Count a refused message and log it, every time: a flood is a finding too."""
        with self._lock:
            self.refused[reason] += 1
        self.problem = problem
        _log.warning("refused a message (%s): %s", reason, problem)

    def _settle(self, message_id: str) -> None:
        (self._state / f"owed-{message_id}").unlink(missing_ok=True)

    def _write(self, name: str, data: bytes) -> None:
        half = self._state / f".{name}"
        with kept_in(self._state, "a message was not noted, and is refused"):
            try:
                half.write_bytes(data)
                os.replace(half, self._state / name)
            except OSError:
                half.unlink(missing_ok=True)
                raise


def _is_digest(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def _seconds_left(message: Message) -> float:
    return message.metadata.created_at + message.metadata.ttl - time.time()


def _expired(message: Message) -> bool:
    return _seconds_left(message) <= 0


def _raised(error: BaseException, message: Message) -> Message:
    return Message(Error(HANDLER_RAISED, type(error).__name__), reply_to=message)


def _unknown_type(message: Message) -> MalformedMessageError:
    return MalformedMessageError(
        "the coordinator sent a message of an unknown type",
        expected="a type of this package's table of handlers",
        found=ascii(message.metadata.message_type[:60]),
        remedy="nothing was done; install the same version of FedCredit everywhere",
    )


def _malformed(expected: str, found: str) -> MalformedMessageError:
    return MalformedMessageError(
        "a Flower message is not well formed", expected=expected, found=found
    )


def _too_large(most: int) -> MalformedMessageError:
    return MalformedMessageError(
        "a Flower message is too large",
        expected=f"at most {most} bytes",
        found="more; the rest was not read",
    )
