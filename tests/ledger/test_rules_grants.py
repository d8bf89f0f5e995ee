"""Rules of authorizations and of sealed batches: each refusal under its code.

That revoked, expired, narrowed or used up ones stop a round stands in tests/threats.
"""

from typing import Any

import pytest

from fedcredit_ledger.authorization import BASES, CATEGORIES, PURPOSES, SUBJECT_TYPES
from tests.ledger.small_federation import SmallFederation, digest

SUBJECT = {"commits": {"subject": digest("subject")}}


@pytest.fixture
def fed() -> SmallFederation:
    fed = SmallFederation()
    fed.register("bank-a")
    return fed


def issue(fed: SmallFederation, **changes: Any) -> str:
    return fed.attempt("bank-a", "grant-issued", fed.grant_data("bank-a", **changes))


def test_the_purposes_are_those_of_the_list_and_no_other(fed: SmallFederation) -> None:
    for i, purpose in enumerate(PURPOSES):
        assert issue(fed, grant_id=f"g-{i}", purpose=purpose) == ""

    assert len(PURPOSES) == 6
    for other in ("marketing", "Modelling", "", 1, ["modelling"]):
        assert issue(fed, grant_id="g-x", purpose=other) == "malformed"


def test_a_run_is_for_a_purpose_of_the_list(fed: SmallFederation) -> None:
    fed.publish_context("run-1")

    proposal = fed.proposal("run-1", purpose="marketing")

    assert fed.attempt("analyst", "run-proposed", proposal) == "malformed"


def test_every_basis_type_and_category_is_taken_with_what_it_needs(fed: SmallFederation) -> None:
    needs: dict[str, dict[str, Any]] = {
        "consent": SUBJECT,
        "statute": {"statute": {"law": "PIPL", "article": "13"}},
        "court_order": {"commits": {"order_no": digest("order")}},
        "police_order": {"commits": {"order_no": digest("order")}},
    }
    for basis in BASES:
        for kind in SUBJECT_TYPES:
            given = {"basis": basis, "subject_type": kind, "grantee": "analyst"}
            if (basis, kind) == ("consent", "person"):
                given["separate_consents"] = ["pipl-23"]
            assert (
                issue(
                    fed,
                    grant_id=f"g-{basis}-{kind}".replace("_", "-"),
                    categories=["loans"],
                    **given | needs.get(basis, {}),
                )
                == ""
            )
    assert issue(fed, grant_id="g-all", categories=list(CATEGORIES)) == ""


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"basis": "consent"}, "grant-basis"),
        ({"basis": "statute"}, "grant-basis"),
        ({"basis": "court_order"}, "grant-basis"),
        ({"basis": "police_order"}, "grant-basis"),
        ({"basis": "consent", "subject_type": "person", **SUBJECT}, "grant-basis"),
        ({"subject_type": "household", "separate_consents": ["pipl-29"]}, "grant-basis"),
        ({"basis": "custom"}, "malformed"),
        ({"subject_type": "applicants"}, "malformed"),
        ({"categories": ["income"]}, "malformed"),
        ({"separate_consents": ["pipl-13"]}, "malformed"),
        ({"statute": {"law": "PIPL"}}, "malformed"),
        ({"data_from": "2026-02-30"}, "malformed"),
        ({"data_from": "2026-01-01T00:00:00.000Z"}, "malformed"),
        ({"data_from": "2026-02-01", "data_to": "2026-01-31"}, "malformed"),
        ({"holders": ["nobody"]}, "no-such-reference"),
        ({"holders": ["bank-a", "analyst"]}, "no-such-reference"),
        ({"holders": ["bank-b"]}, "grant-scope"),
        ({"commits": {"subject": "110101199003070000"}}, "malformed"),
        ({"commits": {"name": digest("name")}}, "unknown-field"),
        ({"subject": "110101199003070000"}, "unknown-field"),
    ],
    ids=str,
)
def test_terms_with_a_defect_are_refused(
    fed: SmallFederation, changes: dict[str, Any], code: str
) -> None:
    assert issue(fed, **changes) == code
    assert issue(fed) == ""


def test_one_window_of_one_day_is_one(fed: SmallFederation) -> None:
    assert issue(fed, data_from="2026-01-31", data_to="2026-01-31") == ""


def test_narrowing_keeps_the_order_of_a_period_and_changes_something(fed: SmallFederation) -> None:
    fed.grant("bank-a", data_to="2026-06-30")
    narrow = lambda **limits: fed.attempt(  # noqa: E731
        "bank-a", "grant-narrowed", {"grant_id": "grant-bank-a", **limits}
    )

    assert narrow() == "malformed"
    assert narrow(data_from="2026-07-01") == "malformed"
    assert narrow(data_from="2026-01-01", holders=["bank-a"], columns=["income"]) == ""
    grant = fed.replica.state.grants["grant-bank-a"]
    assert (grant.data_from, grant.data_to, grant.columns) == (
        "2026-01-01",
        "2026-06-30",
        ("income",),
    )
    assert narrow(data_from="2025-12-31") == "grant-widened"


def test_a_grant_says_whether_it_is_one_subjects(fed: SmallFederation) -> None:
    fed.grant("bank-a")
    fed.grant("bank-a", grant_id="of-one", **SUBJECT)

    grants = fed.replica.state.grants
    assert [grants[name].of_subject for name in ("grant-bank-a", "of-one")] == [False, True]


# --- sealed batches


def seal(fed: SmallFederation, who: str = "bank-a", **changes: Any) -> str:
    return fed.attempt(who, "grants-sealed", fed.sealed_data("bank-a", **changes))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"who": "bank-b"}, "not-permitted"),
        ({"who": "analyst"}, "not-permitted"),
        ({"grantee": "nobody"}, "no-such-reference"),
        ({"assets": ["bank-a/other"]}, "no-such-reference"),
        ({"purpose": "marketing"}, "malformed"),
        ({"day": "2026-11-21"}, "stale"),
        ({"day": "2026-11-25"}, "stale"),
        ({"valid_until": "2026-11-23T15:00:00.000Z"}, "grant-not-live"),
        ({"root": "not a digest"}, "malformed"),
        ({"commits": {}}, "malformed"),
        ({"n_grants": 17}, "unknown-field"),
    ],
    ids=str,
)
def test_batches_with_a_defect_are_refused(
    fed: SmallFederation, changes: dict[str, Any], code: str
) -> None:
    assert seal(fed, **changes) == code
    assert seal(fed) == ""


def test_a_batch_is_sealed_once_and_its_id_is_no_grants(fed: SmallFederation) -> None:
    fed.grant("bank-a", grant_id="g-1")

    assert seal(fed, batch_id="g-1") == "duplicate-id"
    assert seal(fed) == ""
    assert seal(fed) == "duplicate-id"
    assert seal(fed, batch_id="batch-2") == "duplicate-id"  # the same authorizations again
    assert issue(fed, grant_id="batch-bank-a") == "duplicate-id"


def test_a_batch_ends_by_its_holder_or_a_regulator(fed: SmallFederation) -> None:
    fed.seal("bank-a")
    fed.seal("bank-a", batch_id="batch-2", root=digest("second"))
    end = lambda who, name: fed.attempt(  # noqa: E731
        who, "grant-revoked", {"grant_id": name, "reason": "withdrawn"}
    )

    assert end("bank-b", "batch-bank-a") == "not-permitted"
    assert end("bank-a", "batch-bank-a") == ""
    assert end("bank-a", "batch-bank-a") == "grant-not-live"
    assert end("regulator", "batch-2") == ""
    assert [batch.revoked for batch in fed.replica.state.batches.values()] == [True, True]


def test_an_approval_cites_grants_or_a_batch_that_is_meant_for_it(fed: SmallFederation) -> None:
    fed.grant("bank-a")
    fed.seal("bank-a", root=digest("mine"))
    fed.seal("bank-a", batch_id="b-2", root=digest("for another"), purpose="evidence")
    good = fed.approval("bank-a", "run-1", fed.propose())
    bare = {name: value for name, value in good.items() if name != "grant_ids"}
    approve = lambda data: fed.attempt("bank-a", "run-approved", data)  # noqa: E731

    assert approve(bare) == "malformed"
    assert approve(bare | {"grants_root": digest("nobody's")}) == "no-such-reference"
    assert approve(bare | {"grants_root": digest("for another")}) == "grant-scope"
    assert approve(good | {"grants_root": digest("mine")}) == "grants-root"
    assert approve(bare | {"grants_root": digest("mine")}) == ""


def test_who_leaves_leaves_no_live_batch_behind(fed: SmallFederation) -> None:
    fed.seal("bank-a")

    fed.write("bank-a", "party-left", {"party": "bank-a", "reason": "left"})

    assert fed.replica.state.batches["batch-bank-a"].revoked
