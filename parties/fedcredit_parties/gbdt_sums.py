"""What one party adds to the sums of boosted trees, at the released course and nowhere else."""

import numpy as np
from numpy.typing import NDArray

from fedcredit_models import cells
from fedcredit_models.boosting import BoostedRows
from fedcredit_models.gbdt import cells_of
from fedcredit_models.tree_sums import BADS, CURVATURE, GRADIENT, ROWS
from fedcredit_parties import metrics_phase, quantile_phase
from fedcredit_parties.gbdt_course import GbdtCourse
from fedcredit_parties.gbdt_task import GbdtTask
from fedcredit_parties.procedure import Addend
from fedcredit_parties.rows import Rows


class GbdtSums:
    """One party's side of a run of boosted trees.

    Parameters
    ----------
    rows : Rows
        The party's rows.
    task : GbdtTask
        What is computed.
    """

    def __init__(self, rows: Rows, task: GbdtTask) -> None:
        self._rows = rows
        self._task = task
        self._boosted: dict[str, BoostedRows] = {}

    def addend(self, course: GbdtCourse) -> Addend:
        """Return this party's addend for the next phase, one array per field of the tensor.

        Disclosure
        ----------
        Nothing: the caller masks and encrypts before anything is sent.
        """
        if course.phase == "quantiles":
            return {**quantile_phase.addend(course.grids, self._rows.frame[self._rows.train])}
        if course.phase == "start":
            return self._start(course)
        if course.phase == "trees":
            return self._level(course)
        rows = self._rows
        eta = np.zeros(len(rows.y))
        for sample in self._task.samples:
            eta[rows.sample == sample] = self._of(sample, course).eta(course.boosting)
        return metrics_phase.addend(eta, rows.y, rows.sample, self._task, course.score_grid)

    def _start(self, course: GbdtCourse) -> Addend:
        rows = self._rows
        train, y = rows.frame[rows.train], rows.y[rows.train]
        found: Addend = {}
        for i, raw in enumerate(course.raw):
            series = train[raw.feature.name]
            found[f"bads.{i}"], found[f"goods.{i}"] = cells.count(raw, series, y)
        if "holdout" in self._task.samples:
            held = rows.y[rows.sample == "holdout"]
            found["holdout_bads"] = np.array([int(held.sum())])
            found["holdout_goods"] = np.array([len(held) - int(held.sum())])
        return found

    def _level(self, course: GbdtCourse) -> Addend:
        boosting = course.boosting
        train = self._of("train", course)
        sums: NDArray[np.int64] = train.sums(boosting).reshape(-1, 4)
        found: Addend = {
            "gradient": sums[:, GRADIENT],
            "curvature": sums[:, CURVATURE],
            "counts": sums[:, ROWS] + (sums[:, BADS] << course.count_bits),
        }
        if course.is_judged:
            found["loss"] = np.array([train.loss(boosting)])
            if course.holdout is not None:
                held = self._of("holdout", course)
                found["holdout_loss"] = np.array([held.loss(boosting)])
        return found

    def _of(self, sample: str, course: GbdtCourse) -> BoostedRows:
        """Return the rows of a sample, with their cells."""
        if sample not in self._boosted:
            chosen = self._rows.sample == sample
            found = cells_of(course.kept_raw, self._rows.frame[chosen])
            self._boosted[sample] = BoostedRows(found, self._rows.y[chosen])
        return self._boosted[sample]
