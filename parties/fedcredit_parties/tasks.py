"""The kinds of tasks, a closed table, and the one way to read a task that came from outside."""

import json
from collections.abc import Mapping

from fedcredit_parties.errors import MalformedMessageError
from fedcredit_parties.evaluation_task import EvaluationTask
from fedcredit_parties.gbdt_task import GbdtTask
from fedcredit_parties.network_task import NetworkTask
from fedcredit_parties.scorecard_task import ScorecardTask
from fedcredit_parties.survey_task import SurveyTask
from fedcredit_parties.task import MAX_TASK_BYTES, Task

KINDS: Mapping[str, type[Task]] = {
    "scorecard": ScorecardTask,
    "gbdt": GbdtTask,
    "evaluation": EvaluationTask,
    "survey": SurveyTask,
    "network": NetworkTask,
}
"""Kind -> its task. Closed: a task of another kind is refused."""


def parse_task(document: bytes) -> Task:
    """Read a task of any kind.

    Raises
    ------
    MalformedMessageError
        For anything that is not exactly one task of a known kind in its one form.
    """
    if len(document) > MAX_TASK_BYTES:
        raise MalformedMessageError("the task document is too large")
    try:
        fields = json.loads(document)
    except (ValueError, RecursionError):
        raise MalformedMessageError("the task document is not JSON") from None
    kind = fields.get("kind") if isinstance(fields, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise MalformedMessageError(
            "the task document is of an unknown kind",
            expected=", ".join(KINDS),
            found=str(kind)[:40],
            remedy="install the same version of FedCredit everywhere",
        )
    return KINDS[kind].parse(document)
