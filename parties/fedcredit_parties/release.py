"""Apply the release function of a run's kind to an opened sum, and to nothing else.

The key holder opens a sum because it must, applies the one function that the run's kind and phase
name, and releases that function's result: integers that passed the policy. What was opened dies
with the call. The functions of each kind stand in a closed table, `procedures.PROCEDURES`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcredit_parties.course import Course
from fedcredit_parties.errors import PrecisionError
from fedcredit_parties.procedure import Memory, Sums
from fedcredit_parties.procedures import PROCEDURES

Document = dict[str, Any]


def release(course: Course[Any], sums: Sums, memory: Memory | None = None) -> Document:
    """Apply the function of the phase that comes next and return the document to be released.

    Parameters
    ----------
    course : Course
        The run's public course so far.
    sums : mapping of str to ndarray
        The opened sum, one array per field of ``course.tensor()``.
    memory : dict of str to ndarray, optional
        What the function kept of the previous opening; it is replaced by what it keeps of this one.

    Raises
    ------
    DisclosureError
        When the result does not pass the policy.
    PrecisionError
        When more bads than rows were counted.
    PartyError
        When the mathematics has no answer.

    Disclosure
    ----------
    Exactly the returned document, to the rostered parties and the requester.
    """
    _no_more_bads_than_rows(sums)
    function = PROCEDURES[course.task.kind].release
    values, outcome = function(course, sums, {} if memory is None else memory)
    values["n_clipped"] = whole(sums["clipped"])
    document: Document = {"outcome": outcome, "phase": str(course.phase), "values": values}
    _only_integers(document["values"])
    return document


def _no_more_bads_than_rows(sums: Sums) -> None:
    """Refuse a sum in which a cell has more bads than rows, wherever both were counted."""
    for name, bads in sums.items():
        rows = sums.get(f"{name.removesuffix('bads')}n") if name.endswith("bads") else None
        if rows is not None and (np.asarray(bads) > np.asarray(rows)).any():
            raise PrecisionError(
                f"the sum of {name} counts more bads than rows",
                expected="at most as many bads as rows in every cell",
                found="more; nothing was released",
                remedy="a party's addend was out of range: compare the parties' versions",
            )


def whole(value: NDArray[np.float64]) -> int:
    """Return the one number of a field as an integer."""
    return int(np.asarray(value).reshape(-1)[0])


def _only_integers(value: object) -> None:
    """Guarantee by construction what the ledger promises: no real number leaves the key holder.

    Raises
    ------
    TypeError
        For anything but objects, arrays, texts (names of rules) and Python integers.
    """
    if isinstance(value, dict):
        for part in value.values():
            _only_integers(part)
    elif isinstance(value, list | tuple):
        for part in value:
            _only_integers(part)
    elif isinstance(value, float) or not isinstance(value, int | str):
        raise TypeError(f"a {type(value).__name__} among released values; integers only")
