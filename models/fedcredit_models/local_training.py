"""One party's work in a round: epochs of stochastic gradient descent from the released weights.

PyTorch is imported here and nowhere else, when a network is trained for the first time; scoring
does without. Training is in double precision, on the graphics processor where there is one, and
follows from its seed: the order of the rows is drawn from it, and one thread forms every sum.
PyTorch's number of threads belongs to the process: it is one from the first training on.
"""

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.errors import NotConvergedError
from fedcredit_models.network import Architecture
from fedcredit_models.network_inputs import CodedRows
from fedcredit_models.network_loss import LossRules

if TYPE_CHECKING:
    import torch

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class LocalRules:
    """How a party trains.

    Parameters
    ----------
    epochs : int, default 1
        Passes over its rows in each round.
    batch_size : int, default 256
        Rows of each step.
    learning_rate : float, default 0.02
    momentum : float, default 0.9
        Of the steps within a round; every round begins without any.
    l2 : float, default 1e-5
        Penalty on squared weights, biases excepted.
    mu : float, default 0.0
        FedProx: penalty ``mu / 2`` on the squared distance from the released weights.
    loss : LossRules

    References
    ----------
    McMahan, B. et al. (2017). Communication-efficient learning of deep networks from decentralized
    data. AISTATS (FedAvg). Li, T. et al. (2020). Federated optimization in heterogeneous networks.
    MLSys (FedProx).
    """

    epochs: int = 1
    batch_size: int = 256
    learning_rate: float = 0.02
    momentum: float = 0.9
    l2: float = 1e-5
    mu: float = 0.0
    loss: LossRules = field(default_factory=LossRules)


def seed_of(*words: object) -> int:
    """Return the seed of a round's orders of rows: 63 bits of a hash of what the round is."""
    text = "/".join(["fedcredit-network-round/v1", *map(str, words)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def train(
    start: NDArray[np.float64],
    architecture: Architecture,
    rows: CodedRows,
    y: NDArray[np.int64],
    rules: LocalRules,
    row_weights: tuple[float, float],
    *,
    seed: int,
    device: Device = "auto",
) -> NDArray[np.float64]:
    """Return the weights after one round's training on these rows.

    Parameters
    ----------
    start : ndarray of shape (n_parameters,)
        The released weights.
    architecture : Architecture
    rows : CodedRows
        Training rows.
    y : ndarray of shape (n_rows,)
        1 = bad.
    rules : LocalRules
    row_weights : (float, float)
        Weight of a good and of a bad row.
    seed : int
        Of `seed_of`.
    device : {"auto", "cpu", "cuda"}
        "auto" takes a graphics processor where PyTorch finds one.

    Raises
    ------
    NotConvergedError
        When a weight is no longer a finite number.

    Disclosure
    ----------
    Nothing by itself. One party's update in the clear can reveal rows; it is masked and encrypted
    before it leaves the party.
    """
    import torch

    place = torch.device(_chosen(device))
    torch.set_num_threads(1)
    order = torch.Generator().manual_seed(seed)
    released = torch.from_numpy(start.copy()).to(place)
    weights = released.clone().requires_grad_(True)
    penalised = torch.from_numpy(architecture.penalised).to(place)
    numbers = torch.from_numpy(rows.numbers).to(place)
    codes = torch.from_numpy(rows.codes).to(place)
    bad = torch.from_numpy((np.asarray(y) == 1).astype(np.float64)).to(place)
    weight = bad * (row_weights[1] - row_weights[0]) + row_weights[0]
    velocity = torch.zeros_like(released)
    for _ in range(rules.epochs):
        shuffled = torch.randperm(len(rows), generator=order).to(place)
        for batch in torch.split(shuffled, rules.batch_size):
            eta = log_odds(architecture, weights, numbers[batch], codes[batch])
            loss = (weight[batch] * row_losses(eta, bad[batch], rules.loss.exponent)).mean()
            (gradient,) = torch.autograd.grad(loss, weights)
            with torch.no_grad():
                gradient += rules.l2 * penalised * weights
                if rules.mu:
                    gradient += rules.mu * (weights - released)
                velocity.mul_(rules.momentum).add_(gradient)
                weights -= rules.learning_rate * velocity
    found = weights.detach().cpu().numpy()
    if not np.isfinite(found).all():
        raise NotConvergedError(
            "training left the finite numbers: the learning rate is too large for these inputs"
        )
    return np.asarray(found)


def log_odds(
    architecture: Architecture, weights: "torch.Tensor", numbers: "torch.Tensor", codes: Any
) -> "torch.Tensor":
    """Return the log odds of bad, as ``Architecture.log_odds`` does, with their derivative.

    An embedding is a product with indicators: its derivative is then a matrix product, the same in
    every run, where a scattered sum on a graphics processor is not.
    """
    import torch

    parts = [
        part.reshape(shape)
        for part, shape in zip(
            torch.split(weights, list(architecture.sizes)), architecture.shapes, strict=True
        )
    ]
    n_tables = len(architecture.tables)
    columns = [numbers]
    for j, (n_levels, _) in enumerate(architecture.tables):
        is_level = torch.nn.functional.one_hot(codes[:, j], n_levels).to(weights.dtype)
        columns.append(is_level @ parts[j])
    x = torch.cat(columns, dim=1)
    layers = parts[n_tables:]
    for place in range(len(architecture.layers)):
        if place:
            x = torch.relu(x)
        x = torch.addmm(layers[2 * place + 1], x, layers[2 * place])
    return x[:, 0]


def row_losses(eta: "torch.Tensor", bad: "torch.Tensor", exponent: float) -> "torch.Tensor":
    """Return each row's log loss, or focal loss with this exponent."""
    import torch

    margin = torch.where(bad > 0, eta, -eta)
    loss = torch.nn.functional.softplus(-margin)
    if exponent:
        loss = loss * torch.exp(-exponent * torch.nn.functional.softplus(margin))
    return loss


def _chosen(device: Device) -> str:
    import torch

    found = torch.cuda.is_available()
    if device == "cuda" and not found:
        raise ValueError('device="cuda": PyTorch finds no graphics processor; use "auto"')
    return "cuda" if found and device != "cpu" else "cpu"
