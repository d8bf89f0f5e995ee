"""Looking at data and binning it in a notebook: what goes wrong is named, edits are counted."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fedcredit as fc
from fedcredit_models.information_value import LeakageWarning
from fedcredit_parties.errors import (
    ConfigError,
    DataError,
    SchemaMismatchError,
    SmallCellError,
)
from tests.simulated import small_federation


def frames() -> dict[str, pd.DataFrame]:
    """Return three banks; one column is empty everywhere, one level is at one bank only."""
    found = {}
    for bank in range(3):
        rng = np.random.default_rng(bank)
        n = 500
        income = rng.integers(1_000, 9_000, n).astype(float)
        eta = -1.0 + (4_000 - income) / 4_000
        bad = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
        found[f"bank-{bank}"] = pd.DataFrame(
            {
                "income": income,
                "job": rng.choice(["a", "b", "c"] if bank else ["a", "b"], n),
                "empty": np.nan,
                "collected": np.where(rng.random(n) < 0.9, bad, 1 - bad) * 100
                + rng.integers(0, 9, n),
                "opened": pd.Timestamp("2023-01-05")
                + pd.to_timedelta(rng.integers(0, 360, n), "D"),
                "bad": bad,
            }
        )
    return found


COLUMNS = ["income", "job", "empty", "collected"]


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    with small_federation(frames()) as federation:
        yield federation


@pytest.fixture(scope="module")
def seen(federation: fc.Federation) -> fc.SurveyResult:
    return fc.describe(federation, label="bad", features=COLUMNS)


def test_an_all_missing_column_is_described_and_left_out_by_name(seen: fc.SurveyResult) -> None:
    row = seen.table.loc["empty"]
    assert (row["n"], row["missing"]) == (0, 1_500)
    assert row["note"] == "holds no value"
    assert "empty: holds no value" in seen.remarks
    assert "empty" not in seen.binning.names


def test_a_leak_is_named_where_information_values_are_shown(seen: fc.SurveyResult) -> None:
    with pytest.warns(LeakageWarning, match="collected: information value"):
        assert seen.binning.iv().loc["collected", "band"] == "suspicious"
    assert any(remark.startswith("collected: information value") for remark in seen.remarks)


def test_a_level_that_one_bank_has_not_is_a_bin_like_any_other(seen: fc.SurveyResult) -> None:
    pooled = pd.concat(frames().values())
    fine = seen.binning.table("job", fine=True)
    assert dict(zip(fine["bin"], fine["n"], strict=True)) == (
        pooled["job"].value_counts().to_dict()
    )


def test_every_table_names_its_entry_and_who_learned_it(seen: fc.SurveyResult) -> None:
    assert list(seen.entries) == ["quantiles", "statistics"]
    assert "coarse and fine bins with their bad and good counts" in str(seen.disclosure)
    assert seen.is_final
    assert seen.document()["entries"] == seen.entries


def test_charts_and_tables_are_drawn_without_a_script(seen: fc.SurveyResult) -> None:
    html = seen._repr_html_()
    assert "<svg" in html and "<script" not in html
    assert "income: information value" in html and "correlations" in html
    hostile = fc.Binning.from_json(seen.binning.to_json().replace('"a", "b"', '"<b>a", "b"'))
    assert "<b>a" not in hostile._repr_html_().replace("<b>Binning", "")


def test_edited_bins_are_counted_again_by_the_federation(federation: fc.Federation) -> None:
    binning = fc.bin(federation, label="bad", features=["income", "job"])
    binning.cut("income", [2_500, 5_555]).group("job", [["a", "c"], ["b"]])
    again = fc.bin(federation, label="bad", binning=binning)
    pooled = pd.concat(frames().values())
    cut = pd.cut(pooled["income"], [0, 2_500, 5_555, 1e9])
    expected = pooled.groupby(cut, observed=True)["bad"].agg(["size", "sum"])
    table = again.table("income")
    assert table["n"].tolist() == expected["size"].tolist()
    assert table["bads"].tolist() == expected["sum"].tolist()
    assert again.table("job")["bin"].tolist() == ["a, c", "b"]
    assert again.cut("income", []).pending == ()  # its fine bins are still there


def test_a_scorecard_is_built_on_the_modellers_bins(federation: fc.Federation) -> None:
    binning = fc.bin(federation, label="bad", features=["income", "job"])
    binning.cut("income", [2_500, 5_555])
    job = fc.HorizontalJob(purpose="modelling", label="bad", binning=binning, holdout=0.0)
    card = federation.run(job).model
    assert card.tables_[0].raw.edges == (2_500.0, 5_555.0)
    counted = fc.bin(federation, label="bad", binning=binning)
    assert card.tables_[0] == counted.bins_of("income")


def test_a_bin_that_is_too_small_stops_the_run_by_name(federation: fc.Federation) -> None:
    binning = fc.bin(federation, label="bad", features=["income"]).cut("income", [1_010])
    with pytest.raises(SmallCellError) as caught:
        fc.bin(federation, label="bad", binning=binning)
    assert "the bin '≤ 1010' of income is below the federation's min_" in str(caught.value)
    assert "cut income elsewhere" in caught.value.remedy
    job = fc.HorizontalJob(purpose="modelling", label="bad", binning=binning)
    with pytest.raises(SmallCellError, match="≤ 1010"):
        federation.run(job)


def test_a_party_whose_column_has_another_type_is_named() -> None:
    tables = frames()
    tables["bank-1"]["income"] = tables["bank-1"]["income"].astype(str) + " EUR"
    with small_federation(tables) as federation, pytest.raises(SchemaMismatchError) as caught:
        fc.describe(federation, label="bad", features=["income"])
    assert "income is text in one table and numbers in another" in str(caught.value)


def test_times_that_cannot_be_read_are_named(federation: fc.Federation) -> None:
    with pytest.raises(DataError, match="time column job cannot be read as months"):
        fc.describe(
            federation,
            label="bad",
            features=["income"],
            time_column="job",
            periods="2023-01..2023-12",
        )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"periods": "2023"}, "must be a span of months"),
        ({"periods": "2023-01..2023-12"}, "periods: need a time_column"),
        ({"ages": [6]}, "a vintage table needs ages and a months_column"),
        ({"crosstabs": [("income", "nothing")]}, "pairs: each names two features"),
        ({"max_bin": 4}, "max_bin - there is no such field; did you mean max_bins"),
        ({"binning": "nowhere.json"}, "the binning nowhere.json cannot be read"),
        ({"binning": "{}"}, "what was given is no binning"),
        ({"binning": 3}, "binning must be a fedcredit.Binning"),
    ],
)
def test_a_survey_that_is_not_valid_says_which_field(
    federation: fc.Federation, fields: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        fc.describe(federation, label="bad", **({"features": ["income", "job"]} | fields))


def test_a_binning_of_another_declaration_is_refused(federation: fc.Federation) -> None:
    binning = fc.bin(federation, label="bad", features=["income"])
    other = fc.Binning.from_json(binning.to_json().replace('"upper": 9000.0', '"upper": 9999.0'))
    with pytest.raises(SchemaMismatchError, match="made for another declaration of income"):
        fc.bin(federation, label="bad", binning=other)
    with pytest.raises(ConfigError, match="the binning has no bins for job"):
        fc.HorizontalJob(purpose="modelling", label="bad", binning=binning, features=["job"])


def test_a_job_file_names_its_binning_beside_itself(
    federation: fc.Federation, tmp_path: Path
) -> None:
    binning = fc.bin(federation, label="bad", features=["income"])
    (tmp_path / "bins.json").write_text(binning.to_json())
    path = tmp_path / "job.toml"
    path.write_text('purpose = "modelling"\nlabel = "bad"\nbinning = "bins.json"\n')
    job = fc.HorizontalJob.from_toml(path)
    assert job.binning is not None and job.binning.to_json() == binning.to_json()
    assert job.features == ("income",)
