"""Bins as rows of a frame: for the reader, with counts or while these are awaited."""

from collections.abc import Sequence

import pandas as pd

from fedcredit_models.binning import BinTable
from fedcredit_models.drift import DriftThresholds
from fedcredit_models.feature import Feature
from fedcredit_models.fixed_bins import FixedBins
from fedcredit_models.information_value import band
from fedcredit_models.metrics import population_stability

COLUMNS = ["feature", "bin", "n", "share", "bads", "bad_rate", "woe", "iv"]
"""Columns of every such frame."""


def counted(table: BinTable) -> pd.DataFrame:
    """Return one feature's bins with their counts and what follows from them."""
    n = table.n
    return pd.DataFrame(
        {
            "feature": table.raw.feature.name,
            "bin": table.labels,
            "n": pd.array(n, dtype="Int64"),
            "share": n / max(int(n.sum()), 1),
            "bads": pd.array(table.bads, dtype="Int64"),
            "bad_rate": [bad / max(int(of), 1) for bad, of in zip(table.bads, n, strict=True)],
            "woe": table.woe,
            "iv": table.iv,
        }
    )


def uncounted(bins: FixedBins, feature: Feature) -> pd.DataFrame:
    """Return one feature's bins with missing values in the place of counts."""
    n_bins = max(bins.assignment) + 1
    nothing = (0,) * n_bins
    found = counted(BinTable(bins.raw(feature), bins.assignment, nothing, nothing))
    found[["n", "bads"]] = pd.NA
    found[["share", "bad_rate", "woe", "iv"]] = float("nan")
    return found


def information(tables: Sequence[BinTable]) -> pd.DataFrame:
    """Return iv, band and bins by feature, the largest information value first."""
    rows = [(t.raw.feature.name, t.total_iv, band(t.total_iv), t.n_bins) for t in tables]
    found = pd.DataFrame(rows, columns=["feature", "iv", "band", "bins"]).set_index("feature")
    return found.sort_values("iv", ascending=False, kind="stable")


def compared(tables: Sequence[BinTable], frame: pd.DataFrame) -> pd.DataFrame:
    """Return csi, verdict and outside by feature: a table's rows against the bins' counts."""
    rows = []
    for table in tables:
        bins = table.bin_of(frame[table.raw.feature.name])
        own = [int((bins == b).sum()) for b in range(table.n_bins)]
        csi = population_stability(table.n.tolist(), own)
        verdict = DriftThresholds().verdict(csi)
        rows.append((table.raw.feature.name, csi, verdict, int((bins < 0).sum())))
    columns = ["feature", "csi", "verdict", "outside"]
    return pd.DataFrame(rows, columns=columns).set_index("feature")


def joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of several features one below the other."""
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
