"""What a network minimises: weighted log loss or focal loss, on rows or as a mean of sums.

With bads rare, the log loss of a plain mean is that of goods. `bad_weight` weighs bads up; the
focal loss weighs down rows that are already clear. Both distort the probabilities: a network is
calibrated after training (`network_calibration`).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LOSS_LIMIT = 64.0
"""A row's loss counts at most this much, so that a declared range holds every sum."""


@dataclass(frozen=True)
class LossRules:
    """Which loss.

    Parameters
    ----------
    loss : {"log", "focal"}, default "log"
    gamma : float, default 2.0
        Exponent of the focal loss; 0 is the log loss.
    bad_weight : float or "balanced", default 1.0
        Weight of a bad row against a good one; "balanced" gives both kinds the same total.

    References
    ----------
    Lin, T.-Y. et al. (2017). Focal loss for dense object detection. ICCV, equation 5.
    """

    loss: Literal["log", "focal"] = "log"
    gamma: float = 2.0
    bad_weight: float | Literal["balanced"] = 1.0

    @property
    def exponent(self) -> float:
        """The focal exponent in effect."""
        return self.gamma if self.loss == "focal" else 0.0

    def row_weights(self, n_bads: int, n_goods: int) -> tuple[float, float]:
        """Return the weight of a good and of a bad row; over all rows their mean is 1.

        Parameters
        ----------
        n_bads, n_goods : int
            Training rows of either kind in the whole federation.

        Raises
        ------
        ValueError
            Without bads or goods.
        """
        if n_bads < 1 or n_goods < 1:
            raise ValueError("a network learns from goods and bads")
        ratio = n_goods / n_bads if isinstance(self.bad_weight, str) else self.bad_weight
        good = (n_bads + n_goods) / (ratio * n_bads + n_goods)
        return good, ratio * good

    def largest(self, n_bads: int, n_goods: int) -> float:
        """Return the largest loss that one row can add to a sum."""
        return LOSS_LIMIT * max(self.row_weights(n_bads, n_goods))


def summed_loss(
    eta: NDArray[np.float64],
    y: NDArray[np.int64],
    rules: LossRules,
    row_weights: tuple[float, float],
) -> float:
    """Return the sum of the rows' losses: ``w (1 - p_t)**gamma (-ln p_t)``.

    p_t is the probability of what happened; each row's part is held within `LOSS_LIMIT`.
    """
    margin = np.where(np.asarray(y) == 1, eta, -eta)
    loss = np.logaddexp(0.0, -margin)
    if rules.exponent:
        loss = loss * np.exp(-rules.exponent * np.logaddexp(0.0, margin))
    weight = np.where(np.asarray(y) == 1, row_weights[1], row_weights[0])
    return float((weight * np.minimum(loss, LOSS_LIMIT)).sum())
