"""The rules: which entry may follow, decided by everybody in the same way.

`apply` is the whole of it: sequencer, members, witnesses and auditors run this code over the same
entries and reach the same `State`, or find the entry that should not be there. The checks that hold
for every entry are here, in this order: form, author and signatures, author chain, time, seen head.
The rules of each type stand in the modules ``rules_*``, beside its fields in ``types_*``.

Pure: the clock is the leaf's time of receipt, the tree an argument.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from fedcredit_ledger import (
    rules_facts,
    rules_founding,
    rules_grants,
    rules_log,
    rules_oversight,
    rules_parties,
    rules_policy,
    rules_queries,
    rules_results,
    rules_runs,
    rules_sealed,
)
from fedcredit_ledger.entry import (
    MAX_ENTRY_BYTES,
    MAX_FOUNDING_BYTES,
    Entry,
    SignedEntry,
    parse_time,
)
from fedcredit_ledger.errors import RejectedEntryError, SignatureError
from fedcredit_ledger.incoming import Incoming, Rule
from fedcredit_ledger.note import VerifierKey
from fedcredit_ledger.signature_worker import Claim
from fedcredit_ledger.state import (
    Act,
    ApprovalState,
    AssetState,
    AttemptState,
    BatchState,
    ContributionState,
    GrantState,
    MaskKeyState,
    PartyState,
    RunState,
    State,
)
from fedcredit_ledger.types import check_data

__all__ = [
    "MAX_DRIFT_S",
    "Act",
    "ApprovalState",
    "AssetState",
    "AttemptState",
    "BatchState",
    "ContributionState",
    "GrantState",
    "MaskKeyState",
    "PartyState",
    "RunState",
    "State",
    "apply",
]

MAX_DRIFT_S = 600
"""An entry whose author's clock is further from the time of receipt is stale."""

PutOff = Callable[[str, Claim], None]

_DRIFT = timedelta(seconds=MAX_DRIFT_S)
_FIRST = "federation-created"

_RULES: Mapping[str, Rule] = {
    **rules_founding.RULES,
    **rules_parties.RULES,
    **rules_policy.RULES,
    **rules_grants.RULES,
    **rules_sealed.RULES,
    **rules_runs.RULES,
    **rules_queries.RULES,
    **rules_results.RULES,
    **rules_facts.RULES,
    **rules_oversight.RULES,
    **rules_log.RULES,
}


def apply(
    state: State,
    signed: SignedEntry,
    *,
    index: int,
    received: datetime,
    root_at: Callable[[int], bytes],
    quorum_size: int | None = None,
    check_signatures: bool = True,
    put_off: PutOff | None = None,
) -> State:
    """Let an entry take effect.

    Parameters
    ----------
    state : State
        State after the leaves before; **changed in place** (thousands of entries are replayed).
    signed : SignedEntry
        The entry.
    index : int
        Index of its leaf.
    received : datetime
        Its time of receipt.
    root_at : callable
        Root of the tree at a size up to `index`.
    quorum_size : int, optional
        Size of the newest checkpoint with a quorum when the entry was sequenced. None leaves out
        the rules that need it: a reader cannot know what the sequencer knew.
    check_signatures : bool, default True
        An auditor's quick replay leaves them out; nobody else does.
    put_off : callable, optional
        Takes what Ed25519 has to judge, with the key's name, instead of judging it here: somebody
        else does, and refuses the entry by ``bad-signature`` when it is not good.

    Returns
    -------
    State
        `state` itself.

    Raises
    ------
    RejectedEntryError
        Before anything was changed; ``code`` names the rule.
    """
    entry = signed.entry
    _check_form(state, signed, index)
    if state.closed is not None:
        raise RejectedEntryError("ledger-closed", f"the ledger ends at {state.closed.index}")
    _check_author(state, signed, check_signatures, put_off)
    _check_author_chain(state, signed)
    if index:
        _check_time(signed, received)
    _check_seen(state, signed, index, root_at)
    incoming = Incoming(
        entry=entry,
        entry_id=signed.id,
        index=index,
        received=received,
        quorum_size=quorum_size,
        root_at=root_at,
    )
    _RULES[entry.type](state, incoming)
    state.author_heads[entry.author] = (entry.author_seq, signed.id)
    state.author_seen[entry.author] = entry.seen_size
    state.entry_index[signed.id] = index
    return state


def _check_form(state: State, signed: SignedEntry, index: int) -> None:
    entry = signed.entry
    limit = MAX_ENTRY_BYTES if index else MAX_FOUNDING_BYTES
    if len(signed.encode()) > limit:
        raise RejectedEntryError("too-large", f"an entry here has at most {limit} bytes")
    if index and entry.ledger != state.origin:
        raise RejectedEntryError("wrong-ledger", f"this ledger is {state.origin}")
    if (entry.type == _FIRST) != (index == 0):
        raise RejectedEntryError("wrong-phase", f"{_FIRST} is the first entry, and only that")
    check_data(entry.type, entry.data)
    if entry.readers != ["all"] and index:
        for name in entry.readers:
            if name not in state.parties:
                raise RejectedEntryError("malformed", f"the reader {name} is no party")


def _signers(state: State, entry: Entry) -> list[str]:
    """Return the keys that must have signed, in this order, as they are valid at this index."""
    if entry.type == _FIRST:
        return rules_founding.signers(entry)
    if entry.author in state.left:
        raise RejectedEntryError("unknown-author", f"{entry.author} is a party no more")
    if entry.author not in state.parties:
        raise RejectedEntryError("unknown-author", f"{entry.author} is no party")
    if entry.type in rules_parties.RULES:
        return rules_parties.signers(state, entry)
    if entry.type in rules_policy.RULES:
        return rules_policy.signers(state, entry)
    return [state.parties[entry.author].signing_vkey]


def _check_author(
    state: State, signed: SignedEntry, check_signatures: bool, put_off: PutOff | None
) -> None:
    keys, found = _signers(state, signed.entry), signed.signatures
    for position, vkey in enumerate(keys):
        if not vkey:
            raise RejectedEntryError("wrong-key", f"the key of {signed.entry.author} is revoked")
        key = VerifierKey.parse(vkey)
        if position >= len(found):
            raise RejectedEntryError("missing-cosigner", f"{key.name} has not signed")
        if not key.owns(found[position]):
            raise RejectedEntryError(
                "wrong-key", f"signature {position + 1} is not by {key.name}'s key of the ledger"
            )
        if check_signatures:
            try:
                if put_off is None:
                    key.verify(signed.note.text, found[position])
                else:
                    put_off(key.name, key.claim(signed.note.text, found[position]))
            except SignatureError as error:
                raise RejectedEntryError("bad-signature", error.message) from error
    if len(found) > len(keys):
        raise RejectedEntryError("wrong-key", "more signatures than the type demands")


def _check_author_chain(state: State, signed: SignedEntry) -> None:
    entry = signed.entry
    head = state.author_heads.get(entry.author)
    sequence, previous = (0, "0" * 64) if head is None else (head[0] + 1, head[1])
    if entry.author_seq < sequence:
        if signed.id in state.entry_index:
            raise RejectedEntryError("duplicate-id", "the entry is on the ledger already")
        raise RejectedEntryError(
            "author-equivocation", f"{entry.author} has signed another entry {entry.author_seq}"
        )
    if entry.author_seq > sequence or entry.author_prev != previous:
        raise RejectedEntryError(
            "author-gap", f"the next entry of {entry.author} is number {sequence}"
        )


def _check_time(signed: SignedEntry, received: datetime) -> None:
    if abs(received - parse_time(signed.entry.time)) > _DRIFT:
        raise RejectedEntryError(
            "stale", f"the author's clock and the receipt differ by more than {MAX_DRIFT_S} s"
        )


def _check_seen(
    state: State, signed: SignedEntry, index: int, root_at: Callable[[int], bytes]
) -> None:
    entry = signed.entry
    if entry.seen_size > index or root_at(entry.seen_size).hex() != entry.seen_root:
        raise RejectedEntryError("seen-unknown", "the author has seen a head of another history")
    if entry.seen_size < state.author_seen.get(entry.author, 0):
        raise RejectedEntryError("seen-went-back", f"{entry.author} had seen a larger head")
