"""The notebook of the how-to is executed, block by block, and its command typed."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "from-a-csv-to-a-scorecard.md"


def blocks(language: str) -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the folder in which the notebook ran, and what it printed."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "examples").symlink_to(ROOT / "examples")
    printed, names = io.StringIO(), {}
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        for number, block in enumerate(blocks("python"), start=1):
            exec(compile(block, f"block {number}", "exec"), names)
    return folder, printed.getvalue()


def test_the_notebook_runs_and_shows_what_the_page_promises(notebook: tuple[Path, str]) -> None:
    folder, printed = notebook

    assert (folder / "card" / "report.html").read_text(encoding="utf-8").startswith("<!doctype")
    for words in ("holdout: n", "standard_error", "exact to", "analyst learned", "points_lost"):
        assert words in printed


def test_its_ledger_verifies_as_the_page_says(notebook: tuple[Path, str]) -> None:
    folder, _ = notebook
    (block,) = blocks("sh")
    program, *words = shlex.split(block)

    done = subprocess.run(
        [sys.executable, "-m", "fedcredit", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert program.endswith("fedcredit")
    assert (done.returncode, "no findings" in done.stdout) == (0, True), done.stderr


def test_the_index_leads_to_the_page() -> None:
    assert "from-a-csv-to-a-scorecard.md" in (ROOT / "docs" / "index.md").read_text("utf-8")
