"""Fresh mask keys: kept until the contribution is, then gone."""

from pathlib import Path

import pytest

from fedcredit_parties.errors import ReplayedMessageError
from fedcredit_parties.mask_keys import MaskKeys
from fedcredit_parties.vault import Vault


def test_a_key_survives_a_restart_until_it_is_erased(tmp_path: Path) -> None:
    public = MaskKeys(Vault(tmp_path, key=bytes(32))).fresh()

    after = MaskKeys(Vault(tmp_path, key=bytes(32)))

    assert after.get(public).public_key().public_bytes_raw().hex() == public
    after.erase(public)
    with pytest.raises(ReplayedMessageError, match="used before"):
        after.get(public)
    assert len(after) == 0


def test_two_keys_are_never_the_same() -> None:
    keys = MaskKeys(Vault())

    assert len({keys.fresh() for _ in range(100)}) == 100
    assert len(keys) == 100


def test_a_key_made_elsewhere_is_not_used() -> None:
    theirs = MaskKeys(Vault()).fresh()

    with pytest.raises(ReplayedMessageError):
        MaskKeys(Vault()).get(theirs)
