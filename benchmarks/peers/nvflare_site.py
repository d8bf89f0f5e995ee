"""What one site runs in the comparison: a logistic regression on its own rows, one pass a round.

Started by NVFlare in its own environment, and handed the averaged coefficients in every round. The
pass is one Newton step over the site's rows, so that local work costs what ours costs.
"""

import sys
from pathlib import Path

import numpy as np
import nvflare.client as flare
from nvflare.app_common.np.constants import NPConstants


def step(X: np.ndarray, y: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Return the coefficients after one Newton step on these rows, with a ridge of 1."""
    p = 1 / (1 + np.exp(-X @ beta))
    hessian = (X * (p * (1 - p))[:, None]).T @ X + np.eye(len(beta))
    return beta + np.linalg.solve(hessian, X.T @ (y - p) - beta)


def main() -> None:
    """Answer every round until the job is over."""
    flare.init()
    table = np.load(Path(sys.argv[1]) / f"{flare.get_site_name()}.npz")
    X, y = table["X"], table["y"]
    while flare.is_running():
        model = flare.receive()
        beta = np.asarray(model.params[NPConstants.NUMPY_KEY], dtype=float).ravel()
        flare.send(
            flare.FLModel(
                params={NPConstants.NUMPY_KEY: step(X, y, beta)},
                params_type="FULL",
                meta={"NUM_STEPS_CURRENT_ROUND": len(y)},
            )
        )


if __name__ == "__main__":
    main()
