"""``monitor.toml``: an evaluation from a file, and the federation it is asked of.

The file holds the fields of `Evaluation` (models by path, relative to the file) and, beside them,
what a simulation needs, as in ``job.toml``: tables, schema, policy, grants, definitions of bad. A
finished evaluation is saved in a folder of its own, with its ledger beside.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from fedcredit import ledger_file
from fedcredit.evaluation import Evaluation
from fedcredit.evaluation_result import EvaluationResult
from fedcredit.federation import Federation
from fedcredit.job_file import JobFile, Surroundings, read_around
from fedcredit.ledger_copy import SAVE_S
from fedcredit.requests import HorizontalJob
from fedcredit_parties.errors import ConfigError

FOLDER = Path(".fedcredit") / "evaluations"
"""Where evaluations are saved, beside the file."""


class EvaluationJob:
    """An evaluation and the simulated federation it is asked of.

    Parameters
    ----------
    path : Path
        The file.
    text : bytes
        Its content.
    evaluation : Evaluation
        What is asked.
    around : Surroundings
        Tables, schema, policy, grants.
    """

    def __init__(
        self, *, path: Path, text: bytes, evaluation: Evaluation, around: Surroundings
    ) -> None:
        self.path = path
        self.evaluation = evaluation
        self.around = around
        # The tables, grants and definitions of an evaluation are those of a job on the same rows.
        self._rows = JobFile(
            path=path,
            text=text,
            job=HorizontalJob(
                purpose=evaluation.purpose,
                label=evaluation.label,
                bad_definition=evaluation.bad_definition,
            ),
            around=around,
        )

    @classmethod
    def load(cls, path: Path, *, needs_tables: bool = True) -> Self:
        """Read a file.

        Parameters
        ----------
        path : Path
            The file.
        needs_tables : bool
            Refuse a file without ``[parties]``, which only daemons can do without.

        Raises
        ------
        ConfigError
            When it is not TOML; one line per wrong field, by its path.
        JobError
            When there is no model at a path.
        """
        text, asked, around, wrong = read_around(
            path,
            needs_tables=needs_tables,
            remedy="docs/how-to/validate-and-monitor-a-model.md shows one that can",
        )
        evaluation = None
        if "model" not in asked:
            wrong.append('model - is missing: write model = "result.json"')
        else:
            try:
                evaluation = Evaluation.from_dict(asked, path.parent)
            except ConfigError as error:
                wrong += [line.strip() for line in error.message.splitlines()[1:]] or [str(error)]
        if around is None or evaluation is None or wrong:
            raise ConfigError(
                f"{path.name} is not a valid evaluation:\n"
                + "\n".join(f"  {line}" for line in wrong),
                remedy="correct the fields that are named; nothing was run",
            )
        return cls(path=path, text=text, evaluation=evaluation, around=around)

    def run(
        self, *, federation: Path | None, store: Path | None, quiet: bool
    ) -> tuple[EvaluationResult, Path]:
        """Ask it of daemons, or of a simulation; save and return the result, and its folder.

        Parameters
        ----------
        federation : Path or None
            ``federation.toml`` of running daemons.
        store : Path or None
            Folder of evaluations; `FOLDER` beside the file when absent.
        quiet : bool
            Show no progress on standard error.

        Raises
        ------
        PartyError, JobError, LedgerError
            What stopped the run.
        """
        with _new_folder(store or self.path.parent / FOLDER) as folder:
            if federation is not None:
                with Federation.load(federation, quiet=quiet) as banks:
                    named = tuple(self.evaluation.parties or self.around.parties)
                    result = banks.run(self.evaluation.model_copy(update={"parties": named}))
                    banks.save_ledger(
                        folder / "ledger.db",
                        timeout_s=SAVE_S if result.is_final else 0.0,
                        only_witnessed=not result.is_final,
                    )
            else:
                frames = self._rows.tables()
                ledger = folder / "ledger.db"
                with self._rows.federation(frames, ledger=ledger, quiet=quiet) as banks:
                    result = banks.run(self.evaluation)
                ledger_file.settle(ledger)
            result.save(folder)
            kept = folder.with_name(result.run_id)
            folder.rename(kept)
        return result, kept


@contextmanager
def _new_folder(store: Path) -> Iterator[Path]:
    """Yield a folder that is gone afterwards, unless it was renamed."""
    store.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="unfinished-", dir=store))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
