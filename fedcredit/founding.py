"""Found a federation: one entry that names the members, their keys, the witnesses and the policy.

Everything later chains to this entry, so its id is what members pin. It is drafted by the
coordinator and signed by every founder; nobody signs for another.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fedcredit.errors import FoundingError
from fedcredit_ledger.entry import Entry, SignedEntry, format_time
from fedcredit_ledger.errors import MalformedEntryError
from fedcredit_ledger.merkle import EMPTY_ROOT
from fedcredit_ledger.note import COSIGNATURE_V1, SigningKey, VerifierKey
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.identity import Identity
from fedcredit_parties.trust import Trust

MEMBER_NAME = re.compile(r"(?!all$)[a-z0-9][a-z0-9-]{0,62}")
"""What party.toml, the ledger and a file name can all hold; "all" are the readers of an entry."""


@dataclass(frozen=True, kw_only=True)
class OutsideWitness:
    """A witness that is no member: a regulator, a notary, a court, or a public one.

    Attributes
    ----------
    name : str
        Its name in the policy.
    vkey : str
        Its co-signature key.
    url : str
        Where the coordinator calls it (submission prefix of c2sp.org/tlog-witness).
    """

    name: str
    vkey: str
    url: str

    def __post_init__(self) -> None:
        """Refuse what a line of the policy cannot hold.

        Raises
        ------
        FoundingError
        """
        try:
            is_key = VerifierKey.parse(self.vkey).type == COSIGNATURE_V1
        except MalformedEntryError:
            is_key = False
        for what, fits, found in (
            ("name", MEMBER_NAME.fullmatch(self.name) and self.name not in _GROUPS, self.name),
            ("key", is_key, self.vkey),
            ("URL", _URL.fullmatch(self.url), self.url),
        ):
            if not fits:
                raise FoundingError(
                    f"an outside witness's {what} cannot be used",
                    party=self.name[:63],
                    expected=_WITNESS_FORMS[what],
                    found=ascii(found)[:80],
                    remedy="ask the witness for the file that fedcredit witness init wrote",
                )


_GROUPS = ("parties", "outside", "all-of")
"""Names of groups in the policy, so of no witness."""

_URL = re.compile(r"https?://[!-~]{1,200}", re.ASCII)

_WITNESS_FORMS = {
    "name": f"small letters, digits and hyphens, and none of {', '.join(_GROUPS)}",
    "key": "a co-signature key, NAME+HASH+BASE64 of type 4",
    "URL": "http:// or https:// and up to 200 visible ASCII characters",
}


def quorum_lines(
    log_vkey: str,
    founders: Sequence[dict[str, Any]],
    *,
    needed: int,
    outside: Sequence[OutsideWitness] = (),
) -> list[str]:
    """Return the witness policy (C2SP tlog-policy).

    Parameters
    ----------
    log_vkey : str
        The log's key.
    founders : sequence of dict
        Rows of the founding entry.
    needed : int
        How many of the founders that are witnesses must have seen a head.
    outside : sequence of OutsideWitness
        Of them a majority must have seen it, too: the one, of two both.
    """
    witnesses = [f for f in founders if "witness" in f["roles"]]
    names = " ".join(f["party"] for f in witnesses)
    lines = [
        f"log {log_vkey}",
        *(f"witness {f['party']} {f['witness_vkey']}" for f in witnesses),
        *(f"witness {one.name} {one.vkey} {one.url}" for one in outside),
        f"group parties {needed} {names}",
    ]
    if not outside:
        return [*lines, "quorum parties"]
    others = outside[0].name
    if len(outside) > 1:
        others = "outside"
        named = " ".join(one.name for one in outside)
        lines.append(f"group outside {len(outside) // 2 + 1} {named}")
    return [*lines, f"group all-of all parties {others}", "quorum all-of"]


def quorum_size(n_witnesses: int, *, has_outside: bool = False) -> int:
    """Return how many of the `n_witnesses` parties must have seen a head (ledger.md 3).

    With an outside witness in every quorum the majority; without one n - f.
    """
    if has_outside:
        return n_witnesses // 2 + 1
    return n_witnesses - (n_witnesses - 1) // 3


def check_founders(founders: Sequence[dict[str, Any]], *, min_parties: int) -> None:
    """Refuse founders that cannot make a federation.

    Parameters
    ----------
    founders : sequence of dict
        Rows of the founding entry.
    min_parties : int
        Data holders that the policy demands.

    Raises
    ------
    FoundingError
        Naming a name or key that stands twice, a role that nobody or too many have, or how many
        data holders are missing.
    """
    owner: dict[str, str] = {}
    names: set[str] = set()
    for row in founders:
        name = row["party"]
        if name in names:
            raise _unfit(f"{name} stands twice", party=name, remedy="one founder file a member")
        if MEMBER_NAME.fullmatch(name) is None:
            raise _unfit(
                "a name cannot be used",
                expected="up to 63 small letters, digits and hyphens, and not 'all'",
                found=name[:63],
            )
        names.add(name)
        for use in ("signing_vkey", "witness_vkey", "recovery_vkey"):
            if use in row:
                _once(owner, VerifierKey.parse(row[use]).public.hex(), name, use)
        for use in ("node_key", "mask_key"):
            _once(owner, row[use], name, use)
    for role in ("coordinator", "key-holder"):
        having = [row["party"] for row in founders if role in row["roles"]]
        if len(having) != 1:
            raise _unfit(
                f"a federation has one {role}",
                expected=f"one founder with the role {role}",
                found=", ".join(having) or "none",
                remedy="the coordinator drafts, and names no other one"
                if role == "coordinator"
                else "fedcredit party init DIR --name NAME --role key-holder, at the one who is it",
            )
    n_holders = sum("data-holder" in row["roles"] for row in founders)
    if n_holders < min_parties:
        raise _unfit(
            "too few data holders",
            expected=f"at least {min_parties}, the policy's min_parties",
            found=str(n_holders),
            remedy="with two, each reads the other by subtraction; find one more, such as a bureau",
        )
    if not any("result-user" in row["roles"] for row in founders):
        raise _unfit(
            "nobody may ask for a result",
            expected="a founder with the role result-user",
            found="none",
            remedy="fedcredit party init DIR --name analyst --role requester, at the one who asks",
        )


def _once(owner: dict[str, str], key: str, name: str, use: str) -> None:
    other = owner.setdefault(key, name)
    if other != name or f"{key}/{name}" in owner:
        raise _unfit(
            f"the {use} of {name} is a key of {other}, too",
            party=name,
            expected="keys that nobody else has",
            found="one key twice",
            remedy=f"ask {name} and {other} which of them made it; the other one founds anew",
        )
    owner[f"{key}/{name}"] = use


def _unfit(
    message: str, *, party: str = "", expected: str = "", found: str = "", remedy: str = ""
) -> FoundingError:
    return FoundingError(
        f"these founders make no federation: {message}",
        party=party,
        expected=expected,
        found=found,
        remedy=remedy,
    )


def draft(
    *,
    name: str,
    origin: str,
    coordinator: str,
    log_vkey: str,
    founders: Sequence[dict[str, Any]],
    policy: DisclosurePolicy,
    needed: int,
    outside: Sequence[OutsideWitness] = (),
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
        Founders that make a quorum, of those that are witnesses.
    outside : sequence of OutsideWitness
        Witnesses that are no members.
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
            "witness_policy": quorum_lines(log_vkey, founders, needed=needed, outside=outside),
            "disclosure_policy_digest": policy.digest(),
        },
    )


def sign(entry: Entry, author: SigningKey, others: Sequence[SigningKey]) -> SignedEntry:
    """Return the founding entry with every founder's signature, in the order of the founders."""
    by_name = {key.name: key for key in others}
    order = [f["party"] for f in entry.data["founders"] if f["party"] != author.name]
    return SignedEntry.sign(entry, author, *(by_name[name] for name in order))


def pins(member: str, founders: Sequence[dict[str, Any]], founding_entry: str) -> Trust:
    """Return the anchors that a member pins, from rows that `check_founders` has passed."""
    key_holder = next(f for f in founders if "key-holder" in f["roles"])
    return Trust(
        founding_entry=founding_entry,
        key_holder=key_holder["signing_vkey"],
        peers={
            f["party"]: f["signing_vkey"]
            for f in founders
            if "data-holder" in f["roles"] and f["party"] != member
        },
    )


def trust_of(member: str, identities: Sequence[Identity], founding_entry: str) -> Trust:
    """Return the anchors that a member pins, where all identities lie in one place."""
    return pins(member, [identity.founder() for identity in identities], founding_entry)
