"""party.toml: strict, and every complaint names its key."""

from pathlib import Path

import pytest

from fedcredit_parties.config import PartyConfig, toml_text
from fedcredit_parties.errors import ConfigError

GOOD = f"""
name = "bank-a"
role = "data-holder"
origin = "ledger.example/demo"
coordinator = "https://coordinator.example:8443"
ca_file = "ca.crt"
app_hash = "{"0" * 64}"

[trust]
founding_entry = "{"1" * 64}"
key_holder = "bureau+5202289b+AYEK"
peers = {{ bank-b = "bank-b+b82976c0+BCgo" }}

[[data]]
name = "consumer_2025"
path = "consumer.parquet"

[disclosure]
min_subjects = 20
"""


def read(folder: Path, text: str) -> PartyConfig:
    path = folder / "party.toml"
    path.write_text(text, "utf-8")
    return PartyConfig.read(path)


def test_a_good_file_is_read(tmp_path: Path) -> None:
    config = read(tmp_path, GOOD)

    assert config.trust.trust.peers == {"bank-b": "bank-b+b82976c0+BCgo"}
    assert config.data[0].name == "consumer_2025"
    assert config.disclosure.min_subjects == 20


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        pytest.param("role =", "rolle =", "rolle - Extra inputs", id="a key that is misspelt"),
        pytest.param('"data-holder"', '"server"', "role - Input should be", id="no such role"),
        pytest.param("https://", "http://", "coordinator - String", id="an address without TLS"),
        pytest.param('"1111', '"xyz1', r"trust\.founding_entry", id="a founding entry not hex"),
        pytest.param("= 20", "= -1", r"disclosure\.min_subjects", id="a negative cell"),
        pytest.param(
            'path = "', 'code = "', r"data\.0\.code - Extra", id="a table that names code"
        ),
        pytest.param("[trust]", "[trust", "not TOML", id="not TOML at all"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        read(tmp_path, GOOD.replace(old, new, 1))


def test_a_missing_file_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        PartyConfig.read(tmp_path / "party.toml")

    assert "federation init" in caught.value.diagnostics()


def test_text_is_quoted_for_toml() -> None:
    assert toml_text('a "b" \\ c') == '"a \\"b\\" \\\\ c"'
    with pytest.raises(ValueError, match="control"):
        toml_text("a\nb")
