"""Parties as Flower nodes of a real SuperLink: TLS, node authentication, kills and returns."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from fedcredit.coordinator.app_hash import APP, fab_hash
from fedcredit.coordinator.superlink import SuperLink
from fedcredit.errors import CertificateError, PortInUseError, SuperLinkError
from fedcredit_parties import flower_node
from fedcredit_parties.errors import DuplicateIdentityError, UntrustedFederationError, WireError
from fedcredit_parties.flower_node import APP_REFUSED_TEXT, NO_HANDLER_TEXT, FlowerNode, table
from tests.e2e import flower_echo_party, tls

ECHO = Path(__file__).parent / "flower_echo"
ROOT = Path(__file__).parents[2]
ECHO_HASH = fab_hash(ECHO)
PATHS = os.pathsep.join(str(ROOT / room) for room in (".", "parties", "models", "ledger"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(look, seconds=20.0):
    """Wait for `look` to say something true; return it and the seconds it took."""
    started = time.monotonic()
    while not (found := look()):
        assert time.monotonic() - started < seconds, "it did not happen in time"
        time.sleep(0.02)
    return found, time.monotonic() - started


def processes_of(folder):
    """Return the processes, zombies not counted, whose environment or command names `folder`."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if str(folder).encode() in told and state != "Z" and int(process.name) != os.getpid():
            found[int(process.name)] = told.rpartition(b"\0\0")[0][-80:]
    return found


def public_key(pem):
    return compressed(load_pem_private_key(pem, None))


def compressed(key):
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint).hex()


class Links:
    """A folder with certificates, a SuperLink, and whatever the tests start around it."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = tls.authority(folder)
        self.cert, self.key = tls.certificate(folder, self.ca)
        self.link = self.superlink(folder / "link", free_port())
        self.running = []
        self.children = []
        self.numbers = {}

    def superlink(self, folder, port):
        return SuperLink(
            folder=folder,
            port=port,
            ca_file=self.ca[0],
            cert_file=self.cert,
            key_file=self.key,
            env={"PYTHONPATH": PATHS},
        )

    @property
    def address(self):
        return f"https://127.0.0.1:{self.link.port}"

    def node_key(self, name, register=True):
        key = ec.generate_private_key(ec.SECP384R1())
        tls.write_key(self.folder / f"{name}.pem", key)
        if register:
            self.numbers[name] = self.link.register(compressed(key))
        return key

    def node(self, name, key, **options):
        """Start a node in a thread."""
        chosen = {
            "address": self.address,
            "root_certificates": self.ca[0].read_bytes(),
            "app_hash": ECHO_HASH,
            "answer": table(flower_echo_party.HANDLERS),
            "state": self.folder / f"state-{name}",
        }
        node = FlowerNode(node_key=key, **(chosen | options))
        stop = threading.Event()
        thread = threading.Thread(target=node.serve, args=(stop,))
        thread.start()
        self.running.append((stop, thread))
        return node

    def party(self, name):
        """Start a node in a process."""
        state = self.folder / f"state-{name}"
        command = [sys.executable, flower_echo_party.__file__, self.address, str(self.ca[0])]
        command += [str(self.folder / f"{name}.pem"), ECHO_HASH, str(state)]
        with (self.folder / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                command, env=os.environ | {"PYTHONPATH": PATHS}, stdout=log, stderr=log
            )
        self.children.append(child)
        return child

    def exchange(self, plan, name):
        """Start a run of the echo app; return its number and a look at what it has written."""
        out = self.folder / f"{name}.json"
        run, app_hash = self.link.run(ECHO, {"plan": json.dumps(plan), "out": str(out)})
        assert app_hash == ECHO_HASH

        def told():
            written = json.loads(out.read_text()) if out.exists() else []
            return written if len(written) == len(plan) else None

        return run, told

    def close(self):
        for stop, _ in self.running:
            stop.set()
        for _, thread in self.running:
            thread.join(10)
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
        self.link.stop()


@pytest.fixture(scope="module")
def links(tmp_path_factory):
    made = Links(tmp_path_factory.mktemp("flower"))
    try:
        made.link.start()
        yield made
    finally:
        made.close()
    assert processes_of(made.folder) == {}


@pytest.fixture(scope="module")
def three(links):
    names = ["bank0", "bank1", "bank2"]
    nodes = [links.node(name, links.node_key(name)) for name in names]
    until(lambda: all(node.online for node in nodes))
    return [links.numbers[name] for name in names]


def test_rounds_come_back_as_they_went_out(links, three, record_property):
    plan = [[three, "query.echo", 1000, 60]] * 4 + [[three, "query.echo", 235_000, 60]] * 2

    run, told = links.exchange(plan, "rounds")
    rounds, _ = until(told, 40)

    for (_, _, size, _), seen in zip(plan, rounds, strict=True):
        assert seen["replies"] == {str(number): size for number in three}
    seconds = [round(seen["seconds"], 2) for seen in rounds]
    record_property("seconds_per_round", seconds)
    print(f"seconds per round, 3 nodes, 1 kB x 4 and 235 kB x 2: {seconds}")
    until(lambda: links.link.run_status(run) == "finished")
    assert links.link.run_outcome(run) == "completed"


def test_what_a_party_does_not_answer_it_says_in_fixed_words(links, three, monkeypatch):
    monkeypatch.setattr(flower_node, "MAX_MESSAGE_BYTES", 1_000_000)
    foreign = links.node_key("foreign")
    node = links.node("foreign", foreign, app_hash=fab_hash(APP))
    until(lambda: node.online)
    number, one = links.numbers["foreign"], three[0]
    plan = [
        [[one], "query.steal", 10, 60],
        [[one], "query.crash", 10, 60],
        [[one], "query.echo", 3_000_000, 60],
        [[number], "query.echo", 10, 60],
        [[one], "query.echo", 10, 60],
    ]

    _, told = links.exchange(plan, "refusals")
    answers = [seen["replies"] for seen in until(told, 40)[0]]

    assert answers == [
        {str(one): [0, NO_HANDLER_TEXT]},
        {str(one): [2, "LookupError"]},
        {str(one): [2, "MalformedMessageError"]},
        {str(number): [7, APP_REFUSED_TEXT]},
        {str(one): 10},
    ]
    assert isinstance(node.problem, UntrustedFederationError)


def test_a_killed_party_is_back_at_once_and_gives_the_answer_it_owes(links):
    links.node_key("mortal")
    number = links.numbers["mortal"]
    state = links.folder / "state-mortal"
    child = links.party("mortal")
    until(lambda: (state / "node").exists())
    _, told = links.exchange([[[number], "query.slow", 10, 60]], "kill")
    until(lambda: (state / "asked").exists())

    child.kill()
    child.wait()
    (state / "asked").unlink()
    child = links.party("mortal")

    _, seconds = until(lambda: (state / "asked").exists(), 15)
    seen = until(told, 15)[0]
    print(f"asked again {seconds:.1f} s after the start of the new process")
    assert seen[0]["replies"] == {str(number): 10}
    until(lambda: not list(state.glob("owed-*")))
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == 0


def test_a_key_that_nobody_registered_stays_outside(links):
    node = links.node("stranger", links.node_key("stranger", register=False))

    problem, _ = until(lambda: node.problem)

    assert isinstance(problem, UntrustedFederationError)
    assert "node key" in str(problem) and not node.online


def test_a_foreign_authority_and_an_absent_coordinator_are_told_apart(links, tmp_path):
    other = tls.authority(tmp_path)[0].read_bytes()
    key = ec.generate_private_key(ec.SECP384R1())

    foreign = links.node("pinned", key, root_certificates=other)
    until(lambda: foreign.problem)
    absent = links.node("absent", key, address=f"https://127.0.0.1:{free_port()}")
    until(lambda: absent.problem)

    assert isinstance(foreign.problem, UntrustedFederationError)
    assert "authority" in str(foreign.problem)
    assert type(absent.problem) is WireError


def test_two_daemons_of_one_identity_are_refused(links, three):
    again = FlowerNode(
        address=links.address,
        root_certificates=links.ca[0].read_bytes(),
        node_key=ec.generate_private_key(ec.SECP384R1()),
        app_hash=ECHO_HASH,
        answer=table({}),
        state=links.folder / "state-bank0",
    )

    with pytest.raises(DuplicateIdentityError, match="runs already"):
        again.serve(threading.Event())


def test_nodes_return_by_themselves_to_a_superlink_that_was_killed(links, three):
    keys = {n: (links.folder / f"{n}.pem").read_bytes() for n in ("bank0", "bank1", "bank2")}
    old = links.link._processes[0].pid

    os.killpg(old, signal.SIGKILL)
    until(lambda: not links.link.alive)
    links.link.stop()
    links.link.start()
    numbers = [links.link.register(public_key(pem)) for pem in keys.values()]

    _, told = links.exchange([[numbers, "query.echo", 10, 60]], "again")
    seen, seconds = until(told, 30)
    print(f"all three answer a new run {seconds:.1f} s after its start")
    assert seen[0]["replies"] == {str(number): 10 for number in numbers}
    assert not set(numbers) & set(three)


def test_registering_twice_gives_the_same_number_and_a_run_can_be_stopped(links, three):
    pem = (links.folder / "bank0.pem").read_bytes()
    number = links.link.register(public_key(pem))
    nobody = links.link.register(compressed(ec.generate_private_key(ec.SECP384R1())))

    run, _ = links.exchange([[[nobody], "query.echo", 10, 600]], "stopped")
    until(lambda: links.link.run_status(run) == "running")
    links.link.stop_run(run)

    until(lambda: links.link.run_status(run) == "finished")
    assert links.link.run_outcome(run) == "stopped"
    links.link.stop_run(run)
    assert links.link.register(public_key(pem)) == number
    with pytest.raises(SuperLinkError, match="node key"):
        links.link.register("02" + "ff" * 48)


def test_a_taken_port_is_named_before_anything_starts(links, tmp_path):
    second = links.superlink(tmp_path / "second", links.link.port)

    with pytest.raises(PortInUseError, match=str(links.link.port)):
        second.start()

    assert processes_of(tmp_path) == {}


@pytest.mark.parametrize(
    ("defect", "words"),
    [
        ("expired", "has expired"),
        ("foreign", "authority"),
        ("elsewhere", "address"),
        ("missing", "cannot be read"),
        ("other key", "not the key"),
    ],
)
def test_a_certificate_that_clients_would_refuse_is_named(tmp_path, defect, words):
    ca = tls.authority(tmp_path)
    signer = tls.authority(tmp_path, "stranger") if defect == "foreign" else ca
    cert, key = tls.certificate(
        tmp_path,
        signer,
        address="192.0.2.1" if defect == "elsewhere" else "127.0.0.1",
        days=(-9, -2) if defect == "expired" else (-1, 30),
    )
    if defect == "missing":
        cert.unlink()
    if defect == "other key":
        tls.write_key(key, ec.generate_private_key(ec.SECP256R1()))
    link = SuperLink(
        folder=tmp_path / "link", port=free_port(), ca_file=ca[0], cert_file=cert, key_file=key
    )

    with pytest.raises(CertificateError, match=words):
        link.start()

    assert not link.alive and not (tmp_path / "link").exists()


HOLDER = """
import sys, time
from pathlib import Path
from fedcredit.coordinator.superlink import SuperLink
folder, port, ca, cert, key = sys.argv[1:]
SuperLink(folder=Path(folder), port=int(port), ca_file=Path(ca), cert_file=Path(cert),
          key_file=Path(key)).start()
print("started", flush=True)
time.sleep(600)
"""


def test_a_killed_coordinator_takes_its_superlink_with_it(links, tmp_path):
    arguments = [tmp_path / "link", free_port(), links.ca[0], links.cert, links.key]
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": PATHS},
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"started\n"
        assert len(processes_of(tmp_path / "link")) >= 3
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()

    until(lambda: not processes_of(tmp_path / "link"), 10)
