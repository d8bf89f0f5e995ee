"""FedCredit: credit and fraud models on encrypted sums, with a co-signed ledger of every round.

>>> import fedcredit as fc
>>> fc.DisclosurePolicy().min_parties
3

The names below are loaded when they are first used, so that the command line starts fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fedcredit.binning import Binning
    from fedcredit.coalitions import CoalitionPlan, leave_one_out, shapley
    from fedcredit.contributions import contribution
    from fedcredit.describing import bin, describe
    from fedcredit.evaluation import Evaluation
    from fedcredit.evaluation_result import EvaluationResult
    from fedcredit.federation import Federation
    from fedcredit.requests import HorizontalJob
    from fedcredit.results import TrainingResult
    from fedcredit.survey import Survey
    from fedcredit.survey_result import SurveyResult
    from fedcredit_models.gbdt import Gbdt
    from fedcredit_models.mlp import Mlp
    from fedcredit_models.personal import Personal
    from fedcredit_models.schema import Feature, Schema
    from fedcredit_models.scorecard import Scorecard
    from fedcredit_parties.disclosure import DisclosurePolicy

__version__ = "0.1.0"

_HOMES = {
    "CoalitionPlan": "fedcredit.coalitions",
    "leave_one_out": "fedcredit.coalitions",
    "shapley": "fedcredit.coalitions",
    "Binning": "fedcredit.binning",
    "DisclosurePolicy": "fedcredit_parties.disclosure",
    "Evaluation": "fedcredit.evaluation",
    "EvaluationResult": "fedcredit.evaluation_result",
    "Feature": "fedcredit_models.schema",
    "Federation": "fedcredit.federation",
    "Gbdt": "fedcredit_models.gbdt",
    "HorizontalJob": "fedcredit.requests",
    "Personal": "fedcredit_models.personal",
    "Mlp": "fedcredit_models.mlp",
    "Schema": "fedcredit_models.schema",
    "Scorecard": "fedcredit_models.scorecard",
    "Survey": "fedcredit.survey",
    "SurveyResult": "fedcredit.survey_result",
    "TrainingResult": "fedcredit.results",
    "bin": "fedcredit.describing",
    "describe": "fedcredit.describing",
    "contribution": "fedcredit.contributions",
}

__all__ = [
    "Binning",
    "CoalitionPlan",
    "DisclosurePolicy",
    "Evaluation",
    "EvaluationResult",
    "Feature",
    "Federation",
    "Gbdt",
    "HorizontalJob",
    "Mlp",
    "Personal",
    "Schema",
    "Scorecard",
    "Survey",
    "SurveyResult",
    "TrainingResult",
    "__version__",
    "bin",
    "contribution",
    "describe",
    "leave_one_out",
    "shapley",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'fedcredit' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
