"""Rules for facts about loans, the packages made of them, and disputes about any entry."""

from collections.abc import Mapping
from datetime import timedelta

from fedcredit_ledger.entry import parse_time
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.facts import STAGES
from fedcredit_ledger.incoming import Incoming, Rule
from fedcredit_ledger.state import DisputeState, State

_DRIFT = timedelta(seconds=600)
_FIELDS = {stage: frozenset({"contract", *fields}) for stage, fields in STAGES.items()}


def fact_sealed(state: State, incoming: Incoming) -> None:
    """Let a holder seal a fact for itself, with the fields of its stage only."""
    incoming.demand_role(state, "data-holder")
    data = incoming.data
    if incoming.entry.readers != [incoming.author]:
        raise RejectedEntryError("malformed", "a fact is read by its originator alone")
    names, known = data["commits"].keys(), _FIELDS[data["stage"]]
    if not names <= known:
        raise RejectedEntryError(
            "unknown-field", f"a fact of stage {data['stage']} has no field {min(names - known)!r}"
        )
    if parse_time(data["captured_at"]) > incoming.received + _DRIFT:
        raise RejectedEntryError("stale", "a fact was captured after it was sealed")


def evidence_issued(state: State, incoming: Incoming) -> None:
    """Let a holder record the packages it made from a witnessed head."""
    incoming.demand_role(state, "data-holder")
    size = incoming.data["checkpoint_size"]
    if size > incoming.index:
        raise RejectedEntryError("no-such-reference", "there is no checkpoint of that size yet")
    incoming.demand_witnessed(size - 1, "the packages' checkpoint")


def dispute_filed(state: State, incoming: Incoming) -> None:
    """Let anyone dispute an entry of the ledger; one id is one dispute."""
    data = incoming.data
    if data["dispute_id"] in state.disputes:
        raise RejectedEntryError("duplicate-id", "there is a dispute with this id")
    if data["about"] not in state.entry_index:
        raise RejectedEntryError("no-such-reference", "a dispute is about an entry of the ledger")
    state.disputes[data["dispute_id"]] = DisputeState(
        filed=incoming.act, author=incoming.author, about=data["about"]
    )


def dispute_resolved(state: State, incoming: Incoming) -> None:
    """Let whoever filed a dispute, or the regulator, end it once."""
    dispute = state.disputes.get(incoming.data["dispute_id"])
    if dispute is None:
        raise RejectedEntryError("no-such-reference", "there is no such dispute")
    if dispute.resolved is not None:
        raise RejectedEntryError("duplicate-id", "the dispute is resolved")
    roles = state.parties[incoming.author].roles
    if incoming.author != dispute.author and "regulator" not in roles:
        raise RejectedEntryError(
            "not-permitted", "a dispute is resolved by who filed it, or by the regulator"
        )
    dispute.resolved = incoming.act


RULES: Mapping[str, Rule] = {
    "fact-sealed": fact_sealed,
    "evidence-issued": evidence_issued,
    "dispute-filed": dispute_filed,
    "dispute-resolved": dispute_resolved,
}
"""Entry type -> its rule."""
