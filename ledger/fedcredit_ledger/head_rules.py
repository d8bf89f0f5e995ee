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
    for kind in (
        "log-key-rotated",
        "party-joined",
        "party-key-revoked",
        "party-key-rotated",
        "party-left",
        "policy-changed",
    )
)
"""How the line of such an entry ends: keys are sorted, and the type is the last one."""

_HINTS = (b'"type":"log', b'"type":"p')
"""What one of these begins with: most leaves hold neither."""


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
    reader = HeadRuleReader()
    for index, raw in enumerate(leaves):
        reader.take(index, raw)
    return reader.found


class HeadRuleReader:
    """Reads the rules for heads from leaves that come one by one.

    Attributes
    ----------
    found : list of HeadRule
        Oldest first.
    places : list of int
        Indices of the leaves that were more than passed over: who reads those alone, in order,
        finds the same rules.
    """

    def __init__(self) -> None:
        self.found: list[HeadRule] = []
        self.places: list[int] = []
        self._witnesses: dict[str, str] = {}

    def take(self, index: int, raw: bytes) -> None:
        """Read the next leaf; one that is malformed counts for nothing here.

        Raises
        ------
        MalformedEntryError, RejectedEntryError
            When the founding entry is not one.
        """
        if not self.found:
            founding = Leaf.parse(raw)
            self.found.append(_first(founding))
            self.places.append(index)
            for row in founding.signed.entry.data["founders"]:
                self._witnesses[row["party"]] = row.get("witness_vkey", "")
        elif (_HINTS[0] in raw or _HINTS[1] in raw) and any(end in raw for end in _CHANGES):
            self.places.append(index)
            self.found += _next(self.found[-1], raw, index, self._witnesses)


def _first(leaf: Leaf) -> HeadRule:
    data = leaf.signed.entry.data
    check_data("federation-created", data)
    VerifierKey.parse(data["log_vkey"])
    Policy(data["witness_policy"])
    return HeadRule(
        valid_from=0,
        log_vkey=data["log_vkey"],
        lines=tuple(data["witness_policy"]),
        received=leaf.received_at,
    )


def _next(rule: HeadRule, raw: bytes, index: int, witnesses: dict[str, str]) -> Iterator[HeadRule]:
    try:
        leaf = Leaf.parse(raw)
        entry = leaf.signed.entry
        check_data(entry.type, entry.data)
        log_vkey, lines, ended = _changed(rule, entry.type, entry.data, witnesses)
        Policy(lines)
    except LedgerError:
        return
    if (log_vkey, lines, ended) != (rule.log_vkey, rule.lines, rule.ended):
        yield HeadRule(
            valid_from=index + 1,
            log_vkey=log_vkey,
            lines=lines,
            received=leaf.received_at,
            ended=ended,
        )


def _changed(
    rule: HeadRule, kind: str, data: dict[str, Any], witnesses: dict[str, str]
) -> tuple[str, tuple[str, ...], frozenset[str]]:
    """Return log key, policy and ended keys after an entry; remember who has which key."""
    if kind == "policy-changed" and data["policy"] == "witness":
        return rule.log_vkey, tuple(data["lines"]), frozenset()
    if kind == "log-key-rotated":
        new = str(data["new_vkey"])
        return new, with_other_key(rule.lines, rule.log_vkey, new), rule.ended
    gone = ""
    if kind == "party-joined":
        gone = witnesses.get(data["party"], "")
        witnesses[data["party"]] = data.get("witness_vkey", "")
    elif kind == "party-left":
        gone = witnesses.pop(data["party"], "")
    elif kind == "party-key-revoked" and witnesses.get(data["party"]) == data["vkey"]:
        gone = str(witnesses.pop(data["party"]))
    elif kind == "party-key-rotated" and data["use"] == "witness":
        old, new = data["old_vkey"], data["new_vkey"]
        witnesses[data["party"]] = new
        return rule.log_vkey, with_other_key(rule.lines, old, new), rule.ended - {old}
    ended = rule.ended | {gone} if gone and rule.names(gone) else rule.ended
    return rule.log_vkey, rule.lines, ended
