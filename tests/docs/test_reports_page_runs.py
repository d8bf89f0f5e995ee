"""The commands of the page about reports are typed as they stand there."""

import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from tests.fedcredit.command_line import Done, fedcredit

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "write-the-reports.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, Done]]]:
    """Return the folder, and every command of the page with what it gave, in order."""
    folder, name = tmp_path_factory.mktemp("page"), ""
    ignored = shutil.ignore_patterns(".fedcredit", "bank-*.csv", "__pycache__")
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=ignored)
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)).splitlines():
            program, *words = shlex.split(line)
            if program == "python":
                patch.setattr(sys, "argv", words)
                runpy.run_path(words[0], run_name="__main__")
                continue
            done = fedcredit(*[name if word == "RUN" else word for word in words])
            found.append((" ".join(words[:2]), done))
            name = name or next((folder / "runs").iterdir()).name
    return folder, found


def test_every_command_of_the_page_does_what_it_says(
    typed: tuple[Path, list[tuple[str, Done]]],
) -> None:
    folder, done = typed

    assert [(words, one.err) for words, one in done if one.code] == []
    assert len(done) == 8
    for name in ("development.html", "development-zh.html", "validation.html", "model-card.json",
                 "model-card.md", "metrics.json", "mlruns/0/meta.yaml"):  # fmt: skip
        assert (folder / name).stat().st_size > 100
    assert 'lang="zh-Hans"' in (folder / "development-zh.html").read_text("utf-8")
    assert done[-1][1].out.startswith("auc.holdout = 0.")


def test_the_definition_of_the_job_file_is_in_the_report(
    typed: tuple[Path, list[tuple[str, Done]]],
) -> None:
    folder, _ = typed

    text = (folder / "development.html").read_text("utf-8")

    assert "the loan went bad by the lender&#39;s own records" in text


def test_the_index_leads_to_the_page() -> None:
    assert "write-the-reports.md" in (ROOT / "docs" / "index.md").read_text("utf-8")
