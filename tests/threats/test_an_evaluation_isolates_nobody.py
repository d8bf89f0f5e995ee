"""Judging a model tells nobody how a few rows ended, whatever the model and the slices.

The attacker asks: a model whose score singles out one row, by a large weight on rare bins or by a
branch of its own; a challenger that moves one row; slices that hold few rows, or all but few. What
it learns is compared for both outcomes of that row: they must look the same, or the run is refused.
The weak variant of each is the figure without the rule; what two
evaluations of two such models say together is told in SECURITY.md.
"""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fedcredit as fc
from fedcredit_models import evaluation_figures, metrics
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.cells import RawCells
from fedcredit_models.delong import auc_difference
from fedcredit_models.drift import drift_index
from fedcredit_models.evaluating import EvaluationPlan
from fedcredit_models.feature import Feature
from fedcredit_models.gbdt import Gbdt
from fedcredit_models.saved_model import canonical_text, read_model
from fedcredit_models.score_bands import ScoreGrid, ScoreHistogram
from fedcredit_models.scorecard import Scorecard
from fedcredit_models.slicing import Slicing
from fedcredit_models.trees import LEAF_BITS, Node, Tree
from fedcredit_parties.errors import ConfigError, SteepModelError
from fedcredit_parties.packed_model import pack_model
from tests.models.monitored_rows import applications, models
from tests.parties.test_evaluation import FEATURES, task

TENS = CellRules(10, 10, 10)
VICTIM = 3
"""Place of the row that the attacker is after; he knows its income."""


def rows() -> pd.DataFrame:
    frame = applications(1, 900)
    frame.loc[VICTIM, "income"] = 999_999.0
    return frame


def outcomes(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the table with the victim good, and with the victim bad."""
    return [frame.assign(bad=frame["bad"].where(frame.index != VICTIM, y)) for y in (0, 1)]


def singling_out(lift: float) -> Any:
    """Return trees that score everybody alike, but the rows with an income above 900 000."""
    cells = RawCells(Feature("income", "numeric", lower=0.0, upper=1e6), (900_000.0,))
    unit = 1 << LEAF_BITS
    tree = Tree(
        (
            Node(n=900, feature=0, left=(0,), children=(1, 2)),
            Node(n=899, value=0),
            Node(n=1, value=round(lift * unit)),
        )
    )
    return read_model(Gbdt.from_parts([cells], -unit, [tree]).to_json())


def released(plan: EvaluationPlan, frame: pd.DataFrame, rules: CellRules = TENS) -> dict[str, Any]:
    sums = plan.sums(frame, frame["bad"].to_numpy())
    return evaluation_figures.release(plan, sums, rules, approval_rate=0.8)


@pytest.mark.parametrize("lift", [2.0, -6.0, 12.0])
def test_a_score_that_singles_out_one_row_says_no_more_than_one_that_is_the_same_for_all(
    lift: float,
) -> None:
    for table in outcomes(rows()):
        found = released(EvaluationPlan(singling_out(lift)), table)["champion"]
        alike = released(EvaluationPlan(singling_out(0.0)), table)["champion"]
        assert [band["n"] for band in found["bands"]] == [len(table)]
        assert len(found["roc"]) == 2
        assert found["cut"] == {"withheld": "no_cut"}
        ends = ("bands",)  # printed ends: multiples of 0.75 beyond which less than ten rows lie
        assert {k: v for k, v in found.items() if k not in ends} == {
            k: v for k, v in alike.items() if k not in ends
        }


def test_without_the_medians_its_auc_and_its_brier_score_would_show_the_outcome() -> None:
    aucs, briers = [], []
    model = singling_out(3.0)
    for table in outcomes(rows()):
        y = table["bad"].to_numpy()
        sums = metrics.score_sums(model.scores(table), y, ScoreGrid())
        aucs.append(metrics.auc(sums["bads"], sums["goods"]) > 0.5)  # type: ignore[arg-type]
        p_low, p_high = 1 / (1 + np.exp(1.0)), 1 / (1 + np.exp(-2.0))
        with_victim = float(sums["sum_py"])  # type: ignore[arg-type]
        briers.append(round((with_victim - p_low * y.sum()) / (p_high - p_low)))
    assert aucs == [False, True]
    assert briers == [0, 1]


def test_a_few_decoys_do_not_make_a_group_of_the_victim() -> None:
    """With nine others in its cell the victim is one of ten, but not of ten bads and ten goods."""
    frame = rows()
    frame.loc[range(12), "income"] = 999_999.0
    for table in outcomes(frame):
        found = released(EvaluationPlan(singling_out(5.0)), table)["champion"]
        assert found["auc_nano"] == 500_000_000
        assert found["recalibration"] == {}


def test_figures_have_too_few_digits_to_be_solved_for_the_outcomes_of_thirty_places() -> None:
    found = released(EvaluationPlan(models()[0]), rows())["champion"]
    told = [found[f"{name}_nano"] for name in ("auc", "ks", "brier", "gini_low", "gini_high")]
    told += [value for name, value in found["recalibration"].items() if "bound" not in name]
    assert all(value % 10_000 == 0 for value in told)


def test_a_steep_model_is_refused_by_the_parties_and_the_run_fails() -> None:
    card = json.loads(canonical_text(models()[0].model))
    card["coefficients"][1] = -400.0
    text = json.dumps(card)
    Scorecard.from_json(text)  # well-formed: it is only too steep
    frames = {f"bank-{i}": applications(i + 1, 300) for i in range(3)}
    with fc.Federation.simulate(frames, seed=7, quiet=True) as banks:
        question = fc.Evaluation(purpose="modelling", label="bad", model=text, run_deadline_s=20)
        with pytest.raises(SteepModelError, match="too steep"):
            banks.run(question)


def test_a_score_beyond_all_odds_is_not_evaluated() -> None:
    model = singling_out(40.0)
    frame = rows()
    assert model.is_probe(model.scores(frame))
    assert not model.is_probe(model.scores(frame.drop(index=VICTIM)))


def test_a_challenger_that_moves_one_row_is_withheld_with_its_figures() -> None:
    champion, grid = models()[0], EvaluationPlan(models()[0], models()[1])
    for table in outcomes(rows()):
        eta = champion.scores(table)
        moved = eta.copy()
        moved[VICTIM] += 5.0
        sums = grid.sums_of({"champion": eta, "challenger": moved}, table, table["bad"].to_numpy())
        found = evaluation_figures.release(grid, sums, TENS, approval_rate=0.8)
        assert found["challenger"] == found["comparison"] == {"withheld": "too_alike"}


def test_without_that_rule_the_difference_of_two_aucs_would_show_its_outcome() -> None:
    plan = EvaluationPlan(models()[0], models()[1])
    signs = []
    for table in outcomes(rows()):
        y = table["bad"].to_numpy()
        eta = models()[0].scores(table)
        moved = eta.copy()
        moved[VICTIM] += 5.0
        sums = plan.sums_of({"champion": eta, "challenger": moved}, table, y)
        parts = [{x: sums[f"{r}.{x}"] for x in ("bads", "goods")} for r in plan.models]
        joint = {x: np.asarray(sums[f"joint.{x}"]) for x in ("bads", "goods")}
        found = auc_difference(*parts, joint, plan.joint_grid)  # type: ignore[arg-type]
        signs.append(np.sign(found.difference))
    assert signs == [-1.0, 1.0]


@pytest.mark.parametrize("few", [1, 9])
def test_a_slice_of_few_rows_is_not_told_and_cannot_be_subtracted(few: int) -> None:
    frame = rows()
    rng = np.random.default_rng(few)
    frame["sex"] = rng.choice(["f", "m"], len(frame))
    frame.loc[range(few), "sex"] = "x"
    slicing = Slicing("group", "sex", ("f", "m", "x"))
    found = released(EvaluationPlan(models()[0], None, (slicing,)), frame)
    told = [part for part in found["group"] if "n" in part]
    assert len(told) == 1
    untold = len(frame) - told[0]["n"]
    assert untold >= 10
    assert found["group"][2] == {"withheld": "min_subjects"}


def test_without_the_second_rule_total_less_the_others_would_be_the_few() -> None:
    frame = rows()
    frame.loc[range(5), "sex"] = "x"
    total = len(frame)
    others = [int((frame["sex"] == level).sum()) for level in ("f", "m")]
    assert total - sum(others) == 5


def test_a_month_of_few_rows_says_nothing_of_what_it_holds() -> None:
    frame = rows()
    frame.loc[:7, "opened"] = "2023-12-01"
    months = ("2023-12", "2024-01", "2024-02")
    slicing = Slicing("period", "opened", months)
    found = [
        released(EvaluationPlan(models()[0], None, (slicing,)), table)["period"][0]
        for table in outcomes(frame)
    ]
    assert found == [{"withheld": "min_subjects"}] * 2


def test_an_index_is_the_same_whether_a_bin_holds_nobody_or_the_victim() -> None:
    """The month's rows are told, so the other bins hold the total less the few."""

    def indices(least: int, rest: int, *more: int) -> set[float | None]:
        baseline = [50, 450, *[100] * len(more)]
        return {drift_index(baseline, [n, rest - n, *more], least=least) for n in range(10)}

    assert indices(10, 500) == {None}
    assert len(indices(10, 500, 300)) == 1
    assert len(indices(1, 500)) == len(indices(1, 500, 300)) == 9 + 1


@pytest.mark.parametrize("few", [0, 1, 9])
def test_a_models_own_bin_of_few_rows_is_not_told_month_by_month(few: int) -> None:
    """The bin of the highest incomes is one that the attacker has drawn around the victim."""
    frame = rows()
    frame["income"] = frame["income"].clip(upper=800_000.0)
    second = frame.index[frame["opened"].str.startswith("2024-02")]
    frame.loc[second[:few], "income"] = 999_999.0
    slicing = Slicing("period", "opened", ("2024-01", "2024-02"))
    found = released(EvaluationPlan(singling_out(2.0), None, (slicing,)), frame)["period"][1]
    assert found["n"] == len(second)
    assert found["feature_index_nano"] == ["one_cell"]
    assert found["index_nano"] == "one_cell"


def test_a_model_that_divides_one_column_twice_is_not_judged() -> None:
    """Rows below the second cut less rows below the first would be those between."""
    income = Feature("income", "numeric", lower=0.0, upper=1e6)
    cells = [RawCells(income, (900.0,)), RawCells(income, (901.0,))]
    twice = read_model(Gbdt.from_parts(cells, -1, [Tree((Node(n=900, value=0),))]).to_json())
    with pytest.raises(ValueError, match="one division into cells"):
        EvaluationPlan(twice)


def test_one_column_is_not_divided_twice() -> None:
    """Other of the one partition less a slice of the other would be the rows of a hidden level."""
    twice = (Slicing("segment", "product", ("car",)), Slicing("group", "product", ("cash",)))
    with pytest.raises(ValueError, match="in one of them only"):
        EvaluationPlan(models()[0], None, twice)
    with pytest.raises(ConfigError, match="in one of them only"):
        fc.Evaluation(
            purpose="modelling", label="bad", model=models()[0].model, segment="sex", group="sex"
        )


def test_without_that_rule_the_difference_of_two_partitions_would_be_a_hidden_level() -> None:
    frame = rows()
    frame["product"] = np.where(frame.index % 2, "car", "cash")
    frame.loc[range(5), "product"] = "boat"
    told = []
    for slicing, place in (
        (Slicing("segment", "product", ("car",)), 1),
        (Slicing("group", "product", ("cash",)), 0),
    ):
        found = released(EvaluationPlan(models()[0], None, (slicing,)), frame)
        told.append(found[slicing.by][place]["n"])
    assert told[0] - told[1] == 5


@pytest.mark.parametrize(
    ("columns", "said"),
    [(("product",), "champion reads age, income, too"), (("income", "age"), "champion reads prod")],
)
def test_a_hold_out_is_not_drawn_by_a_column_that_the_requester_picks(
    columns: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        task(rows="holdout", holdout=0.3, drawn_by=columns)
    with pytest.raises(ConfigError, match=said):
        fc.Evaluation(
            purpose="modelling", label="bad", model=models()[0].model, rows="holdout",
            holdout=0.3, drawn_by=columns,
        )  # fmt: skip


def test_nor_by_the_one_column_that_a_model_of_its_own_reads() -> None:
    packed = pack_model(canonical_text(singling_out(2.0).model))
    with pytest.raises(ValueError, match="fewer than 2 numbers draw a hold-out"):
        task(
            champion=packed, challenger="", features=FEATURES[:1], partitions=(), rows="holdout",
            holdout=0.3,
        )  # fmt: skip


def test_fine_histograms_never_leave() -> None:
    """The release has no list as long as a grid, and no count below the rules."""
    frame = rows()
    slicing = Slicing("segment", "product", ("car", "cash"))
    plan = EvaluationPlan(models()[0], models()[1], (slicing,))
    found = released(plan, frame)

    def lists(value: Any) -> Any:
        if isinstance(value, dict):
            for part in value.values():
                yield from lists(part)
        elif isinstance(value, list):
            yield len(value)
            for part in value:
                yield from lists(part)

    assert max(lists(found)) <= 34
    grid = ScoreGrid()
    eta, y = models()[0].scores(frame), frame["bad"].to_numpy()
    cells = [np.bincount(grid.cell_of(eta[y == k]), minlength=grid.cells) for k in (1, 0)]
    histogram = ScoreHistogram(cells[0].tolist(), cells[1].tolist(), grid, TENS)
    assert all(histogram.passes(*cell) for cell in histogram.nested_cells()[1])
