"""Two scores of the same rows, and DeLong's test from all their pairs: the slow reference."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def rows(seed: int, n: int = 1500, noise: float = 0.8) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Two scores of one latent risk, and outcomes."""
    rng = np.random.default_rng(seed)
    risk = rng.normal(-1.5, 1.0, n)
    y = (rng.random(n) < 1 / (1 + np.exp(-risk))).astype(np.int64)
    return risk + rng.normal(0, 0.5, n), 0.7 * risk + rng.normal(0, noise, n) - 0.4, y


def by_pairs(first: Floats, second: Floats, y: NDArray[np.int64]) -> tuple[float, float]:
    """DeLong's difference and standard error, from the kernel of every pair of a bad and a good."""
    placed = []
    for score in (first, second):
        bad, good = score[y == 1][:, None], score[y == 0][None, :]
        kernel = (bad > good) + 0.5 * (bad == good)
        placed.append((kernel.mean(axis=1), kernel.mean(axis=0)))
    of_bads = np.cov(placed[0][0], placed[1][0])
    of_goods = np.cov(placed[0][1], placed[1][1])
    cov = of_bads / (y == 1).sum() + of_goods / (y == 0).sum()
    return (
        float(placed[1][0].mean() - placed[0][0].mean()),
        math.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]),
    )
