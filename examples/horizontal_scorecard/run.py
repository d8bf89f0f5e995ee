"""Three banks fit one scorecard; nobody reads anybody.

``python run.py`` splits the Barcelona applicants into three banks by age, founds a federation in
this process, runs one job, and scores two applicants offline with the model that comes back.
``python run.py --tables`` only writes the banks' tables beside this file, for ``job.toml``.
"""

import sys
from pathlib import Path

import pandas as pd

import fedcredit as fc

HERE = Path(__file__).parent
PEOPLE = HERE.parent / "data" / "barcelona_credit.csv"


def banks() -> dict[str, pd.DataFrame]:
    """Return one table a bank; an artificial rule, see the data sheet."""
    people = pd.read_csv(PEOPLE)
    bank = pd.cut(people["age_years"], [0, 25, 34, 120], labels=["bank-2", "bank-1", "bank-0"])
    return {str(name): rows for name, rows in people.groupby(bank, observed=True)}


def main() -> None:
    """Run the example."""
    frames = banks()
    if "--tables" in sys.argv[1:]:
        for name, rows in frames.items():
            rows.to_csv(HERE / f"{name}.csv", index=False)
        return
    job = fc.HorizontalJob(
        purpose="modelling",
        label="bad",
        features=("job_seniority_years", "home", "records", "job", "income_cu", "assets_cu"),
        model=fc.Scorecard(base_score=600, base_odds=50, pdo=20),
        min_parties=3,
        holdout=0.3,
    )
    with fc.Federation.simulate(frames, seed=7) as federation:
        result = federation.run(job)  # NoGrantError before a row is read

    print(result)
    print(result.history[["round", "phase", "log_loss", "outcome"]].to_string(index=False))
    print(result.model.table()[["feature", "bin", "n", "bads", "points"]].to_string(index=False))
    print(result.disclosure)

    applicants = frames["bank-1"].head(2)
    print("points:", result.model.score_points(applicants).tolist())
    print("probability of bad:", result.model.predict_proba(applicants)[:, 1].round(3).tolist())
    print(result.model.reasons(applicants, n=2).to_string())


if __name__ == "__main__":
    main()
