"""One figure of a report: its name, the ledger entry that it cites, and its value."""

from dataclasses import dataclass

from fedcredit.result_file import ResultFile


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


def cited(result: ResultFile, *names: str) -> str:
    """Return the entry of the first of these names that the result knows."""
    return next((result.figures[name] for name in names if name in result.figures), "")
