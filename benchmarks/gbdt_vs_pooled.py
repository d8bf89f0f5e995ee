"""Boosted trees on encrypted sums against scikit-learn's on the pooled rows.

``python benchmarks/gbdt_vs_pooled.py`` grows 100 trees of depth 5 on 32 bins from 100 000 made-up
rows of 30 columns at 3 parties, all in this process, with the ledger in memory and once more on
disk; beside it, in the same run, ``HistGradientBoostingClassifier`` on the pooled rows with the
same bins and with its default of 255. Then the same job on three real daemons over Flower, where
every level of a tree costs one round trip. Each case runs in a fresh process.
"""

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from daemons import Daemons
from measuring import RESULTS, machine, write
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

import fedcredit as fc
from fedcredit.coordinator.rounds import Coordinator
from fedcredit.simulation import Simulation
from fedcredit_parties import data_holder, key_holder
from fedcredit_parties.ckks import WIDE
from fedcredit_parties.data_holder import DataHolder
from fedcredit_parties.gbdt_course import GbdtCourse
from fedcredit_parties.gbdt_sums import GbdtSums
from fedcredit_parties.key_holder import KeyHolder

N_ROWS, N_FEATURES, N_PARTIES, BINS = 100_000, 30, 3, 32
LABEL = "bad"
SCHEMA = fc.Schema(
    features=tuple(
        fc.Feature(f"x{i:02d}", "numeric", lower=-9.0, upper=9.0) for i in range(N_FEATURES)
    ),
    label=LABEL,
)

Row = dict[str, Any]


def rows(n_rows: int) -> pd.DataFrame:
    """Return made-up rows: 8 of 30 columns matter, two of them together; about 15 % are bad."""
    random = np.random.default_rng(2026)
    x = random.normal(size=(n_rows, N_FEATURES)).clip(-9, 9)
    eta = x[:, :8] @ random.normal(size=8) * 0.5 - 2.0 + 0.5 * x[:, 0] * x[:, 1]
    frame = pd.DataFrame(x, columns=[feature.name for feature in SCHEMA.features])
    frame[LABEL] = (random.random(n_rows) < 1 / (1 + np.exp(-eta))).astype(int)
    return frame


def job(n_trees: int, deadline_s: int = 3600) -> fc.HorizontalJob:
    """Return the request."""
    model = fc.Gbdt(n_trees=n_trees, max_depth=5, bins=BINS)
    return fc.HorizontalJob(
        purpose="modelling", label=LABEL, holdout=0.0, model=model, run_deadline_s=deadline_s
    )


def split(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return each party's rows."""
    return {f"bank-{i}": frame[i::N_PARTIES].reset_index(drop=True) for i in range(N_PARTIES)}


def pooled(frame: pd.DataFrame, n_trees: int, max_bins: int, repeats: int) -> Row:
    """Return scikit-learn's wall seconds, fastest of the repeats, and its AUC in training."""
    X, y = frame.drop(columns=LABEL).to_numpy(), frame[LABEL].to_numpy()
    seconds, processor = [], []
    for _ in range(repeats):
        model = HistGradientBoostingClassifier(
            max_iter=n_trees,
            max_depth=5,
            max_leaf_nodes=None,
            max_bins=max_bins,
            l2_regularization=1.0,
            early_stopping=False,
        )
        begun, used = time.perf_counter(), time.process_time()
        model.fit(X, y)
        seconds.append(time.perf_counter() - begun)
        processor.append(time.process_time() - used)
    return {
        "seconds": min(seconds),
        "all_seconds": [round(s, 3) for s in seconds],
        "cpu_s": min(processor),
        "auc": roc_auc_score(y, model.decision_function(X)),
    }


class Costs:
    """CPU seconds of this process by part, and how often each was called."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self._lock = threading.Lock()

    def timed(self, owner: Any, name: str, part: str) -> None:
        """Count a function's own thread's CPU seconds under `part`."""
        function: Callable[..., Any] = getattr(owner, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            begun = time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                used = time.thread_time() - begun
                with self._lock:
                    self.seconds[part] = self.seconds.get(part, 0.0) + used
                    self.calls[part] = self.calls.get(part, 0) + 1

        setattr(owner, name, counted)


@contextmanager
def engines(simulation: Simulation) -> Iterator[dict[str, float]]:
    """Give the CPU seconds that the children use for encrypting, adding and opening."""
    found: dict[str, float] = {}
    groups = {
        "encrypt": [holder.engine for holder in simulation.holders.values()],
        "add (coordinator)": [simulation.coordinator.engine],
        "add and open (key holder)": [simulation.key_holder.engine],
    }
    for some in groups.values():
        for engine in some:
            engine.start()
    before = {part: sum(map(_child_s, some)) for part, some in groups.items()}
    yield found
    found.update({part: sum(map(_child_s, some)) - before[part] for part, some in groups.items()})


def _child_s(engine: Any) -> float:
    text = Path(f"/proc/{engine.process_id}/schedstat").read_text(encoding="ascii")
    return int(text.split()[0]) / 1e9


def in_process(frame: pd.DataFrame, n_trees: int, ledger: str) -> Row:
    """Return the figures of one encrypted run in this process."""
    costs = Costs()
    costs.timed(GbdtSums, "addend", "sums at the parties")
    costs.timed(data_holder, "mask", "masks")
    costs.timed(key_holder, "release", "release")
    costs.timed(KeyHolder, "open", "key holder, all")
    costs.timed(Coordinator, "_round", "coordinator, all")
    costs.timed(DataHolder, "_contribute", "parties, all")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "ledger.db" if ledger == "disk" else None
        with fc.Federation.simulate(
            split(frame), schema=SCHEMA, quiet=True, ledger=place
        ) as federation:
            simulation = federation._backend
            assert isinstance(simulation, Simulation)
            with engines(simulation) as children:
                begun, used = time.perf_counter(), time.process_time()
                result = federation.run(job(n_trees))
                seconds, own = time.perf_counter() - begun, time.process_time() - used
    n_rounds = len(result.file.history)
    sums, masks, release = (
        costs.seconds[part] for part in ("sums at the parties", "masks", "release")
    )
    parts = {
        "sums at the parties": sums,
        "masks": masks,
        "release": release,
        "ledger, letters, digests": own - sums - masks - release,
        **children,
    }
    total = sum(parts.values())
    return {
        "ledger": ledger,
        "trees": n_trees,
        "rounds": n_rounds,
        "seconds": seconds,
        "s_per_round": seconds / n_rounds,
        "cpu_s": total,
        "parts_cpu_s": {part: round(value, 3) for part, value in parts.items()},
        "idle_share": max(0.0, 1 - total / (seconds * (os.cpu_count() or 1))),
        "mb_sent_per_party": statistics.median(
            part.bytes_sent for part in result.file.participation.values()
        )
        / 1e6,
        "auc": result.metrics["train"]["auc"],
        "ciphertexts_per_tree": ciphertexts(),
    }


def ciphertexts() -> dict[str, list[int]]:
    """Return ciphertexts of one party at each level of a full tree, as is and otherwise.

    *Two levels a trip* would send, for a node, the histogram of both of its children for every
    split that may be chosen: before the split is known, one joint histogram for each pair of
    features is the least from which all of them follow.
    """
    task = job(1).task(SCHEMA, parties=("a", "b", "c"), policy=fc.DisclosurePolicy())
    course = GbdtCourse(task)
    n_cells = N_FEATURES * (BINS + 1)
    head = len(course.tensor().fields[:2])
    slots = [head + 3 * n_cells * max(1, (1 << depth) // 2) for depth in range(5)]
    full = [head + 3 * n_cells * (1 << depth) for depth in range(5)]
    pairs = N_FEATURES * (N_FEATURES - 1) // 2 * (BINS + 1) ** 2
    joint = [head + 3 * pairs * n for n in (1, 2, 8)]
    return {
        "smaller child": [WIDE.n_ciphertexts(n) for n in slots],
        "every node": [WIDE.n_ciphertexts(n) for n in full],
        "two levels a trip": [WIDE.n_ciphertexts(n) for n in joint],
    }


def on_daemons(frame: pd.DataFrame, n_trees: int) -> Row:
    """Return the figures of the job over Flower, with a process for every member."""
    work = Path(tempfile.mkdtemp(prefix="fedcredit-gbdt-"))
    with Daemons(work, split(frame), schema=SCHEMA) as daemons:
        result, seconds, _ = daemons.run(request=job(n_trees))
    n_rounds = len(result.file.history)
    received = [float(pd.Timestamp(row["received"]).timestamp()) for row in result.facts]
    at = [received[row.index or 0] for row in result.file.history]
    gaps = np.diff(at[2:-1])
    return {
        "trees": n_trees,
        "rounds": n_rounds,
        "seconds": seconds,
        "s_per_round_trip": {
            "median": float(np.median(gaps)),
            "least": float(gaps.min()),
            "most": float(gaps.max()),
        },
        "auc": result.metrics["train"]["auc"],
    }


def main() -> None:
    """Measure every case and write ``results/gbdt_vs_pooled.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--daemon-trees", type=int, default=20)
    parser.add_argument("--rows", type=int, default=N_ROWS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--no-daemons", action="store_true")
    parser.add_argument("--only-daemons", action="store_true", help="renew the daemons' row only")
    parser.add_argument(
        "--one-thread",
        action="store_true",
        help="scikit-learn on one thread only: on busy cores its threads wait for each other",
    )
    parser.add_argument("--case", choices=("memory", "disk", "daemons", "32", "255"))
    options = parser.parse_args()
    logging.disable(logging.INFO)
    if options.case:
        frame = rows(options.rows)
        if options.case == "daemons":
            print(json.dumps(on_daemons(frame, options.daemon_trees)))
        elif options.case in ("32", "255"):
            print(json.dumps(pooled(frame, options.trees, int(options.case), options.repeats)))
        else:
            print(json.dumps(in_process(frame, options.trees, options.case)))
        return
    if options.only_daemons:
        path = RESULTS / "gbdt_vs_pooled.json"
        found = json.loads(path.read_text(encoding="utf-8"))
        found["daemons"] = _case("daemons", options)
        print(write("gbdt_vs_pooled", found))
        return
    found = {"machine": machine(), "rows": options.rows, "features": N_FEATURES}
    threads = {} if options.one_thread else {bins: _case(bins, options) for bins in ("32", "255")}
    found["pooled"] = threads
    found["pooled_one_thread"] = {
        bins: _case(bins, options, OMP_NUM_THREADS="1") for bins in ("32", "255")
    }
    found["encrypted"] = [_case(ledger, options) for ledger in ("memory", "disk")]
    fits = (threads, found["pooled_one_thread"])
    best = min(fit["32"]["seconds"] for fit in fits if fit)
    for row in found["encrypted"]:
        row["ratio"] = row["seconds"] / best
        row["cpu_ratio"] = row["cpu_s"] / found["pooled_one_thread"]["32"]["cpu_s"]
    found["daemons"] = None if options.no_daemons else _case("daemons", options)
    found["machine"]["load_average_at_the_end"] = [round(value, 2) for value in os.getloadavg()]
    print(write("gbdt_vs_pooled", found))


def _case(case: str, options: argparse.Namespace, **environment: str) -> Row:
    """Run one case in a fresh process."""
    command = [sys.executable, __file__, "--case", case, "--repeats", str(options.repeats)]
    command += ["--trees", str(options.trees), "--daemon-trees", str(options.daemon_trees)]
    done = subprocess.run(
        [*command, "--rows", str(options.rows)],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment},
    )
    found: Row = json.loads(done.stdout)
    print(f"{case}: {found['seconds']:.2f} s", file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    main()
