"""A scorecard on encrypted sums against the fit of the pooled rows, in one process.

``python benchmarks/horizontal_vs_pooled.py`` fits both on the same synthetic rows, 30 000 and
300 000 of them, with 3 and 15 parties: equality, seconds and bytes by phase, memory. All roles run
in this process and share its cores; in a deployment every party has its own. Each case runs in a
fresh process, so that memory is its own.
"""

import argparse
import json
import logging
import statistics
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measuring import PeakMemory, machine, median, write
from synthetic_applicants import LABEL, SCHEMA, applicants

import fedcredit as fc
from fedcredit_models.merging import CellRules
from fedcredit_parties.ckks import WIDE, Engine
from fedcredit_parties.scorecard_course import ScorecardCourse

CASES = tuple((rows, parties) for rows in (30_000, 300_000) for parties in (3, 15))
PHASES = ("approval", "quantiles", "bins", "newton", "metrics")


def _job() -> fc.HorizontalJob:
    return fc.HorizontalJob(purpose="modelling", label=LABEL, holdout=0.0, run_deadline_s=600)


def _phase_seconds(result: fc.TrainingResult) -> dict[str, float]:
    """Return seconds by phase, between the ledger's own times of proposal, start and openings."""
    received = {
        int(fact["index"]): datetime.fromisoformat(str(fact["received"])) for fact in result.facts
    }
    kinds = {str(fact["type"]): int(fact["index"]) for fact in result.facts}
    last, found = received[kinds["run-started"]], dict.fromkeys(PHASES, 0.0)
    found["approval"] = (last - received[kinds["run-proposed"]]).total_seconds()
    for row in result.file.history:
        opened = received[int(row.index or 0)]
        found[row.phase] += (opened - last).total_seconds()
        last = opened
    return found


def _ciphertext_bytes() -> int:
    with Engine() as engine:
        keys = engine.new_keys(WIDE)
        (one,) = engine.encrypt(WIDE, keys.public, np.zeros(WIDE.slots, dtype=np.int64))
    return len(one)


def _layouts(card: fc.Scorecard, n_rows: int) -> dict[str, int]:
    """Return ciphertexts of one party in one round of each phase, from the declared layouts."""
    task = _job().task(SCHEMA, parties=("a", "b", "c"), policy=fc.DisclosurePolicy())
    released = ScorecardCourse(task)
    found = {"quantiles": released.tensor().n_slots}
    tables = {table.raw.feature.name: table for table in card.tables_}
    released.raw = tuple(tables[f.name].raw for f in SCHEMA.features)
    released.phase = "bins"
    found["bins"] = released.tensor().n_slots
    released.tables = tuple(tables[f.name] for f in SCHEMA.features)
    released.n_train, released.phase = n_rows, "newton"
    found["newton"] = released.tensor().n_slots
    released.phase = "metrics"
    found["metrics"] = released.tensor().n_slots
    return {phase: WIDE.n_ciphertexts(n) for phase, n in found.items()}


def _run(parts: dict[str, pd.DataFrame]) -> tuple[fc.TrainingResult, float, float]:
    """Return a result with the seconds of founding and of the run."""
    start = time.perf_counter()
    with fc.Federation.simulate(parts, schema=SCHEMA, quiet=True) as federation:
        founded = time.perf_counter()
        result = federation.run(_job())
        return result, founded - start, time.perf_counter() - founded


def one(n_rows: int, n_parties: int, repeats: int) -> dict[str, Any]:
    """Return the figures of one case."""
    frame = applicants(n_rows)
    bank = np.random.default_rng(1).integers(0, n_parties, n_rows)
    parts = {f"bank-{i:02d}": frame[bank == i] for i in range(n_parties)}
    pooled, founding, run, phases, sent = [], [], [], [], []
    for _ in range(repeats):
        start = time.perf_counter()
        card = fc.Scorecard().fit(
            frame.drop(columns=LABEL), frame[LABEL], schema=SCHEMA, cells=CellRules()
        )
        pooled.append(time.perf_counter() - start)
    with PeakMemory() as memory:  # of one run; the others are for the clock
        result, *seconds = _run(parts)
    for number in range(repeats):
        if number:
            result, *seconds = _run(parts)
        founding.append(seconds[0])
        run.append(seconds[1])
        phases.append(_phase_seconds(result))
        sent += [part.bytes_sent for part in result.file.participation.values()]
    found = result.model
    if [(t.assignment, t.bads, t.goods) for t in found.tables_] != [
        (t.assignment, t.bads, t.goods) for t in card.tables_
    ]:
        raise SystemExit("the federated bins are not the pooled ones")
    ciphertexts = _layouts(found, n_rows)
    n_rounds = {phase: 0 for phase in PHASES}
    for row in result.file.history:
        n_rounds[row.phase] += 1
    size = _ciphertext_bytes()
    return {
        "rows": n_rows,
        "parties": n_parties,
        "largest_coefficient_difference": float(
            max(abs(found.intercept_ - card.intercept_), *np.abs(found.coef_ - card.coef_))
        ),
        "counts_equal": True,
        "rounds": sum(n_rounds.values()),
        "pooled_s": median(pooled),
        "founding_s": median(founding),
        "run_s": median(run),
        "fastest_run_s": float(f"{min(run):.4g}"),
        "ratio": float(f"{statistics.median(run) / statistics.median(pooled):.3g}"),
        "phase_s": {p: median([row[p] for row in phases]) for p in PHASES},
        "phase_rounds": n_rounds,
        "phase_ciphertexts": {p: ciphertexts.get(p, 0) * n_rounds[p] for p in PHASES},
        "phase_mb_sent_per_party": {
            p: float(f"{ciphertexts.get(p, 0) * n_rounds[p] * size / 1e6:.3g}") for p in PHASES
        },
        "mb_sent_per_party": float(f"{statistics.median(sent) / 1e6:.3g}"),
        "peak_mb": round(memory.own_mb),
        "peak_mb_with_children": round(memory.all_mb),
    }


def help_seconds(repeats: int) -> float | None:
    """Return what ``fedcredit --help`` takes from start to end, or None where it is not built."""
    program = Path(sys.executable).with_name("fedcredit")
    if not program.exists():
        return None
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        done = subprocess.run([program, "--help"], capture_output=True, check=False)
        seconds.append(time.perf_counter() - start)
        if done.returncode:
            return None
    return median(seconds[1:])


def main() -> None:
    """Measure every case and write ``results/horizontal_vs_pooled.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--case", type=int, nargs=2, metavar=("ROWS", "PARTIES"))
    options = parser.parse_args()
    logging.disable(logging.INFO)
    if options.case:
        print(json.dumps(one(*options.case, options.repeats)))
        return
    facts = machine()
    rows = []
    for case in CASES:
        command = [sys.executable, __file__, "--repeats", str(options.repeats)]
        done = subprocess.run(
            [*command, "--case", *map(str, case)], check=True, stdout=subprocess.PIPE
        )
        rows.append(json.loads(done.stdout))
        print("{rows} rows, {parties} parties: {run_s} s".format(**rows[-1]), file=sys.stderr)
    found = {
        "machine": facts,
        "repeats": options.repeats,
        "rows": rows,
        "help_s": help_seconds(9),
    }
    print(write("horizontal_vs_pooled", found))


if __name__ == "__main__":
    main()
