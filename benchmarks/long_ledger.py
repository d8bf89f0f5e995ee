"""A long ledger for the benchmarks: valid to the last signature, and made in minutes.

Loans of a few banks: twelve sealed facts each, now and then a grant, its revocation, or a dispute.
The log's keys and the authors' come from seeds; batches are as large as the sequencer makes them,
and every sixteenth head is co-signed by the witnesses. The file is written by the store itself; the
rules are left to whoever verifies it.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fedcredit_ledger.chain import NO_LEAF, Leaf
from fedcredit_ledger.checkpoint import Checkpoint, unanimous_policy
from fedcredit_ledger.entry import NO_ENTRY, Entry, SignedEntry, commit, format_time
from fedcredit_ledger.log import MAX_BATCH
from fedcredit_ledger.merkle import EMPTY_ROOT, Tree
from fedcredit_ledger.note import CosignatureKey, Note, SigningKey
from fedcredit_ledger.store import Store

ORIGIN = "ledger.example/benchmark"
COSIGNED_EVERY = 16
"""Heads from one co-signed head to the next."""

STEP_S = 0.1
_START = datetime(2026, 1, 1, tzinfo=UTC)
_SCHEDULE = [[n, f"2026-{n:02d}-28", 100_000, 1_000] for n in range(1, 4)]
LOAN: tuple[tuple[str, dict[str, Any]], ...] = (
    ("kyc", {"subject": "a person", "method": "video", "device": "phone"}),
    ("auth", {"subject": "a person", "grant": "grant-1", "document": "0" * 64}),
    ("sign", {"principal_fen": 300_000, "rate_bp": 450, "term_months": 3}),
    ("disb", {"amount_fen": 300_000, "serial_no": "s-1", "value_date": "2026-01-02"}),
    ("plan", {"schedule": _SCHEDULE}),
    ("repay", {"period": 1, "principal_fen": 100_000, "interest_fen": 1_000}),
    ("repay", {"period": 2, "principal_fen": 100_000, "interest_fen": 1_000}),
    ("dpd", {"period": 3, "days": 91, "penalty_fen": 1_234}),
    ("notice", {"channel": "sms", "sent_at": "2026-04-01", "delivered_at": "2026-04-02"}),
    ("coll", {"channel": "telephone", "promises": 0}),
    ("accel", {"clause": "12.3", "date": "2026-06-15", "amount_fen": 102_234}),
    ("case", {"status": "filed", "case_no": "1", "date": "2026-07-01"}),
)
"""The facts of one loan: principal 100 000, interest 1 000 and penalty 1 234 fen are owed."""


def _seed(text: str) -> bytes:
    return hashlib.sha256(f"fedcredit benchmark {text}".encode()).digest()


class Founders:
    """Banks, of which some are witnesses, and a coordinator, with keys from seeds.

    Parameters
    ----------
    n_banks : int
        A note has at most 64 signatures, so there are at most 63 banks.
    n_witnesses : int, default 4
    """

    def __init__(self, n_banks: int, n_witnesses: int = 4) -> None:
        self.banks = tuple(f"bank-{i:02d}" for i in range(n_banks))
        names = ("coordinator", *self.banks)
        self.log_key = SigningKey.from_seed(ORIGIN, _seed("log"))
        self.keys = {name: SigningKey.from_seed(name, _seed(f"signing {name}")) for name in names}
        self.witness_keys = {
            name: CosignatureKey.from_seed(name, _seed(f"witness {name}"))
            for name in self.banks[:n_witnesses]
        }

    def found(self, moment: datetime = _START) -> SignedEntry:
        """Return the founding entry, signed by all."""
        entry = Entry(
            author="coordinator",
            author_seq=0,
            author_prev=NO_ENTRY,
            ledger=ORIGIN,
            type="federation-created",
            time=format_time(moment),
            seen_size=0,
            seen_root=EMPTY_ROOT.hex(),
            readers=["all"],
            data={
                "federation": "benchmark",
                "spec": "fedcredit-ledger/v1",
                "suite": "sha256-ed25519",
                "log_vkey": self.log_key.vkey,
                "min_parties": 3,
                "founders": [self._founder(name) for name in self.keys],
                "witness_policy": unanimous_policy(
                    self.log_key.vkey, {name: k.vkey for name, k in self.witness_keys.items()}
                ),
                "disclosure_policy_digest": _seed("policy").hex(),
            },
        )
        first, *others = self.keys.values()
        return SignedEntry.sign(entry, first, *others)

    def _founder(self, name: str) -> dict[str, Any]:
        roles = ["coordinator"] if name == "coordinator" else ["data-holder"]
        found: dict[str, Any] = {
            "party": name,
            "roles": roles,
            "signing_vkey": self.keys[name].vkey,
            "recovery_vkey": SigningKey.from_seed(name, _seed(f"recovery {name}")).vkey,
            "node_key": _seed(f"node {name}").hex(),
            "mask_key": _seed(f"mask {name}").hex(),
        }
        if name in self.witness_keys:
            found["roles"] = [*roles, "witness"]
            found["witness_vkey"] = self.witness_keys[name].vkey
        return found


@dataclass
class Author:
    """One author's own chain: signs its entries in order.

    Attributes
    ----------
    key : SigningKey
    seq, prev : int, str
        Number and predecessor of its next entry.
    """

    key: SigningKey
    seq: int = 0
    prev: str = NO_ENTRY

    def sign(
        self,
        kind: str,
        data: dict[str, Any],
        moment: datetime,
        seen: tuple[int, bytes],
        readers: Sequence[str] = ("all",),
    ) -> SignedEntry:
        """Return the next entry."""
        entry = Entry(
            author=self.key.name,
            author_seq=self.seq,
            author_prev=self.prev,
            ledger=ORIGIN,
            type=kind,
            time=format_time(moment),
            seen_size=seen[0],
            seen_root=seen[1].hex(),
            readers=list(readers),
            data=data,
        )
        signed = SignedEntry.sign(entry, self.key)
        self.seq, self.prev = self.seq + 1, signed.id
        return signed


def fact(stage: str, commits: dict[str, str], moment: datetime) -> dict[str, Any]:
    """Return the data of a sealed fact."""
    return {
        "stage": stage,
        "captured_at": format_time(moment),
        "environment_digest": _seed("environment").hex(),
        "commits": commits,
    }


@dataclass
class LongLedger:
    """What was built.

    Attributes
    ----------
    path : Path
    founding_entry : str
    n_leaves, n_bytes : int
        Leaves, and bytes in all of them.
    contracts : list of str
        Loans whose openings were kept.
    openings : dict
        ``[salt, name, value]`` by index of the entry, of those loans.
    """

    path: Path
    founding_entry: str
    n_leaves: int = 0
    n_bytes: int = 0
    contracts: list[str] = field(default_factory=list)
    openings: dict[int, list[list[Any]]] = field(default_factory=dict)


class _Builder:
    def __init__(self, path: Path, n_opened: int) -> None:
        self.founders = Founders(n_banks=4)
        self.authors = {name: Author(key) for name, key in self.founders.keys.items()}
        self.founding = self.founders.found()
        self.authors["coordinator"].seq, self.authors["coordinator"].prev = 1, self.founding.id
        self.built = LongLedger(path, self.founding.id)
        self.n_opened = n_opened
        self.opened: set[str] = set()
        self.tree = Tree()
        self.seen = (0, EMPTY_ROOT)
        self.prev = NO_LEAF
        self.last_fact = ""
        self.loans: dict[str, tuple[str, int]] = {}
        self.n_loans = 0

    def leaf(self, signed: SignedEntry, moment: datetime) -> Leaf:
        leaf = Leaf(
            index=self.tree.size, prev=self.prev, received=format_time(moment), signed=signed
        )
        self.prev = leaf.hash.hex()
        self.built.n_leaves += 1
        self.built.n_bytes += len(leaf.raw)
        return leaf

    def entry(self, index: int, moment: datetime) -> SignedEntry:
        bank = self.founders.banks[index % len(self.founders.banks)]
        author = self.authors[bank]
        if index <= len(self.founders.banks):
            return author.sign("data-asset-registered", _asset(bank), moment, self.seen)
        number = index // 100
        if index % 100 == 1:
            return author.sign("grant-issued", _grant(bank, number), moment, self.seen)
        if index % 100 == 5 and index > 100:
            data = {"grant_id": f"g-{number}", "reason": "withdrawn"}
            return author.sign("grant-revoked", data, moment, self.seen)
        if index % 1000 == 10:
            data = {"dispute_id": f"d-{index}", "about": self.last_fact, "ground": "a mistake"}
            return author.sign("dispute-filed", data, moment, self.seen)
        return self.fact(author, index, moment)

    def fact(self, author: Author, index: int, moment: datetime) -> SignedEntry:
        bank = author.key.name
        contract, step = self.loans.get(bank, ("", len(LOAN)))
        if step == len(LOAN):
            contract, step = f"K-{self.n_loans}", 0
            self.n_loans += 1
            if len(self.built.contracts) < self.n_opened:
                self.built.contracts.append(contract)
                self.opened.add(contract)
        self.loans[bank] = (contract, step + 1)
        stage, fields = LOAN[step]
        opened: list[list[Any]] = []
        commits = {}
        for name, value in {"contract": contract, **fields}.items():
            if contract in self.opened:
                commits[name], salt = commit(name, value)
                opened.append([salt, name, value])
            else:  # nobody will open these
                commits[name] = os.urandom(32).hex()
        if opened:
            self.built.openings[index] = opened
        signed = author.sign(
            "fact-sealed", fact(stage, commits, moment), moment, self.seen, readers=(bank,)
        )
        self.last_fact = signed.id
        return signed

    def batches(self, n_leaves: int) -> Iterator[tuple[list[Leaf], list[tuple[int, int, bytes]]]]:
        """Yield leaves with the inner nodes that they complete."""
        while self.tree.size < n_leaves:
            leaves: list[Leaf] = []
            nodes: list[tuple[int, int, bytes]] = []
            while len(leaves) < MAX_BATCH and self.tree.size < n_leaves:
                index = self.tree.size
                moment = _START + timedelta(seconds=index * STEP_S)
                signed = self.entry(index, moment) if index else self.founding
                leaves.append(self.leaf(signed, moment))
                nodes += self.tree.append(leaves[-1].hash)[1:]
            yield leaves, nodes
            self.seen = (self.tree.size, self.tree.root)


def build(path: Path, n_leaves: int, *, n_opened: int = 0) -> LongLedger:
    """Write a ledger of `n_leaves` leaves, whose newest head is co-signed.

    Parameters
    ----------
    path : Path
        The file, which does not exist yet.
    n_leaves : int
    n_opened : int, default 0
        The first so many loans keep their openings.
    """
    builder = _Builder(path, n_opened)
    with Store(path) as store:
        for number, (leaves, nodes) in enumerate(builder.batches(n_leaves)):
            size, root = builder.tree.size, builder.tree.root
            text = Checkpoint(ORIGIN, size, root).text()
            note = Note(text, (builder.founders.log_key.sign(text),)).encode()
            store.append(leaves, nodes=nodes, size=size, checkpoint=note)
            if number % COSIGNED_EVERY == 0 or size == n_leaves:
                now = int((_START + timedelta(seconds=size * STEP_S)).timestamp())
                keys = builder.founders.witness_keys.values()
                lines = [key.cosign(text, now) for key in keys]
                store.add_cosignatures(
                    size, [(f"{line.name}+{line.key_id.hex()}", line.line()) for line in lines]
                )
    return builder.built


def _asset(bank: str) -> dict[str, Any]:
    return {
        "asset": f"{bank}/loans",
        "version": "1",
        "schema_digest": _seed("schema").hex(),
        "columns": [{"name": "income", "kind": "numeric", "unit": "fen", "data_level": "row"}],
        "period_from": "2025-01-01",
        "period_to": "2025-12-31",
        "commits": {"statistics": os.urandom(32).hex(), "n_rows": os.urandom(32).hex()},
    }


def _grant(bank: str, number: int) -> dict[str, Any]:
    return {
        "grant_id": f"g-{number}",
        "basis": "contract",
        "grantee": "coordinator",
        "purpose": "loan_origination",
        "assets": [f"{bank}/loans"],
        "operations": ["sum"],
        "valid_from": "2026-01-01T00:00:00.000Z",
        "valid_until": "2027-01-01T00:00:00.000Z",
    }


def write_openings(ledger: LongLedger, folder: Path) -> None:
    """Write the kept openings as the command reads them: INDEX.json for each entry."""
    folder.mkdir()
    for index, opened in ledger.openings.items():
        (folder / f"{index}.json").write_text(json.dumps(opened), encoding="utf-8")
