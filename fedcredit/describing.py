"""`describe` and `bin`: look at the data of a federation, and bin it, in one call each."""

from typing import TYPE_CHECKING, Any

from fedcredit.survey import Survey

if TYPE_CHECKING:
    from fedcredit.binning import Binning
    from fedcredit.federation import Federation
    from fedcredit.requests import HorizontalJob
    from fedcredit.survey_result import SurveyResult


def describe(
    federation: "Federation", job: "HorizontalJob | None" = None, **fields: Any
) -> "SurveyResult":
    """Describe the columns of a federation: statistics, correlations, bins, and tables over them.

    Parameters
    ----------
    federation : Federation
        Whose rows.
    job : HorizontalJob, optional
        Takes columns, terms and training rows from a job.
    **fields
        Fields of `Survey`: ``label="bad"``, ``features=[...]``, ``periods="2022-01..2023-12"``,
        ``crosstabs=[("a", "b")]``, ``select=True``. The purpose is *modelling* when absent.

    Raises
    ------
    ConfigError
        One line per wrong or misspelt field.
    PartyError, JobError
        What stopped the run.

    Disclosure
    ----------
    As `Survey`.

    Examples
    --------
    >>> seen = describe(federation, label="bad")  # doctest: +SKIP
    >>> seen.table[["n", "missing", "mean"]]  # doctest: +SKIP
    """
    return federation.run(_survey(job, fields))


def bin(federation: "Federation", job: "HorizontalJob | None" = None, **fields: Any) -> "Binning":
    """Return fine and coarse bins of the columns of a federation.

    Parameters
    ----------
    federation, job
        As `describe`.
    **fields
        Fields of `Survey`; ``binning=`` counts bins that were edited by hand.

    Raises
    ------
    SmallCellError
        Naming the bin, when one that was fixed by hand fails the cell rules.
    ConfigError, PartyError, JobError
        As `describe`.

    Disclosure
    ----------
    As `Survey`, without means and correlations.
    """
    return federation.run(_survey(job, {"moments": False, **fields})).binning


def _survey(job: "HorizontalJob | None", fields: dict[str, Any]) -> Survey:
    if job is not None:
        return Survey.of(job, **fields)
    return Survey(**({"purpose": "modelling"} | fields))
