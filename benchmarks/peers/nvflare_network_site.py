"""What one site runs in the comparison of networks: epochs of gradient descent on its own rows.

Started by NVFlare in its own environment, and handed the averaged weights in every round. The net,
the rows, the loss and the steps are those of our own run; only the framework around them differs.
"""

import sys
from pathlib import Path

import numpy as np
import nvflare.client as flare
import torch
from nvflare.app_common.np.constants import NPConstants


def parts_of(vector: torch.Tensor, layers: np.ndarray) -> list[torch.Tensor]:
    """Return each layer's weights and biases as views of one vector."""
    found, begin = [], 0
    for n_in, n_out in layers:
        found.append(vector[begin : begin + n_in * n_out].view(n_in, n_out))
        begin += n_in * n_out
        found.append(vector[begin : begin + n_out])
        begin += n_out
    return found


def log_odds(vector: torch.Tensor, layers: np.ndarray, X: torch.Tensor) -> torch.Tensor:
    """Return the network's output for each row."""
    parts = parts_of(vector, layers)
    for place in range(0, len(parts), 2):
        X = X @ parts[place] + parts[place + 1]
        if place + 2 < len(parts):
            X = torch.relu(X)
    return X[:, 0]


def trained(start: np.ndarray, table: dict[str, np.ndarray], seed: int) -> np.ndarray:
    """Return the weights after the epochs of one round."""
    X, y = torch.tensor(table["X"]), torch.tensor(table["y"], dtype=torch.float64)
    weights = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    steps = torch.optim.SGD(
        [weights], lr=float(table["learning_rate"]), momentum=float(table["momentum"])
    )
    order = np.random.default_rng(seed)
    for _ in range(int(table["epochs"])):
        for rows in torch.tensor(order.permutation(len(y))).split(int(table["batch_size"])):
            steps.zero_grad()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                log_odds(weights, table["layers"], X[rows]), y[rows]
            )
            loss.backward()
            steps.step()
    return weights.detach().numpy()


def main() -> None:
    """Answer every round until the job is over."""
    torch.set_num_threads(1)
    flare.init()
    table = dict(np.load(Path(sys.argv[1]) / f"{flare.get_site_name()}.npz"))
    number = 0
    while flare.is_running():
        model = flare.receive()
        start = np.asarray(model.params[NPConstants.NUMPY_KEY], dtype=float).ravel()
        number += 1
        flare.send(
            flare.FLModel(
                params={NPConstants.NUMPY_KEY: trained(start, table, number)},
                params_type="FULL",
                meta={"NUM_STEPS_CURRENT_ROUND": len(table["y"])},
            )
        )


if __name__ == "__main__":
    main()
