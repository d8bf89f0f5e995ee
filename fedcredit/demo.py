"""The demonstration: four banks, one scorecard, told while it happens.

Everything that is told has happened: keys are made, grants signed, sums masked and encrypted; a
regulator witnesses the ledger, which is then verified from its file, and so is the evidence packed
from it. What a demonstration adds is one operator who has all rows, and therefore can compare with
each bank alone and with the pool that nobody may build.
"""

import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from fedcredit import demo_evidence, demo_ledger, evidence_file, ledger_file
from fedcredit.comparison import compare
from fedcredit.demo_ground import PURPOSE, SEED, Daemons, InProcess
from fedcredit.demo_outcome import Outcome, number
from fedcredit.demo_people import People
from fedcredit.demo_telling import LATE_S, Rounds, Telling
from fedcredit.errors import JobError
from fedcredit.federation import Federation
from fedcredit.quorum import Quorum
from fedcredit.report import render
from fedcredit.requests import HorizontalJob
from fedcredit.results import TrainingResult
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.verify import Report
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
    telling = Telling(stream)
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
    who: People, ground: InProcess | Daemons, *, work: Path, out: Path, telling: Telling
) -> Outcome:
    job = HorizontalJob(
        purpose=PURPOSE, label=who.label, features=who.features, run_deadline_s=DEADLINE_S
    )
    _tell_people(who, telling)
    telling.step("The federation", "seven members make keys; nobody sees another's secret ones")
    telling.detail(
        "four banks (rows), a coordinator (adds), a key holder (opens), an analyst (asks)"
    )
    telling.detail("and from outside a regulator, who sees no data: it signs what the ledger was")
    telling.detail(ground.words)
    with ground.federation() as federation:
        demo_ledger.let_grant(ground, federation, work / LEDGER, telling)
        schema = _declared(federation, job, telling)
        telling.lap("starting")
        result = _computed(federation, job, ground, work=work, telling=telling)
        telling.lap("the run")
    telling.lap("stopping")
    result.save(work)
    founding = str(result.facts[0]["entry_id"])
    verified, quorum = _checked(result, founding, work=work, telling=telling)
    telling.lap("the check")
    telling.step("The worth", "each bank fits a card alone, and the forbidden pool fits one, too")
    compared = compare(
        who.frames, result.model, job=job, schema=schema, policy=federation.policy, seed=SEED
    )
    telling.detail(f"all are judged on {number(compared.n_holdout)} people who trained no card")
    telling.lap("comparing")
    verdict = _proven(result.run_id, founding, work=work, telling=telling)
    telling.lap("the evidence")
    return Outcome(
        result=result.file,
        comparison=compared,
        verified=verified,
        quorum=quorum,
        verdict=verdict,
        folder=out,
        spent=telling.spent,
    )


def _declared(federation: Federation, job: HorizontalJob, telling: Telling) -> Schema:
    """Return the declared columns that the job uses."""
    declared = federation.schema(job)
    kept = tuple(f for f in declared.features if f.name in job.features)
    n_numbers = sum(feature.kind == "numeric" for feature in kept)
    telling.detail(
        f"the columns are declared: {n_numbers} numeric with bounds, "
        f"{len(kept) - n_numbers} categorical with levels"
    )
    return Schema(features=kept, label=job.label)


def _computed(
    federation: Federation,
    job: HorizontalJob,
    ground: InProcess | Daemons,
    *,
    work: Path,
    telling: Telling,
) -> TrainingResult:
    """Run the job; the ledger is saved, of a run that fails as well."""
    telling.step("The run", "the banks compute in rounds; no sum of one bank can be read")
    telling.say(
        "in each, every bank adds up its own rows, masks and encrypts the sum; the coordinator "
        "adds what it cannot read; the key holder opens the total and hands out one function of it"
    )
    try:
        result = federation.run(job, progress=Rounds(telling, ground.check))
    except EXPECTED:
        # Where it cannot be had, the error that stopped the run says more than this one.
        with suppress(*EXPECTED):
            federation.save_ledger(work / LEDGER, timeout_s=LATE_S)
        raise
    federation.save_ledger(work / LEDGER)
    telling.detail(f"done: run {result.run_id}")
    return result


def _checked(
    result: TrainingResult, founding: str, *, work: Path, telling: Telling
) -> tuple[Report, Quorum]:
    """Verify the ledger's file, and write the report that cites it."""
    telling.step("The check", "the ledger's file is read again, every signature and rule replayed")
    verified, facts = ledger_file.facts(work / LEDGER, founding_entry=founding)
    page = render(result.file, facts, evidence=EVIDENCE)
    (work / "report.html").write_text(page, encoding="utf-8")
    telling.detail(f"{verified.size} entries, {len(verified.findings) or 'no'} findings")
    return verified, demo_ledger.tell_course(work / LEDGER, result.run_id, telling)


def _proven(run_id: str, founding: str, *, work: Path, telling: Telling) -> list[str]:
    """Pack the evidence, and let its own verifier judge it; return what that printed."""
    telling.step("The evidence", "packed for somebody who has neither the ledger nor FedCredit")
    packed = evidence_file.write(work / EVIDENCE, work / LEDGER, f"run {run_id}")
    telling.say(
        f"{EVIDENCE}: {len(packed.leaves)} entries with their proofs, all keys, a statement to "
        "read, and a verifier of one file, which now judges it without FedCredit:"
    )
    telling.detail(f"$ {shlex.join(demo_evidence.command(EVIDENCE, founding))}")
    verdict = demo_evidence.verify_alone(work / EVIDENCE, founding_entry=founding)
    for line in verdict:
        telling.detail(line)
    return verdict


def _tell_people(who: People, telling: Telling) -> None:
    telling.step("The people", who.source)
    for name, frame in who.frames.items():
        y = frame[who.label]
        bads = f"{y.mean():6.1%} bad" if y.isin((0, 1)).all() and len(y) else ""
        telling.detail(f"{name}  {number(len(frame)):>7} rows  {bads}   {who.rules[name]}")
    for name, reason in who.left_out.items():
        telling.detail(f"left out: {name}, {reason}")


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
