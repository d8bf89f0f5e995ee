"""Deal the demonstration's applicants out to three data holders: ``python tables.py``."""

from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent
HOLDERS = ("bank-a", "bank-b", "tax-office")


def main() -> None:
    """Write members/NAME/applicants.csv for each of them; an artificial split, row by row."""
    people = pd.read_csv(HERE.parent / "data" / "barcelona_credit.csv")
    for i, name in enumerate(HOLDERS):
        folder = HERE / "members" / name
        folder.mkdir(parents=True, exist_ok=True)
        people.iloc[i :: len(HOLDERS)].to_csv(folder / "applicants.csv", index=False)
        print(f"{folder.relative_to(HERE)}/applicants.csv")


if __name__ == "__main__":
    main()
