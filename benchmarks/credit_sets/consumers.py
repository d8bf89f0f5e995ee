"""Loans and cards of persons: Barcelona (in the project), Taiwan, the United States, Germany."""

from pathlib import Path

import pandas as pd

from .partitions import IID5, IID15, ages, bands, equal, named
from .recipe import ROOT, SHARED, Bars, Recipe, is_one, levels, numbers, one_table

HETERO = ("fate_default_credit_hetero_guest", "fate_default_credit_hetero_host")


def _joined(files: tuple[Path, ...]) -> pd.DataFrame:
    guest, host = (pd.read_parquet(path) for path in files)
    return guest.merge(host.rename(columns=lambda c: c if c == "id" else f"host_{c}"), on="id")


RECIPES = {
    "demo": Recipe(
        files=(ROOT / "examples" / "data" / "barcelona_credit.csv",),
        read=one_table,
        is_bad=is_one("bad"),
        features=(
            *numbers(("job_seniority_years", 0, 60), ("loan_term_months", 0, 120)),
            *numbers(("age_years", 18, 100), ("expenses_cu", 0, 500), ("income_cu", 0, 1000)),
            *numbers(("assets_cu", 0, 1e6), ("debt_cu", 0, 1e5), scale="asinh"),
            *numbers(("loan_amount_cu", 50, 1e4), ("price_cu", 50, 2e4), scale="log"),
            levels("home", "ignore", "owner", "parents", "private", "rent"),
            levels("marital_status", "divorced", "married", "separated", "single", "widow"),
            levels("records", "no", "yes"),
            levels("job", "fixed", "freelance", "part_time"),
        ),
        partitions={"three banks by age": ages, IID15: equal(15)},
    ),
    "taiwan_default": Recipe(
        files=(SHARED / "taiwan_default.parquet",),
        read=one_table,
        is_bad=is_one("default.payment.next.month"),
        features=(
            *numbers(("LIMIT_BAL", 0, 1e6), ("AGE", 18, 100)),
            *numbers(*((f"PAY_{i}", -2, 9) for i in (0, 2, 3, 4, 5, 6))),
            *numbers(*((f"BILL_AMT{i}", -5e5, 2e6) for i in range(1, 7)), scale="asinh"),
            *numbers(*((f"PAY_AMT{i}", 0, 2e6) for i in range(1, 7)), scale="asinh"),
            levels("SEX", "1", "2"),
            levels("EDUCATION", "1", "2", "3", "4", "5", "6"),
            levels("MARRIAGE", "0", "1", "2", "3"),
        ),
        partitions={
            "LIMIT_BAL band": bands("LIMIT_BAL", 50_000, 140_000, 240_000),
            IID15: equal(15),
        },
        fingerprint="e12ff0a5c988c1fd17fc95e0c30b9aa0597b9fa39f9c7dd36f6577184e3df3f5",
        bars=Bars(woe=0.7867, hgb=0.7890),
    ),
    "fate_default_credit_hetero": Recipe(
        files=tuple(SHARED / f"{name}.parquet" for name in HETERO),
        read=_joined,
        is_bad=is_one("y"),
        features=(
            *numbers(("x0", -10, 10)),
            *numbers(*((f"x{i}", -100, 100) for i in range(1, 13)), scale="asinh"),
            *numbers(*((f"host_x{i}", -10, 10) for i in range(10))),
        ),
        partitions={IID15: equal(15)},
        fingerprint="0a36e171bb8e5c505c4f8920c171643c40f5adeeff3e632b5ff8ec1515856489",
        bars=Bars(woe=0.7759, hgb=0.7841),
    ),
    "givemesomecredit": Recipe(
        files=(SHARED / "givemesomecredit.parquet",),
        read=one_table,
        is_bad=is_one("SeriousDlqin2yrs"),
        features=(
            *numbers(
                ("RevolvingUtilizationOfUnsecuredLines", 0, 1e5),
                ("DebtRatio", 0, 1e6),
                ("MonthlyIncome", 0, 1e7),
                scale="asinh",
            ),
            *numbers(
                ("age", 0, 120),
                ("NumberOfTime30-59DaysPastDueNotWorse", 0, 100),
                ("NumberOfTime60-89DaysPastDueNotWorse", 0, 100),
                ("NumberOfTimes90DaysLate", 0, 100),
                ("NumberOfOpenCreditLinesAndLoans", 0, 100),
                ("NumberRealEstateLoansOrLines", 0, 100),
                ("NumberOfDependents", 0, 30),
            ),
        ),
        partitions={"age band": bands("age", 40, 50, 60), IID15: equal(15)},
        fingerprint="4161dbadaf3015c68bd4c5923fa12e98d162a4f11257b4cb0caa714955d9ca48",
        bars=Bars(woe=0.8576, hgb=0.8669),
    ),
    "heloc": Recipe(
        files=(SHARED / "heloc.parquet",),
        read=one_table,
        is_bad=is_one("RiskPerformance"),
        features=tuple(
            numbers(
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
        partitions={
            "ExternalRiskEstimate band": bands("ExternalRiskEstimate", 63, 71, 80),
            IID15: equal(15),
        },
        fingerprint="0b4a9a46862d74ce4c7985cfdc042220d428be77d31ab0ae55ab304aa8b5f065",
        bars=Bars(woe=0.7904, hgb=0.7780),
    ),
    "hmeq": Recipe(
        files=(SHARED / "hmeq.parquet",),
        read=one_table,
        is_bad=is_one("Default"),
        features=(
            *numbers(("Loan", 0, 1e5), ("Mortgage", 0, 5e5), ("Value", 0, 1e6)),
            *numbers(("YOJ", 0, 60), ("Derogatories", 0, 20), ("Delinquencies", 0, 20)),
            *numbers(("CLAGE", 0, 2000), ("Inquiries", 0, 30), ("CLNO", 0, 100)),
            *numbers(("DEBTINC", 0, 300)),
            levels("Reason", "DebtCon", "HomeImp"),
            levels("Job", "Mgr", "Office", "Other", "ProfExe", "Sales", "Self"),
        ),
        partitions={
            "Job": named("Job", "Other", "ProfExe", "Office", "Mgr", rest="self-sales-none"),
            IID15: equal(15),
        },
        fingerprint="037443b62866fe1de29af354f15ecfba3ecbd75820ee35a9dd28f5ddb42148a4",
        bars=Bars(woe=0.9056, hgb=0.9571),
    ),
    "german": Recipe(
        files=(SHARED / "german.parquet",),
        read=one_table,
        is_bad=lambda raw: raw["class"] == 2,
        features=(
            *numbers(("duration_months", 0, 120), ("age", 18, 100), ("installment_rate", 1, 4)),
            *numbers(("credit_amount", 0, 20_000)),
            *numbers(("residence_since", 1, 4), ("existing_credits", 1, 10)),
            *numbers(("num_dependents", 1, 10)),
            levels("checking_status", "A11", "A12", "A13", "A14"),
            levels("credit_history", "A30", "A31", "A32", "A33", "A34"),
            levels("purpose", "A40", "A41", "A42", "A43", "A46", "A49"),
            levels("savings", "A61", "A62", "A63", "A64", "A65"),
            levels("employment_since", "A71", "A72", "A73", "A74", "A75"),
            levels("personal_status_sex", "A91", "A92", "A93", "A94"),
            levels("other_debtors", "A101", "A102", "A103"),
            levels("property", "A121", "A122", "A123", "A124"),
            levels("other_installment_plans", "A141", "A142", "A143"),
            levels("housing", "A151", "A152", "A153"),
            levels("job", "A172", "A173", "A174"),
            levels("telephone", "A191", "A192"),
            levels("foreign_worker", "A201", "A202"),
        ),
        partitions={
            "purpose": named("purpose", "A43", "A40", "A42", rest="other"),
            IID5: equal(5),
        },
        fingerprint="6ea002de01f88287f3fa543212b75dddc79d3548be98492c12b9ad95172ac18b",
        bars=Bars(woe=0.7712, hgb=0.7747),
    ),
}
