"""Killed at any instant, or on a disk that fails, a ledger loses nothing that was answered.

The long runs, and PostgreSQL; the short runs over a file stand in
``tests/threats/test_crashes_lose_nothing.py``.
"""

import os
import random
import subprocess
import sys

import pytest

from fedcredit_ledger.log import Log
from fedcredit_ledger.store import Store
from tests.ledger.crashing import ROOT, flip, kill_often, new_folder
from tests.ledger.crashing import seed as seed
from tests.ledger.places import PostgresPlace, SqlitePlace
from tests.ledger.small_federation import ORIGIN, SmallFederation


def test_two_kills_of_a_writer_to_a_server_lose_no_receipt(tmp_path, seed, postgres_server):
    how, n_receipts = kill_often(
        lambda n: PostgresPlace(postgres_server, new_folder(tmp_path, n)),
        2,
        random.Random(seed),
        None,
    )

    assert how == {"writer": 2} and n_receipts >= 2


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_kill_nine_loses_no_receipt(tmp_path, seed, postgres_server, record_property):
    """200 kills: half over a file, half over a server, of which some take the server itself."""
    rng = random.Random(seed)
    on_file, n_file = kill_often(lambda n: SqlitePlace(new_folder(tmp_path, n)), 100, rng, None)
    on_server, n_server = kill_often(
        lambda n: PostgresPlace(postgres_server, new_folder(tmp_path, 1000 + n)),
        100,
        rng,
        postgres_server,
    )

    record_property("kills_sqlite", dict(on_file))
    record_property("kills_postgres", dict(on_server))
    record_property("receipts", {"sqlite": n_file, "postgres": n_server})
    print(dict(on_file), dict(on_server), n_file, n_server)
    assert on_file.total() + on_server.total() == 200
    assert min(on_server[what] for what in ("writer", "session", "server")) > 0


@pytest.mark.long
def test_a_flipped_wal_bit_is_noticed_at_start(tmp_path, seed, record_property):
    """400 bits: SQLite drops a commit and all after it without an error; the head file tells."""
    found = flip(tmp_path, 400, random.Random(seed))

    record_property("flips", dict(found))
    print(dict(found))
    assert found["UNNOTICED"] == 0
    assert found["shortened"] == found["noticed"] > 300
    assert found["whole"] + found["rollback"] + found["unreadable"] == 400


BROKEN_SYNC = """
import ctypes, errno, threading

def break_sync():
    class Filter(ctypes.Structure):
        _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8),
                    ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]
    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_uint16), ("filters", ctypes.POINTER(Filter))]
    fsync, fdatasync = 74, 75  # x86-64
    filters = (Filter * 5)(
        Filter(0x20, 0, 0, 0),                          # load the system call's number
        Filter(0x15, 2, 0, fsync),
        Filter(0x15, 1, 0, fdatasync),
        Filter(0x06, 0, 0, 0x7FFF0000),                 # allow
        Filter(0x06, 0, 0, 0x00050000 | errno.EIO),     # fail
    )
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.prctl(22, 2, ctypes.byref(Program(5, filters)), 0, 0) == 0
"""
"""From a moment on the kernel answers every sync of this process with an input/output error."""

FAILING = (
    BROKEN_SYNC
    + """
import os, sys
from fedcredit_ledger.errors import SyncError
from fedcredit_ledger.log import Log
from fedcredit_ledger.store import Store
from tests.ledger.small_federation import ORIGIN, SmallFederation
fed = SmallFederation(Store(sys.argv[1]))
what = {"act_type": "x", "act_digest": "00" * 32, "decision": "approve"}
for _ in range(3):
    fed.write("bank-a", "endorsement-given", what)
print(fed.log.size)
break_sync()
for _ in range(2):
    try:
        fed.write("bank-a", "endorsement-given", what)
    except Exception as error:
        print(type(error).__name__)
print(isinstance(fed.log.failure, SyncError))
sys.stdout.flush()
os._exit(0)
"""
)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="system calls are numbered for x86-64")
def test_a_disk_that_confirms_nothing_ends_the_writing_at_once(tmp_path):
    """The first sync that fails is the last one tried; the next start reads what is there."""
    done = subprocess.run(
        [sys.executable, "-c", FAILING, str(tmp_path / "ledger.db")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'ledger'}"},
        check=False,
        timeout=60,
    )

    assert done.stdout.split() == ["4", "SyncError", "LedgerError", "True"], done.stderr
    fed = SmallFederation()
    with Store(tmp_path / "ledger.db") as store:
        assert Log(store, fed.log_key, ORIGIN, fed.clock).size >= 4
