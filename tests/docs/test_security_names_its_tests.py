"""SECURITY.md and tests/threats/ say the same: a claim without a test is an advertisement."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_claim_names_a_threat_test_and_every_threat_test_is_named():
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_[a-z0-9_]+\.py)`", page))

    assert named == {path.name for path in (ROOT / "tests" / "threats").glob("test_*.py")}


def test_every_row_of_the_claims_ends_with_a_test():
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    claims = page.partition("| claim | test |")[2].partition("\n## ")[0].strip().splitlines()[1:]

    assert claims
    assert [row for row in claims if not re.search(r"\| .*`test_[a-z0-9_]+\.py`.* \|$", row)] == []
