"""One figure of a report: its name, the ledger entry that it cites, and its value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class HasFigures(Protocol):
    """A saved result or evaluation: it knows the entries of its figures by name."""

    @property
    def figures(self) -> Mapping[str, str]:
        """Figure -> entry."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure.

    Attributes
    ----------
    name : str
        ``auc.holdout``, ``bins.income.3``, ``participation.bank-0``.
    entry : str
        Id of the entry that it cites.
    value : float or None
        The number, where the figure is one number.
    """

    name: str
    entry: str
    value: float | None = None


def cited(saved: HasFigures, *names: str) -> str:
    """Return the entry of the first of these names that a saved result knows; else ""."""
    return next((saved.figures[name] for name in names if name in saved.figures), "")
