"""How large a sum may become is known from the task, and too large a one is refused at once."""

from typing import Any

import pytest

from fedcredit.requester import Requester
from fedcredit_models.schema import Feature
from fedcredit_parties.data_holder import check_proposal
from fedcredit_parties.errors import ConfigError
from fedcredit_parties.gbdt_task import GbdtTask
from fedcredit_parties.network_task import NetworkTask
from fedcredit_parties.scorecard_task import ScorecardTask
from fedcredit_parties.survey_task import SurveyTask
from fedcredit_parties.task import Task
from fedcredit_parties.task_size import check_size
from tests.fuzz.honest_courses import honest_courses


def task_of(kind: type[Task], n_features: int, **settings: Any) -> Task:
    features = tuple(Feature(f"x{i}", "numeric", lower=0, upper=100_000) for i in range(n_features))
    common: dict[str, Any] = {
        "purpose": "modelling",
        "label": "bad",
        "features": features,
        "bad_definition_digest": "0" * 64,
        "holdout": 0.3,
        "parties": ("a", "b", "c"),
        "min_parties": 3,
        "deadline_s": 60,
    }
    return kind(**common | settings)


@pytest.mark.parametrize("kind", [ScorecardTask, GbdtTask, NetworkTask])
def test_five_hundred_columns_fit_with_the_default_settings(kind: type[Task]) -> None:
    check_size(task_of(kind, 500))


def test_a_survey_of_its_most_measured_columns_fits() -> None:
    check_size(task_of(SurveyTask, 50))


@pytest.mark.parametrize(
    ("kind", "n_features", "settings", "lower", "n_slots"),
    [
        # 500 columns of 65 536 cells, and one for missing; the head has two numbers.
        (ScorecardTask, 500, {"grid_cells": 65_536}, "grid_cells", 500 * 65_537 + 2),
        # 500 columns of 255 groups and missing; 64 nodes are summed; three numbers of two limbs.
        (GbdtTask, 500, {"max_depth": 8, "bins": 255}, "max_depth", 500 * 256 * 64 * 6 + 6),
    ],
    ids=["grid", "deepest level"],
)
def test_too_large_a_sum_is_refused_with_the_setting_to_lower(
    kind: type[Task], n_features: int, settings: dict[str, Any], lower: str, n_slots: int
) -> None:
    task = task_of(kind, n_features, **settings)

    with pytest.raises(ConfigError, match=str(n_slots)) as refused:
        check_size(task)

    assert lower in refused.value.remedy


def test_requester_party_and_key_holder_refuse_it_before_anything_else() -> None:
    task = task_of(ScorecardTask, 500, grid_cells=65_536)
    nobody: Any = None

    with pytest.raises(ConfigError, match="slots"):
        Requester(member=nobody).propose(
            task, label_definition_digest="0" * 64, watch=nobody, progress=nobody
        )
    with pytest.raises(ConfigError, match="slots"):
        check_proposal(task, {}, policy=task.policy)


def test_no_sum_of_an_honest_run_is_larger_than_was_foreseen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for course in honest_courses().values():
        monkeypatch.setattr("fedcredit_parties.task_size.MAX_SLOTS", max(course.slots) - 1)
        with pytest.raises(ConfigError):
            check_size(course.task)
