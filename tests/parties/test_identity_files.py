"""Private keys on disk."""

import json
from pathlib import Path

import pytest

from fedcredit_parties.errors import ConfigError
from fedcredit_parties.identity import Identity
from fedcredit_parties.identity_files import (
    fingerprint,
    load_identity,
    save_identity,
    vault_key,
)


@pytest.fixture(name="saved")
def saved_fixture(tmp_path: Path) -> tuple[Identity, Path]:
    identity = Identity.generate("bank-a", ("data-holder", "witness"))
    save_identity(identity, tmp_path / "identity")
    return identity, tmp_path / "identity"


def test_an_identity_is_the_same_after_a_restart(saved: tuple[Identity, Path]) -> None:
    identity, folder = saved

    again = load_identity(folder)

    assert again.founder() == identity.founder()
    assert vault_key(again) == vault_key(identity)


def test_an_identity_is_never_overwritten(saved: tuple[Identity, Path]) -> None:
    with pytest.raises(ConfigError, match="already"):
        save_identity(Identity.generate("bank-a", ("witness",)), saved[1])


def test_a_file_that_others_can_read_is_refused(saved: tuple[Identity, Path]) -> None:
    (saved[1] / "identity.json").chmod(0o644)

    with pytest.raises(ConfigError, match="read by others"):
        load_identity(saved[1])


def test_what_is_handed_out_holds_no_secret(saved: tuple[Identity, Path]) -> None:
    identity, folder = saved
    secrets = json.loads((folder / "identity.json").read_text("utf-8"))

    public = (folder / "founder.json").read_text("utf-8")

    for name in ("signing", "witness", "recovery", "mask_key", "node"):
        assert secrets[name] not in public
    assert identity.signing.vkey in public


def test_rubbish_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "identity.json").write_text("{}", "utf-8")
    (tmp_path / "identity.json").chmod(0o600)

    with pytest.raises(ConfigError, match="not an identity"):
        load_identity(tmp_path)


def test_a_fingerprint_can_be_read_aloud() -> None:
    # printf 'x' | sha256sum begins 2d711642 b726b044 01627ca9 fbac32f5
    assert fingerprint("x") == "2d71 1642 b726 b044 0162 7ca9 fbac 32f5"
