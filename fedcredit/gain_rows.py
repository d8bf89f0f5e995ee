"""What a page tells of each party's gain: the three models on its own hold-out."""

from collections.abc import Mapping
from typing import Any

from fedcredit.citations import Citations
from fedcredit.result_file import ResultFile
from fedcredit_models.gain import NANO


def gain_rows(result: ResultFile, citations: Citations) -> list[dict[str, Any]]:
    """Return what each party told of its gain, in shares of one."""

    def shares(estimates: Mapping[Any, int]) -> dict[str, float]:
        return {name: value / NANO for name, value in estimates.items()}

    return [
        {
            "party": party,
            "entry": citations.cite(gain.entry),
            "withheld": gain.withheld,
            "n": gain.n,
            "bads": gain.bads,
            "auc": shares({name: value for name, (value, _, _) in gain.auc.items()}),
            "gain": [end / NANO for end in gain.against_local.get("personal", ())],
            "approval_rate": gain.approval_rate / NANO,
            "bad_rate": shares(gain.bad_rate_approved or {}),
            "choice": gain.choice.kind if gain.choice is not None else "",
            "weight": gain.choice.weight / NANO if gain.choice is not None else 0.0,
        }
        for party, gain in sorted(result.gains.items())
    ]
