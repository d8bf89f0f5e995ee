"""What verifying a ledger costs: each level beside the raw primitive it is made of.

``python benchmarks/ledger_verify.py`` builds a ledger of ``--entries`` leaves and one of a tenth
(or takes files that are there), and verifies each in a process of its own, so that peak memory is
that level's alone. Before and after each verification its primitive is measured: SHA-256 over
leaves of the same file, for the highest level the library's Ed25519 over entries of the file, by as
many processes at once as verify. All rates are of CPU seconds, so that others on the machine count
for little. Then proofs of inclusion, and going on from a trusted head.
"""

import argparse
import hashlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from long_ledger import build
from measuring import machine, peak_mb, spread, write

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.kept import KeptTree
from fedcredit_ledger.merkle import leaf_hash, verify_inclusion
from fedcredit_ledger.note import VerifierKey
from fedcredit_ledger.signature_worker import verdicts
from fedcredit_ledger.signatures import cores
from fedcredit_ledger.store import Store
from fedcredit_ledger.verified_head import VerifiedHead
from fedcredit_ledger.verify import Level, verify_file

LEVELS = {"V1": Level.CHAIN, "V2": Level.RULES, "V3": Level.SIGNATURES}
SAMPLE = 100_000
"""Leaves whose bytes are hashed raw."""

VERIFICATIONS = 10_000
PROOFS = 500


def timed(clock: Callable[[], float], act: Callable[[], object]) -> float:
    """Return what `act` takes on a clock."""
    start = clock()
    act()
    return clock() - start


def hash_rate(path: Path) -> float:
    """Return leaves a CPU second that hashlib hashes: bytes of the file, nothing else timed."""
    spent, n, sha256 = 0.0, 0, hashlib.sha256
    with Store(path, read_only=True) as store:
        while n < SAMPLE and (page := store.leaves(n, 10_000)):

            def act(page: list[bytes] = page) -> None:
                for raw in page:
                    sha256(raw).digest()

            spent += timed(time.process_time, act)
            n += len(page)
    return n / spent


def bare_rate(path: Path) -> float:
    """Return Ed25519 verifications a CPU second of the library, in this process."""
    claims = []
    with Store(path, read_only=True) as store:
        founding = Leaf.parse_once(store.leaves(0, 1)[0]).signed.entry.data["founders"]
        keys = {row["party"]: VerifierKey.parse(row["signing_vkey"]) for row in founding}
        for raw in store.leaves(1, VERIFICATIONS):
            signed = Leaf.parse_once(raw).signed
            key = keys[signed.entry.author]
            claims.append(key.claim(signed.note.text, signed.signatures[0]))
    found: list[bytes] = []
    seconds = timed(time.process_time, lambda: found.append(verdicts(claims)))
    if 0 in found[0]:
        raise SystemExit("a signature of the ledger does not verify")
    return len(claims) / seconds


def at_once(path: Path, n: int) -> float:
    """Return the verifications a CPU second of each of `n` processes that work at once."""
    command = [sys.executable, __file__, "--child", "bare", "--ledger", str(path)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(n)]
    return sum(float(child.communicate()[0]) for child in children) / n


def spent_by_children() -> float:
    """Return the CPU seconds of children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def one_level(path: Path, level: str, n: int) -> dict[str, float]:
    """Verify once, in this process, with its primitive measured before and after."""

    def primitive() -> float:
        return at_once(path, n) if level == "V3" else hash_rate(path)

    before, children = primitive(), spent_by_children()
    start, wall = time.process_time(), time.perf_counter()
    report = verify_file(path, level=LEVELS[level], n_processes=n)
    own, wall = time.process_time() - start, time.perf_counter() - wall
    peak = peak_mb()
    if report.findings:
        raise SystemExit(f"the ledger of this benchmark does not verify: {report.findings[0]}")
    children = spent_by_children() - children
    raw = (before + primitive()) / 2
    rate = report.size / (children if level == "V3" and n else own)
    return {
        "leaves_per_s": rate,
        "raw_per_s": raw,
        "ratio": rate / raw,
        "whole_ratio": report.size / (own + children) / raw,
        "wall_s": wall,
        "peak_mb": peak,
    }


def in_child(path: Path, level: str, n: int) -> dict[str, float]:
    """Return `one_level` of a new process."""
    command = [sys.executable, __file__, "--child", level, "--ledger", str(path)]
    done = subprocess.run([*command, "--processes", str(n)], stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def proofs(path: Path) -> dict[str, float]:
    """Return milliseconds of an inclusion proof, each from an open file with nothing read yet."""
    chance, found = random.Random(1), []
    with Store(path, read_only=True) as store:
        size = store.size
        root = KeptTree(store.node, size).root
        for _ in range(PROOFS):
            index = chance.randrange(size)
            start = time.perf_counter()
            hashes = KeptTree(store.node, size).inclusion_proof(index, size)
            found.append((time.perf_counter() - start) * 1e3)
            value = leaf_hash(store.leaves(index, 1)[0])
            verify_inclusion(value, index=index, size=size, proof=hashes, root=root)
    return spread(found)


def since(path: Path, repeats: int) -> dict[str, Any]:
    """Return what going on costs, from a head before the last hundredth of the leaves.

    CPU seconds of the chain level from the bare head and from a kept one, and milliseconds of the
    head level from the newest head, kept.
    """
    newest = VerifiedHead.parse(verify_file(path).verified_head)
    with Store(path, read_only=True) as store:
        size = max(n for n in store.checkpoint_sizes() if n <= store.size * 99 // 100)
        new, note = store.size - size, store.checkpoint(size)
    assert note is not None
    places = tuple(place for place in newest.places if place < size)
    older = VerifiedHead(note=note, places=places).encode()
    kept = newest.encode()

    def spent(head: bytes, level: Level, clock: Callable[[], float]) -> list[float]:
        act = partial(verify_file, path, level=level, since=head)
        return [timed(clock, act) for _ in range(max(repeats, 3))]

    heads = spent(kept, Level.HEAD, time.perf_counter)
    return {
        "new_leaves": new,
        "cpu_s": spread(spent(note, Level.CHAIN, time.process_time)),
        "kept_cpu_s": spread(spent(older, Level.CHAIN, time.process_time)),
        "head_ms": spread([seconds * 1e3 for seconds in heads]),
    }


def measure(path: Path, repeats: int, n: int) -> dict[str, Any]:
    """Return one size's figures, the levels in turn."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in LEVELS}
    for _ in range(repeats):
        for name in LEVELS:
            found[name].append(in_child(path, name, n))
    with Store(path, read_only=True) as store:
        entries = store.size
        sample = store.leaves(0, 10_000)
    return {
        "entries": entries,
        "bytes_a_leaf": round(sum(map(len, sample)) / len(sample)),
        "repeats": repeats,
        "levels": {
            name: {key: spread([row[key] for row in rows]) for key in rows[0]}
            for name, rows in found.items()
        },
        "proof_ms": proofs(path),
        "since": since(path, repeats),
    }


def main() -> None:
    """Measure two sizes and write ``results/ledger_verify.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3, help="of the smaller ledger")
    parser.add_argument("--repeats-large", type=int, default=3, help="of the larger one")
    parser.add_argument("--processes", type=int, default=cores())
    parser.add_argument("--folder", type=Path, help="where ledgers are built, or are already")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--ledger", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child == "bare":
        print(bare_rate(chosen.ledger))
        return
    if chosen.child:
        print(json.dumps(one_level(chosen.ledger, chosen.child, chosen.processes)))
        return
    facts, sizes = machine(), []
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.folder or Path(name)
        for n, repeats in (
            (chosen.entries // 10, chosen.repeats),
            (chosen.entries, chosen.repeats_large),
        ):
            path = folder / f"{n}.db"
            if not path.exists():
                build(path, n)
            sizes.append(measure(path, repeats, chosen.processes))
    found = {
        "machine": facts,
        "processes": chosen.processes,
        "load_average_at_the_end": [round(value, 2) for value in os.getloadavg()],
        "sizes": sizes,
    }
    print(write("ledger_verify", found))


if __name__ == "__main__":
    main()
