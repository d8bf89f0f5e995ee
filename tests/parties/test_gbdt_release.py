"""A run of boosted trees: its task, a sum's layout, what is released, what a reader believes."""

import copy
import json
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from fedcredit_models.schema import Feature
from fedcredit_parties.errors import (
    ConstantFeatureError,
    MalformedMessageError,
    PrecisionError,
    SeparableDataError,
    SmallCellError,
)
from fedcredit_parties.gbdt_course import GbdtCourse
from fedcredit_parties.gbdt_sums import GbdtSums
from fedcredit_parties.gbdt_task import GbdtTask
from fedcredit_parties.memory import pack, unpack
from fedcredit_parties.release import release
from fedcredit_parties.rows import Rows
from fedcredit_parties.tasks import parse_task

FEATURES = (
    Feature("income", "numeric", lower=0.0, upper=100.0, special=(-9.0,)),
    Feature("delay", "numeric", lower=0.0, upper=50.0),
    Feature("home", "categorical", levels=("own", "rent", "barge")),
)


def task(**changes: Any) -> GbdtTask:
    fields: dict[str, Any] = {
        "purpose": "modelling",
        "label": "bad",
        "features": FEATURES,
        "bad_definition_digest": "ab" * 32,
        "holdout": 0.3,
        "parties": ("a", "b", "c"),
        "min_parties": 3,
        "deadline_s": 60,
        "n_trees": 3,
        "max_depth": 2,
        "bins": 8,
        "learning_rate": 0.5,
        "grid_cells": 256,
        "score_cells": 1024,
    }
    return GbdtTask.model_validate(fields | changes)


def frame(seed: int, n: int = 500) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    income, delay = rng.uniform(1, 99, n), rng.poisson(2.0, n).astype(float)
    home = rng.choice(["own", "rent"], n).astype(object)
    eta = 0.5 * delay - 0.03 * income + (home == "rent") - 0.5
    bad = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    income[:3] = -9.0  # too few, even of all three parties
    return pd.DataFrame({"income": income, "delay": delay, "home": home, "bad": bad})


def rows(table: pd.DataFrame, what: GbdtTask) -> Rows:
    return Rows(
        table, what.table_schema, holdout=what.holdout, oot_from=what.oot_from, split_key=b"k" * 32
    )


def added(course: GbdtCourse, sides: list[tuple[Rows, GbdtSums]]) -> dict[str, NDArray[np.float64]]:
    """Return the sum of all parties through masks' arithmetic, as the key holder opens it."""
    bits, tensor = course.task.parameters.modulus_bits, course.tensor()
    total = np.zeros(tensor.n_slots, dtype=np.int64)
    for part, side in sides:
        addend = {"n": np.array([part.n_train]), "clipped": np.array([0]), **side.addend(course)}
        slots, n_clipped = tensor.quantise(addend, bits)
        assert n_clipped == 0
        total = (total + slots) % (1 << bits)
    opened = tensor.dequantise(total, bits, n_parties=len(sides))
    return {name: tensor.to_float(name, values) for name, values in opened.items()}


def carried_out(
    what: GbdtTask, frames: list[pd.DataFrame], *, restart_after: int = -1
) -> tuple[GbdtCourse, list[dict[str, Any]]]:
    """Run a whole task; after one round every member may start again from the releases."""
    course, documents, memory = GbdtCourse(what), [], {}
    sides = [(rows(table, what), GbdtSums(rows(table, what), what)) for table in frames]
    while course.phase is not None:
        if len(documents) == restart_after:
            sides = [(part, GbdtSums(part, what)) for part, _ in sides]
            course = GbdtCourse(what)
            for document in documents:
                course.absorb(document)
            memory = unpack(pack(memory)) if memory else {}
        document = release(course, added(course, sides), memory)
        documents.append(json.loads(json.dumps(document)))
        course.absorb(document)
    return course, documents


@cache
def whole() -> tuple[GbdtCourse, list[dict[str, Any]]]:
    return carried_out(task(), [frame(s) for s in (1, 2, 3)])


def test_a_task_comes_back_from_its_document() -> None:
    what = task(monotone={"delay": 1}, bad_weight="balanced", patience=2)
    assert parse_task(what.document()) == what
    assert what.phases() == ("quantiles", "start", "trees", "metrics")


@pytest.mark.parametrize(
    "changes",
    [
        {"min_rows": 5},
        {"monotone": {"nobody": 1}},
        {"monotone": {"delay": 2}},
        {"patience": 3, "holdout": 0.0},
        {"bad_weight": 0.0},
        {"bad_weight": float("inf")},
        {"max_depth": 9},
    ],
    ids=str,
)
def test_a_task_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="|".join(changes)):
        task(**changes)


def test_a_run_takes_one_round_a_level_and_is_within_its_most_rounds() -> None:
    _, documents = whole()

    phases = [document["phase"] for document in documents]
    assert phases == ["quantiles", "start", *["trees"] * 6, "metrics"]
    assert len(phases) <= task().most_rounds


def test_a_member_that_starts_again_in_the_middle_of_a_tree_goes_on() -> None:
    _, documents = whole()
    for after in (3, 4):  # within the first tree, and between two trees
        _, again = carried_out(task(), [frame(s) for s in (1, 2, 3)], restart_after=after)
        assert again == documents


def test_only_the_smaller_child_of_a_split_is_summed() -> None:
    course = GbdtCourse(task())
    n_slots = []
    for document in whole()[1]:
        if course.phase == "trees":
            n_slots.append(course.tensor().fields[2].length)
        course.absorb(document)

    n_cells = sum(cells.n for cells in course.raw)
    assert n_slots[:2] == [n_cells, n_cells]  # the root, then one of its two children


def test_sums_take_one_slot_each_until_their_bounds_need_two() -> None:
    course = GbdtCourse(task())
    for document in whole()[1][:2]:
        course.absorb(document)
    limbs = {field.name: field.limbs for field in course.fields()}
    assert limbs == {"gradient": 1, "curvature": 1, "counts": 1}

    narrow = GbdtCourse(task(encryption="narrow", bad_weight=900.0))
    for document in whole()[1][:2]:
        narrow.absorb(document)
    limbs = {field.name: field.limbs for field in narrow.fields()}
    assert limbs == {"gradient": 2, "curvature": 2, "counts": 1}


def test_a_rare_value_goes_with_the_same_fellow_in_every_split() -> None:
    course, documents = whole()
    fellows = documents[1]["values"]["features"][0]["fellows"]
    special, missing = course.raw[0].n - 1, course.raw[0].n - 2

    assert fellows[special] == fellows[missing] != special  # nine people, and nobody
    for tree in course.boosting.trees:
        for node in tree.nodes:
            if node.feature == 0:
                assert (special in node.left) == (fellows[special] in node.left)


def test_rows_are_told_to_the_nearest_ten() -> None:
    for document in whole()[1][2:-1]:
        for node in document["values"]["nodes"]:
            assert all(n % 10 == 0 and n >= 20 for n in node.get("rows", ()))


@pytest.mark.parametrize("column", ["income", "home"])
def test_a_column_that_is_missing_everywhere_is_named(column: str) -> None:
    tables = [frame(s).assign(**{column: None if column == "home" else np.nan}) for s in (1, 2, 3)]
    with pytest.raises(ConstantFeatureError, match=f"{column}.*missing in every training row"):
        carried_out(task(), tables)

    course, _ = carried_out(task(all_columns=True), tables)
    assert list(course.dropped.values()) == ["missing"]
    assert len(course.kept) == 2


def test_a_column_that_tells_the_outcome_alone_is_left_out_by_name() -> None:
    tables = [frame(s) for s in (1, 2, 3)]
    tables = [t.assign(delay=np.where(t["bad"] == 1, 30.0, 3.0)) for t in tables]
    course, _ = carried_out(task(all_columns=True), tables)
    assert course.dropped == {1: "separates"}

    with pytest.raises(SeparableDataError, match="pass the federation's cell rules"):
        carried_out(task(features=(FEATURES[1],), holdout=0.0), tables)


def test_a_column_that_tells_too_much_is_named_suspicious() -> None:
    rng = np.random.default_rng(5)
    tables = [frame(s) for s in (1, 2, 3)]
    tables = [t.assign(delay=t["bad"] * 4.0 + rng.uniform(0, 8, len(t))) for t in tables]
    course, _ = carried_out(task(), tables)
    assert 1 in course.suspicious
    assert 2 not in course.suspicious  # rent or own tells a little


def test_a_cell_that_one_party_does_not_have_changes_nothing() -> None:
    tables = [frame(s) for s in (1, 2, 3)]
    tables[2]["delay"] = tables[2]["delay"].clip(upper=1.0)
    tables[2]["home"] = "own"
    pool = [pd.concat(tables, ignore_index=True), *[table[:0] for table in tables[:2]]]

    apart, _ = carried_out(task(holdout=0.0), tables)
    together, _ = carried_out(task(holdout=0.0), pool)

    assert apart.boosting.trees == together.boosting.trees


def test_an_unseen_category_counts_as_other() -> None:
    tables = [frame(s) for s in (1, 2, 3)]
    tables[0].loc[:99, "home"] = "castle"
    course, documents = carried_out(task(), tables)
    other = len(FEATURES[2].levels)
    assert documents[1]["values"]["features"][2]["fellows"][other] == other
    assert course.phase is None


def test_patience_needs_a_hold_out_that_passes_the_cell_rules() -> None:
    tables = [frame(s, 300) for s in (1, 2, 3)]
    with pytest.raises(SmallCellError, match="hold-out is too small"):
        carried_out(task(patience=2, holdout=0.01), tables)
    course, _ = carried_out(task(holdout=0.01), tables)
    assert course.holdout is None


def test_more_rows_than_the_sums_carry_are_refused() -> None:
    what, course = task(holdout=0.0), GbdtCourse(task(holdout=0.0))
    sides = [(rows(frame(s), what), GbdtSums(rows(frame(s), what), what)) for s in (1, 2, 3)]
    course.absorb(release(course, added(course, sides)))
    sums = added(course, sides)
    many = {name: value * 100_000 for name, value in sums.items()}
    with pytest.raises(PrecisionError, match="more training rows"):
        release(course, many)


def test_counts_that_are_not_of_the_same_rows_are_refused() -> None:
    what, course = task(holdout=0.0), GbdtCourse(task(holdout=0.0))
    sides = [(rows(frame(s), what), GbdtSums(rows(frame(s), what), what)) for s in (1, 2, 3)]
    course.absorb(release(course, added(course, sides)))
    sums = added(course, sides)
    sums["bads.1"][0] += 1
    with pytest.raises(MalformedMessageError, match="same rows"):
        release(course, sums)


def _first_level() -> tuple[GbdtCourse, dict[str, Any]]:
    course, documents = GbdtCourse(task()), whole()[1]
    for document in documents[:2]:
        course.absorb(document)
    return course, copy.deepcopy(documents[2])


@pytest.mark.parametrize(
    "change",
    [
        {"nodes": []},
        {"nodes": [{}]},
        {"nodes": [{"value": 1.5}]},
        {"nodes": [{"value": 1 << 60}]},
        {"nodes": [{"feature": 3, "left": [0], "rows": [20, 20]}]},
        {"nodes": [{"feature": 0, "left": [99], "rows": [20, 20]}]},
        {"nodes": [{"feature": 0, "left": [1, 0], "rows": [20, 20]}]},
        {"nodes": [{"feature": 0, "left": [0], "rows": [20]}]},
        {"nodes": [{"feature": 0, "left": [0], "rows": [20, -1]}]},
        {"nodes": [{"feature": 0, "left": [0], "rows": [20, 20], "values": [1, 2]}]},
        {"log_loss_nano": 5},
        {"more": 1},
        {"n_clipped": None},
    ],
    ids=str,
)
def test_a_release_that_is_no_level_is_refused(change: dict[str, Any]) -> None:
    course, document = _first_level()
    document["values"].update(change)
    with pytest.raises(MalformedMessageError, match="no result of the phase trees"):
        course.absorb(document)


def test_a_level_that_claims_to_be_the_last_is_refused() -> None:
    course, document = _first_level()
    document["outcome"] = "done"
    with pytest.raises(MalformedMessageError, match="no result of the phase trees"):
        course.absorb(document)


def test_a_start_with_another_word_is_refused() -> None:
    course, documents = GbdtCourse(task()), copy.deepcopy(whole()[1])
    course.absorb(documents[0])
    documents[1]["values"]["features"][0] = {"dropped": "boring"}
    with pytest.raises(MalformedMessageError, match="no result of the phase start"):
        course.absorb(documents[1])
