"""A network in the front room: settings, task, and the network that the releases describe."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from fedcredit.model_kind import ModelKind
from fedcredit_models.mlp import Mlp
from fedcredit_models.network import WEIGHT_BITS
from fedcredit_parties.errors import ConfigError
from fedcredit_parties.network_course import NetworkCourse
from fedcredit_parties.network_task import NetworkTask
from fedcredit_parties.task import parameters_named


class NetworkSettings(BaseModel):
    """The ``[model]`` table of a job: settings of `Mlp`, by the same names."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    kind: Literal["mlp"] = "mlp"
    hidden: tuple[int, ...] = Field(default=(32, 16), max_length=8, strict=False)
    rounds: int = Field(default=30, ge=1, le=1000)
    local_epochs: int = Field(default=1, ge=1, le=100)
    batch_size: int = Field(default=256, ge=1, le=1_000_000)
    learning_rate: float = Field(default=0.02, ge=1e-6, le=10.0)
    momentum: float = Field(default=0.9, ge=0.0, le=0.999)
    strategy: Literal["fedavg", "fedprox", "fedadam"] = "fedavg"
    mu: float = Field(default=0.01, ge=0.0, le=1000.0)
    server_learning_rate: float | None = Field(default=None, ge=1e-6, le=10.0)
    loss: Literal["log", "focal"] = "log"
    gamma: float = Field(default=2.0, ge=0.0, le=10.0)
    bad_weight: float | Literal["balanced"] = 1.0
    embedding: int = Field(default=4, ge=1, le=64)
    l2: float = Field(default=1e-5, ge=0.0, le=10.0)
    patience: int = Field(default=0, ge=0, le=1000)
    update_bits: int | None = Field(default=None, ge=12, le=40)
    update_limit: float = Field(default=1.0, ge=1e-3, le=64.0)
    fine_bins: int = Field(default=50, ge=2, le=100)
    grid_cells: int = Field(default=2048, ge=16, le=65_536)
    seed: int = Field(default=0, ge=0, lt=1 << 53)
    device: Literal["auto", "cpu", "cuda"] = "auto"


def task(common: Mapping[str, Any], model: Mlp) -> NetworkTask:
    """Return the task of a network with the model's settings.

    Raises
    ------
    ConfigError
        When the settings contradict each other or the encryption.
    """
    modulus_bits = parameters_named(str(common.get("encryption", "wide"))).modulus_bits
    try:
        rules = model.rules(modulus_bits)
        return NetworkTask(
            **common,
            fine_bins=model.fine_bins,
            grid_cells=model.grid_cells,
            hidden=tuple(model.hidden),
            embedding=model.embedding,
            rounds=rules.rounds,
            patience=rules.patience,
            local_epochs=rules.local.epochs,
            batch_size=rules.local.batch_size,
            learning_rate=rules.local.learning_rate,
            momentum=rules.local.momentum,
            l2=rules.local.l2,
            strategy=rules.server.strategy,
            mu=rules.local.mu,
            server_learning_rate=rules.server.learning_rate,
            loss=model.loss,
            gamma=model.gamma,
            bad_weight=model.bad_weight,
            update_bits=rules.update_bits,
            update_limit=rules.update_limit,
            seed=rules.seed,
        )
    except ValueError as error:
        said = "; ".join(
            str(line.strip())
            for line in str(error).splitlines()
            if line.strip() and "pydantic" not in line and "validation error" not in line
        )
        raise ConfigError(
            f"no network has these settings: {said}",
            remedy="see the settings of fc.Mlp: help(fc.Mlp)",
        ) from None


def fitted(course: NetworkCourse, settings: Mlp, left_out: Mapping[str, str] | None = None) -> Mlp:
    """Return the fitted network that the releases describe."""
    intercept, slope = (float(np.ldexp(part, -WEIGHT_BITS)) for part in course.calibration)
    return Mlp.from_parts(
        course.task.features,
        course.standards,
        course.weights,
        (intercept, slope),
        params=settings.get_params(),
        losses=course.rounds.losses,
        dropped=left_out,
    )


NETWORK = ModelKind(
    estimator=Mlp,
    settings=NetworkSettings,
    task=task,
    fitted=fitted,
    operation="train",
    opened="weighted updates of the network, fine histograms",
    released={
        "quantiles": (
            "input-figures",
            "cell numbers of quantile edges, mean and deviation of every numeric feature; training "
            "and hold-out rows and bads; how many parties train",
        ),
        "train": (
            "averaged-weights",
            "the network's weights after the round, so also the parties' average update; mean "
            "losses before it; how many moves were cut",
        ),
        "calibrate": ("calibration", "intercept and slope of the score, the sample they are from"),
        "metrics": ("metrics", "AUC, KS, Gini, Brier, score bands, ROC and calibration points"),
    },
    figures={"edges": "quantiles", "weights": "train", "calibration": "calibrate"},
)
