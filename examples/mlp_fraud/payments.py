"""Made-up card payments of four issuers: one is new and has few."""

import numpy as np
import pandas as pd

CATEGORIES = ("fuel", "grocery", "online", "travel")
SIZES = {"issuer-a": 4000, "issuer-b": 3000, "issuer-c": 2500, "issuer-new": 150}


def payments() -> dict[str, pd.DataFrame]:
    """Return one table an issuer: amount, hour, distance, merchant, payments today, and fraud.

    Fraud is rare and sits where two things meet (an unusual amount at an unusual hour, or a run of
    payments far away), which a sum of single features does not see.
    """
    rng = np.random.default_rng(2026)
    found = {}
    for issuer, n in SIZES.items():
        hour = rng.integers(0, 24, n)
        amount = rng.lognormal(3.5, 1.0, n).round(2)
        distance = np.where(rng.random(n) < 0.1, np.nan, rng.exponential(20, n).round(1))
        today = 1 + rng.poisson(1.5, n)
        merchant = rng.choice(CATEGORIES, n)
        night = (hour < 6) | (hour > 22)
        far = np.nan_to_num(distance) > 30
        eta = -5.0 + 3.5 * (night & (amount > 60)) + 3.0 * (far & (today > 2))
        eta = eta + 0.8 * (merchant == "online")
        fraud = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
        found[issuer] = pd.DataFrame(
            {
                "payment": [f"{issuer}-{i}" for i in range(n)],
                "amount": amount,
                "hour": hour,
                "distance_km": distance,
                "payments_today": today,
                "merchant": merchant,
                "fraud": fraud,
            }
        )
    return found
