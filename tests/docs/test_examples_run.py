"""Every example is executed: its program, and the commands that its README says to type."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in ROOT.glob("examples/*/run.py"))
ENVIRONMENT = os.environ | {
    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    "FLWR_TELEMETRY_ENABLED": "0",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the examples, so that what they write stays out of the checkout."""
    ignored = shutil.ignore_patterns(".fedcredit", "bank-*.csv", "__pycache__")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=ignored)
    return tmp_path


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def test_there_are_examples() -> None:
    assert "horizontal_scorecard" in {folder.name for folder in EXAMPLES}


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_is_short_and_explained(folder: Path) -> None:
    assert len((folder / "run.py").read_text(encoding="utf-8").splitlines()) <= 80
    assert (folder / "README.md").is_file()


@pytest.mark.parametrize("name", [folder.name for folder in EXAMPLES])
def test_the_program_of_an_example_runs(checkout: Path, name: str) -> None:
    done = run([sys.executable, f"examples/{name}/run.py"], checkout)

    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize(
    "name", ["horizontal_scorecard", pytest.param("gbdt_fraud", marks=pytest.mark.long)]
)
def test_the_commands_of_an_example_work_as_its_readme_says(checkout: Path, name: str) -> None:
    folder = checkout / "examples" / name
    readme = (folder / "README.md").read_text(encoding="utf-8")
    asked, looked_at = [
        block.strip().splitlines() for block in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)
    ][1:]
    program = [sys.executable, "-m", "fedcredit"]

    def typed(line: str) -> str:
        words = line.split()
        start = [sys.executable] if words[0].endswith("python") else program
        done = run([*start, *words[1:]], checkout)
        assert done.returncode == 0, (line, done.stderr)
        return done.stdout

    for line in asked:
        typed(line)
    (run_folder,) = (folder / ".fedcredit").iterdir()
    printed = [typed(line.replace("RUN", run_folder.name)) for line in looked_at]

    assert run_folder.name[:8] in printed[0]
    assert (checkout / "report.html").is_file()
    assert "no findings" in printed[-1]
