"""The demonstration: what it tells has happened, and what it compares is the same people."""

import hashlib
import io
import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fedcredit import demo, demo_people
from fedcredit.demo_evidence import verify_alone
from fedcredit.demo_people import people
from fedcredit.ledger_file import lines
from fedcredit_ledger.errors import InvalidEvidenceError
from fedcredit_ledger.store import Store
from fedcredit_models.scorecard import Scorecard
from fedcredit_parties.errors import DataError, NoBadsError, SchemaMismatchError
from fedcredit_parties.file_lock import only_one
from tests.fedcredit.command_line import fedcredit
from tests.fedcredit.conftest import Demonstration
from tests.simulated import bank_frames


def test_ledger_result_and_report_are_written(demonstration: Demonstration) -> None:
    assert {path.name for path in demonstration.folder.iterdir()} == {
        "demo.evidence.zip", "ledger.db", "openings", "report.html", "result.json",
    }  # fmt: skip
    assert [path.name for path in demonstration.folder.parent.iterdir()] == ["demo"]


def test_it_says_where_the_time_went(demonstration: Demonstration) -> None:
    outcome = demonstration.outcome

    assert list(outcome.spent) == [
        "starting", "the run", "stopping", "the check", "comparing", "the evidence",
    ]  # fmt: skip
    assert outcome.seconds == pytest.approx(sum(outcome.spent.values()))
    assert f"the run {outcome.spent['the run']:.1f}" in outcome.text()


def test_a_kept_federation_is_not_written_over(tmp_path: Path) -> None:
    kept = tmp_path / "demo" / "federation"
    kept.mkdir(parents=True)

    done = fedcredit("demo", "--keep", "--out", tmp_path / "demo")

    assert done.code == 40
    assert f"fedcredit federation down {kept}" in done.err
    assert kept.is_dir()


def test_what_a_killed_demonstration_has_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    left, owned = tmp_path / ".fedcredit-demo-left", tmp_path / ".fedcredit-demo-owned"
    for folder in (left, owned):
        folder.mkdir()
        os.utime(folder, (0, 0))

    with only_one(owned / "owner.lock", "another demonstration"), demo._workshop(tmp_path) as work:
        os.utime(owned, (0, 0))
        with demo._workshop(tmp_path):
            pass

        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([owned.name, work.name])


def test_the_banks_are_those_of_the_data_sheet() -> None:
    frames = people().frames

    assert {name: len(frame) for name, frame in frames.items()} == {
        "bank-0": 1156, "bank-1": 1207, "bank-2": 1389, "bank-3": 702,
    }  # fmt: skip
    assert {name: int(frame["bad"].sum()) for name, frame in frames.items()} == {
        "bank-0": 244, "bank-1": 381, "bank-2": 369, "bank-3": 260,
    }  # fmt: skip


def test_the_federated_card_is_the_pooled_one(demonstration: Demonstration) -> None:
    compared = demonstration.outcome.comparison
    rows = {row.model: row for row in compared.rows}

    alone = [f"bank-{number} alone" for number in range(4)]
    assert list(rows) == [*alone, "federated", "pooled"]
    assert all(row.auc is not None for row in rows.values())
    assert compared.has_equal_bins
    assert compared.coefficient_difference is not None
    assert compared.coefficient_difference < 1e-6
    assert rows["federated"].auc == pytest.approx(rows["pooled"].auc, abs=1e-9)
    assert rows["federated"].ks == pytest.approx(rows["pooled"].ks, abs=1e-9)
    n_train = sum(rows[name].n_train for name in alone)
    assert n_train == rows["pooled"].n_train == rows["federated"].n_train
    assert n_train + compared.n_holdout == 4454


def test_released_metrics_are_those_of_the_rows_within_the_stated_bound(
    demonstration: Demonstration,
) -> None:
    released = demonstration.outcome.result.metrics["holdout"]
    counted = {row.model: row for row in demonstration.outcome.comparison.rows}["federated"]

    assert (released.n, released.bads) == (
        demonstration.outcome.comparison.n_holdout,
        demonstration.outcome.comparison.bads_holdout,
    )
    assert released.auc is not None and released.auc_bound is not None and counted.auc is not None
    assert abs(released.auc - counted.auc) <= released.auc_bound
    assert released.ks == pytest.approx(counted.ks, abs=0.002)


def test_the_saved_model_ranks_as_the_run_said(demonstration: Demonstration) -> None:
    saved = json.loads((demonstration.folder / "result.json").read_text("utf-8"))
    everyone = pd.concat(people().frames.values())

    model = Scorecard.from_json(json.dumps(saved["model"]))

    # All rows together: between training and hold-out, whose AUC the run released.
    everybody = roc_auc_score(everyone["bad"], model.predict_proba(everyone)[:, 1])
    low, high = saved["metrics"]["holdout"]["auc"], saved["metrics"]["train"]["auc"]
    assert min(low, high) < everybody < max(low, high)


def test_it_tells_every_step_and_every_phase(demonstration: Demonstration) -> None:
    told = demonstration.told

    assert [line[0] for line in told.splitlines() if line[:1].isdigit()] == list("1234567")
    for words in ("bin edges", "bins: goods and bads", "Newton step", "judgement"):
        assert words in told
    assert "21.1% bad   45 years and older" in told


def test_it_tells_every_grant_with_what_it_allows(demonstration: Demonstration) -> None:
    issued = [x for x in lines(demonstration.folder / "ledger.db") if x.type == "grant-issued"]

    assert sorted(grant.author for grant in issued) == ["bank-0", "bank-1", "bank-2", "bank-3"]
    for grant in issued:
        assert (
            f"{grant.author}  entry {grant.index:>3}  analyst: sums over all columns of "
            f"{grant.author}/table, modelling, until {grant.data['valid_until'][:10]}"
        ) in demonstration.told


def test_the_result_is_final_by_three_of_four_banks_and_the_regulator(
    demonstration: Demonstration,
) -> None:
    quorum, told = demonstration.outcome.quorum, demonstration.told
    with Store(demonstration.folder / "ledger.db", read_only=True) as store:
        signed = {line.split(" ")[1] for line in store.cosignatures(store.size)}

    banks = {"bank-0", "bank-1", "bank-2", "bank-3"}
    assert quorum.is_final
    assert set(quorum.signed) == signed
    assert "regulator" in signed
    assert len(signed & banks) >= 3
    assert set(quorum.may_be_late) == banks
    assert quorum.never_late == ("regulator",)
    assert "3 of 4 (bank-0, bank-1, bank-2, bank-3) and regulator" in told
    assert "so any one of bank-0, bank-1, bank-2 or bank-3 may be late" in told


def test_its_last_step_is_the_verdict_of_a_verifier_that_knows_nothing_of_fedcredit(
    demonstration: Demonstration,
) -> None:
    told = demonstration.told.splitlines()
    founding = next(lines(demonstration.folder / "ledger.db")).entry_id

    command = f"   $ python3 -I -S verify.py demo.evidence.zip --founding {founding}"
    verdict = told[told.index(command) + 1 :]
    assert [line.strip() for line in verdict] == list(demonstration.outcome.verdict)
    assert verdict[-2:] == [f"   founding entry {founding} (as pinned)", "   VALID: no findings"]


def test_a_package_that_its_own_verifier_refuses_stops_the_demonstration(
    demonstration: Demonstration, tmp_path: Path
) -> None:
    package = tmp_path / "demo.evidence.zip"
    shutil.copyfile(demonstration.folder / "demo.evidence.zip", package)

    with pytest.raises(InvalidEvidenceError, match="its own verifier refuses it") as caught:
        verify_alone(package, founding_entry="0" * 64)

    assert "another founding entry" in caught.value.found


def test_the_table_ends_with_bytes_head_verification_and_report(
    demonstration: Demonstration,
) -> None:
    outcome = demonstration.outcome
    text = outcome.text()

    size, root = outcome.result.checkpoint.split("\n")[1:3]
    assert f"size {size} root {root}" in text
    assert (
        int(size) == outcome.verified.size == len(list(lines(demonstration.folder / "ledger.db")))
    )
    assert "verified to the last signature: no findings" in text
    assert str(demonstration.folder / "report.html") in text
    for party in outcome.result.participation.values():
        assert f"{party.bytes_sent / 1e6:.1f} MB" in text
        assert party.bytes_sent > 1e6


def test_without_the_examples_it_says_how_to_bring_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_people, "EXAMPLE", Path("nowhere.csv"))

    done = fedcredit("demo")

    assert done.code == 13
    assert "fedcredit demo --data FILE.csv --label COLUMN" in done.err
    assert "nowhere" not in done.err


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A user's own file: 600 customers, a constant column, a text that is different in each row."""
    customers = pd.concat(bank_frames().values(), ignore_index=True)
    customers["currency"] = "EUR"
    customers["iban"] = [f"DE{number:05d}" for number in range(len(customers))]
    path = tmp_path / "customers.csv"
    customers.rename(columns={"bad": "default_90d"}).to_csv(path, index=False)
    return path


def test_the_users_own_file_goes_the_same_way(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"

    done = fedcredit(
        "demo", "--data", table, "--label", "default_90d", "--out", out, "--in-process", "--json"
    )

    assert done.code == 0, done.err
    found = done.json()
    assert found["comparison"]["has_equal_bins"]
    assert found["comparison"]["coefficient_difference"] < 1e-6
    assert found["ledger"]["findings"] == []
    assert (out / "report.html").is_file()
    assert "left out: currency, one value only" in done.err
    assert "left out: iban, nearly every row has its own text" in done.err


def test_rows_are_dealt_by_the_hash_of_their_number(table: Path) -> None:
    frames = people(table, "default_90d").frames

    def drawn(row: int) -> float:
        digest = hashlib.sha256(f"fedcredit-demo/v1 row {row}".encode()).hexdigest()
        return int(digest[:16], 16) / 2**64

    assert [i for i in range(600) if drawn(i) < 0.4] == frames["bank-0"].index.tolist()
    assert [i for i in range(600) if 0.9 <= drawn(i)] == frames["bank-3"].index.tolist()
    assert sum(len(frame) for frame in frames.values()) == 600


def test_a_column_that_the_file_lacks_is_named(table: Path) -> None:
    with pytest.raises(SchemaMismatchError, match="no column bad") as caught:
        people(table, "bad")

    assert "default_90d" in caught.value.found


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.csv does not exist"):
        people(tmp_path / "nothing.csv", "bad")


@pytest.mark.parametrize("options", [("--data", "x.csv"), ("--label", "bad")])
def test_data_and_label_belong_together(options: tuple[str, str]) -> None:
    assert fedcredit("demo", *options).code == 2


def test_a_demonstration_that_stops_leaves_only_the_ledger_that_says_why(
    table: Path, tmp_path: Path
) -> None:
    customers = pd.read_csv(table)
    customers["default_90d"] = 0
    customers.to_csv(table, index=False)
    out = tmp_path / "mine"
    out.mkdir()
    (out / "report.html").write_text("an earlier one", encoding="utf-8")
    told = io.StringIO()

    with pytest.raises(NoBadsError):
        demo.run(people(table, "default_90d"), out=out, stream=told, in_process=True)

    assert sorted(path.name for path in out.iterdir()) == ["ledger.db"]
    assert [x.data["error"] for x in lines(out / "ledger.db") if x.type == "run-failed"] == [
        "NoBadsError"
    ]
    assert f"kept: {out / 'ledger.db'}" in told.getvalue()
