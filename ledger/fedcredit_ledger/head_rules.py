"""Which log key and witness policy judge which head, read from leaves without replaying them.

An auditor checks heads before, or without, the rules: so this reads only the entries that change
what a head is judged by, and believes them. Whether they were allowed is said by the replay.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.checkpoint import Policy
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.note import VerifierKey
from fedcredit_ledger.state_keys import HeadRule, with_other_key
from fedcredit_ledger.types import check_data

_CHANGES = tuple(
    f'"type":"{kind}"}}\n'.encode()
    for kind in ("log-key-rotated", "party-key-rotated", "policy-changed")
)
"""How the line of such an entry ends: keys are sorted, and the type is the last one."""


def read_head_rules(leaves: Iterable[bytes]) -> list[HeadRule]:
    """Return the rules for heads, oldest first.

    Parameters
    ----------
    leaves : iterable of bytes
        All leaves of a ledger, in order; one that is malformed counts for nothing here.

    Raises
    ------
    MalformedEntryError, RejectedEntryError
        When the founding entry is not one.
    """
    found: list[HeadRule] = []
    for index, raw in enumerate(leaves):
        if not index:
            founding = Leaf.parse(raw)
            check_data("federation-created", founding.signed.entry.data)
            found.append(_first(founding))
        elif any(end in raw for end in _CHANGES):
            found += _next(found[-1], raw, index)
    return found


def _first(leaf: Leaf) -> HeadRule:
    data = leaf.signed.entry.data
    VerifierKey.parse(data["log_vkey"])
    Policy(data["witness_policy"])
    return HeadRule(
        valid_from=0,
        log_vkey=data["log_vkey"],
        lines=tuple(data["witness_policy"]),
        received=leaf.received_at,
    )


def _next(rule: HeadRule, raw: bytes, index: int) -> Iterator[HeadRule]:
    try:
        leaf = Leaf.parse(raw)
        entry = leaf.signed.entry
        check_data(entry.type, entry.data)
        log_vkey, lines = _changed(rule, entry.type, entry.data)
        Policy(lines)
    except LedgerError:
        return
    if (log_vkey, lines) != (rule.log_vkey, rule.lines):
        yield HeadRule(
            valid_from=index + 1, log_vkey=log_vkey, lines=lines, received=leaf.received_at
        )


def _changed(rule: HeadRule, kind: str, data: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    if kind == "policy-changed" and data["policy"] == "witness":
        return rule.log_vkey, tuple(data["lines"])
    if kind == "log-key-rotated":
        new = str(data["new_vkey"])
        return new, with_other_key(rule.lines, rule.log_vkey, new)
    if kind == "party-key-rotated" and data["use"] == "witness":
        return rule.log_vkey, with_other_key(rule.lines, data["old_vkey"], data["new_vkey"])
    return rule.log_vkey, rule.lines
