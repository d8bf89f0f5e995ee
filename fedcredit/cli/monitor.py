"""``fedcredit validate`` and ``fedcredit monitor``: judge a saved model on the parties' rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedcredit.cli.output import AsJson, show_json, show_table, verb
from fedcredit.cli.signals import ending_interrupts

if TYPE_CHECKING:
    from fedcredit.evaluation_file import EvaluationFile
    from fedcredit.evaluation_result import EvaluationResult

JobPath = Annotated[Path, typer.Argument(hidden=True)]
FederationFile = Annotated[
    Path | None,
    typer.Option(
        "--federation",
        metavar="FILE.toml",
        help="Ask running daemons (federation.toml), not a simulation of local tables.",
    ),
]
StoreFolder = Annotated[
    Path | None,
    typer.Option(
        "--store", metavar="DIR", help="Folder of evaluations (default: .fedcredit/evaluations)."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress on standard error.")]

LEFT_OUT = "withheld"


@verb
def validate(
    job: JobPath,
    federation: FederationFile = None,
    store: StoreFolder = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Judge the model that JOB, an evaluation file (TOML), names, and perhaps a challenger.

    Nothing is trained: AUC, KS, calibration, cut-off and expected loss, figures by segment and
    group, DeLong's and McNemar's test, all from encrypted sums. The result is saved with its ledger
    under .fedcredit/evaluations beside the file.

    Example: fedcredit validate monitor.toml --json
    """
    result, folder = _run(job, federation, store, quiet=quiet)
    if as_json:
        show_json({**result.file.model_dump(mode="json"), "folder": str(folder)})
        return
    print(f"{result.file.final_words}\n")
    _show_overall(result.file)
    _show_comparison(result)
    for part in result.file.partitions:
        print(f"\nby {part.by} ({part.column})")
        show_table(
            [
                {
                    part.by: row.name,
                    "n": _text(row.n),
                    "bad rate": _text(row.bad_rate),
                    "auc": _text(row.auc),
                    "ks": _text(row.ks),
                    "approved": _text(row.approval_rate),
                    "impact ratio": _text(row.adverse_impact_ratio),
                    LEFT_OUT: row.withheld or "",
                }
                for row in part.slices
            ]
        )
    print(f"\nevaluation {result.run_id} is saved in {folder}")


@verb
def monitor(
    job: JobPath,
    federation: FederationFile = None,
    store: StoreFolder = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Judge the model that JOB names month by month, and end with 80 or 81 when it has drifted.

    PSI of the score, the largest CSI of a feature, predicted against actual bads. The process ends
    with 0 when every month is steady, 80 when one asks for a look (PSI or CSI from 0.1), 81 when
    one asks for a decision (from 0.25); the file's watch and act move the limits.

    Example: fedcredit monitor monitor.toml --federation federation.toml
    """
    result, folder = _run(job, federation, store, quiet=quiet, needs_months=True)
    drift = result.file.drift
    assert drift is not None, "an evaluation by month has drift"
    code = result.exit_code
    if as_json:
        document = drift.model_dump(mode="json")
        show_json({"run_id": result.run_id, "folder": str(folder), **document, "exit_code": code})
        raise typer.Exit(code)
    print(f"{result.file.final_words}\nbaseline: {drift.baseline}\n")
    show_table(
        [
            {
                "period": month.period,
                "n": _text(month.n),
                "psi": month.population_stability_withheld or _text(month.population_stability),
                "largest csi": _text(month.largest_index),
                "of": month.largest_feature or "",
                "actual": _text(month.actual),
                "predicted": _text(month.predicted),
                "z": _text(month.calibration_z),
                "verdict": month.verdict or f"{LEFT_OUT} ({month.withheld})",
                "because": ", ".join(month.reasons),
            }
            for month in drift.months
        ]
    )
    print(f"\nverdict: {drift.verdict}")
    print(f"evaluation {result.run_id} is saved in {folder}")
    raise typer.Exit(code)


def _run(
    job: Path,
    federation: Path | None,
    store: Path | None,
    *,
    quiet: bool,
    needs_months: bool = False,
) -> tuple["EvaluationResult", Path]:
    from fedcredit.errors import JobError
    from fedcredit.evaluation_job import EvaluationJob

    asked = EvaluationJob.load(job, needs_tables=federation is None)
    if needs_months and asked.evaluation.period_column is None:
        raise JobError(
            "there is nothing to monitor: the evaluation has no months",
            expected="period_column and periods in the file",
            found="neither",
            remedy='period_column = "month" and periods = "2024-01..2024-12"',
        )
    with ending_interrupts():
        return asked.run(federation=federation, store=store, quiet=quiet)


def _show_overall(file: "EvaluationFile") -> None:
    rows = []
    for role, part in file.overall.items():
        cut, slope = part.cutoff, part.calibration_slope
        rows.append(
            {
                "model": f"{role} ({file.models[role].kind})",
                "n": _text(part.n),
                "auc": _text(part.auc),
                "ks": _text(part.ks),
                "gini": _text(part.gini),
                "brier": _text(part.brier),
                "slope": _text(None if slope is None else slope.value),
                "approved": _text(None if cut is None else cut.approval_rate),
                "expected loss": _text(None if cut is None else cut.expected_loss),
                LEFT_OUT: part.withheld or "",
            }
        )
    show_table(rows)


def _show_comparison(result: "EvaluationResult") -> None:
    found = result.file.comparison
    if found is None:
        return
    print()
    if found.withheld is not None:
        print(f"the comparison is withheld ({found.withheld})")
        return
    if found.delong is not None:
        test = found.delong
        print(
            f"DeLong: challenger minus champion {test.difference:+.4f} "
            f"(95 % {test.low:+.4f} to {test.high:+.4f}), z {test.z:.2f}, p {test.p_value:.4f} "
            f"({test.p_low:.4f} to {test.p_high:.4f} unbinned)"
        )
    if found.mcnemar is not None:
        decided = found.mcnemar
        print(
            f"McNemar: only the champion right {decided.only_champion_right}, only the challenger "
            f"{decided.only_challenger_right}, exact p {decided.exact_p_value:.4f}"
        )
    elif found.mcnemar_withheld is not None:
        print(f"McNemar's test is withheld ({found.mcnemar_withheld})")


def _text(value: float | int | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.4f}"
