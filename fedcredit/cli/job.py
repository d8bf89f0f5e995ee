"""``fedcredit job``: ask a question from a file, and come back to the answer."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedcredit.cli.output import AsJson, show_json, show_table, verb
from fedcredit.cli.signals import INTERRUPTED, ending_interrupts

if TYPE_CHECKING:
    from fedcredit.job_store import JobStore, SavedRun
    from fedcredit.result_file import ResultFile
    from fedcredit.results import TrainingResult
    from fedcredit_models.schema import Feature

LEDGER_S = 5.0
"""How long a failed run's ledger is waited for."""

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


FederationFile = Annotated[
    Path | None,
    typer.Option(
        "--federation",
        metavar="FILE.toml",
        help="Ask running daemons (federation.toml), not a simulation of local tables.",
    ),
]


@app.command("check")
@verb
def check(job: JobPath, federation: FederationFile = None, as_json: AsJson = False) -> None:
    """Check JOB, a job file (TOML), and its tables; nothing is run and nothing is written.

    With --federation, against running daemons: parties, columns, definition of bad and grants, as
    the ledger shows them. The process ends with the number of the first thing that is wrong.

    Example: fedcredit job check examples/horizontal_scorecard/job.toml
    """
    from fedcredit.job_file import JobFile

    if federation is not None:
        _check_on_daemons(job, federation, as_json=as_json)
        return
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
    _show_columns(schema.features)
    how = "declared" if file.around.declared else "inferred from all tables (a simulation may)"
    print(f"\n{job.name} is a valid job; the schema is {how}. Nothing was run.")


def _check_on_daemons(job: Path, federation: Path, *, as_json: bool) -> None:
    from fedcredit.job_file import JobFile
    from fedcredit.job_on_daemons import JobOnDaemons

    file = JobFile.load(job, needs_tables=False)
    asked = JobOnDaemons(file, federation, quiet=True)
    with asked.federation:
        readiness = asked.readiness()
    wrong = [found for found in readiness if found.exit_code]
    if as_json:
        show_json(
            {
                "job": asked.job.model_dump(mode="json", exclude={"model"}),
                "model": asked.job.model.get_params(),
                "policy": asked.federation.policy.model_dump(),
                "requester": asked.requester,
                "parties": [found.document() for found in readiness],
                "schema": asked.schema.to_dict(),
                "not_used": asked.unused,
            }
        )
    else:
        show_table(
            [
                {
                    "party": found.party,
                    "grant": found.grant or "-",
                    "until": found.until or "-",
                    "problem": found.problem or "none",
                }
                for found in readiness
            ]
        )
        print()
        _show_columns(asked.schema.features)
        if asked.unused:
            print(f"\nnot used with daemons: {', '.join(asked.unused)}")
        for found in wrong:
            print(f"\n{found.party}: {found.remedy}")
        if not wrong:
            print(f"\n{job.name} fits this federation. Nothing was run.")
    if wrong:
        raise typer.Exit(wrong[0].exit_code)


@app.command("run")
@verb
def run(
    job: JobPath,
    federation: FederationFile = None,
    store: StoreFolder = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on standard error.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run JOB, a job file (TOML), on its local tables in a simulated federation, and save the run.

    Real keys, real encryption, no network. With --federation, the same job is asked of running
    daemons instead. The run is saved with its ledger under .fedcredit/ beside the job file.

    Example: fedcredit job run examples/horizontal_scorecard/job.toml
    """
    from fedcredit.job_file import JobFile
    from fedcredit.job_store import FOLDER, JobStore

    runs = JobStore(store or job.parent / FOLDER)
    with ending_interrupts():
        if federation is not None:
            result = _run_on_daemons(job, federation, runs, quiet=quiet)
        else:
            file = JobFile.load(job)
            frames = file.tables()
            with (
                runs.new_run(file.text) as folder,
                file.federation(frames, ledger=folder / "ledger.db", quiet=quiet) as simulated,
            ):
                result = simulated.run(file.job)
                result.save(folder)
    saved = runs.find(result.run_id)
    if as_json:
        show_json(_headline(saved))
        return
    print(f"{result.file.final_words}\n")
    _show_metrics(result.file)
    remarks = result.remarks()
    if remarks:
        print("\n" + "\n".join(remarks))
    print(f"\nrun {result.run_id} is saved in {saved.folder}")
    hint = "" if store is None and job.parent == Path() else f" --store {runs.folder}"
    print(f"report: fedcredit job report {result.run_id[:8]}{hint} -o report.html")


def _run_on_daemons(
    job: Path, federation: Path, runs: "JobStore", *, quiet: bool
) -> "TrainingResult":
    """Run and save a job on daemons; a run that failed is saved with the ledger that says why."""
    from fedcredit.job_file import JobFile
    from fedcredit.job_on_daemons import JobOnDaemons
    from fedcredit.job_store import EXPECTED
    from fedcredit.ledger_copy import SAVE_S

    file = JobFile.load(job, needs_tables=False)
    asked = JobOnDaemons(file, federation, quiet=quiet)
    if asked.unused and not quiet:
        print(f"not used with daemons: {', '.join(asked.unused)}", file=sys.stderr)
    with asked.federation, runs.new_run(file.text, requester=asked.requester) as folder:
        before = asked.runs()
        asked.check_grants()
        try:
            result = asked.federation.run(asked.job)
        except EXPECTED:
            if asked.runs() - before:
                # Where it cannot be had, the error that stopped the run says more than this one.
                with suppress(*EXPECTED):
                    asked.federation.save_ledger(folder / "ledger.db", timeout_s=LEDGER_S)
            raise
        except KeyboardInterrupt:
            print(
                "\nInterrupted here; the parties go on with what was proposed until the run's "
                "deadline.\nIts course stands in the ledger.",
                file=sys.stderr,
            )
            raise typer.Exit(INTERRUPTED) from None
        # What is not final is not waited for a second time.
        asked.federation.save_ledger(
            folder / "ledger.db",
            timeout_s=SAVE_S if result.is_final else 0.0,
            only_witnessed=not result.is_final,
        )
        result.save(folder)
    return result


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
    result = saved.result
    print(f"run {result.run_id}, {result.started} to {result.finished}")
    print(f"{result.requester} asked {', '.join(result.parties)} for the label {result.label}")
    print(f"{result.final_words}\n")
    _show_metrics(result)
    print()
    _show_model(result)
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


def _show_model(result: "ResultFile") -> None:
    """Show a model by its kind: a scorecard's points, how much trees ask each feature."""
    from fedcredit.model_view import kind_of

    kind = kind_of(result)
    if kind == "gbdt":
        from fedcredit_models.gbdt import Gbdt

        trees = Gbdt.from_json(result.model_json())
        print(f"{len(trees.trees_)} trees on {trees.n_features_in_} features")
        rows = [
            {**{str(k): v for k, v in row.items()}, "share": f"{row['share']:.3f}"}
            for row in trees.summary().to_dict(orient="records")
        ]
        show_table(rows, right=("splits", "rows", "share"))
    elif kind == "scorecard":
        from fedcredit_models.scorecard import Scorecard

        table = Scorecard.from_json(result.model_json()).table()
        rows = [
            {
                **{name: row[name] for name in ("feature", "bin", "n", "bads")},
                "woe": f"{row['woe']:.3f}",
                "points": row["points"],
            }
            for row in table.to_dict(orient="records")
        ]
        show_table(rows, right=("n", "bads", "woe", "points"))
    else:
        print(f"model: {result.model.get('format', 'unknown')}")


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


def _show_columns(features: "Sequence[Feature]") -> None:
    """Print one row a declared column."""
    show_table(
        [
            {
                "feature": feature.name,
                "kind": feature.kind,
                "bounds or levels": f"{feature.lower:g} to {feature.upper:g} {feature.unit}".strip()
                if feature.lower is not None and feature.upper is not None
                else ", ".join(feature.levels),
            }
            for feature in features
        ]
    )


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
        "is_final": result.finality is not None if result is not None else None,
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
