"""Loans and accounts of firms: small Californian real estate (SBA), Polish companies."""

from pathlib import Path

import pandas as pd

from .partitions import IID5, IID15, bands, equal, lenders
from .recipe import SHARED, Bars, Recipe, is_one, levels, numbers, one_table

SBA = (SHARED / "sba_case.parquet",)
SBA_TEST_ROWS = "a8d7814f079bf22378d58b0e81dd99a481a0e2e563309ef4b485c0399ea8c6a3"

RATIOS = (
    (1e3, (1, 2, 3, 6, 7, 11, 12, 14, 16, 18, 22, 24, 26, 33, 34, 35, 41, 48, 50, 51, 52, 57, 59)),
    (1e4, (4, 8, 9, 10, 17, 19, 23, 25, 28, 31, 36, 38, 39, 40, 42, 46, 49, 63)),
    (1e5, (13, 21, 47, 61)),
    (1e6, (30, 32, 37, 53, 54, 64)),
    (1e7, (5, 15, 20, 55, 60)),
    (1e8, (43, 44, 62)),
)
"""Numbers of the Polish ratios by the largest amount that they may have."""


LONG_TAILS = (
    *numbers(("Attr27", -1e4, 1e4), ("Attr45", -1e4, 1e4), scale="asinh"),
    *numbers(("Attr56", -2, 1), ("Attr58", 0, 4)),
)
"""Ratios with a few amounts a million times the usual ones, where a denominator is nearly zero."""


def _winsorised(files: tuple[Path, ...]) -> pd.DataFrame:
    """Return the table with the long tails cut at their bounds, which moves no quantile."""
    raw = one_table(files)
    for feature in LONG_TAILS:
        raw[feature.name] = raw[feature.name].clip(*feature.bounds)
    return raw


def _origination(files: tuple[Path, ...]) -> pd.DataFrame:
    """Return what was known when the loan was made, as ``shared/baselines.md`` derives it."""
    raw = one_table(files)
    raw["Franchise"] = (raw["FranchiseCode"] > 1).astype(int)
    raw["NAICS4"] = raw["NAICS"] // 100
    return raw


RECIPES = {
    "sba_case": Recipe(
        files=SBA,
        read=_origination,
        is_bad=is_one("Default"),
        features=(
            *numbers(("ApprovalFY", 1980, 2020), ("NoEmp", 0, 1000)),
            *numbers(("CreateJob", 0, 1000), ("RetainedJob", 0, 1000), ("Portion", 0, 1)),
            *numbers(("DisbursementGross", 0, 3e6), ("GrAppv", 0, 3e6), ("SBA_Appv", 0, 3e6)),
            levels("NewExist", "0", "1", "2"),
            levels("UrbanRural", "0", "1", "2"),
            levels("RevLineCr", "0", "N", "T", "Y"),
            levels("LowDoc", "N", "Y"),
            levels("Franchise", "0", "1"),
            levels("NAICS4", "5311", "5312", "5313", "5321", "5322", "5324"),
            levels("BankState", "CA", "CO", "IL", "NC", "OH", "OR", "SD", "TX", "VA"),
        ),
        partitions={"bank": lenders, IID5: equal(5)},
        fingerprint=SBA_TEST_ROWS,
        bars=Bars(woe=0.8395, hgb=0.8652),
    ),
    "sba_case_5var": Recipe(
        files=SBA,
        read=one_table,
        is_bad=is_one("Default"),
        features=(
            *numbers(("New", 0, 1), ("RealEstate", 0, 1), ("Recession", 0, 1), ("Portion", 0, 1)),
            *numbers(("DisbursementGross", 0, 3e6)),
        ),
        partitions={"bank": lenders},
        fingerprint=SBA_TEST_ROWS,
        bars=Bars(woe=0.7558, hgb=0.7747),
    ),
    "polish_1year": Recipe(
        files=(SHARED / "polish_1year.parquet",),
        read=_winsorised,
        is_bad=is_one("class"),
        features=(
            *(
                feature
                for most, ratios in RATIOS
                for feature in numbers(*((f"Attr{i}", -most, most) for i in ratios), scale="asinh")
            ),
            *LONG_TAILS,
            *numbers(("Attr29", 0, 10)),
        ),
        partitions={
            "size band": bands("Attr29", 3.72, 4.13, 4.60),
            IID15: equal(15),
            IID5: equal(5),
        },
        fingerprint="3a523de9bda6464d67064b43b93996a1269ee4b41d9df3769b201a76b9bb7d94",
        bars=Bars(woe=0.8489, hgb=0.9345),
    ),
}
