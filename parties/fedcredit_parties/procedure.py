"""What a kind of run is made of: its task, its public course, the sums, and what is released."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fedcredit_parties.course import Course
from fedcredit_parties.rows import Rows

Addend = dict[str, NDArray[np.float64] | NDArray[np.int64]]
"""One array for each field of a tensor, without the head."""

Sums = Mapping[str, NDArray[np.float64]]
"""An opened sum, one array for each field of a tensor."""

Memory = dict[str, NDArray[np.int64]]
"""What the key holder keeps of an opened sum until the run's next opening, encrypted at rest."""


class PartySums(Protocol):
    """One party's side of a run."""

    def addend(self, course: Any) -> Addend:
        """Return this party's addend for the phase that comes next."""
        ...


@dataclass(frozen=True)
class Procedure:
    """One kind of run.

    Parameters
    ----------
    course : callable
        Task -> a new public course.
    sums : callable
        One party's rows and the task -> its side of the run.
    release : callable
        Course, opened sum, memory -> released values (integers only) and outcome. It is applied by
        the key holder. What it puts into the memory is there at the next opening, and gone after.
    abstains : callable
        One party's rows and the task -> why the party takes no part in training; "" when it does.
    """

    course: Callable[[Any], Course[Any]]
    sums: Callable[[Rows, Any], PartySums]
    release: Callable[[Any, Sums, Memory], tuple[dict[str, Any], str]]
    abstains: Callable[[Rows, Any], str] = lambda rows, task: ""


def addend(rows: Rows, side: PartySums, course: Course[Any]) -> Addend:
    """Return one party's addend with the row count of the head; the caller counts the clipped.

    Disclosure
    ----------
    Nothing: the caller masks and encrypts before anything is sent.
    """
    return {"n": np.array([rows.n_train]), **side.addend(course)}
