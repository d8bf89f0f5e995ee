"""The demonstration: three banks, one scorecard, told while it happens.

Everything that is told has happened: keys are made, sums are masked and encrypted, the ledger is
written and then verified from its file. What a simulation adds is one operator who has all rows,
and therefore can compare with each bank alone and with the pool that nobody may build.
"""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pandas as pd

from fedcredit import ledger_file
from fedcredit.comparison import compare
from fedcredit.demo_outcome import Outcome, number
from fedcredit.federation import Federation
from fedcredit.job_file import read_table
from fedcredit.report import render
from fedcredit.requests import HorizontalJob
from fedcredit.run_progress import Progress
from fedcredit_models.schema import Schema
from fedcredit_parties.errors import DataError, SchemaMismatchError

EXAMPLE = Path(__file__).parents[1] / "examples" / "data" / "barcelona_credit.csv"
EXAMPLE_RULES = {
    "bank-0": "35 years and older",
    "bank-1": "26 to 34 years",
    "bank-2": "25 years and younger",
}
SHARES = {"bank-0": 0.5, "bank-1": 0.3, "bank-2": 0.2}
SEED = 7
WRITTEN = ("ledger.db", "ledger.db-head", "result.json", "report.html")

TOLD = {
    "quantiles": "bin edges: each bank counts its customers on a fine grid",
    "bins": "bins: goods and bads in each, over all banks together",
    "newton": "Newton step: each bank sends a gradient and a Hessian",
    "metrics": "judgement: scores counted on the hold-out and in training",
}
"""Phase -> what happens in it."""


@dataclass(frozen=True, kw_only=True)
class People:
    """Whose rows, at which bank, by which rule.

    Attributes
    ----------
    frames : mapping of str to DataFrame
        Each bank's table.
    label : str
        0/1 column.
    features : tuple of str
        Columns that are used.
    source : str
        Where the rows come from.
    rules : mapping of str to str
        Who is a customer of which bank.
    left_out : mapping of str to str
        Columns that are not used, with the reason.
    """

    frames: Mapping[str, pd.DataFrame]
    label: str
    features: tuple[str, ...]
    source: str
    rules: Mapping[str, str]
    left_out: Mapping[str, str]


def people(data: Path | None = None, label: str = "") -> People:
    """Return the people of the demonstration: the project's, or those of a file.

    Parameters
    ----------
    data : Path, optional
        A CSV (or Parquet) file; the Barcelona applicants when absent, split by age.
    label : str
        Its 0/1 column.

    Raises
    ------
    DataError
        When the file, or the project's own table, cannot be read.
    SchemaMismatchError
        When it has no column `label`.
    """
    if data is None:
        if not EXAMPLE.is_file():
            raise DataError(
                "the demonstration's own data are not installed: they are in the source tree only",
                expected="examples/data/barcelona_credit.csv beside the package",
                found="no file",
                remedy="fedcredit demo --data FILE.csv --label COLUMN",
            )
        table = read_table(EXAMPLE, party="")
        bank = pd.cut(table["age_years"], [0, 25, 34, 200], labels=["bank-2", "bank-1", "bank-0"])
        rules, label = EXAMPLE_RULES, "bad"
        source = "examples/data/barcelona_credit.csv, loan applicants in Barcelona"
    else:
        table = read_table(data, party="")
        if label not in table.columns:
            raise SchemaMismatchError(
                f"{data.name} has no column {label}",
                expected="the name of the 0/1 column, 1 = bad",
                found=", ".join(map(str, list(table.columns)[:20])),
                remedy="fedcredit demo --data FILE.csv --label COLUMN",
            )
        bank = pd.Series([_dealt(i) for i in range(len(table))], index=table.index)
        rules = {name: f"{share:.0%} of the rows" for name, share in SHARES.items()}
        source = f"{data.name}; each row is dealt by the SHA-256 of its number"
    frames = {name: table[(bank == name).to_numpy()] for name in sorted(SHARES)}
    left_out = _unusable(table.drop(columns=label))
    return People(
        frames=frames,
        label=label,
        features=tuple(
            str(name) for name in table.columns if name != label and name not in left_out
        ),
        source=source,
        rules=rules,
        left_out=left_out,
    )


def run(who: People, *, out: Path, stream: TextIO) -> Outcome:
    """Run the demonstration, tell it on `stream`, and write `out`.

    ``ledger.db``, ``result.json`` and ``report.html`` of an earlier demonstration are replaced
    when this one is complete. When it fails, only its ledger is left there: it says why.

    Raises
    ------
    PartyError, JobError, LedgerError
        What stopped it.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".fedcredit-demo-", dir=out.parent))
    try:
        outcome = _run(who, out=out, work=work, stream=stream)
        _publish(work, out)
        return outcome
    except Exception:
        if (work / "ledger.db").is_file():
            (work / "result.json").unlink(missing_ok=True)
            ledger_file.settle(work / "ledger.db")
            _publish(work, out)
            print(f"\nStopped. The ledger so far: {out / 'ledger.db'}", file=stream)
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _run(who: People, *, out: Path, work: Path, stream: TextIO) -> Outcome:
    begun = time.monotonic()

    def tell(text: str = "") -> None:
        print(text, file=stream, flush=True)

    tell(f"1. The people: {who.source}")
    for name, frame in who.frames.items():
        y = frame[who.label]
        bads = f"{y.mean():6.1%} bad" if y.isin((0, 1)).all() and len(y) else ""
        tell(f"   {name}  {number(len(frame)):>7} rows  {bads}   {who.rules[name]}")
    for name, reason in who.left_out.items():
        tell(f"   left out: {name}, {reason}")
    tell("\n2. The federation: six members make their keys; nobody sees another's secret ones")
    job = HorizontalJob(purpose="modelling", label=who.label, features=who.features)
    with Federation.simulate(
        who.frames, seed=SEED, ledger=work / "ledger.db", quiet=True
    ) as federation:
        tell("   three banks (rows), a coordinator (adds), a key holder (opens), an analyst (asks)")
        tell("   each bank signs a grant: this analyst, this purpose, this table, thirty days")
        declared = federation.schema(job)
        kept = tuple(f for f in declared.features if f.name in who.features)
        schema = Schema(features=kept, label=who.label)
        n_numbers = sum(feature.kind == "numeric" for feature in kept)
        tell(
            f"   the columns are declared: {n_numbers} numbers with bounds, "
            f"{len(kept) - n_numbers} categories with levels"
        )
        tell("\n3. The run: in every round each bank adds up its own rows, masks and encrypts the")
        tell("   sum; the coordinator adds what it cannot read; the key holder opens the total and")
        tell("   hands out one function of it")
        result = federation.run(job, progress=_Rounds(stream))
        policy = federation.policy
    result.save(work)
    ledger_file.settle(work / "ledger.db")
    tell(f"   done: run {result.run_id}")
    tell("\n4. The check: the ledger's file is read again, every signature and rule replayed")
    founding = str(result.facts[0]["entry_id"])
    verified, facts = ledger_file.facts(work / "ledger.db", founding_entry=founding)
    tell(f"   {verified.size} entries, {len(verified.findings) or 'no'} findings")
    (work / "report.html").write_text(render(result.file, facts), encoding="utf-8")
    tell("\n5. The worth of it: what each bank learns alone, and what the pool would learn\n")
    compared = compare(who.frames, result.model, job=job, schema=schema, policy=policy, seed=SEED)
    return Outcome(
        result=result.file,
        comparison=compared,
        verified=verified,
        folder=out,
        seconds=time.monotonic() - begun,
    )


class _Rounds:
    """Tells every round once, when it begins."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told = 0

    def __call__(self, progress: Progress) -> None:
        if progress.round <= self._told or progress.phase not in TOLD:
            return
        self._told = progress.round
        loss = "" if progress.log_loss is None else f" (log loss {progress.log_loss:.6f})"
        text = f"   round {progress.round:>2}  {TOLD[progress.phase]}{loss}"
        print(text, file=self._stream, flush=True)


def _publish(work: Path, out: Path) -> None:
    """Put what was written in place of an earlier demonstration's."""
    out.mkdir(exist_ok=True)
    for name in WRITTEN:
        (out / name).unlink(missing_ok=True)
        if (work / name).is_file():
            (work / name).rename(out / name)


def _dealt(row: int) -> str:
    """Return the bank of a row of the user's own table."""
    digest = hashlib.sha256(f"fedcredit-demo/v1 row {row}".encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64
    for name, share in SHARES.items():
        if drawn < share:
            return name
        drawn -= share
    return list(SHARES)[-1]


def _unusable(table: pd.DataFrame) -> dict[str, str]:
    """Return the columns that can say nothing about a stranger, with the reason."""
    found = {}
    for name in table.columns:
        n_values = table[name].nunique()
        if n_values < 2:
            found[str(name)] = "one value only"
        elif not pd.api.types.is_numeric_dtype(table[name]) and n_values > max(50, len(table) / 2):
            found[str(name)] = "nearly every row has its own text"
    return found
