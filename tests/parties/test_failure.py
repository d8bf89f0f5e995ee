"""An error crosses to another member as five texts, and comes out as the same error."""

import pytest

from fedcredit_ledger.canonical import encode
from fedcredit_parties.errors import BoundsError, MalformedMessageError, PartyError, by_name
from fedcredit_parties.failure import describe, rebuild

ERROR = BoundsError(
    "column income leaves its declared bounds",
    party="bank-1",
    expected="0 to 10 EUR",
    found="some rows outside",
    remedy="check the unit",
)


def test_an_error_comes_out_as_it_went_in() -> None:
    told = rebuild(describe(ERROR, party="bank-2"))

    assert type(told) is BoundsError
    assert told.diagnostics() == ERROR.diagnostics()


def test_an_error_about_nobody_is_about_its_sender() -> None:
    assert describe(PartyError("m"), party="bank-2")["party"] == "bank-2"


@pytest.mark.parametrize("kind", by_name.values(), ids=list(by_name))
def test_every_class_can_be_told(kind: type[PartyError]) -> None:
    assert type(rebuild(describe(kind("message"), party="p"))) is kind


@pytest.mark.parametrize(
    "text",
    [
        "two\nlines",
        "a\ttab",
        "e\u0301 in two parts",
        "\u202e",
        "\x00",
        "\ud800",
        "x" * 10_000,
        "\u2028",
        "\ufeff",
    ],
)
def test_whatever_a_column_is_called_its_error_can_be_sent(text: str) -> None:
    body = describe(BoundsError(text, expected=text, found=text, remedy=text), party="bank-1")

    assert len(encode(body)) < 40_000
    assert type(rebuild(body)) is BoundsError


@pytest.mark.parametrize(
    "changes",
    [{"error": "SystemExit"}, {"error": "OSError"}, {"error": 3}, {"message": 3}, {"found": None}],
)
def test_a_letter_that_describes_no_known_error_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(MalformedMessageError):
        rebuild({**describe(ERROR, party="p"), **changes})


def test_a_letter_that_lacks_a_text_is_malformed() -> None:
    body = describe(ERROR, party="p")
    del body["remedy"]

    with pytest.raises(MalformedMessageError):
        rebuild(body)
