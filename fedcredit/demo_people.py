"""The people of the demonstration: whose rows lie at which bank, and by which rule.

The project's own applicants are split by age, so that no bank alone has seen all kinds of people.
A table of the user's is dealt out by a hash of the row's number: the same file always gives the
same banks.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fedcredit.job_file import read_labelled, read_table
from fedcredit_parties.errors import DataError

EXAMPLE = Path(__file__).parents[1] / "examples" / "data" / "barcelona_credit.csv"
EXAMPLE_RULES = {
    "bank-0": "45 years and older",
    "bank-1": "35 to 44 years",
    "bank-2": "26 to 34 years",
    "bank-3": "25 years and younger",
}
OLDEST = {"bank-3": 25, "bank-2": 34, "bank-1": 44, "bank-0": 200}
"""Bank -> age in years of its oldest customers."""
SHARES = {"bank-0": 0.4, "bank-1": 0.3, "bank-2": 0.2, "bank-3": 0.1}


@dataclass(frozen=True, kw_only=True)
class People:
    """Whose rows, at which bank, by which rule.

    Attributes
    ----------
    frames : mapping of str to DataFrame
        Each bank's table.
    label : str
        0/1 column.
    features : tuple of str
        Columns that are used.
    source : str
        Where the rows come from.
    rules : mapping of str to str
        Who is a customer of which bank.
    left_out : mapping of str to str
        Columns that are not used, with the reason.
    """

    frames: Mapping[str, pd.DataFrame]
    label: str
    features: tuple[str, ...]
    source: str
    rules: Mapping[str, str]
    left_out: Mapping[str, str]


def people(data: Path | None = None, label: str = "") -> People:
    """Return the people of the demonstration: the project's, or those of a file.

    Parameters
    ----------
    data : Path, optional
        A CSV (or Parquet) file; the Barcelona applicants when absent, split by age.
    label : str
        Its 0/1 column.

    Raises
    ------
    DataError
        When the file, or the project's own table, cannot be read.
    SchemaMismatchError
        When it has no column `label`.
    """
    if data is None:
        if not EXAMPLE.is_file():
            raise DataError(
                "the demonstration's own data are not installed: they are in the source tree only",
                expected="examples/data/barcelona_credit.csv beside the package",
                found="no file",
                remedy="fedcredit demo --data FILE.csv --label COLUMN",
            )
        table = read_table(EXAMPLE, party="")
        bank = pd.cut(table["age_years"], [0, *OLDEST.values()], labels=list(OLDEST))
        rules, label = EXAMPLE_RULES, "bad"
        source = "examples/data/barcelona_credit.csv, loan applicants in Barcelona"
    else:
        remedy = "fedcredit demo --data FILE.csv --label COLUMN"
        table = read_labelled(data, label, remedy=remedy)
        bank = pd.Series([_dealt(i) for i in range(len(table))], index=table.index)
        rules = {name: f"{share:.0%} of the rows" for name, share in SHARES.items()}
        source = f"{data.name}; each row is dealt by the SHA-256 of its number"
    frames = {name: table[(bank == name).to_numpy()] for name in sorted(SHARES)}
    left_out = _unusable(table.drop(columns=label))
    return People(
        frames=frames,
        label=label,
        features=tuple(
            str(name) for name in table.columns if name != label and name not in left_out
        ),
        source=source,
        rules=rules,
        left_out=left_out,
    )


def _dealt(row: int) -> str:
    """Return the bank of a row of the user's own table."""
    digest = hashlib.sha256(f"fedcredit-demo/v1 row {row}".encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64
    for name, share in SHARES.items():
        if drawn < share:
            return name
        drawn -= share
    return list(SHARES)[-1]


def _unusable(table: pd.DataFrame) -> dict[str, str]:
    """Return the columns that can say nothing about a stranger, with the reason."""
    found = {}
    for name in table.columns:
        n_values = table[name].nunique()
        if n_values < 2:
            found[str(name)] = "one value only"
        elif not pd.api.types.is_numeric_dtype(table[name]) and n_values > max(50, len(table) / 2):
            found[str(name)] = "nearly every row has its own text"
    return found
