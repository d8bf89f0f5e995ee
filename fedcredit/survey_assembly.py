"""From a survey's releases and the ledger to its result: every phase with its entry."""

from typing import TYPE_CHECKING

from fedcredit.assembly import QUORUM_S, finality_of
from fedcredit.request import Delivery
from fedcredit.result_file import Disclosure, Finality
from fedcredit.results import DisclosureStatement
from fedcredit.survey_result import SurveyResult
from fedcredit_parties.survey_course import SurveyCourse

if TYPE_CHECKING:
    from fedcredit.survey import Survey

RELEASED = {
    "quantiles": (
        "columns",
        "row total; how many values of each feature are missing or special; quantiles and bin "
        "edges as cells of the declared grid",
    ),
    "statistics": (
        "statistics-and-bins",
        "coarse and fine bins with their bad and good counts; why a feature is dropped; means, "
        "standard deviations, correlations",
    ),
    "tables": (
        "tables",
        "counts of bins by period, vintage cells, cross-tables: where cells pass the cell rules",
    ),
    "stepwise": (
        "stepwise-selection",
        "coefficients after the step; score and Wald statistics; what enters or leaves",
    ),
}
"""Phase -> name of its release function, and in words what it releases."""


def assemble_survey(delivery: Delivery, request: "Survey") -> SurveyResult:
    """Turn the releases into tables and cite an entry for each phase.

    Parameters
    ----------
    delivery : Delivery
        A finished run.
    request : Survey
        What was asked.
    """
    member, course = delivery.member, delivery.course
    if not isinstance(course, SurveyCourse):
        raise TypeError("the course of another kind of run")
    run = member.ledger.state.runs[delivery.run_id]
    assert run.finished is not None, "follow() returns finished runs"
    checkpoint, finality = finality_of(
        member, member.ledger.replica.find(run.finished.entry_id), within_s=QUORUM_S
    )
    releases = tuple(
        Disclosure(
            function=RELEASED[opened.data["phase"]][0],
            released=RELEASED[opened.data["phase"]][1],
            to=(*run.roster, run.requester),
            entry=opened.entry_id,
        )
        for opened in run.opened
    )
    result = SurveyResult(
        course=course,
        run_id=delivery.run_id,
        entries={opened.data["phase"]: opened.entry_id for opened in run.opened},
        disclosure=DisclosureStatement(
            releases=releases,
            parties=run.roster,
            requester=run.requester,
            key_holder=member.role("key-holder"),
            coordinator=member.role("coordinator"),
            opened="fine histograms and sums of moments",
        ),
        checkpoint=checkpoint,
        finality=None if finality is None else Finality.model_validate(finality),
        left_out=delivery.left_out,
    )
    if request.binning is not None:
        result.binning.keep_of(request.binning)
    return result
