"""The closed table of what may be released from an opened sum.

The key holder opens a sum because it must, applies the one function that the run's phase names, and
releases that function's result: integers that passed the policy. Gradients, Hessians and fine
histograms die with the call. A new statistic is one row here and one pure function in the models
room.

=========== ============================== ===========================================
phase       opened, never released         released to the rostered parties and requester
=========== ============================== ===========================================
quantiles   fine histogram per feature     cell numbers of the bin edges
bins        raw bad and good counts        merged bins with counts that pass the cell rules;
                                           why a feature is dropped (one of three words)
newton      gradient, Hessian, log loss    new coefficients (2**-40), mean log loss (10**-9);
                                           at the end standard errors
metrics     fine score histograms          AUC, KS, Gini, Brier, bands that pass the cell rules
=========== ============================== ===========================================
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcredit_models import binning, logistic, metrics
from fedcredit_models.dropped import told, why_dropped
from fedcredit_models.grid import quantiles
from fedcredit_models.logistic import NewtonSums
from fedcredit_parties.disclosure import check_cells
from fedcredit_parties.errors import (
    ConstantFeatureError,
    PartyError,
    SeparableDataError,
    SmallCellError,
)
from fedcredit_parties.released import NANO, Released
from fedcredit_parties.tasks import COEFFICIENT_BITS, COEFFICIENT_LIMIT

Sums = Mapping[str, NDArray[np.float64]]
Document = dict[str, Any]


def release(released: Released, sums: Sums) -> Document:
    """Apply the function of the phase that comes next and return the document to be released.

    Parameters
    ----------
    released : Released
        The run's public course so far.
    sums : mapping of str to ndarray
        The opened sum, one array per field of ``released.tensor()``.

    Raises
    ------
    DisclosureError
        When the result does not pass the policy.
    ConstantFeatureError, SeparableDataError
        When the mathematics has no answer.

    Disclosure
    ----------
    Exactly the returned document, to the rostered parties and the requester.
    """
    phase = str(released.phase)
    values, outcome = TABLE[phase](released, sums)
    values["n_clipped"] = _int(sums["clipped"])
    document: Document = {"outcome": outcome, "phase": phase, "values": values}
    _only_integers(document["values"])
    return document


def _quantiles(released: Released, sums: Sums) -> tuple[Document, str]:
    task = released.task
    edges: list[list[int]] = []
    for i, _ in enumerate(task.features):
        grid = released.grids.get(i)
        if grid is None:
            edges.append([])
        else:
            counts = [int(n) for n in sums[f"grid.{i}"]]
            edges.append([int(cell) for cell in quantiles(grid, counts, task.fine_bins)])
    return {"edges": edges}, "continue"


def _bins(released: Released, sums: Sums) -> tuple[Document, str]:
    task = released.task
    features: list[Document] = []
    for i, (feature, raw) in enumerate(zip(task.features, released.raw, strict=True)):
        bads = [int(b) for b in sums[f"bads.{i}"]]
        goods = [int(g) for g in sums[f"goods.{i}"]]
        if not task.all_columns and np.count_nonzero(np.add(bads, goods)) < 2:
            raise ConstantFeatureError(
                f"feature {feature.name!r} does not vary in the federation's training rows",
                expected="at least two different values",
                found="one",
                remedy=f"leave {feature.name!r} out of the job's features",
            )
        assignment = binning.merge(raw, bads, goods, task.binning)
        bins: Document = {
            "assignment": list(assignment),
            "bads": list(binning.totals(assignment, bads)),
            "goods": list(binning.totals(assignment, goods)),
        }
        if len(bins["bads"]) > 1:
            check_cells(
                task.policy, bads=bins["bads"], goods=bins["goods"], what=f"bins of {feature.name}"
            )
        else:
            # One bin says only what the run's totals say: the feature is dropped.
            bins = {"assignment": [0] * raw.n, "bads": [0], "goods": [0]}
            bins["dropped"] = why_dropped(bads, goods, task.policy.cells)
        features.append(bins)
    if all(len(f["bads"]) < 2 for f in features):
        why = {f.name: str(b["dropped"]) for f, b in zip(task.features, features, strict=True)}
        words = set(why.values())
        error: type[PartyError] = SmallCellError
        if "separates" in words:
            error = SeparableDataError
        elif words == {"constant"}:
            error = ConstantFeatureError
        raise error(
            "no feature has two bins that pass the federation's cell rules",
            expected="at least one feature with two bins of enough subjects, bads and goods",
            found=told(why),
            remedy="use more rows or a smaller hold-out; leave out a feature that separates good "
            "from bad by itself",
        )
    return {"n": _int(sums["n"]), "features": features}, "continue"


def _newton(released: Released, sums: Sums) -> tuple[Document, str]:
    task = released.task
    beta = released.coefficients
    found = NewtonSums(
        gradient=np.asarray(sums["gradient"]),
        hessian_upper=np.asarray(sums["hessian"]),
        log_loss=float(sums["log_loss"][0]),
        weight_square=float(sums["weight_square"][0]),
    )
    n = released.n_train
    step = logistic.newton_step(found, beta, task.newton, n)
    n_rounds = sum(1 for row in released.history if row["phase"] == "newton") + 1
    exhausted = n_rounds >= task.max_rounds and step.outcome != "converged"
    if (
        step.outcome == "diverged"
        or exhausted
        or np.abs(step.beta_new).max() > COEFFICIENT_LIMIT
        or not logistic.sums_carry_weight(found, n)
    ):
        raise SeparableDataError(
            f"Newton's method found no optimum within {task.max_rounds} rounds",
            expected=f"coefficients within {COEFFICIENT_LIMIT:g}, and rows that carry weight",
            found="coefficients that grow, or almost no row with weight",
            remedy="drop the feature that decides alone, or raise l2",
        )
    point = [0] * (len(task.features) + 1)
    positions = [0, *(i + 1 for i in released.kept)]
    for position, value in zip(positions, step.beta_new, strict=True):
        point[position] = round(float(value) * 2**COEFFICIENT_BITS)
    values: Document = {
        "point": point,
        "log_loss_nano": round(found.log_loss / n * NANO),
        "step_nano": round(step.step_size * NANO),
    }
    if step.outcome == "converged":
        errors = [0] * len(point)
        wald = logistic.standard_errors(found, beta, task.newton)
        for position, value in zip(positions, wald, strict=True):
            errors[position] = round(float(value) * 2**COEFFICIENT_BITS)
        values["standard_errors"] = errors
    return values, step.outcome


def _metrics(released: Released, sums: Sums) -> tuple[Document, str]:
    samples: Document = {}
    for sample in released.task.samples:
        found = {
            name: sums[f"{name}.{sample}"]
            for name in ("bads", "goods", "sum_p2", "sum_py", "sum_p")
        }
        samples[sample] = metrics.release(found, released.score_grid, released.task.policy.cells)
    for sample, document in samples.items():
        for table in ("bands", "calibration"):
            rows = document.get(table, [])
            if rows and "bads" in rows[0]:
                check_cells(
                    released.task.policy,
                    bads=[row["bads"] for row in rows],
                    goods=[row["n"] - row["bads"] for row in rows],
                    what=f"{table} of the {sample} sample",
                )
    return {"samples": samples}, "done"


TABLE: dict[str, Callable[[Released, Sums], tuple[Document, str]]] = {
    "quantiles": _quantiles,
    "bins": _bins,
    "newton": _newton,
    "metrics": _metrics,
}
"""Phase -> release function. Closed: a phase that is not here is not opened."""


def _int(value: NDArray[np.float64]) -> int:
    return int(np.asarray(value).reshape(-1)[0])


def _only_integers(value: object) -> None:
    """Guarantee by construction what the ledger promises: no real number leaves the key holder.

    Raises
    ------
    TypeError
        For anything but objects, arrays, texts (names of rules) and Python integers.
    """
    if isinstance(value, dict):
        for part in value.values():
            _only_integers(part)
    elif isinstance(value, list | tuple):
        for part in value:
            _only_integers(part)
    elif isinstance(value, float) or not isinstance(value, int | str):
        raise TypeError(f"a {type(value).__name__} among released values; integers only")
