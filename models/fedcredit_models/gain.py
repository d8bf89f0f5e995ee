"""What a party gains: its own model, the joint one and its personal one on its own hold-out.

Discrimination is compared by DeLong's paired test. What it means in money is the bad rate among
approved applicants when each score approves the same share of them: times the loss given default,
the expected loss of an approved loan.

A hold-out below the cell rules gives no figure. Figures that are told are rounded to four decimals
and counts to tens: with more digits, an AUC would give away how many bads and goods it was counted
on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fedcredit_models import paired_auc
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.delong import AucDifference

Model = Literal["local", "joint", "personal"]
MODELS: tuple[Model, ...] = ("local", "joint", "personal")

APPROVAL_RATE = 0.8
"""Share of the hold-out that is approved where bad rates are compared."""

TOLD = 10_000
"""A told figure is a whole number of ten-thousandths."""

NANO = 1_000_000_000

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Gain:
    """The comparison, at full precision: the party's own.

    Attributes
    ----------
    n, bads : int
        Hold-out rows.
    auc, auc_interval : dict
        By model: AUC and its 95 % interval.
    against_local : dict of str to AucDifference
        ``joint`` and ``personal``: AUC less that of the local model.
    approval_rate : float
    bad_rate_approved : dict of str to float, or None
        By model; None when approved or refused rows break the cell rules under one of them.
    """

    n: int
    bads: int
    auc: Mapping[str, float]
    auc_interval: Mapping[str, Interval]
    against_local: Mapping[str, AucDifference]
    approval_rate: float
    bad_rate_approved: Mapping[str, float] | None

    @property
    def is_worse_off(self) -> bool:
        """Whether the personal model is worse than the local one by more than the interval."""
        difference = self.against_local.get("personal")
        return difference is not None and difference.interval[1] < 0.0

    def told(self) -> dict[str, Any]:
        """Return the figures that may be told, as integers in units of 1e-9.

        Returns
        -------
        dict
            ``n`` and ``bads`` in tens; ``auc`` and ``against_local`` by model as [value, low,
            high]; ``approval_rate``; ``bad_rate_approved`` by model or None.
        """
        rates = self.bad_rate_approved
        return {
            "n": 10 * (self.n // 10),
            "bads": 10 * (self.bads // 10),
            "auc": {
                name: [_told(x) for x in (value, *self.auc_interval[name])]
                for name, value in self.auc.items()
            },
            "against_local": {
                name: [_told(x) for x in (found.difference, *found.interval)]
                for name, found in self.against_local.items()
            },
            "approval_rate": _told(self.approval_rate),
            "bad_rate_approved": rates and {name: _told(x) for name, x in rates.items()},
        }


def gain(
    scores: Mapping[str, Floats],
    y: Ints,
    *,
    cells: CellRules | None = None,
    approval_rate: float = APPROVAL_RATE,
) -> Gain | None:
    """Compare scores of a party's hold-out.

    Parameters
    ----------
    scores : mapping of str to ndarray of shape (n_rows,)
        Log odds by model, of `MODELS`; ``local`` may be missing, for a party whose rows carry no
        model: then there are AUCs and no differences.
    y : ndarray of shape (n_rows,)
        1 = bad.
    cells : CellRules, optional
        10 subjects, bads and goods when absent; never fewer than two bads and goods.
    approval_rate : float, default 0.8

    Returns
    -------
    Gain or None
        None when the hold-out breaks the cell rules.

    Raises
    ------
    ValueError
        For another model's name, or an approval rate outside (0, 1).
    """
    if not set(scores) <= set(MODELS) or not scores:
        raise ValueError(f"scores are named {', '.join(MODELS)}")
    if not 0.0 < approval_rate < 1.0:
        raise ValueError("an approval rate lies between 0 and 1")
    rules = cells or CellRules()
    bads = int(y.sum())
    goods = len(y) - bads
    if rules.broken(bads, goods) is not None or min(bads, goods) < 2:
        return None
    named = [name for name in MODELS if name in scores]
    local = scores.get("local")
    return Gain(
        n=len(y),
        bads=bads,
        auc={name: paired_auc.auc(scores[name], y) for name in named},
        auc_interval={name: paired_auc.interval(scores[name], y) for name in named},
        against_local={
            name: paired_auc.compare(local, scores[name], y)
            for name in named
            if local is not None and name != "local"
        },
        approval_rate=approval_rate,
        bad_rate_approved=_bad_rates({n: scores[n] for n in named}, y, approval_rate, rules),
    )


def _bad_rates(
    scores: Mapping[str, Floats], y: Ints, approval_rate: float, rules: CellRules
) -> dict[str, float] | None:
    n_approved = round(approval_rate * len(y))
    found = {}
    for name, score in scores.items():
        share = approved_share(score, n_approved)
        bads = float(share @ y)
        cell = (round(bads), round(n_approved - bads))
        rest = (int(y.sum()) - cell[0], len(y) - n_approved - (int(y.sum()) - cell[0]))
        if rules.broken(*cell) is not None or rules.broken(*rest) is not None:
            return None
        found[name] = bads / n_approved
    return found


def approved_share(score: Floats, n_approved: int) -> Floats:
    """Return what share of each row is approved: the safest rows, ties sharing the last places.

    Parameters
    ----------
    score : ndarray of shape (n_rows,)
        Higher is worse.
    n_approved : int
        Rows to approve, 1 to n_rows.
    """
    last = np.sort(score)[n_approved - 1]
    below, tied = score < last, score == last
    return np.asarray(below + tied * (n_approved - below.sum()) / tied.sum())


def _told(value: float) -> int:
    return round(value * TOLD) * (NANO // TOLD)
