"""One row of the table: one set, one partition, one model.

Test rows judge and are read for nothing else: settings are the same for every set.
"""

import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from credit_sets import LABEL, SAMPLE, CreditData, load
from plain_run import NotRunError, model_of_sums
from sklearn.metrics import roc_auc_score

import fedcredit as fc
from fedcredit.model_kinds import kind_of
from fedcredit_models import Gbdt, Scorecard, alone, boosting
from fedcredit_models.bad_classifier import BadClassifier
from fedcredit_models.boosting import BoostingRules
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.cells import RawCells
from fedcredit_models.errors import NotConvergedError
from fedcredit_models.gain import Gain, gain
from fedcredit_models.gbdt import cells_of
from fedcredit_models.grid import Grid, quantiles
from fedcredit_models.mlp import Mlp
from fedcredit_models.personal import Personal
from fedcredit_models.tree_growth import GrowthRules
from fedcredit_parties.disclosure import DisclosurePolicy

LEAST_TRAIN, LEAST_TEST = 10, 5
"""Bads and goods without which a party is skipped, and without which its test rows are."""

BARE = DisclosurePolicy.model_construct(min_subjects=0, min_bads=0, min_goods=0, min_parties=2)
"""No federation may have it: bins without a bad, as in the published pooled card."""


def settings(model: str, seed: int) -> BadClassifier:
    """Return the unfitted model; the same for every set."""
    if model == "card":
        return Scorecard()
    if model == "plain card":
        return Scorecard(max_bins=20, min_bin=0.0, monotone=False, signs=False, grid_cells=16_384)
    if model == "gbdt":
        return Gbdt(n_trees=50, learning_rate=0.2)
    return Mlp(rounds=10, batch_size=64, learning_rate=0.05, seed=seed)


def measure(name: str, partition: str, model: str, seed: int) -> dict[str, Any]:
    """Return one row of the table."""
    begun = time.perf_counter()
    data = load(name)
    parts = data.parts(partition)
    found: dict[str, Any] = {
        "set": name,
        "partition": partition,
        "model": model,
        "rows": len(data.frame),
        "parties": len(parts),
    }
    try:
        joint = federated(data, parts, model, seed)
    except (NotRunError, NotConvergedError) as error:
        return found | {"not_run": str(error), "seconds": time.perf_counter() - begun}
    joint_eta = joint.decision_function(data.holdout)
    y = data.holdout[LABEL].to_numpy()
    found["federated"] = _auc(y, joint_eta)
    found["pooled"] = _auc(y, pooled(name, model, seed).decision_function(data.holdout))
    bank = data.banks[partition].to_numpy()[data.holdout.index]
    on_pooled, gains = [], {}
    for party, part in parts.items():
        own = _own(data, part, settings(model, seed))
        if own is not None:
            on_pooled.append(_auc(y, own.decision_function(data.holdout)))
        judged = _judged(data, part, joint, own, seed)
        gains |= {party: judged} if judged is not None else {}
        assert (bank == party).sum() == (part[SAMPLE] == "holdout").sum()
    return found | _summary(on_pooled, gains) | {"seconds": time.perf_counter() - begun}


def _summary(on_pooled: list[float], gains: Mapping[str, Gain]) -> dict[str, Any]:
    compared = {party: g for party, g in gains.items() if "local" in g.auc}
    return {
        "local_models": len(on_pooled),
        "local": float(np.mean(on_pooled)) if on_pooled else None,
        "local_worst": min(on_pooled, default=None),
        "own_tests": len(compared),
        "own": {
            model: float(np.mean([g.auc[model] for g in compared.values()])) if compared else None
            for model in ("local", "joint", "personal")
        },
        "joint_worse_off": sum(g.against_local["joint"].interval[1] < 0 for g in compared.values()),
        "better_off": sum(g.against_local["personal"].interval[0] > 0 for g in compared.values()),
        "worse_off": [
            {
                "party": party,
                "bads": g.bads,
                "difference": g.against_local["personal"].difference,
                "interval": list(g.against_local["personal"].interval),
            }
            for party, g in compared.items()
            if g.is_worse_off
        ],
    }


def _own(data: CreditData, part: pd.DataFrame, model: BadClassifier) -> BadClassifier | None:
    """Return a party's model of its own training rows, or None when they carry none."""
    train = part[part[SAMPLE] == "train"]
    bads = int(train[LABEL].sum())
    if min(bads, len(train) - bads) < LEAST_TRAIN:
        return None
    found, _ = alone.fitted(model, _features(data, train), train[LABEL].to_numpy(), data.schema)
    return found  # type: ignore[no-any-return]


def _judged(
    data: CreditData,
    part: pd.DataFrame,
    joint: BadClassifier,
    own: BadClassifier | None,
    seed: int,
) -> Gain | None:
    """Return what a party gains on its own test rows, None when these are too few."""
    train, test = part[part[SAMPLE] == "train"], part[part[SAMPLE] == "holdout"]
    y = test[LABEL].to_numpy()
    if min(y.sum(), len(y) - y.sum()) < LEAST_TEST or own is None:
        return None
    personal = Personal.fit(
        joint,
        _features(data, train),
        train[LABEL].to_numpy(),
        local=own,
        schema=data.schema,
        joint_rows=len(data.train),
        seed=seed,
    )
    X = _features(data, test)
    models = {"local": own, "joint": joint, "personal": personal}
    scores = {name: model.decision_function(X) for name, model in models.items()}
    return gain(scores, y, cells=CellRules(1, LEAST_TEST, LEAST_TEST))


def federated(
    data: CreditData, parts: Mapping[str, pd.DataFrame], model: str, seed: int
) -> BadClassifier:
    """Return the model of the parties' sums.

    Raises
    ------
    NotRunError
        When the product's rules let none be made.
    """
    unfitted = settings(model, seed)
    if isinstance(unfitted, Gbdt):
        return trees_of_sums(data, parts, unfitted)
    policy = BARE if model == "plain card" else DisclosurePolicy(min_parties=2)
    return model_of_sums(unfitted, parts, data.schema, policy)


def trees_of_sums(data: CreditData, parts: Mapping[str, pd.DataFrame], trees: Gbdt) -> Gbdt:
    """Return the trees of the parties' sums: cells from summed histograms, then level by level."""
    train = [part[part[SAMPLE] == "train"] for part in parts.values()]
    raw = []
    for feature in data.recipe.features:
        edges: tuple[float, ...] = ()
        if feature.kind == "numeric":
            grid = Grid(feature, cells=trees.grid_cells)
            counts = np.sum([grid.histogram(part[feature.name]) for part in train], axis=0)
            cells = quantiles(grid, counts.tolist(), trees.bins)
            edges = tuple(float(grid.upper[cell]) for cell in cells)
        raw.append(RawCells(feature, edges))
    rows = [
        boosting.BoostedRows(cells_of(raw, part), part[LABEL].to_numpy().astype(np.int64))
        for part in train
    ]
    growth = GrowthRules(
        l2=trees.l2,
        min_rows=trees.min_rows,
        min_gain=trees.min_gain,
        learning_rate=trees.learning_rate,
    )
    course = boosting.fit(
        rows, raw, BoostingRules(growth, max_depth=trees.max_depth, max_trees=trees.n_trees)
    )
    return Gbdt.from_parts(raw, course.base, course.trees, params=trees.get_params())


@cache
def pooled(name: str, model: str, seed: int) -> BadClassifier:
    """Return the model of all training rows in one table."""
    data, unfitted = load(name), settings(model, seed)
    fit: dict[str, Any] = {"schema": data.schema}
    if model == "plain card":
        fit["cells"] = BARE.cells
    fitted: BadClassifier = unfitted.fit(
        _features(data, data.train), data.train[LABEL].to_numpy(), **fit
    )
    return fitted


def encrypted(name: str, models: Sequence[str], seed: int) -> list[str]:
    """Run a set through a real simulated federation; return what was compared.

    Raises
    ------
    SystemExit
        When a model's JSON is not that of the plain sums.
    """
    data = load(name)
    parts = data.parts(data.recipe.rule)
    said = []
    with fc.Federation.simulate(
        parts, policy=DisclosurePolicy(), schema=data.schema, quiet=True
    ) as federation:
        for model in models:
            unfitted = settings(model, seed)
            if kind_of(unfitted) is None or model == "plain card":
                said.append(f"{name}, {model}: no run of a federation has it; not compared")
                continue
            begun = time.perf_counter()
            try:
                plain = model_of_sums(unfitted, parts, data.schema, DisclosurePolicy())
            except NotRunError as error:
                said.append(f"{name}, {model}: {error}")
                continue
            result = federation.run(
                fc.HorizontalJob(
                    purpose="modelling", label=LABEL, split_column=SAMPLE, model=unfitted
                )
            )
            if result.model.to_json() != plain.to_json():
                raise SystemExit(f"{name}, {model}: the encrypted run gave another model")
            seconds = time.perf_counter() - begun
            said.append(
                f"{name}, {model}: the same JSON from {len(parts)} parties, {seconds:.0f} s"
            )
    return said


def _features(data: CreditData, frame: pd.DataFrame) -> pd.DataFrame:
    return frame[list(data.schema.names)]


def _auc(y: Any, eta: Any) -> float:
    return float(roc_auc_score(y, eta))
