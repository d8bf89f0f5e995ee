"""A Flower node in front of a SuperLink that lies, floods, wanders or is set to another hour."""

import resource
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.common.serde import message_to_proto
from flwr.proto.fleet_pb2 import (
    ActivateNodeResponse,
    PullMessagesResponse,
    PushMessagesRequest,
    PushMessagesResponse,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatResponse
from flwr.proto.message_pb2 import ObjectTree, PullObjectRequest, PullObjectResponse
from flwr.proto.run_pb2 import GetRunResponse, Run
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects, get_object_tree
from flwr.supercore.task_identity import TaskIdentity

from fedcredit_parties import flower_node
from fedcredit_parties.errors import (
    ClockError,
    ConfigError,
    DiskFullError,
    MalformedMessageError,
    UntrustedFederationError,
)
from fedcredit_parties.flower_node import FlowerNode, table
from tests import full_disk
from tests.e2e import tls

NODE = 2**63 + 12345
APP_HASH = "a" * 64


class Lying:
    """A SuperLink that says what a test tells it to; the calls it got are kept."""

    def __init__(self, folder):
        self.says = {
            "activate-node": lambda _: ActivateNodeResponse(node_id=NODE),
            "send-node-heartbeat": lambda _: SendNodeHeartbeatResponse(success=True),
            "pull-messages": lambda _: PullMessagesResponse(),
            "get-run": lambda _: GetRunResponse(run=Run(fab_hash=APP_HASH)),
            "push-messages": self._pushed,
        }
        self.calls = []
        self.replies = []
        self.date = datetime.now(UTC)
        ca = tls.authority(folder)
        cert, key = tls.certificate(folder, ca)
        self.ca = ca[0].read_bytes()
        lying = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                call = self.path.removeprefix("/v1/fleet/")
                lying.calls.append(call)
                said = lying.says.get(call, lambda _: b"")(body)
                if isinstance(said, int):
                    self._send(said, b"{}")
                elif callable(said):
                    said(self)
                else:
                    data = said if isinstance(said, bytes) else said.SerializeToString()
                    self._send(200, data)

            def _send(self, status, data):
                self.send_response_only(status)
                self.send_header("date", format_datetime(lying.date, usegmt=True))
                self.send_header("content-length", str(len(data)))
                if status == 307:
                    self.send_header("location", "https://127.0.0.1:1/elsewhere")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.address = f"https://127.0.0.1:{self._server.server_port}"

    def _pushed(self, body):
        message = PushMessagesRequest.FromString(body).messages_list[0]
        self.replies.append(message)
        return PushMessagesResponse()

    def hand_out(self, message, *, objects=None):
        """Give a message to the next call, and its objects, altered or not, to whoever asks."""
        message.metadata.__dict__["_message_id"] = message.object_id
        found = {name: part.deflate() for name, part in get_all_nested_objects(message).items()}
        found |= objects or {}
        once = [
            PullMessagesResponse(
                messages_list=[message_to_proto(message)],
                message_object_trees=[get_object_tree(message)],
            )
        ]

        def pull(body):
            name = PullObjectRequest.FromString(body).object_id
            return PullObjectResponse(
                object_found=True, object_available=True, object_content=found[name]
            )

        self.says["pull-object"] = pull
        self.says["pull-messages"] = lambda _: once.pop() if once else PullMessagesResponse()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def lying(tmp_path):
    made = Lying(tmp_path)
    yield made
    made.close()


@pytest.fixture
def serving(lying, tmp_path):
    """Start nodes that are stopped at the end."""
    started = []

    def start(answer=lambda message: Message(message.content, reply_to=message), **options):
        node = FlowerNode(
            address=lying.address,
            root_certificates=lying.ca,
            node_key=ec.generate_private_key(ec.SECP384R1()),
            app_hash=options.pop("app_hash", APP_HASH),
            answer=answer,
            state=tmp_path / "state",
            poll_idle_s=0.02,
            poll_busy_s=0.02,
        )
        stop = threading.Event()
        thread = threading.Thread(target=node.serve, args=(stop,))
        thread.start()
        started.append((stop, thread))
        return node

    yield start
    for stop, thread in started:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def until(look, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return found


def asked(ttl=60.0, kind="query.sum"):
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 7, 1, 1
    content = RecordDict({"fedcredit": ConfigRecord({"data": bytes(100)})})
    return Message(content, dst_node_id=NODE, message_type=kind, ttl=ttl)


def test_a_message_is_confirmed_after_its_reply(lying, serving):
    lying.hand_out(asked())

    serving()
    until(lambda: "confirm-message-received" in lying.calls)

    order = [call for call in lying.calls if call not in ("pull-messages", "send-node-heartbeat")]
    assert order == [
        "activate-node",
        "get-run",
        *["pull-object"] * 3,
        "push-messages",
        "confirm-message-received",
    ]
    assert not lying.replies[0].HasField("error")


def test_a_run_of_another_app_is_neither_fetched_nor_answered(lying, serving):
    called = []
    lying.hand_out(asked())

    serving(called.append, app_hash="b" * 64)
    reply = until(lambda: lying.replies)[0]

    assert (reply.error.code, reply.error.reason) == (7, flower_node.APP_REFUSED_TEXT)
    assert not called and not {"pull-object", "get-fab"} & set(lying.calls)


def test_an_unknown_message_type_gets_a_fixed_sentence(lying, serving, caplog):
    lying.hand_out(asked(kind="query.steal"))

    node = serving(table({"query.sum": lambda message: message}))
    reply = until(lambda: lying.replies)[0]

    assert (reply.error.code, reply.error.reason) == (0, flower_node.NO_HANDLER_TEXT)
    assert node.refused == {"unknown-type": 1}
    assert node.problem.found == "'query.steal'"
    assert "unknown type" in caplog.text


def test_a_message_of_too_many_objects_is_refused_before_one_is_fetched(lying, serving):
    message = asked()
    lying.hand_out(message)
    once = [lying.says["pull-messages"](b"")]
    nodes = once[0].message_object_trees[0].children
    nodes.extend(ObjectTree(object_id=f"{i:064x}") for i in range(flower_node.MAX_OBJECTS))
    lying.says["pull-messages"] = lambda _: once.pop() if once else PullMessagesResponse()

    node = serving()
    reply = until(lambda: lying.replies)[0]

    assert (reply.error.code, reply.error.reason) == (2, "MalformedMessageError")
    assert "pull-object" not in lying.calls
    assert node.refused == {"malformed": 1}


def test_a_full_disk_refuses_the_message_and_the_next_one_is_answered(lying, serving, tmp_path):
    with full_disk.small_disk(tmp_path / "state") as disk:
        node = serving()
        until(lambda: node.online)
        full_disk.fill(disk)
        lying.hand_out(asked())
        first = until(lambda: lying.replies)[0]
        problem = node.problem
        full_disk.free(disk)
        lying.hand_out(asked())
        second = until(lambda: len(lying.replies) == 2 and lying.replies[1])
        until(lambda: "confirm-message-received" in lying.calls)

    assert (first.error.code, first.error.reason) == (2, "DiskFullError")
    assert isinstance(problem, DiskFullError) and str(disk) in problem.expected
    assert not second.HasField("error")


def test_of_a_crash_the_wire_and_the_log_learn_the_class_only(lying, serving, caplog):
    def crash(message):
        raise LookupError(f"row 17 has income {2 * 2100}")

    lying.hand_out(asked())

    serving(crash)
    reply = until(lambda: lying.replies)[0]

    assert (reply.error.code, reply.error.reason) == (2, "LookupError")
    assert "4200" not in caplog.text and "LookupError" in caplog.text


def test_bytes_that_are_not_what_their_digest_says_are_refused(lying, serving):
    message = asked()
    called = []
    record = message.content["fedcredit"]
    lying.hand_out(message, objects={record.object_id: record.deflate()[:-1] + b"x"})

    node = serving(called.append)
    reply = until(lambda: lying.replies)[0]

    assert (reply.error.code, reply.error.reason) == (2, "MalformedMessageError")
    assert isinstance(node.problem, MalformedMessageError) and not called


def test_an_expired_message_is_dropped(lying, serving):
    called = []
    lying.hand_out(asked(ttl=0.001))

    serving(called.append)
    until(lambda: lying.calls.count("pull-messages") > 3)

    assert not called and not lying.replies


def test_a_gigabyte_is_not_read(lying, serving):
    def flood(_):
        def send(handler):
            handler.send_response_only(200)
            handler.send_header("content-length", str(2**30))
            handler.end_headers()
            for _ in range(1024):
                handler.wfile.write(bytes(2**20))

        return send

    lying.hand_out(asked())
    lying.says["pull-object"] = flood
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    node = serving()
    reply = until(lambda: lying.replies, 30)[0]

    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (reply.error.code, reply.error.reason) == (2, "MalformedMessageError")
    assert "too large" in str(node.problem)
    assert grown_kib < flower_node.MAX_MESSAGE_BYTES / 1024


def test_a_clock_that_is_off_is_named(lying, serving):
    lying.date = datetime.now(UTC) - timedelta(minutes=20)
    lying.says["activate-node"] = lambda _: 401

    node = serving()
    problem = until(lambda: node.problem)

    assert isinstance(problem, ClockError)
    assert "20 minutes ahead of the coordinator's" in str(problem)


def test_a_redirection_is_not_followed(lying, serving):
    lying.says["activate-node"] = lambda _: 307

    node = serving()
    problem = until(lambda: node.problem)

    assert "HTTP 307" in str(problem) and not node.online


@pytest.mark.parametrize("call", ["activate-node", "pull-messages", "get-run", "pull-object"])
def test_nonsense_from_the_superlink_ends_nothing(lying, serving, call):
    good = lying.says.get(call)
    lying.hand_out(asked())
    fine = lying.says[call] if call in ("pull-messages", "pull-object") else good
    lying.says[call] = lambda _: b"\xff\xff not a message"

    node = serving()
    until(lambda: node.problem)
    lying.says[call] = fine
    lying.hand_out(asked())

    until(lambda: any(not reply.HasField("error") for reply in lying.replies))


def test_a_node_takes_its_place_back_by_a_heartbeat(lying, serving, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "node").write_text(str(NODE))

    node = serving()
    until(lambda: node.online)

    assert lying.calls[0] == "send-node-heartbeat" and "activate-node" not in lying.calls


def test_a_superlink_that_forgot_the_node_is_joined_again(lying, serving):
    node = serving()
    until(lambda: node.online)
    lying.says["pull-messages"] = lambda _: 401
    lying.says["send-node-heartbeat"] = lambda _: 401

    until(lambda: lying.calls.count("activate-node") >= 2)
    lying.says["pull-messages"] = lambda _: PullMessagesResponse()

    until(lambda: node.online)


def test_an_answer_that_waits_holds_up_no_other(lying, serving):
    reached, free = threading.Event(), threading.Event()

    def answer(message):
        if message.metadata.message_type == "query.wait":
            reached.set()
            free.wait(20)
        return Message(message.content, reply_to=message)

    lying.hand_out(asked(kind="query.wait"))
    serving(answer)
    assert reached.wait(10)
    lying.hand_out(asked())

    first = until(lambda: lying.replies)[0]
    free.set()
    until(lambda: len(lying.replies) == 2)

    assert first.metadata.message_type == "query.sum"


def test_what_was_owed_to_another_superlink_is_forgotten(lying, serving, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    message = asked()
    message.metadata.dst_node_id = NODE - 1
    message.metadata.__dict__["_message_id"] = message.object_id
    pulled = PullMessagesResponse(
        messages_list=[message_to_proto(message)], message_object_trees=[get_object_tree(message)]
    )
    (state / f"owed-{message.object_id}").write_bytes(pulled.SerializeToString())
    (state / f"owed-{'0' * 64}").write_bytes(b"half a file")

    serving()
    until(lambda: "pull-messages" in lying.calls)

    assert list(state.glob("owed-*")) == [] and lying.replies == []


def test_leaving_is_said(lying, serving, tmp_path):
    stop = threading.Event()
    node = FlowerNode(
        address=lying.address,
        root_certificates=lying.ca,
        node_key=ec.generate_private_key(ec.SECP384R1()),
        app_hash=APP_HASH,
        answer=table({}),
        state=tmp_path / "leaving",
    )
    thread = threading.Thread(target=node.serve, args=(stop,))
    thread.start()
    until(lambda: node.online)

    stop.set()
    thread.join(5)

    assert not thread.is_alive() and lying.calls[-1] == "deactivate-node"


@pytest.mark.parametrize("address", ["http://127.0.0.1:8000", "127.0.0.1:8000", "https://"])
def test_an_address_without_tls_is_refused(tmp_path, address):
    with pytest.raises(ConfigError, match="https"):
        FlowerNode(
            address=address,
            root_certificates=tls.authority(tmp_path)[0].read_bytes(),
            node_key=ec.generate_private_key(ec.SECP384R1()),
            app_hash=APP_HASH,
            answer=table({}),
            state=tmp_path,
        )


def test_certificates_that_are_none_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="PEM"):
        FlowerNode(
            address="https://127.0.0.1:1",
            root_certificates=b"none",
            node_key=ec.generate_private_key(ec.SECP384R1()),
            app_hash=APP_HASH,
            answer=table({}),
            state=tmp_path,
        )


def test_an_unknown_authority_does_not_hide_as_an_absent_coordinator(lying, serving, tmp_path):
    (tmp_path / "other").mkdir()
    lying.ca = tls.authority(tmp_path / "other")[0].read_bytes()

    node = serving()

    assert isinstance(until(lambda: node.problem), UntrustedFederationError)
