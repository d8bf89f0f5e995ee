"""What is done with the average of the parties' updates: FedAvg, FedProx, FedAdam.

The average arrives as exact integers. FedAvg and FedProx add it (FedProx differs at the parties);
FedAdam treats it as a gradient and keeps two moving averages, which only the holder of the sum
needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.network import WEIGHT_BITS, Integers

Strategy = Literal["fedavg", "fedprox", "fedadam"]

Memory = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class ServerRules:
    """How the average moves the weights.

    Parameters
    ----------
    strategy : {"fedavg", "fedprox", "fedadam"}, default "fedavg"
    learning_rate : float, default 1.0
        Share of the average that FedAvg and FedProx take; the step length of FedAdam, where 0.01
        is a good start.
    beta1, beta2, tau : float, default 0.9, 0.99, 1e-3
        FedAdam's decay rates and its smallest denominator.

    References
    ----------
    Reddi, S. et al. (2021). Adaptive federated optimization. ICLR, algorithm 2.
    """

    strategy: Strategy = "fedavg"
    learning_rate: float = 1.0
    beta1: float = 0.9
    beta2: float = 0.99
    tau: float = 1e-3


def step(
    weights: Integers, average: NDArray[np.float64], rules: ServerRules, memory: Memory
) -> tuple[Integers, dict[str, NDArray[np.float64]]]:
    """Return the next weights, and what is to be kept for the step after.

    Parameters
    ----------
    weights : ndarray of int64, shape (n_parameters,)
        The released weights.
    average : ndarray of shape (n_parameters,)
        Average update of the parties, each weighted by its rows.
    rules : ServerRules
    memory : mapping of str to ndarray
        What the last step returned; empty before the first.

    Disclosure
    ----------
    The weights are released. The moving averages are not: they stay with the holder of the sum.
    """
    if rules.strategy != "fedadam":
        return weights + _units(rules.learning_rate * average), {}
    nothing = np.zeros(len(average))
    first = rules.beta1 * memory.get("first", nothing) + (1 - rules.beta1) * average
    second = rules.beta2 * memory.get("second", nothing) + (1 - rules.beta2) * average**2
    move = rules.learning_rate * first / (np.sqrt(second) + rules.tau)
    return weights + _units(move), {"first": first, "second": second}


def _units(move: NDArray[np.float64]) -> Integers:
    return np.rint(np.ldexp(move, WEIGHT_BITS)).astype(np.int64)
