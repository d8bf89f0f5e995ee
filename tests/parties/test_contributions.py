"""One attempt, one contribution, the same bytes for ever."""

import pytest

from fedcredit_parties.contributions import Contributions
from fedcredit_parties.vault import Vault


def test_a_repeat_gets_the_same_bytes() -> None:
    kept = Contributions(Vault())
    kept.put("run-1", "ab" * 32, b"ciphertext")

    kept.put("run-1", "ab" * 32, b"ciphertext")

    assert kept.get("run-1", "ab" * 32) == b"ciphertext"


def test_other_bytes_for_the_same_attempt_are_refused() -> None:
    kept = Contributions(Vault())
    kept.put("run-1", "ab" * 32, b"ciphertext")

    with pytest.raises(ValueError, match="one contribution"):
        kept.put("run-1", "ab" * 32, b"another")


def test_a_run_that_is_over_leaves_nothing() -> None:
    kept = Contributions(Vault())
    kept.put("run-1", "ab" * 32, b"1")
    kept.put("run-2", "ab" * 32, b"2")

    kept.forget("run-1")

    assert kept.get("run-1", "ab" * 32) is None
    assert kept.get("run-2", "ab" * 32) == b"2"
