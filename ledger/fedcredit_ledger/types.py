"""The closed table of entry types: which fields the data of each must hold, in which form.

A type that is not here, a field that is not in its row, or a value of another form is refused. A
later version adds rows. Commitments (SHA-256 over salt, name and value) stand together in the
field ``commits``; their names are part of the row.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

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
from fedcredit_ledger.forms import Form, digest

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


class _Row(NamedTuple):
    """A row as it is asked for every entry."""

    forms: dict[str, Form]
    required: frozenset[str]
    commits: frozenset[str]
    all_commits: frozenset[str]


def _row(found: EntryType) -> _Row:
    has_commits = bool(found.commits or found.optional_commits)
    commits = {"commits": digest} if has_commits else {}
    return _Row(
        forms={**found.required, **found.optional, **commits},
        required=frozenset({*found.required, *(["commits"] if found.commits else [])}),
        commits=frozenset(found.commits),
        all_commits=frozenset({*found.commits, *found.optional_commits}),
    )


_ROWS = {kind: _row(found) for kind, found in TYPES.items()}


def check_data(kind: str, data: Mapping[str, Any]) -> None:
    """Check an entry's data against its row.

    Raises
    ------
    RejectedEntryError
        ``unknown-type``, ``unknown-field`` or ``malformed``, naming the field.
    """
    row = _ROWS.get(kind)
    if row is None:
        raise RejectedEntryError("unknown-type", f"there is no entry type {kind!r}")
    names = data.keys()
    if not names <= row.forms.keys():
        surplus = min(names - row.forms.keys())
        raise RejectedEntryError("unknown-field", f"{kind} has no field {surplus!r}")
    if not names >= row.required:
        missing = min(row.required - names)
        raise RejectedEntryError("malformed", f"{kind} lacks the field {missing!r}")
    for name, value in data.items():
        if name == "commits":
            _check_commits(kind, row, value)
        elif not row.forms[name](value):
            raise RejectedEntryError("malformed", f"{kind}: the field {name!r} is not of its form")


def _check_commits(kind: str, row: _Row, commits: Any) -> None:
    if not isinstance(commits, dict) or not all(map(digest, commits.values())):
        raise RejectedEntryError("malformed", f"{kind}: commits are hex digests by name")
    names = commits.keys()
    if not names >= row.commits:
        lacking = min(row.commits - names)
        raise RejectedEntryError("malformed", f"{kind} lacks the commitment {lacking!r}")
    if not names <= row.all_commits:
        surplus = min(names - row.all_commits)
        raise RejectedEntryError("unknown-field", f"{kind} has no commitment {surplus!r}")
