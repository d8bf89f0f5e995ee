"""Own openings are exported and erased; disputes, audits and accusations reach the ledger."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedcredit.ledger_copy import save_ledger
from fedcredit_ledger.errors import EvidenceError, RejectedEntryError
from fedcredit_ledger.evidence import pack_evidence, read_openings, verify_evidence
from fedcredit_ledger.store import Store
from fedcredit_ledger.verify import Level, Report, verify_file, verify_openings
from fedcredit_parties import disclosing, ledger_acts
from fedcredit_parties.data_holder import DataHolder
from fedcredit_parties.grant_entries import issue
from fedcredit_parties.grant_terms import Terms
from tests.simulated import parts, small_federation


@pytest.fixture(scope="module")
def holder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataHolder]:
    ledger = tmp_path_factory.mktemp("disclosing") / "ledger.db"
    with small_federation(ledger=ledger) as federation:
        yield parts(federation).holders["bank-0"]


@pytest.fixture(scope="module")
def entry(holder: DataHolder) -> str:
    """The entry with which the bank registered its table."""
    (asset,) = [a for a in holder.member.ledger.state.assets.values() if a.holder == holder.name]
    return asset.registered.entry_id


def test_exported_openings_are_what_the_ledger_commits_to_and_what_a_package_discloses(
    holder: DataHolder, entry: str, tmp_path: Path
) -> None:
    member = holder.member
    index = member.ledger.replica.find(entry)

    written = disclosing.export(member, holder.openings, tmp_path / "out", names={"n_rows"})

    assert written == {index: ["n_rows"]}
    assert (tmp_path / "out" / f"{index}.json").stat().st_mode & 0o777 == 0o600
    save_ledger(member.ledger, tmp_path / "copy.db")
    openings = read_openings(tmp_path / "out")
    report = Report(level=Level.CHAIN)
    verify_openings(tmp_path / "copy.db", openings, report)
    assert (report.n_openings, report.findings) == (1, [])
    with Store(tmp_path / "copy.db", read_only=True) as store:
        package = pack_evidence(store, f"entries {entry}", openings=openings, disclose={"n_rows"})
    proven = verify_evidence(package)
    assert (proven.n_disclosed, proven.n_withheld) == (1, 1)
    assert json.loads(proven.files[f"openings/{index}.json"])[0][1:] == ["n_rows", 200]


def test_nobody_stops_a_grant_or_a_dispute_by_taking_its_id() -> None:
    with small_federation() as federation:
        sim = parts(federation)
        bank, other = sim.holders["bank-0"], sim.holders["bank-1"]
        state = bank.member.ledger.state
        entry = next(iter(state.assets.values())).registered.entry_id
        taken = {"dispute_id": "bank-0-dispute-1", "about": entry, "ground": "period"}
        other.member.ledger.append("dispute-filed", taken)
        issued = state.grants[next(g for g in state.grants if g.startswith("bank-1"))]
        data = bank.member.ledger.replica.state.entry(issued.entry_id)
        assert data is not None
        n = len(state.grants)
        in_the_way = {**data.data, "grant_id": f"bank-0-evidence-{n + 1}"}
        other.member.ledger.append("grant-issued", in_the_way)
        bank.member.ledger.refresh()

        found = ledger_acts.file_dispute(
            bank.member, entry, ground="period", statement="", openings=bank.openings
        )
        terms = Terms(grantee="analyst", purpose="evidence", assets=["bank-0/table"])
        grant = issue(bank.member, terms, openings=bank.openings)

    assert found == "bank-0-dispute-2"
    assert grant.grant_id == f"bank-0-evidence-{n + 2}"


def test_an_entry_is_named_by_its_index_or_the_start_of_its_id(
    holder: DataHolder, entry: str
) -> None:
    index = holder.member.ledger.replica.find(entry)

    assert disclosing.find_entry(holder.member, str(index)) == entry
    assert disclosing.find_entry(holder.member, entry[:8]) == entry
    for wrong in ("99999", "ffffffff", ""):
        with pytest.raises(EvidenceError, match="no entry of that name"):
            disclosing.find_entry(holder.member, wrong)


def test_what_is_disputed_is_not_erased_and_what_is_erased_is_opened_by_nobody(
    holder: DataHolder, entry: str, tmp_path: Path
) -> None:
    member, kept = holder.member, holder.openings
    other = disclosing.export(member, kept, tmp_path / "out")
    assert other == {member.ledger.replica.find(entry): ["n_rows", "statistics"]}
    dispute = ledger_acts.file_dispute(
        member, entry, ground="wrong period", statement="It is 2024's table.", openings=kept
    )
    with pytest.raises(RejectedEntryError, match="legal-hold"):
        disclosing.erase(member, kept, entry, legal_basis="PIPL art. 47")
    assert "statement" in str(disclosing.export(member, kept, tmp_path / "held"))
    ledger_acts.resolve_dispute(member, dispute, outcome="kept", statement="", openings=kept)

    erased = disclosing.erase(
        member,
        kept,
        entry,
        legal_basis="PIPL art. 47",
        names=["statistics"],
        folder=tmp_path / "out",
    )

    assert erased == ["statistics"]
    assert member.ledger.state.oversight.erased == {entry: {"statistics"}}
    names = [name for _, name, _ in read_openings(tmp_path / "out").popitem()[1]]
    assert names == ["n_rows"]
    with pytest.raises(EvidenceError, match="nothing of that name to erase"):
        disclosing.erase(member, kept, entry, legal_basis="PIPL art. 47", names=["statistics"])
    with pytest.raises(EvidenceError, match="nothing of that name to erase"):
        disclosing.erase(member, kept, "f" * 64, legal_basis="PIPL art. 47")


def test_everything_about_one_subject_is_found_and_erased_together(
    holder: DataHolder, entry: str
) -> None:
    member, kept = holder.member, holder.openings
    ids = []
    for subject in ("subject-7f3a", "subject-0001"):
        made = kept.commit({"statement": {"subject": subject}}, subject=subject)
        data = {"dispute_id": subject, "about": entry, "ground": "not mine"}
        ids.append(member.ledger.append("dispute-filed", data | {"commits": made.commits}))

    about = disclosing.entries_about(member, kept, "subject-7f3a")

    assert about == {ids[0]: ["statement"]}
    for entry_id, names in about.items():
        disclosing.erase(member, kept, entry_id, legal_basis="GDPR art. 17", names=names)
    assert disclosing.entries_about(member, kept, "subject-7f3a") == {}
    assert disclosing.entries_about(member, kept, "subject-0001") == {ids[1]: ["statement"]}


def test_an_erasure_that_ended_halfway_is_ended_by_typing_it_again(holder: DataHolder) -> None:
    member, kept = holder.member, holder.openings
    made = kept.commit({"statement": "x"})
    data = {
        "dispute_id": "halfway",
        "about": member.ledger.state.author_heads[member.name][1],
        "ground": "x",
    }
    entry_id = member.ledger.append("dispute-filed", data | {"commits": made.commits})
    kept.erase(made.commits.values())  # the process ended here

    assert disclosing.erase(member, kept, entry_id, legal_basis="GDPR art. 17") == ["statement"]


def test_only_an_auditor_records_an_audit_and_only_of_this_ledger(
    holder: DataHolder, tmp_path: Path
) -> None:
    save_ledger(holder.member.ledger, tmp_path / "copy.db")
    report = verify_file(tmp_path / "copy.db", level=Level.SIGNATURES)

    with pytest.raises(RejectedEntryError, match="not-permitted"):
        ledger_acts.record_audit(holder.member, report, tool_version="fedcredit 0")
    with pytest.raises(EvidenceError, match="which root"):
        ledger_acts.record_audit(holder.member, Report(level=Level.HEAD), tool_version="x")


def test_an_accusation_names_the_digest_of_its_proof(holder: DataHolder) -> None:
    proof = b"two heads of one size"

    entry_id = ledger_acts.accuse(holder.member, proof, kind="fork", accused="coordinator")

    digest = hashlib.sha256(proof).hexdigest()
    act = holder.member.ledger.state.oversight.misbehaviour[holder.name, digest]
    assert (act.entry_id, act.data["accused"]) == (entry_id, "coordinator")
