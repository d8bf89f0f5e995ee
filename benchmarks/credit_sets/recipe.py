"""How one data set is read: its table, declared columns, training and test rows, and its banks.

Declared bounds, units and levels are typed by hand from the data sheets. Training and test rows are
those of ``shared/baselines.md``, proved by the fingerprints that are printed there.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from fedcredit_models.schema import Feature, Schema

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"

LABEL, SAMPLE = "bad", "sample"

Banks = Callable[[pd.DataFrame], "pd.Series[str]"]
"""From a raw table to the bank of each row."""


class AbsentError(Exception):
    """The files of a data set are not on this machine."""


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Pooled figures of ``shared/baselines.md`` on the test rows; 0 where it has none.

    Parameters
    ----------
    woe : float
        AUC of the scorecard with twenty bins.
    hgb : float
        AUC of scikit-learn's histogram trees.
    """

    woe: float = 0.0
    hgb: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to read one data set.

    Parameters
    ----------
    files : tuple of Path
        What must be there.
    read : callable
        From the files to the raw table, in the order of their rows.
    is_bad : callable
        From the raw table to the outcome of each row.
    features : tuple of Feature
        Declared columns of the raw table.
    partitions : mapping of str to callable
        How the rows are shared among banks; the set's own rule first.
    fingerprint : str
        SHA-256 of the sorted test rows as little-endian 64-bit integers.
    bars : Bars
    """

    files: tuple[Path, ...]
    read: Callable[[tuple[Path, ...]], pd.DataFrame]
    is_bad: Callable[[pd.DataFrame], "pd.Series[bool]"]
    features: tuple[Feature, ...]
    partitions: Mapping[str, Banks]
    fingerprint: str = ""
    bars: Bars = Bars()

    @property
    def rule(self) -> str:
        """The set's own partition."""
        return next(iter(self.partitions))


@dataclass(frozen=True)
class CreditData:
    """A table with its declaration; `frame` has the features, `bad` and `sample`.

    Parameters
    ----------
    name : str
    frame : DataFrame
        All rows in the order of the file.
    recipe : Recipe
    banks : mapping of str to Series
        The bank of each row, under each partition.
    """

    name: str
    frame: pd.DataFrame
    recipe: Recipe
    banks: "Mapping[str, pd.Series[str]]"

    @property
    def train(self) -> pd.DataFrame:
        """Training rows."""
        return self.frame[self.frame[SAMPLE] == "train"]

    @property
    def holdout(self) -> pd.DataFrame:
        """Test rows."""
        return self.frame[self.frame[SAMPLE] == "holdout"]

    @property
    def schema(self) -> Schema:
        """Declared columns, outcome and sample."""
        return Schema(features=self.recipe.features, label=LABEL, split_column=SAMPLE)

    def parts(self, partition: str) -> dict[str, pd.DataFrame]:
        """Return each bank's table under one of the partitions."""
        banks = self.banks[partition].to_numpy()
        return {str(name): part for name, part in self.frame.groupby(banks)}


def carry_out(name: str, recipe: Recipe) -> CreditData:
    """Read a data set.

    Raises
    ------
    AbsentError
        When a file is not there.
    ValueError
        When the test rows are not those of the published protocol.
    """
    absent = [path.name for path in recipe.files if not path.exists()]
    if absent:
        raise AbsentError(f"{name}: {', '.join(absent)} not in {recipe.files[0].parent.name}/")
    raw = recipe.read(recipe.files)
    frame = raw[[feature.name for feature in recipe.features]].copy()
    frame[LABEL] = recipe.is_bad(raw).astype(int)
    rows = np.arange(len(frame))
    _, test = train_test_split(rows, test_size=0.3, random_state=2026, stratify=frame[LABEL])
    found = hashlib.sha256(np.sort(test).astype("<i8").tobytes()).hexdigest()
    if recipe.fingerprint and found != recipe.fingerprint:
        raise ValueError(f"{name}: the test rows are not those of shared/baselines.md")
    frame[SAMPLE] = np.where(np.isin(rows, test), "holdout", "train")
    banks = {rule: share(raw) for rule, share in recipe.partitions.items()}
    return CreditData(name, frame, recipe, banks)


def one_table(files: tuple[Path, ...]) -> pd.DataFrame:
    """Read a table that lies in one file."""
    (path,) = files
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


def is_one(column: str) -> Callable[[pd.DataFrame], "pd.Series[bool]"]:
    """Return the rule that a row is bad where `column` is 1."""
    return lambda raw: raw[column] == 1


def numbers(
    *rows: tuple[str, float, float], scale: str = "linear", special: tuple[float, ...] = ()
) -> list[Feature]:
    """Declare numeric columns: name, lower and upper bound."""
    return [
        Feature(
            name=name,
            kind="numeric",
            lower=low,
            upper=high,
            scale=scale,  # type: ignore[arg-type]
            special=special,
        )
        for name, low, high in rows
    ]


def levels(name: str, *names: str) -> Feature:
    """Declare a category."""
    return Feature(name=name, kind="categorical", levels=names)
