"""The kinds of runs, a closed table: what is not here is neither summed nor opened."""

from collections.abc import Mapping
from typing import Any

from fedcredit_parties.course import Course
from fedcredit_parties.evaluation_course import EvaluationCourse
from fedcredit_parties.evaluation_release import release_evaluation
from fedcredit_parties.evaluation_sums import EvaluationSums
from fedcredit_parties.gbdt_course import GbdtCourse
from fedcredit_parties.gbdt_release import release_gbdt
from fedcredit_parties.gbdt_sums import GbdtSums
from fedcredit_parties.network_course import NetworkCourse
from fedcredit_parties.network_release import release_network
from fedcredit_parties.network_sums import NetworkSums, abstains
from fedcredit_parties.procedure import PartySums, Procedure
from fedcredit_parties.rows import Rows
from fedcredit_parties.scorecard_course import ScorecardCourse
from fedcredit_parties.scorecard_release import release_scorecard
from fedcredit_parties.scorecard_sums import ScorecardSums
from fedcredit_parties.survey_course import SurveyCourse
from fedcredit_parties.survey_release import release_survey
from fedcredit_parties.survey_sums import SurveySums
from fedcredit_parties.task import Task

PROCEDURES: Mapping[str, Procedure] = {
    "scorecard": Procedure(course=ScorecardCourse, sums=ScorecardSums, release=release_scorecard),
    "gbdt": Procedure(course=GbdtCourse, sums=GbdtSums, release=release_gbdt),
    "evaluation": Procedure(
        course=EvaluationCourse, sums=EvaluationSums, release=release_evaluation
    ),
    "survey": Procedure(course=SurveyCourse, sums=SurveySums, release=release_survey),
    "network": Procedure(
        course=NetworkCourse, sums=NetworkSums, release=release_network, abstains=abstains
    ),
}
"""Kind of a task -> how it is carried out."""


def course_of(task: Task) -> Course[Any]:
    """Return a new public course of a task."""
    return PROCEDURES[task.kind].course(task)


def sums_of(rows: Rows, task: Task) -> PartySums:
    """Return one party's side of a run."""
    return PROCEDURES[task.kind].sums(rows, task)
