"""What the federation has released of one run so far, rebuilt from the releases alone.

Parties, key holder and requester each keep a course and feed it the same sealed releases in the
same order; from it follow the next phase, the exact fixed-point layout of the next sum, and in the
end the result. There is no other input to a round than this (decisions, lock C).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from fedcredit_parties.errors import MalformedMessageError
from fedcredit_parties.foreign import named
from fedcredit_parties.masks import Field, Tensor
from fedcredit_parties.release_form import COUNT_BOUND, is_count
from fedcredit_parties.task import Task

T = TypeVar("T", bound=Task)

NANO = 1_000_000_000


class Course(ABC, Generic[T]):
    """The public course of one run; each kind of run has its own.

    Parameters
    ----------
    task : Task
        The approved task.

    Attributes
    ----------
    phase : str or None
        The phase that comes next; None after the last.
    n_train : int
        Rows all parties train on; 0 until it is released.
    metrics : dict of str to dict
        Released figures of each sample; empty until the last phase.
    history : list of dict
        For each release ``phase``, ``outcome``, ``log_loss``, ``step_size``.
    openings : dict of int to list
        Leaf index of each ``round-opened`` to ``[salt, "result", document]``: with it whoever
        received the release can show later what the ledger commits to.
    """

    def __init__(self, task: T) -> None:
        self.task = task
        self.phase: str | None = task.phases()[0]
        self.n_train = 0
        self.metrics: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.openings: dict[int, list[Any]] = {}

    @abstractmethod
    def fields(self) -> tuple[Field, ...]:
        """Return the fields of the next sum, beside the head; the same at every member."""

    @abstractmethod
    def is_form(self, values: Mapping[str, Any], outcome: str) -> bool:
        """Tell whether these are exactly values of the phase that comes next.

        The key holder's documents are foreign bytes: fields, lengths, integers in their ranges.
        """

    @abstractmethod
    def take(self, values: Mapping[str, Any], outcome: str) -> None:
        """Take in the values of the phase that comes next; the base class moves on."""

    def tensor(self) -> Tensor:
        """Return the fixed-point layout of the next sum; the same at every member.

        Raises
        ------
        MalformedMessageError
            After the last phase, or when what was released leaves no sum that fits the modulus.
        """
        if self.phase is None:
            raise MalformedMessageError("the run has released everything; there is no further sum")
        with named("what was released of the run"):
            tensor = Tensor(self.phase, (*HEAD, *self.fields()))
            for field in tensor.fields:
                field.check_fits(self.task.parameters.modulus_bits)
        return tensor

    def absorb(self, document: Mapping[str, Any]) -> None:
        """Take in one released document, in order.

        Raises
        ------
        MalformedMessageError
            When it is not a result of the phase that comes next, or leaves no further sum.
        """
        with named("a released document"):
            self._check(document)
            phase, values, outcome = str(self.phase), document["values"], document["outcome"]
            self.take(values, outcome)
            self.phase = self.task.next_phase(phase, outcome) or None
            if self.phase is not None:
                self.tensor()
        self.history.append(
            {
                "phase": phase,
                "outcome": outcome,
                "log_loss": _nano(values.get("log_loss_nano")),
                "step_size": _nano(values.get("step_nano")),
            }
        )

    def _check(self, document: Mapping[str, Any]) -> None:
        """Refuse a document that is not a result of the phase that comes next."""
        if self.phase is None or document.get("phase") != self.phase:
            raise MalformedMessageError(
                "a release of another phase", expected=str(self.phase), found="another phase"
            )
        values, outcome = document.get("values"), document.get("outcome")
        if (
            set(document) != {"outcome", "phase", "values"}
            or not isinstance(outcome, str)
            or self.task.next_phase(self.phase, outcome) is None
            or not isinstance(values, dict)
            or not is_count(values.get("n_clipped"))
            or not self.is_form(values, outcome)
        ):
            raise MalformedMessageError(
                f"a release that is no result of the phase {self.phase}",
                expected="the fields of that phase, with integers in their ranges",
                found="another document",
                remedy="stop the run: compare FedCredit versions with the key holder",
            )

    def real(self, name: str, length: int, bound: float) -> Field:
        """Lay out a real-valued field: as many fractional bits as its bound leaves room for."""
        room = 2 * (self.task.parameters.modulus_bits - 8) - 6
        scale_bits = min(40, room - math.ceil(math.log2(1.0 + bound)))
        scaled = math.ceil(bound * 2.0**scale_bits) + 1024
        return Field(name, length, scale_bits=scale_bits, limbs=2, bound=scaled)


def count_field(name: str, length: int) -> Field:
    """Lay out numbers of rows."""
    return Field(name, length, scale_bits=0, limbs=1, bound=COUNT_BOUND, signed=False)


HEAD = (count_field("n", 1), count_field("clipped", 1))
"""Every sum carries the training rows and the number of clipped numbers."""


def _nano(value: int | None) -> float | None:
    return None if value is None else value / NANO
