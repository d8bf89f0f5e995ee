"""Rules for the founding entry and for endorsements."""

from collections.abc import Mapping

from fedcredit_ledger.checkpoint import Policy
from fedcredit_ledger.entry import Entry
from fedcredit_ledger.errors import MalformedEntryError, RejectedEntryError
from fedcredit_ledger.incoming import Incoming, Rule
from fedcredit_ledger.note import VerifierKey
from fedcredit_ledger.rules_parties import enter, keys_of
from fedcredit_ledger.state import State
from fedcredit_ledger.state_keys import HeadRule, KeyPeriod


def signers(entry: Entry) -> list[str]:
    """Return the verifier keys that must sign the founding entry: author, then founders in order.

    Raises
    ------
    RejectedEntryError
        When the author is no founder.
    """
    keys = {founder["party"]: str(founder["signing_vkey"]) for founder in entry.data["founders"]}
    if entry.author not in keys:
        raise RejectedEntryError("unknown-author", "the author of the founding entry is no founder")
    return [keys.pop(entry.author), *keys.values()]


def federation_created(state: State, incoming: Incoming) -> None:
    """Demand every founder once, with distinct keys under its own name, and a policy."""
    data = incoming.data
    log = VerifierKey.parse(data["log_vkey"])
    public: set[bytes] = {log.public}
    n_keys = 1
    roles: dict[str, list[str]] = {}
    for founder in data["founders"]:
        name, keys = founder["party"], keys_of(founder)
        if name == "all" or name in roles or any(key.name != name for key in keys):
            raise RejectedEntryError("malformed", f"{name}: named twice, or keys of another name")
        public |= {key.public for key in keys} | {bytes.fromhex(founder["mask_key"])}
        n_keys += len(keys) + 1
        roles[name] = founder["roles"]
    if len(public) != n_keys:
        raise RejectedEntryError("malformed", "two of the founders' keys are the same")
    if "coordinator" not in roles[incoming.author]:
        raise RejectedEntryError("not-permitted", "the founding entry is the coordinator's")
    if log.name != incoming.entry.ledger:
        raise RejectedEntryError("malformed", "the log key is not named after the ledger's origin")
    try:
        policy = Policy(data["witness_policy"])
    except MalformedEntryError as error:
        raise RejectedEntryError("malformed", f"witness_policy: {error.message}") from error
    if [key.vkey for key in policy.logs] != [data["log_vkey"]]:
        raise RejectedEntryError("malformed", "witness_policy names another log")
    state.origin = incoming.entry.ledger
    state.founding = data
    state.disclosure_digest = data["disclosure_policy_digest"]
    state.keys.append(KeyPeriod(party="", use="log", vkey=log.vkey, valid_from=0, leaf=0))
    state.public_keys.add(log.public.hex())
    for founder in data["founders"]:
        enter(state, founder, 0, valid_from=0)
    state.head_rules.append(
        HeadRule(
            valid_from=0,
            log_vkey=data["log_vkey"],
            lines=tuple(data["witness_policy"]),
            received=incoming.received,
        )
    )


def endorsement_given(state: State, incoming: Incoming) -> None:
    """Let anyone endorse an act, or take that back by a later entry."""
    key = (incoming.author, incoming.data["act_type"], incoming.data["act_digest"])
    state.endorsements[key] = (incoming.act, incoming.entry.time)


RULES: Mapping[str, Rule] = {
    "federation-created": federation_created,
    "endorsement-given": endorsement_given,
}
"""Entry type -> its rule."""
