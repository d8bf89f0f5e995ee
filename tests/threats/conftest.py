"""One small federation for a whole file: an attack that fails leaves it able to work."""

from collections.abc import Iterator

import pytest

import fedcredit as fc
from fedcredit import requester
from fedcredit_parties.ckks import Engine
from tests.simulated import bank_frames, small_federation


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    with small_federation() as federation:
        yield federation


@pytest.fixture(scope="module")
def four_banks() -> Iterator[fc.Federation]:
    with small_federation(bank_frames(4)) as federation:
        yield federation


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


@pytest.fixture(autouse=True)
def _no_waiting_for_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed run whose reason nobody sends is told after half a second instead of five."""
    monkeypatch.setattr(requester, "REASON_S", 0.5)
