"""Simulated card payments with the features of the fraud-detection handbook."""

from .partitions import modulo
from .recipe import SHARED, Bars, Recipe, is_one, numbers, one_table

WINDOWS = (1, 7, 30)

RECIPES = {
    "fraud_features": Recipe(
        files=(SHARED / "fraud_features.parquet",),
        read=one_table,
        is_bad=is_one("TX_FRAUD"),
        features=(
            *numbers(("TX_AMOUNT", 0, 10_000), scale="asinh"),
            *numbers(("TX_DURING_WEEKEND", 0, 1), ("TX_DURING_NIGHT", 0, 1)),
            *numbers(*((f"CUSTOMER_ID_NB_TX_{d}DAY_WINDOW", 0, 1000) for d in WINDOWS)),
            *numbers(
                *((f"CUSTOMER_ID_AVG_AMOUNT_{d}DAY_WINDOW", 0, 10_000) for d in WINDOWS),
                scale="asinh",
            ),
            *numbers(*((f"TERMINAL_ID_NB_TX_{d}DAY_WINDOW", 0, 1000) for d in WINDOWS)),
            *numbers(*((f"TERMINAL_ID_RISK_{d}DAY_WINDOW", 0, 1) for d in WINDOWS)),
        ),
        partitions={"issuer": modulo("CUSTOMER_ID", 15)},
        fingerprint="7f7fbb64c7bd15e83046c66b2ae76d1ea69f22af8c7ce654f152b4cc94976bf4",
        bars=Bars(woe=0.8744, hgb=0.8993),
    )
}
