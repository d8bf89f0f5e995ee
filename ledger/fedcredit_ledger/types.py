"""The closed table of entry types: which fields the data of each must hold, in which form.

A type that is not here, a field that is not in its row, or a value of another form is refused. A
later version adds rows. Commitments (SHA-256 over salt, name and value) stand together in the
field ``commits``; their names are part of the row.
"""

from collections.abc import Mapping
from typing import Any

from fedcredit_ledger import (
    types_federation,
    types_grants,
    types_log,
    types_oversight,
    types_parties,
    types_queries,
    types_results,
    types_runs,
)
from fedcredit_ledger.entry_type import EntryType
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.forms import digest

TYPES: Mapping[str, EntryType] = {
    **types_federation.TYPES,
    **types_parties.TYPES,
    **types_grants.TYPES,
    **types_runs.TYPES,
    **types_queries.TYPES,
    **types_results.TYPES,
    **types_oversight.TYPES,
    **types_log.TYPES,
}


def check_data(kind: str, data: Mapping[str, Any]) -> None:
    """Check an entry's data against its row.

    Raises
    ------
    RejectedEntryError
        ``unknown-type``, ``unknown-field`` or ``malformed``, naming the field.
    """
    row = TYPES.get(kind)
    if row is None:
        raise RejectedEntryError("unknown-type", f"there is no entry type {kind!r}")
    names = set(data)
    known = {*row.required, *row.optional}
    if row.commits or row.optional_commits:
        known.add("commits")
    if not names <= known:
        raise RejectedEntryError("unknown-field", f"{kind} has no field {min(names - known)!r}")
    missing = set(row.required) - names
    if row.commits and "commits" not in names:
        missing.add("commits")
    if missing:
        raise RejectedEntryError("malformed", f"{kind} lacks the field {min(missing)!r}")
    for name, value in data.items():
        if name == "commits":
            _check_commits(kind, row, value)
        elif not (row.required.get(name) or row.optional[name])(value):
            raise RejectedEntryError("malformed", f"{kind}: the field {name!r} is not of its form")


def _check_commits(kind: str, row: EntryType, commits: Any) -> None:
    if not isinstance(commits, dict) or not all(map(digest, commits.values())):
        raise RejectedEntryError("malformed", f"{kind}: commits are hex digests by name")
    names = set(commits)
    if not set(row.commits) <= names:
        lacking = min(set(row.commits) - names)
        raise RejectedEntryError("malformed", f"{kind} lacks the commitment {lacking!r}")
    if not names <= {*row.commits, *row.optional_commits}:
        surplus = min(names - {*row.commits, *row.optional_commits})
        raise RejectedEntryError("unknown-field", f"{kind} has no commitment {surplus!r}")
