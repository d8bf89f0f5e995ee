"""Vintage curves from sums: what share of the loans of one period was bad by a given age.

One row is one loan: its month of origination, how many months it was watched (until it turned bad,
or to its last observation) and whether it turned bad. In the cell of vintage v and age m stand the
loans that were watched for m months or were bad by then, and those of them that were bad by then:
the numerator and denominator of the vintage curve.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.cell_rules import CellRules
from fedcredit_models.columns import numbers
from fedcredit_models.errors import SchemaError

WITHHELD = -1
"""Stands for a count that is not released."""


def counts(
    vintages: NDArray[np.int64],
    months: "pd.Series[Any]",
    y: NDArray[np.int64],
    *,
    n_vintages: int,
    ages: Sequence[int],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return loans and bads by vintage and age, two arrays of shape (n_vintages + 1, 1 + n_ages).

    The first column holds every loan of the vintage and every bad, of whatever age; the last row
    the loans outside all vintages.

    Parameters
    ----------
    vintages : ndarray of shape (n_rows,)
        Period of origination, `n_vintages` for a loan outside them.
    months : Series
        Months watched.
    y : ndarray of shape (n_rows,)
        1 = turned bad, after `months`.
    ages : sequence of int
        Ages in months, increasing.

    Raises
    ------
    SchemaError
        When `months` has missing or negative values.

    Disclosure
    ----------
    Nothing by itself: the counts are masked and encrypted before they leave a party.
    """
    age = numbers(months)
    n_wrong = int((~(age >= 0)).sum())
    if n_wrong:
        raise SchemaError(
            f"column {months.name} does not say how long each loan was watched",
            kind="time",
            expected="months on book, 0 or more, in every row",
            found=f"{n_wrong} rows without",
            remedy="write the months until a loan turned bad, or until it was last seen",
        )
    is_bad = np.asarray(y) == 1
    n = np.zeros((n_vintages + 1, 1 + len(ages)), dtype=np.int64)
    bads = np.zeros_like(n)
    n[:, 0] = np.bincount(vintages, minlength=n_vintages + 1)
    bads[:, 0] = np.bincount(vintages[is_bad], minlength=n_vintages + 1)
    for i, m in enumerate(ages, start=1):
        fell = is_bad & (age <= m)
        bads[:, i] = np.bincount(vintages[fell], minlength=n_vintages + 1)
        n[:, i] = np.bincount(vintages[fell | (age >= m)], minlength=n_vintages + 1)
    return n, bads


def release(
    n: Sequence[Sequence[int]], bads: Sequence[Sequence[int]], rules: CellRules
) -> tuple[list[list[int]], list[list[int]]]:
    """Withhold every cell that fails, or that differences with released cells would give away.

    Along a vintage, bads add up and loans fall away. A cell is released when it passes the cell
    rules and, against the last released cell of its vintage, no new bad or at least ``min_bads``
    came, and no loan or at least ``min_subjects`` fell away. A vintage of fewer than
    ``min_subjects`` loans is withheld altogether; one without a loan shows as zeros. The totals of
    all loans and all bads are known from elsewhere: as long as they leave a small remainder beside
    the released cells, the smallest vintage, or the newest cell with fewest new bads, is withheld
    as well.

    Parameters
    ----------
    n, bads : sequence of sequences of int, (n_vintages + 1, 1 + n_ages)
        Summed `counts`.
    rules : CellRules
        The federation's.

    Returns
    -------
    (list of list of int, list of list of int)
        Loans and bads of each vintage, in the shape of `counts` without its last row; the first
        column holds its loans, and no bads; -1 where withheld.

    Disclosure
    ----------
    The result is released.
    """
    loans = [[int(count) for count in row] for row in n]
    fallen = [[int(count) for count in row] for row in bads]
    shown = [
        _shown(row, bad_row, rules) for row, bad_row in zip(loans[:-1], fallen[:-1], strict=True)
    ]
    _hide_vintages(shown, [row[0] for row in loans], rules.min_subjects)
    _hide_bads(shown, fallen, rules.min_bads)
    told_n, told_bads = [], []
    for cells, row, bad_row in zip(shown, loans, fallen, strict=False):
        width = range(len(row))
        empty = row[0] == 0
        told_n.append([row[i] if i in cells or empty else WITHHELD for i in width])
        told_bads.append(
            [(bad_row[i] if i else 0) if i in cells or empty else WITHHELD for i in width]
        )
    return told_n, told_bads


def _shown(loans: Sequence[int], fallen: Sequence[int], rules: CellRules) -> list[int]:
    """Return the cells of one vintage that pass by themselves and against each other."""
    if loans[0] < rules.min_subjects:
        return []
    cells, before = [0], 0
    for i in range(1, len(loans)):
        more, away = fallen[i] - before, loans[cells[-1]] - loans[i]
        if (
            rules.broken(fallen[i], loans[i] - fallen[i]) is None
            and (more == 0 or more >= rules.min_bads)
            and (away == 0 or away >= rules.min_subjects)
        ):
            cells.append(i)
            before = fallen[i]
    return cells


def _hide_vintages(shown: list[list[int]], loans: Sequence[int], least: int) -> None:
    """Withhold the smallest vintages until the loans of those withheld are no small cell."""
    while True:
        rest = loans[-1] + sum(n for n, cells in zip(loans, shown, strict=False) if not cells)
        told = [i for i, cells in enumerate(shown) if cells]
        if rest == 0 or rest >= least or not told:
            return
        shown[min(told, key=lambda i: loans[i])].clear()


def _hide_bads(shown: list[list[int]], fallen: Sequence[Sequence[int]], least: int) -> None:
    """Withhold newest cells until the bads beside the released ones are no small cell."""
    everywhere = sum(row[0] for row in fallen)
    while True:
        told = [i for i, cells in enumerate(shown) if len(cells) > 1]
        rest = everywhere - sum(fallen[i][shown[i][-1]] for i in told)
        gaps = any(len(cells) <= 1 and row[0] for cells, row in zip(shown, fallen, strict=False))
        if rest >= least or not told or (rest == 0 and not gaps):
            return
        shown[min(told, key=lambda i: _newest(fallen[i], shown[i]))].pop()


def _newest(fallen: Sequence[int], cells: Sequence[int]) -> int:
    """Return how many bads the newest released cell adds."""
    return fallen[cells[-1]] - (fallen[cells[-2]] if len(cells) > 2 else 0)


def frame(
    n: Sequence[Sequence[int]],
    bads: Sequence[Sequence[int]],
    labels: Sequence[str],
    ages: Sequence[int],
) -> pd.DataFrame:
    """Return released cells as rows: vintage, age, n, bads, bad_rate; NA where withheld."""
    rows = [
        (label, age, loans[i], fallen[i])
        for label, loans, fallen in zip(labels, n, bads, strict=True)
        for i, age in enumerate((0, *ages))
    ]
    found = pd.DataFrame(rows, columns=["vintage", "months_on_book", "n", "bads"])
    found = found.astype({"n": "Int64", "bads": "Int64"})
    found.loc[found["n"] == WITHHELD, ["n", "bads"]] = pd.NA
    rate = found["bads"].astype("Float64") / found["n"].astype("Float64")
    return found.assign(bad_rate=rate.where(found["n"] > 0))
