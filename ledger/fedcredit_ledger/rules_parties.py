"""Rules for parties and their keys: who joins, leaves, and signs with what from which index on."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fedcredit_ledger.entry import Entry
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.incoming import Incoming, Rule
from fedcredit_ledger.note import COSIGNATURE_V1, VerifierKey
from fedcredit_ledger.quorum import demand_quorum, spend, void_words
from fedcredit_ledger.state import PartyState, State
from fedcredit_ledger.state_keys import HeadRule, KeyPeriod, with_other_key

_FOUNDED = ("coordinator", "key-holder")


def signers(state: State, entry: Entry) -> list[str]:
    """Return the keys that must sign an entry of one of these types, the author's first.

    Parameters
    ----------
    state : State
        State after the leaves before.
    entry : Entry
        Its author is a party.
    """
    own, data = state.parties[entry.author].signing_vkey, entry.data
    if entry.type == "party-joined":
        return [own, data["signing_vkey"]]
    if entry.type == "party-key-revoked" and data["party"] == entry.author:
        return [state.parties[entry.author].recovery_vkey]
    if entry.type == "party-key-rotated":
        if data["use"] == "signing":
            return [own, data["new_vkey"]]
        old = state.parties[entry.author].witness_vkey
        return [own, *([old] if old else ()), data["new_vkey"]]
    return [own]


def party_joined(state: State, incoming: Incoming) -> None:
    """Let the coordinator admit a party that signs with it, once the parties have endorsed it."""
    incoming.demand_role(state, "coordinator")
    data = incoming.data
    name, before = data["party"], state.parties.get(data["party"])
    if name == "all" or name in state.left or (before is not None and before.signing_vkey):
        raise RejectedEntryError("duplicate-id", f"the name {name} is taken, or was")
    pinned = set(data["roles"]) & set(_FOUNDED)
    if pinned:
        raise RejectedEntryError(
            "not-permitted", f"the {min(pinned)} is pinned by the founders; nobody joins as one"
        )
    if before is not None and not set(data["roles"]) <= set(before.roles):
        raise RejectedEntryError(
            "not-permitted", f"{name} comes back with no more roles than before"
        )
    if ("witness" in data["roles"]) > ("witness_vkey" in data):
        raise RejectedEntryError("malformed", "a witness joins with a witness key")
    keys = keys_of(data)
    if any(key.name != name for key in keys):
        raise RejectedEntryError("malformed", f"a key is not named after {name}")
    fresh = {*(key.public.hex() for key in keys), data["mask_key"], data["node_key"]}
    if len(fresh) != len(keys) + 2 or fresh & state.public_keys:
        raise RejectedEntryError("duplicate-id", "a key of the party is on the ledger already")
    demand_quorum(state, incoming, without=name)
    spend(state, incoming.act)
    for period in current_keys(state, name):
        _end(state, incoming, period)
    enter(state, data, incoming.index, valid_from=incoming.index + 1)


def party_left(state: State, incoming: Incoming) -> None:
    """Let a party go, or the others expel it; its grants and its keys end."""
    data = incoming.data
    name = data["party"]
    party = state.parties.get(name)
    if party is None:
        raise RejectedEntryError("no-such-reference", f"{name} is no party")
    if "coordinator" in party.roles:
        raise RejectedEntryError("not-permitted", "without its coordinator a ledger is closed")
    is_own = incoming.author == name
    if not is_own:
        incoming.demand_role(state, "coordinator")
    if is_own != (data["reason"] == "left") or is_own == ("endorsements" in data):
        raise RejectedEntryError(
            "malformed", "a party leaves by its own word; it is expelled with endorsements"
        )
    if not is_own:
        demand_quorum(state, incoming, without=name)
        spend(state, incoming.act)
    for period in current_keys(state, name):
        _end(state, incoming, period)
    for grant in state.grants.values():
        grant.revoked = grant.revoked or grant.issuer == name
    for batch in state.batches.values():
        batch.revoked = batch.revoked or batch.holder == name
    state.left[name] = incoming.act
    state.parties = {n: one for n, one in state.parties.items() if n != name}


def party_key_rotated(state: State, incoming: Incoming) -> None:
    """Let a party go over to another key, valid from the next index."""
    data = incoming.data
    name, use = data["party"], data["use"]
    if name != incoming.author:
        raise RejectedEntryError("not-permitted", f"the keys of {name} are its own to rotate")
    new = VerifierKey.parse(data["new_vkey"])
    if new.name != name or (new.type == COSIGNATURE_V1) != (use == "witness"):
        raise RejectedEntryError("malformed", f"the new key is no {use} key of {name}")
    newest = [p for p in state.keys if (p.party, p.use) == (name, use)]
    if not newest or newest[-1].vkey != data["old_vkey"]:
        raise RejectedEntryError("no-such-reference", f"the old key is not the {use} key of {name}")
    if new.public.hex() in state.public_keys:
        raise RejectedEntryError("duplicate-id", "the new key is on the ledger already")
    if newest[-1].valid_to is None:
        newest[-1].valid_to = incoming.index + 1
    _add_key(state, name, use, data["new_vkey"], incoming.index, incoming.index + 1)
    state.parties[name] = _with_key(state.parties[name], use, data["new_vkey"])
    if use == "witness":
        rule = state.head_rules[-1]
        lines = with_other_key(rule.lines, data["old_vkey"], data["new_vkey"])
        if lines != rule.lines:
            ended = rule.ended - {data["old_vkey"]}
            add_head_rule(state, incoming, rule.log_vkey, lines, ended)


def party_key_revoked(state: State, incoming: Incoming) -> None:
    """End a key that is lost or stolen, by the recovery key or by coordinator and parties."""
    data = incoming.data
    name = data["party"]
    party = state.parties.get(name)
    found = [period for period in current_keys(state, name) if period.vkey == data["vkey"]]
    if party is None or not found:
        raise RejectedEntryError("no-such-reference", f"this is no key that {name} has now")
    is_own = incoming.author == name
    if is_own == ("endorsements" in data):
        raise RejectedEntryError("malformed", "endorsements stand with the coordinator's word only")
    if not is_own:
        incoming.demand_role(state, "coordinator")
        demand_quorum(state, incoming, without=name)
        spend(state, incoming.act)
    _end(state, incoming, found[0])
    found[0].suspected_since = data["suspected_since"]
    if found[0].use == "signing":
        void_words(state, name)
    state.parties[name] = _with_key(party, found[0].use, "")


RULES: Mapping[str, Rule] = {
    "party-joined": party_joined,
    "party-left": party_left,
    "party-key-rotated": party_key_rotated,
    "party-key-revoked": party_key_revoked,
}
"""Entry type -> its rule."""


def keys_of(row: Mapping[str, Any]) -> list[VerifierKey]:
    """Return the verifier keys of a party's row: signing, recovery, witness where it has one."""
    uses = ("signing_vkey", "recovery_vkey", "witness_vkey")
    return [VerifierKey.parse(row[use]) for use in uses if use in row]


def enter(state: State, row: Mapping[str, Any], leaf: int, *, valid_from: int) -> None:
    """Make a row of the founding entry, or of ``party-joined``, a party."""
    name = row["party"]
    for use in ("signing", "witness", "recovery"):
        if f"{use}_vkey" in row:
            _add_key(state, name, use, row[f"{use}_vkey"], leaf, valid_from)
    state.public_keys |= {row["mask_key"], row["node_key"]}
    party = PartyState(
        name=name,
        roles=tuple(row["roles"]),
        signing_vkey=row["signing_vkey"],
        witness_vkey=row.get("witness_vkey", ""),
        recovery_vkey=row["recovery_vkey"],
        node_key=row["node_key"],
        mask_key=row["mask_key"],
    )
    # Another dictionary: other threads may be walking through the one before.
    state.parties = {**state.parties, name: party}


def current_keys(state: State, party: str) -> list[KeyPeriod]:
    """Return the key periods of a party that have not ended."""
    return [p for p in state.keys if p.party == party and p.valid_to is None]


def add_head_rule(
    state: State,
    incoming: Incoming,
    log_vkey: str,
    lines: tuple[str, ...],
    ended: frozenset[str] = frozenset(),
) -> None:
    """Let another log key or witness policy count, for heads that hold the entry."""
    state.head_rules.append(
        HeadRule(
            valid_from=incoming.index + 1,
            log_vkey=log_vkey,
            lines=lines,
            received=incoming.received,
            ended=ended,
        )
    )


def _with_key(party: PartyState, use: str, vkey: str) -> PartyState:
    change: dict[str, Any] = {f"{use}_vkey": vkey}
    return replace(party, **change)


def _end(state: State, incoming: Incoming, period: KeyPeriod) -> None:
    """End a key for good; a policy that names it goes on without it."""
    period.valid_to = incoming.index + 1
    rule = state.head_rules[-1]
    if period.use == "witness" and rule.names(period.vkey):
        add_head_rule(state, incoming, rule.log_vkey, rule.lines, rule.ended | {period.vkey})


def _add_key(state: State, party: str, use: str, vkey: str, leaf: int, valid_from: int) -> None:
    period = KeyPeriod(party=party, use=use, vkey=vkey, valid_from=valid_from, leaf=leaf)
    state.keys.append(period)
    state.public_keys.add(VerifierKey.parse(vkey).public.hex())
