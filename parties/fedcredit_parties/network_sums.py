"""What one party adds to a network's sums: counts, then its share of each round's update.

PyTorch is loaded when the first round is trained, not before. The largest thing that leaves this
file is a row of integers, which the caller masks and encrypts; the party's own weights die here.
"""

import logging
from functools import cached_property

import numpy as np

from fedcredit_models.errors import NotConvergedError
from fedcredit_models.network_inputs import CodedRows, coded
from fedcredit_models.network_rounds import NetworkRows
from fedcredit_parties import metrics_phase, quantile_phase
from fedcredit_parties.errors import TooFewPartiesError, TrainingDivergedError
from fedcredit_parties.network_course import NetworkCourse
from fedcredit_parties.network_task import LEAST_BADS, LEAST_ROWS, NetworkTask
from fedcredit_parties.procedure import Addend
from fedcredit_parties.rows import Rows

_LOG = logging.getLogger(__name__)


def abstains(rows: Rows, task: NetworkTask) -> str:
    """Return why a party takes no part in training, "" when it has rows enough.

    Few rows would stand out in weights that are released round after round (decisions 4). In every
    other sum the party's rows are counted: small banks stand in the aggregate there.
    """
    n, bads = rows.n_train, int(rows.y[rows.train].sum())
    if n >= LEAST_ROWS and bads >= LEAST_BADS and bads < n:
        return ""
    return (
        f"a network is trained where there are {LEAST_ROWS} training rows with {LEAST_BADS} bads "
        "and a good among them; this party has fewer"
    )


class NetworkSums:
    """One party's side of a network's run.

    Parameters
    ----------
    rows : Rows
        The party's rows, also when it abstains.
    task : NetworkTask
        What is computed.
    """

    def __init__(self, rows: Rows, task: NetworkTask) -> None:
        self._rows = rows
        self._task = task
        self._origin = task.digest()
        self._coded: CodedRows | None = None

    def addend(self, course: NetworkCourse) -> Addend:
        """Return this party's addend for the next phase, one array per field of the tensor.

        Raises
        ------
        TrainingDivergedError
            When its training left the finite numbers. Nothing is answered then.
        TooFewPartiesError
            When so few parties train that a sum would be one party's update.

        Disclosure
        ----------
        Nothing: the caller masks and encrypts before anything is sent.
        """
        rows = self._rows
        if course.phase == "quantiles":
            return {
                **quantile_phase.addend(course.grids, rows.frame[rows.train]),
                "bads": np.array([int(rows.y[rows.train].sum())]),
                "held_n": np.array([int(self._held.sum())]),
                "held_bads": np.array([int(rows.y[self._held].sum())]),
                "n_parties": np.array([int(not rows.abstains)]),
            }
        if course.phase == "train":
            return self._train(course)
        eta = course.log_odds(self._inputs(course))
        if course.phase == "calibrate":
            found: Addend = {}
            for sample in course.calibrating:
                chosen = rows.sample == sample
                cells, is_bad = course.score_grid.cell_of(eta[chosen]), rows.y[chosen] == 1
                for kind, which in (("bads", is_bad), ("goods", ~is_bad)):
                    counted = np.bincount(cells[which], minlength=course.score_grid.cells)
                    found[f"{kind}.{sample}"] = counted.astype(np.int64)
            return found
        return metrics_phase.addend(
            course.calibrated(eta), rows.y, rows.sample, self._task, course.score_grid
        )

    def _train(self, course: NetworkCourse) -> Addend:
        check_taking_part(self._task, course.n_parties)
        rows, inputs = self._rows, self._inputs(course)
        part = NetworkRows(
            inputs.chosen(rows.train),
            rows.y[rows.train],
            inputs.chosen(self._held),
            rows.y[self._held],
            trains=not rows.abstains,
        )
        try:
            return part.addend(course.rounds, origin=self._origin)
        except NotConvergedError as error:
            raise diverged(str(error), self._task) from None

    @cached_property
    def _held(self) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        return np.asarray(self._rows.sample == "holdout")

    def _inputs(self, course: NetworkCourse) -> CodedRows:
        """Return every row as the network reads it; coded once."""
        if self._coded is None:
            self._coded = coded(self._rows.frame, self._task.features, course.standards)
        return self._coded


def check_taking_part(task: NetworkTask, n_parties: int) -> None:
    """Refuse to train where the others abstain: a sum of one party's update is that update.

    Raises
    ------
    TooFewPartiesError
    """
    least = max(task.policy.min_parties, task.min_parties)
    if n_parties < least:
        raise TooFewPartiesError(
            "too few parties have rows enough to train a network",
            expected=f"at least {least} parties with {LEAST_ROWS} training rows and "
            f"{LEAST_BADS} bads",
            found=f"{n_parties}; the others abstain",
            remedy="ask parties with more rows, lower holdout, or fit a scorecard or trees",
        )


def diverged(said: str, task: NetworkTask) -> TrainingDivergedError:
    """Return the error of a training without a result, with what to change."""
    return TrainingDivergedError(
        f"the network was not trained: {said}",
        expected="a loss that falls",
        found="one that does not",
        remedy=f"run it again with learning_rate = {task.learning_rate / 3:.2g}",
    )
