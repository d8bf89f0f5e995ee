"""The tables in ``benchmarks/README.md`` are those that the committed results give."""

import importlib.util
import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

_spec = importlib.util.spec_from_file_location("benchmark_tables", BENCHMARKS / "tables.py")
assert _spec is not None and _spec.loader is not None
tables = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tables)

README = (BENCHMARKS / "README.md").read_text(encoding="utf-8")


def test_the_readme_shows_the_committed_results() -> None:
    assert tables.current(README) == README, "run: python benchmarks/tables.py"


def test_a_changed_figure_in_the_readme_is_noticed() -> None:
    first_row = next(line for line in README.splitlines() if line.startswith("| wide | 3 |"))

    changed = README.replace(first_row, first_row.replace("| 3 |", "| 4 |"))

    assert tables.current(changed) != changed


def test_a_table_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="0 places for the table ckks_cost"):
        tables.current(README.replace("<!-- ckks_cost -->", ""))


def test_results_name_no_machine_and_say_how_busy_it_was() -> None:
    for path in sorted((BENCHMARKS / "results").glob("*.json")):
        machine = json.loads(path.read_text(encoding="utf-8"))["machine"]

        assert {"date", "cores", "python", "load_average"} <= set(machine)
        assert not {"host", "hostname", "node", "user"} & set(machine)


def test_every_encrypted_run_gave_the_pooled_card() -> None:
    path = BENCHMARKS / "results" / "horizontal_vs_pooled.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]

    assert {(row["rows"], row["parties"]) for row in rows} == {
        (n, p) for n in (30_000, 300_000) for p in (3, 15)
    }
    assert all(row["largest_coefficient_difference"] <= 1e-6 for row in rows)


def test_daemons_with_3_and_15_parties_are_within_the_bars() -> None:
    path = BENCHMARKS / "results" / "deployment.json"
    cases = json.loads(path.read_text(encoding="utf-8"))["cases"]

    assert [case["parties"] for case in cases] == [3, 15]
    for case in cases:
        assert case["ratio"]["median"] <= 1.5
        assert case["round_s"]["median"] <= 1.5 * case["echo_specified_s"][1]
        assert sum(case["round_parts_s"].values()) == pytest.approx(case["mean_round_s"], abs=0.002)


def test_the_encrypted_trees_rank_as_scikit_learns_at_the_same_bins() -> None:
    path = BENCHMARKS / "results" / "gbdt_vs_pooled.json"
    result = json.loads(path.read_text(encoding="utf-8"))
    theirs = result["pooled_one_thread"]["32"]["auc"]

    assert [row["ledger"] for row in result["encrypted"]] == ["memory", "disk"]
    for row in result["encrypted"]:
        assert row["rounds"] == 5 * row["trees"] + 3  # one round a level
        assert abs(row["auc"] - theirs) <= 0.003
