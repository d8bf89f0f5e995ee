"""Rules of toad, imported, are counted by a federation as pandas counts the pooled rows."""

import numpy as np
import pandas as pd

import fedcredit as fc
from fedcredit.model_exchange import imported
from fedcredit_models import Feature, Schema
from tests.simulated import bank_frames, small_federation

SCHEMA = Schema(
    features=(
        Feature("income", "numeric", lower=0.0, upper=10_000.0),
        Feature("home", "categorical", levels=("own", "rent", "parents")),
    ),
    label="bad",
)


def test_every_row_is_counted_in_the_bin_that_toad_gives_it(tmp_path):
    (tmp_path / "rules.json").write_text(
        '{"income": [3000, 5000, 5000.0000001], "home": [["own"], "else"]}', encoding="utf-8"
    )
    text, notes = imported(tmp_path / "rules.json", "toad", features=SCHEMA.features)
    (tmp_path / "binning.json").write_text(text, encoding="utf-8")
    frames = bank_frames()
    for frame in frames.values():
        frame.loc[:5, "income"] = 3000  # at a cut: in the bin that begins there
    rows = pd.concat(frames.values())

    with small_federation(frames, schema=SCHEMA) as federation:
        binning = fc.bin(federation, label="bad", binning=tmp_path / "binning.json", holdout=0.0)

    income = np.digitize(rows["income"], [3000, 5000])
    table = binning.table("income")
    assert table["bin"].tolist() == ["< 3000 or missing", "[3000, 5000)", "≥ 5000"]
    assert table["n"].tolist() == np.bincount(income).tolist()
    assert table["bads"].tolist() == np.bincount(income, rows["bad"]).astype(int).tolist()
    is_own = rows["home"] == "own"
    assert binning.table("home")["n"].tolist() == [int(is_own.sum()), int((~is_own).sum())]
    assert "income: the cuts 5000.0 and 5000.0000001 are taken as one" in notes
