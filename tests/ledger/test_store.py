"""The file: only added to, whole batches, and compared with its head before it is used."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.errors import ForkError, LedgerError, RollbackError
from fedcredit_ledger.log import Log
from fedcredit_ledger.store import Store
from tests.ledger.small_federation import ORIGIN, SmallFederation, digest

ENDORSEMENT = {"act_type": "x", "act_digest": digest("x"), "decision": "approve"}
ROOT = Path(__file__).parents[2]


def endorse(fed: SmallFederation, n: int) -> None:
    for _ in range(n):
        fed.write("bank-a", "endorsement-given", ENDORSEMENT)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "ledger.db"


def test_a_ledger_survives_closing(path):
    with Store(path) as store:
        fed = SmallFederation(store)
        endorse(fed, 3)
        fed.witness()
        endorse(fed, 1)
        root, note = fed.log.root, fed.log.quorum_note(4)

    with Store(path) as store:
        log = Log(store, fed.log_key, ORIGIN, fed.clock)
        assert (log.size, log.root, log.quorum_size) == (5, root, 4)
        assert log.quorum_note(4) == note
        assert log.state == fed.log.state
        fed.log = log
        endorse(fed, 1)
        assert store.size == 6


@pytest.mark.parametrize("table", ["leaf", "node", "checkpoint", "cosignature"])
@pytest.mark.parametrize("act", ["DELETE FROM {}", "UPDATE {} SET rowid = rowid + 100"])
def test_rows_are_only_added(path, table, act):
    with Store(path) as store:
        fed = SmallFederation(store)
        endorse(fed, 1)
        fed.witness()
    with sqlite3.connect(path) as other, pytest.raises(sqlite3.IntegrityError, match="only added"):
        other.execute(act.format(table))
    other.close()


def test_a_shorter_database_is_found_at_start(path, tmp_path):
    """The head file stays; the database comes back from a backup."""
    with Store(path) as store:
        fed = SmallFederation(store)
        endorse(fed, 2)
        store.export(tmp_path / "backup.db")
        endorse(fed, 2)
    shutil.copy(tmp_path / "backup.db", path)

    with pytest.raises(RollbackError) as caught:
        Store(path)

    assert caught.value.exit_code == 55
    assert caught.value.expected == "at least 5 leaves"


def test_another_history_is_found_at_start(path, tmp_path):
    for name in ("one", "two"):
        with Store(tmp_path / f"{name}.db") as store:
            fed = SmallFederation(store)
            fed.clock.tick(1 if name == "one" else 2)
            endorse(fed, 2)
    shutil.copy(tmp_path / "one.db", path)
    shutil.copy(tmp_path / "two.db-head", f"{path}-head")

    with pytest.raises(ForkError):
        Store(path)


def test_a_missing_head_file_is_not_a_fresh_start(path):
    with Store(path) as store:
        SmallFederation(store)
    Path(f"{path}-head").unlink()

    with pytest.raises(RollbackError, match="missing"):
        Store(path)


def test_a_torn_head_slot_leaves_the_other(path):
    with Store(path) as store:
        fed = SmallFederation(store)
        endorse(fed, 3)
    head = Path(f"{path}-head")
    raw = bytearray(head.read_bytes())
    for slot in (0, 4096):
        torn = bytearray(raw)
        torn[slot + 100] ^= 1
        head.write_bytes(torn)
        with Store(path) as store:
            assert store.size == 4


def test_a_flipped_wal_bit_is_noticed_at_start(path, tmp_path):
    """SQLite drops a damaged tail without an error; the head file knows better."""
    with Store(path) as store:
        fed = SmallFederation(store)
        endorse(fed, 5)
        for suffix in ("", "-wal", "-head"):
            shutil.copy(f"{path}{suffix}", tmp_path / f"copy.db{suffix}")
    wal = tmp_path / "copy.db-wal"
    whole = wal.read_bytes()
    silent = noticed = 0
    for position in range(len(whole) // 2, len(whole), max(1, len(whole) // 40)):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        for suffix in ("", "-head"):
            shutil.copy(tmp_path / f"copy.db{suffix}", tmp_path / f"try.db{suffix}")
        (tmp_path / "try.db-wal").write_bytes(damaged)
        (tmp_path / "try.db-shm").unlink(missing_ok=True)
        plain = sqlite3.connect(tmp_path / "try.db")
        try:
            silent += plain.execute("SELECT COUNT(*) FROM leaf").fetchone()[0] < 6
        except sqlite3.DatabaseError:
            continue
        finally:
            plain.close()
        (tmp_path / "try.db-shm").unlink(missing_ok=True)
        try:
            with Store(tmp_path / "try.db") as store:
                assert store.size == 6
        except RollbackError:
            noticed += 1

    assert silent == noticed > 10


def test_a_witness_remembers_what_the_store_has_lost(path):
    with Store(path) as store:
        fed = SmallFederation(store)
        endorse(fed, 3)
        note = fed.log.checkpoint_note()
    with Store() as empty:
        shorter = SmallFederation(empty)
        with pytest.raises(RollbackError):
            Log(empty, shorter.log_key, ORIGIN, fed.clock, witnessed=[note])
    with Store() as forked:
        other = SmallFederation(forked)
        other.clock.tick(5)
        endorse(other, 4)
        with pytest.raises(ForkError):
            Log(forked, other.log_key, ORIGIN, fed.clock, witnessed=[note])


def test_one_process_writes(path):
    with Store(path):
        with pytest.raises(LedgerError, match="another process"):
            Store(path)
        Store(path, read_only=True).close()


def test_files_that_are_no_ledger_are_refused(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to be looked at as one\n" * 50)

    for read_only in (True, False):
        with pytest.raises(LedgerError, match="cannot be read"):
            Store(text, read_only=read_only)
    with pytest.raises(LedgerError, match="cannot be read"):
        Store(tmp_path / "nowhere.db", read_only=True)


def test_a_stored_leaf_that_changed_stops_the_start(path):
    with Store(path) as store:
        fed = SmallFederation(store)
        endorse(fed, 3)
    with sqlite3.connect(path) as other:
        other.execute("DROP TRIGGER leaf_no_update")
        other.execute(
            "UPDATE leaf SET leaf = CAST(replace(leaf, 'approve', 'decline') AS BLOB) WHERE i = 2"
        )
    other.close()

    with Store(path) as store, pytest.raises(LedgerError):
        Log(store, fed.log_key, ORIGIN, fed.clock)


def test_kill_nine_loses_no_receipt(path, tmp_path):
    """A child appends and prints each index once its receipt is out; it is killed in the middle."""
    program = tmp_path / "child.py"
    program.write_text(
        "import sys\n"
        "from fedcredit_ledger.store import Store\n"
        "from tests.ledger.small_federation import SmallFederation\n"
        "from tests.ledger.test_store import ENDORSEMENT\n"
        "fed = SmallFederation(Store(sys.argv[1]))\n"
        "while True:\n"
        "    fed.write('bank-a', 'endorsement-given', ENDORSEMENT)\n"
        "    print(fed.log.size, flush=True)\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'ledger'}"}
    child = subprocess.Popen(
        [sys.executable, str(program), str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert child.stdout is not None
    receipts = [int(child.stdout.readline()) for _ in range(20)]
    time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    receipts += [int(line) for line in child.stdout.read().split("\n") if line]
    child.wait()
    child.stdout.close()

    fed = SmallFederation()
    with Store(path) as store:
        log = Log(store, fed.log_key, ORIGIN, fed.clock)
        assert log.size >= receipts[-1]
        assert log.state.author_heads["bank-a"][0] == log.size - 2


def test_an_export_is_one_file_with_everything(path, tmp_path):
    with Store(path) as store:
        fed = SmallFederation(store)
        endorse(fed, 2)
        fed.witness()
        store.export(tmp_path / "copy.db")
        with pytest.raises(LedgerError):
            store.export(tmp_path / "copy.db")
        with Store(tmp_path / "copy.db", read_only=True) as copy:
            assert copy.leaves() == store.leaves()
            assert copy.cosignatures(3) == store.cosignatures(3) != []
            assert copy.nodes() == store.nodes()
            assert copy.checkpoint_sizes() == [1, 2, 3]


def test_a_batch_that_cannot_be_written_leaves_nothing(path):
    with Store(path) as store:
        fed = SmallFederation(store)
        signed = SignedEntry.sign(
            fed.entry("bank-a", "endorsement-given", ENDORSEMENT), fed.keys["bank-a"]
        )
        leaf = fed.log._leaf(signed)
        with pytest.raises(LedgerError, match="could not be written"):
            store.append([leaf, leaf], nodes=[], size=3, checkpoint=b"x")
        assert store.size == 1
        assert store.checkpoint(3) is None
