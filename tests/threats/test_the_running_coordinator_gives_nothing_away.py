"""A real coordinator process with its SuperLink, behind TLS, seen from a bank that was bribed.

The bank's credentials are its own and valid: the signing key for the front, the node key for
Flower's lane. What it cannot reach with them is tried over the wire. The weak variant beside the
app's hash is a node that has pinned the other app: it answers.
"""

import hashlib
import json
import os
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeVar

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.app import Message
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    DeactivateNodeRequest,
    PullMessagesRequest,
    RegisterNodeFleetRequest,
    UnregisterNodeFleetRequest,
)
from flwr.proto.node_pb2 import Node
from flwr.supercore.control import ControlHttpClient
from flwr.supercore.primitives.asymmetric import public_key_to_bytes

from fedcredit import machine as machines
from fedcredit.coordinator.app_hash import fab_hash
from fedcredit.coordinator.superlink import SuperLink
from fedcredit.machine import COORDINATOR, Machine, MachineTable
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_models.schema import infer
from fedcredit_parties.daemon import PartySetup
from fedcredit_parties.errors import UntrustedFederationError
from fedcredit_parties.flower_node import (
    APP_REFUSED_TEXT,
    FlowerNode,
    VersionHeaders,
    _Fleet,
    table,
)
from fedcredit_parties.front_request import SignedRequest
from fedcredit_parties.member import utc_now
from tests.front_desk import request
from tests.simulated import bank_frames
from tests.threats.test_front_refuses_strangers import TRICKS

ECHO = Path(__file__).parents[1] / "e2e" / "flower_echo"
T = TypeVar("T")


def until(look: Callable[[], T | None], seconds: float = 20.0) -> T:
    """Return what `look` finds, as soon as it does."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


class Deployment:
    """A founded federation whose coordinator runs; the banks are whoever holds their folders."""

    def __init__(self, folder: Path) -> None:
        frames = bank_frames()
        tables = {
            name: MachineTable(frame=frame, bad_definition="the label column is 1")
            for name, frame in frames.items()
        }
        features = infer(frames, label="bad").features
        machines.found(folder, tables, features=features)
        self.folder = folder
        self.machine = Machine(folder, tethered=True)
        self.setups = {name: PartySetup(folder / name / "party.toml") for name in frames}
        self.port = int(self.setups["bank-0"].config.coordinator.rpartition(":")[2])
        self.numbers: dict[str, int] = {}

    def start(self) -> None:
        self.machine.start(COORDINATOR)
        until(lambda: self.machine.is_ready(COORDINATOR), 60.0)
        nodes = (self.machine.state(COORDINATOR) / "nodes.json").read_text("utf-8")
        self.numbers = {name: int(number) for name, number in json.loads(nodes).items()}

    def kill(self) -> None:
        process = self.machine.process(COORDINATOR)
        assert process is not None
        os.kill(process, signal.SIGKILL)
        until(lambda: self.machine.process(COORDINATOR) is None)

    def signed(self, name: str, method: str, target: str, body: bytes = b"") -> bytes:
        """Return a request that a bank has signed."""
        setup = self.setups[name]
        headers = SignedRequest.sign(
            setup.identity.signing,
            origin=setup.config.origin,
            method=method,
            target=target,
            body_digest=hashlib.sha256(body).hexdigest(),
            now=utc_now(),
            nonce=os.urandom(16).hex(),
        ).headers()
        return request(method, target, headers, body)

    def raw(self, sent: bytes) -> int:
        """Send bytes; return the status of the answer."""
        context = ssl.create_default_context(
            cadata=self.setups["bank-0"].root_certificates.decode()
        )
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            connection.sendall(sent)
            return int(connection.recv(4096).split(b" ", 2)[1])

    def fleet(self, key: ec.EllipticCurvePrivateKey) -> _Fleet:
        """Return Flower's client with a node key."""
        setup = self.setups["bank-0"]
        return _Fleet(setup.config.coordinator, setup.root_certificates, key)


@pytest.fixture(scope="module", name="running")
def running_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("deployment") / "federation")
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.machine.down()


def test_no_path_leads_to_the_control_or_runtime_paths_of_the_superlink(
    running: Deployment,
) -> None:
    answers = {target: running.raw(running.signed("bank-0", "POST", target)) for target in TRICKS}

    assert {target for target, status in answers.items() if not 400 <= status < 500} == set()


def test_the_superlink_listens_on_loopback_and_nowhere_else(running: Deployment) -> None:
    settings = (running.folder / COORDINATOR / "coordinator.toml").read_text("utf-8")
    port = int(settings.partition("superlink_port = ")[2].split()[0])
    listening = []
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text("ascii").splitlines()[1:]:
            words = line.split()
            address, _, found = words[1].rpartition(":")
            if words[3] == "0A" and int(found, 16) == port:
                listening.append(address)

    assert listening == ["0100007F"]


def refused(call: Callable[[Any], Any], asked: Any) -> int:
    """Return the HTTP status by which a Fleet call was refused; 200 when it was answered."""
    try:
        call(asked)
    except httpx.HTTPStatusError as error:
        return error.response.status_code
    return 200


def test_a_banks_node_key_takes_no_other_banks_place_and_lets_nobody_in(
    running: Deployment,
) -> None:
    own = running.setups["bank-0"].identity.node
    fleet = running.fleet(own)
    other = running.fleet(stranger := ec.generate_private_key(ec.SECP384R1()))
    mine, theirs = running.numbers["bank-0"], running.numbers["bank-1"]
    theirs_public = public_key_to_bytes(running.setups["bank-1"].identity.node.public_key())
    activated = fleet.ActivateNode(
        ActivateNodeRequest(public_key=public_key_to_bytes(own.public_key()), heartbeat_interval=30)
    ).node_id

    statuses = {
        "its messages": refused(fleet.PullMessages, PullMessagesRequest(node=Node(node_id=theirs))),
        "its place": refused(
            fleet.ActivateNode,
            ActivateNodeRequest(public_key=theirs_public, heartbeat_interval=30),
        ),
        "its end": refused(fleet.DeactivateNode, DeactivateNodeRequest(node_id=theirs)),
        "its removal": refused(fleet.UnregisterNode, UnregisterNodeFleetRequest(node_id=theirs)),
        "a stranger's entry": refused(
            other.RegisterNode,
            RegisterNodeFleetRequest(public_key=public_key_to_bytes(stranger.public_key())),
        ),
        "a stranger's messages": refused(
            other.PullMessages, PullMessagesRequest(node=Node(node_id=theirs))
        ),
    }
    fine = refused(fleet.PullMessages, PullMessagesRequest(node=Node(node_id=mine)))
    fleet.DeactivateNode(DeactivateNodeRequest(node_id=mine))
    fleet.close()
    other.close()

    assert activated == mine
    assert fine == 200
    assert {what for what, status in statuses.items() if not 400 <= status < 500} == set(), statuses


def test_a_run_of_another_app_gets_a_fixed_error_and_calls_no_handler(
    running: Deployment, tmp_path: Path
) -> None:
    called: list[str] = []

    def echo(name: str) -> Callable[[Message], Message]:
        def answer(message: Message) -> Message:
            called.append(name)
            return Message(message.content, reply_to=message)

        return answer

    stop = Event()
    nodes = {
        name: FlowerNode(
            address=running.setups[name].config.coordinator,
            root_certificates=running.setups[name].root_certificates,
            node_key=running.setups[name].identity.node,
            app_hash=app_hash,
            answer=table({"query.echo": echo(name)}),
            state=tmp_path / name,
            poll_idle_s=0.1,
        )
        for name, app_hash in {
            "bank-1": running.setups["bank-1"].config.app_hash or "",
            "bank-2": fab_hash(ECHO),  # the weak variant
        }.items()
    }
    threads = [Thread(target=node.serve, args=(stop,)) for node in nodes.values()]
    for thread in threads:
        thread.start()
    try:
        until(lambda: all(node.online for node in nodes.values()) or None)
        told = until(lambda: _exchange(running, tmp_path), 60.0)
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    one, two = (str(running.numbers[name]) for name in ("bank-1", "bank-2"))
    assert told[0]["replies"] == {one: [7, APP_REFUSED_TEXT], two: 10}
    assert called == ["bank-2"]
    assert isinstance(nodes["bank-1"].problem, UntrustedFederationError)


_started: list[int] = []


def _exchange(running: Deployment, folder: Path) -> Any:
    """Start the other app's run, as the coordinator's operator can; return what it was told."""
    out = folder / "told.json"
    if not _started:
        home = running.folder / COORDINATOR
        settings = (home / "coordinator.toml").read_text("utf-8")
        port = int(settings.partition("superlink_port = ")[2].split()[0])
        link = SuperLink(
            folder=folder / "link",
            port=port,
            ca_file=home / "ca.crt",
            cert_file=home / "server.crt",
            key_file=home / "server.key",
        )
        link._control = ControlHttpClient.from_server_address(
            f"127.0.0.1:{port}",
            False,
            (home / "ca.crt").read_bytes(),
            interceptors=[VersionHeaders("flwr CLI")],
        )
        numbers = [running.numbers[name] for name in ("bank-1", "bank-2")]
        plan = json.dumps([[numbers, "query.echo", 10, 60]])
        _started.append(link.run(ECHO, {"plan": plan, "out": str(out)})[0])
        link._control.close()
    return json.loads(out.read_text("utf-8")) if out.exists() else None


def test_what_the_ledger_refuses_stands_in_the_ledger_with_its_proof_beside(
    running: Deployment,
) -> None:
    member = running.setups["bank-0"].member()
    try:
        with pytest.raises(RejectedEntryError) as error:
            member.ledger.append("grant-revoked", {"grant_id": "g", "reason": "withdrawn"})

        def recorded() -> Any:
            member.ledger.refresh()
            return member.ledger.state.refused_entries.get(("bank-0", "no-such-reference"))

        act, _ = until(recorded)
    finally:
        member.stop()

    kept = running.machine.state(COORDINATOR) / "refused" / f"{act.data['text_digest']}.note"
    assert error.value.code == "no-such-reference"
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == act.data["text_digest"]


def test_a_request_that_was_answered_before_the_coordinator_was_killed_is_not_answered_again(
    running: Deployment,
) -> None:
    body = b"bytes that nobody needs"
    sent = running.signed("bank-0", "PUT", f"/blob/{hashlib.sha256(body).hexdigest()}", body)

    first, again = running.raw(sent), running.raw(sent)
    running.kill()
    running.start()
    after = running.raw(sent)
    goes_on = running.setups["bank-0"].front(patience_s=10.0)
    size = goes_on.status()["size"]
    goes_on.close()

    assert (first, again, after) == (200, 401, 503)
    assert size >= 1
