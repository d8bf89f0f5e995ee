"""Every command is in the reference and has an example; no page names one that is not there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from fedcredit.cli import app

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
    if path.name != "CHANGELOG.md"
)


def commands() -> Iterator[tuple[str, object]]:
    """Yield (words, command) for every verb of the tree."""
    for noun, node in typer.main.get_command(app).commands.items():
        if hasattr(node, "commands"):
            for verb, command in node.commands.items():
                yield f"{noun} {verb}", command
        else:
            yield noun, node


COMMANDS = dict(commands())
OPTIONS = {
    words: {name for param in command.params for name in param.opts if name.startswith("-")}
    | {"--help"}
    for words, command in COMMANDS.items()
}


def quoted(text: str) -> list[str]:
    """Return the command lines of a page: in code blocks by line, and in backticks."""
    found = re.findall(r"^(?:\S*/)?(fedcredit [a-z].*)$", text, flags=re.MULTILINE)
    found += re.findall(r"`(?:[^`\s]*/)?(fedcredit [a-z][^`]*)`", text)
    return [line.split("  #")[0].strip() for line in found]


def test_the_tree_has_the_nouns_of_this_version() -> None:
    assert {"demo", "job check", "job run", "job list", "job show", "job report"} <= set(COMMANDS)
    assert {"ledger show", "ledger verify"} <= set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_stands_in_the_reference(words: str) -> None:
    assert re.search(rf"`fedcredit {words}[ `]", REFERENCE)


@pytest.mark.parametrize("words", COMMANDS)
def test_every_help_has_one_example_that_the_command_understands(words: str) -> None:
    help_text = " ".join((COMMANDS[words].help or "").split())

    examples = re.findall(r"Example: (fedcredit .*)$", help_text)

    assert len(examples) == 1
    assert examples[0].startswith(f"fedcredit {words}")
    assert {o for o in shlex.split(examples[0]) if o.startswith("-")} <= OPTIONS[words]


@pytest.mark.parametrize(
    "words", [words for words in COMMANDS if words.split()[0] in {"demo", "job", "ledger"}]
)
def test_every_command_that_prints_data_prints_json(words: str) -> None:
    assert "--json" in OPTIONS[words]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_names_only_commands_and_options_that_exist(page: Path) -> None:
    for line in quoted(page.read_text(encoding="utf-8")):
        named = line.split()
        noun = named[1]
        if f"{noun} VERB" in line or line == "fedcredit VERB":
            continue
        words = noun if noun in COMMANDS else " ".join(named[1:3])
        known = words in COMMANDS or (
            len(named) == 2 and any(w.startswith(f"{noun} ") for w in COMMANDS)
        )
        assert known, line
        options = {re.split(r"[=\s]", word)[0] for word in named if re.match(r"--?[a-z]", word)}
        assert options <= OPTIONS.get(words, options), line


def test_a_page_with_a_wrong_option_would_be_found() -> None:
    text = "```sh\n.venv/bin/fedcredit ledger verify demo/ledger.db --fully\n```\n`fedcredit demo`"

    assert quoted(text) == ["fedcredit ledger verify demo/ledger.db --fully", "fedcredit demo"]
    assert "--fully" not in OPTIONS["ledger verify"]
