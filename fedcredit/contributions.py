"""What each party brings and gets: its own gain, and what the others lose without it.

`contribution` reads what the parties told of themselves in a job with ``gains=True``.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from fedcredit.errors import JobError
from fedcredit.party_gain import PartyGain
from fedcredit_models.gain import MODELS
from fedcredit_parties.told_gain import NANO, Estimate

if TYPE_CHECKING:
    from fedcredit.result_file import ResultFile
    from fedcredit.results import TrainingResult


def contribution(result: "TrainingResult | ResultFile") -> pd.DataFrame:
    """Return what each party gains by the joint model, as it told itself.

    Parameters
    ----------
    result : TrainingResult or ResultFile
        Of a job with ``gains=True``.

    Returns
    -------
    DataFrame
        A row a party, under its name: ``told``; ``why`` not; ``n`` and ``bads`` of its hold-out, in
        tens; for each of ``local``, ``joint`` and ``personal`` the ``auc_``, its 95 % interval
        (``_low``, ``_high``) and ``bad_rate_``, the bad rate among approved applicants; for joint
        and personal the ``gain_``, AUC less that of the local model, with its interval by DeLong's
        paired test; ``approval_rate``; ``choice`` and ``weight`` of the joint score in the personal
        one; ``entry``, the contribution in the ledger that commits to the figures.

    Raises
    ------
    JobError
        When the job did not ask for gains.

    Notes
    -----
    A party computes these figures from its own rows, by itself. The ledger shows that it had
    committed to them before the last round, not that they are true.
    """
    file = getattr(result, "file", result)
    if not file.gains:
        raise JobError(
            f"run {file.run_id} did not ask the parties what they gain",
            expected="a job with gains = true",
            found="gains = false",
            remedy="run it with fc.HorizontalJob(..., gains=True)",
        )
    return table(file.gains)


def table(gains: Mapping[str, PartyGain]) -> pd.DataFrame:
    """Return the gains as a table; see `contribution`."""
    rows = {party: _row(gain) for party, gain in gains.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("party")


def _row(gain: PartyGain) -> dict[str, object]:
    rates, choice = gain.bad_rate_approved or {}, gain.choice
    return {
        "told": gain.withheld is None,
        "why": gain.why,
        "n": gain.n or None,
        "bads": gain.bads or None,
        **{k: v for name in MODELS for k, v in _ends(f"auc_{name}", gain.auc.get(name)).items()},
        **{
            k: v
            for name in MODELS[1:]
            for k, v in _ends(f"gain_{name}", gain.against_local.get(name)).items()
        },
        **{f"bad_rate_{name}": _share(rates.get(name)) for name in MODELS},
        "approval_rate": _share(gain.approval_rate or None),
        "choice": None if choice is None else choice.kind,
        "weight": None if choice is None else _share(choice.weight),
        "entry": gain.entry,
    }


def _ends(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    parts = (None, None, None) if estimate is None else estimate
    return {f"{name}{end}": _share(x) for end, x in zip(("", "_low", "_high"), parts, strict=True)}


def _share(nano: int | None) -> float | None:
    return None if nano is None else nano / NANO
