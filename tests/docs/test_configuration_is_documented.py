"""The pages on party.toml and coordinator.toml list exactly the keys that the files may hold."""

import re
import tomllib
from pathlib import Path

import pytest

from fedcredit.connection import FederationConfig
from fedcredit.coordinator.config import CoordinatorConfig
from fedcredit.witness.config import WitnessConfig
from fedcredit_parties.config import DataConfig, PartyConfig, TellConfig, TrustConfig
from fedcredit_parties.disclosure import DisclosurePolicy

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PARTY = (REFERENCE / "party-toml.md").read_text("utf-8")
COORDINATOR = (REFERENCE / "coordinator-toml.md").read_text("utf-8")
WITNESS = (REFERENCE / "witness-toml.md").read_text("utf-8")


def section(page: str, heading: str = "") -> str:
    """Return the part of a page under a heading, or before the first one."""
    parts = re.split(r"^## ", page, flags=re.MULTILINE)
    return next(p for p in parts[1:] if p.startswith(heading)) if heading else parts[0]


def keys(text: str) -> set[str]:
    """Return the keys in the first cells of a section's tables."""
    cells = re.findall(r"^\| (`[^|]*`) \|", text, flags=re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`([a-z_]+)`", cell)}


@pytest.mark.parametrize(
    ("page", "heading", "model"),
    [
        pytest.param(PARTY, "", PartyConfig, id="party.toml"),
        pytest.param(PARTY, "[trust]", TrustConfig, id="its trust table"),
        pytest.param(PARTY, "[[data]]", DataConfig, id="its data tables"),
        pytest.param(PARTY, "[disclosure]", DisclosurePolicy, id="its disclosure table"),
        pytest.param(PARTY, "[tell]", TellConfig, id="its table of what it tells"),
        pytest.param(PARTY, "federation.toml", FederationConfig, id="federation.toml"),
        pytest.param(COORDINATOR, "", CoordinatorConfig, id="coordinator.toml"),
        pytest.param(WITNESS, "", WitnessConfig, id="witness.toml"),
    ],
)
def test_a_page_lists_every_key_and_no_other(page: str, heading: str, model: type) -> None:
    assert keys(section(page, heading)) == set(model.model_fields)


def test_the_example_of_a_party_is_a_whole_file() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PARTY, flags=re.DOTALL)

    config = PartyConfig.parse(tomllib.loads(text), name="the example")

    assert set(config.trust.peers) == {"bank-b", "tax-office"}


def test_a_key_that_a_page_forgets_would_be_found() -> None:
    page = (
        "| key | what |\n| --- | --- |\n| `name`, `role` | two |\n| `origin` | one |\n\n## More\n"
    )

    assert keys(section(page)) == {"name", "role", "origin"}
