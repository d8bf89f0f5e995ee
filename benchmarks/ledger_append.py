"""What appending to a ledger costs: durable appends and full submissions, beside the raw disk.

``python benchmarks/ledger_append.py`` takes turns: synced writes of one block, SQLite commits of
one row, Ed25519 verifications, then the store (batches of 64 leaves: what 64 submitters that each
wait for their answer can form) and the whole sequencer under 64 threads. Each thread is one author
of its own and sends one entry at a time; the entries are signed before the clock starts, because
signing is done elsewhere. What an answer needs is inside: signature, rules, commit, head, receipt.
"""

import argparse
import os
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from long_ledger import ORIGIN, Author, Founders, fact
from measuring import machine, spread, write

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.checkpoint import Checkpoint, TlogProof
from fedcredit_ledger.ledger_store import LedgerStore
from fedcredit_ledger.log import Log
from fedcredit_ledger.merkle import Tree
from fedcredit_ledger.note import Note
from fedcredit_ledger.signature_worker import verdicts
from fedcredit_ledger.store import Store

SUBMITTERS = 64
"""One coordinator and 63 banks: a founding entry has at most 64 signatures."""

RAW = 200
"""Synced writes and commits in one turn."""

VERIFICATIONS = 2000


def rate(n: int, act: Callable[[], object]) -> float:
    """Return how many a second, when `act` does `n`."""
    start = time.perf_counter()
    act()
    return n / (time.perf_counter() - start)


def synced_writes(folder: Path) -> float:
    """Return writes of 4 KiB a second, each with fdatasync."""
    file = os.open(folder / "raw", os.O_RDWR | os.O_CREAT)

    def act() -> None:
        for number in range(RAW):
            os.pwrite(file, bytes(4096), 4096 * (number % 2))
            os.fdatasync(file)

    try:
        return rate(RAW, act)
    finally:
        os.close(file)


def commits(folder: Path) -> float:
    """Return SQLite commits of one row a second, with the ledger's own settings."""
    path = folder / "raw.db"
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE t (i INTEGER PRIMARY KEY, b BLOB)")

    def act() -> None:
        for _ in range(RAW):
            database.execute("INSERT INTO t (b) VALUES (?)", (bytes(1000),))

    try:
        return rate(RAW, act)
    finally:
        database.close()


def verifications(notes: list[bytes], founders: Founders) -> float:
    """Return Ed25519 verifications a second of the library, over entries of this run."""
    claims = []
    for raw in notes[:VERIFICATIONS]:
        note = Note.parse(raw)
        key = founders.keys[note.signatures[0].name].verifier
        claims.append(key.claim(note.text, note.signatures[0]))

    def act() -> None:
        if 0 in verdicts(claims):
            raise SystemExit("a signature of this benchmark does not verify")

    return rate(len(claims), act)


class Run:
    """One ledger with 64 authors whose entries are signed ahead."""

    def __init__(self, store: LedgerStore, n_each: int) -> None:
        self.founders = Founders(n_banks=SUBMITTERS - 1)
        now = datetime.now(UTC)
        self.log = Log(store, self.founders.log_key, ORIGIN)
        founding = self.founders.found(now)
        self.log.found(founding)
        seen = (self.log.size, self.log.root)
        self.notes: list[list[bytes]] = []
        for name, key in self.founders.keys.items():
            author = Author(key)
            if name == "coordinator":
                author.seq, author.prev = 1, founding.id
            self.notes.append([self._entry(author, seen, now) for _ in range(n_each)])

    def _entry(self, author: Author, seen: tuple[int, bytes], now: datetime) -> bytes:
        name = author.key.name
        if name == "coordinator":
            data: dict[str, Any] = {"act_type": "x", "act_digest": "0" * 64, "decision": "approve"}
            return author.sign("endorsement-given", data, now, seen).encode()
        commits = {n: os.urandom(32).hex() for n in ("contract", "amount_fen", "serial_no")}
        data = fact("disb", commits, now)
        return author.sign("fact-sealed", data, now, seen, readers=(name,)).encode()

    def submit(self) -> float:
        """Return submissions a second with all authors at once; every answer is checked after."""
        answers: list[list[bytes]] = [[] for _ in self.notes]
        ready = threading.Barrier(len(self.notes) + 1)

        def work(number: int) -> None:
            ready.wait()
            for note in self.notes[number]:
                answers[number].append(self.log.submit([note])[0].receipt)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(len(self.notes))]
        for thread in threads:
            thread.start()
        ready.wait()
        n = sum(map(len, self.notes))
        found = rate(n, lambda: [thread.join() for thread in threads])
        self._check(answers)
        return found

    def _check(self, answers: list[list[bytes]]) -> None:
        leaves = self.log.leaves()
        for notes, receipts in zip(self.notes, answers, strict=True):
            for note, receipt in zip(notes, receipts, strict=True):
                proof = TlogProof.parse(receipt)
                leaf = Leaf.parse_once(leaves[proof.index])
                proof.verify(leaf.hash, log=self.founders.log_key.verifier)
                if leaf.signed.encode() != note:
                    raise SystemExit("a receipt is for another entry")


def appends(store: LedgerStore, source: list[Leaf]) -> float:
    """Return leaves a second that a store makes durable, in batches of 64 with their heads."""
    tree, key = Tree(), Founders(n_banks=1).log_key
    batches = []
    for start in range(0, len(source), SUBMITTERS):
        leaves = source[start : start + SUBMITTERS]
        nodes = [node for leaf in leaves for node in tree.append(leaf.hash) if node[0]]
        text = Checkpoint(ORIGIN, tree.size, tree.root).text()
        note = Note(text, (key.sign(text),)).encode()
        batches.append((leaves, nodes, tree.size, note))

    def act() -> None:
        for leaves, nodes, size, note in batches:
            store.append(leaves, nodes=nodes, size=size, checkpoint=note)

    return rate(len(source), act)


@contextmanager
def sqlite_store(folder: Path, name: str) -> Iterator[LedgerStore]:
    """Open a new ledger file."""
    with Store(folder / f"{name}.db") as store:
        yield store


@contextmanager
def postgres_store(url: str, folder: Path, name: str) -> Iterator[LedgerStore]:
    """Open a new ledger in a schema of its own on a running server."""
    import psycopg

    from fedcredit_ledger.store_postgres import PostgresStore

    schema = name.replace("-", "_")
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(f"CREATE SCHEMA {schema}")  # type: ignore[arg-type]
    joined = f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{schema}"
    with PostgresStore(joined, head=folder / f"{name}-head") as store:
        yield store


def measure(
    folder: Path, opened: Callable[[str], Any], *, repeats: int, n_each: int
) -> dict[str, Any]:
    """Return rates of one kind of store beside the raw ones, in turn."""
    found: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)

    for number in range(repeats):
        note("fsync_per_s", synced_writes(folder))
        note("commit_per_s", commits(folder))
        with opened(f"log-{number}") as store:
            run = Run(store, n_each)
            note("verify_per_s", verifications(list(chain(*run.notes)), run.founders))
            note("submit_per_s", run.submit())
            source = [Leaf.parse_once(raw) for raw in run.log.leaves()]
        with opened(f"store-{number}") as store:
            note("append_per_s", appends(store, source))
    ratios = {
        "append_per_commit": ("append_per_s", "commit_per_s"),
        "append_per_fsync": ("append_per_s", "fsync_per_s"),
        "submit_per_verify": ("submit_per_s", "verify_per_s"),
        "submit_per_commit": ("submit_per_s", "commit_per_s"),
    }
    for name, (subject, raw) in ratios.items():
        found[name] = [a / b for a, b in zip(found[subject], found[raw], strict=True)]
    return {name: spread(values) for name, values in found.items()}


def main() -> None:
    """Measure and write ``results/ledger_append.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--each", type=int, default=100, help="entries of each of 64 authors")
    parser.add_argument("--postgres", metavar="URL", help="a running server to measure as well")
    parser.add_argument("--folder", type=Path, help="on the disk that is to be measured")
    chosen = parser.parse_args()
    facts = machine()
    stores = {}
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        size = {"repeats": chosen.repeats, "n_each": chosen.each}
        stores["SQLite"] = measure(folder, lambda n: sqlite_store(folder, n), **size)
        if chosen.postgres:
            url = chosen.postgres
            kept = lambda n: postgres_store(url, folder, f"bench-{os.getpid()}-{n}")  # noqa: E731
            stores["PostgreSQL"] = measure(folder, kept, **size)
    found = {
        "machine": facts,
        "repeats": chosen.repeats,
        "submitters": SUBMITTERS,
        "entries": SUBMITTERS * chosen.each,
        "load_average_at_the_end": [round(value, 2) for value in os.getloadavg()],
        "stores": stores,
    }
    print(write("ledger_append", found))


if __name__ == "__main__":
    sys.exit(main())
