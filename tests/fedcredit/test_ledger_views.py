"""Reading a ledger: filters over every kind of entry, what is missing, and one person's view."""

import json
from pathlib import Path
from typing import Any

import pytest

from fedcredit import evidence_file, ledger_file
from fedcredit.cli.entry_words import SAID
from fedcredit_ledger.entry import commit
from fedcredit_ledger.evidence import verify_evidence
from fedcredit_ledger.store import Store
from fedcredit_ledger.types import TYPES
from fedcredit_ledger.verify import Level, verify_file
from tests.fedcredit.command_line import fedcredit
from tests.ledger.small_federation import SmallFederation
from tests.ledger.test_rules_queries import READERS, answer, question
from tests.ledger.test_rules_results import action, report
from tests.ledger.whole_ledger import WholeLedger

ME, OTHER = "subject-7f3a", "subject-0001"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people at bank-a; both are asked about, and both stand in one alert."""
    folder = tmp_path_factory.mktemp("views")
    kept: dict[str, list[Any]] = {}
    fed = SmallFederation(Store(folder / "ledger.db"))

    def sealed(**values: Any) -> tuple[dict[str, str], list[list[Any]]]:
        pairs = {name: commit(name, value) for name, value in values.items()}
        return (
            {name: digest for name, (digest, _) in pairs.items()},
            [[pairs[name][1], name, value] for name, value in values.items()],
        )

    def write(author: str, kind: str, data: dict[str, Any], readers: Any, **values: Any) -> str:
        commits, openings = sealed(**values)
        code = fed.attempt(author, kind, data | {"commits": commits}, readers=readers)
        assert code == "", f"{kind}: {code}"
        kept[str(fed.replica.size - 1)] = openings
        return fed.replica.last.signed.id if fed.replica.last else ""

    fed.register("bank-a")
    mine = fed.grant_data("bank-a", grant_id="grant-me")
    write("bank-a", "grant-issued", mine, ["all"], subject=ME, document="D-1")
    theirs = fed.grant_data("bank-a", grant_id="grant-other")
    write("bank-a", "grant-issued", theirs, ["all"], subject=OTHER)
    for query_id, grant in (("q-me", "grant-me"), ("q-other", "grant-other")):
        asked = question(query_id, grant_id=grant)
        request = {"subject": ME if grant == "grant-me" else OTHER}
        entry = write("analyst", "query-made", asked, READERS, request=request)
        write("key-holder", "query-answered", answer(query_id), READERS, answer=[1, 2])
        if query_id == "q-me":
            write("key-holder", "report-issued", report(query_id="q-me"), READERS, report=612)
            fed.write(
                "bank-a",
                "dispute-filed",
                {"dispute_id": "d-1", "about": entry, "ground": "not mine"},
            )
    both = [{"subject": ME}, {"subject": OTHER}]
    write("bank-a", "action-taken", action(), ["bank-a"], alert=both)
    fed.attempt("bank-a", "action-lifted", {"action_id": "a-1"}, readers=["bank-a"])
    fed.write("bank-a", "grant-revoked", {"grant_id": "grant-me", "reason": "withdrawn"})
    fed.witness()
    fed.store.close()
    (folder / "openings").mkdir()
    for index, openings in kept.items():
        (folder / "openings" / f"{index}.json").write_text(json.dumps(openings))
    (folder / "me").write_text(f"{ME}\n", encoding="utf-8")
    return folder


def shown(folder: Path, *filters: str) -> list[str]:
    done = fedcredit("ledger", "show", folder / "ledger.db", *filters, "--json")
    return [row["type"] for row in done.json()]


def subject_view(folder: Path, *options: Any) -> Any:
    mine = ("--subject", folder / "me", "--openings", folder / "openings")
    return fedcredit("ledger", "subject", folder / "ledger.db", *mine, *options)


def test_a_query_is_shown_with_its_answer_and_its_reports(folder: Path) -> None:
    assert shown(folder, "--query", "q-me") == ["query-made", "query-answered", "report-issued"]
    assert shown(folder, "--query", "q-none") == []


def test_a_grant_is_shown_with_the_answers_to_the_queries_under_it_and_its_end(
    folder: Path,
) -> None:
    assert shown(folder, "--grant", "grant-me") == [
        "grant-issued",
        "query-made",
        "query-answered",
        "report-issued",
        "grant-revoked",
    ]


def test_a_dispute_is_found_by_its_id_and_by_the_entry_that_it_is_about(folder: Path) -> None:
    every = fedcredit("ledger", "show", folder / "ledger.db", "--json").json()
    (disputed,) = [row["data"]["about"] for row in every if row["type"] == "dispute-filed"]

    assert shown(folder, "--dispute", "d-1") == ["dispute-filed"]
    assert shown(folder, "--about", disputed[:12]) == ["dispute-filed"]
    assert shown(folder, "--about", "f" * 12) == []


def test_a_party_is_found_as_author_as_grantee_and_as_reader(folder: Path) -> None:
    found = shown(folder, "--party", "analyst")

    assert found.count("grant-issued") == 2  # grantee
    assert found.count("query-made") == 2  # author
    assert found.count("query-answered") == 2  # reader
    assert found.count("federation-created") == 1  # founder
    assert "action-taken" not in found


def test_a_line_says_the_fields_of_its_type_only() -> None:
    for kind, names in SAID.items():
        row = TYPES[kind]
        assert set(names) <= {*row.required, *row.optional}, kind


# every type


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger file with an entry of every type."""
    path = tmp_path_factory.mktemp("whole") / "ledger.db"
    made = WholeLedger(Store(path))
    made.fed.store.close()
    return path


def test_an_entry_of_every_type_is_explained_with_what_it_rests_on(whole: Path) -> None:
    first = {line.type: line.index for line in reversed(list(ledger_file.lines(whole)))}
    told = {kind: evidence_file.explain(whole, str(index)) for kind, index in first.items()}

    assert told.keys() == TYPES.keys()
    for kind, one in told.items():
        for field in ("title", "proves", "leaves_open", "title_zh", "proves_zh", "leaves_open_zh"):
            assert len(one[field]) >= 2, (kind, field)
        assert one["proves"].endswith(".") and one["proves_zh"].endswith("。"), kind
    rests = {kind: [row["type"] for row in one["rests_on"]] for kind, one in told.items()}
    assert rests["query-made"] == ["grant-issued"]
    assert rests["query-answered"] == ["query-made"]
    assert rests["report-issued"] == ["query-made"]
    assert rests["lookups-served"] == ["risk-list-published"]
    assert rests["action-lifted"] == ["action-taken"]
    assert rests["model-retired"] == ["model-registered"]
    assert rests["data-asset-retired"] == ["data-asset-registered"]
    assert rests["commitment-erased"] == ["grant-issued"]
    assert rests["dispute-resolved"] == ["dispute-filed"]


def test_a_ledger_of_every_type_verifies_to_the_last_signature(whole: Path) -> None:
    report = verify_file(whole, level=Level.SIGNATURES)

    assert [finding.code for finding in report.findings] == []
    assert report.size > len(TYPES)


# what is missing


def test_what_is_missing_of_each_flow_is_named_and_is_no_finding(folder: Path) -> None:
    done = fedcredit("ledger", "verify", folder / "ledger.db", "--flow")
    as_json = fedcredit("ledger", "verify", folder / "ledger.db", "--flow", "--json")

    assert done.code == 0
    assert "query q-me: missing nothing" in done.out
    assert "query q-other: missing report" in done.out
    assert "action a-1: missing grant by statute, sealed grants" in done.out
    assert as_json.json()["flows"] == [
        {"kind": "query", "name": "q-me", "n_present": 4, "missing": []},
        {"kind": "query", "name": "q-other", "n_present": 3, "missing": ["report"]},
        {
            "kind": "action",
            "name": "a-1",
            "n_present": 2,
            "missing": ["grant by statute", "sealed grants"],
        },
    ]
    assert "flows" not in fedcredit("ledger", "verify", folder / "ledger.db", "--json").json()


# one person


def test_a_person_reads_who_used_its_data_when_and_for_what(folder: Path) -> None:
    rows = subject_view(folder, "--json").json()["entries"]

    assert [(row["type"], row["used_by"], row["purpose"]) for row in rows] == [
        ("grant-issued", "analyst", "modelling"),
        ("query-made", "analyst", "modelling"),
        ("query-answered", "analyst", "modelling"),
        ("report-issued", "analyst", "modelling"),
        ("dispute-filed", "", ""),
        ("action-taken", "bank-a", ""),
        ("action-lifted", "", ""),
        ("grant-revoked", "", "modelling"),
    ]
    assert rows[0]["opened"] == {"subject": ME, "document": "D-1"}
    assert rows[0]["grant"] == rows[-1]["grant"] == "grant-me"
    assert all(row["when"].startswith("2026-11-23T") for row in rows)


def test_what_also_names_another_person_is_not_repeated(folder: Path) -> None:
    done = subject_view(folder, "--json")
    (acted,) = [row for row in done.json()["entries"] if row["type"] == "action-taken"]

    assert acted["opened"] == {}
    assert OTHER not in done.out


def test_the_persons_package_proves_the_entries_and_opens_its_own_values_only(
    folder: Path, tmp_path: Path
) -> None:
    package = tmp_path / "me.evidence.zip"

    done = subject_view(folder, "-o", package)

    assert (done.code, "8 entries with their proofs" in done.out) == (0, True)
    proven = verify_evidence(package.read_bytes())
    assert proven.n_disclosed == 3  # subject and document of the grant, the request
    assert OTHER.encode() not in package.read_bytes()
    assert {leaf.data["grant_id"] for leaf in proven.leaves if leaf.type == "grant-issued"} == {
        "grant-me"
    }


def test_a_person_that_the_ledger_does_not_know_gets_an_empty_answer_and_no_package(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "nobody").write_text("subject-9999", encoding="utf-8")
    package = tmp_path / "nobody.zip"
    nobody = ("--subject", tmp_path / "nobody", "--openings", folder / "openings")

    done = fedcredit("ledger", "subject", folder / "ledger.db", *nobody, "-o", package)

    assert (done.code, done.out) == (0, "(none)\n")
    assert not package.exists()
