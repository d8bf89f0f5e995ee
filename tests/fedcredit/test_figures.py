"""Every figure of a report leads back to its round, its parties, their grants and the policy."""

import json
from pathlib import Path

import pytest

from fedcredit import evidence_file, figures
from fedcredit.errors import ResultNotFoundError
from fedcredit.figure_names import figures_of
from fedcredit.ledger_file import Line, lines
from fedcredit.result_file import ResultFile
from fedcredit_ledger.errors import EvidenceError
from tests.fedcredit.command_line import fedcredit
from tests.fedcredit.conftest import Demonstration
from tests.fedcredit.page import Numbers


@pytest.fixture(scope="module")
def page(demonstration: Demonstration) -> Numbers:
    """Every number that the demonstration's report shows."""
    return Numbers.read(demonstration.folder / "report.html")


@pytest.fixture(scope="module")
def result(demonstration: Demonstration) -> ResultFile:
    return ResultFile.load(demonstration.folder / "result.json")


@pytest.fixture(scope="module")
def entries(demonstration: Demonstration) -> list[Line]:
    return list(lines(demonstration.folder / "ledger.db"))


def test_every_number_of_the_report_stands_in_a_figure_of_its_result(
    page: Numbers, result: ResultFile
) -> None:
    assert page.bare == []
    assert page.constants == {"95 %", "95 % intervals", "0.5"}
    assert page.entries.keys() <= figures_of(result).keys()
    assert sum(map(len, page.shown.values())) > 1000
    for name in (
        "auc.holdout", "ks.train", "bands.holdout", "roc.train", "iv.income_cu", "scale", "parties",
        "bins.income_cu.2", "points.income_cu.2", "coefficient.income_cu", "coefficient.intercept",
        "standard_error.income_cu", "history.3", "participation.bank-3", "grant.bank-3", "quorum",
        "checkpoint",
    ):  # fmt: skip
        assert name in page.entries


def test_a_number_without_a_figure_would_be_found(demonstration: Demonstration) -> None:
    text = (demonstration.folder / "report.html").read_text("utf-8")

    stray = Numbers(text.replace("<h2>Points</h2>", "<h2>Points</h2><p>KS 0.5113 at best</p>"))
    unmarked = Numbers(text.replace('data-figure="auc.holdout"', "", 1))

    assert stray.bare == ["KS 0.5113 at best"]
    assert len(unmarked.bare) == 2  # the number, and how exact it is


def test_every_figure_of_the_report_is_explained(
    page: Numbers, result: ResultFile, entries: list[Line]
) -> None:
    for name, entry in page.entries.items():
        told = figures.explain(name, result, entries)
        assert told.entry_id == entry, name
        assert told.openings, name
        assert entries[told.proposal].type == "run-proposed"
        assert told.policy == entries[told.proposal].data["disclosure_policy_digest"]
        for opening in told.openings:
            assert entries[opening.index].type == "round-opened"
            assert [part.party for part in opening.contributions] == list(result.parties)
            for part in opening.contributions:
                assert entries[part.index].author == part.party
                for grant, index in part.grants:
                    assert entries[index].data["grant_id"] == grant
                    assert entries[index].author == part.party
                assert part.grants, name


def test_a_figure_that_is_one_number_has_the_value_that_is_printed(
    page: Numbers, result: ResultFile, entries: list[Line]
) -> None:
    model = result.model
    saved = json.loads(json.dumps(model))
    names = ["intercept", *(table["feature"]["name"] for table in saved["tables"])]
    slopes = dict(zip(names, saved["coefficients"], strict=True))
    expected = {f"coefficient.{name}": f"{slope:.4f}" for name, slope in slopes.items()}
    expected |= {f"auc.{name}": f"{part.auc:.4f}" for name, part in result.metrics.items()}

    for name, text in expected.items():
        assert f"{figures.explain(name, result, entries).value:.4f}" == text
        assert page.shown[name][0].replace("\N{MINUS SIGN}", "-") == text
    bins = figures.explain("points.income_cu.1", result, entries)
    assert page.shown["points.income_cu.1"] == [f"{bins.value:.0f}".replace("-", "\N{MINUS SIGN}")]
    assert figures.explain("bins.income_cu.1", result, entries).value is None


def test_what_frames_a_run_leads_to_the_openings_that_it_was_for(
    result: ResultFile, entries: list[Line]
) -> None:
    opened = [row.entry for row in result.history]

    told = {
        name: figures.explain(name, result, entries)
        for name in ("parties", "quorum", "grant.bank-1", "checkpoint", "scale")
    }

    assert {name: one.type for name, one in told.items()} == {
        "parties": "run-started", "quorum": "federation-created", "grant.bank-1": "grant-issued",
        "checkpoint": "model-registered", "scale": "run-proposed",
    }  # fmt: skip
    for one in told.values():
        assert [opening.entry_id for opening in one.openings] == opened
    assert told["parties"].value == 4


def test_the_phase_of_an_opening_is_the_one_that_releases_such_figures(
    result: ResultFile, entries: list[Line]
) -> None:
    phases = {
        name: {opening.phase for opening in figures.explain(name, result, entries).openings}
        for name in ("auc.holdout", "woe.income_cu", "coefficients", "points.income_cu")
    }

    assert phases == {
        "auc.holdout": {"metrics"},
        "woe.income_cu": {"bins"},
        "coefficients": {"newton"},
        "points.income_cu": {"newton"},
    }
    history = figures.explain("history", result, entries)
    assert len(history.openings) == len(result.history)
    assert history.type == "run-finished"


def test_a_number_is_told_with_its_value(result: ResultFile, entries: list[Line]) -> None:
    assert figures.explain("auc.train", result, entries).value == result.metrics["train"].auc
    assert figures.explain("bands.train", result, entries).value is None


def test_a_figure_that_is_not_there_is_refused_with_those_that_are(
    result: ResultFile, entries: list[Line]
) -> None:
    with pytest.raises(ResultNotFoundError) as caught:
        figures.explain("auc.tomorrow", result, entries)

    assert caught.value.expected == "auc.holdout, auc.train"


def test_a_ledger_of_another_run_does_not_explain_it(
    result: ResultFile, entries: list[Line]
) -> None:
    with pytest.raises(EvidenceError, match="does not hold"):
        figures.explain("auc.holdout", result, entries[:5])


def test_the_command_tells_the_way_and_takes_the_result_of_the_demonstration(
    demonstration: Demonstration, result: ResultFile
) -> None:
    file = demonstration.folder / "result.json"

    done = fedcredit("ledger", "explain-number", result.run_id[:8], "ks.holdout", "--result", file)

    assert done.code == 0, done.err
    assert done.out.startswith("ks.holdout = 0.")
    assert "key-holder (entry " in done.out
    for party in result.parties:
        assert f"{party}-modelling-" in done.out
    again = fedcredit("ledger", "explain-number", "ffff", "ks.holdout", "--result", file)
    assert again.code == 2
    missing = fedcredit("ledger", "explain-number", result.run_id, "ks.x", "--result", file)
    assert (missing.code, missing.out) == (44, "")


def test_an_entry_is_explained_with_what_it_rests_on_and_what_cites_it(
    demonstration: Demonstration, entries: list[Line]
) -> None:
    ledger = demonstration.folder / "ledger.db"
    aggregated = next(line for line in entries if line.type == "round-aggregated")

    told = evidence_file.explain(ledger, aggregated.entry_id[:8])
    done = fedcredit("ledger", "explain", ledger, str(aggregated.index))

    cited = {row["type"] for row in told["rests_on"]}
    assert cited == {"run-proposed", "round-attempted", "round-contributed"}
    assert [row["type"] for row in told["cited_by"]] == ["round-opened"]
    assert "the key holder adds again" in done.out
    assert "密钥方在开启前会重新相加" in told["leaves_open_zh"]
    assert fedcredit("ledger", "explain", ledger, "12345").code == 59


def test_entries_are_chosen_by_the_time_they_were_received(
    demonstration: Demonstration, entries: list[Line]
) -> None:
    ledger = demonstration.folder / "ledger.db"
    moment = entries[10].received[:23]

    before = fedcredit("ledger", "show", ledger, "--until", moment, "--json").json()
    after = fedcredit("ledger", "show", ledger, "--since", moment, "--json").json()

    assert len(before) + len(after) == len(entries)
    assert before[-1]["received"][:23] < moment <= after[0]["received"][:23]
    assert fedcredit("ledger", "show", ledger, "--until", "soon").code == 2


def test_the_demonstration_leaves_evidence_that_verifies(
    demonstration: Demonstration, entries: list[Line]
) -> None:
    case, founding = demonstration.folder / "demo.evidence.zip", entries[0].entry_id

    done = fedcredit("evidence", "verify", case, "--founding", founding, "--json")

    assert done.code == 0, done.err
    assert (done.json()["missing"], done.json()["is_pinned"]) == ([], True)
    assert len(done.json()["entries"]) == len(entries)


def test_a_ledger_is_exported_for_a_web_server(
    demonstration: Demonstration, entries: list[Line], tmp_path: Path
) -> None:
    ledger = demonstration.folder / "ledger.db"

    done = fedcredit("ledger", "export", ledger, "-o", tmp_path / "public", "--json")

    assert done.json()["size"] == len(entries)
    assert (tmp_path / "public" / "checkpoint").read_text().split("\n")[1] == str(len(entries))
    assert fedcredit("ledger", "export", tmp_path / "no.db", "-o", tmp_path).code == 50
