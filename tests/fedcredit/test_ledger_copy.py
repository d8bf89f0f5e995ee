"""A member saves the ledger that it verified itself; a stranger can verify the file again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import fedcredit as fc
from fedcredit.ledger_copy import save_ledger
from fedcredit_ledger.errors import CheckpointError, QuorumError
from fedcredit_ledger.verify import Level, verify_file
from tests.simulated import parts, small_federation, small_job


@pytest.fixture(name="federation", scope="module")
def federation_fixture() -> Iterator[fc.Federation]:
    with small_federation() as federation:
        federation.run(small_job())
        yield federation


def test_the_saved_copy_verifies_to_the_last_signature(
    federation: fc.Federation, tmp_path: Path
) -> None:
    simulation = parts(federation)

    size = save_ledger(simulation.requester.member.ledger, tmp_path / "ledger.db")

    report = verify_file(
        tmp_path / "ledger.db",
        level=Level.SIGNATURES,
        founding_entry=simulation.founding_entry,
    )
    assert report.findings == []
    assert report.size == report.quorum_size == size == simulation.log.size
    assert report.root == simulation.log.root.hex()
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.db"]


def test_saving_again_replaces_the_file(federation: fc.Federation, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"an earlier one")

    save_ledger(parts(federation).requester.member.ledger, path)

    assert verify_file(path).findings == []


def test_a_history_that_this_member_did_not_verify_is_not_saved(
    federation: fc.Federation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = parts(federation).requester.member.ledger
    with small_federation() as other:
        foreign = parts(other).requester.member.ledger
        foreign.witnessed(foreign.replica.size - 1, deadline=float("inf"))
        note = foreign.replica.quorum_note
    monkeypatch.setattr(ledger.front, "checkpoint", lambda **asked: note)

    with pytest.raises(CheckpointError, match="not signed by the log"):
        save_ledger(ledger, tmp_path / "ledger.db")

    assert list(tmp_path.iterdir()) == []


def test_without_the_witnesses_nothing_is_saved(
    federation: fc.Federation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = parts(federation).requester.member.ledger
    monkeypatch.setattr(ledger.front, "checkpoint", lambda **asked: None)

    with pytest.raises(QuorumError):
        save_ledger(ledger, tmp_path / "ledger.db", timeout_s=0.0)

    assert list(tmp_path.iterdir()) == []
