"""Rules for the founding entry, endorsements and recorded refusals."""

from collections.abc import Mapping
from datetime import timedelta

from fedcredit_ledger.checkpoint import Policy
from fedcredit_ledger.entry import Entry, parse_time
from fedcredit_ledger.errors import MalformedEntryError, RejectedEntryError
from fedcredit_ledger.incoming import Incoming, Rule
from fedcredit_ledger.note import VerifierKey
from fedcredit_ledger.state import PartyState, State

ENDORSEMENT_DAYS = 30
"""An endorsement older than this counts no more."""


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
    parties: dict[str, PartyState] = {}
    public: set[bytes] = {VerifierKey.parse(data["log_vkey"]).public}
    n_keys = 1
    for founder in data["founders"]:
        name = founder["party"]
        vkeys = [founder[f"{use}_vkey"] for use in ("signing", "recovery")]
        vkeys += [founder["witness_vkey"]] if "witness_vkey" in founder else []
        keys = [VerifierKey.parse(vkey) for vkey in vkeys]
        if name == "all" or name in parties or any(key.name != name for key in keys):
            raise RejectedEntryError("malformed", f"{name}: named twice, or keys of another name")
        public |= {key.public for key in keys} | {bytes.fromhex(founder["mask_key"])}
        n_keys += len(keys) + 1
        parties[name] = PartyState(
            name=name,
            roles=tuple(founder["roles"]),
            signing_vkey=founder["signing_vkey"],
            witness_vkey=founder.get("witness_vkey", ""),
            recovery_vkey=founder["recovery_vkey"],
            node_key=founder["node_key"],
            mask_key=founder["mask_key"],
        )
    if len(public) != n_keys:
        raise RejectedEntryError("malformed", "two of the founders' keys are the same")
    if "coordinator" not in parties[incoming.author].roles:
        raise RejectedEntryError("not-permitted", "the founding entry is the coordinator's")
    if VerifierKey.parse(data["log_vkey"]).name != incoming.entry.ledger:
        raise RejectedEntryError("malformed", "the log key is not named after the ledger's origin")
    try:
        policy = Policy(data["witness_policy"])
    except MalformedEntryError as error:
        raise RejectedEntryError("malformed", f"witness_policy: {error.message}") from error
    if [key.vkey for key in policy.logs] != [data["log_vkey"]]:
        raise RejectedEntryError("malformed", "witness_policy names another log")
    state.origin = incoming.entry.ledger
    state.founding = data
    state.parties.update(parties)


def endorsement_given(state: State, incoming: Incoming) -> None:
    """Let anyone endorse an act, or take that back by a later entry."""
    key = (incoming.author, incoming.data["act_type"], incoming.data["act_digest"])
    state.endorsements[key] = (incoming.act, incoming.entry.time)


def is_endorsed(state: State, incoming: Incoming, party: str, act_type: str, digest: str) -> bool:
    """Tell whether a party's newest word on an act is an approval, and recent."""
    found = state.endorsements.get((party, act_type, digest))
    if found is None or found[0].data["decision"] != "approve":
        return False
    return incoming.received - parse_time(found[1]) <= timedelta(days=ENDORSEMENT_DAYS)


RULES: Mapping[str, Rule] = {
    "federation-created": federation_created,
    "endorsement-given": endorsement_given,
}
"""Entry type -> its rule."""
