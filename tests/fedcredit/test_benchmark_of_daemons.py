"""The benchmark of daemons measures what it says: its code runs, its parts add up to a round."""

import importlib
import json
import operator
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from flwr.app import Context, Message
from flwr.clientapp import ClientApp

import fedcredit as fc
from fedcredit.coordinator.app_hash import APP, fab_hash
from fedcredit.coordinator.in_process_grid import InProcessGrid
from fedcredit_models.merging import CellRules
from fedcredit_parties.disclosure import DisclosurePolicy

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FOLDERS = (BENCHMARKS, BENCHMARKS / "plain_app", BENCHMARKS / "tracing")


@pytest.fixture(name="modules", autouse=True)
def modules_fixture(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the scripts be imported as they import each other."""
    before = set(sys.modules)
    for folder in FOLDERS:
        monkeypatch.syspath_prepend(str(folder))
    site = sys.modules.pop("sitecustomize", None)
    yield
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and "benchmarks" in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]
    if site is not None:
        sys.modules["sitecustomize"] = site


def script(name: str) -> ModuleType:
    return importlib.import_module(name)


def test_every_call_that_is_timed_exists() -> None:
    for module, names in script("sitecustomize").CALLS.items():
        for name in names:
            assert callable(operator.attrgetter(name)(importlib.import_module(module))), name


def test_the_deployment_benchmark_can_be_imported() -> None:
    assert callable(script("deployment").main)


def test_no_daemon_would_answer_the_plain_app() -> None:
    assert fab_hash(BENCHMARKS / "plain_app") != fab_hash(APP)


def test_plain_rounds_give_the_card_of_the_pooled_rows() -> None:
    synthetic, party = script("synthetic_applicants"), script("plain_party")
    frame = synthetic.applicants(1500)
    frames = {f"bank-{i}": frame.iloc[i::3] for i in range(3)}
    parties = {name: party.PlainParty(rows) for name, rows in frames.items()}
    grid = InProcessGrid({name: _app(one) for name, one in parties.items()})
    job = fc.HorizontalJob(purpose="modelling", label=synthetic.LABEL, holdout=0.0)
    task = job.task(synthetic.SCHEMA, parties=tuple(frames), policy=DisclosurePolicy())
    plan = {"task": task.document().decode(), "split_key": "00" * 32}

    found = script("plain_app").scorecard(grid, list(grid.name_of), plan)
    grid.close()

    pooled = fc.Scorecard().fit(
        frame.drop(columns=synthetic.LABEL),
        frame[synthetic.LABEL],
        schema=synthetic.SCHEMA,
        cells=CellRules(),
    )
    coefficients = [pooled.intercept_, *pooled.coef_]
    assert np.allclose(found["coefficients"], coefficients, atol=1e-9, rtol=0)
    assert len(found["moments"]) == len(found["documents"]) + 1


def test_the_parts_of_a_round_add_up_to_it(tmp_path: Path) -> None:
    # Times in tenths of a second; one party (process 2), key holder (3), coordinator (1).
    lines = {
        1: [
            ("Coordinator.carry_out", 0, 60, ""),
            ("Coordinator._attempt", 1, 3, ""),
            ("LedgerClient.append", 1, 3, "round-attempted"),
            ("Coordinator._collect", 3, 30, "entry"),
            ("FrontClient.put_blob", 31, 32, ""),
            ("Engine.add", 32, 34, ""),
            ("LedgerClient.append", 34, 36, "round-aggregated"),
            ("Coordinator._wait_for_opening", 37, 50, ""),
        ],
        2: [
            ("DataHolder.answer", 6, 25, "entry"),
            ("DataHolder._contribute", 7, 16, "entry"),
            ("addend", 8, 10, ""),
            ("Engine.encrypt", 10, 13, ""),
            ("LedgerClient.append", 14, 16, "round-contributed"),
            ("LedgerClient.witnessed", 16, 25, ""),
        ],
        3: [
            ("KeyHolder.open", 39, 55, "aggregated"),
            ("LedgerClient.witnessed", 39, 41, ""),
            ("Engine.add", 42, 43, ""),
            ("Engine.open", 43, 45, ""),
            ("release", 45, 46, ""),
            ("LedgerClient.append", 46, 48, "round-opened"),
        ],
    }
    for process, calls in lines.items():
        text = [json.dumps([n, b / 10, e / 10, 1, about]) for n, b, e, about in calls]
        (tmp_path / f"{process}.jsonl").write_text("\n".join(text), "utf-8")

    (one,) = script("round_split").Trace(tmp_path, since=0.0, until=10.0).rounds()

    assert sum(one.parts.values()) == pytest.approx(one.seconds) == pytest.approx(5.9)
    assert {part: round(seconds, 6) for part, seconds in one.parts.items()} == {
        "flower": 0.9,  # 3 to 7 the header, 25 to 30 the reply
        "crypto": 0.8,  # encrypt 3, add 2, add 1, open 2
        "quorum": 1.1,  # 16 to 25, 39 to 41
        "ledger": 1.3,  # entries 2 + 2 + 2 + 2, blob 1, the letter 2, the news of the opening 2
        "sums": 0.3,
        "remainder": 1.5,
    }


def test_a_round_without_its_calls_is_refused(tmp_path: Path) -> None:
    calls = [["Coordinator.carry_out", 0, 9, 1, ""], ["Coordinator._attempt", 1, 3, 1, ""]]
    (tmp_path / "1.jsonl").write_text("\n".join(map(json.dumps, calls)), "utf-8")

    with pytest.raises(ValueError, match="the trace holds no"):
        script("round_split").Trace(tmp_path, since=0.0, until=10.0).rounds()


def _app(party: object) -> ClientApp:
    app = ClientApp()

    @app.query("sum")
    def answer(message: Message, context: Context) -> Message:
        return party.sum(message)  # type: ignore[attr-defined,no-any-return]

    return app


def test_rows_for_the_peers_hold_what_the_schema_declares(tmp_path: Path) -> None:
    synthetic = script("synthetic_applicants")
    frame: pd.DataFrame = synthetic.applicants(300)

    n_columns = script("peers.nvflare_he").write_sites(frame, tmp_path)

    sites = [np.load(tmp_path / f"site-{i}.npz") for i in (1, 2, 3)]
    assert sum(len(site["y"]) for site in sites) == 300
    # An intercept, ten numbers, and every level of two categories but the first: 2 + 3.
    assert {site["X"].shape[1] for site in sites} == {n_columns} == {16}
    assert all(np.isfinite(site["X"]).all() for site in sites)
