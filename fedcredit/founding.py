"""Found a federation: one entry that names the members, their keys, the witnesses and the policy.

Everything later chains to this entry, so its id is what members pin. It is drafted by the
coordinator and signed by every founder; nobody signs for another.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fedcredit_ledger.entry import Entry, SignedEntry, format_time
from fedcredit_ledger.merkle import EMPTY_ROOT
from fedcredit_ledger.note import SigningKey
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.identity import Identity
from fedcredit_parties.trust import Trust


def quorum_lines(log_vkey: str, founders: Sequence[dict[str, Any]], *, needed: int) -> list[str]:
    """Return the witness policy (C2SP tlog-policy): `needed` of the founders that are witnesses."""
    witnesses = [f for f in founders if "witness" in f["roles"]]
    names = " ".join(f["party"] for f in witnesses)
    return [
        f"log {log_vkey}",
        *(f"witness {f['party']} {f['witness_vkey']}" for f in witnesses),
        f"group parties {needed} {names}",
        "quorum parties",
    ]


def quorum_size(n_witnesses: int) -> int:
    """Return n - f of ledger.md 3: how many of `n_witnesses` must have seen a head."""
    return n_witnesses - (n_witnesses - 1) // 3


def draft(
    *,
    name: str,
    origin: str,
    coordinator: str,
    log_vkey: str,
    founders: Sequence[dict[str, Any]],
    policy: DisclosurePolicy,
    needed: int,
    now: datetime,
) -> Entry:
    """Return the founding entry, unsigned.

    Parameters
    ----------
    name, origin : str
        Name of the federation; origin line of its ledger.
    coordinator : str
        Author of the entry.
    log_vkey : str
        Key that will sign checkpoints.
    founders : sequence of dict
        ``Identity.founder()`` of every member.
    policy : DisclosurePolicy
        The federation's policy.
    needed : int
        Witnesses that make a quorum.
    now : datetime
        In UTC.
    """
    return Entry(
        author=coordinator,
        author_seq=0,
        author_prev="0" * 64,
        ledger=origin,
        type="federation-created",
        time=format_time(now),
        seen_size=0,
        seen_root=EMPTY_ROOT.hex(),
        readers=["all"],
        data={
            "federation": name,
            "spec": "fedcredit-ledger/v1",
            "suite": "sha256-ed25519",
            "log_vkey": log_vkey,
            "min_parties": policy.min_parties,
            "founders": list(founders),
            "witness_policy": quorum_lines(log_vkey, founders, needed=needed),
            "disclosure_policy_digest": policy.digest(),
        },
    )


def sign(entry: Entry, author: SigningKey, others: Sequence[SigningKey]) -> SignedEntry:
    """Return the founding entry with every founder's signature, in the order of the founders."""
    by_name = {key.name: key for key in others}
    order = [f["party"] for f in entry.data["founders"] if f["party"] != author.name]
    return SignedEntry.sign(entry, author, *(by_name[name] for name in order))


def trust_of(member: str, identities: Sequence[Identity], founding_entry: str) -> Trust:
    """Return the anchors that a member pins: what founders exchange outside the system."""
    key_holder = next(i for i in identities if "key-holder" in i.roles)
    return Trust(
        founding_entry=founding_entry,
        key_holder=key_holder.signing.vkey,
        peers={
            i.name: i.signing.vkey
            for i in identities
            if "data-holder" in i.roles and i.name != member
        },
    )
