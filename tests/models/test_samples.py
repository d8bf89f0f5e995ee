"""Who is held out: decided by the subject and a key, the same at every party."""

import hashlib
import hmac
import struct

import numpy as np
import pandas as pd
import pytest

from fedcredit_models.samples import assign
from fedcredit_models.schema import Feature, Schema, SchemaError

KEY = bytes(range(32))
FEATURES = (
    Feature("x", "numeric", lower=-100, upper=100),
    Feature("job", "categorical", levels=("a",)),
)
BY_ID = Schema(features=FEATURES, label="bad", id_column="id")
BY_ROW = Schema(features=FEATURES, label="bad")


def table(n: int = 1000) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "id": [f"c{i}" for i in range(n)],
            "x": rng.normal(size=n),
            "job": rng.choice(["a", "b"], n),
            "bad": rng.integers(0, 2, n),
        }
    )


def draw(message: bytes) -> float:
    digest = hmac.new(KEY, message, hashlib.sha256).digest()
    return struct.unpack(">Q", digest[:8])[0] / 2**64


def test_a_subject_is_drawn_by_the_keyed_hash_of_its_id() -> None:
    frame = table(200)
    sample = assign(frame, BY_ID, holdout=0.3, split_key=KEY)
    expected = [
        "holdout" if draw(b"fedcredit-split/v1/id\x00" + who.encode()) < 0.3 else "train"
        for who in frame["id"]
    ]
    assert sample.tolist() == expected


def test_without_an_id_the_features_of_the_row_are_drawn() -> None:
    frame = pd.DataFrame({"x": [1.5, None, -0.0], "job": ["ä", None, "a"], "bad": [0, 1, 0]})
    nan = bytes.fromhex("7ff8000000000000")
    messages = [
        struct.pack(">d", 1.5) + struct.pack(">I", 2) + "ä".encode(),
        nan + b"\xff\xff\xff\xff",
        struct.pack(">d", 0.0) + struct.pack(">I", 1) + b"a",
    ]
    drawn = [draw(b"fedcredit-split/v1/row\x00" + message) for message in messages]
    for holdout in (*(d + 1e-9 for d in drawn), 0.5):
        sample = assign(frame, BY_ROW, holdout=holdout, split_key=KEY)
        assert sample.tolist() == ["holdout" if d < holdout else "train" for d in drawn]


def test_one_subject_falls_on_one_side_at_two_banks() -> None:
    frame = table()
    whole = assign(frame, BY_ID, holdout=0.3, split_key=KEY)
    part = assign(frame.iloc[::7], BY_ID, holdout=0.3, split_key=KEY)
    assert part.tolist() == whole[::7].tolist()


def test_an_id_reads_the_same_as_number_and_as_text() -> None:
    frame = table(50).assign(id=np.arange(50))
    as_int = assign(frame, BY_ID, holdout=0.5, split_key=KEY)
    as_float = assign(frame.assign(id=np.arange(50.0)), BY_ID, holdout=0.5, split_key=KEY)
    as_text = assign(
        frame.assign(id=[str(i) for i in range(50)]), BY_ID, holdout=0.5, split_key=KEY
    )
    assert as_int.tolist() == as_float.tolist() == as_text.tolist()


def test_rows_without_an_id_are_drawn_by_their_features() -> None:
    frame = table(300)
    without = frame.assign(id=None)
    assert (
        assign(without, BY_ID, holdout=0.3, split_key=KEY).tolist()
        == assign(frame, BY_ROW, holdout=0.3, split_key=KEY).tolist()
    )


def test_about_the_asked_share_is_held_out() -> None:
    sample = assign(table(10_000), BY_ID, holdout=0.3, split_key=KEY)
    assert abs((sample == "holdout").mean() - 0.3) < 0.02


def test_another_key_draws_others() -> None:
    one = assign(table(), BY_ID, holdout=0.3, split_key=KEY)
    other = assign(table(), BY_ID, holdout=0.3, split_key=bytes(32))
    assert (one != other).any()


def test_the_label_plays_no_part() -> None:
    frame = table()
    flipped = frame.assign(bad=1 - frame["bad"])
    assert (
        assign(frame, BY_ROW, holdout=0.3, split_key=KEY).tolist()
        == assign(flipped, BY_ROW, holdout=0.3, split_key=KEY).tolist()
    )


def test_no_holdout_trains_on_every_row() -> None:
    assert set(assign(table(), BY_ROW, holdout=0.0, split_key=KEY)) == {"train"}


def test_a_split_column_overrides_the_draw() -> None:
    schema = Schema(features=FEATURES, label="bad", split_column="side")
    frame = table(4).assign(side=["train", "holdout", "oot", "train"])
    sample = assign(frame, schema, holdout=0.9, split_key=KEY)
    assert sample.tolist() == ["train", "holdout", "oot", "train"]
    with pytest.raises(SchemaError) as caught:
        assign(frame.assign(side="test"), schema, holdout=0.0, split_key=KEY)
    assert (caught.value.kind, caught.value.found) == ("split", "4 rows with something else")


@pytest.mark.parametrize(
    ("times", "start"),
    [
        (["2023-12-31", "2024-01-01", "2024-05-05"], "2024-01-01"),
        (pd.to_datetime(["2023-12-31", "2024-01-01", "2024-05-05"]), "2024-01-01"),
        ([202312, 202401, 202405], "202401"),
    ],
)
def test_rows_from_a_date_on_are_out_of_time(times: object, start: str) -> None:
    schema = Schema(features=FEATURES, label="bad", time_column="when")
    frame = table(3).assign(when=times)
    sample = assign(frame, schema, holdout=0.0, split_key=KEY, oot_from=start)
    assert sample.tolist() == ["train", "oot", "oot"]


@pytest.mark.parametrize("times", [["2024-01-01", None, None], ["soon", "later", "never"]])
def test_a_time_that_is_missing_or_unreadable_is_refused(times: list[str | None]) -> None:
    schema = Schema(features=FEATURES, label="bad", time_column="when")
    with pytest.raises(SchemaError) as caught:
        assign(
            table(3).assign(when=times), schema, holdout=0.0, split_key=KEY, oot_from="2024-01-01"
        )
    assert caught.value.kind == "time"


def test_out_of_time_needs_a_time_column() -> None:
    with pytest.raises(SchemaError):
        assign(table(3), BY_ROW, holdout=0.0, split_key=KEY, oot_from="2024-01-01")
