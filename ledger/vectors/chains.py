"""A small sound ledger for ``generate.py``: one federation, one run of one round.

A `Chain` writes whatever it is told, rules or not: it signs, links and hashes, and keeps heads. Its
entries are spelled by Python's own JSON, so that what the ledger's codec refuses can be written.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.entry import format_time
from fedcredit_ledger.merkle import Tree, leaf_hash
from fedcredit_ledger.note import CosignatureKey, Note, Signature, SigningKey

ORIGIN = "ledger.example/fedcredit-demo"
BANKS = ("bank-a", "bank-b", "bank-c")
WITNESSES = (*BANKS, "regulator")
ROLES = {
    "coordinator": ["coordinator"],
    **{bank: ["data-holder", "witness"] for bank in BANKS},
    "key-holder": ["key-holder"],
    "regulator": ["regulator", "witness"],
    "analyst": ["result-user"],
}
START = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
RUN = "0198f2a4-0000-7000-8000-000000000002"
NOBODY = "0" * 64

Data = dict[str, Any]


def seed(text: str) -> bytes:
    """Return the seed that a vector key is made of."""
    return hashlib.sha256(text.encode()).digest()


def digest(text: str) -> str:
    """Return a digest of nothing in particular."""
    return hashlib.sha256(text.encode()).hexdigest()


def log_key() -> SigningKey:
    """Return the vector key of the log."""
    return SigningKey.from_seed(ORIGIN, seed("fedcredit vector log key"))


def party_key(name: str, use: str = "key") -> SigningKey:
    """Return the vector key that a party signs its entries with, or its recovery key."""
    return SigningKey.from_seed(name, seed(f"fedcredit vector {use} {name}"))


def witness_key(name: str) -> CosignatureKey:
    """Return the vector key of a witness."""
    return CosignatureKey.from_seed(name, seed(f"fedcredit vector witness {name}"))


def at(second: float) -> str:
    """Return the time that many seconds after the founding."""
    return format_time(START + timedelta(seconds=second))


class Chain:
    """Leaves and heads as somebody left them.

    Attributes
    ----------
    leaves : list of bytes
    heads : list of bytes
        Checkpoints with their co-signatures.
    ids : list of str
        Entry id by index.
    """

    def __init__(self) -> None:
        self.leaves: list[bytes] = []
        self.heads: list[bytes] = []
        self.ids: list[str] = []
        self.tree = Tree()
        self.last: dict[str, tuple[int, str]] = {}

    def write(
        self,
        author: str,
        kind: str,
        data: Data,
        *,
        signers: Sequence[SigningKey] | None = None,
        received: float | None = None,
        respell: Callable[[str], str] = str,
        **changes: Any,
    ) -> str:
        """Add an entry a second after the last; return its id."""
        index = len(self.leaves)
        number, previous = self.last.get(author, (-1, NOBODY))
        body = {
            "author": author,
            "author_seq": number + 1,
            "author_prev": previous,
            "ledger": ORIGIN,
            "type": kind,
            "time": at(index),
            "seen_size": index,
            "seen_root": self.tree.root.hex(),
            "readers": ["all"],
            "data": data,
        } | changes
        spelled = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        text = f"fedcredit-ledger-entry/v1\n{respell(spelled)}\n".encode()
        keys = [party_key(author)] if signers is None else signers
        entry_id = hashlib.sha256(text).hexdigest()
        note = Note(text, tuple(key.sign(text) for key in keys)).encode()
        self.add(note, at(index if received is None else received), entry_id)
        self.last[author] = (int(body["author_seq"]), entry_id)
        return entry_id

    def add(self, note: bytes, received: str, entry_id: str = "") -> None:
        """Add a note as the next leaf."""
        index = len(self.leaves)
        prev = leaf_hash(self.leaves[-1]).hex() if index else NOBODY
        head = f"fedcredit-ledger-leaf/v1\n{index}\n{prev}\n{received}\n"
        self.put(head.encode() + note, entry_id)

    def put(self, leaf: bytes, entry_id: str = "") -> None:
        """Add a leaf as it is."""
        self.leaves.append(leaf)
        self.ids.append(entry_id)
        self.tree.append(leaf_hash(leaf))

    def head(
        self,
        *,
        size: int | None = None,
        root: bytes = b"",
        names: Sequence[str] = WITNESSES,
        second: float | None = None,
        key: SigningKey | None = None,
    ) -> bytes:
        """Sign a head of what is there, keep it, and return it."""
        size = len(self.leaves) if size is None else size
        text = Checkpoint(ORIGIN, size, root or self.tree.root_at(size)).text()
        when = int(START.timestamp() + (size if second is None else second))
        lines: list[Signature] = [(key or log_key()).sign(text)]
        lines += [witness_key(name).cosign(text, when) for name in names]
        self.heads.append(Note(text, tuple(lines)).encode())
        return self.heads[-1]


def founding(federation: str = "demo") -> Data:
    """Return what the founding entry says."""
    return {
        "federation": federation,
        "spec": "fedcredit-ledger/v1",
        "suite": "sha256-ed25519",
        "log_vkey": log_key().vkey,
        "min_parties": 3,
        "founders": [
            {
                "party": name,
                "roles": roles,
                "signing_vkey": party_key(name).vkey,
                "recovery_vkey": party_key(name, "recovery").vkey,
                "node_key": digest(f"node {name}"),
                "mask_key": digest(f"mask {name}"),
            }
            | ({"witness_vkey": witness_key(name).vkey} if name in WITNESSES else {})
            for name, roles in ROLES.items()
        ],
        "witness_policy": [
            f"log {log_key().vkey}",
            *(f"witness {name} {witness_key(name).vkey}" for name in WITNESSES),
            "group parties 2 bank-a bank-b bank-c",
            "group all-of all parties regulator",
            "quorum all-of",
        ],
        "disclosure_policy_digest": digest("disclosure"),
    }


def asset(bank: str) -> Data:
    """Return a table that a bank registers."""
    return {
        "asset": f"{bank}/consumer_2025",
        "version": "1",
        "schema_digest": digest("schema"),
        "columns": [{"name": "income", "kind": "numeric", "unit": "fen", "data_level": "row"}],
        "period_from": "2025-01-01",
        "period_to": "2025-12-31",
        "commits": {"statistics": digest(f"s {bank}"), "n_rows": digest(f"n {bank}")},
    }


def grant(bank: str, **changes: Any) -> Data:
    """Return a bank's grant to the analyst."""
    return {
        "grant_id": f"grant-{bank}",
        "basis": "contract",
        "grantee": "analyst",
        "purpose": "modelling",
        "categories": ["all"],
        "assets": [f"{bank}/consumer_2025"],
        "operations": ["sum"],
        "valid_from": at(-86_400),
        "valid_until": at(30 * 86_400),
    } | changes


def place(attempt: int = 1) -> Data:
    """Return which round of the run an entry is about."""
    return {"run_id": RUN, "round": 1, "attempt": attempt, "phase": "newton", "group": "all"}


def contribution(bank: str, grant_entry: str) -> Data:
    """Return a bank's contribution to the one round, under the grant of that entry id."""
    return {
        **place(),
        "roster_digest": digest("roster"),
        "input_digest": digest("initial"),
        "payload_digest": digest(f"payload {bank}"),
        "mask_epk": digest(f"epk {bank} second"),
        "n_ciphertexts": 1,
        "he_context_digest": digest("context"),
        "grant_ids": [f"grant-{bank}"],
        "grants_root": leaf_hash(bytes.fromhex(grant_entry)).hex(),
        "commits": {"n_rows": digest(f"rows {bank}"), "n_clipped": digest(f"clipped {bank}")},
    }


def attempted(**changes: Any) -> Data:
    """Return the attempt of the one round."""
    return {
        **place(),
        "roster": list(BANKS),
        "input_digest": digest("initial"),
        "deadline": at(300),
    } | changes


def aggregated(contributions: Sequence[str], **changes: Any) -> Data:
    """Return the sum of the one round."""
    return {
        **place(),
        "contributions": list(contributions),
        "aggregate_digest": digest("aggregate"),
    } | changes


def opened(aggregate: str, **changes: Any) -> Data:
    """Return the opening of the one round."""
    return {
        "run_id": RUN,
        "round": 1,
        "phase": "newton",
        "group": "all",
        "aggregated": aggregate,
        "aggregate_digest": digest("aggregate"),
        "n_parties": 3,
        "healthy": True,
        "rules_passed": ["min_subjects"],
        "outcome": "done",
        "commits": {"result": digest("result")},
    } | changes


SIZE = 21
"""Leaves of the sound ledger."""

WITNESSED = (12, 18, SIZE)
"""Sizes of its heads: before the start, before the opening, at the end."""


def sound(until: int = SIZE, *, heads: Sequence[int] = WITNESSED, **changes: Data) -> Chain:
    """Return the first `until` leaves, with the heads that were signed on the way.

    Parameters
    ----------
    until : int
        Number of leaves.
    heads : sequence of int
        Sizes at which the witnesses co-sign.
    changes : dict
        Other data of ``grant`` (bank-b's), by name.
    """
    chain = Chain()

    def write(author: str, kind: str, data: Data, **more: Any) -> None:
        if len(chain.leaves) < until:
            chain.write(author, kind, data, **more)
            if len(chain.leaves) in heads:
                chain.head()

    def named(first: int, last: int) -> list[str]:
        return chain.ids[first:last] or [NOBODY]

    everybody = [party_key(name) for name in ROLES]
    write("coordinator", "federation-created", founding(), signers=everybody)
    for bank in BANKS:
        write(bank, "data-asset-registered", asset(bank))
    for bank in BANKS:
        other = changes.get("grant", {}) if bank == "bank-b" else {}
        write(bank, "grant-issued", grant(bank, **other))
    write(
        "key-holder",
        "he-context-published",
        {
            "run_id": RUN,
            "context_digest": digest("context"),
            "scheme": "ckks",
            "poly_modulus_degree": 8192,
            "coeff_bits": [60, 40, 60],
            "scale_bits": 40,
            "security_bits": 128,
        },
    )
    write(
        "analyst",
        "run-proposed",
        {
            "run_id": RUN,
            "request_kind": "horizontal-scorecard",
            "request_digest": digest("request"),
            "initial_digest": digest("initial"),
            "phases": ["newton"],
            "groups": ["all"],
            "purpose": "modelling",
            "parties": list(BANKS),
            "min_parties": 3,
            "max_rounds": 20,
            "he_context_digest": digest("context"),
            "quantisation_digest": digest("quantisation"),
            "disclosure_policy_digest": digest("disclosure"),
            "code_digest": digest("code"),
            "valid_until": at(86_400),
        },
    )
    for bank in BANKS:
        write(
            bank,
            "run-approved",
            {
                "run_id": RUN,
                "proposal": named(8, 9)[0],
                "decision": "approve",
                "grant_ids": [f"grant-{bank}"],
                "mask_epk": digest(f"epk {bank} first"),
            },
        )
    start = {"run_id": RUN, "roster": list(BANKS), "approvals": named(9, 12)}
    write("coordinator", "run-started", start)
    write("coordinator", "round-attempted", attempted())
    for place_of_grant, bank in enumerate(BANKS, 4):
        cited = named(place_of_grant, place_of_grant + 1)[0]
        write(bank, "round-contributed", contribution(bank, cited))
    write("coordinator", "round-aggregated", aggregated(named(14, 17)))
    write("key-holder", "round-opened", opened(named(17, 18)[0]))
    finished = {"run_id": RUN, "n_rounds": 1, "result_digest": digest("result")}
    write("coordinator", "run-finished", finished)
    write(
        "analyst",
        "model-registered",
        {
            "run_id": RUN,
            "model_id": "model-1",
            "version": "1",
            "model_digest": digest("model"),
            "card_digest": digest("card"),
        },
    )
    return chain
