"""What bad input gets: a named error, the party, what to do, a number; no half-written run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fedcredit import requester
from fedcredit.job_store import newest_run
from fedcredit.ledger_file import lines
from tests.fedcredit.command_line import JOB, PARTIES, fedcredit, write_job

Frames = dict[str, pd.DataFrame]

GRANTS = {
    bank: f'[[grants]]\nparty = "{bank}"\npurpose = "modelling"\n'
    for bank in ("bank-0", "bank-1", "bank-2")
}


def grants(**terms: str) -> str:
    """Return ``[[grants]]`` of all banks, bank-0's with further terms."""
    more = "".join(f"{name} = {value}\n" for name, value in terms.items())
    return GRANTS["bank-0"] + more + GRANTS["bank-1"] + GRANTS["bank-2"]


def set_first_rows(bank: str, column: str, value: object) -> Callable[[Frames], None]:
    def change(frames: Frames) -> None:
        frame = frames[bank].astype({column: object})
        frame.loc[frame.index[:3], column] = value
        frames[bank] = frame

    return change


def without_rows(frames: Frames) -> None:
    frames["bank-1"] = frames["bank-1"].iloc[:0]


def without_age_at_one(frames: Frames) -> None:
    frames["bank-1"] = frames["bank-1"].drop(columns="age")


def constant_age(frames: Frames) -> None:
    for frame in frames.values():
        frame["age"] = 40


def without_bads_at_one(frames: Frames) -> None:
    frames["bank-1"]["bad"] = 0


def decided_by_seven(frames: Frames) -> None:
    """Nine features that are each right eight times of nine decide together."""
    for frame in frames.values():
        place = np.arange(len(frame))
        for k in range(8):
            frame[f"hint_{k}"] = (frame["bad"] + (place % 9 == k)) % 2


BEFORE = "before anything is asked"
DURING = "during the run"

CASES = [
    # (what is wrong, job text, change of tables, exit code, error, what it says, when)
    (
        "a word that no job has",
        JOB.replace("min_parties", "min_partys") + PARTIES,
        None, 11, "ConfigError", "did you mean min_parties?", BEFORE,
    ),
    (
        "a setting that no model has",
        JOB + PARTIES + "[model]\nhiden = 3\n",
        None, 11, "ConfigError", "model.hiden - there is no such field", BEFORE,
    ),
    (
        "a number in quotes",
        JOB + PARTIES + '[model]\nmax_bins = "8"\n',
        None, 11, "ConfigError", "model.max_bins - must be a valid integer", BEFORE,
    ),
    (
        "a policy of another federation",
        JOB + PARTIES + "[policy]\nmin_cell = 3\n",
        None, 11, "ConfigError", "policy.min_cell - there is no such field", BEFORE,
    ),
    ("no TOML", "[[", None, 11, "ConfigError", "job.toml cannot be read as TOML", BEFORE),
    (
        "no parties",
        JOB,
        None, 11, "ConfigError", "parties - is missing", BEFORE,
    ),
    (
        "a table that is not there",
        JOB + PARTIES.replace("bank-2.csv", "nowhere.csv"),
        None, 13, "DataError", "the table nowhere.csv does not exist", BEFORE,
    ),
    (
        "a table of another kind",
        JOB + PARTIES.replace("bank-2.csv", "bank-2.xlsx"),
        None, 13, "DataError", "expected:   .csv or .parquet", BEFORE,
    ),
    (
        "a table that is no table",
        JOB + PARTIES.replace("bank-2.csv", "job.parquet"),
        None, 13, "DataError", "the table job.parquet cannot be read", BEFORE,
    ),
    (
        "a column that nobody has",
        JOB + 'features = ["income", "wealth"]\n' + PARTIES,
        None, 14, "SchemaMismatchError", "found:      wealth", BEFORE,
    ),
    (
        "a column that one party lacks",
        JOB + PARTIES,
        without_age_at_one, 14, "SchemaMismatchError", "the table has no column age", BEFORE,
    ),
    (
        "text at one party and numbers at the others",
        JOB + PARTIES,
        set_first_rows("bank-1", "age", "forty"), 14, "SchemaMismatchError", "text", BEFORE,
    ),
    (
        "infinity",
        JOB + PARTIES,
        set_first_rows("bank-1", "age", float("inf")),
        14, "SchemaMismatchError", "column age holds infinity", BEFORE,
    ),
    (
        "fewer parties than the job needs",
        JOB.replace("min_parties = 3", "min_parties = 4") + PARTIES,
        None, 27, "TooFewPartiesError", "at least 4 parties", BEFORE,
    ),
    (
        "two parties",
        JOB + PARTIES.replace('bank-2 = "bank-2.csv"\n', ""),
        None, 27, "TooFewPartiesError", "at least 3 parties", BEFORE,
    ),
    (
        "a grant of somebody else",
        JOB + PARTIES + '[[grants]]\nparty = "bank-9"\npurpose = "modelling"\n',
        None, 20, "GrantError", "found:      bank-9", BEFORE,
    ),
    (
        "an empty table at one party",
        JOB + PARTIES,
        without_rows, 13, "DataError", "party:      bank-1", DURING,
    ),
    (
        "another definition of bad at one party",
        JOB + PARTIES + '[bad_definitions]\nbank-1 = "90 days past due"\n',
        None, 14, "SchemaMismatchError", "bank-1 defines bad differently", DURING,
    ),
    (
        "a wrong unit",
        JOB + PARTIES
        + '[[schema.features]]\nname = "income"\nkind = "numeric"\nlower = 0\nupper = 5000\n',
        None, 15, "BoundsError", "column income leaves its declared bounds", DURING,
    ),
    (
        "a label of 2",
        JOB + PARTIES,
        set_first_rows("bank-1", "bad", 2), 16, "LabelError", "party:      bank-1", DURING,
    ),
    (
        "a label that is missing",
        JOB + PARTIES,
        set_first_rows("bank-1", "bad", None), 16, "LabelError", "without a label", DURING,
    ),
    (
        "a party without bads",
        JOB + PARTIES,
        without_bads_at_one, 17, "NoBadsError", "bank-1 trains on goods only", DURING,
    ),
    (
        "a feature that does not vary",
        JOB + 'features = ["income", "age"]\n' + PARTIES,
        constant_age, 18, "ConstantFeatureError", "leave 'age' out", DURING,
    ),
    (
        "features that decide together",
        JOB + PARTIES + "[model]\nl2 = 0.0\n",
        decided_by_seven, 19, "SeparableDataError", "raise l2", DURING,
    ),
    (
        "no grant",
        JOB + PARTIES + GRANTS["bank-1"] + GRANTS["bank-2"],
        None, 21, "NoGrantError", "no row was read", DURING,
    ),
    (
        "a grant that has expired",
        JOB + PARTIES + grants(valid_from="2024-01-01", valid_until="2024-02-01"),
        None, 22, "ExpiredGrantError", "over before anybody could use it", BEFORE,
    ),
    (
        "a grant for fewer columns",
        JOB + PARTIES + grants(features='["income", "bad"]'),
        None, 24, "GrantScopeError", "also age, home", DURING,
    ),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _no_waiting_for_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requester, "REASON_S", 2.0)


@pytest.mark.parametrize(
    ("text", "change", "code", "error", "says", "when"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_bad_input_is_named_and_leaves_nothing_half_written(
    tmp_path: Path,
    text: str,
    change: Callable[[Frames], None] | None,
    code: int,
    error: str,
    says: str,
    when: str,
) -> None:
    job = write_job(tmp_path, text, change)
    (tmp_path / "job.parquet").write_bytes(b"PAR1 and no more")
    store = tmp_path / "store"

    done = fedcredit("job", "run", job, "--store", store, "--quiet")

    assert (done.code, done.out) == (code, "")
    assert done.err.startswith(f"{error}: ")
    assert says in done.err
    assert "what to do: " in done.err
    assert done.err.rstrip().endswith(f"exit {code} · docs: reference/exit-codes/{code}")
    kept = list(store.iterdir()) if store.is_dir() else []
    if when == BEFORE:
        assert kept == []
        return
    (folder,) = kept
    assert sorted(path.name for path in folder.iterdir()) == [
        "failure.json", "job.toml", "ledger.db", "ledger.db-head",
    ]  # fmt: skip
    assert folder.name == newest_run(folder / "ledger.db")
    failed = [line for line in lines(folder / "ledger.db") if line.type == "run-failed"]
    assert [line.data["error"] for line in failed] == [error]


@pytest.mark.parametrize(
    ("text", "change", "code", "error"),
    [(*case[1:4], case[4]) for case in CASES if case[6] == BEFORE],
    ids=[case[0] for case in CASES if case[6] == BEFORE],
)
def test_check_finds_it_without_a_run(
    tmp_path: Path,
    text: str,
    change: Callable[[Frames], None] | None,
    code: int,
    error: str,
) -> None:
    job = write_job(tmp_path, text, change)
    (tmp_path / "job.parquet").write_bytes(b"PAR1 and no more")

    done = fedcredit("job", "check", job, "--json")

    assert done.code == code
    assert done.json()["error"] == error
    assert done.json()["exit_code"] == code
    assert not (tmp_path / ".fedcredit").exists()


def test_no_message_shows_a_value_of_a_row(tmp_path: Path) -> None:
    job = write_job(tmp_path, change=set_first_rows("bank-1", "bad", 7654321))

    done = fedcredit("job", "run", job, "--quiet")

    assert done.code == 16
    assert "7654321" not in done.err
