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


def test_files_that_are_no_ledger_are_refused(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to be looked at as one\n" * 50)

    for read_only in (True, False):
        with pytest.raises(LedgerError, match="cannot be read"):
            Store(text, read_only=read_only)
    with pytest.raises(LedgerError, match="cannot be read"):
        Store(tmp_path / "nowhere.db", read_only=True)


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
