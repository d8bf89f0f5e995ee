"""Boosted trees as a job: from settings to the result, its report and its figures."""

import re
from pathlib import Path

import pytest

import fedcredit as fc
from fedcredit import ledger_file
from fedcredit.figure_names import figures_of
from fedcredit.figures import explain
from fedcredit.report import render
from fedcredit_models.schema import Schema
from fedcredit_parties.errors import ConfigError, PartyError
from tests.simulated import bank_frames, small_federation, small_job

MODEL = fc.Gbdt(n_trees=3, max_depth=2, min_rows=10)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[fc.TrainingResult, Path]:
    """One run of trees, with its ledger in a file."""
    ledger = tmp_path_factory.mktemp("trees") / "ledger.db"
    with small_federation(ledger=ledger) as federation:
        return federation.run(small_job(model=MODEL, run_deadline_s=60)), ledger


def test_the_result_is_a_fitted_model_that_scores_and_comes_back(
    saved: tuple[fc.TrainingResult, Path],
) -> None:
    result, _ = saved
    frame = bank_frames()["bank-0"].drop(columns="bad")

    again = fc.Gbdt.from_json(result.model.to_json())

    assert len(again.trees_) == 3
    assert (again.predict_proba(frame) == result.model.predict_proba(frame)).all()
    assert "more is" not in result.summary()  # nothing was asked to be monotone
    assert list(result.model.summary()) == ["feature", "splits", "rows", "share", "monotone"]
    assert result.model.summary()["share"].sum() == pytest.approx(1.0)


def test_what_was_released_is_told_phase_by_phase(saved: tuple[fc.TrainingResult, Path]) -> None:
    said = str(saved[0].disclosure)

    assert "6 x tree-level" in said
    assert "1 x tree-cells" in said


def test_every_number_of_the_report_leads_back_to_the_ledger(
    saved: tuple[fc.TrainingResult, Path],
) -> None:
    result, ledger = saved
    page = render(result.file, result.facts)
    lines = list(ledger_file.lines(ledger))
    shown = set(re.findall(r'data-figure="([^"]+)"', page))

    assert {"importance", "log-loss", "trees"} <= shown | set(figures_of(result.file))
    assert any(name.startswith("importance") for name in shown)
    for name in shown:
        assert explain(name, result.file, lines).openings


def test_the_figures_count_trees_and_splits(saved: tuple[fc.TrainingResult, Path]) -> None:
    result, _ = saved
    figures = figures_of(result.file)
    splits = [sum(not node.is_leaf for node in tree.nodes) for tree in result.model.trees_]

    assert figures["trees"].value == 3
    assert [figures[f"tree.{i}"].value for i in (1, 2, 3)] == splits
    assert sum(figures[f"splits.{n}"].value for n in ("income", "home", "age")) == sum(splits)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ({"min_rows": 9}, "min_rows"),
        ({"monotone": {"nobody": 1}}, "monotone"),
        ({"patience": 3}, "patience"),
    ],
    ids=str,
)
def test_settings_that_do_not_go_with_the_federation_are_named(
    model: dict[str, object], says: str
) -> None:
    job = small_job(model=fc.Gbdt(**model), holdout=0.0)
    schema = Schema(features=(fc.Feature("age", "numeric", lower=0, upper=99),), label="bad")
    with pytest.raises(ConfigError, match=says):
        job.task(schema, parties=("a", "b", "c"), policy=fc.DisclosurePolicy())


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"n_trees": 0}, "n_trees"),
        ({"bad_weight": "heavy"}, "bad_weight"),
        ({"monotone": {"age": 3}}, "monotone"),
        ({"depth": 3}, "there is no such field"),
    ],
    ids=str,
)
def test_a_wrong_model_table_is_refused_by_its_path(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=rf"model.*{says}|{says}"):
        fc.HorizontalJob.from_dict(
            {"purpose": "modelling", "label": "bad", "model": {"kind": "gbdt", **settings}}
        )


def test_a_table_with_text_where_numbers_belong_is_named() -> None:
    frames = bank_frames()
    schema = fc.Schema(
        features=(
            fc.Feature("age", "numeric", lower=0, upper=99),
            fc.Feature("income", "numeric", lower=0, upper=1e5),
        ),
        label="bad",
    )
    frames["bank-1"]["income"] = "much"
    with small_federation(frames, schema=schema) as federation:
        with pytest.raises(PartyError, match="income") as caught:
            federation.run(small_job(model=MODEL))
    assert "much" not in str(caught.value)
