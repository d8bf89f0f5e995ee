"""The data sets, with what a modeller declares about them, their banks and their published bars.

Declared bounds, units and levels are typed here by hand from the data sheets; training and test
rows are those of ``shared/baselines.md`` and proved by its fingerprints.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from tests.equivalence.reference import Column

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
DEMO = ROOT / "examples" / "data" / "barcelona_credit.csv"

LABEL, SAMPLE = "bad", "sample"
IID15 = "iid15"
"""Fifteen equal banks: the first 8 hex digits of SHA-256("2026:row") modulo 15."""


def _numbers(
    *rows: tuple[str, float, float], scale: str = "linear", special: tuple[float, ...] = ()
) -> list[Column]:
    return [
        Column(name=name, kind="numeric", lower=low, upper=high, scale=scale, special=special)
        for name, low, high in rows
    ]


def _levels(name: str, *levels: str) -> Column:
    return Column(name=name, kind="categorical", levels=levels)


@dataclass(frozen=True)
class Recipe:
    """How to read one data set."""

    path: Path
    label: str
    columns: tuple[Column, ...]
    rule: str
    banks: Callable[[pd.DataFrame], "pd.Series[str]"]
    fingerprint: str = ""
    pooled_auc: float = 0.0


@dataclass(frozen=True)
class CreditData:
    """A table with its declaration; `frame` has the features, `bad` and `sample`."""

    name: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    rule: str
    banks: "pd.Series[str]"
    pooled_auc: float

    @property
    def train(self) -> pd.DataFrame:
        """Training rows."""
        return self.frame[self.frame[SAMPLE] == "train"]

    @property
    def holdout(self) -> pd.DataFrame:
        """Hold-out rows."""
        return self.frame[self.frame[SAMPLE] == "holdout"]

    def parts(self, partition: str) -> dict[str, pd.DataFrame]:
        """Return each bank's table under the set's own rule, or with fifteen equal banks."""
        banks = self.banks if partition != IID15 else fifteen(self.frame)
        return {str(name): part for name, part in self.frame.groupby(banks.to_numpy())}


def fifteen(frame: pd.DataFrame) -> "pd.Series[str]":
    """Return each row's bank under the iid15 rule."""
    numbers = (int(hashlib.sha256(f"2026:{i}".encode()).hexdigest()[:8], 16) for i in frame.index)
    return pd.Series([f"bank-{n % 15:02d}" for n in numbers])


def _bands(column: str, *cuts: float) -> Callable[[pd.DataFrame], "pd.Series[str]"]:
    def banks(frame: pd.DataFrame) -> "pd.Series[str]":
        number = np.searchsorted(cuts, frame[column].to_numpy(), side="left")
        return pd.Series([f"bank-{n}" for n in number])

    return banks


def _jobs(frame: pd.DataFrame) -> "pd.Series[str]":
    own = ("Other", "ProfExe", "Office", "Mgr")
    return frame["Job"].where(frame["Job"].isin(own), "self-sales-none").str.lower()


def _ages(frame: pd.DataFrame) -> "pd.Series[str]":
    age = frame["age_years"]
    return pd.Series(np.select([age >= 35, age >= 26], ["bank-0", "bank-1"], "bank-2"))


RECIPES = {
    "demo": Recipe(
        DEMO,
        "bad",
        (
            *_numbers(("job_seniority_years", 0, 60), ("loan_term_months", 0, 120)),
            *_numbers(("age_years", 18, 100), ("expenses_cu", 0, 500), ("income_cu", 0, 1000)),
            *_numbers(("assets_cu", 0, 1e6), ("debt_cu", 0, 1e5), scale="asinh"),
            *_numbers(("loan_amount_cu", 50, 1e4), ("price_cu", 50, 2e4), scale="log"),
            _levels("home", "ignore", "owner", "parents", "private", "rent"),
            _levels("marital_status", "divorced", "married", "separated", "single", "widow"),
            _levels("records", "no", "yes"),
            _levels("job", "fixed", "freelance", "part_time"),
        ),
        "three banks by age",
        _ages,
    ),
    "taiwan_default": Recipe(
        SHARED / "taiwan_default.parquet",
        "default.payment.next.month",
        (
            *_numbers(("LIMIT_BAL", 0, 1e6), ("AGE", 18, 100)),
            *_numbers(*((f"PAY_{i}", -2, 9) for i in (0, 2, 3, 4, 5, 6))),
            *_numbers(*((f"BILL_AMT{i}", -5e5, 2e6) for i in range(1, 7)), scale="asinh"),
            *_numbers(*((f"PAY_AMT{i}", 0, 2e6) for i in range(1, 7)), scale="asinh"),
            _levels("SEX", "1", "2"),
            _levels("EDUCATION", "1", "2", "3", "4", "5", "6"),
            _levels("MARRIAGE", "0", "1", "2", "3"),
        ),
        "LIMIT_BAL band",
        _bands("LIMIT_BAL", 50_000, 140_000, 240_000),
        "e12ff0a5c988c1fd17fc95e0c30b9aa0597b9fa39f9c7dd36f6577184e3df3f5",
        0.7867,
    ),
    "givemesomecredit": Recipe(
        SHARED / "givemesomecredit.parquet",
        "SeriousDlqin2yrs",
        (
            *_numbers(
                ("RevolvingUtilizationOfUnsecuredLines", 0, 1e5),
                ("DebtRatio", 0, 1e6),
                ("MonthlyIncome", 0, 1e7),
                scale="asinh",
            ),
            *_numbers(
                ("age", 0, 120),
                ("NumberOfTime30-59DaysPastDueNotWorse", 0, 100),
                ("NumberOfTime60-89DaysPastDueNotWorse", 0, 100),
                ("NumberOfTimes90DaysLate", 0, 100),
                ("NumberOfOpenCreditLinesAndLoans", 0, 100),
                ("NumberRealEstateLoansOrLines", 0, 100),
                ("NumberOfDependents", 0, 30),
            ),
        ),
        "age band",
        _bands("age", 40, 50, 60),
        "4161dbadaf3015c68bd4c5923fa12e98d162a4f11257b4cb0caa714955d9ca48",
        0.8576,
    ),
    "heloc": Recipe(
        SHARED / "heloc.parquet",
        "RiskPerformance",
        tuple(
            _numbers(
                ("ExternalRiskEstimate", 0, 100),
                ("MSinceOldestTradeOpen", 0, 1000),
                ("MSinceMostRecentTradeOpen", 0, 500),
                ("AverageMInFile", 0, 500),
                ("NumSatisfactoryTrades", 0, 100),
                ("NumTrades60Ever2DerogPubRec", 0, 50),
                ("NumTrades90Ever2DerogPubRec", 0, 50),
                ("PercentTradesNeverDelq", 0, 100),
                ("MSinceMostRecentDelq", 0, 100),
                ("MaxDelq2PublicRecLast12M", 0, 9),
                ("MaxDelqEver", 0, 9),
                ("NumTotalTrades", 0, 150),
                ("NumTradesOpeninLast12M", 0, 50),
                ("PercentInstallTrades", 0, 100),
                ("MSinceMostRecentInqexcl7days", 0, 50),
                ("NumInqLast6M", 0, 100),
                ("NumInqLast6Mexcl7days", 0, 100),
                ("NetFractionRevolvingBurden", 0, 500),
                ("NetFractionInstallBurden", 0, 500),
                ("NumRevolvingTradesWBalance", 0, 50),
                ("NumInstallTradesWBalance", 0, 50),
                ("NumBank2NatlTradesWHighUtilization", 0, 50),
                ("PercentTradesWBalance", 0, 100),
                special=(-9.0, -8.0, -7.0),
            )
        ),
        "ExternalRiskEstimate band",
        _bands("ExternalRiskEstimate", 63, 71, 80),
        "0b4a9a46862d74ce4c7985cfdc042220d428be77d31ab0ae55ab304aa8b5f065",
        0.7904,
    ),
    "hmeq": Recipe(
        SHARED / "hmeq.parquet",
        "Default",
        (
            *_numbers(("Loan", 0, 1e5), ("Mortgage", 0, 5e5), ("Value", 0, 1e6)),
            *_numbers(("YOJ", 0, 60), ("Derogatories", 0, 20), ("Delinquencies", 0, 20)),
            *_numbers(("CLAGE", 0, 2000), ("Inquiries", 0, 30), ("CLNO", 0, 100)),
            *_numbers(("DEBTINC", 0, 300)),
            _levels("Reason", "DebtCon", "HomeImp"),
            _levels("Job", "Mgr", "Office", "Other", "ProfExe", "Sales", "Self"),
        ),
        "Job",
        _jobs,
        "037443b62866fe1de29af354f15ecfba3ecbd75820ee35a9dd28f5ddb42148a4",
        0.9056,
    ),
}


@cache
def load(name: str) -> CreditData:
    """Return a data set, or skip the test that asks when the file is not there."""
    recipe = RECIPES[name]
    if not recipe.path.exists():
        pytest.skip(f"{recipe.path.name} is not in ../shared/data")
    read = pd.read_csv if recipe.path.suffix == ".csv" else pd.read_parquet
    raw = read(recipe.path)
    frame = raw[[column.name for column in recipe.columns]].copy()
    frame[LABEL] = raw[recipe.label].astype(int)
    rows = np.arange(len(frame))
    _, test = train_test_split(rows, test_size=0.3, random_state=2026, stratify=frame[LABEL])
    if recipe.fingerprint:
        assert hashlib.sha256(np.sort(test).astype("<i8").tobytes()).hexdigest() == (
            recipe.fingerprint
        )
    frame[SAMPLE] = np.where(np.isin(rows, test), "holdout", "train")
    return CreditData(
        name, frame, recipe.columns, recipe.rule, recipe.banks(raw), recipe.pooled_auc
    )
