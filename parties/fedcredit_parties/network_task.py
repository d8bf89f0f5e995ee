"""The task of a network: figures that standardise the inputs, rounds of averaging, calibration."""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from fedcredit_models.local_training import LocalRules
from fedcredit_models.network import MAX_LAYERS, Architecture
from fedcredit_models.network_loss import LossRules
from fedcredit_models.network_rounds import RoundRules
from fedcredit_models.network_updates import Packing
from fedcredit_models.server_steps import ServerRules
from fedcredit_parties.task import Task

LEAST_ROWS, LEAST_BADS = 200, 20
"""A party with fewer training rows or bads abstains from training (decisions 4)."""


class NetworkTask(Task):
    """A network trained by federated averaging over every party's rows."""

    FOLLOWS: ClassVar[Mapping[tuple[str, str], str]] = {
        ("quantiles", "continue"): "train",
        ("train", "continue"): "train",
        ("train", "converged"): "calibrate",
        ("calibrate", "continue"): "metrics",
        ("metrics", "done"): "",
    }
    OPERATION: ClassVar[str] = "train"

    kind: Literal["network"] = "network"
    fine_bins: int = Field(default=50, ge=2, le=100)
    hidden: tuple[int, ...] = Field(default=(32, 16), max_length=MAX_LAYERS, strict=False)
    embedding: int = Field(default=4, ge=1, le=64)
    rounds: int = Field(default=30, ge=1, le=1000)
    patience: int = Field(default=0, ge=0, le=1000)
    local_epochs: int = Field(default=1, ge=1, le=100)
    batch_size: int = Field(default=256, ge=1, le=1_000_000)
    learning_rate: float = Field(default=0.02, ge=1e-6, le=10.0, allow_inf_nan=False)
    momentum: float = Field(default=0.9, ge=0.0, le=0.999, allow_inf_nan=False)
    l2: float = Field(default=1e-5, ge=0.0, le=10.0, allow_inf_nan=False)
    strategy: Literal["fedavg", "fedprox", "fedadam"] = "fedavg"
    mu: float = Field(default=0.0, ge=0.0, le=1000.0, allow_inf_nan=False)
    server_learning_rate: float = Field(default=1.0, ge=1e-6, le=10.0, allow_inf_nan=False)
    loss: Literal["log", "focal"] = "log"
    gamma: float = Field(default=2.0, ge=0.0, le=10.0, allow_inf_nan=False)
    bad_weight: float | Literal["balanced"] = 1.0
    update_bits: int = Field(default=17, ge=12, le=40)
    update_limit: float = Field(default=1.0, ge=1e-3, le=64.0, allow_inf_nan=False)
    seed: int = Field(default=0, ge=0, lt=1 << 53)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not isinstance(self.bad_weight, str) and not 1e-3 <= self.bad_weight <= 1e4:
            raise ValueError('bad_weight: "balanced", or 0.001 to 10000')
        if self.patience and self.holdout == 0 and self.split_column is None:
            raise ValueError("patience: needs a hold-out")
        Packing(
            self.architecture.n_parameters,
            self.update_limit,
            self.update_bits,
            self.parameters.modulus_bits,
        )
        return self

    @property
    def most_rounds(self) -> int:
        """Most rounds of averaging, and one for each other phase."""
        return self.rounds + 3

    @cached_property
    def architecture(self) -> Architecture:
        """The network's layout."""
        return Architecture(self.features, self.hidden, self.embedding)

    def start(self) -> Any:
        """Return the digest of the first weights: the last bias follows from the row totals."""
        weights = self.architecture.start(self.seed)
        return [hashlib.sha256(weights.astype("<i8").tobytes()).hexdigest()]

    @property
    def rules(self) -> RoundRules:
        """Rules of the rounds."""
        return RoundRules(
            rounds=self.rounds,
            patience=self.patience,
            seed=self.seed,
            local=LocalRules(
                epochs=self.local_epochs,
                batch_size=self.batch_size,
                learning_rate=self.learning_rate,
                momentum=self.momentum,
                l2=self.l2,
                mu=self.mu,
                loss=LossRules(self.loss, self.gamma, self.bad_weight),
            ),
            server=ServerRules(self.strategy, self.server_learning_rate),
            update_limit=self.update_limit,
            update_bits=self.update_bits,
            modulus_bits=self.parameters.modulus_bits,
        )
