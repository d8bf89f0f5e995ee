"""A federation of daemons for the benchmarks: founded, started, granted, asked, ended."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pandas as pd
from measuring import descendants, proportional_mb
from synthetic_applicants import LABEL, SCHEMA

import fedcredit as fc
from fedcredit.machine import ANALYST, COORDINATOR, KEY_HOLDER, Machine, MachineTable, found
from fedcredit_parties.daemon import PartySetup
from fedcredit_parties.scorecard_task import ScorecardTask

PURPOSE = "modelling"
DEFINITION = "the label column is 1"
TRACING = Path(__file__).parent / "tracing"


class Daemons:
    """Parties, key holder and coordinator as processes of their own, as `fedcredit` starts them.

    Parameters
    ----------
    folder : Path
        New folder; ``trace`` in it holds what the processes wrote of their calls.
    frames : mapping of str to DataFrame
        Each party's rows.
    schema : Schema
        Their declared columns.
    """

    def __init__(
        self, folder: Path, frames: Mapping[str, pd.DataFrame], *, schema: fc.Schema = SCHEMA
    ) -> None:
        self.names = list(frames)
        tables = {
            name: MachineTable(frame=frame, bad_definition=DEFINITION)
            for name, frame in frames.items()
        }
        self.path = found(folder, tables, features=schema.features)
        self.folder = folder
        self.trace = folder / "trace"
        self.trace.mkdir()
        self._machine = Machine(folder)
        self.started_s = 0.0

    def __enter__(self) -> Self:
        """Start everything and let every party grant what the job needs."""
        before = {name: os.environ.get(name) for name in ("PYTHONPATH", "FEDCREDIT_TRACE")}
        paths = [str(TRACING), before["PYTHONPATH"] or ""]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        os.environ["FEDCREDIT_TRACE"] = str(self.trace)
        begun = time.monotonic()
        try:
            self._machine.up()
        except BaseException:
            self.close()
            raise
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
        self.started_s = time.monotonic() - begun
        for name in self.names:
            self._machine.grant(name, purpose=PURPOSE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End everything."""
        self.close()

    def run(
        self, deadline_s: int = 600, *, request: fc.HorizontalJob | None = None
    ) -> tuple[fc.TrainingResult, float, float]:
        """Run a job, by default the scorecard.

        Returns
        -------
        (TrainingResult, float, float)
            The result, seconds from asking to having it, and the begin.
        """
        with fc.Federation.load(self.path, quiet=True) as federation:
            begun = time.monotonic()
            result = federation.run(request or job(deadline_s))
            return result, time.monotonic() - begun, begun

    @property
    def task(self) -> ScorecardTask:
        """The task that :meth:`run` proposes."""
        setup = PartySetup(self.folder / ANALYST / "party.toml")
        return job(600).task(SCHEMA, parties=tuple(self.names), policy=setup.config.disclosure)

    @property
    def split_key(self) -> bytes:
        """The federation's split key, read where the key holder keeps it."""
        key = PartySetup(self.folder / KEY_HOLDER / "party.toml").vault().get("split-key")
        assert key is not None, "the key holder draws it when it starts"
        return key

    def memory_mb(self) -> dict[str, list[float]]:
        """Return the proportional memory of every process now, by what it is."""
        found: dict[str, list[float]] = {}
        for name in (*self.names, KEY_HOLDER, COORDINATOR):
            process = self._machine.process(name)
            assert process is not None, f"{name} does not run"
            role = "party" if name in self.names else name.replace("-", " ")
            found.setdefault(role, []).append(proportional_mb(process))
            for child, words in descendants(process).items():
                found.setdefault(_what(words, role), []).append(proportional_mb(child))
        return found

    def close(self) -> None:
        """End everything."""
        self._machine.down()


def job(deadline_s: int) -> fc.HorizontalJob:
    """Return the scorecard that every side of the comparison fits."""
    return fc.HorizontalJob(purpose=PURPOSE, label=LABEL, holdout=0.0, run_deadline_s=deadline_s)


def bytes_sent(result: fc.TrainingResult) -> dict[str, int]:
    """Return what each party says it has sent."""
    return {name: part.bytes_sent for name, part in result.file.participation.items()}


def _what(words: list[str], role: str) -> str:
    for word, what in (
        ("ckks_child", f"TenSEAL child of the {role}"),
        ("superlink_process", "SuperLink"),
        ("flower-superexec", "SuperExec"),
        ("flwr-serverapp", "ServerApp"),
    ):
        if any(word in each for each in words):
            return what
    return "other"
