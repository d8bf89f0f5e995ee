"""Saved runs: one folder a run, whole or not there at all.

A store is a folder, by default ``.fedcredit`` beside the job file::

    .fedcredit/
    └── 4727d98f-…/          the run's id
        ├── job.toml         what was asked
        ├── ledger.db        what happened, to be verified by anybody
        ├── result.json      what came back; absent when the run failed
        └── failure.json     why nothing came back; absent when the run finished

A run is written in a folder with another name, which gets the run's id at the end: a reader never
meets half a run. A run that failed keeps its ledger, because that says who stopped it.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from fedcredit import ledger_file
from fedcredit.errors import JobError, ResultNotFoundError
from fedcredit.result_file import ResultFile
from fedcredit_ledger.errors import LedgerError
from fedcredit_parties.errors import PartyError

FOLDER = ".fedcredit"
ANALYST = "analyst"
"""Who asks in a simulation."""

UNFINISHED = "unfinished-"
EXPECTED = (LedgerError, PartyError, JobError)
"""Roots of the three error trees."""


class Failure(BaseModel):
    """Why a run has no result, in the words of its error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    error: str
    message: str
    party: str
    expected: str
    found: str
    remedy: str
    exit_code: int


@dataclass(frozen=True, kw_only=True)
class SavedRun:
    """One folder of the store: exactly one of `result` and `failure` is there."""

    folder: Path
    result: ResultFile | None
    failure: Failure | None

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.folder.name

    @property
    def ledger(self) -> Path:
        """The run's ledger file."""
        return self.folder / "ledger.db"


class JobStore:
    """A folder of saved runs.

    Parameters
    ----------
    folder : Path
        The store; made when the first run is saved.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def new_run(self, job_text: bytes, *, requester: str = ANALYST) -> Iterator[Path]:
        """Yield a folder to write a run into; keep it under the run's id afterwards.

        The caller writes ``ledger.db`` and, at success, ``result.json``. When it raises one of
        FedCredit's own errors, the folder is kept with ``failure.json`` if the ledger holds a
        run, and removed otherwise; at any other end it is removed.

        Parameters
        ----------
        job_text : bytes
            Content of the job file.
        requester : str
            Who asks: a ledger of daemons may hold runs of others.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self.folder))
        try:
            (folder / "job.toml").write_bytes(job_text)
            yield folder
            ledger_file.settle(folder / "ledger.db")
            self._keep(folder, ResultFile.load(folder / "result.json").run_id)
        except EXPECTED as error:
            ledger = folder / "ledger.db"
            if ledger.is_file():
                ledger_file.settle(ledger)
            run_id = newest_run(ledger, requester)
            if run_id:
                failure = describe(error, run_id=run_id)
                (folder / "failure.json").write_text(failure.model_dump_json(indent=1), "utf-8")
                self._keep(folder, run_id)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _keep(self, folder: Path, run_id: str) -> None:
        folder.chmod(0o755)
        folder.rename(self.folder / run_id)

    def runs(self) -> list[SavedRun]:
        """Return every saved run, oldest first."""
        if not self.folder.is_dir():
            return []
        folders = [
            path
            for path in self.folder.iterdir()
            if (path / "ledger.db").is_file() and not path.name.startswith(UNFINISHED)
        ]
        return [
            _read(path)
            for path in sorted(folders, key=lambda path: (path / "ledger.db").stat().st_mtime_ns)
        ]

    def find(self, name: str) -> SavedRun:
        """Return the run whose id is `name` or begins with it.

        Raises
        ------
        ResultNotFoundError
            When no run, or more than one, answers to the name.
        """
        runs = [run for run in self.runs() if run.run_id.startswith(name)]
        if len(runs) != 1 or not name:
            raise ResultNotFoundError(
                "no saved run of that name" if not runs else "several saved runs have that name",
                expected=f"the id of a run in {self.folder}, or enough of its beginning",
                found=name if not runs else ", ".join(run.run_id[:13] for run in runs),
                remedy="fedcredit job list shows what is saved; --store names another folder",
            )
        return runs[0]

    def finished(self, name: str) -> tuple[SavedRun, ResultFile]:
        """Return a run that has a result.

        Raises
        ------
        ResultNotFoundError
            As in `find`; also when the run failed.
        """
        run = self.find(name)
        if run.result is None:
            failure = run.failure
            raise ResultNotFoundError(
                "the run failed, so it has no result",
                expected="a finished run",
                found=failure.error if failure else "a folder without result.json",
                remedy=f"fedcredit job show {run.run_id[:8]} says why",
            )
        return run, run.result


def describe(error: LedgerError | PartyError | JobError, *, run_id: str = "") -> Failure:
    """Return an error as values."""
    return Failure(
        run_id=run_id,
        error=type(error).__name__,
        message=error.message,
        party=error.party,
        expected=error.expected,
        found=error.found,
        remedy=error.remedy,
        exit_code=error.exit_code,
    )


def newest_run(ledger: Path, requester: str = ANALYST) -> str:
    """Return the run that `requester` proposed last in a ledger file; empty when there is none."""
    if not ledger.is_file():
        return ""
    proposed = [
        line
        for line in ledger_file.lines(ledger)
        if line.type == "run-proposed" and line.author == requester
    ]
    return str(proposed[-1].data["run_id"]) if proposed else ""


def _read(folder: Path) -> SavedRun:
    result, failure = folder / "result.json", folder / "failure.json"
    try:
        return SavedRun(
            folder=folder,
            result=ResultFile.load(result) if result.is_file() else None,
            failure=Failure.model_validate(json.loads(failure.read_bytes()))
            if failure.is_file()
            else None,
        )
    except (ValidationError, ValueError):
        raise JobError(
            "a saved run's failure.json is not in the form that this version writes",
            found=folder.name,
            remedy="remove the folder if it was edited; its ledger.db stands on its own",
        ) from None
