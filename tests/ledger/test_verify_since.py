"""Verifying on from a head that one trusts: what came after it, and nothing before it."""

import sqlite3
from pathlib import Path

import pytest

from fedcredit_ledger.store import Store
from fedcredit_ledger.verify import Level, verify_file
from tests.fedcredit.command_line import fedcredit
from tests.ledger.small_federation import BANKS, SmallFederation

WHERE = 7


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    """A ledger of a finished run in ledger.db, and beside it the head after seven leaves."""
    fed = SmallFederation(Store(tmp_path / "ledger.db"))
    for bank in BANKS:
        fed.register(bank)
        fed.grant(bank)
    assert fed.log.size == WHERE
    note = fed.log.checkpoint_note()
    assert note is not None
    (tmp_path / "head").write_bytes(note)
    fed.finished_run()
    fed.witness()
    fed.store.close()
    return tmp_path


def damage(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as db:
        for table in ("leaf", "node", "checkpoint", "cosignature"):
            for act in ("update", "delete"):
                db.execute(f"DROP TRIGGER {table}_no_{act}")
        db.execute(statement)
    db.close()


def codes(folder: Path, **options: object) -> list[str]:
    since = (folder / "head").read_bytes()
    report = verify_file(folder / "ledger.db", since=since, **options)  # type: ignore[arg-type]
    return [finding.code for finding in report.findings]


def test_a_sound_ledger_goes_on_from_the_trusted_head(trusted):
    whole = verify_file(trusted / "ledger.db")
    report = verify_file(trusted / "ledger.db", since=(trusted / "head").read_bytes())

    assert report.findings == []
    assert (report.since, report.size, report.root) == (WHERE, whole.size, whole.root)


def test_every_head_of_the_ledger_can_be_the_trusted_one(trusted):
    with Store(trusted / "ledger.db", read_only=True) as store:
        notes = {size: store.checkpoint(size) for size in store.checkpoint_sizes()}

    for size, note in notes.items():
        report = verify_file(trusted / "ledger.db", since=note)
        assert (report.findings, report.since) == ([], size)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE leaf SET leaf = CAST(replace(leaf, 'e', 'f') AS BLOB) WHERE i = 9", "stored-hash"),
        ("DELETE FROM leaf WHERE i = 10", "broken-link"),
        ("UPDATE node SET hash = zeroblob(32) WHERE level = 1 AND i = 4", "stored-node"),
        ("UPDATE leaf SET hash = zeroblob(32) WHERE i = 6", "wrong-root"),
        ("UPDATE node SET hash = zeroblob(32) WHERE level = 2 AND i = 0", "wrong-root"),
        ("DELETE FROM node WHERE level = 1 AND i = 2", "bad-checkpoint"),
        ("DELETE FROM leaf WHERE i >= 5", "rolled-back"),
    ],
)
def test_damage_after_the_head_or_at_its_edge_is_found(trusted, statement, code):
    damage(trusted / "ledger.db", statement)

    assert code in codes(trusted)


def test_damage_before_the_head_is_taken_on_trust_and_found_by_the_whole_check(trusted):
    change = "UPDATE leaf SET leaf = CAST(replace(leaf, 'sum', 'sun') AS BLOB) WHERE i = 2"
    damage(trusted / "ledger.db", change)

    assert codes(trusted) == []
    assert "stored-hash" in [f.code for f in verify_file(trusted / "ledger.db").findings]


def test_a_head_of_another_history_is_not_gone_on_from(trusted):
    other = SmallFederation()
    for bank in BANKS:
        other.register(bank)
    for bank in BANKS:
        other.grant(bank)
    assert other.log.size == WHERE
    (trusted / "head").write_bytes(other.log.checkpoint_note() or b"")

    assert codes(trusted) == ["wrong-root"]
    (trusted / "head").write_bytes(b"nothing")
    assert codes(trusted) == ["bad-checkpoint"]


def test_rules_begin_at_the_beginning(trusted):
    with pytest.raises(ValueError, match="from the beginning"):
        codes(trusted, level=Level.RULES)
    verify = ("ledger", "verify", trusted / "ledger.db", "--since", trusted / "head")
    assert fedcredit(*verify, "--full").code == 2
    assert "the first 7 taken on trust" in fedcredit(*verify).out
