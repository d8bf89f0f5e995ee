"""What the README tells a newcomer to type exists, and is what continuous integration runs."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

PROMISED = {"setup", "demo", "demo-shot", "test", "test-long", "check", "bench", "clean"}

TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, flags=re.MULTILINE))

PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
)


def words_after_make(text):
    """Return the targets that a text tells its reader to type."""
    return set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", text, flags=re.MULTILINE))


def test_the_promised_targets_exist():
    assert PROMISED <= TARGETS


def test_the_readme_names_the_two_commands_of_a_newcomer():
    assert {"demo", "test"} <= words_after_make(README)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_make_command_of_a_page_exists(page):
    assert words_after_make(page.read_text(encoding="utf-8")) <= TARGETS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_of_a_page_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    links += re.findall(r'src="([^"]+)"', page.read_text(encoding="utf-8"))

    broken = [
        link
        for link in links
        if "://" not in link and not link.startswith("mailto:")
        if not (page.parent / link).exists()
    ]

    assert broken == []


def test_continuous_integration_runs_the_checks_and_the_readmes_tests():
    lines = [line.strip() for line in CI.splitlines()]

    assert "make check" in lines
    assert any(line.startswith("make test ") for line in lines)


def test_make_help_lists_every_target():
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert {line.split()[1] for line in shown.splitlines()} == TARGETS


def test_what_the_project_declares_is_pinned_once_and_by_version_only():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = project["dependencies"] + project["optional-dependencies"]["dev"]
    pins = [
        line
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    names = [pin.partition("==")[0].lower() for pin in pins]

    assert {re.split(r"[<>=~!\[]", need)[0].lower() for need in declared} <= set(names)
    assert len(names) == len(set(names))
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*", pin)] == []


def test_the_version_stands_in_the_changelog():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[([^\]]+)\]", changelog, flags=re.MULTILINE)

    assert headings[0] in {"Unreleased", project["version"]}
