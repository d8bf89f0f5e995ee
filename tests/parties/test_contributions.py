"""One attempt, one contribution, the same bytes for ever."""

from pathlib import Path

import pytest

from fedcredit_parties.contributions import Contributions, KeptContribution
from fedcredit_parties.vault import Vault


def _made(packed: bytes, n_clipped: int = 3) -> KeptContribution:
    return KeptContribution(tensor="bins", n_ciphertexts=2, n_clipped=n_clipped, packed=packed)


def test_a_repeat_gets_the_same_bytes() -> None:
    kept = Contributions(Vault())
    kept.put("run-1", "ab" * 32, _made(b"ciphertext"))

    kept.put("run-1", "ab" * 32, _made(b"ciphertext"))

    assert kept.get("run-1", "ab" * 32) == _made(b"ciphertext")


def test_what_is_committed_about_it_survives_a_crash(tmp_path: Path) -> None:
    made = _made(b"\n\x00bytes\nof {any} kind\n")
    Contributions(Vault(tmp_path, key=bytes(32))).put("run-1", "ab" * 32, made)

    found = Contributions(Vault(tmp_path, key=bytes(32))).get("run-1", "ab" * 32)

    assert found == made


@pytest.mark.parametrize("other", [_made(b"another"), _made(b"ciphertext", n_clipped=4)])
def test_another_contribution_to_the_same_attempt_is_refused(other: KeptContribution) -> None:
    kept = Contributions(Vault())
    kept.put("run-1", "ab" * 32, _made(b"ciphertext"))

    with pytest.raises(ValueError, match="one contribution"):
        kept.put("run-1", "ab" * 32, other)


def test_a_run_that_is_over_leaves_nothing() -> None:
    kept = Contributions(Vault())
    kept.put("run-1", "ab" * 32, _made(b"1"))
    kept.put("run-2", "ab" * 32, _made(b"2"))

    kept.forget("run-1")

    assert kept.get("run-1", "ab" * 32) is None
    assert kept.get("run-2", "ab" * 32) == _made(b"2")
