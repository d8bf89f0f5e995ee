"""Openings are kept encrypted, come back after a restart, and are erased for good."""

import hashlib
import json
import sqlite3
from pathlib import Path

import pytest

from fedcredit_ledger.errors import MalformedEntryError
from fedcredit_parties.errors import DiskFullError, EncryptionError, MachineError
from fedcredit_parties.kept_openings import KeptOpenings
from tests import full_disk

KEY = bytes(range(32))
ME = "subject-7f3a"


def hashed(salt: str, name: str, value: object) -> str:
    """SPEC.md, Commitment, by hand."""
    text = json.dumps([salt, name, value], separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(b"fedcredit-ledger-commit/v1\n" + text.encode()).hexdigest()


@pytest.mark.parametrize("on_disk", [True, False])
def test_what_was_committed_to_can_be_opened(tmp_path: Path, on_disk: bool) -> None:
    kept = KeptOpenings(tmp_path / "openings.db", key=KEY) if on_disk else KeptOpenings()

    made = kept.commit({"n_rows": 4454, "statistics": [["income", 3]]})

    assert set(made.commits) == {"n_rows", "statistics"}
    for name, value in (("n_rows", 4454), ("statistics", [["income", 3]])):
        opening = kept.get(made.commits[name])
        assert opening == (made.salt(name), name, value)
        assert hashed(*opening) == made.commits[name]
    assert kept.get("f" * 64) is None
    kept.close()


def test_the_openings_outlive_the_process_and_their_file_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state" / "openings.db"
    first = KeptOpenings(path, key=KEY)
    made = first.commit({"subject": "110101199003070000", "document": "loan-4711"}, subject=ME)
    first.close()

    after = KeptOpenings(path, key=KEY)

    assert after.get(made.commits["subject"]) == (
        made.salt("subject"),
        "subject",
        "110101199003070000",
    )
    after.close()
    raw = b"".join(file.read_bytes() for file in path.parent.iterdir())
    for text in ("110101199003070000", "loan-4711", ME, "document", made.salt("subject")):
        assert text.encode() not in raw
    assert {file.stat().st_mode & 0o077 for file in path.parent.iterdir()} == {0}


def test_a_salt_is_never_used_twice(tmp_path: Path) -> None:
    kept = KeptOpenings()

    made = [kept.commit({"n_rows": 7, "n_clipped": 7}) for _ in range(50)]

    assert len({salt for one in made for salt, _, _ in one.openings}) == 100
    assert len({digest for one in made for digest in one.commits.values()}) == 100
    kept.close()


def test_one_opening_is_erased_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "openings.db"
    kept = KeptOpenings(path, key=KEY)
    made = kept.commit({"n_rows": 4454, "n_clipped": 0})
    sealed = sqlite3.connect(path).execute(
        "SELECT sealed FROM opening WHERE commitment = ?", (made.commits["n_rows"],)
    )
    row = sealed.fetchone()[0]
    sealed.connection.close()

    assert kept.erase([made.commits["n_rows"]]) == 1

    assert kept.get(made.commits["n_rows"]) is None
    assert kept.get(made.commits["n_clipped"]) is not None
    assert kept.erase([made.commits["n_rows"]]) == 0
    raw = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert row[:16] not in raw  # not even the sealed bytes are left in the file
    kept.close()


def test_a_persons_data_key_goes_with_its_last_opening_so_that_a_copy_is_noise(
    tmp_path: Path,
) -> None:
    path, backup = tmp_path / "openings.db", tmp_path / "backup.db"
    kept = KeptOpenings(path, key=KEY)
    first = kept.commit({"subject": ME}, subject=ME)
    second = kept.commit({"request": {"subject": ME}, "other": 1}, subject=ME)
    strangers = kept.commit({"subject": "subject-0001"}, subject="subject-0001")
    mine = [*first.commits.values(), *second.commits.values()]
    assert kept.about(ME) == mine
    with sqlite3.connect(backup) as copy, sqlite3.connect(path) as live:
        live.backup(copy)
    copy.close()
    live.close()

    assert kept.erase(kept.about(ME)) == 3

    assert kept.about(ME) == []
    assert kept.get(strangers.commits["subject"]) is not None
    # A backup whose data keys were replaced by today's ones opens nothing of the person.
    with sqlite3.connect(backup) as copy:
        copy.execute("ATTACH ? AS live", (str(path),))
        copy.execute("DELETE FROM data_key WHERE id NOT IN (SELECT id FROM live.data_key)")
    copy.close()
    old = KeptOpenings(backup, key=KEY)
    assert [old.get(digest) for digest in mine] == [None, None, None]
    old.close()
    kept.close()


def test_another_members_file_or_changed_bytes_are_a_named_error(tmp_path: Path) -> None:
    path = tmp_path / "openings.db"
    kept = KeptOpenings(path, key=KEY)
    made = kept.commit({"n_rows": 4454})
    kept.close()

    other = KeptOpenings(path, key=bytes(32))
    with pytest.raises(EncryptionError, match="do not open with this member's key"):
        other.get(made.commits["n_rows"])
    other.close()

    (tmp_path / "noise.db").write_bytes(b"no database" * 500)
    with pytest.raises(MachineError, match="the openings were not opened"):
        KeptOpenings(tmp_path / "noise.db", key=KEY)


def test_a_value_without_a_canonical_form_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    kept = KeptOpenings()

    with pytest.raises(MalformedEntryError):
        kept.commit({"n_rows": 4454, "share": 0.5}, subject=ME)

    assert kept.about(ME) == []
    kept.close()


def test_openings_on_disk_need_a_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        KeptOpenings(tmp_path / "openings.db")


def test_on_a_full_disk_nothing_is_kept_and_it_goes_on_with_room(
    tmp_path: Path,
) -> None:
    with full_disk.small_disk(tmp_path / "disk", n_kib=2048) as disk:
        kept = KeptOpenings(disk / "openings.db", key=KEY)
        made = kept.commit({"n_rows": 4454})
        full_disk.fill(disk)

        with pytest.raises(DiskFullError, match="openings were not kept"):
            kept.commit({f"field_{n}": "x" * 2000 for n in range(20)}, subject=ME)
        assert kept.about(ME) == []
        assert kept.get(made.commits["n_rows"]) is not None

        full_disk.free(disk)
        kept.commit({"n_rows": 4455}, subject=ME)
        assert len(kept.about(ME)) == 1
        assert kept.erase(made.commits.values()) == 1
        kept.close()
