"""A small federation that lives on: parties join and leave, keys and policies change."""

from collections.abc import Iterable
from typing import Any

from fedcredit_ledger.entry import SignedEntry, act_digest
from fedcredit_ledger.log import SubmitOutcome
from fedcredit_ledger.note import CosignatureKey, Note, Signature, SigningKey
from fedcredit_ledger.rules_policy import lines_digest
from tests.ledger.small_federation import BANKS, SmallFederation, digest, seed

VOTERS = (*BANKS, "regulator")
"""Who is asked: data holders and witnesses. Three of these four are enough."""


class NewParty:
    """Keys of a party that was no founder."""

    def __init__(self, name: str = "court", roles: tuple[str, ...] = ("regulator", "witness")):
        self.name = name
        self.roles = roles
        self.signing = SigningKey.from_seed(name, seed(f"new signing {name}"))
        self.witness = CosignatureKey.from_seed(name, seed(f"new witness {name}"))
        self.recovery = SigningKey.from_seed(name, seed(f"new recovery {name}"))

    def row(self, **changes: Any) -> dict[str, Any]:
        return {
            "party": self.name,
            "roles": list(self.roles),
            "signing_vkey": self.signing.vkey,
            "witness_vkey": self.witness.vkey,
            "recovery_vkey": self.recovery.vkey,
            "node_key": digest(f"new node {self.name}"),
            "mask_key": digest(f"new mask {self.name}"),
            **changes,
        }


def sign(fed: SmallFederation, author: str, kind: str, data: dict[str, Any], *keys: Any) -> Any:
    """Sign as exactly these keys, whoever they belong to; none means the author's own."""
    fed.clock.tick()
    entry = fed.entry(author, kind, data)
    text = entry.text()
    lines = tuple(_line(key, text, fed) for key in keys or (fed.keys[author],))
    return SignedEntry(entry, Note(text, lines))


def _line(key: Any, text: bytes, fed: SmallFederation) -> Signature:
    if isinstance(key, CosignatureKey):
        return key.cosign(text, int(fed.clock().timestamp()))
    line: Signature = key.sign(text)
    return line


def submit(
    fed: SmallFederation, author: str, kind: str, data: dict[str, Any], *keys: Any
) -> SubmitOutcome:
    return fed.submit(sign(fed, author, kind, data, *keys))


def endorse(
    fed: SmallFederation,
    kind: str,
    data: dict[str, Any],
    voters: Iterable[str] = VOTERS[:3],
    decision: str = "approve",
) -> list[str]:
    """Write each voter's endorsement of an act; return their entry ids."""
    word = {"act_type": kind, "act_digest": act_digest(kind, data), "decision": decision}
    return [fed.write(name, "endorsement-given", word) for name in voters]


def endorsed(
    fed: SmallFederation, kind: str, data: dict[str, Any], voters: Iterable[str] = VOTERS[:3]
) -> dict[str, Any]:
    """Return an act with its endorsements."""
    return {**data, "endorsements": endorse(fed, kind, data, voters)}


def join(fed: SmallFederation, party: NewParty) -> SubmitOutcome:
    """Admit a party as it should be done; it can write from then on."""
    data = endorsed(fed, "party-joined", party.row())
    outcome = submit(
        fed, "coordinator", "party-joined", data, fed.keys["coordinator"], party.signing
    )
    if not outcome.code:
        fed.keys[party.name] = party.signing
    return outcome


def recovery_of(name: str) -> SigningKey:
    return SigningKey.from_seed(name, seed(f"recovery {name}"))


def policy_data(lines: list[str]) -> dict[str, Any]:
    return {"policy": "witness", "digest": lines_digest(lines), "lines": lines}


def other_key(name: str, use: str = "signing") -> Any:
    kind = CosignatureKey if use == "witness" else SigningKey
    return kind.from_seed(name, seed(f"other {use} {name}"))
