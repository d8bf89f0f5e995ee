"""``fedcredit job``: ask a question from a file, and come back to the answer."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedcredit.cli.output import AsJson, show_json, show_table, verb

if TYPE_CHECKING:
    from fedcredit.job_store import JobStore, SavedRun
    from fedcredit.result_file import ResultFile

app = typer.Typer(
    help="Train across parties, from a job file.", no_args_is_help=True, rich_markup_mode=None
)

# Arguments are explained in the verbs' own words; the list of arguments would repeat them.
JobPath = Annotated[Path, typer.Argument(hidden=True)]
RunName = Annotated[str, typer.Argument(hidden=True)]
StoreFolder = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="Folder of saved runs (default: .fedcredit)."),
]


@app.command("check")
@verb
def check(job: JobPath, as_json: AsJson = False) -> None:
    """Check JOB, a job file (TOML), and its tables; nothing is run and nothing is written.

    Example: fedcredit job check examples/horizontal_scorecard/job.toml
    """
    from fedcredit.job_file import JobFile

    file = JobFile.load(job)
    frames = file.tables()
    schema = file.check(frames)
    parties = [{"party": name, "rows": len(frame)} for name, frame in frames.items()]
    if as_json:
        show_json(
            {
                "job": file.job.model_dump(mode="json", exclude={"model"}),
                "model": file.job.model.get_params(),
                "policy": file.around.policy.model_dump(),
                "parties": parties,
                "schema": schema.to_dict(),
                "schema_is_declared": file.around.declared is not None,
            }
        )
        return
    show_table(parties, right=("rows",))
    print()
    show_table(
        [
            {
                "feature": feature.name,
                "kind": feature.kind,
                "bounds or levels": f"{feature.lower:g} to {feature.upper:g} {feature.unit}".strip()
                if feature.lower is not None and feature.upper is not None
                else ", ".join(feature.levels),
            }
            for feature in schema.features
        ]
    )
    how = "declared" if file.around.declared else "inferred from all tables (a simulation may)"
    print(f"\n{job.name} is a valid job; the schema is {how}. Nothing was run.")


@app.command("run")
@verb
def run(
    job: JobPath,
    store: StoreFolder = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on standard error.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run JOB, a job file (TOML), on its local tables in a simulated federation, and save the run.

    Real keys, real encryption, no network. The run is saved with its ledger under .fedcredit/
    beside the job file.

    Example: fedcredit job run examples/horizontal_scorecard/job.toml
    """
    from fedcredit.job_file import JobFile
    from fedcredit.job_store import FOLDER, JobStore

    file = JobFile.load(job)
    frames = file.tables()
    runs = JobStore(store or job.parent / FOLDER)
    with (
        runs.new_run(file.text) as folder,
        file.federation(frames, ledger=folder / "ledger.db", quiet=quiet) as federation,
    ):
        result = federation.run(file.job)
        result.save(folder)
    saved = runs.find(result.run_id)
    if as_json:
        show_json(_headline(saved))
        return
    _show_metrics(result.file)
    print(f"\nrun {result.run_id} is saved in {saved.folder}")
    hint = "" if store is None and job.parent == Path() else f" --store {runs.folder}"
    print(f"report: fedcredit job report {result.run_id[:8]}{hint} -o report.html")


@app.command("list")
@verb
def list_(store: StoreFolder = None, as_json: AsJson = False) -> None:
    """List the saved runs, oldest first.

    Example: fedcredit job list --store examples/horizontal_scorecard/.fedcredit
    """
    runs = _store(store)
    rows = [_headline(run) for run in runs.runs()]
    if as_json:
        show_json(rows)
        return
    print(f"runs in {runs.folder}:")
    show_table(
        [
            {
                "run": str(row["run_id"])[:8],
                "finished": str(row["finished"] or "-")[:19].replace("T", " "),
                "label": row["label"] or "-",
                "parties": row["n_parties"] or "-",
                "AUC": "-" if row["auc"] is None else f"{row['auc']:.4f}",
                "sample": row["sample"] or "-",
                "failed with": row["error"] or "",
            }
            for row in rows
        ],
        right=("parties", "AUC"),
    )


@app.command("show")
@verb
def show(run: RunName, store: StoreFolder = None, as_json: AsJson = False) -> None:
    """Show a saved run: metrics, points, rounds, and who learned what.

    RUN is the run's id, or enough of its beginning.

    Example: fedcredit job show 4727d98f
    """
    saved = _store(store).find(run)
    if as_json:
        document = saved.result or saved.failure
        show_json(document.model_dump(mode="json") if document else {})
        return
    if saved.result is None:
        _show_failure(saved)
        return
    from fedcredit_models.scorecard import Scorecard

    result = saved.result
    print(f"run {result.run_id}, {result.started} to {result.finished}")
    print(f"{result.requester} asked {', '.join(result.parties)} for the label {result.label}\n")
    _show_metrics(result)
    table = Scorecard.from_json(result.model_json()).table()
    rows = [
        {
            **{name: row[name] for name in ("feature", "bin", "n", "bads")},
            "woe": f"{row['woe']:.3f}",
            "points": row["points"],
        }
        for row in table.to_dict(orient="records")
    ]
    print()
    show_table(rows, right=("n", "bads", "woe", "points"))
    print()
    show_table(
        [
            {
                "round": row.round,
                "phase": row.phase,
                "log loss": "" if row.log_loss is None else f"{row.log_loss:.6f}",
                "outcome": row.outcome,
                "entry": row.entry[:12],
            }
            for row in result.history
        ],
        right=("round", "log loss"),
    )
    print("\nwho learned what:")
    counts: dict[tuple[str, str, tuple[str, ...]], int] = {}
    for part in result.disclosure:
        key = (part.function, part.released, part.to)
        counts[key] = counts.get(key, 0) + 1
    for (function, released, to), n in counts.items():
        print(f"  {n} x {function}: {released} -> {', '.join(to)}")
    print(f"\nledger: {saved.ledger}")


@app.command("report")
@verb
def report(
    run: RunName,
    out: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", show_default=False, help="Default: report.html."
        ),
    ] = Path("report.html"),
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Write a saved run's report: one HTML file, every figure with its ledger entry.

    RUN is the run's id, or enough of its beginning.
    The run's ledger is verified to the last signature first; nothing is written when it fails.

    Example: fedcredit job report 4727d98f -o report.html
    """
    from fedcredit import ledger_file
    from fedcredit.report import render

    saved, result = _store(store).finished(run)
    verified, facts = ledger_file.facts(saved.ledger)
    part = out.with_name(f"{out.name}.part")
    part.write_text(render(result, facts), encoding="utf-8")
    part.replace(out)
    if as_json:
        show_json({"run_id": saved.run_id, "report": str(out), "ledger": verified.document()})
        return
    print(f"{out}: the ledger's {verified.size} entries verify, every figure cites one of them")


def _store(folder: Path | None) -> "JobStore":
    from fedcredit.job_store import FOLDER, JobStore

    return JobStore(folder or Path(FOLDER))


def _headline(run: "SavedRun") -> dict[str, object]:
    """Return a run as one flat object: what ``job run`` and ``job list`` print."""
    result, failure = run.result, run.failure
    sample = ""
    if result is not None:
        names = [name for name in ("holdout", "train") if name in result.metrics]
        sample = next((name for name in names if result.metrics[name].auc is not None), "")
    metrics = result.metrics[sample] if result is not None and sample else None
    return {
        "run_id": run.run_id,
        "status": "finished" if result is not None else "failed",
        "finished": result.finished if result is not None else None,
        "label": result.label if result is not None else None,
        "n_parties": len(result.parties) if result is not None else None,
        "sample": sample or None,
        "auc": metrics.auc if metrics is not None else None,
        "ks": metrics.ks if metrics is not None else None,
        "error": failure.error if failure is not None else None,
        "folder": str(run.folder),
        "ledger": str(run.ledger),
    }


def _show_metrics(result: "ResultFile") -> None:
    """Print one row a sample."""
    rows: list[dict[str, object]] = []
    for name, metrics in result.metrics.items():
        figures = {
            "AUC": metrics.auc,
            "KS": metrics.ks,
            "Gini": metrics.gini,
            "Brier": metrics.brier,
            "stability": metrics.population_stability,
        }
        rows.append(
            {
                "sample": name,
                "n": "-" if metrics.n is None else metrics.n,
                "bads": "-" if metrics.bads is None else metrics.bads,
                **{key: "-" if v is None else f"{v:.4f}" for key, v in figures.items()},
                "note": f"withheld: {metrics.withheld}" if metrics.withheld else "",
            }
        )
    show_table(rows, right=("n", "bads", "AUC", "KS", "Gini", "Brier", "stability"))


def _show_failure(run: "SavedRun") -> None:
    print(f"run {run.run_id} failed; its ledger is {run.ledger}")
    if run.failure is not None:
        print(f"{run.failure.error}: {run.failure.message}")
        for name in ("party", "expected", "found", "remedy"):
            if getattr(run.failure, name):
                print(f"  {name}: {getattr(run.failure, name)}")
