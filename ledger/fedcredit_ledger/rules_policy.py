"""Rules for what the parties decide about the ledger: its policies, its key, its end."""

import hashlib
from collections.abc import Mapping, Sequence

from fedcredit_ledger.checkpoint import Policy
from fedcredit_ledger.entry import Entry
from fedcredit_ledger.errors import MalformedEntryError, RejectedEntryError
from fedcredit_ledger.incoming import Incoming, Rule
from fedcredit_ledger.note import VerifierKey
from fedcredit_ledger.quorum import demand_quorum, spend
from fedcredit_ledger.rules_parties import add_head_rule
from fedcredit_ledger.state import State
from fedcredit_ledger.state_keys import KeyPeriod, with_other_key


def signers(state: State, entry: Entry) -> list[str]:
    """Return the keys that must sign an entry of one of these types, the coordinator's first."""
    own = state.parties[entry.author].signing_vkey
    return [own, entry.data["new_vkey"]] if entry.type == "log-key-rotated" else [own]


def lines_digest(lines: Sequence[str]) -> str:
    """Return the digest of a policy: SHA-256 of its lines joined by newlines, in hex."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def policy_changed(state: State, incoming: Incoming) -> None:
    """Let another policy count from here on, once the parties under the old one have endorsed it.

    A witness policy is for heads that hold the entry; a disclosure policy for runs proposed later.
    """
    incoming.demand_role(state, "coordinator")
    data = incoming.data
    if data["digest"] != lines_digest(data["lines"]):
        raise RejectedEntryError("malformed", "the digest is not that of the lines")
    if data["policy"] == "witness":
        _check_witness_policy(state, data["lines"])
    demand_quorum(state, incoming)
    spend(state, incoming.act)
    if data["policy"] == "witness":
        add_head_rule(state, incoming, state.head_rules[-1].log_vkey, tuple(data["lines"]))
    else:
        state.disclosure_digest = data["digest"]


def _check_witness_policy(state: State, lines: Sequence[str]) -> None:
    try:
        policy = Policy(lines)
    except MalformedEntryError as error:
        raise RejectedEntryError("malformed", f"the policy: {error.message}") from error
    if [key.vkey for key in policy.logs] != [state.head_rules[-1].log_vkey]:
        raise RejectedEntryError("malformed", "the policy names another log")
    if policy.satisfied(()):
        raise RejectedEntryError("malformed", "a policy that nobody must fulfil")
    ours = {p.vkey for p in state.keys if p.use == "witness" and p.valid_to is None}
    known = {p.vkey for p in state.keys if p.use == "witness"}
    for key in policy.witnesses.values():
        retired = key.vkey in known - ours
        if retired or (key.name in {*state.parties, *state.left} and key.vkey not in ours):
            raise RejectedEntryError(
                "no-such-reference", f"the policy names a key that {key.name} has not"
            )


def log_key_rotated(state: State, incoming: Incoming) -> None:
    """Let the log go over to another key, for heads that hold the entry."""
    incoming.demand_role(state, "coordinator")
    data, rule = incoming.data, state.head_rules[-1]
    new = VerifierKey.parse(data["new_vkey"])
    if data["old_vkey"] != rule.log_vkey:
        raise RejectedEntryError("no-such-reference", "the old key is not that of the log")
    if new.name != state.origin:
        raise RejectedEntryError("malformed", "the log key is not named after the ledger's origin")
    if new.public.hex() in state.public_keys:
        raise RejectedEntryError("duplicate-id", "the new key is on the ledger already")
    demand_quorum(state, incoming)
    spend(state, incoming.act)
    here = incoming.index + 1
    for period in state.keys:
        if period.use == "log" and period.valid_to is None:
            period.valid_to = here
    state.keys.append(
        KeyPeriod(party="", use="log", vkey=new.vkey, valid_from=here, leaf=incoming.index)
    )
    state.public_keys.add(new.public.hex())
    lines = with_other_key(rule.lines, rule.log_vkey, new.vkey)
    add_head_rule(state, incoming, new.vkey, lines, rule.ended)


def log_closed(state: State, incoming: Incoming) -> None:
    """Let the ledger end: this is its last entry."""
    incoming.demand_role(state, "coordinator")
    if incoming.data["final_size"] != incoming.index + 1:
        raise RejectedEntryError(
            "malformed", f"final_size is {incoming.index + 1}, this entry counted"
        )
    demand_quorum(state, incoming)
    spend(state, incoming.act)
    state.closed = incoming.act


RULES: Mapping[str, Rule] = {
    "policy-changed": policy_changed,
    "log-key-rotated": log_key_rotated,
    "log-closed": log_closed,
}
"""Entry type -> its rule."""
