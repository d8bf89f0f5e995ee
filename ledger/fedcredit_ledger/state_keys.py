"""Keys and head rules over time: which key and which witness policy counts at which place.

A key is valid from one index to another, never from one time to another. A head of some size is
judged by what stood in force after so many leaves: one log key, one witness policy.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from fedcredit_ledger.checkpoint import Policy

BOTH_KEYS = timedelta(days=30)
"""How long heads carry the signature of a retired log key beside that of the new one."""


@dataclass(kw_only=True)
class KeyPeriod:
    """One key of a party, or of the log, and the entries that it can sign.

    Attributes
    ----------
    party : str
        Owner; empty for the log.
    use : str
        ``signing``, ``witness``, ``recovery`` or ``log``.
    vkey : str
        The key.
    valid_from : int
        Index of the first entry, or size of the first head, that it can sign.
    leaf : int
        Index of the entry that introduced it.
    valid_to : int or None
        Index from which it signs no more; None while it is valid.
    suspected_since : str
        Time from which a revoked key is disputed; empty for none.
    """

    party: str
    use: str
    vkey: str
    valid_from: int
    leaf: int
    valid_to: int | None = None
    suspected_since: str = ""


@dataclass(frozen=True, kw_only=True)
class HeadRule:
    """What makes a head of a size good.

    Attributes
    ----------
    valid_from : int
        Smallest size of a head that it is for.
    log_vkey : str
        Key of the log.
    lines : tuple of str
        Witness policy.
    received : datetime
        When the entry that brought it was received.
    ended : frozenset of str
        Witness keys that the policy names and that have been revoked, or whose party has left:
        their co-signatures count for nothing.
    """

    valid_from: int
    log_vkey: str
    lines: tuple[str, ...]
    received: datetime
    ended: frozenset[str] = frozenset()

    @property
    def policy(self) -> Policy:
        """The policy, read."""
        return _policy(self.lines, self.ended)

    def names(self, vkey: str) -> bool:
        """Tell whether the policy names a key."""
        return any(vkey in line.split() for line in self.lines)


def rule_at(rules: Sequence[HeadRule], size: int) -> HeadRule:
    """Return the rule for a head of a size; `rules` are in order, the first from size 0 or 1.

    Raises
    ------
    LookupError
        When there is no rule at all.
    """
    if not rules:
        raise LookupError("there is no founding entry yet")
    found = rules[0]
    for rule in rules[1:]:
        if rule.valid_from > size:
            break
        found = rule
    return found


def log_keys_at(rules: Sequence[HeadRule], size: int, now: datetime) -> list[str]:
    """Return the log keys that sign a head: the one in force, then those that retired lately."""
    found = [rule_at(rules, size).log_vkey]
    for older, newer in pairwise(rules):
        is_recent = newer.valid_from <= size and now - newer.received <= BOTH_KEYS
        if is_recent and older.log_vkey not in found:
            found.append(older.log_vkey)
    return found


def with_other_key(lines: Iterable[str], old_vkey: str, new_vkey: str) -> tuple[str, ...]:
    """Return a policy's lines with one key in the place of another."""
    whole_word = re.compile(rf"(?<![^ \t]){re.escape(old_vkey)}(?![^ \t])")
    return tuple(whole_word.sub(lambda _: new_vkey, line) for line in lines)


@lru_cache(maxsize=256)
def _policy(lines: tuple[str, ...], ended: frozenset[str]) -> Policy:
    return Policy(lines).without(ended)
