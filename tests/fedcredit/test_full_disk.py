"""A disk that is really full: what is refused, by which name, and what is left with room again."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fedcredit import machine
from fedcredit.coordinator.daemon import Supervisor
from fedcredit.coordinator.deployment import CoordinatorSetup
from fedcredit.coordinator.desk_store import DeskStore
from fedcredit.coordinator.front import Desk
from fedcredit.coordinator.ground import open_log, open_stored_log
from fedcredit.coordinator.outside_witnesses import OutsideWitnesses
from fedcredit.coordinator.superlink import SuperLink
from fedcredit.coordinator.suspension import Resumption, suspend
from fedcredit.machine import COORDINATOR, MachineTable
from fedcredit.run_progress import Progress
from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.entry import Entry, SignedEntry, format_time
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.log import Log
from fedcredit_ledger.store import Store
from fedcredit_ledger.verify import Level, verify_file
from fedcredit_parties.contributions import Contributions
from fedcredit_parties.daemon import PartySetup, read_status
from fedcredit_parties.disk import is_full
from fedcredit_parties.errors import DiskFullError
from fedcredit_parties.file_lock import only_one
from fedcredit_parties.identity import Identity
from fedcredit_parties.member import utc_now
from fedcredit_parties.vault import Vault
from tests import full_disk
from tests.front_desk import ORIGIN, Counter
from tests.simulated import bank_frames, newest_run, parts, small_federation, small_job


@pytest.fixture
def disk(tmp_path):
    with full_disk.small_disk(tmp_path / "disk", n_kib=8192) as folder:
        yield folder


def test_a_vault_keeps_the_old_value_and_takes_the_new_one_when_there_is_room(disk):
    vault = Vault(disk / "vault", key=bytes(32))
    vault.put("key.1", b"old")
    full_disk.fill(disk)

    with pytest.raises(DiskFullError) as full:
        vault.put("key.1", bytes(50_000))
    kept = vault.get("key.1")
    left = sorted(path.name for path in (disk / "vault").iterdir())
    full_disk.free(disk)
    vault.put("key.1", b"new")

    assert str(disk / "vault") in full.value.expected
    assert (kept, left) == (b"old", ["key.1"])
    assert vault.get("key.1") == b"new"


def test_a_daemon_does_not_start_on_a_full_disk_and_says_so(disk):
    full_disk.fill(disk)

    with (
        pytest.raises(DiskFullError, match=r"bank-a did not start"),
        only_one(disk / "daemon.lock", "the daemon of bank-a"),
    ):
        raise AssertionError("it started")


def test_a_desk_refuses_blobs_and_notes_and_goes_on_when_there_is_room(disk, tmp_path):
    counter = Counter(tmp_path, store=DeskStore(disk / "desk"))
    hasty = counter.client("bank-a", patience_s=0.3)
    bank = counter.member("bank-a", hasty)
    bank.mailbox.send("bank-b", "letter", {})
    full_disk.fill(disk)

    with pytest.raises(DiskFullError, match="the coordinator keeps no more"):
        hasty.put_blob(bytes(200_000))
    with pytest.raises(DiskFullError, match="the coordinator keeps no more"):
        for _ in range(40):
            bank.mailbox.send("bank-b", "letter", {"text": "x" * 20_000})
    full_disk.free(disk)

    bank.mailbox.send("bank-b", "letter", {})
    digest = hasty.put_blob(b"after")
    assert hasty.get_blob(digest) == b"after"
    assert list((disk / "desk").glob("part-*")) == []
    counter.close()


def test_a_ledger_that_cannot_be_written_confirms_nothing_and_still_verifies(disk, tmp_path):
    counter = Counter(tmp_path, ledger=str(disk / "ledger.db"))
    bank = counter.member("bank-a", counter.client("bank-a", patience_s=0.2))
    full_disk.fill(disk)
    confirmed = counter.log.size

    with pytest.raises(Exception, match="does not answer"):
        for _ in range(400):
            bank.ledger.append(
                "endorsement-given",
                {"act_type": "other", "act_digest": "ab" * 32, "decision": "approve"},
            )
            confirmed = counter.log.size
    failure = counter.log.failure
    counter.close()
    full_disk.free(disk)
    report = verify_file(disk / "ledger.db", level=Level.SIGNATURES)
    again = Log(Store(disk / "ledger.db"), counter.log_key, ORIGIN)

    assert failure is not None and is_full(failure)
    assert again.size == report.size == confirmed
    assert [finding.code for finding in report.findings] in ([], ["unwitnessed"])


FULL = {"bank-1": "contribution was not kept", "key-holder": "release was not kept"}


@pytest.mark.parametrize("who", FULL)
def test_a_disk_that_fills_in_a_run_fails_it_by_name_and_the_next_run_goes_through(disk, who):
    vault = Vault(disk / "vault", key=bytes(32))
    with small_federation() as federation:
        if who == "key-holder":
            parts(federation).key_holder._vault = vault
        else:
            holder = parts(federation).holders[who]
            holder.contributions = Contributions(vault)

        def strike(progress: Progress) -> None:
            if progress.phase == "newton" and not (disk / full_disk.PAD).exists():
                full_disk.fill(disk)

        with pytest.raises(DiskFullError, match=FULL[who]) as full:
            federation.run(small_job(), progress=strike)
        failed = newest_run(federation)
        full_disk.free(disk)
        result = federation.run(small_job())

    assert (failed.status, failed.failure, full.value.party) == ("failed", "DiskFullError", who)
    assert str(disk) not in full.value.diagnostics(), "folders are the operator's"
    assert len(result.model.coef_) > 0


class Undisturbed(Supervisor):
    """A supervisor without Flower: it looks after the ledger only."""

    def _register(self) -> None:
        pass

    def _look_after(self) -> None:
        pass

    def _start_run(self) -> None:
        pass


def test_a_coordinator_whose_ledger_takes_nothing_more_ends_by_name(tmp_path):
    folder = tmp_path / "federation"
    tables = {n: MachineTable(frame=f, bad_definition="bad") for n, f in bank_frames(3).items()}
    machine.found(folder, tables, features=())
    config = folder / COORDINATOR / "coordinator.toml"
    config.write_text("reserve_mib = 1\n" + config.read_text("utf-8"), "utf-8")
    with full_disk.small_disk(folder / COORDINATOR / "state", n_kib=8192) as disk:
        setup = CoordinatorSetup(folder / COORDINATOR / "coordinator.toml")
        log = open_log(setup)
        link = SuperLink(
            folder=disk / "superlink",
            port=setup.config.superlink_port,
            ca_file=setup.file(setup.config.ca_file),
            cert_file=setup.file(setup.config.cert_file),
            key_file=setup.file(setup.config.key_file),
        )
        full_disk.fill(disk)
        bank = PartySetup(folder / "bank-0" / "party.toml").identity
        with pytest.raises(LedgerError):
            for number in range(400):
                log.submit([entry(bank, log, number)])

        with pytest.raises(DiskFullError, match="the ledger takes no entry") as full:
            Undisturbed(setup, log, link, OutsideWitnesses(Desk(log))).serve(threading.Event())

    assert str(disk) in full.value.expected and full.value.exit_code == 71


def entry(author: Identity, log: Log, number: int) -> bytes:
    """Return an entry that the log has to write, whoever then reads it."""
    head = log.state.author_heads.get(author.name)
    sequence, previous = (0, "0" * 64) if head is None else (head[0] + 1, head[1])
    unsigned = Entry(
        author=author.name,
        author_seq=sequence,
        author_prev=previous,
        ledger=log.origin,
        type="endorsement-given",
        time=format_time(utc_now()),
        seen_size=log.size,
        seen_root=log.root.hex(),
        readers=["all"],
        data={"act_type": "other", "act_digest": f"{number:064x}", "decision": "approve"},
    )
    return SignedEntry.sign(unsigned, author.signing).encode()


def test_the_reserve_takes_the_last_word_and_the_next_start_the_first_one(tmp_path):
    """What a full disk leaves: every confirmed entry, and one that says why nothing follows."""
    folder = tmp_path / "federation"
    tables = {n: MachineTable(frame=f, bad_definition="bad") for n, f in bank_frames(3).items()}
    machine.found(folder, tables, features=())
    config = folder / COORDINATOR / "coordinator.toml"
    config.write_text("reserve_mib = 1\n" + config.read_text("utf-8"), "utf-8")
    with full_disk.small_disk(folder / COORDINATOR / "state", n_kib=8192) as disk:
        setup = CoordinatorSetup(config)
        log = open_log(setup)
        bank = PartySetup(folder / "bank-0" / "party.toml").identity
        full_disk.fill(disk)
        with pytest.raises(LedgerError):
            for number in range(400):
                log.submit([entry(bank, log, number)])
        confirmed, failure = log.size, log.failure
        log.close()

        assert failure is not None and is_full(failure)
        assert suspend(setup)
        assert not suspend(setup), "there is one reserve, and one last word"
        with open_stored_log(setup) as stopped:
            assert stopped.size == confirmed + 1
            assert Leaf.parse(stopped.leaves(confirmed, 1)[0]).signed.entry.data == {
                "reason": "disk-full"
            }
            assert stopped.state.oversight.suspended is not None
        full_disk.fill(disk)
        with pytest.raises(DiskFullError, match="1 MiB are held in reserve"):
            open_log(setup)
        full_disk.free(disk)

        with open_log(setup) as again:
            desk = Desk(again)
            clerk = setup.clerk(desk)
            Resumption(again, clerk).serve(threading.Event())
            Resumption(again, clerk).serve(threading.Event())
            assert again.state.oversight.suspended is None
            assert again.size == confirmed + 2
            desk.close()
        report = verify_file(disk / "ledger.db", level=Level.SIGNATURES)

    assert [finding.code for finding in report.findings] in ([], ["unwitnessed"])


ENDING = """
import sys
from pathlib import Path
from fedcredit.coordinator.daemon import end_at_once
from fedcredit_ledger.errors import SyncError
from fedcredit_ledger.log import Log
from fedcredit_ledger.store import Store
from tests.ledger.small_federation import SmallFederation
state = Path(sys.argv[1])
fed = SmallFederation(Store(state / "ledger.db"))
try:
    end_at_once(state, SyncError("the disk did not confirm what was written"))
finally:
    print("something was done after the end")
"""


def test_a_coordinator_whose_disk_confirms_nothing_leaves_its_last_words_and_nothing_else(tmp_path):
    root = Path(__file__).parents[2]
    rooms = [root, *(root / room for room in ("ledger", "parties", "models"))]

    done = subprocess.run(
        [sys.executable, "-c", ENDING, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, rooms))},
    )

    assert (done.returncode, done.stdout) == (50, ""), done.stderr
    assert "the disk did not confirm" in read_status(tmp_path)["ended_with"]
    assert "SyncError" in done.stderr
    wal = tmp_path / "ledger.db-wal"
    assert wal.stat().st_size > 0, "closing would have folded the log into the file, and synced"
