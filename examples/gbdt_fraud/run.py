"""Three banks grow boosted trees that find fraudulent card payments; nobody reads anybody.

``python run.py`` makes up payments at three banks, founds a federation in this process, grows trees
level by level from encrypted sums, and scores two payments offline with the model that comes back.
``python run.py --tables`` only writes the banks' tables beside this file, for ``job.toml``.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import fedcredit as fc

HERE = Path(__file__).parent


def payments(bank: int, n: int = 2000) -> pd.DataFrame:
    """Return made-up payments of one bank: one in eight is fraud, by chance and by these rules."""
    random = np.random.default_rng(bank)
    shop = random.choice(["grocery", "travel", "electronics", "online"], n)
    amount = np.round(random.lognormal(3.5 + 0.4 * (shop == "electronics"), 1.0, n), 2)
    declined = random.poisson(0.3 + 0.1 * bank, n)
    hour = random.integers(0, 24, n)
    distance = np.where(random.random(n) < 0.15, np.nan, random.exponential(60.0, n).round(1))
    eta = 0.9 * declined + 0.004 * np.nan_to_num(distance, nan=40.0) + 0.5 * np.log(amount) - 5.0
    eta += 1.2 * ((hour < 6) & (shop == "online"))
    fraud = (random.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    return pd.DataFrame(
        {
            "amount_cu": amount.clip(1, 5000),
            "declined_24h": declined,
            "hour": hour,
            "distance_km": distance,
            "shop": shop,
            "fraud": fraud,
        }
    )


def main() -> None:
    """Run the example."""
    frames = {f"bank-{i}": payments(i) for i in range(3)}
    if "--tables" in sys.argv[1:]:
        for name, rows in frames.items():
            rows.to_csv(HERE / f"{name}.csv", index=False)
        return
    job = fc.HorizontalJob(
        purpose="modelling",
        label="fraud",
        model=fc.Gbdt(n_trees=12, max_depth=3, learning_rate=0.4, patience=4,
                      monotone={"declined_24h": 1}),
        min_parties=3,
        holdout=0.3,
    )  # fmt: skip
    with fc.Federation.simulate(frames, seed=7) as federation:
        result = federation.run(job)  # NoGrantError before a row is read

    print(result.summary())
    print(result.disclosure)

    new = frames["bank-1"].head(2)
    print("probability of fraud:", result.model.predict_proba(new)[:, 1].round(3).tolist())
    print("what each column adds to the log odds:")
    print(result.model.contributions(new).round(3).to_string())


if __name__ == "__main__":
    main()
