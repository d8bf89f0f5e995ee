"""What the ledger room reads: JSON, notes, entries, leaves, heads, proofs, files."""

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fedcredit_ledger.canonical import decode, encode
from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.checkpoint import Policy, TlogProof, open_checkpoint
from fedcredit_ledger.entry import HEADER, SignedEntry
from fedcredit_ledger.errors import MalformedEntryError
from fedcredit_ledger.merkle import leaf_hash
from fedcredit_ledger.note import Note, Signature, VerifierKey
from fedcredit_ledger.replica import Replica
from fedcredit_ledger.store import Store
from fedcredit_ledger.verify import Level, verify_file
from tests.fuzz.harness import Target
from tests.fuzz.mutations import spelled, spoil_bytes, spoil_lines, spoil_value
from tests.ledger.small_federation import SmallFederation

SPEC = (Path(__file__).parents[2] / "ledger" / "SPEC.md").read_text(encoding="utf-8")
CODES = set(re.findall(r"`([a-z-]+)`", SPEC.partition("## Rules")[2].partition("## Storage")[0]))
"""Every code that a rule may give."""

Feed = Callable[[Any], str | None]


def ledger_targets(folder: Path) -> list[Target]:
    """Return the targets of the ledger room."""
    fed = _lived_in()
    leaves = fed.log.leaves()
    entries = [Leaf.parse(raw).signed.encode() for raw in leaves[1:]]
    note = fed.log.checkpoint_note()
    assert note is not None
    receipts = [fed.log.receipt(Leaf.parse(raw).signed.id) for raw in leaves]
    bodies = [decode(entry.split(b"\n")[1]) for entry in entries]
    policy = fed.founding.entry.data["witness_policy"]
    vkeys = [key.vkey for key in (*fed.keys.values(), *fed.witness_keys.values())]
    head = open_checkpoint(Note.parse(note), fed.log_key.verifier)

    def bytes_of(honest: list[bytes]) -> Callable[[random.Random], bytes]:
        return lambda rng: (
            spoil_lines(rng, rng.choice(honest))
            if rng.random() < 0.5
            else spoil_bytes(rng, rng.choice(honest), tuple(honest))
        )

    def feed_proof(data: bytes) -> None:
        proof = TlogProof.parse(data)
        proof.verify(leaf_hash(leaves[proof.index % len(leaves)]), log=fed.log_key.verifier)

    def feed_vkey(text: str) -> None:
        VerifierKey.parse(text)

    def spoiled_text(rng: random.Random, texts: list[str]) -> str:
        return spoil_bytes(rng, rng.choice(texts).encode()).decode("utf-8", "replace")

    return [
        Target(
            name="canonical JSON",
            mutant=lambda rng: (
                spelled(rng, spoil_value(rng, rng.choice(bodies)))
                if rng.random() < 0.7
                else spoil_bytes(rng, encode(rng.choice(bodies)))
            ),
            feed=lambda data: _done(decode(data)),
            weight=30,
        ),
        Target(
            name="signed notes",
            mutant=bytes_of([*entries, note]),
            feed=lambda data: _done(Note.parse(data)),
        ),
        Target(
            name="ledger entries",
            mutant=bytes_of(entries),
            feed=lambda data: _done(SignedEntry.parse(data)),
        ),
        Target(
            name="signed ledger entries",
            mutant=_resigned(fed, bodies),
            feed=_submit(fed),
            weight=40,
        ),
        Target(
            name="ledger leaves",
            mutant=bytes_of(leaves),
            feed=lambda data: _done(Leaf.parse(data)),
        ),
        Target(name="served leaves", mutant=bytes_of(leaves[1:2]), feed=_served(fed, leaves)),
        Target(
            name="checkpoints",
            mutant=bytes_of([note]),
            feed=lambda data: _done(fed.replica.update_checkpoint(data)),
        ),
        Target(
            name="heads to co-sign",
            mutant=bytes_of([note]),
            feed=lambda data: _done(fed.witnesses["bank-a"].cosign(data, fed.replica)),
        ),
        Target(
            name="co-signatures",
            mutant=bytes_of([note.partition(b"\n\n")[2]]),
            feed=lambda data: _done(fed.log.add_cosignatures(data, size=head.size)),
        ),
        Target(name="receipts", mutant=bytes_of(receipts), feed=feed_proof),
        Target(
            name="verifier keys",
            mutant=lambda rng: spoiled_text(rng, vkeys),
            feed=feed_vkey,
            weight=5,
        ),
        Target(
            name="witness policies",
            mutant=lambda rng: spoil_value(rng, policy),
            feed=_policy,
            weight=5,
        ),
        Target(
            name="signature lines",
            mutant=lambda rng: spoiled_text(rng, [s.line() for s in Note.parse(note).signatures]),
            feed=lambda line: _done(Signature.parse(line)),
            weight=5,
        ),
        _files(folder),
    ]


def _done(_: object) -> None:
    return None


def _lived_in() -> SmallFederation:
    """Return a ledger in which everything has happened."""
    fed = SmallFederation()
    fed.grant_all()
    fed.start()
    fed.open(fed.aggregate(1), 1)
    fed.write(
        "coordinator",
        "round-attempted",
        fed.attempted(2),
    )
    fed.write("bank-a", "round-contributed", fed.contribution("bank-a", 2))
    fed.witness()
    return fed


def _resigned(fed: SmallFederation, bodies: list[Any]) -> Callable[[random.Random], bytes]:
    """Return entries whose content a party has spoiled before it signed them."""

    def make(rng: random.Random) -> bytes:
        honest = rng.choice(bodies)
        fed.refresh()
        state = fed.replica.state
        author = honest["author"]
        number, previous = state.author_heads[author]
        current = honest | {
            "author_seq": number + 1,
            "author_prev": previous,
            "seen_size": fed.replica.size,
            "seen_root": fed.replica.root.hex(),
            "time": fed.later(),
        }
        body = b""
        while not body:
            spoiled = current
            if rng.random() < 0.8:
                spoiled = current | {"data": spoil_value(rng, current["data"])}
            else:
                spoiled = spoil_value(rng, current)
            try:
                body = encode(spoiled)
            except MalformedEntryError:
                # Most are of another form; let a few of those come, and more that rules judge.
                body = spelled(rng, spoiled) if rng.random() < 0.1 else b""
        text = HEADER + body + b"\n"
        return text + b"\n" + fed.keys[author].sign(text).line().encode() + b"\n"

    return make


def _submit(fed: SmallFederation) -> Feed:
    def feed(data: bytes) -> str | None:
        size = fed.log.size
        (outcome,) = fed.log.submit([data])
        assert fed.log.size == size + bool(outcome.receipt), "the ledger grew by a refused entry"
        assert bool(outcome.receipt) != bool(outcome.code)
        assert not outcome.code or outcome.code in CODES, f"an unknown code {outcome.code}"
        return outcome.code or None

    return feed


def _served(fed: SmallFederation, leaves: list[bytes]) -> Feed:
    """Feed a leaf as a coordinator would serve it to a member that has the founding entry."""
    copies = [_founded(fed, leaves)]

    def feed(data: bytes) -> None:
        copy = copies[0]
        try:
            copy.update([data])
        finally:
            if copy.size != 1:
                copies[0] = _founded(fed, leaves)

    return feed


def _founded(fed: SmallFederation, leaves: list[bytes]) -> Replica:
    replica = Replica(fed.founding.id)
    replica.update(leaves[:1])
    return replica


def _policy(lines: Any) -> None:
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        return  # the founding entry's form is checked before
    Policy(lines)


def _files(folder: Path) -> Target:
    """Return the target that reads whole ledger files."""
    path = folder / "fuzzed.db"
    with Store(path) as store:
        fed = SmallFederation(store)
        fed.grant_all()
        fed.witness()
    for extra in ("-wal", "-shm"):
        beside = path.with_name(path.name + extra)
        if beside.exists():
            beside.unlink()
    honest = path.read_bytes()
    target = folder / "mutant.db"

    def feed(data: bytes) -> str | None:
        for old in folder.glob("mutant.db*"):
            old.unlink()
        target.write_bytes(data)
        report = verify_file(target, level=Level.SIGNATURES)
        json.dumps(report.document())
        return report.findings[0].code if report.findings else None

    def mutant(rng: random.Random) -> bytes:
        spoiled = bytearray(honest)
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(spoiled) if rng.random() < 0.7 else 4_096)
            spoiled[place] ^= 1 << rng.randrange(8)
        if rng.random() < 0.1:
            del spoiled[rng.randrange(len(spoiled)) :]
        return bytes(spoiled)

    return Target(name="ledger files", mutant=mutant, feed=feed, weight=3)
