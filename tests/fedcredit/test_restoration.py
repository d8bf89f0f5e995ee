"""Backup, mirror and restoring: what was confirmed comes back, from whoever still holds it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fedcredit import machine
from fedcredit.cli import app
from fedcredit.coordinator.deployment import CoordinatorSetup
from fedcredit.coordinator.front import Desk
from fedcredit.coordinator.ground import check_coordinator, open_log
from fedcredit.coordinator.ledger_place import open_store
from fedcredit.coordinator.restoration import restore
from fedcredit.ledger_backup import backup
from fedcredit.machine import COORDINATOR, MachineTable
from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.errors import ForkError, LedgerError, RollbackError
from fedcredit_ledger.ledger_store import LedgerStore
from fedcredit_ledger.log import Log
from fedcredit_ledger.merkle import Tree
from fedcredit_ledger.store import Store
from fedcredit_ledger.verify import Level, verify_file
from fedcredit_ledger.witness import Witness
from fedcredit_parties.daemon import PartySetup
from fedcredit_parties.errors import ConfigError, DuplicateIdentityError
from fedcredit_parties.file_lock import only_one
from fedcredit_parties.kept_heads import RECEIPT
from fedcredit_parties.member import Member
from fedcredit_parties.mirror import MIRROR, Mirror
from tests.postgres_server import PostgresServer
from tests.simulated import bank_frames

SAID = {"act_type": "other", "act_digest": "ab" * 32, "decision": "approve"}
RUN = CliRunner()


class Machine:
    """A founded federation on this machine, without its daemons: log, clerk, and two banks."""

    def __init__(self, folder: Path, url: str = "") -> None:
        tables = {n: MachineTable(frame=f, bad_definition="bad") for n, f in bank_frames(3).items()}
        machine.found(folder, tables, features=())
        self.folder = folder
        self.config = folder / COORDINATOR / "coordinator.toml"
        keys = "reserve_mib = 1\n" + (f"ledger_url = {json.dumps(url)}\n" if url else "")
        self.config.write_text(keys + self.config.read_text("utf-8"), "utf-8")
        self.setup = CoordinatorSetup(self.config)
        self.open()

    def open(self) -> None:
        self.log = open_log(self.setup)
        self.desk = Desk(self.log)

    def close(self) -> None:
        self.desk.close()
        self.log.close()

    def bank(self, name: str, *, state: Path | None = None) -> Member:
        setup = PartySetup(self.folder / name / "party.toml")
        return Member(
            identity=setup.identity,
            origin=self.setup.config.origin,
            trust=setup.config.trust.trust,
            front=self.desk.window(name),
            state=state,
        )

    def write(self, n: int) -> None:
        """Have a bank say something `n` times."""
        bank = self.bank("bank-0")
        for _ in range(n):
            bank.ledger.append("endorsement-given", SAID)

    def witness(self) -> None:
        """Have everyone who witnesses co-sign the newest head."""
        note = self.log.checkpoint_note()
        assert note is not None
        for name in self.log.state.with_role("witness"):
            member = self.bank(name)
            line = member.ledger.cosign(Witness(member.identity.witness), note)
            self.log.add_cosignatures(line, size=self.log.size)
        assert self.log.quorum_size == self.log.size

    def forget(self, size: int, server: PostgresServer | None) -> None:
        """Make the stored ledger an old copy of `size` leaves; the head file stays."""
        cut = [
            f"DELETE FROM leaf WHERE i >= {size}",
            f"DELETE FROM node WHERE ((i + 1) << level) > {size}",
            f"DELETE FROM checkpoint WHERE size > {size}",
            f"DELETE FROM cosignature WHERE size > {size}",
        ]
        url = self.setup.config.ledger_url
        if url is not None and server is not None:
            server.execute(
                "SET session_replication_role = replica", *cut, url=url.get_secret_value()
            )
            return
        with open_store(self.setup, restoring=True) as store:
            assert isinstance(store, Store)
            for table in ("leaf", "node", "checkpoint", "cosignature"):
                store._db.execute(f"DROP TRIGGER {table}_no_delete")
            for statement in cut:
                store._db.execute(statement)


@pytest.fixture(params=["sqlite", "postgres"])
def kept(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Machine, PostgresServer | None]]:
    server = request.getfixturevalue("postgres_server") if request.param == "postgres" else None
    made = Machine(tmp_path / "federation", server.url() if server else "")
    yield made, server
    made.close()


def last_words(store: LedgerStore) -> dict[str, object]:
    (raw,) = store.leaves(store.size - 1, 1)
    entry = Leaf.parse(raw).signed.entry
    return {"type": entry.type, **entry.data}


def test_a_backup_is_taken_while_the_ledger_is_written_and_brings_it_back(kept, tmp_path):
    made, server = kept
    made.write(3)
    made.witness()
    copy = tmp_path / "copy.db"

    report = backup(made.config, copy)
    made.write(1)
    size, root = made.log.size - 1, made.log.root
    newer = tmp_path / "newer.db"
    backup(made.config, newer)
    made.close()
    made.forget(2, server)
    with pytest.raises(RollbackError, match="shorter than its head file"):
        open_log(made.setup)

    done = restore(made.config, [copy, newer])

    assert (report.size, report.quorum_size, report.findings) == (size, size, [])
    assert (done.from_size, done.size, done.n_lost) == (2, size + 2, 0)
    assert done.quorum_size == size
    made.open()
    assert made.log.quorum_size == size
    copy_of_now = tmp_path / "now.db"
    backup(made.config, copy_of_now)
    assert verify_file(copy_of_now, level=Level.SIGNATURES).findings == []
    with Store(copy_of_now, read_only=True) as store:
        tree = Tree()
        for raw in store.leaves(0, size + 1):
            tree.append(Leaf.parse(raw).hash)
        assert tree.root == root, "nothing before the last word has changed"
        assert last_words(store) == {
            "type": "ledger-restored",
            "from_size": size + 1,
            "source": "2 copies, 2 leaves stored before",
        }


def test_a_ledger_comes_back_from_a_members_mirror_alone(kept, tmp_path):
    """The coordinator's disk is gone; a bank's daemon kept what was witnessed."""
    made, server = kept
    made.write(2)
    made.witness()
    bank = made.bank("bank-1")
    mirror = tmp_path / "bank-1"
    mirror.mkdir()
    with Store(mirror / MIRROR) as store:
        tree = Tree()
        Mirror(bank.ledger, mirror).catch_up(store, tree)
        Mirror(bank.ledger, mirror).catch_up(store, tree)
        assert store.size == made.log.size
    size = made.log.size
    made.close()
    url = made.setup.config.ledger_url
    if server is not None and url is not None:
        schema = url.get_secret_value().rpartition("%3D")[2]
        server.execute(f"DROP SCHEMA {schema} CASCADE", f"CREATE SCHEMA {schema}")
    shutil.rmtree(made.setup.state)
    made.setup.state.mkdir(mode=0o700)

    done = restore(made.config, [mirror / MIRROR])

    assert (done.from_size, done.size, done.quorum_size) == (0, size + 1, size)
    made.open()
    assert made.log.quorum_size == size
    made.write(1)


def test_what_nobody_holds_is_given_up_only_when_asked_for_and_can_be_proved(kept, tmp_path):
    made, server = kept
    made.write(1)
    copy = tmp_path / "copy.db"
    backup(made.config, copy)
    bank = made.bank("bank-1", state=tmp_path)
    bank.ledger.append("endorsement-given", SAID)
    bank.ledger.append("endorsement-given", SAID)
    size = made.log.size
    made.close()
    made.forget(1, server)

    with pytest.raises(RollbackError, match="no copy holds all") as caught:
        restore(made.config, [copy])
    done = restore(made.config, [copy], lose=True)

    assert (caught.value.expected, caught.value.found) == (f"at least {size} leaves", f"{size - 2}")
    assert done.n_lost == 2
    made.open()
    with pytest.raises(RollbackError, match="newest receipt of bank-1"):
        made.bank("bank-1", state=tmp_path)
    assert (tmp_path / RECEIPT).exists()


def test_copies_that_do_not_verify_or_are_of_another_history_change_nothing(kept, tmp_path):
    made, server = kept
    made.write(2)
    good = tmp_path / "good.db"
    backup(made.config, good)
    made.close()
    made.forget(2, server)
    made_anew = tmp_path / "anew.db"
    with open_store(made.setup, restoring=True) as store:
        store.settle_head()
    made.open()
    made.write(1)
    backup(made.config, made_anew)
    size = made.log.size
    made.close()
    spoiled = tmp_path / "spoiled.db"
    shutil.copy(good, spoiled)
    raw = bytearray(spoiled.read_bytes())
    place = raw.index(b'"decision":"approve"')
    raw[place + 12 : place + 19] = b"decline"
    spoiled.write_bytes(raw)

    with pytest.raises(LedgerError, match=r"spoiled\.db does not verify"):
        restore(made.config, [spoiled])
    with pytest.raises(ForkError, match="two histories"):
        restore(made.config, [good])
    with pytest.raises(LedgerError, match="no ledger file"):
        restore(made.config, [tmp_path / "nowhere.db"])

    made.open()
    assert made.log.size == size


def test_a_running_coordinator_is_not_restored(kept, tmp_path):
    made, _ = kept
    copy = tmp_path / "copy.db"
    backup(made.config, copy)

    with (
        only_one(made.setup.state / "daemon.lock", "the coordinator"),
        pytest.raises(DuplicateIdentityError),
    ):
        restore(made.config, [copy])


def test_check_reads_the_ledger_wherever_it_is(kept):
    made, _ = kept
    made.write(1)

    (found,) = [f for f in check_coordinator(made.config) if f.what == "stored ledger"]

    assert found.sentence.startswith(f"{made.log.size} entries")


def test_the_commands_say_what_they_did(kept, tmp_path):
    made, server = kept
    made.write(1)
    size = made.log.size
    copy = tmp_path / "copy.db"

    said = RUN.invoke(app, ["ledger", "backup", str(made.config), "-o", str(copy), "--json"])
    again = RUN.invoke(app, ["ledger", "backup", str(copy), "-o", str(copy)])
    made.close()
    made.forget(1, server)
    back = RUN.invoke(app, ["coordinator", "restore", str(made.config), str(copy)])

    assert json.loads(said.output)["size"] == size
    assert (again.exit_code, "already exists" in again.output) == (50, True)
    assert back.exit_code == 0, back.output
    assert f"now            {size + 1}," in back.output
    made.open()


def test_a_nightly_backup_finds_a_bit_that_has_turned_in_a_page(tmp_path):
    made = Machine(tmp_path / "federation")
    made.write(3)
    made.close()
    path = made.setup.state / "ledger.db"
    raw = bytearray(path.read_bytes())
    raw[raw.rindex(b'"decision":"approve"') + 13] ^= 1
    path.write_bytes(raw)

    with pytest.raises(LedgerError, match=r"copy\.db does not verify"):
        backup(made.config, tmp_path / "copy.db")


def test_a_file_with_a_password_is_its_owners_alone(tmp_path, postgres_server):
    url = postgres_server.address(role="postgres", password="sesame")
    made = Machine.__new__(Machine)
    tables = {n: MachineTable(frame=f, bad_definition="bad") for n, f in bank_frames(3).items()}
    machine.found(tmp_path / "federation", tables, features=())
    made.config = tmp_path / "federation" / COORDINATOR / "coordinator.toml"
    made.config.write_text(f"ledger_url = {json.dumps(url)}\n" + made.config.read_text("utf-8"))
    made.config.chmod(0o644)
    setup = CoordinatorSetup(made.config)

    with pytest.raises(ConfigError, match="can be read by others") as caught:
        open_store(setup)

    assert "sesame" not in caught.value.diagnostics() + repr(setup.config)


@pytest.mark.parametrize("url", ["mysql://host/db", "host=x password=sesame", ""])
def test_an_address_of_something_else_is_refused_without_being_repeated(tmp_path, url):
    made = tmp_path / "federation"
    tables = {n: MachineTable(frame=f, bad_definition="bad") for n, f in bank_frames(3).items()}
    machine.found(made, tables, features=())
    config = made / COORDINATOR / "coordinator.toml"
    config.write_text(f"ledger_url = {json.dumps(url)}\n" + config.read_text("utf-8"))

    with pytest.raises(ConfigError, match="postgresql://") as caught:
        CoordinatorSetup(config)

    assert "sesame" not in caught.value.diagnostics()


def test_a_mirror_is_compared_with_the_ledger_that_is_served(tmp_path):
    made = Machine(tmp_path / "federation")
    made.write(2)
    made.witness()
    bank = made.bank("bank-1")
    with Store(tmp_path / MIRROR) as store:
        Mirror(bank.ledger, tmp_path).catch_up(store, Tree())
    made.close()
    made.forget(1, None)
    with open_store(made.setup, restoring=True) as store:
        store.settle_head()
    made.open()
    short = made.bank("bank-1")

    with Store(tmp_path / MIRROR) as store, pytest.raises(RollbackError, match="member's copy"):
        Mirror(short.ledger, tmp_path)._compared(store)
    made.write(5)
    short.ledger.refresh()
    with Store(tmp_path / MIRROR) as store, pytest.raises(ForkError, match="member's copy"):
        Mirror(short.ledger, tmp_path)._compared(store)
    assert isinstance(made.log, Log)
    made.close()
