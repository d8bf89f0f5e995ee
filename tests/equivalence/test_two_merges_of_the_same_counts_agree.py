"""The merge and the reference's merge, written another way, put every raw cell into the same bin.

The credit data sets hold few rare cells. Here half of all cells are rare: levels, missing values,
special codes, thin cells between edges.
"""

from typing import Any

import numpy as np
import pytest

from fedcredit_models.binning import BinningRules, CellRules, RawCells, merge
from fedcredit_models.schema import Feature
from tests.equivalence import reference
from tests.equivalence.reference import Column, Rules

N_CASES = 150


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
@pytest.mark.parametrize("least", [1, 10])
@pytest.mark.parametrize("monotone", [True, False])
def test_every_cell_lies_in_the_same_bin(kind: str, least: int, monotone: bool) -> None:
    random = np.random.default_rng([2026, least, monotone, kind == "numeric"])
    n_bins = []
    for _ in range(N_CASES):
        n_cells, n_special = int(random.integers(1, 8)), int(random.integers(0, 3))
        declared: dict[str, Any]
        if kind == "numeric":
            special = tuple(-9.0 - i for i in range(n_special))
            declared = {"lower": 0.0, "upper": 100.0, "special": special}
        else:
            declared = {"levels": tuple("abcdefgh"[:n_cells])}
        edges = tuple(float(i) for i in range(1, n_cells)) if kind == "numeric" else ()
        raw = RawCells(Feature("x", kind, **declared), edges)  # type: ignore[arg-type]
        scale = random.choice([3, 15, 60], raw.n)
        bads, goods = random.integers(0, scale + 1), random.integers(0, 3 * scale + 1)
        bads[0], goods[0] = bads[0] + 1, goods[0] + 1
        min_bin = float(random.choice([0.0, 0.05, 0.2]))

        found = merge(
            raw,
            bads.tolist(),
            goods.tolist(),
            BinningRules(8, min_bin, monotone, CellRules(least, least, least)),
        )
        expected = reference.merged(
            Column(name="x", kind=kind, **declared),
            bads,
            goods,
            raw.n_ordinary,
            Rules(
                min_bin=min_bin,
                monotone=monotone,
                min_subjects=least,
                min_bads=least,
                min_goods=least,
            ),
        )

        with_rows = np.flatnonzero(bads + goods)
        assert [found[i] for i in with_rows] == [expected[i] for i in with_rows]
        n_bins.append(max(found) + 1)
    assert set(n_bins) >= {1, 2, 3}
