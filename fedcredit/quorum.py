"""The witnesses' quorum, for readers: whose signatures make an entry final, and who has given them.

An entry is final when a checkpoint over it carries the co-signatures that the witness policy
demands. The policy stands in the ledger; co-signatures are told here only when they verify.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from fedcredit_ledger.checkpoint import Policy
from fedcredit_ledger.note import Note
from fedcredit_ledger.store import Store


class InForce(NamedTuple):
    """A witness policy, and the entry that says it."""

    entry_id: str
    lines: tuple[str, ...]


def policy_in_force(entries: Iterable[tuple[str, str, Mapping[str, Any]]]) -> InForce | None:
    """Return the witness policy after these entries; None when none of them has one.

    It is that of the founding entry, or of the newest entry that changed it.

    Parameters
    ----------
    entries : iterable of (str, str, mapping)
        Id, type and data, oldest first.
    """
    found = None
    for entry_id, kind, data in entries:
        if kind == "federation-created" and data:
            found = InForce(entry_id, tuple(data["witness_policy"]))
        elif kind == "policy-changed" and data.get("policy") == "witness":
            found = InForce(entry_id, tuple(data["lines"]))
    return found


@dataclass(frozen=True, kw_only=True)
class Quorum:
    """What a policy demands, and how one checkpoint stands to it.

    Attributes
    ----------
    rule : str
        ``3 of 4 (bank-0, bank-1, bank-2, bank-3) and regulator``.
    witnesses : tuple of str
        Who may co-sign, in the policy's order.
    signed : tuple of str
        Whose co-signature under the checkpoint verifies, in the same order.
    is_final : bool
        Whether these are enough.
    may_be_late : tuple of str
        Witnesses any one of whom can be missing.
    """

    rule: str
    witnesses: tuple[str, ...]
    signed: tuple[str, ...]
    is_final: bool
    may_be_late: tuple[str, ...]

    @property
    def never_late(self) -> tuple[str, ...]:
        """Witnesses without whom nothing becomes final."""
        return tuple(name for name in self.witnesses if name not in self.may_be_late)

    @classmethod
    def of(cls, policy: Sequence[str], checkpoint: bytes) -> "Quorum":
        """Read a policy's lines, and verify the co-signatures under a checkpoint.

        Parameters
        ----------
        policy : sequence of str
            Lines of a c2sp.org/tlog-policy.
        checkpoint : bytes
            A signed note with its co-signatures.

        Raises
        ------
        MalformedEntryError
            When the policy or the note is not well formed.
        SignatureError
            When a co-signature does not verify.
        """
        demanded, note = Policy(policy), Note.parse(checkpoint)
        found = demanded.cosigned(note.text, note.signatures)
        everyone = tuple(demanded.witnesses)
        return cls(
            rule=in_words(policy),
            witnesses=everyone,
            signed=tuple(name for name in everyone if name in found),
            is_final=demanded.satisfied(found),
            may_be_late=tuple(
                name for name in everyone if demanded.satisfied({*everyone} - {name})
            ),
        )


def in_words(policy: Sequence[str]) -> str:
    """Return the quorum of a policy as a phrase: ``3 of 4 (a, b, c, d) and regulator``."""
    rows = [line.split() for line in policy]
    groups = {row[1]: (row[2], row[3:]) for row in rows if row[:1] == ["group"]}
    (top,) = (row[1] for row in rows if row[:1] == ["quorum"])

    def said(name: str) -> str:
        if name not in groups:
            return name
        number, members = groups[name]
        needed = {"all": len(members), "any": 1}.get(number) or int(number)
        told = [said(member) for member in members]
        if needed == len(members):
            return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)
        return f"{needed} of {len(members)} ({', '.join(told)})"

    return "nobody" if top == "none" else said(top)


def head(store: Store, size: int) -> bytes:
    """Return the checkpoint of a ledger over `size` entries with all its co-signatures."""
    bare = store.checkpoint(size)
    assert bare is not None, "the size is one of the store's checkpoints"
    return bare + "".join(f"{line}\n" for line in store.cosignatures(size)).encode()
