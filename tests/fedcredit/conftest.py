"""A saved result written by hand, and one real demonstration that several files of tests share."""

import io
import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import fedcredit as fc
from fedcredit import demo, ledger_file
from fedcredit.card import Card, CoefficientRow, PointsRow
from fedcredit.demo_outcome import Outcome
from fedcredit.demo_people import people
from fedcredit.evaluation import Evaluation
from fedcredit.evaluation_file import EvaluationFile
from fedcredit.result_file import ResultFile
from tests.simulated import bank_frames, small_federation, small_job

TYPES = (
    "grant-issued",
    "run-proposed",
    "run-started",
    "round-contributed",
    "round-opened",
    "round-opened",
    "round-opened",
    "round-opened",
    "run-finished",
    "model-registered",
)


def entry_id(index: int) -> str:
    """Return the made-up id of the entry at `index`."""
    return sha256(f"entry {index}".encode()).hexdigest()


def facts() -> list[dict[str, object]]:
    """Return the ledger's facts that the saved result cites."""
    return [
        {
            "index": index,
            "entry_id": entry_id(index),
            "type": kind,
            "author": "bank-0" if kind == "round-contributed" else "key-holder",
            "received": f"2026-11-23T16:00:{index:02d}.000Z",
        }
        for index, kind in enumerate(TYPES)
    ]


def sample(n: int, bads: int) -> dict[str, Any]:
    """Return one sample's metrics: bands of 40 points, bads thinning out to the safe side."""
    bands = [
        {
            "eta_low": 0.5 - 0.4 * k,
            "eta_high": 0.9 - 0.4 * k,
            "points_low": 420 + 20 * k,
            "points_high": 440 + 20 * k,
            "n": n // 10,
            "bads": bads * (10 - k) // 55,
        }
        for k in range(10)
    ]
    return {
        "n": n,
        "bads": bads,
        "auc": 0.7421,
        "auc_bound": 0.00004,
        "ks": 0.3312,
        "gini": 0.4842,
        "gini_low": 0.4311,
        "gini_high": 0.5373,
        "brier": 0.1543,
        "bands": bands,
        "roc": [{"fpr": k / 10, "tpr": 1 - (1 - k / 10) ** 2.6} for k in range(11)],
        "calibration": [
            {"mean_p": 0.06 * k, "bad_rate": 0.055 * k + 0.01, "n": n // 8} for k in range(1, 9)
        ],
    }


def saved() -> dict[str, Any]:
    """Return ``result.json`` as the value it parses to."""
    parties = ["bank-0", "bank-1", "bank-2"]
    phases = ["quantiles", "bins", "newton", "metrics"]
    return {
        "format": "fedcredit-result/v1",
        "run_id": "0198f2a4-0000-7000-8000-000000000001",
        "label": "bad",
        "purpose": "modelling",
        "requester": "analyst",
        "parties": parties,
        "started": "2026-11-23T16:00:01.000Z",
        "finished": "2026-11-23T16:00:09.000Z",
        "model": {},
        "history": [
            {
                "round": k + 1,
                "phase": phase,
                "log_loss": 0.5123 if phase == "newton" else None,
                "step_size": 1.0 if phase == "newton" else None,
                "outcome": "continue",
                "entry": entry_id(4 + k),
                "index": 4 + k,
            }
            for k, phase in enumerate(phases)
        ],
        "metrics": {
            "train": sample(3118, 880),
            "holdout": sample(1336, 374) | {"population_stability": 0.0123},
            "oot": {"withheld": "min-bads"},
        },
        "participation": {
            party: {"bytes_sent": 1_234_567, "n_contributions": 4, "entries": [entry_id(3)]}
            for party in parties
        },
        "disclosure": [
            {
                "function": "quantile-edges",
                "released": "bin edges of 2 features",
                "to": [*parties, "analyst"],
                "entry": entry_id(4),
            }
        ],
        "figures": {
            "auc.train": entry_id(7),
            "auc.holdout": entry_id(7),
            "bands.train": entry_id(7),
            "bands.holdout": entry_id(7),
            "bins": entry_id(5),
            "coefficients": entry_id(6),
            "standard_errors": entry_id(6),
        },
        "entries": {
            "proposal": entry_id(1),
            "started": entry_id(2),
            "finished": entry_id(8),
            "model": entry_id(9),
            "grants": {"bank-0": entry_id(0)},
        },
        "checkpoint": "ledger.example/demo\n10\nCYtqkjoO8daS7NRxf6alDBe+5dlx7D0rgGnA86cv20I=\n\n"
        "\N{EM DASH} ledger.example/demo z9dAvQ==\n\N{EM DASH} bank-0 K1vvdQ==\n",
        "ledger": "ledger.db",
    }


def card() -> Card:
    """Return the tables of a scorecard with two features."""
    return Card(
        points=(
            PointsRow(
                feature="age_years",
                bin="(-inf, 28.0]",
                n=700,
                bads=290,
                woe=-0.6,
                iv=0.09,
                coefficient=-0.91,
                points=-2,
            ),
            PointsRow(
                feature="age_years",
                bin="(28.0, inf)",
                n=2418,
                bads=590,
                woe=0.2,
                iv=0.03,
                coefficient=-0.91,
                points=21,
            ),
            PointsRow(
                feature="home",
                bin="rent",
                n=800,
                bads=330,
                woe=-0.59,
                iv=0.1,
                coefficient=-0.74,
                points=3,
            ),
            PointsRow(
                feature="home",
                bin="owner, parents, other",
                n=2318,
                bads=550,
                woe=0.23,
                iv=0.04,
                coefficient=-0.74,
                points=20,
            ),
        ),
        coefficients=(
            CoefficientRow(
                term="intercept",
                coefficient=-0.93,
                standard_error=0.042,
                wald_z=-22.1,
                p_value=0.0,
            ),
            CoefficientRow(
                term="age_years", coefficient=-0.91, standard_error=0.11, wald_z=-8.3, p_value=0.0
            ),
            CoefficientRow(
                term="home", coefficient=-0.74, standard_error=0.31, wald_z=-2.4, p_value=0.0164
            ),
        ),
        dropped={"job": "one bin left"},
        scale="600 points at odds 50 : 1, 20 points double the odds",
    )


@pytest.fixture(name="saved")
def saved_fixture() -> dict[str, Any]:
    """A saved result that a test may change before it parses it."""
    return saved()


@pytest.fixture(name="facts")
def facts_fixture() -> list[dict[str, object]]:
    """The ledger's facts that the saved result cites."""
    return facts()


@pytest.fixture(name="card")
def card_fixture() -> Card:
    """A scorecard's tables."""
    return card()


@pytest.fixture(name="result")
def result_fixture(saved: dict[str, Any]) -> ResultFile:
    """The saved result, parsed."""
    return ResultFile.model_validate(saved)


@dataclass(frozen=True)
class Demonstration:
    """A demonstration that was run: what it found, what it told, where it wrote."""

    outcome: Outcome
    told: str
    folder: Path


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Demonstration:
    """The project's own demonstration, run once, without daemons."""
    folder = tmp_path_factory.mktemp("demonstration") / "demo"
    stream = io.StringIO()
    outcome = demo.run(people(), out=folder, stream=stream, in_process=True)
    return Demonstration(outcome, stream.getvalue(), folder)


# Three small banks are too few for a comparison that may be released: this is one of larger banks.
COMPARISON = {
    "withheld": None,
    "delong": {
        "auc_champion": 0.8161, "auc_challenger": 0.80148, "difference": -0.01462,
        "difference_bound": 0.0018, "standard_error": 0.005644, "low": -0.02568, "high": -0.00356,
        "z": -2.59, "z_bound": 0.45, "p_value": 0.0096, "p_low": 0.0023, "p_high": 0.0295,
    },
    "mcnemar": {
        "only_champion_right": 41, "only_challenger_right": 34, "chi_square": 0.48,
        "p_value": 0.4884, "exact_p_value": 0.4887,
    },
}  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """A card that was fitted and then judged beside a challenger, saved with its ledger."""

    folder: Path
    result: ResultFile
    evaluation: EvaluationFile
    lines: list[ledger_file.Line]
    facts: list[dict[str, object]]


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """A run and its evaluation by month, segment and group, once, in one small federation."""
    folder = tmp_path_factory.mktemp("judged")
    frames = bank_frames(n_rows=400)
    for name, frame in frames.items():
        frame["person"] = [f"{name}-{row}" for row in range(len(frame))]
        frame["month"] = [f"2024-{1 + row % 2:02d}" for row in range(len(frame))]
        frame["sex"] = ["woman" if row % 3 else "man" for row in range(len(frame))]
    with small_federation(frames, ledger=str(folder / "ledger.db")) as federation:
        job = small_job(id_column="person", features=("income", "home", "age"))
        trained = federation.run(job)
        trained.save(folder)
        some = frames["bank-0"]
        challenger = fc.Scorecard().fit(some[["income"]], some["bad"])
        evaluation = Evaluation(
            purpose="modelling", label="bad", model=trained, challenger=challenger, holdout=0.3,
            rows="holdout", id_column="person", period_column="month",
            periods=("2024-01", "2024-02"), segment="home", group="sex", run_deadline_s=20,
        )  # fmt: skip
        federation.run(evaluation).save(folder)
    ledger_file.settle(folder / "ledger.db")
    document = json.loads((folder / "evaluation.json").read_bytes())
    opened = document["figures"]["auc.champion"]
    document |= {"comparison": COMPARISON}
    document["figures"] |= {"delong": opened, "mcnemar": opened}
    (folder / "evaluation.json").write_text(json.dumps(document), encoding="utf-8")
    _, facts_of_it = ledger_file.facts(folder / "ledger.db")
    return Judged(
        folder=folder,
        result=ResultFile.load(folder / "result.json"),
        evaluation=EvaluationFile.load(folder / "evaluation.json"),
        lines=list(ledger_file.lines(folder / "ledger.db")),
        facts=facts_of_it,
    )
