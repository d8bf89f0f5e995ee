"""Rules for queries about subjects, the look-ups a holder serves, and the lists behind them."""

from collections.abc import Mapping

from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.incoming import Incoming, Rule
from fedcredit_ledger.rules_grants import demand_live
from fedcredit_ledger.state import State
from fedcredit_ledger.state_services import QueryState
from fedcredit_ledger.types_queries import QUERY_KINDS


def query_made(state: State, incoming: Incoming) -> None:
    """Let the grantee of a live grant ask, for its purpose and by its operation: one use."""
    data = incoming.data
    if data["query_id"] in state.services.queries:
        raise RejectedEntryError("duplicate-id", "there is a query with this id")
    key_holder = _key_holder(state, incoming)
    grant = state.grants.get(data["grant_id"])
    if grant is None:
        raise RejectedEntryError("no-such-reference", "there is no such grant")
    about = f"grant {grant.grant_id} of {grant.issuer}"
    if grant.grantee != incoming.author or grant.purpose != data["purpose"]:
        raise RejectedEntryError("grant-scope", f"{about} is for another party or purpose")
    operation = QUERY_KINDS[data["query_kind"]]
    if operation not in grant.operations:
        raise RejectedEntryError("grant-scope", f"{about} does not allow {operation}")
    use = f"query {data['query_id']}"
    demand_live(state, incoming, grant, use=use)
    grant.used_by.add(use)
    state.services.queries[data["query_id"]] = QueryState(
        made=incoming.act,
        asker=incoming.author,
        key_holder=key_holder,
        grant_id=grant.grant_id,
    )


def _key_holder(state: State, incoming: Incoming) -> str:
    """Return the key holder among the readers, who are the asker and it alone."""
    for name in incoming.entry.readers:
        if name in state.parties and "key-holder" in state.parties[name].roles:
            incoming.demand_readers(incoming.author, name)
            return name
    raise RejectedEntryError("malformed", "the readers of a query are its asker and a key holder")


def query_answered(state: State, incoming: Incoming) -> None:
    """Let the query's key holder or asker fix the one answer, while the grant is not revoked."""
    query = state.services.queries.get(incoming.data["query_id"])
    if query is None:
        raise RejectedEntryError("no-such-reference", "there is no such query")
    if incoming.author not in (query.asker, query.key_holder):
        raise RejectedEntryError("not-permitted", "a query is answered by its key holder or asker")
    incoming.demand_readers(query.asker, query.key_holder)
    if query.answered is not None:
        raise RejectedEntryError("duplicate-id", "the query is answered")
    if state.grants[query.grant_id].revoked:
        raise RejectedEntryError("grant-not-live", f"grant {query.grant_id} was revoked")
    query.answered = incoming.act


def risk_list_published(state: State, incoming: Incoming) -> None:
    """Let a holder publish each of its lists once; its keys' epochs never go back."""
    incoming.demand_role(state, "data-holder")
    services, data = state.services, incoming.data
    if (incoming.author, data["list_digest"]) in services.risk_lists:
        raise RejectedEntryError("duplicate-id", "this list is published already")
    if data["token_epoch"] < services.token_epochs.get(incoming.author, 0):
        raise RejectedEntryError("wrong-phase", "a list of a later epoch is published already")
    services.risk_lists[incoming.author, data["list_digest"]] = incoming.act
    services.token_epochs[incoming.author] = data["token_epoch"]


def lookups_served(state: State, incoming: Incoming) -> None:
    """Let a holder count a day's look-ups once, on a list that it had published."""
    incoming.demand_role(state, "data-holder")
    services, data = state.services, incoming.data
    if (incoming.author, data["day"]) in services.served_days:
        raise RejectedEntryError("duplicate-id", f"the look-ups of {data['day']} are counted")
    incoming.demand_begun(data["day"])
    if (incoming.author, data["list_digest"]) not in services.risk_lists:
        raise RejectedEntryError("no-such-reference", "the holder has published no such list")
    if data["n_served"] > data["budget"]:
        raise RejectedEntryError("over-budget", "more look-ups were served than the day's budget")
    services.served_days.add((incoming.author, data["day"]))


RULES: Mapping[str, Rule] = {
    "query-made": query_made,
    "query-answered": query_answered,
    "risk-list-published": risk_list_published,
    "lookups-served": lookups_served,
}
"""Entry type -> its rule."""
