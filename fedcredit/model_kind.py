"""What the front room has to know of one kind of model."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from fedcredit_models.bad_classifier import BadClassifier
from fedcredit_parties.task import Task

FACTOR = 20 / math.log(2)
OFFSET = 600 - FACTOR * math.log(50)
"""Points of a model without a scale of its own: 600 at odds 50 : 1, 20 points double the odds."""


@dataclass(frozen=True, kw_only=True)
class ModelKind:
    """One kind of model.

    Parameters
    ----------
    estimator : type
        The scikit-learn class; unfitted it is a job's settings, fitted a run's result.
    settings : type
        The ``[model]`` table of a job file: the estimator's settings by the same names, strict,
        with ``kind``.
    task : callable
        What all tasks have in common, and the unfitted estimator -> the task.
    fitted : callable
        The released course, the unfitted estimator, columns left out -> the fitted estimator.
    released : mapping of str to (str, str)
        Phase -> name of its release function, and in words what it releases.
    opened : str
        What the key holder sees for the length of a call, in words.
    figures : mapping of str to str
        Figure of the report -> the phase whose last opening released it.
    operation : str
        What a grant has to allow: ``sum`` or ``train``.
    scale : callable
        Fitted estimator -> (offset, factor): points = offset - factor * log odds of bad.
    """

    estimator: type[BadClassifier]
    settings: type[BaseModel]
    task: Callable[[Mapping[str, Any], Any], Task]
    fitted: Callable[[Any, Any, Mapping[str, str]], BadClassifier]
    released: Mapping[str, tuple[str, str]]
    opened: str
    figures: Mapping[str, str] = field(default_factory=dict)
    operation: str = "sum"
    scale: Callable[[Any], tuple[float, float]] = lambda model: (OFFSET, FACTOR)
