"""Rules for sealed batches: authorizations of many subjects under one root, used as one.

The entries of a batch stay at their holder; the ledger has the root, what they are for, and the
moment at which the first of them ends. A batch holds until then, or until one of its authorizations
is withdrawn: the holder then revokes the batch, and seals the rest anew before another run.
"""

from collections.abc import Mapping
from datetime import timedelta

from fedcredit_ledger.entry import format_time, parse_time
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.incoming import Incoming, Rule
from fedcredit_ledger.rules_grants import demand_new_id, demand_own_assets
from fedcredit_ledger.state import BatchState, State

_DAY = timedelta(days=1)


def grants_sealed(state: State, incoming: Incoming) -> None:
    """Let a holder seal authorizations over its own assets, on the day and once a root."""
    incoming.demand_role(state, "data-holder")
    data = incoming.data
    demand_new_id(state, data["batch_id"])
    demand_own_assets(state, incoming)
    if (incoming.author, data["root"]) in state.sealed:
        raise RejectedEntryError("duplicate-id", "these authorizations are sealed already")
    near = {format_time(incoming.received + shift)[:10] for shift in (-_DAY, 0 * _DAY, _DAY)}
    if data["day"] not in near:
        raise RejectedEntryError("stale", "a batch is sealed on its day")
    if parse_time(data["valid_until"]) <= incoming.received:
        raise RejectedEntryError("grant-not-live", "an authorization of the batch has expired")
    batch = BatchState(
        batch_id=data["batch_id"],
        entry_id=incoming.entry_id,
        index=incoming.index,
        holder=incoming.author,
        grantee=data["grantee"],
        purpose=data["purpose"],
        assets=tuple(data["assets"]),
        operations=tuple(data["operations"]),
        root=data["root"],
        valid_until=data["valid_until"],
    )
    state.batches[batch.batch_id] = batch
    state.sealed[batch.holder, batch.root] = batch


def demand_live_batch(
    state: State, incoming: Incoming, root: str, *, grantee: str, purpose: str
) -> BatchState:
    """Return the author's batch with a root, live and meant for this use, or refuse."""
    batch = state.sealed.get((incoming.author, root))
    if batch is None:
        raise RejectedEntryError("no-such-reference", "no sealed grants have this root")
    about = f"batch {batch.batch_id} of {batch.holder}"
    if batch.grantee != grantee or batch.purpose != purpose:
        raise RejectedEntryError("grant-scope", f"{about} is for another party or purpose")
    if batch.revoked:
        raise RejectedEntryError("grant-not-live", f"{about} was revoked")
    if parse_time(batch.valid_until) <= incoming.received:
        raise RejectedEntryError("grant-not-live", f"{about} holds one that has expired")
    return batch


RULES: Mapping[str, Rule] = {"grants-sealed": grants_sealed}
"""Entry type -> its rule."""
