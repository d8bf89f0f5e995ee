"""Parcelling by hand; it says that it assumes."""

import pytest

from fedcredit_models.reject_inference import NOTE, parcel


def test_two_bands_by_hand() -> None:
    safe, risky = parcel([900, 100], [18, 20], [100, 400], factor=1.5)
    assert safe.inferred_bad_rate == pytest.approx(0.03)
    assert risky.inferred_bad_rate == pytest.approx(0.3)
    assert (safe.inferred_bads, risky.inferred_bads) == pytest.approx((3.0, 120.0))
    assert risky.weights == pytest.approx((0.3, 0.7))
    assert risky.augmented == pytest.approx((140.0, 360.0))


def test_weighted_rejects_add_up_to_the_through_the_door_population() -> None:
    bands = parcel([500, 300, 200], [5, 15, 40], [50, 150, 600])
    assert sum(sum(band.augmented) for band in bands) == pytest.approx(1800)


def test_a_rate_is_at_most_one() -> None:
    assert parcel([10], [8], [5], factor=2.0)[0].inferred_bad_rate == 1.0


@pytest.mark.parametrize(
    ("accepted", "bads", "rejects", "factor", "said"),
    [
        ([10, 10], [1], [1, 1], 2.0, "same bands"),
        ([10], [1], [1], 0.5, "factor"),
        ([10], [11], [1], 2.0, "no more bads"),
        ([0], [0], [4], 2.0, "merge"),
    ],
)
def test_what_cannot_be_inferred_is_refused(
    accepted: list[int], bads: list[int], rejects: list[int], factor: float, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        parcel(accepted, bads, rejects, factor=factor)


def test_the_note_says_that_outcomes_are_assumed() -> None:
    assert "assumed, not observed" in NOTE
