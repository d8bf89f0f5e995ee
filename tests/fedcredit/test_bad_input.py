"""Bad input gets a named error: which party, what was expected, what was found, what to do.

One federation stands; each case spoils one thing, runs the job, and puts it right again. Whatever
the case, the ledger says that the run failed and the class of the reason, no model is registered,
no bank keeps a ciphertext or a mask key of the run, and the next correct job works.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fedcredit as fc
from fedcredit import requester
from fedcredit.errors import JobError
from fedcredit_models.schema import Feature, Schema
from fedcredit_parties import releases
from fedcredit_parties.ckks import WIDE, Engine
from fedcredit_parties.errors import (
    BoundsError,
    ConfigError,
    ConstantFeatureError,
    ContextMismatchError,
    DataError,
    ExpiredGrantError,
    GrantError,
    LabelError,
    MalformedMessageError,
    NoBadsError,
    NoGrantError,
    PartyError,
    RepeatedSubjectError,
    SchemaMismatchError,
    SeparableDataError,
    TooFewPartiesError,
)
from fedcredit_parties.wire import Contribution
from tests.simulated import (
    bank_frames,
    entries,
    newest_run,
    parts,
    small_federation,
    small_job,
    types_of,
)

SCHEMA = Schema(
    features=(
        Feature("income", "numeric", unit="EUR", lower=0.0, upper=10_000.0),
        Feature("home", "categorical", levels=("own", "parents", "rent")),
        Feature("age", "numeric", unit="years", lower=18.0, upper=100.0),
        Feature("branch", "numeric", lower=0.0, upper=10.0),
    ),
    label="bad",
)

FEATURES = ("income", "home", "age")

Spoil = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    frames = {name: frame.assign(branch=3.0) for name, frame in bank_frames().items()}
    with small_federation(frames, schema=SCHEMA) as federation:
        yield federation


@pytest.fixture(autouse=True)
def _no_waiting_for_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requester, "REASON_S", 2.0)


def _spoilt(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch, spoil: Spoil, *banks: str
) -> None:
    for bank in banks:
        (table,) = parts(federation).holders[bank].tables.values()
        monkeypatch.setattr(table, "_frame", spoil(table._frame.copy()))


def _refused(
    federation: fc.Federation,
    error: type[Exception],
    *,
    party: str = "",
    says: tuple[str, ...] = (),
    **changes: Any,
) -> Any:
    """Run a job that must fail; check what every failure must leave behind."""
    with pytest.raises(error) as refused:
        federation.run(small_job(**{"features": FEATURES, **changes}))

    told = refused.value
    run = newest_run(federation)
    assert type(told) is error
    assert told.exit_code == error.exit_code >= 10
    assert (told.party, bool(told.remedy)) == (party or told.party, True)
    assert told.expected and told.found
    said = told.diagnostics()
    assert told.remedy in said
    assert [word for word in says if word not in said] == []
    assert str(told.exit_code) in said
    assert run.status == "failed"
    assert run.failure == error.__name__
    assert types_of(federation, run.run_id)[-1] == "run-failed"
    assert [
        e for e in entries(federation, "model-registered") if e.data["run_id"] == run.run_id
    ] == []
    _nothing_is_kept(federation, run)
    return told


def _nothing_is_kept(federation: fc.Federation, run: Any) -> None:
    sim = parts(federation)
    deadline = time.monotonic() + 5.0
    for holder in sim.holders.values():
        while run.run_id not in holder._forgotten and time.monotonic() < deadline:
            sim.desk.wait(lambda: None, 0.02)
        assert run.run_id in holder._forgotten
        kept = holder.mask_keys._vault.names("")
        used = [f"mask-key.{key.epk}" for key in run.mask_keys.get(holder.name, [])]
        assert [name for name in kept if run.run_id in name or name in used] == []
    sim.check()


def in_thousands(frame: pd.DataFrame) -> pd.DataFrame:
    """Amounts in cents where euros were declared."""
    return frame.assign(income=frame["income"] * 100)


def a_label_of_words(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(bad=np.where(frame["bad"] == 1, "bad", "good"))


def a_third_label(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(bad=frame["bad"].where(frame.index != 4, 2))


def a_missing_label(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(bad=frame["bad"].astype(float).where(frame.index != 4))


def without_a_column(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename(columns={"age": "alter"})


def without_the_label(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns="bad")


def text_for_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(age=[f"{age} years" for age in frame["age"]])


def infinity(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(income=frame["income"].astype(float).where(frame.index != 7, np.inf))


def minus_infinity(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(age=frame["age"].astype(float).where(frame.index != 7, -np.inf))


def no_rows(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[:0]


def no_bads(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(bad=0)


def only_bads(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(bad=1)


TABLES: list[tuple[Spoil, type[PartyError], tuple[str, ...]]] = [
    (in_thousands, BoundsError, ("income", "0 to 10000 EUR", "unit")),
    (a_label_of_words, LabelError, ("bad", "0 = good and 1 = bad")),
    (a_third_label, LabelError, ("bad", "another value")),
    (a_missing_label, LabelError, ("bad", "without a label")),
    (without_a_column, SchemaMismatchError, ("age", "one column age", "alter")),
    (without_the_label, SchemaMismatchError, ("bad",)),
    (text_for_numbers, SchemaMismatchError, ("age", "numbers", "categorical")),
    (infinity, SchemaMismatchError, ("income", "finite", "infinity")),
    (minus_infinity, SchemaMismatchError, ("age", "finite", "infinity")),
    (no_rows, DataError, ("empty", "no rows")),
    (no_bads, NoBadsError, ("goods only", "one class")),
    (only_bads, NoBadsError, ("bads only", "one class")),
]


@pytest.mark.parametrize(("spoil", "error", "says"), TABLES, ids=[t[0].__name__ for t in TABLES])
def test_a_table_that_does_not_fit_is_refused_by_its_bank(
    federation: fc.Federation,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Spoil,
    error: type[PartyError],
    says: tuple[str, ...],
) -> None:
    _spoilt(federation, monkeypatch, spoil, "bank-1")

    _refused(federation, error, party="bank-1", says=("bank-1", *says))


@pytest.mark.parametrize("spoil", [in_thousands, a_third_label, infinity, a_missing_label])
def test_a_refusal_says_neither_how_many_rows_nor_which_values(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch, spoil: Spoil
) -> None:
    """A requester chooses the bounds: a count would answer any question about one bank's rows."""
    _spoilt(federation, monkeypatch, spoil, "bank-1")

    told = _refused(
        federation,
        next(error for case, error, _ in TABLES if case is spoil),
        party="bank-1",
    )

    assert not any(character.isdigit() for character in told.found)


def test_a_subject_in_two_rows_of_one_bank_is_refused_when_an_id_column_says_so(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def numbered(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(customer=np.arange(len(frame)))  # the same people at every bank

    def twice(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(customer=np.arange(len(frame)) // 2)

    _spoilt(federation, monkeypatch, numbered, "bank-0", "bank-2")
    _spoilt(federation, monkeypatch, twice, "bank-1")

    told = _refused(
        federation,
        RepeatedSubjectError,
        party="bank-1",
        says=("customer", "one row a subject"),
        id_column="customer",
    )

    assert not any(character.isdigit() for character in told.found)


def test_a_missing_value_is_no_mistake(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def holes(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(
            income=frame["income"].astype(float).where(frame.index % 7 != 0),
            home=frame["home"].where(frame.index % 5 != 0),
        )

    _spoilt(federation, monkeypatch, holes, "bank-0", "bank-2")

    result = federation.run(small_job(features=FEATURES))

    unseen = pd.DataFrame({"income": [np.nan, 4_000.0], "home": [None, "boat"], "age": [30, 40]})
    assert np.isfinite(result.model.predict_proba(unseen)).all()


def test_a_feature_with_one_value_is_named(federation: fc.Federation) -> None:
    _refused(
        federation,
        ConstantFeatureError,
        says=("branch", "leave 'branch' out"),
        features=("income", "branch"),
    )


def it_decides_alone(frame: pd.DataFrame) -> pd.DataFrame:
    """The young are bad and the old are good, without exception."""
    young, old = 20 + frame.index % 20, 50 + frame.index % 20
    return frame.assign(age=np.where(frame["bad"] == 1, young, old))


def test_a_feature_that_decides_alone_has_no_bins_to_release(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    _spoilt(federation, monkeypatch, it_decides_alone, *federation.parties)

    _refused(federation, SeparableDataError, says=("separates",), features=("age",))


def test_a_fit_that_ends_without_an_optimum_releases_no_model(federation: fc.Federation) -> None:
    _refused(
        federation,
        SeparableDataError,
        says=("no optimum within 2 rounds", "raise l2"),
        model=fc.Scorecard(max_rounds=2),
    )


def test_banks_that_mean_something_else_by_bad_are_not_summed(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    (table,) = parts(federation).holders["bank-2"].tables.values()
    monkeypatch.setattr(table, "bad_definition", "90 days past due within a year")

    _refused(federation, SchemaMismatchError, party="bank-2", says=("defines bad differently",))


def test_fewer_parties_than_the_policy_needs_are_refused_before_anything_is_written(
    federation: fc.Federation,
) -> None:
    size = parts(federation).log.size

    with pytest.raises(TooFewPartiesError) as refused:
        federation.run(small_job(parties=("bank-0", "bank-1")))

    assert (refused.value.expected, refused.value.found) == ("at least 3 parties", "2")
    assert refused.value.remedy
    assert parts(federation).log.size == size


def test_fewer_parties_than_the_job_needs_are_refused_before_anything_is_written(
    federation: fc.Federation,
) -> None:
    size = parts(federation).log.size

    with pytest.raises(TooFewPartiesError) as refused:
        federation.run(small_job(min_parties=4))

    assert (refused.value.expected, refused.value.found) == ("at least 4 parties", "3")
    assert parts(federation).log.size == size


def test_a_party_that_is_no_data_holder_is_named(federation: fc.Federation) -> None:
    with pytest.raises(ConfigError) as refused:
        federation.run(small_job(parties=("bank-0", "bank-1", "bank-7")))

    assert "bank-7" in refused.value.diagnostics()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"time_column": "bad"}, "time_column"),
        ({"id_column": "age", "features": FEATURES}, "id_column"),
        ({"split_column": "income", "features": FEATURES}, "split_column"),
        ({"label": "income", "features": FEATURES}, "label"),
        ({"oot_from": "2024-01-01"}, "oot_from"),
    ],
    ids=str,
)
def test_a_column_with_two_roles_is_refused_where_the_job_is_written(
    changes: dict[str, Any], field: str
) -> None:
    for write in (small_job, lambda **job: fc.HorizontalJob.from_dict(job)):
        with pytest.raises(ConfigError) as refused:
            write(**{"purpose": "modelling", "label": "bad", **changes})

        assert field in str(refused.value)
        assert refused.value.remedy


def test_a_column_that_nobody_declared_is_named(federation: fc.Federation) -> None:
    with pytest.raises(SchemaMismatchError) as refused:
        federation.run(small_job(features=("income", "shoe_size")))

    assert refused.value.found == "shoe_size"
    assert "income" in refused.value.expected


def test_a_missing_grant_is_named(federation: fc.Federation) -> None:
    _refused(federation, NoGrantError, says=("no row was read", "fed.grant"), purpose="evidence")


def test_an_expired_grant_is_named(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    for bank, holder in parts(federation).holders.items():
        start = now - timedelta(days=3)
        until = now + timedelta(days=-1 if bank == "bank-2" else 1)
        with monkeypatch.context() as then:
            then.setattr(holder.member, "clock", lambda: now - timedelta(days=2))
            federation.grant(bank, purpose="post_loan", valid_from=start, valid_until=until)

    _refused(
        federation,
        ExpiredGrantError,
        party="bank-2",
        says=("use before", "renew"),
        purpose="post_loan",
    )


TOMORROW = datetime.now(UTC) + timedelta(days=1)

TERMS: list[tuple[dict[str, Any], type[PartyError], str]] = [
    ({"purpose": ""}, GrantError, "name one of the purposes"),
    ({"purpose": "marketing"}, GrantError, "loan_origination"),
    ({"max_uses": -1}, GrantError, "1 or more"),
    ({"max_uses": 0}, GrantError, "1 or more"),
    ({"max_uses": True}, GrantError, "1 or more"),
    ({"valid_until": datetime(2020, 1, 1, tzinfo=UTC)}, ExpiredGrantError, "2020-01-01"),
    ({"valid_until": datetime(2999, 1, 1)}, GrantError, "time zone"),
    ({"valid_from": "2026-01-01"}, GrantError, "str"),
    ({"valid_from": TOMORROW, "valid_until": TOMORROW}, GrantError, "valid_from"),
    ({"features": ["bad", "incom"]}, GrantError, "did you mean income?"),
    ({"features": "income"}, GrantError, "features=['income']"),
    ({"features": ["income"] * 1_000}, GrantError, "leave features out"),
]


@pytest.mark.parametrize(
    ("terms", "error", "says"), TERMS, ids=[f"{'-'.join(t[0])}-{t[2]}" for t in TERMS]
)
def test_terms_that_nobody_can_have_meant_are_refused_before_they_are_signed(
    federation: fc.Federation, terms: dict[str, Any], error: type[PartyError], says: str
) -> None:
    size = parts(federation).log.size

    with pytest.raises(error) as refused:
        federation.grant("bank-1", **{"purpose": "modelling", **terms})

    assert type(refused.value) is error
    assert refused.value.party == "bank-1"
    assert says in refused.value.diagnostics()
    assert parts(federation).log.size == size


def test_a_foreign_context_is_named(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim = parts(federation)
    honest = sim.windows["bank-1"].get_blob
    with Engine() as engine:
        foreign = engine.new_keys(WIDE).public

    def swapped(digest: str) -> bytes:
        context = newest_run(federation).proposal["he_context_digest"]
        return foreign if digest == context else honest(digest)

    monkeypatch.setattr(sim.windows["bank-1"], "get_blob", swapped)

    _refused(federation, ContextMismatchError, party="bank-1", says=("key holder published",))


# A flipped byte, at each place where bytes travel


def test_a_flipped_byte_in_a_contribution_is_found_by_the_coordinator(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = parts(federation).holders["bank-1"]
    honest = holder.answer

    def flipped(header: Any) -> Contribution:
        said = honest(header)
        first = bytearray(said.ciphertexts[0])
        first[len(first) // 2] ^= 1
        return dataclasses.replace(said, ciphertexts=(bytes(first), *said.ciphertexts[1:]))

    monkeypatch.setattr(holder, "answer", flipped)

    _refused(federation, MalformedMessageError, party="bank-1", says=("committed",))


@pytest.mark.parametrize("what", ["contribution", "context", "task", "release"])
def test_a_flipped_byte_in_a_blob_is_found_by_whoever_fetches_it(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    sim = parts(federation)
    reader = {"contribution": "key-holder", "release": "bank-0"}.get(what, "bank-1")
    window = sim.windows[reader]
    honest = window.get_blob

    def flipped(digest: str) -> bytes:
        data = bytearray(honest(digest))
        run = newest_run(federation)
        kind = {
            run.proposal["he_context_digest"]: "context",
            run.proposal["request_digest"]: "task",
        }.get(digest, "contribution" if reader == "key-holder" else "release")
        if kind == what:
            data[len(data) // 2] ^= 4
        return bytes(data)

    monkeypatch.setattr(window, "get_blob", flipped)
    monkeypatch.setattr(releases, "MOST_IN_A_LETTER", 0)  # so that a release is a blob, too
    with pytest.raises(PartyError) as refused:
        federation.run(small_job(features=FEATURES))

    run = newest_run(federation)
    told = refused.value
    assert run.failure == type(told).__name__
    assert told.exit_code > 10 and told.remedy
    assert len(run.opened) == (1 if what == "release" else 0)


def test_the_next_correct_job_works(federation: fc.Federation) -> None:
    result = federation.run(small_job(features=FEATURES))

    assert result.history["outcome"].iloc[-1] == "done"
    failures = entries(federation, "run-failed")
    assert len(failures) > 20
    assert all(entry.data["error"].endswith("Error") for entry in failures)


# What a simulation finds while it declares the columns


@pytest.mark.parametrize("frames", [{}, {"bank-0": pd.DataFrame(), "bank-1": pd.DataFrame()}])
def test_no_rows_at_all_found_no_federation(frames: dict[str, pd.DataFrame]) -> None:
    with pytest.raises(DataError) as refused:
        fc.Federation.simulate(frames, quiet=True)

    assert refused.value.exit_code == 13
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("job", "meant"),
    [
        ({"label": "bda"}, 'label="bad"'),
        ({"time_column": "agee"}, 'time_column="age"'),
        ({"id_column": "customer"}, "correct the job's id_column"),
    ],
    ids=str,
)
def test_a_role_of_no_column_is_told_what_was_meant(job: dict[str, Any], meant: str) -> None:
    with small_federation(bank_frames(n_rows=60)) as federation:
        with pytest.raises(SchemaMismatchError) as refused:
            federation.run(small_job(**job))

        assert meant in refused.value.remedy
        assert not parts(federation).requester.member.ledger.state.runs


STRANGE_TABLES: list[tuple[Callable[[dict[str, pd.DataFrame]], Any], str]] = [
    (lambda frames: list(frames.values()), "a dict of party to DataFrame"),
    (lambda frames: {**frames, "bank-1": frames["bank-1"]["age"]}, "a pandas DataFrame"),
    (lambda frames: {**frames, "bank-1": frames["bank-1"].rename(columns={"age": ""})}, "name"),
    (
        lambda frames: {
            name: pd.concat([f, pd.DataFrame(1, f.index, [f"v{i}" for i in range(250)])], axis=1)
            for name, f in frames.items()
        },
        "keep the label and the columns",
    ),
    (lambda frames: {**frames, "bank-1": pd.concat({"x": frames["bank-1"]}, axis=1)}, "levels"),
]


@pytest.mark.parametrize(("change", "says"), STRANGE_TABLES, ids=[t[1] for t in STRANGE_TABLES])
def test_what_is_no_table_of_a_party_founds_no_federation(
    change: Callable[[dict[str, pd.DataFrame]], Any], says: str
) -> None:
    with pytest.raises(DataError) as refused:
        fc.Federation.simulate(change(bank_frames(n_rows=20)), quiet=True)

    assert says in refused.value.diagnostics()
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ({"policy": {"min_bads": 3}}, "fc.DisclosurePolicy("),
        ({"schema": {"age": "numeric"}}, "fc.Schema("),
        ({"split_key": b"short"}, "32 bytes"),
        ({"bad_definition": {"bank-9": "90 days"}}, "bank-9"),
        ({"bad_definition": None}, "one text a party"),
        ({"ledger": "nowhere/ledger.db"}, "make nowhere/"),
        ({"ledger": __file__}, "take another name, or delete"),
    ],
    ids=lambda x: str(x)[:40],
)
def test_an_option_of_another_kind_is_told_how_to_write_it(
    option: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        fc.Federation.simulate(bank_frames(n_rows=20), quiet=True, **option)

    assert says in refused.value.diagnostics()


def test_what_is_no_job_is_not_run(federation: fc.Federation) -> None:
    for asked in ({"label": "bad"}, fc.Scorecard(), None):
        with pytest.raises(JobError, match="no request"):
            federation.run(asked)  # type: ignore[arg-type]


def test_a_grant_is_revoked_once(federation: fc.Federation) -> None:
    grant_id = federation.grant("bank-0", purpose="blacklist_check")
    federation.revoke(grant_id)

    with pytest.raises(GrantError, match="revoked before"):
        federation.revoke(grant_id)


WRONG_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"lable": "bad"}, "lable - there is no such field; did you mean label?"),
    ({"purpose": "marketing"}, "purpose - must be 'loan_origination', 'post_loan', 'modelling'"),
    ({"features": "income"}, "features - must be a list of names: ['income']"),
    ({"features": ["age", "age"]}, "features - stands twice: age"),
    ({"model": fc.Scorecard}, "model - must be a scorecard, not the class"),
    ({"model": fc.Scorecard(max_bins=1)}, "model - Scorecard.max_bins - must be greater than"),
    ({"holdout": 1.5}, "holdout - must be less than or equal to 0.9"),
    ({"oot_from": "31/12/2023", "time_column": "day"}, "oot_from - must be a date such as"),
    ({"oot_from": pd.NaT, "time_column": "day"}, "oot_from - must be a date such as"),
    ({"oot_from": "nan", "time_column": "day"}, "oot_from - must be a date such as"),
]


@pytest.mark.parametrize(("fields", "line"), WRONG_FIELDS, ids=[w[1][:40] for w in WRONG_FIELDS])
def test_a_wrong_field_of_a_job_is_one_line_in_the_notebook(
    fields: dict[str, Any], line: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        fc.HorizontalJob(**{"purpose": "modelling", "label": "bad", **fields})

    first, *lines = str(refused.value).splitlines()
    assert first == "the job is not valid:"
    assert [found.strip()[: len(line)] for found in lines] == [line]
    assert "pydantic" not in str(refused.value)


def test_every_wrong_field_has_its_line() -> None:
    with pytest.raises(ConfigError) as refused:
        fc.HorizontalJob(lable="bad", min_parties=1)

    assert [line.split(" - ")[0].strip() for line in str(refused.value).splitlines()[1:]] == [
        "purpose",
        "label",
        "min_parties",
        "lable",
    ]


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        ("2024-01-31", "2024-01-31"),
        (date(2024, 1, 31), "2024-01-31"),
        (datetime(2024, 1, 31, tzinfo=UTC), "2024-01-31T00:00:00+00:00"),
        (pd.Timestamp("2024-01-31"), "2024-01-31T00:00:00"),
        (np.datetime64("2024-01-31"), "2024-01-31T00:00:00"),
        (202401, "202401"),
        ("202401", "202401"),
    ],
    ids=str,
)
def test_a_moment_may_be_written_in_any_usual_way(moment: Any, written: str) -> None:
    assert small_job(oot_from=moment, time_column="day").oot_from == written


def test_a_column_that_is_text_at_one_bank_names_that_bank() -> None:
    frames = bank_frames(n_rows=60)
    frames["bank-1"] = frames["bank-1"].assign(age=["old"] * 60)
    with small_federation(frames) as federation:
        with pytest.raises(SchemaMismatchError) as refused:
            federation.run(small_job())

        assert refused.value.party == "bank-1"
        assert "age" in str(refused.value)
        assert not isinstance(refused.value, JobError)
