"""``benchmarks/table.py --check`` fails when a set, a model or a gain is not there."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(name="table")
def table_fixture(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    import table

    return table


@pytest.fixture(name="whole")
def whole_fixture(table: ModuleType) -> dict[str, Any]:
    """A result in which everything is there and nobody is worse off, made by hand."""
    rows = []
    for name in table.SETS:
        recipe = table.RECIPES[name]
        for partition in recipe.partitions:
            for model in table.MODELS:
                auc = recipe.bars.hgb if model == "gbdt" else recipe.bars.woe
                rows.append(
                    {
                        "set": name,
                        "partition": partition,
                        "model": model,
                        "rows": 682 if name == "berka_static" else 30_000,
                        "federated": auc,
                        "pooled": auc,
                        "worse_off": [],
                    }
                )
    return {"rows": rows}


def _row(whole: dict[str, Any], *case: str) -> dict[str, Any]:
    return next(
        row for row in whole["rows"] if (row["set"], row["partition"], row["model"]) == case
    )


def test_a_whole_table_passes(table: ModuleType, whole: dict[str, Any]) -> None:
    assert table.failures(whole) == []


def test_every_set_of_the_recipes_but_the_demo_is_in_the_table(table: ModuleType) -> None:
    assert {*table.SETS, "demo"} == set(table.RECIPES)
    assert set(table.LEFT_OUT) == {"cumcm_sme", "berka_cashflow"}


def test_a_missing_set_is_named(table: ModuleType, whole: dict[str, Any]) -> None:
    whole["rows"] = [row for row in whole["rows"] if row["set"] != "heloc"]

    assert table.failures(whole) == ["heloc: the set is missing"]


def test_a_missing_model_is_named_with_its_partition(
    table: ModuleType, whole: dict[str, Any]
) -> None:
    whole["rows"].remove(_row(whole, "hmeq", "iid15", "gbdt"))

    assert table.failures(whole) == ["hmeq, iid15: the gbdt is missing"]


def test_a_model_that_the_rules_did_not_let_be_made_needs_the_reason(
    table: ModuleType, whole: dict[str, Any]
) -> None:
    row = _row(whole, "german", "iid5", "network")
    del row["federated"]

    assert table.failures(whole) == ["german, iid5: the network has no figures and no reason"]
    row["not_run"] = "every party is below the floor"
    assert table.failures(whole) == []


def test_a_party_that_is_worse_off_than_alone_is_named_with_its_interval(
    table: ModuleType, whole: dict[str, Any]
) -> None:
    party = {"party": "bank-3", "bads": 30, "difference": -0.03, "interval": [-0.05, -0.01]}
    _row(whole, "sba_case", "bank", "card")["worse_off"] = [party]

    (found,) = table.failures(whole)

    assert found.startswith("sba_case, bank, card: bank-3 is worse off than alone by 0.0300")


@pytest.mark.parametrize(
    ("case", "off", "fails"),
    [
        (("taiwan_default", "iid15", "plain card"), 0.0021, True),
        (("taiwan_default", "iid15", "plain card"), -0.0021, True),
        (("taiwan_default", "iid15", "plain card"), 0.0019, False),
        (("taiwan_default", "iid15", "gbdt"), -0.0051, True),
        (("taiwan_default", "iid15", "gbdt"), 0.0051, False),
        (("berka_static", "region", "gbdt"), -0.0149, False),
        (("berka_static", "region", "gbdt"), -0.0151, True),
        (("berka_static", "region", "card"), -0.2, False),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else str(value),
)
def test_a_figure_outside_its_published_bar_is_named(
    table: ModuleType, whole: dict[str, Any], case: tuple[str, str, str], off: float, fails: bool
) -> None:
    row = _row(whole, *case)
    row["federated"] += off
    row["pooled"] += off

    assert [line.partition(":")[0] for line in table.failures(whole)] == (
        [", ".join(case)] if fails else []
    )


def test_sums_that_are_not_those_of_the_pool_are_named(
    table: ModuleType, whole: dict[str, Any]
) -> None:
    _row(whole, "sba_case", "bank", "card")["pooled"] += 0.0001

    (found,) = table.failures(whole)

    assert "of the pooled rows" in found


def test_the_command_leaves_with_1_and_says_why(
    table: ModuleType,
    whole: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "table.json"
    path.write_text(json.dumps(whole))
    table.checked(path)
    whole["rows"] = whole["rows"][1:]
    path.write_text(json.dumps(whole))

    with pytest.raises(SystemExit) as left:
        table.checked(path)

    assert left.value.code == 1
    assert "berka_static, region: the card is missing" in capsys.readouterr().out
