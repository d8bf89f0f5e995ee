"""What a party's own sums cost: rows of a Parquet file, block by block.

``python benchmarks/rows.py`` writes files of ``--rows`` made-up rows with twenty numeric columns
and takes all sums of a scorecard run in one pass over each: the histograms on the declared grids,
goods and bads in the bins, one Newton sum (``fedcredit_models.streaming``). Every size is a process
of its own on one thread, so that peak memory is that size's alone; rates are of CPU seconds and
include reading. Each sum is compared with what other block sizes give: the bits are the same.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from measuring import machine, peak_mb, spread, write

from fedcredit_models.binning import BinningRules, BinTable, count, merge, totals
from fedcredit_models.cells import RawCells
from fedcredit_models.feature import Feature
from fedcredit_models.grid import Grid, quantiles
from fedcredit_models.streaming import BinCounts, GridHistograms, NewtonFold, fold

LABEL = "bad"
FEATURES = tuple(
    feature
    for i in range(5)
    for feature in (
        Feature(f"age_{i}", "numeric", lower=0, upper=120),
        Feature(f"money_{i}", "numeric", lower=-1e7, upper=1e8, scale="asinh"),
        Feature(f"share_{i}", "numeric", lower=0, upper=5),
        Feature(f"count_{i}", "numeric", lower=0, upper=200, special=(-9,)),
    )
)
BLOCK = 1 << 16
"""Rows that are in memory at a time."""

GROUP = 1 << 18
"""Rows of a row group of the file."""

TRIED = 100_000
"""First rows, from which bins and the point are made before the clock starts."""


def made_up(n: int, seed: int) -> pd.DataFrame:
    """Return rows; missing money, a special code among the counts, one bad in eight."""
    random = np.random.default_rng(seed)
    risk = random.normal(size=n)
    columns: dict[str, Any] = {}
    for feature in FEATURES:
        x = 0.3 * risk + random.normal(size=n)
        shape = feature.name.partition("_")[0]
        if shape == "age":
            columns[feature.name] = (45 - 8 * x).clip(0, 120).round()
        elif shape == "money":
            columns[feature.name] = np.exp(9 + 1.2 * x).clip(0, 1e8).round(2)
            columns[feature.name][random.random(n) < 0.05] = np.nan
        elif shape == "share":
            columns[feature.name] = (0.4 + 0.3 * x).clip(0, 5)
        else:
            columns[feature.name] = random.poisson(np.exp(0.5 * x)).clip(max=200)
            columns[feature.name][random.random(n) < 0.02] = -9
    columns[LABEL] = (random.random(n) < 1 / (1 + np.exp(2.3 - risk))).astype(np.int64)
    return pd.DataFrame(columns)


def write_file(path: Path, n: int) -> None:
    """Write `n` rows, a row group at a time."""
    writer = None
    for seed, start in enumerate(range(0, n, GROUP)):
        table = pa.Table.from_pandas(made_up(min(GROUP, n - start), seed), preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None, "a file has at least one row"
    writer.close()


def blocks(path: Path, size: int) -> Iterator[pd.DataFrame]:
    """Return the rows of a file, `size` at a time, or what a row group has left.

    One group is asked for at a time: over several at once pyarrow keeps what it has read.
    """
    names = [feature.name for feature in FEATURES]
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            for batch in file.iter_batches(
                batch_size=size, row_groups=[group], columns=[*names, LABEL], use_threads=False
            ):
                yield batch.to_pandas(use_threads=False)


def prepared(path: Path) -> tuple[list[BinTable], np.ndarray]:
    """Return bins of the first rows, and a point at which the model is not flat."""
    frame = next(blocks(path, TRIED))
    y = frame[LABEL].to_numpy()
    tables = []
    for feature in FEATURES:
        grid = Grid(feature)
        cells = quantiles(grid, grid.histogram(frame[feature.name]).tolist(), 20)
        raw = RawCells(feature, tuple(float(grid.upper[cell]) for cell in cells))
        bads, goods = (counts.tolist() for counts in count(raw, frame[feature.name], y))
        found = merge(raw, bads, goods, BinningRules())
        tables.append(BinTable(raw, found, totals(found, bads), totals(found, goods)))
    return tables, np.array([-2.0, *np.full(len(tables), -0.2)])


class Clocked:
    """A fold whose CPU seconds are counted."""

    def __init__(self, inner: GridHistograms | BinCounts | NewtonFold) -> None:
        self.inner = inner
        self.seconds = 0.0

    def add(self, block: pd.DataFrame) -> None:
        """Take in some rows."""
        start = time.process_time()
        self.inner.add(block)
        self.seconds += time.process_time() - start


def one_pass(path: Path, size: int) -> tuple[dict[str, float], list[Any]]:
    """Take every sum in one pass; return what it cost and the sums."""
    tables, beta = prepared(path)
    grids = GridHistograms(dict(enumerate(map(Grid, FEATURES))))
    bins = BinCounts([table.raw for table in tables], LABEL)
    newton = NewtonFold(tables, LABEL, beta)
    parts = {"grids": Clocked(grids), "bins": Clocked(bins), "newton": Clocked(newton)}
    before, wall = time.process_time(), time.perf_counter()
    fold(blocks(path, size), *parts.values())
    sums = newton.sums
    cpu, wall = time.process_time() - before, time.perf_counter() - wall
    cost = {f"{name}_s": part.seconds for name, part in parts.items()}
    cost |= {"cpu_s": cpu, "wall_s": wall, "reading_s": cpu - sum(cost.values())}
    found = [
        *(counts.tolist() for counts in grids.counts.values()),
        *(counts.tolist() for counts in (*bins.bads, *bins.goods)),
        [*sums.gradient, *sums.hessian_upper, sums.log_loss, sums.weight_square],
    ]
    return cost | {"rows": newton.n}, found


def in_child(path: Path, size: int, *, compare: bool) -> dict[str, Any]:
    """Measure one pass in a process of its own, on one thread."""
    command = [sys.executable, __file__, "--child", str(path), "--block", str(size)]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, *(["--compare"] if compare else [])],
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, **threads},
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def child(path: Path, size: int, *, compare: bool) -> None:
    """Print what a pass costs; with `compare`, whether other blocks give the same bits."""
    cost, sums = one_pass(path, size)
    found: dict[str, Any] = cost | {"peak_mb": peak_mb()}
    if compare:
        found["same_bits"] = all(one_pass(path, other)[1] == sums for other in (1_000, 3 * GROUP))
    print(json.dumps(found))


def main() -> None:
    """Write the files, measure, write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--block", type=int, default=BLOCK)
    parser.add_argument("--child", type=Path)
    parser.add_argument("--compare", action="store_true")
    asked = parser.parse_args()
    if asked.child:
        child(asked.child, asked.block, compare=asked.compare)
        return
    facts = machine()
    sizes = []
    with tempfile.TemporaryDirectory(prefix="fedcredit-rows-") as folder:
        for n in asked.rows:
            path = Path(folder) / f"{n}.parquet"
            print(f"{n:,} rows: writing", file=sys.stderr, flush=True)
            write_file(path, n)
            # Three passes over the largest file are enough to compare at the smaller ones.
            compared = in_child(path, asked.block, compare=True) if n <= 1_000_000 else None
            runs = [in_child(path, asked.block, compare=False) for _ in range(asked.repeats)]
            if any(run["rows"] != n for run in runs) or (compared and not compared["same_bits"]):
                raise SystemExit(f"{n} rows: a pass missed rows, or depends on its blocks")
            rates = spread([run["rows"] / run["cpu_s"] for run in runs])
            names = [name for name in runs[0] if name.endswith("_s")]
            sizes.append(
                {
                    "rows": n,
                    "rows_per_s": rates,
                    "file_mb": path.stat().st_size / 1e6,
                    "peak_mb": spread([run["peak_mb"] for run in runs]),
                    **{name: spread([run[name] for run in runs]) for name in names},
                }
            )
            print(f"{n:,} rows: {rates['median']:,.0f} a CPU second", file=sys.stderr, flush=True)
            path.unlink()
    write(
        "rows",
        {
            "machine": facts,
            "repeats": asked.repeats,
            "features": len(FEATURES),
            "block": asked.block,
            "sizes": sizes,
            "load_average_at_the_end": [round(value, 2) for value in os.getloadavg()],
        },
    )


if __name__ == "__main__":
    main()
