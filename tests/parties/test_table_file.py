"""The file behind a table: the rows that were read are the rows that are counted, or it is said."""

import os
from pathlib import Path

import pandas as pd
import pytest

from fedcredit_parties.data import Table
from fedcredit_parties.errors import DataError, TableChangedError
from fedcredit_parties.table_file import TableFile
from fedcredit_parties.table_memory import TableMemory
from fedcredit_parties.vault import Vault

FRAME = pd.DataFrame({"age": [31, 45, 52], "bad": [0, 1, 0]})


def written(path: Path, frame: pd.DataFrame = FRAME) -> Path:
    frame.to_csv(path, index=False)
    return path


def table(path: Path) -> Table:
    file, frame = TableFile.read(path, name="loans", party="bank-a")
    return Table(
        asset="bank-a/loans",
        frame=frame,
        bad_definition="the label column is 1",
        period=("2025-01-01", "2025-12-31"),
        file=file,
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda frame: frame.iloc[:-1], id="a row less"),
        pytest.param(lambda frame: frame.assign(income=1), id="a column more"),
        pytest.param(lambda frame: frame.assign(age=[31, 45, 53]), id="one value"),
    ],
)
def test_a_file_that_changed_is_refused_without_a_value(tmp_path, change):
    read = table(written(tmp_path / "loans.csv"))
    written(tmp_path / "loans.csv", change(FRAME))

    with pytest.raises(TableChangedError) as changed:
        read.check()

    assert read.digest[:12] in changed.value.expected
    assert "53" not in changed.value.found.split("digest")[0].replace("53 bytes", "")
    assert "start the daemon" in changed.value.remedy


def test_a_file_that_was_only_touched_is_the_same(tmp_path):
    read = table(written(tmp_path / "loans.csv"))

    os.utime(tmp_path / "loans.csv", (1, 1))

    read.check()


def test_the_old_file_put_back_is_welcome(tmp_path):
    path = written(tmp_path / "loans.csv")
    read = table(path)
    path.unlink()
    with pytest.raises(TableChangedError, match="No such file"):
        read.check()

    written(path)

    read.check()


def test_a_run_keeps_the_rows_that_it_began_with_across_a_restart(tmp_path):
    vault = Vault(tmp_path / "vault", key=bytes(32))
    path = written(tmp_path / "loans.csv")
    TableMemory(vault).same_rows("run-1", table(path))
    written(path, FRAME.iloc[:-1])
    restarted = TableMemory(Vault(tmp_path / "vault", key=bytes(32)))

    with pytest.raises(TableChangedError, match="not the one that this run began with"):
        restarted.same_rows("run-1", table(path))
    restarted.same_rows("run-2", table(path))
    restarted.forget("run-1")
    restarted.same_rows("run-1", table(path))


def test_a_replaced_table_is_not_the_registered_one(tmp_path):
    memory = TableMemory(Vault())
    first = table(written(tmp_path / "loans.csv"))
    assert not memory.is_registered(first)
    memory.registered(first)

    second = table(written(tmp_path / "loans.csv", FRAME.iloc[:-1]))

    assert memory.is_registered(first) and not memory.is_registered(second)
    assert second.registration(version=2)["version"] == "2"


@pytest.mark.parametrize(
    ("name", "said"),
    [("loans.xlsx", "unknown kind"), ("none.csv", "cannot be read"), ("empty.csv", "cannot be")],
)
def test_a_file_that_is_no_table_is_named(tmp_path, name, said):
    (tmp_path / "loans.xlsx").write_bytes(b"PK")
    (tmp_path / "empty.csv").write_bytes(b"")

    with pytest.raises(DataError, match=said) as refused:
        table(tmp_path / name)

    assert refused.value.remedy
