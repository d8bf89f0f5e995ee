"""Rules for what the ledger says about itself: what was refused."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.incoming import Incoming, Rule
from fedcredit_ledger.state import State

REFUSAL_DAYS = 1
"""After so many days the same author's refusal with the same code is recorded again."""


def is_recorded(state: State, author: str, code: str, now: datetime) -> bool:
    """Tell whether a refusal of this author and code stands in the ledger already.

    One counts until a run is proposed after it, and for a day at most. A coordinator that records
    no other lets nobody make the ledger grow by handing in what is refused: per author and code
    there is one entry a proposal and day.
    """
    found = state.refused_entries.get((author, code))
    if found is None:
        return False
    act, received = found
    newest = tuple(state.runs.values())[-1:]
    if newest and newest[0].proposed_index > act.index:
        return False
    return now - received < timedelta(days=REFUSAL_DAYS)


def entry_refused(state: State, incoming: Incoming) -> None:
    """Let the coordinator record what it refused, once: a second opening tried is a fact.

    Which refusals are worth it is the coordinator's choice, but for those that a witness demands.
    """
    incoming.demand_role(state, "coordinator")
    author, code = incoming.data["author"], incoming.data["code"]
    if author not in state.parties and author not in state.left:
        raise RejectedEntryError("no-such-reference", "the refused entry's author was no party")
    if incoming.data["entry_id"] in state.entry_index:
        raise RejectedEntryError("wrong-phase", "an entry on the ledger was not refused")
    if incoming.data["entry_id"] in state.refused_at:
        raise RejectedEntryError("duplicate-id", "the refusal of this entry is recorded already")
    state.refused_at[incoming.data["entry_id"]] = incoming.index
    state.refused_entries[author, code] = (incoming.act, incoming.received)


RULES: Mapping[str, Rule] = {
    "entry-refused": entry_refused,
}
"""Entry type -> its rule."""
