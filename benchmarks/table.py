"""Every public set under every partition: alone, together, and together made one's own.

``python benchmarks/table.py`` fits each model on each party's own training rows, on the sums of all
parties, and on the pooled rows; scores the pooled test rows and each party's own; lets every party
make the joint model its own (`Personal`), which reads training rows only; and asks on its own test
rows whether it is worse off than alone. Protocol and bars: ``shared/baselines.md``; sets and
partitions: ``credit_sets/``. Federated figures come from plain whole-number sums of the functions
that a run uses; ``--encrypted SET`` runs one set through a real simulated federation and compares
the models' JSON.

``--check`` reads the result and fails when a set or a model is missing, when a party is worse off
than alone by more than its own 95 % interval, or when a figure is outside its bar. It tells beside
that how many parties would lie below theirs by chance alone.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
os.environ.update(THREADS)  # read when NumPy and PyTorch are imported: one thread a worker

from credit_sets import LEFT_OUT, RECIPES, AbsentError  # noqa: E402
from measuring import RESULTS, machine, write  # noqa: E402

MODELS = ("card", "plain card", "gbdt", "network")

SETS = (
    "berka_static",
    "german",
    "sba_case_5var",
    "sba_case",
    "hmeq",
    "heloc",
    "polish_1year",
    "taiwan_default",
    "fate_default_credit_hetero",
    "givemesomecredit",
    "fraud_features",
)
"""All sets of ``../shared/data`` that are compared, small ones first."""

CARD_BAR = 0.002
TREES_BAR, TREES_BAR_SMALL, SMALL = 0.005, 0.015, 10_000
"""How far below the published AUC the trees may lie, and on sets of fewer rows than `SMALL`."""


def failures(found: dict[str, Any]) -> list[str]:
    """Return what a table lacks, or shows that it must not; empty when all is well.

    Parameters
    ----------
    found : dict
        As ``results/table.json``.
    """
    wrong = []
    rows = {(row["set"], row["partition"], row["model"]): row for row in found["rows"]}
    for name in SETS:
        partitions = list(RECIPES[name].partitions)
        if not any(row["set"] == name for row in found["rows"]):
            wrong.append(f"{name}: the set is missing")
            continue
        for partition in partitions:
            for model in MODELS:
                case = rows.get((name, partition, model))
                if case is None:
                    wrong.append(f"{name}, {partition}: the {model} is missing")
                elif "federated" not in case and "not_run" not in case:
                    wrong.append(f"{name}, {partition}: the {model} has no figures and no reason")
                elif "federated" in case:
                    wrong += _misses(case)
    return wrong


def _misses(case: dict[str, Any]) -> list[str]:
    """Return where one row of the table is outside its bars."""
    where = f"{case['set']}, {case['partition']}, {case['model']}"
    wrong = [
        f"{where}: {party['party']} is worse off than alone by {-party['difference']:.4f} "
        f"(interval {party['interval'][0]:.4f} to {party['interval'][1]:.4f})"
        for party in case["worse_off"]
    ]
    bars, auc = RECIPES[case["set"]].bars, case["federated"]
    if case["model"] == "plain card" and abs(auc - bars.woe) > CARD_BAR:
        wrong.append(f"{where}: AUC {auc:.4f}, published {bars.woe:.4f} +- {CARD_BAR}")
    least = bars.hgb - (TREES_BAR_SMALL if case["rows"] < SMALL else TREES_BAR)
    if case["model"] == "gbdt" and auc < least:
        wrong.append(f"{where}: AUC {auc:.4f}, at least {least:.4f} was asked for")
    if case["model"] in ("card", "plain card", "gbdt") and abs(auc - case["pooled"]) > 1e-6:
        wrong.append(f"{where}: AUC {auc:.6f} of the sums, {case['pooled']:.6f} of the pooled rows")
    return wrong


def main() -> None:
    """Measure and write, or check what was written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SETS, action="append", help="measure these sets again")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--resume", action="store_true", help="keep the rows that are there")
    parser.add_argument("--encrypted", choices=[*SETS, "demo"], metavar="SET")
    asked = parser.parse_args()
    if asked.check:
        checked(RESULTS / "table.json")
    elif asked.encrypted:
        from table_case import encrypted

        for line in encrypted(asked.encrypted, MODELS, asked.seed):
            print(line)
    else:
        written(asked.only or SETS, seed=asked.seed, jobs=asked.jobs, resume=asked.resume)


def checked(path: Path) -> None:
    """Leave with status 1, naming what is wrong, unless nothing is."""
    found = json.loads(path.read_text(encoding="utf-8"))
    wrong = failures(found)
    for line in wrong:
        print(line)
    n = sum(row.get("own_tests", 0) for row in found["rows"])
    n_worse = sum(len(row.get("worse_off", ())) for row in found["rows"])
    print(
        f"{n_worse} of {n} comparisons lie below their own 95 % interval; by chance alone "
        f"{0.025 * n:.0f} would"
    )
    print(f"{len(wrong)} findings; left out: {', '.join(LEFT_OUT)}")
    if wrong:
        raise SystemExit(1)


def written(names: Sequence[str], *, seed: int, jobs: int, resume: bool) -> None:
    """Measure some sets, cheap rows first; every finished row is written at once.

    Rows of other sets stay as they are, and so do those of a set until they are measured again;
    with `resume` they are not measured again.
    """
    from table_case import measure

    path = RESULTS / "table.json"
    before = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    order = {key: place for place, key in enumerate(_cases())}
    rows = {_key(row): row for row in before if _key(row) in order}
    facts, begun = machine(), time.perf_counter()
    with ProcessPoolExecutor(jobs) as pool:
        waiting = {
            pool.submit(measure, *case, seed): case
            for case in sorted(order, key=lambda case: MODELS.index(case[2]))
            if case[0] in set(names) and not (resume and case in rows)
        }
        for done in as_completed(waiting):
            try:
                row = done.result()
            except AbsentError as absent:
                raise SystemExit(f"{absent}: put the public sets beside the checkout") from None
            rows[_key(row)] = row
            told = row.get("not_run") or f"{row['seconds']:.0f} s"
            print(f"{', '.join(_key(row))}: {told}", file=sys.stderr, flush=True)
            found = {
                "machine": facts,
                "seed": seed,
                "minutes": round((time.perf_counter() - begun) / 60, 1),
                "processes": jobs,
                "left_out": LEFT_OUT,
                "cases": len(order),
                "rows": [rows[key] for key in order if key in rows],
                "load_average_at_the_end": [round(value, 2) for value in os.getloadavg()],
            }
            write("table", found)


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["set"], row["partition"], row["model"]


def _cases() -> list[tuple[str, str, str]]:
    return [(n, p, m) for n in SETS for p in RECIPES[n].partitions for m in MODELS]


if __name__ == "__main__":
    main()
