"""Four card issuers train one network against fraud; nobody sees an update but its own.

``python run.py`` makes payments up, founds a federation in this process, trains a network over
encrypted updates, and scores two payments offline with the network that comes back.
``python run.py --tables`` only writes the issuers' tables beside this file, for ``job.toml``.
"""

import sys
from pathlib import Path

from payments import payments

import fedcredit as fc

HERE = Path(__file__).parent


def main() -> None:
    """Run the example."""
    frames = payments()
    if "--tables" in sys.argv[1:]:
        for name, rows in frames.items():
            rows.to_csv(HERE / f"{name}.csv", index=False)
        return
    job = fc.HorizontalJob(
        purpose="modelling",
        label="fraud",
        id_column="payment",
        model=fc.Mlp(
            hidden=(16, 8),
            rounds=8,
            batch_size=32,
            learning_rate=0.02,
            bad_weight=5.0,
            patience=3,
        ),
        encryption="narrow",  # two parameters in 32 bytes
        min_parties=3,
        holdout=0.3,
    )
    with fc.Federation.simulate(frames, seed=7) as federation:
        result = federation.run(job)

    print(result)
    print("\n".join(result.remarks()))
    print(result.history[["round", "phase", "log_loss", "outcome"]].to_string(index=False))
    print("hold-out loss:", [round(held, 4) for _, held in result.model.losses_])
    print(result.model.summary().to_string(index=False))
    print(result.disclosure)

    applicants = frames["issuer-new"].head(2)
    print("probability of fraud:", result.model.predict_proba(applicants)[:, 1].round(3).tolist())


if __name__ == "__main__":
    main()
