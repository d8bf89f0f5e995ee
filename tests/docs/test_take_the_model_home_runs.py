"""The how-to on exports is executed from top to bottom, in Python and on the command line."""

import contextlib
import re
import shlex
from pathlib import Path

import pandas as pd

from fedcredit_models.binning_set import Binning
from tests.fedcredit.command_line import fedcredit

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "take-the-model-home.md"


def test_the_page_runs_from_top_to_bottom(tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    blocks = re.findall(r"```(python|sh)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}

    with contextlib.chdir(tmp_path):
        for language, block in blocks:
            if language == "python":
                exec(compile(block, str(PAGE), "exec"), names)
                continue
            for line in block.splitlines():
                done = fedcredit(*shlex.split(line)[1:])
                assert done.code == 0, done.err

    scores = pd.read_csv(tmp_path / "scores.csv")
    assert len(scores) == 4454
    assert {"score", "reason_1", "points_income_cu"} <= set(scores.columns)
    binning = Binning.from_json((tmp_path / "binning.json").read_text(encoding="utf-8"))
    assert binning.pending == ("age_years", "home")
    assert (tmp_path / "card.pmml").read_text(encoding="utf-8").startswith("<?xml")
