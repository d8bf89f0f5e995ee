"""One row for each loan of the Czech bank: loan, account, owner, district; no transactions.

``shared/baselines.md``, berka_static_682: account age in days at the loan, the owner's age in years
(year of the loan less year of birth) and sex, dispositions of the account, figures of the district.
"""

from pathlib import Path

import pandas as pd

from .recipe import SHARED, Bars, Recipe, levels, numbers

NAMES = ("loan", "account", "client", "disp", "district")
DISTRICT = tuple(f"A{i}" for i in range(4, 17))


def read(files: tuple[Path, ...]) -> pd.DataFrame:
    """Join the five tables of `NAMES`, in the order of the loans."""
    loan, account, client, disp, district = (pd.read_parquet(path) for path in files)
    owners = disp[disp["type"] == "OWNER"].merge(client, on="client_id", how="left")
    owners = owners.set_index("account_id")
    accounts = account.set_index("account_id")
    places = district.set_index("A1")
    born = owners["birth_number"].reindex(loan["account_id"]).to_numpy().astype(str)
    month = pd.Series([int(text[2:4]) for text in born])
    opened = accounts["date"].reindex(loan["account_id"]).reset_index(drop=True)
    where = accounts["district_id"].reindex(loan["account_id"]).reset_index(drop=True)
    found = loan[["amount", "duration", "payments", "status"]].copy()
    found["acc_age_days"] = (_day(loan["date"]) - _day(opened)).dt.days
    found["age"] = loan["date"] // 10_000 - pd.Series([int(text[:2]) for text in born])
    found["female"] = (month > 50).astype(int)
    n_disp = disp.groupby("account_id").size()
    found["n_disp"] = n_disp.reindex(loan["account_id"]).to_numpy()
    found["frequency"] = accounts["frequency"].reindex(loan["account_id"]).to_numpy()
    for name in ("A3", *DISTRICT):
        found[name] = places[name].reindex(where).to_numpy()
    return found


def regions(frame: pd.DataFrame) -> "pd.Series[str]":
    """Return three banks: Prague with central Bohemia, the rest of Bohemia, Moravia."""
    centre = frame["A3"].isin(["Prague", "central Bohemia"])
    bohemia = frame["A3"].str.contains("Bohemia")
    return pd.Series("moravia", index=frame.index).mask(bohemia, "bohemia").mask(centre, "prague")


def _day(yymmdd: "pd.Series[int]") -> "pd.Series[pd.Timestamp]":
    return pd.to_datetime("19" + yymmdd.astype(str), format="%Y%m%d")


RECIPE = Recipe(
    files=tuple(SHARED / f"berka_{name}.parquet" for name in NAMES),
    read=read,
    is_bad=lambda raw: raw["status"].isin(["B", "D"]),
    features=(
        *numbers(("amount", 0, 1e6), ("duration", 0, 120), ("payments", 0, 20_000)),
        *numbers(("acc_age_days", 0, 3650), ("age", 0, 100), ("female", 0, 1), ("n_disp", 1, 5)),
        *numbers(("A4", 0, 2e6), ("A15", 0, 2e5), ("A16", 0, 2e5), scale="asinh"),
        *numbers(*((f"A{i}", 0, 200) for i in (5, 6, 7, 8, 9, 10, 14))),
        *numbers(("A11", 5000, 20_000), ("A12", 0, 20), ("A13", 0, 20)),
        levels("frequency", "POPLATEK MESICNE", "POPLATEK PO OBRATU", "POPLATEK TYDNE"),
    ),
    partitions={"region": regions},
    fingerprint="9b899d223e21a725a0c85e86e88b3ab9688731a407809717101b4c119170bd79",
    bars=Bars(woe=0.6837, hgb=0.7076),
)
