"""The SQLite file: what holds of it alone. What holds of every database stands in test_stores."""

from pathlib import Path

import pytest

from fedcredit_ledger.errors import ForkError, LedgerError, RollbackError
from fedcredit_ledger.log import Log
from fedcredit_ledger.store import Store
from tests.ledger.small_federation import ORIGIN, SmallFederation, digest

ENDORSEMENT = {"act_type": "x", "act_digest": digest("x"), "decision": "approve"}


def endorse(fed: SmallFederation, n: int) -> None:
    for _ in range(n):
        fed.write("bank-a", "endorsement-given", ENDORSEMENT)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "ledger.db"


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
