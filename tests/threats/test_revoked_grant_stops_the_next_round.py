"""Attack: a bank, or who has its key, contributes under a grant that does not carry it (any more).

The sequencer refuses it by the rule's name. A sequencer that lets it through, every link being
right, is found out by each member's copy, by the same rule. The weak variant checks links alone.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fedcredit_ledger.chain import Leaf, check_link
from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.replica import Replica
from tests.ledger.small_federation import BANKS, SmallFederation, digest


def refused(fed: SmallFederation, author: str, kind: str, data: dict[str, Any]) -> tuple[str, str]:
    """Return by which rule the sequencer refuses an entry, and by which a member's copy does."""
    fed.clock.tick()
    signed = SignedEntry.sign(fed.entry(author, kind, data), fed.keys[author])
    leaves = fed.log.leaves()
    last = Leaf.parse(leaves[-1])
    received = signed.entry.time
    let_through = replace(
        last, index=last.index + 1, prev=last.hash.hex(), received=received, signed=signed
    )
    check_link(let_through, last)  # the weak variant accepts it
    copy = Replica(fed.founding.id)
    copy.update(leaves)
    with pytest.raises(RejectedEntryError) as found:
        copy.update([let_through.raw])
    return fed.submit(signed).code, found.value.code


def running(**limits: Any) -> SmallFederation:
    """Return a run with one opened round and an attempt at the next; bank-a's grant is limited."""
    fed = SmallFederation()
    for bank in BANKS:
        fed.register(bank)
        fed.grant(bank, **(limits if bank == "bank-a" else {}))
    fed.start()
    fed.open(fed.aggregate(1), 1)
    return fed


def next_round(fed: SmallFederation) -> tuple[str, str]:
    fed.write("coordinator", "round-attempted", fed.attempted(2))
    return refused(fed, "bank-a", "round-contributed", fed.contribution("bank-a", 2))


def test_revoked_grant_stops_the_next_round() -> None:
    fed = running()
    fed.write("bank-a", "grant-revoked", {"grant_id": "grant-bank-a", "reason": "withdrawn"})

    assert next_round(fed) == ("grant-not-live", "grant-not-live")


def test_a_grant_that_the_regulator_has_revoked_stops_it_too() -> None:
    fed = running()
    fed.write("regulator", "grant-revoked", {"grant_id": "grant-bank-a", "reason": "court"})

    assert next_round(fed) == ("grant-not-live", "grant-not-live")


def test_a_grant_revoked_in_the_middle_of_a_round_stops_that_round() -> None:
    fed = running()
    fed.write("coordinator", "round-attempted", fed.attempted(2))
    fed.write("bank-a", "grant-revoked", {"grant_id": "grant-bank-a", "reason": "withdrawn"})

    given = fed.contribution("bank-a", 2)

    assert refused(fed, "bank-a", "round-contributed", given) == ("grant-not-live",) * 2


def expired(fed: SmallFederation) -> None:
    fed.clock.tick(400)


def narrowed_to_now(fed: SmallFederation) -> None:
    end = fed.later(seconds=2)
    fed.write("bank-a", "grant-narrowed", {"grant_id": "grant-bank-a", "valid_until": end})
    fed.clock.tick(2)


def narrowed_to_one_round(fed: SmallFederation) -> None:
    fed.write("bank-a", "grant-narrowed", {"grant_id": "grant-bank-a", "max_rounds": 1})


def nothing(fed: SmallFederation) -> None:
    """Let the limits of the grant speak."""


CASES: dict[str, tuple[dict[str, Any], Callable[[SmallFederation], None], str]] = {
    "its end has come": ({"valid_until": "2026-11-23T16:05:00.000Z"}, expired, "grant-not-live"),
    "its end was moved here": ({}, narrowed_to_now, "grant-not-live"),
    "its rounds are used up": ({"max_rounds": 1}, nothing, "grant-exhausted"),
    "narrowed to what is used": ({}, narrowed_to_one_round, "grant-exhausted"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_ends_a_grant_stops_the_next_round(case: str) -> None:
    limits, happens, code = CASES[case]
    fed = running(**limits)
    happens(fed)

    assert next_round(fed) == (code, code)


def test_a_privacy_budget_that_is_spent_stops_the_next_round() -> None:
    fed = SmallFederation()
    for bank in BANKS:
        fed.register(bank)
        fed.grant(bank, **({"epsilon_micro": 1_000_000} if bank == "bank-a" else {}))
    fed.start()
    fed.open(fed.aggregate(1), 1, epsilon_spent_micro=1_000_000)

    assert next_round(fed) == ("grant-exhausted", "grant-exhausted")


def test_a_grant_for_one_use_carries_no_second_run() -> None:
    fed = SmallFederation()
    for bank in BANKS:
        fed.register(bank)
        fed.grant(bank, max_uses=1)
    fed.finished_run("run-1")
    approval = fed.approval("bank-a", "run-2", fed.propose("run-2"))

    assert refused(fed, "bank-a", "run-approved", approval) == ("grant-exhausted",) * 2


@pytest.mark.parametrize(
    "other",
    [{"purpose": "post_loan"}, {"grantee": "regulator"}],
    ids=["another purpose", "another grantee"],
)
def test_a_grant_outside_purpose_or_grantee_carries_no_run(other: dict[str, str]) -> None:
    fed = SmallFederation()
    fed.register("bank-a")
    fed.grant("bank-a", **other)
    approval = fed.approval("bank-a", "run-1", fed.propose())

    assert refused(fed, "bank-a", "run-approved", approval) == ("grant-scope", "grant-scope")


def test_narrowing_that_widens_is_refused() -> None:
    fed = running(max_uses=3, columns=["income"], data_to="2026-06-30")

    for wider in (
        {"max_uses": 4},
        {"columns": ["income", "age"]},
        {"data_to": "2026-07-01"},
        {"valid_until": fed.later(days=40)},
        {"operations": ["sum", "lookup"]},
    ):
        narrowed = {"grant_id": "grant-bank-a", **wider}
        assert refused(fed, "bank-a", "grant-narrowed", narrowed) == ("grant-widened",) * 2


def test_a_root_over_other_grants_than_those_cited_is_refused() -> None:
    """The contribution would say to a court that another authorization was used."""
    fed = running()
    fed.write("coordinator", "round-attempted", fed.attempted(2))
    for root in (digest("made up"), fed.grants_root("grant-bank-b")):
        given = fed.contribution("bank-a", 2, grants_root=root)
        assert refused(fed, "bank-a", "round-contributed", given) == ("grants-root",) * 2


# Under a sealed batch


def under_a_batch(**changes: Any) -> SmallFederation:
    """Return a running federation in which bank-a answers under a sealed batch."""
    fed = SmallFederation()
    for bank in BANKS:
        fed.register(bank)
        if bank != "bank-a":
            fed.grant(bank)
    fed.seal("bank-a", root=digest("batch"), **changes)
    proposal = fed.propose()
    approvals = fed.approve("run-1", proposal, ("bank-b", "bank-c"))
    mine = fed.approval("bank-a", "run-1", proposal)
    del mine["grant_ids"]
    mine["grants_root"] = digest("batch")
    approvals.append(fed.write("bank-a", "run-approved", mine))
    fed.witness()
    start = {"run_id": "run-1", "roster": list(BANKS), "approvals": approvals}
    fed.write("coordinator", "run-started", start)
    fed.write("coordinator", "round-attempted", fed.attempted(1))
    return fed


def sealed_contribution(fed: SmallFederation) -> dict[str, Any]:
    found = fed.contribution("bank-b", 1) | {"mask_epk": digest("epk a"), "grants_root": ""}
    del found["grant_ids"]
    return found | {"grants_root": digest("batch")}


def test_a_contribution_under_a_live_batch_is_taken_and_counted() -> None:
    fed = under_a_batch()

    fed.write("bank-a", "round-contributed", sealed_contribution(fed))

    (batch,) = fed.replica.state.batches.values()
    assert batch.used_by == {"run-1"}
    assert fed.replica.state.runs["run-1"].assets >= {"bank-a/loans"}


def test_a_revoked_batch_stops_the_next_round() -> None:
    """As when one of its authorizations is withdrawn."""
    fed = under_a_batch()
    fed.write("bank-a", "grant-revoked", {"grant_id": "batch-bank-a", "reason": "withdrawn"})

    given = sealed_contribution(fed)

    assert refused(fed, "bank-a", "round-contributed", given) == ("grant-not-live",) * 2


def test_a_batch_stops_when_the_first_of_its_authorizations_ends() -> None:
    fed = under_a_batch(valid_until="2026-11-23T16:04:00.000Z")
    fed.clock.tick(240)

    given = sealed_contribution(fed)

    assert refused(fed, "bank-a", "round-contributed", given) == ("grant-not-live",) * 2


def test_another_batch_than_the_approvals_is_refused() -> None:
    fed = under_a_batch()
    fed.seal("bank-a", root=digest("another"), batch_id="batch-2")

    given = sealed_contribution(fed) | {"grants_root": digest("another")}

    assert refused(fed, "bank-a", "round-contributed", given) == ("grant-scope", "grant-scope")
