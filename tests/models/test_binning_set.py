"""The bins of all features: looked at, edited by hand, used."""

import numpy as np
import pandas as pd
import pytest

from fedcredit_models.binning import BinTable, count
from fedcredit_models.binning_set import Binning
from fedcredit_models.cell_rules import BinningRules, CellRules
from fedcredit_models.cells import RawCells
from fedcredit_models.errors import SchemaError
from fedcredit_models.fine_bins import refine
from fedcredit_models.fixed_bins import FixedBins
from fedcredit_models.information_value import LeakageWarning, band
from fedcredit_models.merging import merge, totals
from tests.models.workbench_data import FEATURES, JOB, rows

FRAME = rows(4_000)
Y = FRAME["bad"].to_numpy()
INCOME, VISITS = FEATURES[0], FEATURES[2]
EDGES = {"income": (1_500.0, 2_000.0, 3_000.0, 4_500.0, 6_000.0), "visits": (1.0, 3.0, 5.0)}


def binned() -> Binning:
    """Return coarse and fine bins of three features of the rows."""
    coarse, fine = [], []
    for feature in (INCOME, VISITS, JOB):
        raw = RawCells(feature, EDGES.get(feature.name, ()))
        bads, goods = (part.tolist() for part in count(raw, FRAME[feature.name], Y))
        for table, assignment in (
            (coarse, merge(raw, bads, goods, BinningRules())),
            (fine, None),
        ):
            if assignment is None:
                assignment = refine(raw, coarse[-1].assignment, bads, goods, CellRules())
            table.append(
                BinTable(raw, assignment, totals(assignment, bads), totals(assignment, goods))
            )
    return Binning(coarse, fine=fine, dropped={"ratio": "constant"})


def by_pandas(codes: "pd.Series[int]") -> list[tuple[int, int]]:
    """Return subjects and bads of each code."""
    found = pd.DataFrame({"code": codes, "bad": Y}).groupby("code")["bad"].agg(["size", "sum"])
    return [(int(n), int(bads)) for n, bads in found.to_numpy()]


def test_an_edit_that_joins_fine_bins_has_its_counts_at_once() -> None:
    binning = binned().cut("income", [2_000, 4_500])
    assert binning.pending == ()
    expected = by_pandas(pd.cut(FRAME["income"], [-1, 2_000, 4_500, 1e9]).cat.codes)
    table = binning.table("income")
    assert list(zip(table["n"], table["bads"], strict=True)) == expected
    assert table["bin"].tolist() == ["≤ 2000", "(2000, 4500]", "> 4500"]


def test_any_other_edit_waits_to_be_counted_and_is_not_used_before() -> None:
    binning = binned().cut("income", [2_222])
    assert binning.pending == ("income",)
    table = binning.table("income")
    assert table["n"].isna().all() and table["bin"].tolist() == ["≤ 2222", "> 2222"]
    assert "income" not in binning.iv().index
    with pytest.raises(ValueError, match=r"the edited bins of income have no counts yet"):
        binning.transform(FRAME)


def test_levels_are_grouped_and_counted_from_their_fine_bins() -> None:
    binning = binned().group("job", [["a", "b"], ["c"]])
    expected = by_pandas((FRAME["job"] == "c").astype(int))
    table = binning.table("job")
    assert list(zip(table["n"], table["bads"], strict=True)) == expected
    assert table["bin"].tolist() == ["a, b", "c"]


def test_missing_values_and_codes_keep_their_place_unless_they_are_sent_elsewhere() -> None:
    apart = binned().cut("visits", [3]).table("visits")["bin"].tolist()
    assert apart == ["≤ 3", "> 3", "missing", "-9"]
    joined = binned().cut("visits", [3], missing=1).table("visits")["bin"].tolist()
    assert joined == ["≤ 3", "> 3 or missing", "-9"]
    raw = RawCells(VISITS, (3.0,))
    with_values = Binning([BinTable(raw, (0, 1, 1, -1), (20, 30), (50, 50))])
    moved = with_values.cut("visits", [2, 5]).plan[0]
    assert moved.assignment == (0, 1, 2, 2, -1)  # missing was with > 3, which ends above 5


def test_edits_are_all_carried_out_or_none() -> None:
    binning = binned()
    before = binning.to_json()
    with pytest.raises(ValueError, match="job: in no group: b"):
        binning.edit(cut={"income": [3_000]}, group={"job": [["a"], ["c"]]})
    assert binning.to_json() == before
    binning.edit(cut={"income": [3_000]}, drop=["job"])
    assert binning.names == ("income", "visits")
    assert binning.dropped["job"] == "left out by hand"


@pytest.mark.parametrize(
    ("name", "edges", "said"),
    [
        ("income", [3000, 2000], "must be finite and increase"),
        ("income", [200_000], "cuts lie within its bounds, 0 to 100000"),
        ("job", [1], r'job is a category: use group\("job"'),
        ("salary", [1], "no feature salary; it has income, visits, job"),
        ("ratio", [1], r"it is left out \(constant\)"),
    ],
)
def test_wrong_cuts_are_named(name: str, edges: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        binned().cut(name, edges)


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([["a", "b"], ["c", "x"]], "not among its declared levels: x"),
        ([["a", "b"], ["b", "c"]], "in two groups: b"),
        ([["a"], ["b"]], "in no group: c"),
    ],
)
def test_wrong_groups_are_named(groups: list[list[str]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        binned().group("job", groups)
    with pytest.raises(ValueError, match=r'income is a number: use cut\("income"'):
        binned().group("income", groups)


def test_rows_get_the_weight_of_evidence_of_their_bin() -> None:
    found = binned().group("job", [["a", "b"], ["c"]]).transform(FRAME)
    (n_low, bads_low), (n_high, bads_high) = by_pandas((FRAME["job"] == "c").astype(int))
    goods_low, goods_high = n_low - bads_low, n_high - bads_high
    goods, bads = goods_low + goods_high + 1, bads_low + bads_high + 1
    low = np.log((goods_low + 0.5) / goods) - np.log((bads_low + 0.5) / bads)
    high = np.log((goods_high + 0.5) / goods) - np.log((bads_high + 0.5) / bads)
    assert found["job"].to_numpy() == pytest.approx(np.where(FRAME["job"] == "c", high, low))
    assert found.index.equals(FRAME.index)


def test_unseen_levels_have_weight_zero_and_wrong_tables_are_named() -> None:
    frame = FRAME.head(3).assign(job=["zzz", "a", None])
    assert binned().transform(frame)["job"].tolist()[0] == 0.0
    with pytest.raises(SchemaError, match="no column income"):
        binned().transform(FRAME.drop(columns="income"))
    with pytest.raises(SchemaError, match="income does not hold numbers"):
        binned().transform(FRAME.assign(income="much"))


def test_a_leak_is_warned_of_by_name() -> None:
    leak = BinTable(RawCells(INCOME, (1_000.0,)), (0, 1, -1), (90, 10), (10, 90))
    binning = Binning([leak])
    with pytest.warns(LeakageWarning, match=r"^income: information value 3\.\d\d is above 0.5"):
        table = binning.iv()
    assert table.loc["income", "band"] == "suspicious"
    assert list(binning.suspicious) == ["income"]


def test_information_values_have_their_customary_words() -> None:
    words = [band(x) for x in (0.0199, 0.02, 0.0999, 0.1, 0.2999, 0.3, 0.5, 0.51)]
    assert words == [
        "none", "weak", "weak", "medium", "medium", "strong", "strong", "suspicious",
    ]  # fmt: skip


def test_a_partys_own_rows_are_compared_with_the_bins_of_all() -> None:
    binning = binned()
    whole = binning.stability(FRAME)
    assert whole["csi"].tolist() == pytest.approx([0.0] * 3)
    rich = FRAME[FRAME["income"] > 3_000]
    found = binning.stability(rich)
    assert found.loc["income", "verdict"] == "act"
    e, a = FRAME["job"].value_counts(normalize=True), rich["job"].value_counts(normalize=True)
    groups = [b.split(", ") for b in binning.table("job")["bin"]]
    shares = [(e[g].sum(), a[g].sum()) for g in groups]
    expected = sum((x - y) * np.log(x / y) for y, x in shares)
    assert found.loc["job", "csi"] == pytest.approx(expected)


def test_json_reads_back_to_the_last_bit_also_with_edits_that_wait() -> None:
    binning = binned().cut("income", [2_222])
    again = Binning.from_json(binning.to_json())
    assert again.to_json() == binning.to_json()
    assert again.pending == ("income",)
    assert again.cut("income", [2_000]).pending == ()  # its fine bins were read too


@pytest.mark.parametrize("change", ['"format": "x"', '"woe_sign": "ln(bad/good)"', '"more": 1'])
def test_json_that_is_no_binning_is_refused(change: str) -> None:
    name = change.split(":")[0]
    text = binned().to_json()
    start = text.find(name)
    edited = (
        text[:start] + change + text[text.find(",", start) :]
        if start >= 0
        else (text[:-1] + f", {change}}}")
    )
    with pytest.raises(ValueError, match=r"^binning: "):
        Binning.from_json(edited)


def test_fixed_bins_name_the_bin_that_may_not_be_released() -> None:
    bins = FixedBins("income", (2_000.0,), (0, 1, -1))
    assert bins.broken(INCOME, [10, 10, 0], [90, 90, 0], CellRules()) is None
    assert bins.broken(INCOME, [9, 10, 0], [90, 90, 0], CellRules()) == ("≤ 2000", "min_bads")


def test_fixed_bins_leave_no_row_without_a_bin() -> None:
    bins = FixedBins("income", (2_000.0,), (0, 1, -1))
    assert not bins.leaves_rows([10, 10, 0], [90, 90, 0])
    assert bins.leaves_rows([10, 10, 50], [90, 90, 50])
    assert bins.leaves_rows([10, 10, 0], [90, 90, 1])
