"""Letters: sealed to one reader, signed by one writer, numbered by the relay."""

import time
from collections.abc import Iterator

import pytest

import fedcredit as fc
from fedcredit_parties import mailbox
from fedcredit_parties.mailbox import Mailbox
from tests.simulated import bank_frames, parts, small_federation


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    with small_federation(bank_frames(3, n_rows=40)) as federation:
        yield federation


def _box(federation: fc.Federation, name: str) -> Mailbox:
    return parts(federation).holders[name].member.mailbox


def test_a_letter_arrives_with_its_writer_kind_run_and_body(federation: fc.Federation) -> None:
    _box(federation, "bank-0").send(
        "bank-1", "hello", {"n": 1, "deep": {"x": [1, "y"]}}, run_id="run-1"
    )

    letter = _box(federation, "bank-1").wait(
        lambda x: x.kind == "hello", deadline=time.monotonic() + 5.0
    )

    assert letter is not None
    assert (letter.sender, letter.run_id) == ("bank-0", "run-1")
    assert letter.body == {"n": 1, "deep": {"x": [1, "y"]}}


def test_the_relay_does_not_read_a_letter_between_two_banks(federation: fc.Federation) -> None:
    _box(federation, "bank-0").send("bank-1", "secret", {"word": "sesquipedalian"})

    notes = [note for _, note in parts(federation).windows["bank-1"].inbox(0)]

    assert any(b'"kind":"secret"' in note for note in notes)
    assert all(b"sesquipedalian" not in note for note in notes)


def test_what_the_coordinator_is_told_is_signed_and_not_sealed(federation: fc.Federation) -> None:
    _box(federation, "bank-0").send("coordinator", "told", {"error": "NoGrantError"})

    notes = [note for _, note in parts(federation).windows["coordinator"].inbox(0)]

    assert any(b'"error":"NoGrantError"' in note for note in notes)


def test_a_letter_delivered_to_the_wrong_member_is_dropped(federation: fc.Federation) -> None:
    _box(federation, "bank-0").send("bank-1", "stray", {"n": 1})
    stray = parts(federation).windows["bank-1"].inbox(0)[-1][1]
    box = _box(federation, "bank-2")
    before = len(box.refused)

    parts(federation).desk.post("bank-2", stray)
    letters = box.all(lambda x: x.kind == "stray")

    assert letters == []
    assert box.refused[before:] == ["MalformedMessageError"]


def test_a_letter_to_a_stranger_cannot_be_written(federation: fc.Federation) -> None:
    with pytest.raises(KeyError):
        _box(federation, "bank-0").send("bank-9", "hello", {})


def test_letters_of_a_run_that_is_over_are_forgotten(federation: fc.Federation) -> None:
    box = _box(federation, "bank-1")
    for run_id in ("over", "live"):
        _box(federation, "bank-0").send("bank-1", "about", {"n": 1}, run_id=run_id)
    assert len(box.all(lambda x: x.kind == "about")) == 2

    box.forget("over")

    assert [x.run_id for x in box.all(lambda x: x.kind == "about")] == ["live"]


def test_a_member_that_writes_without_end_pushes_out_letters_of_its_own_only(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "MAX_LETTERS", 3)
    _box(federation, "bank-0").send("bank-2", "once", {})
    for n in range(5):
        _box(federation, "bank-1").send("bank-2", f"invented-{n}", {})

    letters = _box(federation, "bank-2").all(lambda x: x.sender.startswith("bank-"))

    assert [x.kind for x in letters] == ["once", "invented-2", "invented-3", "invented-4"]


def test_waiting_for_a_letter_ends_at_its_deadline(federation: fc.Federation) -> None:
    started = time.monotonic()

    assert _box(federation, "bank-1").wait(lambda x: False, deadline=started + 0.1) is None
    assert time.monotonic() - started < 3.0
