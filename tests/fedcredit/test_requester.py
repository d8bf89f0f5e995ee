"""The requester: what it says while it waits, how soon it hears of a failure, whom it believes."""

import io
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import fedcredit as fc
from fedcredit.errors import JobError
from fedcredit.progress import sentence, show_progress
from fedcredit.run_progress import Progress, least_bytes
from fedcredit_parties.ckks import NARROW, WIDE, Engine, Parameters
from fedcredit_parties.errors import NoGrantError
from fedcredit_parties.failure import FAILED
from fedcredit_parties.mailbox import Letter
from tests.simulated import bank_frames, parts, small_federation, small_job

NOW = Progress(
    phase="newton",
    round=4,
    n_answered=2,
    n_parties=3,
    log_loss=0.448268,
    waiting_for=("bank-1",),
    waiting_s=4.0,
    ciphertext_bytes=12_345_678,
    elapsed_s=9.6,
    deadline_s=120.0,
)


@pytest.fixture(name="declining", scope="module")
def declining_fixture() -> Iterator[fc.Federation]:
    """Four banks, of which the third has granted nothing and the fourth is not asked."""
    with small_federation(bank_frames(n_banks=4), purposes=()) as federation:
        for bank in ("bank-0", "bank-1", "bank-3"):
            federation.grant(bank, purpose="modelling")
        yield federation


def of_three() -> fc.HorizontalJob:
    return small_job(parties=("bank-0", "bank-1", "bank-2"))


def test_a_line_says_round_answers_loss_bytes_time_and_who_is_waited_for() -> None:
    assert sentence(NOW) == (
        "round 4: Newton step, 2 of 3 parties, waiting 4 s for bank-1, log loss 0.448268, "
        "ciphertexts > 12.3 MB, 10 s of 120"
    )
    assert "waiting" not in sentence(replace(NOW, waiting_s=0.4))


def test_a_pipe_gets_a_line_a_round_and_one_for_a_long_wait() -> None:
    stream = io.StringIO()

    with show_progress(None, quiet=False, stream=stream) as told:
        for waiting_s in (0.1, 1.0, 2.0, 3.5, 4.5, 5.5):
            told(replace(NOW, waiting_s=waiting_s))
        told(replace(NOW, round=5, waiting_s=0.0))

    assert [line.split(",")[0] for line in stream.getvalue().splitlines()] == [
        "round 4: Newton step", "round 4: Newton step", "round 5: Newton step",
    ]  # fmt: skip
    assert stream.getvalue().count("waiting 4 s for bank-1") == 1
    assert ["of 3 parties" in line for line in stream.getvalue().splitlines()] == [
        False, True, False,
    ]  # fmt: skip


def test_progress_names_whose_turn_it_is_and_counts_no_more_than_was_sent() -> None:
    told: list[Progress] = []

    with small_federation() as federation:
        result = federation.run(small_job(), progress=told.append)

    sent = sum(part.bytes_sent for part in result.file.participation.values())
    assert 0.8 * sent < told[-1].ciphertext_bytes < sent
    assert told[0].phase == "context" and told[0].waiting_for == ("key-holder",)
    assert told[-1].waiting_for == ()
    names = {"bank-0", "bank-1", "bank-2", "coordinator", "key-holder"}
    assert {name for one in told for name in one.waiting_for} <= names
    assert all(one.elapsed_s <= after.elapsed_s for one, after in pairwise(told))


@pytest.mark.parametrize("parameters", [WIDE, NARROW], ids=lambda p: p.name)
def test_a_ciphertext_is_never_smaller_than_is_told(parameters: Parameters) -> None:
    engine = Engine()
    try:
        public = engine.new_keys(parameters).public
        (one,) = engine.encrypt(parameters, public, np.zeros(parameters.slots, np.int64))
    finally:
        engine.close()

    assert least_bytes(parameters) < len(one) < 1.25 * least_bytes(parameters)


def test_without_a_key_holder_it_is_named_while_it_is_waited_for() -> None:
    told: list[Progress] = []

    with small_federation() as federation:
        parts(federation).key_holder.member.ask_to_stop()
        with pytest.raises(JobError, match="no encryption context") as caught:
            federation.run(small_job(run_deadline_s=1), progress=told.append)

    assert caught.value.party == "key-holder"
    assert len(told) >= 2
    assert {(one.phase, one.waiting_for) for one in told} == {("context", ("key-holder",))}


def test_a_failed_run_is_told_at_once_although_a_release_is_outstanding(
    declining: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fedcredit.requester.absorb_arrived", lambda *about: False)

    begun = time.monotonic()
    with pytest.raises(NoGrantError) as caught:
        declining.run(of_three())

    assert time.monotonic() - begun < 5
    assert caught.value.party == "bank-2"


def test_a_reason_is_believed_from_a_member_of_this_run_and_no_other(
    declining: fc.Federation,
) -> None:
    with pytest.raises(NoGrantError):
        declining.run(of_three())
    requester = parts(declining).requester
    run = list(requester.member.ledger.state.runs.values())[-1]
    letter = Letter(
        number=1, sender="bank-2", kind=FAILED, run_id=run.run_id, body={"error": "NoGrantError"}
    )

    believed = [
        requester._is_reason(replace(letter, **changed), run)
        for changed in (
            {"sender": "bank-2"},
            {"sender": "coordinator"},
            {"sender": "key-holder"},
            {"sender": "bank-3"},
            {"sender": "analyst"},
            {"run_id": "another"},
            {"kind": "release"},
            {"body": {"error": "DataError"}},
        )
    ]

    assert believed == [True, True, True, False, False, False, False, False]
