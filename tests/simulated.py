"""A small federation for the tests: three banks, a few hundred rows each, real keys, no ports.

What a threat test needs beside it: the entries of the ledger, and a coordinator of its own making
in place of the honest one.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

import fedcredit as fc
from fedcredit.coordinator.rounds import Coordinator
from fedcredit.simulation import Simulation
from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.entry import Entry
from fedcredit_ledger.rules import RunState


def bank_frames(n_banks: int = 3, n_rows: int = 200, seed: int = 1) -> dict[str, pd.DataFrame]:
    """Return one table a bank: income, home, age, and who went bad."""
    rng = np.random.default_rng(seed)
    frames = {}
    for bank in range(n_banks):
        income = rng.integers(1_000, 9_000, n_rows)
        home = rng.choice(["own", "rent", "parents"], n_rows)
        age = rng.integers(20, 70, n_rows)
        eta = -1.0 + (4_000 - income) / 2_500 + 0.8 * (home == "rent")
        bad = (rng.random(n_rows) < 1 / (1 + np.exp(-eta))).astype(int)
        frames[f"bank-{bank}"] = pd.DataFrame(
            {"income": income, "home": home, "age": age, "bad": bad}
        )
    return frames


def small_federation(
    frames: Mapping[str, pd.DataFrame] | None = None, **options: Any
) -> fc.Federation:
    """Found a federation over `frames`, by default three banks of 200 rows."""
    return fc.Federation.simulate(frames or bank_frames(), seed=7, quiet=True, **options)


def small_job(**changes: Any) -> fc.HorizontalJob:
    """Return a job over all columns that gives up after some seconds."""
    settings: dict[str, Any] = {
        "purpose": "modelling",
        "label": "bad",
        "min_parties": 3,
        "holdout": 0.3,
        "run_deadline_s": 20,
    }
    return fc.HorizontalJob(**settings | changes)


def parts(federation: fc.Federation) -> Simulation:
    """Return the roles behind the front door."""
    backend = federation._backend
    assert isinstance(backend, Simulation)
    return backend


def entries(federation: fc.Federation, kind: str = "") -> list[Entry]:
    """Return the ledger's entries in order, those of one type when `kind` is given."""
    found = [Leaf.parse(raw).signed.entry for raw in parts(federation).log.leaves()]
    return [entry for entry in found if not kind or entry.type == kind]


def newest_run(federation: fc.Federation) -> RunState:
    """Return the run that was proposed last, as the requester's verified copy has it."""
    ledger = parts(federation).requester.member.ledger
    ledger.refresh()
    return list(ledger.state.runs.values())[-1]


def types_of(federation: fc.Federation, run_id: str) -> list[str]:
    """Return the types of a run's entries, in order."""
    return [e.type for e in entries(federation) if e.data.get("run_id") == run_id]


class ForgingEngine:
    """A coordinator's engine that hands out whatever `forge` makes of the honest sum."""

    def __init__(self, honest: Any, forge: Callable[..., tuple[bytes, ...]]) -> None:
        self._honest = honest
        self._forge = forge

    def add(
        self,
        parameters: Any,
        public: bytes,
        contributions: Mapping[str, tuple[bytes, ...]],
        *,
        length: int,
    ) -> tuple[bytes, ...]:
        """Add honestly, then forge."""
        total = self._honest.add(parameters, public, contributions, length=length)
        return self._forge(public, dict(contributions), total)


def append_as(coordinator: Coordinator, kind: str, data: Mapping[str, Any]) -> str:
    """Sign an entry with the coordinator's key; the id when the ledger takes it."""
    return coordinator.member.ledger.append(kind, dict(data))
