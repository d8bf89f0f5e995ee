"""One row of the table of entry types."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fedcredit_ledger.forms import Form


@dataclass(frozen=True, kw_only=True)
class EntryType:
    """One row of the table.

    Attributes
    ----------
    required, optional : mapping of str to Form
        Fields of `data`, without ``commits``.
    commits, optional_commits : tuple of str
        Names that ``data["commits"]`` must, and may, hold.
    """

    required: Mapping[str, Form]
    optional: Mapping[str, Form] = field(default_factory=dict)
    commits: tuple[str, ...] = ()
    optional_commits: tuple[str, ...] = ()
