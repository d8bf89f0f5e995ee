"""Three banks, a key holder, a regulator and a coordinator with one ledger, for the tests.

Keys come from seeds and the clock moves one second an entry, so a federation built twice is the
same to the byte. Nothing is mocked: log, replicas and witnesses are the real ones.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from fedcredit_ledger.checkpoint import unanimous_policy
from fedcredit_ledger.entry import NO_ENTRY, Entry, SignedEntry, format_time
from fedcredit_ledger.log import Log, SubmitOutcome
from fedcredit_ledger.note import CosignatureKey, SigningKey
from fedcredit_ledger.replica import Replica
from fedcredit_ledger.store import Store
from fedcredit_ledger.witness import Witness

ORIGIN = "ledger.example/test"
BANKS = ("bank-a", "bank-b", "bank-c")
ROLES = {
    "coordinator": ["coordinator"],
    **{name: ["data-holder", "witness"] for name in BANKS},
    "key-holder": ["key-holder"],
    "regulator": ["regulator", "witness"],
    "analyst": ["result-user"],
}
WITNESSES = tuple(name for name, roles in ROLES.items() if "witness" in roles)
START = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def seed(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float = 1.0) -> None:
        self.now += timedelta(seconds=seconds)


class SmallFederation:
    """One ledger; `write` signs as any party and submits."""

    def __init__(self, store: Store | None = None, *, banks: tuple[str, ...] = BANKS) -> None:
        self.banks = banks
        self.roles = {n: r for n, r in ROLES.items() if n in banks or "data-holder" not in r}
        self.roles |= {n: ["data-holder", "witness"] for n in banks}
        self.clock = Clock()
        self.store = Store() if store is None else store
        self.log_key = SigningKey.from_seed(ORIGIN, seed("log"))
        self.keys = {n: SigningKey.from_seed(n, seed(f"signing {n}")) for n in self.roles}
        self.witness_names = tuple(n for n, roles in self.roles.items() if "witness" in roles)
        self.witness_keys = {
            n: CosignatureKey.from_seed(n, seed(f"witness {n}")) for n in self.witness_names
        }
        self.witnesses = {n: Witness(k, clock=self.clock) for n, k in self.witness_keys.items()}
        self.log = Log(self.store, self.log_key, ORIGIN, self.clock)
        self.founding = self.found()
        self.log.found(self.founding)
        self.replica = Replica(self.founding.id)
        self.refresh()

    # founding

    def founder(self, name: str) -> dict[str, Any]:
        keys: dict[str, Any] = {
            "party": name,
            "roles": self.roles[name],
            "signing_vkey": self.keys[name].vkey,
            "recovery_vkey": SigningKey.from_seed(name, seed(f"recovery {name}")).vkey,
            "node_key": digest(f"node {name}"),
            "mask_key": digest(f"mask {name}"),
        }
        if name in self.witness_keys:
            keys["witness_vkey"] = self.witness_keys[name].vkey
        return keys

    def founding_data(self) -> dict[str, Any]:
        return {
            "federation": "test",
            "spec": "fedcredit-ledger/v1",
            "suite": "sha256-ed25519",
            "log_vkey": self.log_key.vkey,
            "min_parties": 3,
            "founders": [self.founder(name) for name in self.roles],
            "witness_policy": unanimous_policy(
                self.log_key.vkey, {n: k.vkey for n, k in self.witness_keys.items()}
            ),
            "disclosure_policy_digest": digest("policy"),
        }

    def found(self, **changes: Any) -> SignedEntry:
        entry = Entry(
            author="coordinator",
            author_seq=0,
            author_prev=NO_ENTRY,
            ledger=ORIGIN,
            type="federation-created",
            time=format_time(self.clock()),
            seen_size=0,
            seen_root=hashlib.sha256(b"").hexdigest(),
            readers=["all"],
            data=self.founding_data() | changes,
        )
        others = [key for name, key in self.keys.items() if name != "coordinator"]
        return SignedEntry.sign(entry, self.keys["coordinator"], *others)

    # writing

    def refresh(self) -> None:
        self.replica.update(self.log.leaves(self.replica.size))

    def entry(self, author: str, kind: str, data: dict[str, Any], **changes: Any) -> Entry:
        self.refresh()
        head = self.replica.state.author_heads.get(author)
        sequence, previous = (0, NO_ENTRY) if head is None else (head[0] + 1, head[1])
        fields: dict[str, Any] = {
            "author": author,
            "author_seq": sequence,
            "author_prev": previous,
            "ledger": ORIGIN,
            "type": kind,
            "time": format_time(self.clock()),
            "seen_size": self.replica.size,
            "seen_root": self.replica.root.hex(),
            "readers": ["all"],
            "data": data,
        }
        return Entry(**(fields | changes))

    def submit(self, signed: SignedEntry) -> SubmitOutcome:
        (outcome,) = self.log.submit([signed.encode()])
        self.refresh()
        return outcome

    def attempt(self, author: str, kind: str, data: dict[str, Any], **changes: Any) -> str:
        """Submit; return the code of the refusal, "" when it was accepted."""
        self.clock.tick()
        entry = self.entry(author, kind, data, **changes)
        return self.submit(SignedEntry.sign(entry, self.keys[author])).code

    def write(self, author: str, kind: str, data: dict[str, Any]) -> str:
        """Submit what must be accepted; return the entry id."""
        self.clock.tick()
        signed = SignedEntry.sign(self.entry(author, kind, data), self.keys[author])
        outcome = self.submit(signed)
        assert outcome.code == "", f"{kind}: {outcome.code} {outcome.detail}"
        return signed.id

    def later(self, **delta: float) -> str:
        return format_time(self.clock() + timedelta(**delta))

    def witness(self) -> None:
        """Have every witness co-sign the newest head."""
        self.refresh()
        note = self.log.checkpoint_note()
        assert note is not None
        for name in self.witness_names:
            line = self.witnesses[name].cosign(note, self.replica)
            self.log.add_cosignatures(line, size=self.log.size)

    # a run, step by step

    def register(self, bank: str) -> str:
        return self.write(
            bank,
            "data-asset-registered",
            {
                "asset": f"{bank}/loans",
                "version": "1",
                "schema_digest": digest("schema"),
                "columns": [
                    {"name": "income", "kind": "numeric", "unit": "fen", "data_level": "row"}
                ],
                "period_from": "2025-01-01",
                "period_to": "2025-12-31",
                "commits": {"statistics": digest(f"s {bank}"), "n_rows": digest(f"n {bank}")},
            },
        )

    def grant_data(self, bank: str, **changes: Any) -> dict[str, Any]:
        return {
            "grant_id": f"grant-{bank}",
            "basis": "contract",
            "grantee": "analyst",
            "purpose": "modelling",
            "categories": ["all"],
            "assets": [f"{bank}/loans"],
            "operations": ["sum"],
            "valid_from": self.later(days=-1),
            "valid_until": self.later(days=30),
        } | changes

    def grant(self, bank: str, **changes: Any) -> str:
        return self.write(bank, "grant-issued", self.grant_data(bank, **changes))

    def grants_root(self, *grant_ids: str) -> str:
        """Root over the entries of grants, ascending by leaf hash, with one leaf or two."""
        entries = [self.replica.state.grants[name].entry_id for name in grant_ids]
        leaves = sorted(hashlib.sha256(b"\0" + bytes.fromhex(name)).digest() for name in entries)
        return (
            leaves[0].hex()
            if len(leaves) == 1
            else hashlib.sha256(b"\1" + leaves[0] + leaves[1]).hexdigest()
        )

    def sealed_data(self, bank: str, **changes: Any) -> dict[str, Any]:
        return {
            "batch_id": f"batch-{bank}",
            "purpose": "modelling",
            "grantee": "analyst",
            "day": "2026-11-23",
            "root": digest(f"root {bank}"),
            "assets": [f"{bank}/loans"],
            "operations": ["sum"],
            "valid_until": self.later(days=30),
            "commits": {"n_grants": digest(f"n_grants {bank}")},
        } | changes

    def seal(self, bank: str, **changes: Any) -> str:
        return self.write(bank, "grants-sealed", self.sealed_data(bank, **changes))

    def grant_all(self) -> None:
        for bank in self.banks:
            self.register(bank)
            self.grant(bank)

    def publish_context(self, run_id: str) -> str:
        return self.write(
            "key-holder",
            "he-context-published",
            {
                "run_id": run_id,
                "context_digest": digest(f"context {run_id}"),
                "scheme": "ckks",
                "poly_modulus_degree": 8192,
                "coeff_bits": [60, 40, 60],
                "scale_bits": 40,
                "security_bits": 128,
            },
        )

    def proposal(self, run_id: str, **changes: Any) -> dict[str, Any]:
        return {
            "run_id": run_id,
            "request_kind": "horizontal-scorecard",
            "request_digest": digest("request"),
            "initial_digest": digest("initial"),
            "phases": ["bins", "newton"],
            "groups": ["all"],
            "purpose": "modelling",
            "parties": list(self.banks),
            "min_parties": 3,
            "max_rounds": 20,
            "he_context_digest": digest(f"context {run_id}"),
            "quantisation_digest": digest("quantisation"),
            "disclosure_policy_digest": digest("policy"),
            "code_digest": digest("code"),
            "label_definition_digest": digest("bad"),
            "valid_until": self.later(days=1),
        } | changes

    def approval(self, bank: str, run_id: str, proposal: str) -> dict[str, Any]:
        return {
            "run_id": run_id,
            "proposal": proposal,
            "decision": "approve",
            "grant_ids": [f"grant-{bank}"],
            "mask_epk": digest(f"epk {run_id} {bank} first"),
        }

    def propose(self, run_id: str = "run-1", **changes: Any) -> str:
        self.publish_context(run_id)
        return self.write("analyst", "run-proposed", self.proposal(run_id, **changes))

    def approve(self, run_id: str, proposal: str, banks: tuple[str, ...] = ()) -> list[str]:
        return [
            self.write(bank, "run-approved", self.approval(bank, run_id, proposal))
            for bank in banks or self.banks
        ]

    def start(self, run_id: str = "run-1", **changes: Any) -> None:
        """From nothing (beyond grants) to a started run."""
        proposal = self.propose(run_id, **changes)
        roster = tuple(changes.get("parties", self.banks))
        approvals = self.approve(run_id, proposal, roster)
        self.witness()
        self.write(
            "coordinator",
            "run-started",
            {"run_id": run_id, "roster": list(roster), "approvals": approvals},
        )

    def place(self, round_number: int, attempt: int = 1, run_id: str = "run-1") -> dict[str, Any]:
        return {
            "run_id": run_id,
            "round": round_number,
            "attempt": attempt,
            "phase": "newton",
            "group": "all",
        }

    def attempted(self, round_number: int, attempt: int = 1, **changes: Any) -> dict[str, Any]:
        run_id = changes.pop("run_id", "run-1")
        run = self.replica.state.runs[run_id]
        return {
            **self.place(round_number, attempt, run_id),
            "roster": list(run.roster),
            "input_digest": run.next_input,
            "deadline": self.later(minutes=5),
        } | changes

    def contribution(
        self, bank: str, round_number: int, attempt: int = 1, **changes: Any
    ) -> dict[str, Any]:
        run_id = changes.pop("run_id", "run-1")
        about = f"{run_id} {bank} {round_number} {attempt}"
        return {
            **self.place(round_number, attempt, run_id),
            "roster_digest": digest("roster"),
            "input_digest": self.replica.state.runs[run_id].next_input,
            "payload_digest": digest(f"payload {about}"),
            "mask_epk": digest(f"epk {about}"),
            "n_ciphertexts": 1,
            "he_context_digest": digest(f"context {run_id}"),
            "grant_ids": [f"grant-{bank}"],
            "grants_root": self.grants_root(f"grant-{bank}"),
            "commits": {"n_rows": digest(f"rows {about}"), "n_clipped": digest(f"clip {about}")},
        } | changes

    def contribute(self, round_number: int, attempt: int = 1, run_id: str = "run-1") -> list[str]:
        run = self.replica.state.runs[run_id]
        return [
            self.write(
                bank,
                "round-contributed",
                self.contribution(bank, round_number, attempt, run_id=run_id),
            )
            for bank in run.rounds[-1].roster
        ]

    def aggregate(self, round_number: int, attempt: int = 1, run_id: str = "run-1") -> str:
        """Attempt, contribute and aggregate one round; return the aggregate's entry id."""
        self.write(
            "coordinator",
            "round-attempted",
            self.attempted(round_number, attempt, run_id=run_id),
        )
        contributions = self.contribute(round_number, attempt, run_id)
        return self.write(
            "coordinator",
            "round-aggregated",
            {
                **self.place(round_number, attempt, run_id),
                "contributions": contributions,
                "aggregate_digest": digest(f"aggregate {round_number} {attempt}"),
            },
        )

    def opening(
        self, aggregated: str, round_number: int, attempt: int = 1, **changes: Any
    ) -> dict[str, Any]:
        run_id = changes.pop("run_id", "run-1")
        return {
            "run_id": run_id,
            "round": round_number,
            "phase": "newton",
            "group": "all",
            "aggregated": aggregated,
            "aggregate_digest": digest(f"aggregate {round_number} {attempt}"),
            "n_parties": len(self.replica.state.runs[run_id].rounds[-1].roster),
            "healthy": True,
            "rules_passed": ["min_subjects"],
            "outcome": "continue",
            "commits": {"result": digest(f"result {run_id} {round_number}")},
        } | changes

    def open(self, aggregated: str, round_number: int, attempt: int = 1, **changes: Any) -> str:
        self.witness()
        return self.write(
            "key-holder", "round-opened", self.opening(aggregated, round_number, attempt, **changes)
        )

    def finished_run(self, run_id: str = "run-1", **changes: Any) -> None:
        self.start(run_id, **changes)
        self.open(self.aggregate(1, run_id=run_id), 1, run_id=run_id)
        self.write(
            "coordinator",
            "run-finished",
            {"run_id": run_id, "n_rounds": 1, "result_digest": digest("result")},
        )
