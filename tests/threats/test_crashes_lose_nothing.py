"""A killed writer, a spoiled log, a full disk: no receipt is lost, and what is missing is noticed.

Against the weaker variant: SQLite alone opens the spoiled database, shorter and without an error;
and a ledger that has lost one answered entry is told from a whole one.
The long runs, and those over PostgreSQL, stand in ``tests/ledger/test_crashes.py``.
"""

import random
import resource
import signal

import pytest

from tests.ledger.appending_child import AUTHORS
from tests.ledger.crashing import Watcher, child, flip, kill, kill_often, new_folder, whole_lines
from tests.ledger.crashing import seed as seed
from tests.ledger.places import SqlitePlace


def test_kill_nine_loses_no_receipt(tmp_path, seed):
    how, n_receipts = kill_often(
        lambda n: SqlitePlace(new_folder(tmp_path, n)), 3, random.Random(seed), None
    )

    assert how == {"writer": 3} and n_receipts >= 3


def test_a_lost_receipt_would_be_seen(tmp_path):
    watcher = Watcher(SqlitePlace(tmp_path))
    process = child(watcher.place)
    _, lines = kill(process, random.Random(1), None)
    watcher.keep(lines)
    size = watcher.check().size
    assert process.returncode == -signal.SIGKILL

    watcher.place.shorten(min(watcher.receipts.values()))
    with watcher.place.open(restoring=True) as store:
        assert store.size < size
        store.settle_head()

    with pytest.raises(AssertionError):
        watcher.check()


def test_a_flipped_wal_bit_is_noticed_at_start(tmp_path, seed):
    found = flip(tmp_path, 10, random.Random(seed))

    assert found["UNNOTICED"] == 0
    assert found["shortened"] == found["noticed"] > 0


def test_full_disk_suspends(tmp_path):
    """A file may grow by 200 KiB only; the log then answers nobody, and the file opens intact."""
    watcher = Watcher(SqlitePlace(tmp_path))
    limit = 200 * 1024
    process = child(
        watcher.place,
        wrapped=f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))",
    )
    said, errors = process.communicate(timeout=60)

    failures = watcher.keep(whole_lines(said))

    assert process.returncode == 0, errors
    assert len(failures) == len(AUTHORS)
    assert set(failures) <= {"failed StorageError", "failed LedgerError"}
    assert "failed StorageError" in failures
    assert len(watcher.receipts) > 10
    assert watcher.check().size > len(watcher.receipts)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != limit
