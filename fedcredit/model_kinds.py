"""The kinds of models that a job may ask for: a closed table."""

from collections.abc import Mapping

from fedcredit.gbdt_kind import GBDT
from fedcredit.model_kind import ModelKind
from fedcredit.network_kind import NETWORK
from fedcredit.scorecard_kind import SCORECARD

MODEL_KINDS: Mapping[str, ModelKind] = {"scorecard": SCORECARD, "gbdt": GBDT, "mlp": NETWORK}
"""``kind`` of a job's ``[model]`` table -> the model."""


def kind_of(model: object) -> ModelKind | None:
    """Return the kind of an estimator, or None."""
    return next((kind for kind in MODEL_KINDS.values() if type(model) is kind.estimator), None)
