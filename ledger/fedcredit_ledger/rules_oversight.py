"""Rules for those who watch over the ledger: audits, anchors, erasures, interruptions."""

from collections.abc import Mapping

from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.incoming import Incoming, Rule
from fedcredit_ledger.state import State


def commitment_erased(state: State, incoming: Incoming) -> None:
    """Let the author of an entry say that nothing opens its commitments any more.

    An open dispute about the entry holds its openings.
    """
    oversight, data = state.oversight, incoming.data
    found = state.entry(data["entry_id"])
    if found is None or not set(data["names"]) <= set(found.data.get("commits", ())):
        raise RejectedEntryError("no-such-reference", "the entry has no commitments of these names")
    if found.author != incoming.author:
        raise RejectedEntryError("not-permitted", f"the entry is {found.author}'s")
    if oversight.erased.get(data["entry_id"], set()) & set(data["names"]):
        raise RejectedEntryError("duplicate-id", "one of them is erased already")
    dispute = open_dispute(state, data["entry_id"])
    if dispute:
        raise RejectedEntryError("legal-hold", f"dispute {dispute} about it is open")
    oversight.erased.setdefault(data["entry_id"], set()).update(data["names"])


def open_dispute(state: State, entry_id: str) -> str:
    """Return the id of an open dispute about an entry; empty when there is none."""
    for dispute_id, dispute in state.disputes.items():
        if dispute.about == entry_id and dispute.resolved is None:
            return dispute_id
    return ""


def misbehaviour_reported(state: State, incoming: Incoming) -> None:
    """Let a party accuse another, each proof once."""
    data = incoming.data
    if data["accused"] not in state.parties:
        raise RejectedEntryError("no-such-reference", f"{data['accused']} is no party")
    if data["accused"] == incoming.author:
        raise RejectedEntryError("malformed", "a party accuses another, not itself")
    key = (incoming.author, data["proof_digest"])
    if key in state.oversight.misbehaviour:
        raise RejectedEntryError("duplicate-id", "this proof was reported before")
    state.oversight.misbehaviour[key] = incoming.act


def ledger_suspended(state: State, incoming: Incoming) -> None:
    """Let the coordinator say that it takes no entries for now."""
    incoming.demand_role(state, "coordinator")
    if state.oversight.suspended is not None:
        raise RejectedEntryError("wrong-phase", "the ledger is suspended already")
    state.oversight.suspended = incoming.act


def ledger_restored(state: State, incoming: Incoming) -> None:
    """Let the coordinator say from where the ledger goes on; this ends a suspension."""
    incoming.demand_role(state, "coordinator")
    if incoming.data["from_size"] > incoming.index:
        raise RejectedEntryError("no-such-reference", "the ledger was never of that size")
    state.oversight.suspended = None


def audit_completed(state: State, incoming: Incoming) -> None:
    """Let an auditor or a regulator say what it verified: a size with its root, to a level."""
    if not {"auditor", "regulator"} & set(state.parties[incoming.author].roles):
        raise RejectedEntryError("not-permitted", "an audit is an auditor's or a regulator's")
    data = incoming.data
    if data["from_size"] >= data["size"]:
        raise RejectedEntryError("malformed", "an audit ends after it begins")
    if data["size"] > incoming.index or incoming.root_at(data["size"]).hex() != data["root"]:
        raise RejectedEntryError("seen-unknown", "the ledger had no such root at that size")
    state.oversight.audits.append(incoming.act)


def anchor_recorded(state: State, incoming: Incoming) -> None:
    """Let the coordinator record an outside time stamp over a witnessed head."""
    incoming.demand_role(state, "coordinator")
    size, token = incoming.data["checkpoint_size"], incoming.data["token_digest"]
    if token in state.oversight.anchors:
        raise RejectedEntryError("duplicate-id", "this token is recorded already")
    if size > incoming.index:
        raise RejectedEntryError("no-such-reference", "there is no checkpoint of that size yet")
    incoming.demand_witnessed(size - 1, "the stamped checkpoint")
    state.oversight.anchors[token] = incoming.act


def access_logged(state: State, incoming: Incoming) -> None:
    """Let the coordinator fix the list of a day's readers, once."""
    incoming.demand_role(state, "coordinator")
    day = incoming.data["day"]
    if day in state.oversight.read_days:
        raise RejectedEntryError("duplicate-id", f"the reads of {day} are logged")
    incoming.demand_begun(day)
    state.oversight.read_days.add(day)


RULES: Mapping[str, Rule] = {
    "commitment-erased": commitment_erased,
    "misbehaviour-reported": misbehaviour_reported,
    "ledger-suspended": ledger_suspended,
    "ledger-restored": ledger_restored,
    "audit-completed": audit_completed,
    "anchor-recorded": anchor_recorded,
    "access-logged": access_logged,
}
"""Entry type -> its rule."""
