"""One party's rows for one run: label, and the sample of each row."""

import numpy as np
import pandas as pd

from fedcredit_models import samples
from fedcredit_models.schema import Schema


class Rows:
    """What every kind of run derives its sums from.

    Parameters
    ----------
    frame : DataFrame
        The party's table, already checked against the task's schema.
    schema : Schema
        Features, label and optional columns of the task.
    holdout : float
        Share of subjects kept out of training.
    oot_from : str or None
        Start of the out-of-time sample.
    split_key : bytes
        Federation-wide key: a subject at two parties falls on one side.

    Attributes
    ----------
    y : ndarray of shape (n_rows,)
        1 = bad.
    sample : ndarray of shape (n_rows,)
        ``train``, ``holdout`` or ``oot``; empty text for a row that takes no part.
    train : ndarray of bool, shape (n_rows,)
    abstains : bool
        The rows are counted like everybody's, and nothing is trained on them.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        schema: Schema,
        *,
        holdout: float,
        oot_from: str | None,
        split_key: bytes,
    ) -> None:
        self.y = frame[schema.label].to_numpy().astype(np.int64)
        self.sample = samples.assign(
            frame, schema, holdout=holdout, split_key=split_key, oot_from=oot_from
        )
        self.frame = frame
        self.train = self.sample == "train"
        self.abstains = False

    @property
    def n_train(self) -> int:
        """Rows of the training sample."""
        return int(self.train.sum())

    def abstain(self) -> None:
        """Take no part in training.

        The rows stay in every other sum: a run that left them out, beside one over the same roster
        that did not, would differ by exactly this party.
        """
        self.abstains = True
