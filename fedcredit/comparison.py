"""What federation was worth: each bank alone, federated and pooled, on the same hold-out.

Only a simulation can ask this, because it has everybody's rows. The hold-out is the one of the run:
the same key draws it. Every card is fitted by the same functions with the same declared columns
and cell rules, so the cards differ in the rows they saw and in nothing else; AUC and KS are counted
on the hold-out's rows themselves, not taken from the run.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score, roc_curve

from fedcredit.requests import HorizontalJob
from fedcredit.simulation import split_key
from fedcredit_models.errors import NotConvergedError
from fedcredit_models.samples import assign
from fedcredit_models.schema import Schema, SchemaError
from fedcredit_models.scorecard import Scorecard
from fedcredit_parties.disclosure import DisclosurePolicy

FEDERATED, POOLED = "federated", "pooled"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One card: who made it, from how many rows, and how it ranks the hold-out.

    Attributes
    ----------
    model : str
        ``bank-0 alone``, ``federated`` or ``pooled``.
    n_train : int
        Rows it was fitted on.
    auc, ks : float or None
        None when there is no card.
    note : str
        Why there is none.
    """

    model: str
    n_train: int
    auc: float | None
    ks: float | None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The table, and how far federated and pooled are apart.

    Attributes
    ----------
    rows : tuple of Row
        Banks in order, then federated, then pooled.
    n_holdout, bads_holdout : int
        The common hold-out.
    n_bins : int
        Bins of the federated card.
    has_equal_bins : bool
        Whether both cards have the same features, bins and counts, exactly.
    coefficient_difference : float or None
        Largest absolute difference of a coefficient; None when the cards differ in their terms.
    """

    rows: tuple[Row, ...]
    n_holdout: int
    bads_holdout: int
    n_bins: int
    has_equal_bins: bool
    coefficient_difference: float | None


def compare(
    frames: Mapping[str, pd.DataFrame],
    federated: Scorecard,
    *,
    job: HorizontalJob,
    schema: Schema,
    policy: DisclosurePolicy,
    seed: int,
) -> Comparison:
    """Fit every bank alone and all pooled, and judge all cards on one hold-out.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        Every bank's rows.
    federated : Scorecard
        The card of the run.
    job : HorizontalJob
        The run's job, whose settings every card gets; with a hold-out.
    schema : Schema
        The run's declared columns.
    policy : DisclosurePolicy
        The run's cell rules.
    seed : int
        The simulation's seed.
    """
    train, held = {}, []
    for name, frame in frames.items():
        sample = assign(
            frame,
            schema,
            holdout=job.holdout,
            split_key=split_key(seed),
            oot_from=job.oot_from,
        )
        train[name] = frame[sample == "train"]
        held.append(frame[sample == "holdout"])
    holdout = pd.concat(held, ignore_index=True)
    everyone = pd.concat(train.values(), ignore_index=True)
    rows = []
    for name, part in train.items():
        card, note = _fit(part, job, schema, policy)
        rows.append(_row(f"{name} alone", part, card, holdout, note, schema.label))
    pooled, note = _fit(everyone, job, schema, policy)
    rows.append(_row(FEDERATED, everyone, federated, holdout, "", schema.label))
    rows.append(_row(POOLED, everyone, pooled, holdout, note, schema.label))
    counts = ["feature", "bin", "n", "bads"]
    is_equal = pooled is not None and federated.table()[counts].equals(pooled.table()[counts])
    difference = None
    if pooled is not None and list(pooled.summary()["term"]) == list(federated.summary()["term"]):
        apart = pooled.summary()["coefficient"] - federated.summary()["coefficient"]
        difference = float(np.abs(apart.to_numpy()).max())
    return Comparison(
        rows=tuple(rows),
        n_holdout=len(holdout),
        bads_holdout=int(holdout[schema.label].sum()),
        n_bins=len(federated.table()),
        has_equal_bins=is_equal,
        coefficient_difference=difference,
    )


def _fit(
    frame: pd.DataFrame, job: HorizontalJob, schema: Schema, policy: DisclosurePolicy
) -> tuple[Scorecard | None, str]:
    """Return a card fitted on one table, or why there is none."""
    card = Scorecard(**job.model.get_params())
    try:
        card.fit(frame, frame[schema.label], schema=schema, cells=policy.cells)
    except SchemaError as error:
        return None, error.problem
    except NotConvergedError as error:
        return None, str(error)
    return card, ""


def _row(
    model: str,
    train: pd.DataFrame,
    card: Scorecard | None,
    holdout: pd.DataFrame,
    note: str,
    label: str,
) -> Row:
    """Judge one card on the hold-out's rows."""
    y = holdout[label].to_numpy()
    if card is None or len(np.unique(y)) < 2:
        return Row(
            model=model,
            n_train=len(train),
            auc=None,
            ks=None,
            note=note or "the hold-out has one class only",
        )
    p = card.predict_proba(holdout)[:, 1]
    false_positive, true_positive, _ = roc_curve(y, p, drop_intermediate=False)
    return Row(
        model=model,
        n_train=len(train),
        auc=float(roc_auc_score(y, p)),
        ks=float((true_positive - false_positive).max()),
    )
