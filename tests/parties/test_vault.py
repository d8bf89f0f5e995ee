"""What a member keeps across a crash."""

from pathlib import Path

import pytest

from fedcredit_parties.errors import EncryptionError
from fedcredit_parties.vault import Vault

KEY = bytes(range(32))


def test_a_value_is_found_again_by_the_next_process(tmp_path: Path) -> None:
    Vault(tmp_path, key=KEY).put("mask-key.ab", b"secret")

    assert Vault(tmp_path, key=KEY).get("mask-key.ab") == b"secret"


def test_the_folder_does_not_show_the_value(tmp_path: Path) -> None:
    Vault(tmp_path, key=KEY).put("mask-key.ab", b"a very secret value")

    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"very secret" not in written


def test_files_can_be_read_by_their_owner_only(tmp_path: Path) -> None:
    Vault(tmp_path / "vault", key=KEY).put("x", b"1")

    assert (tmp_path / "vault" / "x").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "vault").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-1]), id="cut short"),
        pytest.param(lambda path: path.write_bytes(b"short"), id="shorter than its nonce"),
        pytest.param(
            lambda path: path.write_bytes(
                bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]
            ),
            id="one bit changed",
        ),
    ],
)
def test_a_changed_file_is_refused(tmp_path: Path, spoil: object) -> None:
    vault = Vault(tmp_path, key=KEY)
    vault.put("x", b"1")

    spoil(tmp_path / "x")  # type: ignore[operator]

    with pytest.raises(EncryptionError, match="does not open"):
        vault.get("x")


def test_a_file_under_another_name_is_refused(tmp_path: Path) -> None:
    vault = Vault(tmp_path, key=KEY)
    vault.put("key.run-1", b"1")
    (tmp_path / "key.run-1").rename(tmp_path / "key.run-2")

    with pytest.raises(EncryptionError):
        vault.get("key.run-2")


def test_another_members_key_opens_nothing(tmp_path: Path) -> None:
    Vault(tmp_path, key=KEY).put("x", b"1")

    with pytest.raises(EncryptionError):
        Vault(tmp_path, key=bytes(32)).get("x")


@pytest.mark.parametrize("on_disk", [True, False])
def test_values_are_listed_by_prefix_and_forgotten(tmp_path: Path, on_disk: bool) -> None:
    vault = Vault(tmp_path, key=KEY) if on_disk else Vault()
    for name in ("a.2", "a.1", "b.1"):
        vault.put(name, name.encode())

    vault.delete("a.2")
    vault.delete("never-there")

    assert vault.names("a.") == ["a.1"]
    assert vault.get("a.2") is None
    assert vault.get("b.1") == b"b.1"


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "part-x", ".hidden"])
def test_names_cannot_leave_the_folder(name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        Vault().put(name, b"1")


def test_a_vault_on_disk_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(tmp_path)
