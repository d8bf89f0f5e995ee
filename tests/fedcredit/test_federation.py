"""The front door: what one gets, what one may ask, and what is left after closing."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fedcredit as fc
from fedcredit import evidence_file
from fedcredit.errors import JobError
from fedcredit_ledger.__main__ import main as verify_main
from fedcredit_ledger.errors import EvidenceError
from fedcredit_ledger.statement import disclosed
from fedcredit_models.dropped import REASONS
from fedcredit_parties.errors import GrantError
from tests.simulated import bank_frames, entries, parts, small_federation, small_job


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    with small_federation() as federation:
        yield federation


@pytest.fixture(scope="module")
def result(federation: fc.Federation) -> fc.TrainingResult:
    return federation.run(small_job())


def test_the_result_scores_new_people_unseen_levels_and_missing_values(
    result: fc.TrainingResult,
) -> None:
    people = pd.DataFrame(
        {"income": [1_500.0, np.nan, 8_500.0], "home": ["rent", "boat", None], "age": [30, 40, 50]}
    )

    p = result.model.predict_proba(people)

    assert p.shape == (3, 2)
    assert np.allclose(p.sum(axis=1), 1.0)
    assert p[0, 1] > p[2, 1]


def test_the_result_says_first_what_to_look_at(federation: fc.Federation) -> None:
    frames = {
        name: frame.assign(
            opened_on=pd.Timestamp("2024-01-31"),
            customer=[f"{name}-{i}" for i in range(len(frame))],
            branch=3,
            fax=np.nan,
            overdue=np.where(frame["bad"] == 1, 90, 10) + frame.index % 7,
            letters=2 * frame["bad"] + frame.index % 4,
        )
        for name, frame in bank_frames().items()
    }
    with small_federation(frames) as federation:
        result = federation.run(small_job())

    left_out = {name: reason for name, reason in result.model.dropped.items() if name != "age"}
    assert {name: reason.partition(":")[0] for name, reason in left_out.items()} == {
        "opened_on": "holds dates",
        "customer": "is an identifier, a date or free text",
        "branch": "does not vary",
        "fax": "holds no value",
        "overdue": REASONS["separates"].partition(":")[0],
    }
    assert "letters" in result.model.suspicious
    for text in (repr(result), result.summary()):
        assert all(name in text for name in (*left_out, "letters"))
    assert "before the outcome?" in result.summary()
    assert "overdue separates good from bad almost alone" in result.summary()
    again = fc.Scorecard.from_json(result.model.to_json())
    assert again.dropped == result.model.dropped


def test_the_schema_that_is_shown_lists_what_is_left_out_and_no_identifier(
    capsys: pytest.CaptureFixture[str],
) -> None:
    frames = {
        name: frame.assign(customer=[f"{name}-{i}" for i in range(len(frame))])
        for name, frame in bank_frames(n_rows=60).items()
    }

    with fc.Federation.simulate(frames, purposes=()):
        pass

    shown = capsys.readouterr().err
    assert "Left out of a job that names no features:\n  customer is an identifier" in shown
    assert "income" in shown
    assert "bank-1-7" not in shown


def test_a_sample_without_rows_says_so_and_a_small_one_says_nothing() -> None:
    days = pd.date_range("2024-01-01", periods=200, freq="D")
    frames = {name: frame.assign(day=days) for name, frame in bank_frames().items()}
    with small_federation(frames) as federation:
        job = {"time_column": "day", "features": ("income", "home")}
        nobody, few, enough = (
            federation.run(small_job(oot_from=moment, **job)).metrics["oot"]
            for moment in (days[-1] + pd.Timedelta(days=1), days[-1].date(), days[100])
        )

    assert nobody == {"withheld": "no_rows", "n": 0}
    assert few == {"withheld": "min_subjects", "n": None}
    assert enough["n"] == 300


def test_the_history_follows_the_rounds_of_the_ledger(
    federation: fc.Federation, result: fc.TrainingResult
) -> None:
    opened = [e for e in entries(federation, "round-opened") if e.data["run_id"] == result.run_id]

    assert list(result.history["round"]) == [e.data["round"] for e in opened]
    assert list(result.history["outcome"]) == [e.data["outcome"] for e in opened]
    losses = result.history["log_loss"].dropna()
    assert len(losses) >= 3
    assert losses.is_monotonic_decreasing


def test_every_member_learns_what_the_statement_says(result: fc.TrainingResult) -> None:
    said = str(result.disclosure)

    assert "bank-0, bank-1, bank-2 and analyst learned" in said
    assert "no single contribution" in said
    assert "coordinator learned who answered when" in said


def test_every_bank_sent_about_the_same(result: fc.TrainingResult) -> None:
    sent = [row.bytes_sent for row in result.file.participation.values()]

    assert min(sent) > 100_000
    assert max(sent) < 1.2 * min(sent)


def test_a_grant_of_nobody_is_an_error(federation: fc.Federation) -> None:
    with pytest.raises(GrantError, match="bank-9") as refused:
        federation.grant("bank-9", purpose="modelling")

    assert refused.value.expected == "bank-0, bank-1, bank-2"


def test_a_grant_that_does_not_exist_cannot_be_withdrawn(federation: fc.Federation) -> None:
    with pytest.raises(GrantError, match="no grant"):
        federation.revoke("never-issued")


def test_the_seed_decides_who_is_held_out_and_nothing_else() -> None:
    """Same seed, same sums, same model; keys and masks are random every time."""
    models, digests = [], []
    for _ in range(2):
        with small_federation() as federation:
            result = federation.run(small_job(features=("income",)))
            models.append(result.model.to_json())
            digests.append(
                [e.data["payload_digest"] for e in entries(federation, "round-contributed")]
            )

    assert models[0] == models[1]
    assert set(digests[0]).isdisjoint(digests[1])


def test_the_narrow_parameter_set_gives_the_same_model() -> None:
    models = []
    for encryption in ("wide", "narrow"):
        with small_federation() as federation:
            job = small_job(features=("income",), encryption=encryption)
            models.append(federation.run(job).model)

    wide, narrow = models
    assert list(wide.table()["bads"]) == list(narrow.table()["bads"])
    assert np.allclose(wide.table()["coefficient"], narrow.table()["coefficient"], atol=1e-6)


def test_a_ledger_on_disk_verifies_after_closing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ledger.sqlite"
    with small_federation(ledger=path) as federation:
        federation.run(small_job(features=("income",)))

    for level in ("--full", "--rules"):
        assert verify_main(["verify", str(path), level]) == 0, capsys.readouterr()


def test_a_closed_federation_says_so_whatever_it_is_asked() -> None:
    federation = small_federation(bank_frames(3, n_rows=80))
    federation.close()
    federation.close()

    for ask in (
        lambda: federation.run(small_job()),
        lambda: federation.grant("bank-0", purpose="modelling"),
        lambda: federation.revoke("bank-0-modelling-0"),
    ):
        with pytest.raises(JobError, match="closed"):
            ask()
    assert "(closed)" in repr(federation)


def test_closing_ends_every_thread_and_every_child() -> None:
    before = set(threading.enumerate())
    federation = small_federation(bank_frames(3, n_rows=80))
    sim = parts(federation)
    engines = [sim.coordinator.engine, sim.key_holder.engine]
    engines += [holder.engine for holder in sim.holders.values()]
    federation.run(small_job(features=("income",)))
    federation.close()

    left = [t.name for t in set(threading.enumerate()) - before if t.is_alive()]
    assert left == []
    assert [engine.process_id for engine in engines] == [None] * 5


def test_a_result_packs_its_own_evidence_and_discloses_only_what_is_named(
    result: fc.TrainingResult, tmp_path: Path
) -> None:
    withheld = result.evidence(tmp_path / "case.zip")
    shown = result.evidence(tmp_path / "open.zip", disclose=("result",))

    founding = str(result.facts[0]["entry_id"])
    proven = evidence_file.read(withheld, founding_entry=founding)
    assert proven.subject == f"run {result.run_id}"
    assert (proven.missing, proven.n_disclosed) == ([], 0)
    opened = evidence_file.read(shown, founding_entry=founding)
    assert opened.n_disclosed == len(result.file.history)
    documents = [value for openings in disclosed(opened.files).values() for *_, value in openings]
    assert [document["phase"] for document in documents] == list(result.history["phase"])
    with pytest.raises(EvidenceError, match="no opening of n_rows"):
        result.evidence(tmp_path / "none.zip", disclose=("n_rows",))
    assert not (tmp_path / "none.zip").exists()
