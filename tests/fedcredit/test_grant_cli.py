"""What a bank types about its grants, at the real front behind TLS; its daemon does not run."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fedcredit.machine import free_ports
from fedcredit_ledger.entry import open_commitment
from fedcredit_parties.daemon import PartySetup
from tests.fedcredit.command_line import Done, fedcredit
from tests.fedcredit.test_joining import Ours

MINE, OTHERS = "subject-7f3a", "subject-0001"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ours]:
    """A founded federation in which bank-0 has registered its table."""
    front, superlink = free_ports(2)
    ours = Ours(tmp_path_factory.mktemp("grants"), (front, superlink))
    setup = PartySetup(ours.config("bank-0"))
    member = setup.member()
    (table,) = setup.tables()
    with closing(setup.openings()) as kept:
        data = table.registration() | {"commits": kept.commit(table.counts()).commits}
        member.ledger.append("data-asset-registered", data)
    member.stop()
    (ours.folder / "me").write_text(f"{MINE}\n", encoding="utf-8")
    yield ours
    ours.front.close()


def grant(ours: Ours, verb: str, *words: object) -> Done:
    return fedcredit("grant", verb, ours.config("bank-0"), *words)


def issue(ours: Ours, *words: object) -> Done:
    return grant(ours, "issue", "--to", "bank-1", "--json", *words)


def sealed(ours: Ours, path: Path, purpose: str, *subjects: str) -> str:
    """Seal authorizations of subjects; return the batch's id."""
    lines = [json.dumps({"subject": name, "max_uses": 3}) for name in subjects]
    path.write_text("\n".join(lines), encoding="utf-8")
    done = grant(
        ours, "seal", path, "--purpose", purpose, "--to", "bank-1",
        "--subject-type", "enterprise", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    return str(done.json()["batch"])


def test_a_consent_is_issued_with_all_of_its_terms_and_names_nobody(
    ours: Ours, tmp_path: Path
) -> None:
    (tmp_path / "paper.pdf").write_bytes(b"I agree.")

    done = issue(
        ours, "--purpose", "loan_origination", "--basis", "consent",
        "--subject-file", ours.folder / "me", "--subject-type", "person",
        "--separate-consent", "pipl-23", "--separate-consent", "pipl-24",
        "--document", tmp_path / "paper.pdf", "--application-no", "A-2026-17",
        "--category", "loans", "--data-from", "2024-01-01", "--data-to", "2026-06-30",
        "--max-rounds", "40",
    )  # fmt: skip

    told = done.json()
    assert (told["data_from"], told["data_to"]) == ("2024-01-01", "2026-06-30")
    assert (told["max_uses"], told["max_rounds"]) == (1, 40)
    assert told["separate_consents"] == ["pipl-23", "pipl-24"]
    assert sorted(told["commits"]) == ["application_no", "document", "subject"]
    assert MINE not in done.out and "A-2026-17" not in done.out
    with closing(PartySetup(ours.config("bank-0")).openings()) as kept:
        opened = {name: kept.get(digest) for name, digest in told["commits"].items()}
    assert opened["document"] is not None
    assert opened["document"][2] == hashlib.sha256(b"I agree.").hexdigest()
    assert open_commitment(told["commits"]["document"], *opened["document"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--purpose", "marketing"), "fraud_intervention"),
        (("--purpose", "evidence", "--basis", "consent"), "commits to the subject"),
        (("--purpose", "evidence", "--basis", "statute"), "law and article"),
        (("--purpose", "evidence", "--basis", "court_order"), "order's number"),
        (("--purpose", "evidence", "--category", "income"), "rural_assets"),
        (("--purpose", "evidence", "--max-rounds", "0"), "1 or more"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, tuple) else "",
)
def test_terms_that_lack_something_are_told_and_nothing_is_written(
    ours: Ours, words: tuple[str, ...], says: str
) -> None:
    size = ours.front.log.size

    done = grant(ours, "issue", "--to", "bank-1", *words)

    assert done.code == 20
    assert says in done.err
    assert ours.front.log.size == size


def test_a_statute_is_written_with_a_slash(ours: Ours) -> None:
    done = issue(ours, "--purpose", "evidence", "--basis", "statute", "--statute", "PIPL/13")

    assert done.json()["statute"] == {"law": "PIPL", "article": "13"}
    assert issue(ours, "--purpose", "evidence", "--statute", "PIPL").code == 2


def test_a_grant_is_narrowed_never_widened_shown_and_revoked(ours: Ours) -> None:
    name = issue(ours, "--purpose", "post_loan", "--max-uses", "5").json()["grant_id"]

    narrowed = grant(ours, "narrow", name, "--max-uses", "2", "--data-from", "2025-01-01", "--json")
    wider = grant(ours, "narrow", name, "--max-uses", "3")
    nothing = grant(ours, "narrow", name)
    shown = grant(ours, "show", name, "--json").json()

    assert narrowed.json()["max_uses"] == 2
    assert (wider.code, "grant-widened" in wider.err) == (58, True)
    assert (nothing.code, "--help" in nothing.err) == (20, True)
    assert (shown["terms"]["max_uses"], shown["terms"]["data_from"]) == (2, "2025-01-01")
    assert shown["remaining"] == {
        "max_uses": 2,
        "max_rounds": "no limit",
        "epsilon_micro": "no limit",
    }
    assert [row["type"] for row in shown["course"]] == ["grant-issued", "grant-narrowed"]
    assert grant(ours, "revoke", name, "--reason", "dispute").code == 0
    assert grant(ours, "revoke", name).code == 20
    assert "(revoked)" in grant(ours, "show", name).out
    listed = {row["grant"]: row["state"] for row in grant(ours, "list", "--json").json()}
    assert listed[name] == "revoked"


def test_many_subjects_are_sealed_and_the_ledger_tells_of_none(ours: Ours, tmp_path: Path) -> None:
    batch = sealed(ours, tmp_path / "c.jsonl", "modelling", MINE, OTHERS, "subject-0002")

    rows = {row["grant"]: row for row in grant(ours, "list", "--json").json()}
    assert (rows[batch]["of"], rows[batch]["state"]) == ("batch", "live")
    terms = grant(ours, "show", batch, "--json").json()["terms"]
    assert set(terms) == {
        "batch_id", "purpose", "grantee", "day", "root", "assets", "operations", "valid_until",
        "commits",
    }  # fmt: skip
    assert not any(MINE.encode() in leaf for leaf in ours.front.log.leaves())


@pytest.mark.parametrize(
    "line",
    ["not json", "[]", "{}", '{"subject": ""}', '{"subject": "a", "name": "b"}', '{"subject": 7}',
     '{"subject": "a", "data_from": "soon"}', '{"subject": "a", "categories": "loans"}'],
)  # fmt: skip
def test_a_line_of_another_form_is_named_by_its_number(
    ours: Ours, tmp_path: Path, line: str
) -> None:
    (tmp_path / "c.jsonl").write_text(f'{{"subject": "{MINE}"}}\n{line}\n', encoding="utf-8")
    size = ours.front.log.size

    done = grant(ours, "seal", tmp_path / "c.jsonl", "--purpose", "modelling", "--to", "bank-1")

    assert (done.code, "line 2" in done.err) == (20, True)
    assert MINE not in done.err
    assert ours.front.log.size == size


def test_a_subject_twice_or_no_subject_is_named(ours: Ours, tmp_path: Path) -> None:
    for text in (f'{{"subject": "{MINE}"}}\n' * 2, "\n"):
        (tmp_path / "c.jsonl").write_text(text, encoding="utf-8")
        done = grant(ours, "seal", tmp_path / "c.jsonl", "--purpose", "evidence", "--to", "bank-1")
        assert (done.code, "subject" in done.err) == (20, True)


def test_why_names_what_admits_and_the_rule_that_stops_the_others(
    ours: Ours, tmp_path: Path
) -> None:
    for purpose in ("fraud_intervention", "blacklist_check"):
        sealed(ours, tmp_path / f"{purpose}.jsonl", purpose, MINE, OTHERS)
    asked = ("--to", "bank-1", "--purpose")

    admitted = grant(ours, "why", ours.folder / "me", *asked, "fraud_intervention", "--json")
    by_token = grant(ours, "why", MINE, *asked, "fraud_intervention", "--json")
    outside = grant(ours, "why", MINE, *asked, "blacklist_check", "--operation", "lookup", "--json")
    later = grant(ours, "why", MINE, *asked, "fraud_intervention", "--at", "2199-01-01", "--json")
    nobody = grant(ours, "why", "no-subject", *asked, "fraud_intervention", "--json")

    (row,) = admitted.json()
    assert (admitted.code, row["says"], row["of"], row["rule"]) == (0, "admits", "sealed", "")
    assert len(row["batches"]) == 1
    assert by_token.json() == [row]
    assert (outside.code, [r["rule"] for r in outside.json()]) == (21, ["grant-scope"])
    assert "lookup" in outside.json()[0]["why"]
    assert (later.code, [r["rule"] for r in later.json()]) == (21, ["grant-not-live"])
    assert (nobody.code, nobody.json()) == (21, [])

    assert grant(ours, "revoke", row["grant"], "--json").json()["revoked"] == row["batches"]
    withdrawn = grant(ours, "why", MINE, *asked, "fraud_intervention", "--json")
    assert (withdrawn.code, withdrawn.json()[0]["rule"]) == (21, "grant-not-live")
    assert "revoked" in withdrawn.json()[0]["why"]
    assert grant(ours, "why", OTHERS, *asked, "fraud_intervention").code == 0  # its own stands


def test_a_grant_over_the_table_covers_every_subject(ours: Ours) -> None:
    name = issue(ours, "--purpose", "evidence").json()["grant_id"]

    done = grant(ours, "why", "anybody", "--to", "bank-1", "--purpose", "evidence", "--json")

    found = {row["grant"]: row for row in done.json()}
    assert (found[name]["of"], found[name]["says"]) == ("table", "admits")


def test_a_court_checks_under_which_roots_an_authorization_is(ours: Ours, tmp_path: Path) -> None:
    first = sealed(ours, tmp_path / "a.jsonl", "loan_origination", MINE, "subject-0003")
    second = sealed(ours, tmp_path / "b.jsonl", "loan_origination", OTHERS, "subject-0004")
    asked = ("--to", "bank-1", "--purpose", "loan_origination", "--json")
    found = grant(ours, "why", MINE, *asked).json()
    name = next(row["grant"] for row in found if row["of"] == "sealed")

    assert grant(ours, "show", name, "--proof", tmp_path / "proof.json").code == 0
    ledger = ours.front.setup.state / "ledger.db"
    checked = fedcredit("grant", "check", tmp_path / "proof.json", ledger, "--json").json()

    stands = {row["batch"]: row["under its root"] for row in checked["batches"]}
    assert (stands[first], stands[second]) == (True, False)
    assert checked["authorization"]["purpose"] == "loan_origination"
    assert f"subject:            {MINE} (opened)" in (
        fedcredit("grant", "check", tmp_path / "proof.json", ledger).out
    )

    proof = json.loads((tmp_path / "proof.json").read_text("utf-8"))
    terms = proof["authorization"]
    for changed in (
        {"openings": [[salt, field, OTHERS] for salt, field, _ in proof["openings"]]},
        {"authorization": terms | {"purpose": "modelling"}},
        {"holder": "bank-1"},
        {"format": "another"},
        {"batches": None},
    ):
        (tmp_path / "forged.json").write_text(json.dumps(proof | changed), encoding="utf-8")
        forged = fedcredit("grant", "check", tmp_path / "forged.json", ledger, "--json")
        said = forged.json() if forged.code == 0 else {}
        assert forged.code == 59 or not any(r["under its root"] for r in said["batches"]), changed
    (tmp_path / "forged.json").write_text("{", encoding="utf-8")
    assert fedcredit("grant", "check", tmp_path / "forged.json", ledger).code == 59


def test_an_id_that_nobody_knows_is_named(ours: Ours, tmp_path: Path) -> None:
    for words in (("show", "g-x"), ("revoke", "g-x"), ("narrow", "g-x", "--max-uses", "1")):
        done = grant(ours, *words)
        assert (done.code, "g-x" in done.err) == (20, True)
    done = grant(ours, "show", "g-x", "--proof", tmp_path / "p.json")
    assert done.code == 20
