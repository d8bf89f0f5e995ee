"""A coordinator comes back from an old copy, its head file with it: its members' daemons notice.

Then everything is put right from what one bank's daemon kept, over SQLite and over PostgreSQL.
"""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fedcredit import machine as machines
from fedcredit.coordinator.deployment import CoordinatorSetup
from fedcredit.coordinator.ledger_place import open_store
from fedcredit.coordinator.restoration import restore
from fedcredit.ledger_backup import backup
from fedcredit.machine import COORDINATOR, Machine, MachineTable
from fedcredit_ledger.store import Store
from fedcredit_ledger.verify import Level, verify_file
from fedcredit_models.schema import infer
from fedcredit_parties.daemon import PartySetup, read_status
from fedcredit_parties.mirror import MIRROR
from tests.postgres_server import PostgresServer
from tests.simulated import bank_frames

pytestmark = pytest.mark.long

FRAMES = bank_frames(n_banks=3, n_rows=240)
SOON_S = 40.0


def until(look: Callable[[], object]) -> None:
    deadline = time.monotonic() + SOON_S
    while not look():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


class Federation:
    def __init__(self, folder: Path, url: str) -> None:
        tables = {n: MachineTable(frame=f, bad_definition="the label") for n, f in FRAMES.items()}
        machines.found(folder, tables, features=infer(FRAMES, label="bad").features)
        self.folder = folder
        self.config = folder / COORDINATOR / "coordinator.toml"
        if url:
            self.config.write_text(f'ledger_url = "{url}"\n' + self.config.read_text("utf-8"))
        self.machine = Machine(folder)

    def write(self) -> int:
        """Issue a grant, and have it witnessed; return the ledger's size."""
        self.machine.grant("bank-0", purpose="modelling")
        member = PartySetup(self.folder / "bank-1" / "party.toml").member()
        try:
            size = member.ledger.replica.size
            member.ledger.witnessed(size - 1, deadline=time.monotonic() + SOON_S)
            return size
        finally:
            member.stop()

    def stop_coordinator(self) -> None:
        process = self.machine.process(COORDINATOR)
        assert process is not None
        os.kill(process, 15)
        until(lambda: self.machine.process(COORDINATOR) is None)

    def until_kept(self, name: str, size: int) -> Path:
        """Wait until a daemon's copy has so many leaves; return its path."""
        path = self.machine.state(name) / MIRROR

        def is_kept() -> bool:
            with Store(path, read_only=True) as store:
                return store.size >= size

        until(is_kept)
        return path


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_an_old_copy_is_noticed_by_a_witness_and_put_right_from_a_mirror(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    server: PostgresServer | None = None
    if kind == "postgres":
        server = request.getfixturevalue("postgres_server")
    federation = Federation(tmp_path / "federation", "" if server is None else server.url())
    machine, state = federation.machine, federation.folder / COORDINATOR / "state"
    try:
        machine.up()
        old_size = federation.write()
        federation.stop_coordinator()
        heads = {path.name: path.read_bytes() for path in state.glob("*head")}
        old = tmp_path / "old.db"
        backup(federation.config, old)
        machine.start(COORDINATOR)
        until(lambda: machine.is_ready(COORDINATOR))
        size = federation.write()
        federation.until_kept("bank-0", size)
        federation.stop_coordinator()
        go_back(federation, old, old_size, heads, server)

        machine.start(COORDINATOR)
        until(lambda: "ended_with" in read_status(state))

        said = read_status(state)
        assert str(said["ended_with"]).startswith("RollbackError: the ledger is shorter"), said
        assert said["exit_code"] == 55
        with open_store(CoordinatorSetup(federation.config), read_only=True) as store:
            assert store.size == old_size, "not one entry was taken"

        mirrors = [machine.state(name) / MIRROR for name in ("bank-0", "bank-1")]
        done = restore(federation.config, mirrors)
        assert (done.from_size, done.size, done.n_lost) == (old_size, size + 1, 0)
        machine.up()
        last = federation.write()
        kept = federation.until_kept("bank-1", last - 1)
        report = verify_file(kept, level=Level.SIGNATURES)
        assert report.findings == [] and report.size >= last - 1
    finally:
        machine.down()


def go_back(
    federation: Federation,
    old: Path,
    old_size: int,
    heads: dict[str, bytes],
    server: PostgresServer | None,
) -> None:
    """Put ledger and head file back to what they were."""
    state = federation.folder / COORDINATOR / "state"
    setup = CoordinatorSetup(federation.config)
    if server is None:
        for path in state.glob("ledger.db*"):
            path.unlink()
        shutil.copy(old, state / "ledger.db")
    else:
        assert setup.config.ledger_url is not None
        server.execute(
            "SET session_replication_role = replica",
            f"DELETE FROM leaf WHERE i >= {old_size}",
            f"DELETE FROM node WHERE ((i + 1) << level) > {old_size}",
            f"DELETE FROM checkpoint WHERE size > {old_size}",
            f"DELETE FROM cosignature WHERE size > {old_size}",
            url=setup.config.ledger_url.get_secret_value(),
        )
    for name, raw in heads.items():
        (state / name).write_bytes(raw)
    for name in ("newest-receipt", "status.json"):
        (state / name).unlink(missing_ok=True)
