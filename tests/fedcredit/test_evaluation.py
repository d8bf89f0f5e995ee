"""A saved model is judged from a notebook and from a file; the verdict is in the exit code."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

import fedcredit as fc
from fedcredit.cli import app
from fedcredit.errors import DriftToActOnError, DriftToWatchError, JobError
from fedcredit.evaluation_file import EvaluationFile
from fedcredit.judged_model import JudgedModel
from fedcredit_models.saved_model import canonical_text
from fedcredit_parties.errors import ConfigError, SchemaMismatchError
from tests.models.monitored_rows import FEATURES, MONTHS, applications, models

MONTHLY: dict[str, Any] = {"period_column": "opened", "periods": "2024-01..2024-06"}


def question(**changes: Any) -> fc.Evaluation:
    fields: dict[str, Any] = {
        "purpose": "modelling",
        "label": "bad",
        "model": models()[0].model,
        "run_deadline_s": 60,
    }
    return fc.Evaluation(**fields | changes)


@pytest.fixture(scope="module")
def banks() -> Iterator[fc.Federation]:
    frames = {f"bank-{i}": applications(i + 1, 500, drifted=True) for i in range(3)}
    with fc.Federation.simulate(frames, seed=7, quiet=True) as federation:
        yield federation


@pytest.fixture(scope="module")
def trained(banks: fc.Federation) -> fc.TrainingResult:
    return banks.run(
        fc.HorizontalJob(purpose="modelling", label="bad", features=FEATURES, run_deadline_s=60)
    )


@pytest.fixture(scope="module")
def result(banks: fc.Federation, trained: fc.TrainingResult) -> fc.EvaluationResult:
    return banks.run(question(model=trained, segment="product", group="sex", **MONTHLY))


def test_a_result_that_a_run_gave_back_is_judged_and_recognised(
    trained: fc.TrainingResult, result: fc.EvaluationResult
) -> None:
    described = result.file.models["champion"]
    assert described.kind == "scorecard"
    assert described.registered == trained.file.entries.model
    assert set(described.features) <= set(FEATURES)


def test_the_bands_that_training_released_are_the_baseline(
    trained: fc.TrainingResult, result: fc.EvaluationResult
) -> None:
    bands = JudgedModel.of(trained).bands
    released = trained.file.metrics["train"].bands
    assert [n for _, n in bands] == [band.n for band in released]
    assert all(end % 750_000_000 == 0 for end, _ in bands)
    assert result.file.drift is not None
    assert result.file.drift.baseline == result.file.drift.feature_baseline == "training"
    assert result.file.drift.months[0].population_stability is not None


def test_the_hold_out_that_is_judged_is_the_one_that_was_kept_out(
    banks: fc.Federation, trained: fc.TrainingResult, tmp_path: Path
) -> None:
    """Without an id column the job's columns draw it; columns of the slices change nothing."""
    saved = trained.save(tmp_path)

    for model in (trained, saved):
        judged = banks.run(
            question(model=model, group="sex", segment="product", rows="holdout", holdout=0.3)
        )
        assert judged.file.overall["champion"].n == trained.metrics["holdout"]["n"]
    assert judged.file.overall["champion"].bads == trained.metrics["holdout"]["bads"]


def test_a_hold_out_that_nobody_can_draw_again_is_not_judged(trained: fc.TrainingResult) -> None:
    with pytest.raises(ConfigError, match="drawn_by: without an id_column"):
        question(model=trained.model, rows="holdout", holdout=0.3)
    named = question(model=trained.model, rows="holdout", holdout=0.3, drawn_by=FEATURES)
    assert named.drawn_by == tuple(FEATURES)
    with pytest.raises(ConfigError, match="drawn_by: the champion reads age, income, too"):
        question(model=trained.model, rows="holdout", holdout=0.3, drawn_by=["product"])


def test_a_notebook_gets_tables(result: fc.EvaluationResult) -> None:
    assert result.overall.loc["n", "champion"] == 1500
    assert list(result.by("group").index) == ["f", "m"]
    assert list(result.by("period").index) == list(MONTHS)
    assert list(result.drift.index) == list(MONTHS)
    assert set(result.feature_drift.columns) == set(MONTHS)
    assert result.cutoffs.loc["champion", "asked_approval_rate"] == 0.8
    assert result.table("gains")["captured"].iloc[-1] == pytest.approx(1.0)
    assert result.comparison.empty
    for wrong in (lambda: result.by("colour"), lambda: result.table("colour")):
        with pytest.raises(ValueError, match="no"):
            wrong()


def test_a_notebook_shows_charts_and_escapes_what_it_shows(result: fc.EvaluationResult) -> None:
    shown = result._repr_html_()
    assert shown.count("<svg") == 3
    assert "<script" not in shown
    assert "drift: act" in shown
    assert "EvaluationResult" in repr(result)
    assert "champion AUC" in result.summary()


def test_it_is_saved_and_read_back(result: fc.EvaluationResult, tmp_path: Path) -> None:
    path = result.save(tmp_path / "kept")
    again = fc.EvaluationResult.load(tmp_path / "kept")
    assert again.file == result.file == EvaluationFile.load(path)
    assert len(list((tmp_path / "kept" / "openings").iterdir())) == 1
    assert again.overall.equals(result.overall)


def test_its_evidence_is_one_file(result: fc.EvaluationResult, tmp_path: Path) -> None:
    assert result.evidence(tmp_path / "package.zip", disclose=("result",)).is_file()


@pytest.mark.parametrize("text", ["{}", "no json", '{"format": "fedcredit-result/v1"}'])
def test_what_is_no_saved_evaluation_is_refused(text: str) -> None:
    with pytest.raises(JobError, match="fedcredit-evaluation/v1"):
        EvaluationFile.parse(text)


def test_drift_stops_a_pipeline_that_asks(result: fc.EvaluationResult) -> None:
    assert (result.verdict, result.exit_code) == ("act", 81)
    with pytest.raises(DriftToActOnError, match="not steady") as caught:
        result.demand_steady()
    assert "2024-05" in caught.value.found
    assert isinstance(caught.value, DriftToWatchError)


def test_higher_limits_ask_for_less(banks: fc.Federation) -> None:
    found = banks.run(question(watch=50.0, act=60.0, **MONTHLY))
    assert found.file.drift is not None
    assert {part.verdict for part in found.file.drift.features} == {"steady"}


def test_a_model_is_taken_from_wherever_it_lies(trained: fc.TrainingResult, tmp_path: Path) -> None:
    trained.save(tmp_path)
    (tmp_path / "card.json").write_text(trained.model.to_json(), "utf-8")
    found = [
        JudgedModel.of(given)
        for given in (
            trained,
            trained.model,
            trained.model.to_json(),
            tmp_path,
            str(tmp_path / "result.json"),
            tmp_path / "card.json",
        )
    ]
    assert len({model.saved.digest for model in found}) == 1
    assert [bool(model.bands) for model in found] == [True, False, False, True, True, False]


@pytest.mark.parametrize(
    "given",
    [fc.Scorecard(), 7, "nowhere.json", '{"format": "a"}', "{"],
    ids=["unfitted", "number", "no file", "no model", "no json"],
)
def test_what_is_no_model_is_refused(given: object) -> None:
    with pytest.raises(JobError, match="no model"):
        question(model=given)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"period_column": "opened"}, "periods"),
        ({"period_column": "opened", "periods": "2024-06..2024-01"}, "periods"),
        ({"period_column": "opened", "periods": "2024-06"}, "periods"),
        ({"segments": ["a"]}, "segments: needs a segment"),
        ({"groups": "women"}, "groups - must be a list"),
        ({"rows": "holdout"}, "no hold-out"),
        ({"rows": "oot"}, "out of time"),
        ({"watch": 0.5}, "watch: must not be above"),
        ({"approval_rate": 1.5}, "approval_rate"),
        ({"features": ["income"]}, "no features"),
        ({"perods": "2024-01..2024-02"}, "did you mean periods"),
        ({**MONTHLY, "time_column": "closed"}, "period_column"),
        ({"segment": "sex", "group": "sex"}, "a column can be in one of them only"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        question(**changes)


def test_a_column_of_numbers_has_no_levels(banks: fc.Federation) -> None:
    with pytest.raises(SchemaMismatchError, match="no levels"):
        banks.run(question(segment="age"))


def _write(folder: Path, **more: Any) -> Path:
    """Write a file with its tables and models beside."""
    for i in range(3):
        applications(i + 1, 400).to_csv(folder / f"bank-{i}.csv", index=False)
    card, trees = models()
    (folder / "card.json").write_text(canonical_text(card.model), "utf-8")
    (folder / "trees.json").write_text(canonical_text(trees.model), "utf-8")
    fields = {
        "purpose": "modelling", "label": "bad", "model": "card.json", "run_deadline_s": 60,
    } | more  # fmt: skip
    lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
    lines += ["[parties]", *(f'bank-{i} = "bank-{i}.csv"' for i in range(3))]
    (folder / "monitor.toml").write_text("\n".join(lines), "utf-8")
    return folder / "monitor.toml"


@pytest.mark.long
def test_monitor_ends_with_the_verdict_and_saves_the_evaluation(tmp_path: Path) -> None:
    file = _write(tmp_path, **MONTHLY, watch=50.0, act=60.0)
    done = CliRunner().invoke(app, ["monitor", str(file), "--quiet", "--json"])
    said = json.loads(done.stdout)
    # Only the calibration can ask for anything at these limits.
    expected = {"steady": 0, "watch": 80, "act": 81}[said["verdict"]]
    assert done.exit_code == said["exit_code"] == expected
    assert {reason for month in said["months"] for reason in month["reasons"]} <= {"calibration"}
    assert [month["period"] for month in said["months"]] == list(MONTHS)
    saved = EvaluationFile.load(Path(said["folder"]) / "evaluation.json")
    assert saved.run_id == said["run_id"]
    assert (Path(said["folder"]) / "ledger.db").is_file()
    assert [path.name for path in Path(said["folder"]).parent.iterdir()] == [said["run_id"]]


def test_validate_prints_both_models_and_the_tests(tmp_path: Path) -> None:
    file = _write(tmp_path, challenger="trees.json", group="sex", approval_rate=0.7)
    done = CliRunner().invoke(app, ["validate", str(file), "--quiet"])
    assert done.exit_code == 0, done.output
    for words in ("champion (scorecard)", "challenger (gbdt)", "DeLong", "McNemar", "by group"):
        assert words in done.stdout


def test_a_file_without_months_has_nothing_to_monitor(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["monitor", str(_write(tmp_path)), "--quiet"])
    assert done.exit_code == 40
    assert "period_column" in done.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not toml [", "cannot be read as TOML"),
        ('purpose = "modelling"\nlabel = "bad"\n', "model - is missing"),
        ('model = 3\npurpose = "modelling"\nlabel = "bad"\n', "path of a saved model"),
        ('model = "card.json"\npurpose = "modelling"\n[parties]\na = "a.csv"\n', "label"),
        ('model = "card.json"\npurpose = "modelling"\nlabel = "bad"\n', "parties - is missing"),
        ('model = "card.json"\nsead = 1\npurpose = "modelling"\nlabel = "bad"\n', "sead"),
    ],
)
def test_a_file_that_is_no_evaluation_is_refused(text: str, said: str, tmp_path: Path) -> None:
    _write(tmp_path)
    (tmp_path / "monitor.toml").write_text(text, "utf-8")
    done = CliRunner().invoke(app, ["validate", str(tmp_path / "monitor.toml")])
    assert done.exit_code == 11
    assert said in done.output


def test_the_frames_of_a_month_without_enough_rows_say_why(banks: fc.Federation) -> None:
    found = banks.run(question(period_column="opened", periods=["2024-01", "2031-01"]))
    frame = found.by("period")
    assert frame.loc["2031-01", "withheld"] == "no_rows"
    assert "other" in frame.index  # the months that nobody declared
    assert isinstance(frame, pd.DataFrame)
