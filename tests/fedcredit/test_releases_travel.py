"""A sealed release travels in its letter, and as a blob beside it when it is large."""

import numpy as np
import pytest

import fedcredit as fc
from fedcredit_parties import releases
from fedcredit_parties.errors import MalformedMessageError
from fedcredit_parties.mailbox import MAX_NOTE_BYTES, Letter
from tests.simulated import parts, small_federation, small_job


def run(federation: fc.Federation) -> fc.TrainingResult:
    for bank in federation.parties:
        federation.grant(bank, purpose="modelling")
    return federation.run(small_job())


def test_a_large_release_goes_beside_its_letter_and_says_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with small_federation() as federation:
        in_letters = run(federation)
    monkeypatch.setattr(releases, "MOST_IN_A_LETTER", 0)

    with small_federation() as federation:
        as_blobs = run(federation)

    assert np.array_equal(as_blobs.model.coef_, in_letters.model.coef_)


def test_the_largest_release_in_a_letter_fits_into_a_note() -> None:
    # Twice base64: once in the body, once around the sealed body.
    assert releases.MOST_IN_A_LETTER * 16 / 9 + 2_000 < MAX_NOTE_BYTES


def test_a_release_that_is_not_base64_is_refused() -> None:
    letter = Letter(
        number=1,
        sender="key-holder",
        kind=releases.RELEASE,
        run_id="run",
        body={"opened": "0" * 64, "sealed": "not base64"},
    )
    with small_federation() as federation:
        member = parts(federation).requester.member

        with pytest.raises(MalformedMessageError, match="not base64"):
            releases._unpacked(member, letter)
