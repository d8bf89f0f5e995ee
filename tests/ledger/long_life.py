"""A federation in which parties, keys and policies changed on the way, and something was said."""

from fedcredit_ledger.witness import Witness
from tests.ledger.mid_life import (
    VOTERS,
    NewParty,
    endorsed,
    join,
    other_key,
    policy_data,
    recovery_of,
    submit,
)
from tests.ledger.small_federation import SmallFederation, digest

SAID = {"act_type": "x", "act_digest": digest("x"), "decision": "approve"}


class LongLife:
    """A federation with every kind of change, and something said under each key."""

    def __init__(self) -> None:
        self.fed = fed = SmallFederation()
        fed.register("bank-b")
        fed.witness()
        self.court = NewParty()
        assert join(fed, self.court).code == ""
        fed.witness()
        self.rotate("bank-b", "signing")
        self.rotate("bank-a", "witness")
        fed.witness()
        self.policy_with_the_court()
        fed.witness_keys["court"] = self.court.witness
        fed.witnesses["court"] = Witness(self.court.witness, clock=fed.clock)
        fed.witness_names = (*fed.witness_names, "court")
        fed.witness()
        revoked = {
            "party": "bank-c",
            "vkey": fed.keys["bank-c"].vkey,
            "suspected_since": fed.later(minutes=-1),
            "reason": "stolen",
        }
        done = submit(fed, "bank-c", "party-key-revoked", revoked, recovery_of("bank-c"))
        assert done.code == "", done.detail
        self.said = [fed.write(name, "endorsement-given", SAID) for name in ("bank-b", "court")]
        fed.witness()

    def rotate(self, name: str, use: str) -> None:
        fed, new = self.fed, other_key(name, use)
        keys = [fed.keys[name], new]
        old = fed.keys[name]
        if use == "witness":
            old = fed.witness_keys[name]
            keys = [fed.keys[name], old, new]
        data = {"party": name, "use": use, "old_vkey": old.vkey, "new_vkey": new.vkey}
        done = submit(fed, name, "party-key-rotated", data, *keys)
        assert done.code == "", done.detail
        if use == "witness":
            fed.witness_keys[name] = new
            fed.witnesses[name] = Witness(new, clock=fed.clock)
        else:
            fed.keys[name] = new

    def policy_with_the_court(self) -> None:
        fed = self.fed
        lines = list(fed.replica.state.head_rules[-1].lines)
        lines.insert(1, f"witness court {self.court.witness.vkey}")
        lines = [x.replace("all bank-a", "all court bank-a") for x in lines]
        data = endorsed(fed, "policy-changed", policy_data(lines), VOTERS)
        done = submit(fed, "coordinator", "policy-changed", data)
        assert done.code == "", done.detail
