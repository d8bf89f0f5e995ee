"""The command line, called in this process: what it printed where, and its exit code."""

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedcredit.cli import app
from tests.simulated import bank_frames

JOB = """\
purpose = "modelling"
label = "bad"
min_parties = 3
seed = 7
run_deadline_s = 20
"""

PARTIES = """\
[parties]
bank-0 = "bank-0.csv"
bank-1 = "bank-1.csv"
bank-2 = "bank-2.csv"
"""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return what it printed on standard output as a value."""
        return json.loads(self.out)


def fedcredit(*arguments: str | Path) -> Done:
    """Run ``fedcredit ARGUMENTS``."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            app([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Done(code, out.getvalue(), err.getvalue())


def write_job(folder: Path, text: str = JOB + PARTIES, change: Any = None) -> Path:
    """Write a job file and three banks' tables; `change` edits the tables first."""
    frames = bank_frames()
    if change is not None:
        change(frames)
    for name, frame in frames.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    (folder / "job.toml").write_text(text, encoding="utf-8")
    return folder / "job.toml"
