"""The parties' quorum: what they decide together, each by an entry of its own.

A note fixes its author's number, and people need days, so nobody waits for co-signatures: each
party writes ``endorsement-given`` over the digest of the act, and the act lists those entries.
"""

from datetime import datetime, timedelta

from fedcredit_ledger.entry import act_digest, parse_time
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.incoming import Incoming
from fedcredit_ledger.state import Act, State

ENDORSEMENT_DAYS = 30
"""An endorsement older than this counts no more."""

_VOTERS = {"data-holder", "witness"}


def voters(state: State, *, without: str = "") -> tuple[str, ...]:
    """Return the parties that are asked: data holders and witnesses, sorted.

    The coordinator writes the act and is not asked; nor is the party that the act is about.
    """
    return tuple(
        sorted(
            name
            for name, party in state.parties.items()
            if _VOTERS & set(party.roles) and "coordinator" not in party.roles and name != without
        )
    )


def quorum_of(n: int) -> int:
    """Return how many of `n` parties must approve: n - floor((n - 1) / 3), and never none."""
    return max(1, n - (n - 1) // 3)


def n_needed(state: State, *, without: str = "") -> int:
    """Return how many must approve an act: a quorum of all, whoever of them is not asked.

    Counted without the party that an act is about, a few could expel the others one by one.
    """
    return min(quorum_of(len(voters(state))), max(1, len(voters(state, without=without))))


def endorsements_of(
    state: State, kind: str, digest: str, *, now: datetime, without: str = ""
) -> dict[str, str]:
    """Return by voter the entry id of its newest word on an act, when that is a fresh approval.

    An endorsement that has carried one act carries no second one.
    """
    found = {}
    for name in voters(state, without=without):
        if is_endorsed(state, now, name, kind, digest):
            act = state.endorsements[name, kind, digest][0]
            if act.entry_id not in state.spent_endorsements:
                found[name] = act.entry_id
    return found


def demand_quorum(state: State, incoming: Incoming, *, without: str = "") -> None:
    """Refuse an act that the parties have not endorsed; nothing is changed here.

    Raises
    ------
    RejectedEntryError
        ``not-endorsed``: an entry in ``endorsements`` is no voter's newest, fresh, unspent approval
        of exactly this act, or there are too few.
    """
    listed = set(incoming.data.get("endorsements", ()))
    kind = incoming.entry.type
    digest = act_digest(kind, incoming.data)
    given = endorsements_of(state, kind, digest, now=incoming.received, without=without)
    needed = n_needed(state, without=without)
    if not listed <= set(given.values()):
        raise RejectedEntryError(
            "not-endorsed",
            f"an endorsement is not a voter's newest approval of this {kind}, "
            f"or is older than {ENDORSEMENT_DAYS} days, or has carried an act already",
        )
    if len(listed) < needed:
        raise RejectedEntryError(
            "not-endorsed", f"{needed} parties must endorse it, {len(listed)} have"
        )


def spend(state: State, act: Act) -> None:
    """Remember which endorsements an act has used up."""
    state.spent_endorsements.update(act.data.get("endorsements", ()))


def void_words(state: State, party: str) -> None:
    """Let every endorsement of a party whose signing key is revoked count for nothing more.

    A thief may have written it; once the party is admitted again, it can say it again.
    """
    state.endorsements = {k: word for k, word in state.endorsements.items() if k[0] != party}


def is_endorsed(state: State, now: datetime, party: str, act_type: str, digest: str) -> bool:
    """Tell whether a party's newest word on an act is an approval, and recent."""
    found = state.endorsements.get((party, act_type, digest))
    if found is None or found[0].data["decision"] != "approve":
        return False
    return now - parse_time(found[1]) <= timedelta(days=ENDORSEMENT_DAYS)
