"""The demonstration: three banks, one scorecard, told while it happens.

Everything that is told has happened: keys are made, sums are masked and encrypted, the ledger is
written and then verified from its file. What a demonstration adds is one operator who has all rows,
and therefore can compare with each bank alone and with the pool that nobody may build.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from fedcredit import evidence_file, ledger_file
from fedcredit.comparison import compare
from fedcredit.demo_ground import PURPOSE, SEED, Daemons, InProcess
from fedcredit.demo_outcome import Outcome, number
from fedcredit.demo_people import People
from fedcredit.errors import JobError
from fedcredit.report import render
from fedcredit.requests import HorizontalJob
from fedcredit.run_progress import Progress
from fedcredit_ledger.errors import LedgerError
from fedcredit_models.schema import Schema
from fedcredit_parties.errors import PartyError
from fedcredit_parties.file_lock import holder_of, only_one

LEDGER, KEPT = "ledger.db", "federation"

EVIDENCE = "demo.evidence.zip"
WRITTEN = (LEDGER, "result.json", "openings", "report.html", EVIDENCE, "logs")
"""What a demonstration may leave in its folder; all of it is replaced by the next one."""

PREFIX = ".fedcredit-demo-"
OWNER = "owner.lock"

ABANDONED_S = 60.0
"""A demonstration's own folder of this age without an owner was left by one that was killed."""

EXPECTED = (PartyError, JobError, LedgerError)
"""Roots of the error trees."""

DEADLINE_S = 300
"""After so long the run fails by rule."""

LATE_S = 5.0
"""A wait of this length is told."""

TOLD = {
    "quantiles": "bin edges: each bank counts its customers on a fine grid",
    "bins": "bins: goods and bads in each, over all banks together",
    "newton": "Newton step: each bank sends a gradient and a Hessian",
    "metrics": "judgement: scores counted on the hold-out and in training",
}
"""Phase -> what happens in it."""


def run(
    who: People, *, out: Path, stream: TextIO, in_process: bool = False, keep: bool = False
) -> Outcome:
    """Run the demonstration, tell it on `stream`, and write `out`.

    What an earlier demonstration has written is replaced when this one is complete. When it fails,
    only its ledger and the daemons' logs are left there: they say why.

    Parameters
    ----------
    who : People
        Whose rows.
    out : Path
        Folder for ledger, result and report.
    stream : text file
        Where it is told.
    in_process : bool
        Keep every role in this process, instead of starting daemons.
    keep : bool
        Keep the daemons' folder, keys and all, as ``federation`` in `out`.

    Raises
    ------
    PartyError, JobError, LedgerError
        What stopped it.
    """
    if keep and (out / KEPT).exists():
        raise JobError(
            "an earlier demonstration's federation is kept here already",
            expected=f"no {KEPT} in {out.name}",
            found=f"{out / KEPT}",
            remedy=f"fedcredit federation down {out / KEPT}, then remove it; or name another --out",
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    telling = _Telling(stream)
    with _workshop(out.parent) as work:
        ground = InProcess(who) if in_process else Daemons(who, work / KEPT, telling.detail)
        try:
            outcome = _run(who, ground, work=work, out=out, telling=telling)
        except EXPECTED as error:
            ground.explain(error, stream)
            ground.keep_logs(work / "logs")
            (work / "result.json").unlink(missing_ok=True)
            for name in _publish(work, out, keep=keep):
                print(f"kept: {out / name}", file=stream)
            raise
        _publish(work, out, keep=keep)
        return outcome


def _run(
    who: People, ground: InProcess | Daemons, *, work: Path, out: Path, telling: "_Telling"
) -> Outcome:
    job = HorizontalJob(
        purpose=PURPOSE, label=who.label, features=who.features, run_deadline_s=DEADLINE_S
    )
    telling.step(f"1. The people: {who.source}")
    for name, frame in who.frames.items():
        y = frame[who.label]
        bads = f"{y.mean():6.1%} bad" if y.isin((0, 1)).all() and len(y) else ""
        telling.detail(f"{name}  {number(len(frame)):>7} rows  {bads}   {who.rules[name]}")
    for name, reason in who.left_out.items():
        telling.detail(f"left out: {name}, {reason}")
    telling.step(
        "2. The federation: six members make their keys; nobody sees another's secret ones"
    )
    telling.detail(
        "three banks (rows), a coordinator (adds), a key holder (opens), an analyst (asks)"
    )
    telling.detail(ground.words)
    with ground.federation() as federation:
        telling.detail(
            "each bank signs a grant: this analyst, this purpose, this table, thirty days"
        )
        declared = federation.schema(job)
        kept = tuple(f for f in declared.features if f.name in who.features)
        schema = Schema(features=kept, label=who.label)
        n_numbers = sum(feature.kind == "numeric" for feature in kept)
        telling.detail(
            f"the columns are declared: {n_numbers} numbers with bounds, "
            f"{len(kept) - n_numbers} categories with levels"
        )
        telling.lap("starting")
        telling.step(
            "3. The run: in every round each bank adds up its own rows, masks and encrypts the"
        )
        telling.detail(
            "sum; the coordinator adds what it cannot read; the key holder opens the total and"
        )
        telling.detail("hands out one function of it")
        try:
            result = federation.run(job, progress=_Rounds(telling, ground))
        except EXPECTED:
            # Where it cannot be had, the error that stopped the run says more than this one.
            with suppress(*EXPECTED):
                federation.save_ledger(work / LEDGER, timeout_s=LATE_S)
            raise
        federation.save_ledger(work / LEDGER)
        policy = federation.policy
        telling.detail(f"done: run {result.run_id}")
        telling.lap("the run")
    telling.lap("stopping")
    result.save(work)
    telling.step("4. The check: the ledger's file is read again, every signature and rule replayed")
    founding = str(result.facts[0]["entry_id"])
    verified, facts = ledger_file.facts(work / LEDGER, founding_entry=founding)
    telling.detail(f"{verified.size} entries, {len(verified.findings) or 'no'} findings")
    (work / "report.html").write_text(render(result.file, facts), encoding="utf-8")
    evidence_file.write(work / EVIDENCE, work / LEDGER, f"run {result.run_id}")
    proven = evidence_file.read(work / EVIDENCE, founding_entry=founding)
    telling.detail(f"{len(proven.leaves)} of them packed as evidence, which verifies on its own")
    telling.lap("the check")
    telling.step("5. The worth of it: what each bank learns alone, and what the pool would learn\n")
    compared = compare(who.frames, result.model, job=job, schema=schema, policy=policy, seed=SEED)
    telling.lap("comparing")
    return Outcome(
        result=result.file,
        comparison=compared,
        verified=verified,
        folder=out,
        spent=telling.spent,
    )


class _Telling:
    """Tells the steps, and keeps how long each part has taken.

    Attributes
    ----------
    spent : dict of str to float
        Part -> seconds.
    """

    def __init__(self, stream: TextIO) -> None:
        self.spent: dict[str, float] = {}
        self._stream = stream
        self._since = time.monotonic()

    def step(self, text: str) -> None:
        """Tell what begins."""
        print(text if text.startswith("1") else f"\n{text}", file=self._stream, flush=True)

    def detail(self, text: str) -> None:
        """Tell something of the step."""
        print(f"   {text}", file=self._stream, flush=True)

    def lap(self, part: str) -> None:
        """Count the time since the last lap as that of `part`."""
        now = time.monotonic()
        self.spent[part] = now - self._since
        self._since = now


class _Rounds:
    """Tells every round once, when it begins, and for whom it waits when that takes long."""

    def __init__(self, telling: _Telling, ground: InProcess | Daemons) -> None:
        self._telling = telling
        self._ground = ground
        self._told = 0
        self._waited: tuple[object, ...] = ()

    def __call__(self, progress: Progress) -> None:
        self._ground.check()
        if progress.round > self._told and progress.phase in TOLD:
            self._told = progress.round
            loss = "" if progress.log_loss is None else f" (log loss {progress.log_loss:.6f})"
            self._telling.detail(f"round {progress.round:>2}  {TOLD[progress.phase]}{loss}")
        waited = (progress.round, *progress.waiting_for)
        if progress.waiting_s > LATE_S and waited != self._waited:
            self._waited = waited
            self._telling.detail(f"          waiting for {', '.join(progress.waiting_for)}")


@contextmanager
def _workshop(beside: Path) -> Iterator[Path]:
    """Yield a folder of this demonstration alone, removed at the end; it holds private keys.

    What demonstrations that were killed have left is removed as well.
    """
    for folder in beside.glob(f"{PREFIX}*"):
        is_old = time.time() - folder.stat().st_mtime > ABANDONED_S
        if is_old and holder_of(folder / OWNER) is None:
            shutil.rmtree(folder, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=PREFIX, dir=beside))
    try:
        with only_one(work / OWNER, "this demonstration"):
            yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _publish(work: Path, out: Path, *, keep: bool) -> list[str]:
    """Put what was written in place of an earlier demonstration's; return the names."""
    names = [name for name in (*WRITTEN, *([KEPT] if keep else [])) if (work / name).exists()]
    if not names:
        return []
    out.mkdir(exist_ok=True)
    for name in WRITTEN:
        if (out / name).is_dir():
            shutil.rmtree(out / name)
        (out / name).unlink(missing_ok=True)
    for name in names:
        (work / name).rename(out / name)
    return names
