"""What a thousand case packages cost: statement and all, from a ledger of 100 000 leaves.

``python benchmarks/evidence_batch.py`` builds the ledger, then, in a process of its own for each
size, reads it and checks its chain (`Packer`) and packs the cases of twelve facts each
(`pack_batch`), while another process replays the rules (`RulesBeside`), as ``fedcredit evidence
pack --batch`` does; what packing takes includes waiting for the rules. Beside it the raw primitive:
one SHA-256 over the bytes of all packages.
"""

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from long_ledger import LOAN, build, write_openings
from measuring import machine, peak_mb, spread, write

from fedcredit.evidence_batch import Case, pack_batch
from fedcredit_ledger.evidence import Packer, read_openings
from fedcredit_ledger.rules_beside import RulesBeside
from fedcredit_ledger.store import Store


def pack(folder: Path) -> dict[str, float]:
    """Pack every case whose openings are in the folder; return seconds, bytes and peak memory."""
    openings = read_openings(folder / "openings")
    contracts = sorted(
        {str(v) for o in openings.values() for _, name, v in o if name == "contract"}
    )
    cases = [Case(case_no=f"2026-{c}", contract=c, court="Haidian") for c in contracts]
    path = folder / "ledger.db"
    with Store(path, read_only=True) as store, RulesBeside(path) as beside:
        start, cpu = time.perf_counter(), time.process_time()
        packer = Packer(store, beside=beside)
        read, read_cpu = time.perf_counter() - start, time.process_time() - cpu
        start, cpu = time.perf_counter(), time.process_time()
        with tempfile.TemporaryDirectory(dir=folder) as name:
            batch = pack_batch(packer, cases, openings, Path(name))
            packed, packed_cpu = time.perf_counter() - start, time.process_time() - cpu
            peak, hashing, n_bytes = peak_mb(), 0.0, 0
            for filed in batch.filed:
                raw = (Path(name) / filed.file).read_bytes()
                cpu, n_bytes = time.process_time(), n_bytes + len(raw)
                hashlib.sha256(raw).digest()
                hashing += time.process_time() - cpu
    rules = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cases": len(cases),
        "packed": len(batch.filed),
        "bytes_a_package": n_bytes / len(batch.filed),
        "read_s": read,
        "read_cpu_s": read_cpu,
        "pack_s": packed,
        "pack_cpu_s": packed_cpu,
        "per_hash": packed_cpu / hashing,
        "peak_mb": peak,
        "rules_cpu_s": rules.ru_utime + rules.ru_stime,
        "rules_peak_mb": rules.ru_maxrss / 1024,
    }


def main() -> None:
    """Measure and write ``results/evidence_batch.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        print(json.dumps(pack(chosen.child)))
        return
    facts, sizes = machine(), []
    with tempfile.TemporaryDirectory() as name:
        for n in (chosen.entries // 5, chosen.entries):
            folder = Path(name) / str(n)
            folder.mkdir()
            built = build(folder / "ledger.db", n, n_opened=chosen.cases)
            write_openings(built, folder / "openings")
            command = [sys.executable, __file__, "--child", str(folder)]
            rows: list[dict[str, Any]] = [
                json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
                for _ in range(chosen.repeats)
            ]
            row = {key: spread([r[key] for r in rows]) for key in rows[0]}
            sizes.append({"entries": n, "facts_a_case": len(LOAN), **row})
    found = {
        "machine": facts,
        "repeats": chosen.repeats,
        "load_average_at_the_end": [round(value, 2) for value in os.getloadavg()],
        "sizes": sizes,
    }
    print(write("evidence_batch", found))


if __name__ == "__main__":
    main()
