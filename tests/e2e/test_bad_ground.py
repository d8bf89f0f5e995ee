"""A federation of daemons, and everything under its feet that can give way, provoked for real.

Each case is a named error at the right party, and what was right before goes on. One federation of
three banks serves the file.
"""

import hashlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flwr.supercore.control import ControlHttpClient

import fedcredit as fc
from fedcredit import machine as machines
from fedcredit.coordinator import daemon as coordinator_daemon
from fedcredit.coordinator.app_hash import fab_hash
from fedcredit.coordinator.deployment import NODES
from fedcredit.coordinator.ground import check_coordinator
from fedcredit.coordinator.superlink import SuperLink
from fedcredit.coordinator.tls import issue_authority
from fedcredit.errors import PortInUseError
from fedcredit.machine import ANALYST, COORDINATOR, KEY_HOLDER, Machine, MachineTable
from fedcredit_ledger.verify import Level, verify_file
from fedcredit_models.schema import infer
from fedcredit_parties import daemon
from fedcredit_parties.daemon import PartySetup, read_status
from fedcredit_parties.errors import (
    ConfigError,
    DiskFullError,
    DuplicateIdentityError,
    PartyError,
    ServedCertificateError,
    TableChangedError,
)
from fedcredit_parties.file_lock import holder_of
from fedcredit_parties.flower_node import NO_HANDLER_TEXT, VersionHeaders
from fedcredit_parties.identity import Identity
from fedcredit_parties.party_check import check_party
from tests import full_disk
from tests.simulated import bank_frames

FRAMES = bank_frames(n_banks=3, n_rows=240)
ECHO = Path(__file__).parent / "flower_echo"
GIB = 2**30
SOON_S = 12.0
"""An error of the ground is said within seconds, not after an hour of asking again."""


class Ground:
    """A running federation, and copies of its members' folders to spoil."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tables = {
            name: MachineTable(frame=frame, bad_definition="the label column is 1")
            for name, frame in FRAMES.items()
        }
        self.path = machines.found(folder, tables, features=infer(FRAMES, label="bad").features)
        self.machine = Machine(folder)

    def copy(self, name: str, to: Path) -> Path:
        """Copy a member's folder to another place; return its configuration file."""
        home = to / name
        shutil.copytree(self.folder / name, home, ignore=shutil.ignore_patterns("state"))
        return home / ("coordinator.toml" if name == COORDINATOR else "party.toml")

    def copy_keys(self, name: str, to: Path, **changed: object) -> Path:
        """Copy a member's folder with other keys in its identity."""
        path = self.copy(name, to)
        identity = path.parent / "identity" / "identity.json"
        secret = json.loads(identity.read_text("utf-8"))
        identity.write_text(json.dumps(secret | changed), "utf-8")
        return path

    def run(self, **changes: object) -> fc.TrainingResult:
        settings = {"purpose": "modelling", "label": "bad", "run_deadline_s": 60}
        federation = fc.Federation.load(self.path, quiet=True)
        try:
            return federation.run(fc.HorizontalJob(**settings | changes))
        finally:
            federation.close()

    def failures(self) -> list[str]:
        """Return the errors of the runs that failed, as the ledger has them."""
        member = PartySetup(self.folder / ANALYST / "party.toml").member()
        try:
            runs = member.ledger.state.runs.values()
            return [run.failure for run in runs if run.status == "failed"]
        finally:
            member.stop()

    def port(self, option: str) -> int:
        text = (self.folder / COORDINATOR / "coordinator.toml").read_text("utf-8")
        line = next(x for x in text.splitlines() if x.startswith(f"{option} = "))
        return int(line.partition("=")[2])


@pytest.fixture(name="ground", scope="module")
def ground_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    ground = Ground(tmp_path_factory.mktemp("ground") / "federation")
    try:
        ground.machine.up()
        for bank in FRAMES:
            ground.machine.grant(bank, purpose="modelling")
        yield ground
    finally:
        ground.machine.down()


def ends_with(kind: type[PartyError], path: Path) -> PartyError:
    """Run a party's daemon here; return the error that ends it, within seconds."""
    began = time.monotonic()
    with pytest.raises(kind) as ended:
        daemon.run(path, threading.Event())
    assert time.monotonic() - began < SOON_S
    assert ended.value.remedy and ended.value.found and ended.value.expected
    return ended.value


def test_a_sound_party_and_a_sound_coordinator_pass_their_checks(ground: Ground) -> None:
    for name in (*FRAMES, KEY_HOLDER):
        found = check_party(ground.folder / name / "party.toml")
        assert [f.sentence for f in found if f.exit_code] == []
        assert {"certificate as served", "clock", "room on the disk"} <= {f.what for f in found}

    found = check_coordinator(ground.folder / COORDINATOR / "coordinator.toml")

    assert [f.sentence for f in found if f.exit_code] == []
    said = {f.what: f.sentence for f in found}
    process = ground.machine.process(COORDINATOR)
    assert f"held by process {process}" in said["port of the front"]
    assert "verified to the last signature" in said["stored ledger"]


def test_a_port_in_use_names_the_process_that_listens(ground: Ground, tmp_path: Path) -> None:
    path = ground.copy(COORDINATOR, tmp_path)

    with pytest.raises(PortInUseError) as used:
        coordinator_daemon.run(path, threading.Event())
    findings = {f.what: f for f in check_coordinator(path)}

    process = ground.machine.process(COORDINATOR)
    assert used.value.found.startswith(f"process {process} (")
    assert findings["port of the front"].exit_code == 46
    assert findings["port of the SuperLink"].exit_code == 46
    assert read_status(path.parent / "state")["exit_code"] == 46


def test_a_second_daemon_over_the_same_folder_is_told_the_first(ground: Ground) -> None:
    error = ends_with(DuplicateIdentityError, ground.folder / "bank-0" / "party.toml")

    assert f"process {ground.machine.process('bank-0')} holds" in error.found
    assert ground.machine.is_ready("bank-0")


def test_a_second_daemon_elsewhere_ends_and_the_first_goes_on(
    ground: Ground, tmp_path: Path
) -> None:
    path = ground.copy("bank-0", tmp_path)

    error = ends_with(DuplicateIdentityError, path)

    assert "another daemon of bank-0 is alive" in error.message
    assert "DuplicateIdentityError" in read_status(path.parent / "state")["ended_with"]
    assert "second daemon of bank-0" in ground.machine.log(COORDINATOR).read_text("utf-8")
    assert ground.machine.is_ready("bank-0")


def test_another_signing_key_is_named_at_once(ground: Ground, tmp_path: Path) -> None:
    path = ground.copy_keys("bank-1", tmp_path, signing=os.urandom(32).hex())

    error = ends_with(ConfigError, path)
    found = {f.what: f for f in check_party(path)}

    assert "does not take this member's signature" in error.message
    assert found["coordinator"].exit_code == 11


def test_another_node_key_is_named_with_both_fingerprints(ground: Ground, tmp_path: Path) -> None:
    other = Identity.generate("bank-1", ("data-holder",)).node.private_numbers().private_value
    path = ground.copy_keys("bank-1", tmp_path, node=f"{other:096x}")

    error = ends_with(ConfigError, path)
    found = {f.what: f for f in check_party(path)}

    assert "node key" in error.message and "fingerprint" in error.expected
    assert found["own place in the federation"].exit_code == 11


def test_another_authority_is_named_with_what_was_pinned_and_what_came(
    ground: Ground, tmp_path: Path
) -> None:
    path = ground.copy("bank-1", tmp_path)
    (path.parent / "ca.crt").unlink()
    issue_authority(path.parent / "ca.crt", path.parent / "ca.key", name="Another federation")

    error = ends_with(ServedCertificateError, path)
    found = {f.what: f for f in check_party(path)}

    assert "not issued by the pinned authority" in error.message
    assert "Another federation" in error.expected and "FedCredit federation" in error.found
    assert found["coordinator"].exit_code == 75


@pytest.mark.parametrize(("minutes", "word"), [(20, "ahead of")])
def test_a_clock_twenty_minutes_off_is_said_within_seconds(
    ground: Ground, tmp_path: Path, minutes: int, word: str
) -> None:
    path = ground.copy("bank-1", tmp_path)
    program = Path(__file__).with_name("clock_off.py")

    ended = subprocess.run(
        [sys.executable, str(program), str(minutes), "party", "start", str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=SOON_S,
        check=False,
    )

    assert ended.returncode == 72, ended.stderr
    assert f"this machine's clock is {minutes} minutes {word} the coordinator's" in ended.stderr


def memory(process: int) -> int:
    """Return the resident bytes of a process."""
    text = Path(f"/proc/{process}/status").read_text("ascii")
    line = next(x for x in text.splitlines() if x.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize(
    ("target", "status"),
    [
        pytest.param("/v1/fleet/push-object", b"413", id="through the proxy"),
        pytest.param("/v1/fleet/pull-messages", b"413", id="a small call through the proxy"),
        pytest.param("/entries", b"401", id="a stranger's entries"),
    ],
)
def test_a_gigabyte_ends_before_it_is_read(ground: Ground, target: str, status: bytes) -> None:
    process = ground.machine.process(COORDINATOR)
    assert process is not None
    before = memory(process)
    authority = (ground.folder / COORDINATOR / "ca.crt").read_text("ascii")
    context = ssl.create_default_context(cadata=authority)
    head = f"POST {target} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {GIB}\r\n\r\n"
    sent = 0
    with (
        socket.create_connection(("127.0.0.1", ground.port("port")), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(head.encode())
        answer = connection.recv(4096)
        try:
            while sent < GIB:
                connection.sendall(bytes(2**20))
                sent += 2**20
        except OSError:
            pass  # the front has hung up

    assert answer.split(b" ")[1] == status
    assert sent < 64 * 2**20, "the front went on reading"
    assert memory(process) - before < 64 * 2**20


def test_a_table_that_changed_under_the_daemon_is_refused_and_the_old_one_is_welcome(
    ground: Ground,
) -> None:
    table = ground.folder / "bank-1" / "table.parquet"
    old = table.read_bytes()
    FRAMES["bank-1"].iloc[:-1].to_parquet(table)

    with pytest.raises(TableChangedError) as changed:
        ground.run()
    table.write_bytes(old)

    assert changed.value.party == "bank-1"
    assert hashlib.sha256(old).hexdigest()[:12] in changed.value.expected
    assert ground.failures()[-1] == "TableChangedError"
    assert ground.machine.is_ready("bank-1")


@pytest.mark.long
def test_a_coordinator_that_sends_an_unknown_type_gets_a_fixed_sentence_and_is_counted(
    ground: Ground, tmp_path: Path
) -> None:
    """The coordinator runs the very app that the bank pins, and asks it for something else."""
    config = ground.folder / "bank-1" / "party.toml"
    honest = config.read_text("utf-8")
    stop(ground, "bank-1")
    config.write_text(re.sub('app_hash = "[0-9a-f]+"', f'app_hash = "{fab_hash(ECHO)}"', honest))
    ground.machine.up()
    nodes = json.loads((ground.folder / COORDINATOR / "state" / NODES).read_text("utf-8"))
    plan, out = [[[int(nodes["bank-1"])], "query.steal", 10, 60]], tmp_path / "replies.json"

    hostile_run(ground, {"plan": json.dumps(plan), "out": str(out)})
    until(lambda: out.exists() and json.loads(out.read_text("utf-8")))
    until(lambda: read_status(ground.folder / "bank-1" / "state").get("refused"))
    said = read_status(ground.folder / "bank-1" / "state")
    stop(ground, "bank-1")
    config.write_text(honest, "utf-8")
    ground.machine.up()

    (replies,) = (seen["replies"] for seen in json.loads(out.read_text("utf-8")))
    assert replies == {nodes["bank-1"]: [0, NO_HANDLER_TEXT]}
    assert said["refused"] == {"unknown-type": 1} and "'query.steal'" in said["problem"]
    assert "unknown type" in ground.machine.log("bank-1").read_text("utf-8")


def hostile_run(ground: Ground, config: dict[str, str]) -> None:
    """Start a run of another app on the coordinator's SuperLink, as its operator can."""
    home = ground.folder / COORDINATOR
    link = SuperLink(
        folder=home / "state" / "superlink",
        port=ground.port("superlink_port"),
        ca_file=home / "ca.crt",
        cert_file=home / "server.crt",
        key_file=home / "server.key",
    )
    link._control = ControlHttpClient.from_server_address(
        f"127.0.0.1:{link.port}",
        False,
        (home / "ca.crt").read_bytes(),
        interceptors=[VersionHeaders("flwr CLI")],
    )
    try:
        link.run(ECHO, config)
    finally:
        link._control.close()


@pytest.mark.long
def test_a_replaced_table_is_registered_as_a_new_version_and_used(ground: Ground) -> None:
    table = ground.folder / "bank-2" / "table.parquet"
    part = table.with_name("part.parquet")
    FRAMES["bank-2"].iloc[:-1].to_parquet(part)
    part.replace(table)
    process = ground.machine.process("bank-2")
    assert process is not None
    os.kill(process, 9)
    while holder_of(ground.folder / "bank-2" / "state" / "daemon.lock") is not None:
        time.sleep(0.02)
    began = time.monotonic()
    ground.machine.up()
    took_s = time.monotonic() - began

    result = ground.run()

    member = PartySetup(ground.folder / ANALYST / "party.toml").member()
    version = member.ledger.state.assets["bank-2/table"].registered.data["version"]
    member.stop()
    assert took_s < 10.0, "a restart after SIGKILL waits for nobody"
    assert version == "2"
    assert len(result.model.coef_) > 0


@pytest.mark.long
def test_a_run_whose_daemon_came_back_over_another_table_fails_by_name(
    ground: Ground, tmp_path: Path
) -> None:
    table = ground.folder / "bank-0" / "table.parquet"
    old = table.read_bytes()
    struck = threading.Event()

    def strike(progress: object) -> None:
        if struck.is_set() or progress.phase != "newton":  # type: ignore[attr-defined]
            return
        struck.set()
        process = ground.machine.process("bank-0")
        assert process is not None
        os.kill(process, 9)
        FRAMES["bank-0"].iloc[:-1].to_parquet(table)
        while holder_of(ground.folder / "bank-0" / "state" / "daemon.lock") is not None:
            time.sleep(0.02)
        ground.machine.start("bank-0")

    federation = fc.Federation.load(ground.path, quiet=True)
    job = fc.HorizontalJob(purpose="modelling", label="bad", run_deadline_s=60)
    with pytest.raises(TableChangedError, match="is not the one that this run began with"):
        federation.run(job, progress=strike)
    federation.close()
    table.write_bytes(old)
    process = ground.machine.process("bank-0")
    assert process is not None
    os.kill(process, 15)
    while holder_of(ground.folder / "bank-0" / "state" / "daemon.lock") is not None:
        time.sleep(0.02)
    ground.machine.up()

    assert ground.failures()[-1] == "TableChangedError"


@pytest.mark.long
@pytest.mark.parametrize("who", ["bank-1", KEY_HOLDER])
def test_a_full_disk_fails_the_run_by_name_and_the_daemon_goes_on_with_room(
    ground: Ground, who: str
) -> None:
    state = ground.folder / who / "state"
    with on_a_small_disk(ground, who, n_kib=16_384) as disk:
        full_disk.fill(disk)
        with pytest.raises(DiskFullError) as full:
            ground.run(run_deadline_s=10)
        full_disk.free(disk)

        result = ground.run()

    assert full.value.party == who
    assert str(state) not in str(full.value.diagnostics()), "folders are the operator's"
    assert f"room in {state}" in ground.machine.log(who).read_text("utf-8")
    assert len(result.model.coef_) > 0


@pytest.mark.long
def test_a_coordinator_whose_disk_is_full_refuses_by_name_and_goes_on_with_room(
    ground: Ground,
) -> None:
    with on_a_small_disk(ground, COORDINATOR, n_kib=131_072) as disk:
        process = ground.machine.process(COORDINATOR)
        full_disk.fill(disk)
        with pytest.raises(DiskFullError, match="the coordinator keeps no more"):
            PartySetup(ground.folder / ANALYST / "party.toml").member(patience_s=1.0)
        words = ground.machine.log(COORDINATOR).read_text("utf-8")
        full_disk.free(disk)

        ground.run()

        after = ground.machine.process(COORDINATOR)
        ledger = ground.folder / COORDINATOR / "state" / "ledger.db"
        report = verify_file(ledger, level=Level.SIGNATURES)
    assert "No space left on device" in words or "the disk is full" in words
    assert after == process, "it went on without a restart"
    assert report.findings == []


@contextmanager
def on_a_small_disk(ground: Ground, name: str, *, n_kib: int) -> Iterator[Path]:
    """Move a daemon's state to a disk of its own and back; the daemon runs meanwhile."""
    state = ground.folder / name / "state"
    kept = state.with_name("kept")
    stop(ground, name)
    state.rename(kept)
    try:
        with full_disk.small_disk(state, n_kib=n_kib) as disk:
            shutil.copytree(kept, state, dirs_exist_ok=True)
            ground.machine.up()
            try:
                yield disk
            finally:
                stop(ground, name)
                shutil.rmtree(kept)
                shutil.copytree(state, kept)
    finally:
        state.rmdir()
        kept.rename(state)
        ground.machine.up()


def stop(ground: Ground, name: str) -> None:
    """End one daemon in order."""
    process = ground.machine.process(name)
    assert process is not None
    os.kill(process, 15)
    until_ended(ground, name)
    until(lambda: is_gone(process))  # it leaves its lock before it has closed its files


def is_gone(process: int) -> bool:
    """Say whether a process has ended, whoever has waited for it or not."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text("ascii")
    except FileNotFoundError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def until(look: Callable[[], object], seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def until_ended(ground: Ground, name: str) -> None:
    deadline = time.monotonic() + 20
    while ground.machine.process(name) is not None:
        assert time.monotonic() < deadline, f"{name} did not end"
        time.sleep(0.05)
