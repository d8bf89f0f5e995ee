"""The documents of the room say what the code does."""

import json
import re
from pathlib import Path

from fedcredit_ledger.facts import STAGES
from fedcredit_ledger.types import TYPES

ROOM = Path(__file__).parents[2] / "ledger"
SPEC = (ROOM / "SPEC.md").read_text(encoding="utf-8")
README = (ROOM / "README.md").read_text(encoding="utf-8")
SOURCES = {p.name: p.read_text(encoding="utf-8") for p in (ROOM / "fedcredit_ledger").glob("*.py")}


def test_the_example_of_the_specification_is_the_vector():
    leaf, checkpoint = re.findall(r"```text\n(.*?)```", SPEC, re.DOTALL)[:2]

    vectors = ROOM / "vectors"
    assert leaf == json.loads((vectors / "L1.json").read_text(encoding="utf-8"))["leaf"]
    head = json.loads((vectors / "L2.json").read_text(encoding="utf-8"))["checkpoint"]
    assert checkpoint == head


def test_every_entry_type_has_its_row_with_exactly_its_fields():
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| [^|]*\| ([^|]*) \|$", SPEC, re.MULTILINE))

    assert rows.keys() == TYPES.keys()
    for name, row in TYPES.items():
        fields = [*row.required, *(f"{field}?" for field in row.optional)]
        fields += [f"⊂{c}" for c in row.commits] + [f"⊂{c}?" for c in row.optional_commits]
        assert rows[name].split(", ") == fields


def test_every_stage_of_a_loan_has_its_row_with_exactly_its_fields():
    section = SPEC.partition("## Facts of a loan")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `([a-z]+)` \| ([^|]*) \|$", section, re.MULTILINE))

    assert {name: tuple(row.split(", ")) for name, row in rows.items()} == STAGES


def test_every_code_that_a_rule_raises_is_in_the_table():
    pattern = re.compile(r'RejectedEntryError\(\s*"([a-z-]+)"')
    raised = {code for name, s in SOURCES.items() if "rules" in name for code in pattern.findall(s)}
    raised |= set(pattern.findall(SOURCES["incoming.py"] + SOURCES["types.py"]))
    table = SPEC.partition("## Rules")[2].partition("**Mask keys.**")[0]
    listed = {c for line in table.splitlines() for c in re.findall(r"`([a-z-]+)`", line[:160])}

    assert len(raised) > 30
    assert raised - listed == set()


def test_the_readme_lists_every_file():
    for name in SOURCES.keys() - {"__init__.py"}:
        assert f"`{name}`" in README


def test_the_readme_example_runs(capsys):
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

    exec(compile(program, "README.md", "exec"), {})

    assert capsys.readouterr().out.startswith("fedcredit-ledger-entry/v1\n{")
