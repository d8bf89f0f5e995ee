"""A disk that is really full: what is refused, by which name, and what is left with room again."""

import pytest

from fedcredit.coordinator.desk_store import DeskStore
from fedcredit.run_progress import Progress
from fedcredit_ledger.log import Log
from fedcredit_ledger.store import Store
from fedcredit_ledger.verify import Level, verify_file
from fedcredit_parties.contributions import Contributions
from fedcredit_parties.disk import is_full
from fedcredit_parties.errors import DiskFullError
from fedcredit_parties.file_lock import only_one
from fedcredit_parties.vault import Vault
from tests import full_disk
from tests.front_desk import ORIGIN, Counter
from tests.simulated import newest_run, parts, small_federation, small_job


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
