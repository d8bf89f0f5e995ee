"""A person's question: who was allowed to use my data, and who did?"""

import json
from pathlib import Path

import pytest

from fedcredit_ledger.entry import commit
from fedcredit_ledger.store import Store
from fedcredit_ledger.verify import Level, verify_file
from tests.fedcredit.command_line import fedcredit
from tests.ledger.small_federation import SmallFederation

MINE, OTHERS = "subject-7f3a", "subject-0001"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two subjects' grants at one bank, one of them used; the bank keeps the openings."""
    fed = SmallFederation(Store(tmp_path / "ledger.db"))
    (tmp_path / "openings").mkdir()
    for bank in fed.banks:
        fed.register(bank)
    for bank, subject in (("bank-a", MINE), ("bank-b", OTHERS), ("bank-c", MINE)):
        digest, salt = commit("subject", subject)
        entry = fed.grant(bank, commits={"subject": digest})
        opening = json.dumps([[salt, "subject", subject]])
        (tmp_path / "openings" / f"{fed.replica.find(entry)}.json").write_text(opening)
    fed.start()
    fed.aggregate(1)
    fed.write("bank-c", "grant-revoked", {"grant_id": "grant-bank-c", "reason": "withdrawn"})
    fed.witness()
    fed.store.close()
    (tmp_path / "me").write_text(f"{MINE}\n", encoding="utf-8")
    return tmp_path


def test_the_view_holds_the_subjects_grants_their_uses_and_their_end(folder: Path) -> None:
    mine = ("--subject", folder / "me", "--openings", folder / "openings", "--json")

    seen = fedcredit("ledger", "show", folder / "ledger.db", *mine).json()

    assert [(row["type"], row["author"]) for row in seen] == [
        ("grant-issued", "bank-a"),
        ("grant-issued", "bank-c"),
        ("run-approved", "bank-a"),
        ("run-approved", "bank-c"),
        ("round-contributed", "bank-a"),
        ("round-contributed", "bank-c"),
        ("grant-revoked", "bank-c"),
    ]


def test_without_the_openings_nobody_finds_the_subject(folder: Path) -> None:
    (folder / "none").mkdir()
    ledger, me = folder / "ledger.db", folder / "me"

    alone = fedcredit("ledger", "show", ledger, "--subject", me, "--openings", folder / "none")

    assert (alone.code, alone.out) == (0, "(none)\n")
    assert fedcredit("ledger", "show", ledger, "--subject", me).code == 2
    assert MINE.encode() not in ledger.read_bytes()


def test_an_opening_that_the_ledger_did_not_commit_to_is_no_proof(folder: Path) -> None:
    first = min((folder / "openings").glob("*.json"), key=lambda path: int(path.stem))
    salt = json.loads(first.read_text())[0][0]
    (folder / "openings" / "2.json").write_text(json.dumps([[salt, "subject", MINE]]))
    first.unlink()
    mine = ("--subject", folder / "me", "--openings", folder / "openings", "--json")

    seen = fedcredit("ledger", "show", folder / "ledger.db", *mine).json()

    assert {row["author"] for row in seen} == {"bank-c"}


def test_a_verification_says_how_far_it_is(folder: Path) -> None:
    told: list[tuple[int, int]] = []

    report = verify_file(
        folder / "ledger.db", level=Level.SIGNATURES, progress=lambda n, of: told.append((n, of))
    )

    assert told[-1] == (report.size, report.size)
    assert told == sorted(told)


def test_openings_that_were_handed_over_are_checked_against_the_ledger(folder: Path) -> None:
    verify = ("ledger", "verify", folder / "ledger.db", "--openings", folder / "openings")

    good = fedcredit(*verify)
    assert (good.code, "3 openings are what the ledger commits to" in good.out) == (0, True)

    salt = json.loads((folder / "openings" / "4.json").read_text())[0][0]
    for wrong in ([[salt, "subject", OTHERS]], [[salt, "other", 1]], [[salt, "subject", 0.5]]):
        (folder / "openings" / "4.json").write_text(json.dumps(wrong))
        found = fedcredit(*verify, "--json")
        assert found.code == 59
        assert [f["code"] for f in found.json()["findings"]] == ["wrong-opening"]
    (folder / "openings" / "999.json").write_text("[]")
    assert fedcredit(*verify).code == 59
