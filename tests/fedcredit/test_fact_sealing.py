"""From a fact that happens to a recorded batch, with a member that talks to a real ledger."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fedcredit import evidence_batch, fact_sealing
from fedcredit.ledger_copy import save_ledger
from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.checkpoint import TlogProof
from fedcredit_ledger.errors import EvidenceError
from fedcredit_ledger.evidence import Packer, read_openings, verify_evidence
from fedcredit_ledger.store import Store
from fedcredit_parties.member import Member
from tests.fedcredit.test_evidence_batch import LOAN
from tests.ledger.small_federation import digest
from tests.simulated import parts, small_federation


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sealing")


@pytest.fixture(scope="module")
def member(folder: Path) -> Iterator[Member]:
    with small_federation(ledger=folder / "ledger.db") as federation:
        yield parts(federation).holders["bank-0"].member


def written(folder: Path, **changes: Any) -> Path:
    fact = {
        "stage": "repay",
        "contract": "K-1",
        "environment_digest": digest("environment"),
        "fields": {"period": 1, "amount_fen": 406_000},
    }
    path = folder / "fact.json"
    path.write_text(json.dumps(fact | changes), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def batch(folder: Path, member: Member) -> Path:
    """A whole loan, sealed fact by fact, packed as a case."""
    for stage, fields in LOAN:
        fact = fact_sealing.read_fact(written(folder, stage=stage, fields=fields))
        fact_sealing.seal(member, fact, folder / "openings")
    save_ledger(member.ledger, folder / "copy.db")
    case = evidence_batch.Case(case_no="2026-1", contract="K-1", court="Haidian")
    kept = read_openings(folder / "openings")
    with Store(folder / "copy.db", read_only=True) as store:
        evidence_batch.pack_batch(Packer(store), [case], kept, folder / "out")
    return folder / "out"


def test_sealed_facts_make_a_case_whose_openings_only_the_bank_had(
    folder: Path, batch: Path
) -> None:
    proven = verify_evidence((batch / "2026-1.evidence.zip").read_bytes())

    assert "claim 405234 fen" in proven.files["flow.txt"].decode()
    assert len(list((folder / "openings").glob("*.json"))) == len(LOAN)
    assert not list((folder / "openings").glob("*.pending"))
    modes = {path.stat().st_mode & 0o777 for path in (folder / "openings").iterdir()}
    assert modes == {0o600}
    assert b"110101199003070000" not in (folder / "copy.db").read_bytes()


def test_a_batch_is_recorded_with_its_own_proof(member: Member, batch: Path) -> None:
    index = fact_sealing.issue(member, batch, purpose="evidence")

    leaf = Leaf.parse((batch / "batch.leaf").read_bytes())
    data = leaf.signed.entry.data
    assert (leaf.index, leaf.signed.entry.type) == (index, "evidence-issued")
    assert (data["n_packages"], data["purpose"]) == (1, "evidence")
    TlogProof.parse((batch / "batch.tlog-proof").read_bytes()).verify(
        leaf.hash, log=member.ledger.replica.log_key, policy=member.ledger.replica.policy
    )


def test_a_package_that_was_changed_after_it_was_listed_is_not_recorded(
    member: Member, batch: Path, tmp_path: Path
) -> None:
    shutil.copytree(batch, tmp_path / "out")
    (tmp_path / "out" / "2026-1.evidence.zip").write_bytes(b"changed")

    with pytest.raises(EvidenceError, match="not what the batch's index says"):
        fact_sealing.issue(member, tmp_path / "out", purpose="evidence")
    with pytest.raises(EvidenceError, match="no index"):
        fact_sealing.issue(member, tmp_path, purpose="evidence")


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": "gossip"},
        {"fields": {"schedule": []}},
        {"fields": 7},
        {"other": 1},
    ],
)
def test_a_fact_of_another_form_is_refused_before_anything_is_written(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    with pytest.raises(EvidenceError, match=r"a fact|the fact"):
        fact_sealing.read_fact(written(tmp_path, **changes))


def test_a_value_that_has_no_canonical_form_is_refused_by_the_name_of_its_field(
    member: Member, tmp_path: Path
) -> None:
    fact = fact_sealing.read_fact(written(tmp_path, fields={"amount_fen": 406_000.5}))

    with pytest.raises(EvidenceError, match="the field amount_fen cannot be committed to"):
        fact_sealing.seal(member, fact, tmp_path / "openings")
    assert not (tmp_path / "openings").exists()


def test_the_fact_and_the_list_on_the_page_are_read_as_they_stand(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "seal-and-file-loans.md").read_text(
        encoding="utf-8"
    )
    (fact,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    (cases,) = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)
    (tmp_path / "fact.json").write_text(fact, encoding="utf-8")
    (tmp_path / "cases.csv").write_text(cases, encoding="utf-8")

    assert fact_sealing.read_fact(tmp_path / "fact.json")["stage"] == "repay"
    assert len(evidence_batch.read_cases(tmp_path / "cases.csv")) == 2
