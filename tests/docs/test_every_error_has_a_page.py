"""An exit code is a promise: its number, its page and its class say the same."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs" / "reference" / "exit-codes"

ROOMS = {
    "fedcredit_parties.errors": [*range(10, 40), *range(70, 80)],
    "fedcredit.errors": [*range(40, 50), 80, 81],
    "fedcredit_ledger.errors": range(50, 60),
}

NO_CLASS = {0, 1, 2}
"""Done, unexpected, wrong usage: numbers of the program, not of an error."""


def classes():
    """Yield (module, class) for every error that carries an exit code, where it is defined."""
    for name in ROOMS:
        module = importlib.import_module(name)
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == name and isinstance(getattr(kind, "exit_code", None), int):
                yield name, kind


CLASSES = sorted(classes(), key=lambda pair: (pair[1].exit_code, pair[1].__name__))
NUMBERS = {kind.exit_code for _, kind in CLASSES}


def test_each_room_has_errors_with_numbers():
    assert {module for module, _ in CLASSES} == ROOMS.keys()


@pytest.mark.parametrize(("module", "kind"), CLASSES, ids=lambda x: getattr(x, "__name__", None))
def test_the_number_of_an_error_lies_in_its_rooms_range(module, kind):
    assert kind.exit_code in ROOMS[module]


@pytest.mark.parametrize("kind", [k for _, k in CLASSES], ids=lambda k: k.__name__)
def test_the_page_of_an_error_names_it_and_says_what_to_do(kind):
    page = (PAGES / f"{kind.exit_code}.md").read_text(encoding="utf-8")

    assert page.startswith(f"# {kind.exit_code}")
    assert f"`{kind.__name__}`" in page
    assert "\n## Description\n" in page
    assert "\n## How to resolve\n" in page


@pytest.mark.parametrize("page", sorted(PAGES.glob("[0-9]*.md")), ids=lambda page: page.stem)
def test_a_page_without_a_class_says_that_its_number_is_retired(page):
    number = int(page.stem)

    assert number in NUMBERS | NO_CLASS or "\nRetired" in page.read_text(encoding="utf-8")


def test_the_index_lists_every_page():
    index = (PAGES / "index.md").read_text(encoding="utf-8")
    linked = {int(n) for n in re.findall(r"\]\((\d+)\.md\)", index)}

    assert linked == {int(page.stem) for page in PAGES.glob("[0-9]*.md")}
    assert linked >= NUMBERS
