"""The page on validation and monitoring is executed, block by block, and its command typed."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fedcredit.cli import app

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "validate-and-monitor-a-model.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the folder in which the notebook ran, and what it printed."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "examples").symlink_to(ROOT / "examples")
    printed = io.StringIO()
    names: dict[str, object] = {}
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        for number, block in enumerate(blocks("python"), start=1):
            exec(compile(block, f"block {number}", "exec"), names)
        for party, frame in names["frames"].items():  # type: ignore[attr-defined]
            frame.to_csv(f"{party}.csv", index=False)
    return folder, printed.getvalue()


def test_the_notebook_shows_what_the_page_promises(notebook: tuple[Path, str]) -> None:
    folder, printed = notebook
    for words in ("calibration_slope", "DeLong", "adverse_impact_ratio", "captured", "2024-06"):
        assert words in printed
    assert (folder / "evaluation" / "evaluation.json").is_file()


def test_the_command_ends_as_the_page_says(notebook: tuple[Path, str]) -> None:
    folder, _ = notebook
    (toml,), (line,) = blocks("toml"), blocks("sh")
    (folder / "monitor.toml").write_text(toml, "utf-8")
    with contextlib.chdir(folder):
        done = CliRunner().invoke(app, shlex.split(line)[1:])
    assert done.exit_code in (0, 80, 81), done.output
    verdict = {0: "steady", 80: "watch", 81: "act"}[done.exit_code]
    assert f"verdict: {verdict}" in done.stdout


def test_the_index_leads_to_the_page() -> None:
    assert PAGE.name in (ROOT / "docs" / "index.md").read_text("utf-8")
