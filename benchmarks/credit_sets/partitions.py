"""Which bank holds a row: by a column's band, by name, or drawn by hash (``data/SOURCES.md``)."""

import hashlib

import numpy as np
import pandas as pd

from .recipe import Banks

IID15, IID5 = "iid15", "iid5"

LENDERS = (
    "BANK OF AMERICA NATL ASSOC",
    "WELLS FARGO BANK NATL ASSOC",
    "U.S. BANK NATIONAL ASSOCIATION",
    "CAPITAL ONE NATL ASSOC",
    "CALIFORNIA BANK & TRUST",
    "BBCN BANK",
    "JPMORGAN CHASE BANK NATL ASSOC",
    "CITIBANK, N.A.",
    "MUFG UNION BANK NATL ASSOC",
)
"""The banks of the SBA set that are parties of their own."""


def equal(n_banks: int) -> Banks:
    """Return equal banks without skew: the first 8 hex digits of SHA-256("2026:row") modulo n."""

    def banks(frame: pd.DataFrame) -> "pd.Series[str]":
        digests = (hashlib.sha256(f"2026:{i}".encode()).hexdigest() for i in range(len(frame)))
        return pd.Series([f"bank-{int(digest[:8], 16) % n_banks:02d}" for digest in digests])

    return banks


def bands(column: str, *cuts: float) -> Banks:
    """Return banks by the band of a number: up to the first cut, up to the second, .., above."""

    def banks(frame: pd.DataFrame) -> "pd.Series[str]":
        number = np.searchsorted(cuts, frame[column].fillna(0.0).to_numpy(), side="left")
        return pd.Series([f"bank-{n}" for n in number])

    return banks


def named(column: str, *own: str, rest: str) -> Banks:
    """Return a bank for each of some values, and one for all others."""

    def banks(frame: pd.DataFrame) -> "pd.Series[str]":
        return frame[column].where(frame[column].isin(own), rest).str.lower()

    return banks


def modulo(column: str, n_banks: int) -> Banks:
    """Return banks by a whole number's remainder."""

    def banks(frame: pd.DataFrame) -> "pd.Series[str]":
        return pd.Series([f"bank-{n % n_banks:02d}" for n in frame[column]])

    return banks


def lenders(frame: pd.DataFrame) -> "pd.Series[str]":
    """Return the banks of the SBA set, numbered, with the small ones together."""
    number = {name: f"bank-{i}" for i, name in enumerate(LENDERS)}
    return frame["Bank"].map(number).fillna("other-banks")


def ages(frame: pd.DataFrame) -> "pd.Series[str]":
    """Return three banks by age, as in the demo."""
    age = frame["age_years"]
    return pd.Series(np.select([age >= 35, age >= 26], ["bank-0", "bank-1"], "bank-2"))
