"""What people type at a party about the ledger: disputes, audits, accusations, openings.

The coordinator's front is the real one behind TLS.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fedcredit.machine import free_ports
from fedcredit_ledger.errors import EvidenceError, RejectedEntryError
from fedcredit_parties.authority import seal_batch
from fedcredit_parties.daemon import PartySetup
from fedcredit_parties.errors import DataError
from fedcredit_parties.grant_terms import Terms
from fedcredit_parties.sealed_grants import SealedGrants
from tests.fedcredit.command_line import fedcredit
from tests.fedcredit.test_joining import Ours, quorum_within
from tests.founders import BANKS


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ours]:
    """A founded federation in which bank-0 has registered its table."""
    front, superlink = free_ports(2)
    ours = Ours(tmp_path_factory.mktemp("acts"), (front, superlink))
    setup = PartySetup(ours.config("bank-0"))
    member = setup.member()
    (table,) = setup.tables()
    with closing(setup.openings()) as kept:
        data = table.registration() | {"commits": kept.commit(table.counts()).commits}
        member.ledger.append("data-asset-registered", data)
    member.stop()
    assert quorum_within(ours, [ours.member(name) for name in BANKS]) == ours.front.log.size
    yield ours
    ours.front.close()


@pytest.fixture(scope="module")
def registered(ours: Ours) -> str:
    """The index of the registration."""
    (asset,) = ours.front.state.assets.values()
    return str(asset.registered.index)


def ledger_of(ours: Ours) -> Path:
    return ours.front.setup.state / "ledger.db"


def test_what_a_bank_committed_to_is_exported_and_checked_by_whoever_gets_it(
    ours: Ours, registered: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    done = fedcredit(
        "openings", "export", ours.config("bank-0"), "-o", out, "--name", "n_rows", "--json"
    )

    assert done.json()["entries"] == [{"index": int(registered), "opened": "n_rows"}]
    checked = fedcredit("ledger", "verify", ledger_of(ours), "--openings", out)
    assert (checked.code, "1 openings are what the ledger commits to" in checked.out) == (0, True)
    strangers = fedcredit("openings", "export", ours.config("bank-1"), "-o", tmp_path / "none")
    assert (strangers.code, strangers.out) == (0, "(none)\n")


def test_a_dispute_is_filed_listed_holds_the_opening_and_is_resolved(
    ours: Ours, registered: str, tmp_path: Path
) -> None:
    mine, theirs = ours.config("bank-1"), ours.config("bank-0")
    (tmp_path / "words").write_text("It is the table of 2024.", encoding="utf-8")
    erase = ("openings", "erase", theirs, registered, "--basis", "PIPL art. 47")

    filed = fedcredit(
        "dispute", "file", mine, registered, "--ground", "wrong period",
        "--statement", tmp_path / "words", "--json",
    )  # fmt: skip
    listed = fedcredit("dispute", "list", theirs, "--json").json()
    held = fedcredit(*erase)
    foreign = fedcredit("dispute", "resolve", theirs, "bank-1-dispute-0", "--outcome", "no")
    resolved = fedcredit("dispute", "resolve", mine, "bank-1-dispute-0", "--outcome", "corrected")

    assert filed.json() == {"dispute_id": "bank-1-dispute-0"}
    assert listed == [
        {
            "dispute": "bank-1-dispute-0",
            "by": "bank-1",
            "about": int(registered),
            "ground": "wrong period",
            "state": "open",
        }
    ]
    assert (held.code, "legal-hold" in held.err) == (RejectedEntryError.exit_code, True)
    assert (foreign.code, "not-permitted" in foreign.err) == (58, True)
    assert resolved.out == "bank-1-dispute-0 is resolved\n"
    assert fedcredit("dispute", "list", theirs, "--json").json()[0]["state"] == "corrected"

    erased = fedcredit(*erase, "--name", "statistics", "--json")
    assert erased.json() == [{"index": int(registered), "erased": "statistics"}]
    again = fedcredit(*erase, "--name", "statistics")
    assert (again.code, "nothing of that name to erase" in again.err) == (
        EvidenceError.exit_code,
        True,
    )


def test_everything_about_a_person_is_erased_in_one_command(ours: Ours, tmp_path: Path) -> None:
    setup = PartySetup(ours.config("bank-2"))
    member = setup.member()
    with closing(setup.openings()) as kept:
        made = kept.commit({"alert": {"subject": "subject-7f3a"}}, subject="subject-7f3a")
    data = {"action_id": "a-1", "level": 2, "commits": made.commits}
    member.ledger.append("action-taken", data, readers=("bank-2",))
    member.stop()
    (tmp_path / "who").write_text("subject-7f3a\n", encoding="utf-8")
    erase = ("openings", "erase", ours.config("bank-2"), "--basis", "PIPL art. 47")

    done = fedcredit(*erase, "--subject", tmp_path / "who", "--json")

    assert [row["erased"] for row in done.json()] == ["alert"]
    assert fedcredit(*erase, "--subject", tmp_path / "who", "--json").json() == []
    assert fedcredit(*erase).code == 2  # neither an entry nor a subject


def test_a_regulator_records_its_audit_and_a_bank_may_not(ours: Ours) -> None:
    assert ours.admit("regulator", "regulator").code == 0

    done = fedcredit("audit", "record", ours.config("regulator"), ledger_of(ours), "--json")
    bank = fedcredit("audit", "record", ours.config("bank-0"), ledger_of(ours))

    assert (done.code, done.json()["n_findings"]) == (0, 0)
    (act,) = ours.front.state.oversight.audits
    assert (act.entry_id, act.data["level"]) == (done.json()["entry"], "signatures")
    assert act.data["size"] == done.json()["size"]
    assert (bank.code, "not-permitted" in bank.err) == (58, True)


def test_an_accusation_stands_in_the_ledger_by_the_digest_of_its_proof(
    ours: Ours, tmp_path: Path
) -> None:
    (tmp_path / "heads").write_bytes(b"two heads of one size")
    typed = ("audit", "accuse", ours.config("bank-0"), tmp_path / "heads")

    done = fedcredit(*typed, "--kind", "fork", "--accused", "coordinator")
    nobody = fedcredit(*typed, "--kind", "fork", "--accused", "stranger")

    assert (done.code, "coordinator is accused of fork" in done.out) == (0, True)
    assert (nobody.code, "no-such-reference" in nobody.err) == (58, True)


def test_a_bank_answers_a_person_from_what_it_keeps_sealed_authorizations_included(
    ours: Ours, tmp_path: Path
) -> None:
    bank, person = ours.config("bank-0"), tmp_path / "who"
    person.write_text("subject-1234\n", encoding="utf-8")
    issued = fedcredit(
        "grant", "issue", bank, "--purpose", "modelling", "--to", "analyst",
        "--subject-file", person, "--subject-type", "person",
    )  # fmt: skip
    setup = PartySetup(bank)
    member = setup.member()
    with closing(setup.openings()) as kept:
        sealed = SealedGrants(setup.vault(), kept)
        terms = [
            Terms(grantee="analyst", purpose="post_loan", assets=["bank-0/loans"], subject=token)
            for token in ("subject-1234", "subject-5678")
        ]
        several = sealed.take(terms, holder="bank-0", now=member.clock())
        batch = seal_batch(member, sealed, kept, several)
        member.ledger.append("grant-revoked", {"grant_id": batch.batch_id, "reason": "withdrawn"})
        alone = seal_batch(member, sealed, kept, several[1:])
    member.stop()
    view = ("ledger", "subject", ledger_of(ours), "--subject", person, "--json")

    seen = fedcredit(*view, "--config", bank).json()["entries"]
    elsewhere = fedcredit(*view, "--config", ours.config("bank-1")).json()["entries"]

    assert issued.code == 0, issued.err
    assert [(row["type"], row["used_by"], row["purpose"]) for row in seen] == [
        ("grant-issued", "analyst", "modelling"),
        ("grants-sealed", "analyst", "post_loan"),
        ("grant-revoked", "", "post_loan"),
    ]
    assert seen[0]["opened"] == {"subject": "subject-1234"}
    assert alone.batch_id not in {row["grant"] for row in seen}
    assert elsewhere == []
    assert fedcredit(*view).code == 2  # neither a party nor a folder


def test_a_retired_table_is_out_of_use_and_is_not_retired_twice(ours: Ours) -> None:
    setup = PartySetup(ours.config("bank-2"))
    member = setup.member()
    (table,) = setup.tables()
    with closing(setup.openings()) as kept:
        data = table.registration() | {"commits": kept.commit(table.counts()).commits}
        member.ledger.append("data-asset-registered", data)
    member.stop()
    retire = ("party", "retire", ours.config("bank-2"), "loans")

    done, again = fedcredit(*retire, "--json"), fedcredit(*retire)

    assert done.json() == {"table": "loans", "version": "1"}
    assert "bank-2/loans" not in ours.front.state.assets
    assert (again.code, "holds no table bank-2/loans in use" in again.err) == (
        DataError.exit_code,
        True,
    )
