"""Packages about authorizations: a batch with its uses and its end; roots that must be right."""

import pytest

from fedcredit_ledger import evidence_verifier
from fedcredit_ledger.evidence import pack_evidence, verify_evidence
from tests.ledger.small_federation import BANKS, SmallFederation, digest
from tests.ledger.small_packages import files_of, finished_federation, run_package


@pytest.fixture(scope="module")
def under_a_batch() -> SmallFederation:
    """A run in which bank-a answered under a sealed batch, which ended afterwards."""
    fed = SmallFederation()
    for bank in BANKS:
        fed.register(bank)
        if bank != "bank-a":
            fed.grant(bank)
    fed.seal("bank-a", root=digest("batch"))
    proposal = fed.propose()
    mine = fed.approval("bank-a", "run-1", proposal) | {"grants_root": digest("batch")}
    del mine["grant_ids"]
    approvals = [
        fed.write("bank-a", "run-approved", mine),
        *fed.approve("run-1", proposal, ("bank-b", "bank-c")),
    ]
    fed.witness()
    start = {"run_id": "run-1", "roster": list(BANKS), "approvals": approvals}
    fed.write("coordinator", "run-started", start)
    fed.write("coordinator", "round-attempted", fed.attempted(1))
    given = fed.contribution("bank-b", 1) | {"grants_root": digest("batch")}
    del given["grant_ids"]
    given["mask_epk"] = digest("epk a")
    fed.write("bank-a", "round-contributed", given)
    fed.write("bank-a", "grant-revoked", {"grant_id": "batch-bank-a", "reason": "withdrawn"})
    fed.witness()
    return fed


def types_in(package: bytes) -> list[str]:
    """Return the types of a package's entries by bank-a, in order of the ledger."""
    proven = verify_evidence(package)
    leaves = [
        evidence_verifier.parse_leaf(raw, name)
        for name, raw in proven.files.items()
        if name.endswith(".leaf")
    ]
    return [x.type for x in sorted(leaves, key=lambda x: x.place) if x.author == "bank-a"]


def test_a_batch_is_packed_with_its_uses_and_its_end(under_a_batch: SmallFederation) -> None:
    package = pack_evidence(under_a_batch.store, "grant batch-bank-a")

    assert types_in(package) == [
        "data-asset-registered",
        "grants-sealed",
        "run-approved",
        "round-contributed",
        "grant-revoked",
    ]
    flow = files_of(package)["flow.txt"].decode()
    for kind in ("grants-sealed", "run-approved", "round-contributed", "grant-revoked"):
        assert f"present {kind} by bank-a" in flow


def test_a_run_is_packed_with_the_batch_that_it_rests_on(under_a_batch: SmallFederation) -> None:
    assert "grants-sealed" in types_in(run_package(under_a_batch))


def test_a_package_without_the_batch_refers_to_what_is_not_there(
    under_a_batch: SmallFederation,
) -> None:
    files = files_of(run_package(under_a_batch))
    leaves = sorted(
        (evidence_verifier.parse_leaf(raw, name) for name, raw in files.items() if ".leaf" in name),
        key=lambda leaf: leaf.place,
    )
    evidence_verifier._check_flow("run run-1", leaves)

    with pytest.raises(evidence_verifier.Refused, match="refers to what is not in the package"):
        evidence_verifier._check_flow(
            "run run-1", [leaf for leaf in leaves if leaf.type != "grants-sealed"]
        )


@pytest.mark.parametrize("root", [digest("made up"), "", None], ids=["another", "empty", "none"])
def test_a_root_over_other_grants_than_those_cited_is_found(root: str | None) -> None:
    """Signed by its bank and co-signed by all: the verifier computes the root itself."""
    files = files_of(run_package(finished_federation()))
    leaves = sorted(
        (evidence_verifier.parse_leaf(raw, name) for name, raw in files.items() if ".leaf" in name),
        key=lambda leaf: leaf.place,
    )
    evidence_verifier._check_flow("run run-1", leaves)
    place = next(i for i, leaf in enumerate(leaves) if leaf.type == "round-contributed")
    data = {name: x for name, x in leaves[place].data.items() if name != "grants_root"}
    if root is not None:
        data["grants_root"] = root
    leaves[place] = leaves[place]._replace(data=data)

    with pytest.raises(evidence_verifier.Refused, match="grants_root"):
        evidence_verifier._check_flow("run run-1", leaves)
