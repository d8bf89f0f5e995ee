"""The two reports and the card: every number leads back; findings; what is missing."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from fedcredit import (
    development_report,
    figures,
    findings,
    metrics_export,
    report,
    validation_report,
)
from fedcredit.errors import JobError
from fedcredit.evaluation_file import EvaluationFile
from fedcredit.model_view import ModelView
from fedcredit.report_headings import NAMES, SECTIONS
from fedcredit.result_file import ResultFile
from tests.fedcredit.command_line import fedcredit
from tests.fedcredit.conftest import Judged
from tests.fedcredit.page import Numbers

CONSTANTS = {
    "95 %", "95 % intervals", "95 % interval", "95 % 区间", "Gini, 95 %", "基尼系数\uff0c95 %",
    "0.02", "0.1", "0.25", "0.5", "0.8", "1.96", "2.58", "below the interval", "below it twice",
    "低于区间", "连续两次低于区间",
}  # fmt: skip


def constants(form: Any, kind: Any, language: str) -> set[str]:
    """Return what a page may mark as a constant: headings, the rules' name, thresholds."""
    place = 0 if language == "en" else 1
    return (
        CONSTANTS | {section[1 + place] for section in SECTIONS[kind][form]} | {NAMES[form][place]}
    )


@pytest.fixture(scope="module")
def pages(judged: Judged) -> dict[tuple[str, str, str], Numbers]:
    """Every report of a real run and its evaluation, each format in one of the languages."""
    found = {}
    for form, language in (("sr26-2", "en"), ("cn-loan", "zh"), ("eu-aia", "en")):
        chosen: dict[str, Any] = {"form": form, "language": language}
        made = development_report.render(judged.result, judged.facts, **chosen)
        tested = validation_report.render(
            judged.result, judged.facts, evaluation=judged.evaluation, **chosen
        )
        found[form, "development", language] = Numbers(made)
        found[form, "validation", language] = Numbers(tested)
    return found


def test_every_number_stands_in_a_figure(pages: dict[tuple[str, str, str], Numbers]) -> None:
    for (form, kind, language), page in pages.items():
        assert page.bare == [], (form, kind)
        assert page.constants <= constants(form, kind, language)
        assert sum(map(len, page.shown.values())) > 150


def test_every_figure_is_explained_by_the_run_that_released_it(
    pages: dict[tuple[str, str, str], Numbers], judged: Judged
) -> None:
    text = validation_report.render(judged.result, judged.facts, evaluation=judged.evaluation)
    runs = dict(re.findall(r'data-figure="([^"]+)"[^>]* data-run="([^"]+)"', text))
    saved = {judged.result.run_id: judged.result, judged.evaluation.run_id: judged.evaluation}
    shown = {name: entry for page in pages.values() for name, entry in page.entries.items()}

    assert set(runs.values()) == set(saved)
    for name, entry in shown.items():
        run = saved[runs.get(name, judged.result.run_id)]
        told = figures.explain(name, run, judged.lines)
        assert told.entry_id == entry, name
        assert told.run_id == run.run_id and told.openings, name
    for name in (
        "auc.champion", "delong", "mcnemar", "group.woman", "segment.rent", "drift.2024-02",
        "calibration_slope.champion", "gains.champion", "cutoff.challenger", "reach.income",
        "iv.income", "setting.pdo", "feature.age", "bins.income.1",
    ):  # fmt: skip
        assert name in shown
    opened = judged.lines[figures.explain("delong", judged.evaluation, judged.lines).index]
    assert (opened.type, opened.data["run_id"]) == ("round-opened", judged.evaluation.run_id)


def test_a_figure_of_an_evaluation_has_the_value_that_is_printed(
    pages: dict[tuple[str, str, str], Numbers], judged: Judged
) -> None:
    page = pages["sr26-2", "validation", "en"]
    champion = judged.evaluation.overall["champion"]
    assert champion.calibration_slope is not None

    assert page.shown["auc.champion"][0] == f"{champion.auc:.4f}"
    assert f"{champion.calibration_slope.value:.3f}" in page.shown["calibration_slope.champion"]
    told = figures.explain("auc.champion", judged.evaluation, judged.lines)
    assert told.value == champion.auc


def test_the_definition_is_printed_when_its_digest_is_the_ledgers(judged: Judged) -> None:
    from fedcredit.request import DEFAULT_DEFINITION

    right = development_report.render(judged.result, judged.facts, definition=DEFAULT_DEFINITION)
    wrong = development_report.render(judged.result, judged.facts, definition="never paid")

    assert f"<q>{DEFAULT_DEFINITION}</q>" in right
    assert "never paid" not in wrong
    assert "not part of the saved result" in wrong


def test_the_parties_tables_and_their_period_come_from_the_ledger(judged: Judged) -> None:
    text = development_report.render(judged.result, judged.facts)

    for party in judged.result.parties:
        assert f"<code>{party}/table</code>" in text
    assert text.count("the same digest") == len(judged.result.parties)


def test_an_evaluation_of_another_model_is_refused(judged: Judged) -> None:
    document = judged.evaluation.model_dump(mode="json")
    document["models"]["champion"]["digest"] = "0" * 64
    other = EvaluationFile.model_validate_json(json.dumps(document))

    with pytest.raises(JobError, match="judged another model"):
        validation_report.render(judged.result, judged.facts, evaluation=other)


def test_without_an_evaluation_the_missing_tests_are_listed(judged: Judged) -> None:
    text = validation_report.render(judged.result, judged.facts)

    assert findings.missing(judged.result, None) == [
        "oot", "evaluation", "challenger", "hosmer_lemeshow", "slope", "period", "segment", "group",
        "drift",
    ]  # fmt: skip
    assert findings.missing(judged.result, judged.evaluation) == ["oot"]
    assert "Fairness by group.</li>" in text
    assert "That is a gap and no result" in " ".join(text.split())


def changed(evaluation: EvaluationFile, change: Any) -> EvaluationFile:
    """Return an evaluation with some of its figures changed."""
    document = evaluation.model_dump(mode="json")
    change(document)
    return EvaluationFile.model_validate_json(json.dumps(document))


def found_in(judged: Judged, evaluation: EvaluationFile) -> set[tuple[str, str, str]]:
    view = ModelView.of(judged.result)
    return {
        (one.key, one.severity, one.about)
        for one in findings.findings(judged.result, view, evaluation)
    }


def test_a_crossed_threshold_is_a_finding_and_a_kept_one_is_none(judged: Judged) -> None:
    def bad(document: dict[str, Any]) -> None:
        champion = document["overall"]["champion"]
        champion["calibration_slope"] = {"value": 0.8, "standard_error": 0.05, "bound": 0.001}
        champion["calibration_intercept"] = {"value": 0.1, "standard_error": 0.2, "bound": 0.0}
        champion["hosmer_lemeshow_p"] = 0.049
        group = next(p for p in document["partitions"] if p["by"] == "group")
        by_name = {row["name"]: row for row in group["slices"]}
        by_name["woman"]["adverse_impact_ratio"] = 0.79
        by_name["man"]["adverse_impact_ratio"] = 0.81
        by_name["woman"]["calibration_z"] = -2.6
        by_name["man"]["calibration_z"] = 2.0

    def good(document: dict[str, Any]) -> None:
        champion = document["overall"]["champion"]
        champion["calibration_slope"] = {"value": 0.95, "standard_error": 0.05, "bound": 0.001}
        champion["hosmer_lemeshow_p"] = 0.051

    flagged = found_in(judged, changed(judged.evaluation, bad))
    kept = found_in(judged, changed(judged.evaluation, good))

    # 0.8 + 1.96 x 0.05 + 0.001 = 0.899 < 1; 0.95 + 0.098 + 0.001 > 1
    assert ("slope", "watch", "champion") in flagged
    assert ("hosmer_lemeshow", "watch", "champion") in flagged
    assert ("intercept", "watch", "champion") not in flagged
    assert ("adverse", "act", "woman") in flagged
    assert not any(key == "adverse" and about == "man" for key, _, about in flagged)
    assert ("calibration_z", "act", "woman") in flagged
    assert ("calibration_z", "watch", "man") in flagged
    assert not {key for key, _, about in kept if about == "champion"} & {"slope", "hosmer_lemeshow"}


def test_a_comparison_that_is_withheld_says_so_and_is_missing(judged: Judged) -> None:
    def withheld(document: dict[str, Any]) -> None:
        document["comparison"] = {"withheld": "too_coarse"}

    evaluation = changed(judged.evaluation, withheld)
    text = validation_report.render(judged.result, judged.facts, evaluation=evaluation)

    assert "rule <code>too_coarse</code>" in text
    assert findings.missing(judged.result, evaluation) == ["oot", "challenger"]
    assert "DeLong’s test of" not in text  # noqa: RUF001


def test_a_challenger_that_ranks_better_is_a_finding(judged: Judged) -> None:
    def better(document: dict[str, Any]) -> None:
        document["comparison"]["delong"] |= {"difference": 0.02, "p_high": 0.049}
        document["comparison"]["mcnemar"] |= {"only_challenger_right": 70, "exact_p_value": 0.01}

    def unsure(document: dict[str, Any]) -> None:
        document["comparison"]["delong"] |= {"difference": 0.02, "p_high": 0.051}

    found = {key for key, _, _ in found_in(judged, changed(judged.evaluation, better))}
    kept = {key for key, _, _ in found_in(judged, changed(judged.evaluation, unsure))}

    assert {"delong", "mcnemar"} <= found
    assert not {"delong", "mcnemar"} & kept


def test_another_hold_out_than_the_training_runs_is_a_finding(judged: Judged) -> None:
    def more(document: dict[str, Any]) -> None:
        document["overall"]["champion"]["n"] += 1

    assert ("rows", "watch", "holdout") not in found_in(judged, judged.evaluation)
    assert ("rows", "watch", "holdout") in found_in(judged, changed(judged.evaluation, more))


def test_the_gravest_finding_stands_first(judged: Judged) -> None:
    view = ModelView.of(judged.result)

    order = [one.severity for one in findings.findings(judged.result, view, judged.evaluation)]

    assert order == sorted(order, key=["act", "watch", "note"].index)


def test_a_model_of_a_kind_that_is_not_known_is_told_by_its_settings(
    saved: dict[str, Any], facts: list[dict[str, object]]
) -> None:
    saved["model"] = {"format": "fedcredit-oracle/v9", "params": {"depth": 3, "way": "north"}}
    result = ResultFile.model_validate(saved)

    for render in (development_report.render, validation_report.render):
        page = Numbers(render(result, facts))
        assert page.bare == []
    text = development_report.render(result, facts)
    assert " format <code>fedcredit-oracle/v9</code>" in text
    assert page.entries.keys() & {"coefficients"} == set()
    assert Numbers(text).shown["setting.depth"] == ["3"]


def test_trees_are_told_by_how_much_they_ask_each_feature(
    saved: dict[str, Any], facts: list[dict[str, object]]
) -> None:
    from fedcredit_models import Gbdt
    from tests.simulated import bank_frames

    frame = bank_frames()["bank-0"]
    model = Gbdt(n_trees=2, max_depth=2).fit(frame[["income", "age"]], frame["bad"])
    saved["model"] = json.loads(model.to_json())
    saved["figures"]["model"] = saved["entries"]["model"]

    page = Numbers(development_report.render(ResultFile.model_validate(saved), facts))
    run_report = report.render(ResultFile.model_validate(saved), facts)

    assert Numbers(run_report).bare == []
    assert "Scorecard" not in run_report
    for row in model.importance().to_dict(orient="records"):
        shown = [
            number.replace("\N{NARROW NO-BREAK SPACE}", "")
            for number in page.shown[f"importance.{row['feature']}"]
        ]
        assert shown == [str(row["splits"]), str(row["rows"])]
    assert page.bare == []


def test_a_network_is_told_by_its_weights_and_its_calibration(
    saved: dict[str, Any], facts: list[dict[str, object]]
) -> None:
    saved["model"] = {
        "format": "fedcredit-mlp/v1",
        "params": {"hidden": [4, 2]},
        "weights": [7] * 41,
        "calibration": [-0.25, 1.5],
    }
    saved["figures"]["model"] = saved["entries"]["model"]
    result = ResultFile.model_validate(saved)

    for write in (development_report.render, report.render):
        page = Numbers(write(result, facts))
        assert page.shown["weights"] == ["41"]
        assert page.shown["calibration_slope"] == ["1.5000"]
        assert page.shown["calibration_intercept"] == ["\N{MINUS SIGN}0.2500"]
        assert page.bare == []
    assert Numbers(development_report.render(result, facts)).shown["setting.hidden"] == ["4", "2"]


def with_gains(saved: dict[str, Any]) -> dict[str, Any]:
    """Return a saved result in which one party gains, one loses for sure, and one is silent."""

    def told(value: int, low: int, high: int) -> dict[str, Any]:
        return {
            "entry": saved["participation"]["bank-0"]["entries"][0],
            "index": 3,
            "n": 430,
            "bads": 100,
            "auc": {
                "local": [785_000_000, 733_000_000, 837_000_000],
                "joint": [798_000_000, 748_000_000, 848_000_000],
                "personal": [799_000_000, 749_000_000, 849_000_000],
            },
            "against_local": {"personal": [value, low, high]},
            "approval_rate": 800_000_000,
            "bad_rate_approved": {"local": 156_000_000, "personal": 151_000_000},
            "choice": {"kind": "mixture", "weight": 826_000_000},
        }

    gains = {
        "bank-0": told(14_000_000, -2_000_000, 30_000_000),
        "bank-1": told(-20_000_000, -30_000_000, -10_000_000),
        "bank-2": {"entry": told(0, 0, 0)["entry"], "index": 3, "withheld": "silent"},
    }
    return saved | {"gains": gains}


def test_what_each_party_gains_is_told_and_a_loss_is_a_finding(
    saved: dict[str, Any], facts: list[dict[str, object]], card: Any
) -> None:
    result = ResultFile.model_validate(with_gains(saved))

    made = development_report.render(result, facts, card=card)
    page = Numbers(made)
    flagged = findings.findings(result, ModelView.of(result, card), None)

    assert page.shown["gain.bank-0"] == [
        "430", "100", "0.7850", "0.7980", "0.7990", "0.0140", "\N{MINUS SIGN}0.0020", "0.0300",
        "15.6", "15.1", "82.6",
    ]  # fmt: skip
    assert page.bare == []
    assert "committed to, and not told in time" in made
    worse = [(one.about, one.severity) for one in flagged if one.key == "worse_off"]
    assert worse == [("bank-1", "act")]
    assert "No party has reported" not in made


def test_hostile_names_stay_text(
    saved: dict[str, Any], facts: list[dict[str, object]], card: Any
) -> None:
    hostile = "<script>alert(1)</script>\"'>{0}<img src=x onerror=alert(2)>"
    saved["label"] = saved["purpose"] = saved["requester"] = hostile
    saved["parties"][0] = hostile
    saved["participation"] = {hostile: saved["participation"]["bank-0"]}
    saved["disclosure"][0]["released"] = saved["disclosure"][0]["function"] = hostile
    result = ResultFile.model_validate(saved)

    for render in (development_report.render, validation_report.render):
        for language in ("en", "zh"):
            text = render(result, facts, card=card, language=language)
            assert "<script" not in text and "<img" not in text
            assert not re.search(
                r"https?:|//\w|url\(|@import|src=x", text.replace("&lt;img src=x", "")
            )


def test_the_card_has_every_figure_with_its_entry(judged: Judged, tmp_path: Path) -> None:
    file = judged.folder / "result.json"

    done = fedcredit("report", "card", file, "-o", tmp_path / "card.json")
    marked = fedcredit("report", "card", file, "-o", tmp_path / "card.md", "--language", "zh")
    drawn = fedcredit("report", "card", file, "-o", tmp_path / "card.html")

    assert (done.code, marked.code, drawn.code) == (0, 0, 0), done.err + marked.err + drawn.err
    card = json.loads((tmp_path / "card.json").read_text("utf-8"))
    assert card["figures"]["auc.holdout"] == {
        "value": judged.result.metrics["holdout"].auc,
        "entry": judged.result.figures["auc.holdout"],
    }
    for name, figure in card["figures"].items():
        told = figures.explain(name, judged.result, judged.lines)
        assert (told.entry_id, told.value) == (figure["entry"], figure["value"])
    assert set(card["to_be_completed"].values()) == {None}
    assert "模型卡" in (tmp_path / "card.md").read_text("utf-8")
    assert Numbers.read(tmp_path / "card.html").bare == []
    assert fedcredit("report", "card", file, "-o", tmp_path / "card.pdf").code == 2


def test_the_commands_write_both_reports_whole(judged: Judged, tmp_path: Path) -> None:
    file, evaluation = judged.folder / "result.json", judged.folder / "evaluation.json"

    model = fedcredit(
        "report", "model", file, "--format", "cn-loan", "--language", "zh", "-o",
        tmp_path / "m.html", "--json",
    )  # fmt: skip
    judged_one = fedcredit(
        "report",
        "validation",
        file,
        "--evaluation",
        evaluation,
        "-o",
        tmp_path / "v.html",
        "--json",
    )

    assert model.json()["ledger"]["size"] == len(judged.lines)
    assert "风险数据来源" in (tmp_path / "m.html").read_text("utf-8")
    told = judged_one.json()
    assert told["missing"] == ["oot"]
    assert {one["severity"] for one in told["findings"]} <= {"act", "watch", "note"}
    assert (tmp_path / "v.html").read_text("utf-8").startswith("<!doctype html>")
    assert list(tmp_path.glob("*.part")) == []


def test_a_wrong_choice_or_file_is_named(judged: Judged, tmp_path: Path) -> None:
    file, evaluation = judged.folder / "result.json", judged.folder / "evaluation.json"
    out = ("-o", tmp_path / "x.html")

    for words, named in (
        (("model", file, "--format", "basel"), "sr26-2, cn-loan, eu-aia"),
        (("model", file, "--language", "fr"), "en, zh"),
        (("model", evaluation), "name the run that made the model"),
        (("model", tmp_path / "no.json"), "there is no file no.json"),
        (("validation", file, "--evaluation", file), "names an evaluation.json"),
    ):
        done = fedcredit("report", *words, *out)
        assert done.code == 2, words
        assert named in " ".join(done.err.replace("│", " ").split()), done.err
    assert fedcredit("report", "model", "ffff", "--store", tmp_path, *out).code == 44
    (tmp_path / "result.json").write_text("no json", "utf-8")
    assert fedcredit("report", "model", tmp_path / "result.json", *out).code == 40
    assert not (tmp_path / "x.html").exists()


def test_explain_number_takes_a_figure_of_an_evaluation(judged: Judged) -> None:
    file = judged.folder / "evaluation.json"

    done = fedcredit(
        "ledger", "explain-number", judged.evaluation.run_id, "group.woman", "--result", file
    )

    assert done.code == 0, done.err
    assert done.out.startswith("group.woman\n")
    assert f"run {judged.evaluation.run_id}" in done.out


def test_metrics_are_flat_numbers_by_the_names_of_their_figures(
    judged: Judged, tmp_path: Path
) -> None:
    done = fedcredit(
        "report", "metrics", judged.folder / "result.json", "-o", tmp_path / "metrics.json"
    )
    of_evaluation = metrics_export.metrics(judged.evaluation)

    assert done.code == 0, done.err
    flat = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert flat["auc.holdout"] == judged.result.metrics["holdout"].auc
    assert flat["n.train"] == judged.result.metrics["train"].n
    assert all(type(value) in (int, float) for value in flat.values())
    assert of_evaluation["auc.challenger"] == judged.evaluation.overall["challenger"].auc


def test_a_run_in_the_file_store_has_its_metrics_in_mlflows_layout(
    judged: Judged, tmp_path: Path
) -> None:
    run = metrics_export.write_mlruns(judged.result, tmp_path / "mlruns")

    assert run == tmp_path / "mlruns" / "0" / judged.result.run_id.replace("-", "")
    moment, value, step = (run / "metrics" / "auc.holdout").read_text("utf-8").split()
    assert (float(value), step) == (judged.result.metrics["holdout"].auc, "0")
    assert len(moment) == 13  # milliseconds
    losses = [
        line.split() for line in (run / "metrics" / "log_loss").read_text("utf-8").splitlines()
    ]
    assert [int(step) for _, _, step in losses] == [
        row.round for row in judged.result.history if row.log_loss is not None
    ]
    assert (run / "params" / "pdo").read_text("utf-8") == "20"


def test_mlflow_itself_reads_the_run(
    judged: Judged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow-skinny is not installed")
    monkeypatch.setitem(os.environ, "MLFLOW_ALLOW_FILE_STORE", "true")
    metrics_export.write_mlruns(judged.result, tmp_path / "mlruns")

    client = mlflow.MlflowClient(tracking_uri=(tmp_path / "mlruns").as_uri())
    (run,) = client.search_runs(["0"])

    assert run.data.metrics["auc.holdout"] == judged.result.metrics["holdout"].auc
    assert run.data.tags["fedcredit.run_id"] == judged.result.run_id
