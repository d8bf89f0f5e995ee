"""A survey asked from a job file: of a simulated federation, or of running daemons.

The file is the one of ``fedcredit job run``: the survey takes its columns, its terms and its
training rows, and bins by the rules of its scorecard.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fedcredit.job_file import JobFile
from fedcredit.survey import Survey
from fedcredit.survey_result import SurveyResult
from fedcredit_models.scorecard import Scorecard

Ask = Callable[..., SurveyResult]
"""Fields of a survey -> its result; each call is a run of its own."""


@contextmanager
def surveying(path: Path, federation: Path | None, *, quiet: bool) -> Iterator[Ask]:
    """Open what a job file is asked of; yield a function that carries out a survey.

    Parameters
    ----------
    path : Path
        The job file.
    federation : Path, optional
        ``federation.toml`` of running daemons; local tables are simulated when absent.
    quiet : bool
        No progress on standard error.

    Raises
    ------
    ConfigError, DataError
        When the file or a table cannot be used.
    GrantError
        When a party's grants do not allow it.
    """
    file = JobFile.load(path, needs_tables=federation is None)
    if not isinstance(file.job.model, Scorecard):  # a survey sums; it trains nothing
        job = file.job.model_copy(update={"model": Scorecard()})
        file = JobFile(path=file.path, text=file.text, job=job, around=file.around)
    if federation is not None:
        from fedcredit.job_on_daemons import JobOnDaemons

        asked = JobOnDaemons(file, federation, quiet=quiet)
        with asked.federation:
            asked.check_grants()
            yield lambda **fields: asked.federation.run(Survey.of(asked.job, **fields))
        return
    frames = file.tables()
    with (
        tempfile.TemporaryDirectory() as folder,
        file.federation(frames, ledger=Path(folder) / "ledger.db", quiet=quiet) as simulated,
    ):

        def ask(**fields: Any) -> SurveyResult:
            return simulated.run(Survey.of(file.job, **fields))

        yield ask
