"""The page about looking at data and binning it is executed, block by block."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from fedcredit_models.information_value import LeakageWarning

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "look-at-the-data-and-bin-it.md"


@pytest.mark.filterwarnings("default::fedcredit_models.information_value.LeakageWarning")
def test_the_page_runs_and_shows_what_it_promises(tmp_path: Path) -> None:
    assert issubclass(LeakageWarning, UserWarning)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    printed, names = io.StringIO(), {}
    with contextlib.chdir(tmp_path), contextlib.redirect_stdout(printed):
        for number, block in enumerate(blocks, start=1):
            exec(compile(block, f"block {number}", "exec"), names)
    names["banks"].close()
    for words in ("cramers_v", "verdict", "('income_cu',", "> 250", "points"):
        assert words in printed.getvalue()


def test_the_index_leads_to_the_page() -> None:
    assert PAGE.name in (ROOT / "docs" / "index.md").read_text("utf-8")
