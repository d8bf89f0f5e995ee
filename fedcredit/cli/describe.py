"""``fedcredit describe``: what the parties' columns look like, from sums."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedcredit.cli.output import AsJson, show_json, show_table, verb
from fedcredit.cli.signals import ending_interrupts

if TYPE_CHECKING:
    import pandas as pd

    from fedcredit.survey_result import SurveyResult

JobPath = Annotated[Path, typer.Argument(hidden=True)]
FederationFile = Annotated[
    Path | None,
    typer.Option(
        "--federation",
        metavar="FILE.toml",
        help="Ask running daemons (federation.toml), not a simulation of local tables.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress on standard error.")]
HtmlFile = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write tables and charts as one HTML page too."),
]


@verb
def describe(
    job: JobPath,
    federation: FederationFile = None,
    over: Annotated[
        str,
        typer.Option(
            "--over",
            metavar="PERIOD:FIRST..LAST",
            help="Stability by period of the job's time_column, such as quarter:2022-01..2023-12.",
        ),
    ] = "",
    vintage: Annotated[
        str,
        typer.Option(
            "--vintage",
            metavar="COLUMN:AGE,..",
            help="Vintage table: the column of months on book, and ages, such as months:6,12.",
        ),
    ] = "",
    cross: Annotated[
        list[str] | None,
        typer.Option("--cross", metavar="A,B", help="Cross-table of two features; repeatable."),
    ] = None,
    select: Annotated[
        bool, typer.Option("--select", help="Select features step by step, by score test.")
    ] = False,
    html: HtmlFile = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Describe the columns of JOB, a job file (TOML), over all parties: nothing is trained.

    Counts, means, quantiles, correlations, variance inflation and information values of the job's
    training rows, all from encrypted sums. A count that fails the cell rules is left empty.

    Example: fedcredit describe examples/horizontal_scorecard/job.toml
    """
    from fedcredit.surveying import surveying

    fields = _tables_asked(over, vintage, cross or [], select)
    with ending_interrupts(), surveying(job, federation, quiet=quiet) as ask:
        result = ask(**fields)
    if html is not None:
        write_page(html, result._repr_html_(), title=f"{job.name}: columns")
    if as_json:
        show_json(result.document())
        return
    print(f"{result.n} training rows of {len(result.disclosure.parties)} parties\n")
    _show(result)
    print(f"\nrun {result.run_id}: {result.final_words}")


def _tables_asked(over: str, vintage: str, cross: list[str], select: bool) -> dict[str, Any]:
    """Return the fields of a survey that the options ask for.

    Raises
    ------
    ConfigError
        Naming the option that cannot be read.
    """
    fields: dict[str, Any] = {"select": select}
    if over:
        period, colon, span = over.partition(":")
        if not colon:
            raise _unreadable("--over", over, "quarter:2022-01..2023-12")
        fields |= {"period": period, "periods": span}
    if vintage:
        column, _, ages = vintage.partition(":")
        if not all(age.strip().isdigit() for age in ages.split(",")):
            raise _unreadable("--vintage", vintage, "months:6,12")
        fields |= {"months_column": column, "ages": [int(age) for age in ages.split(",")]}
    pairs = [tuple(name.strip() for name in pair.split(",")) for pair in cross]
    wrong = [pair for pair, names in zip(cross, pairs, strict=True) if len(names) != 2]
    if wrong:
        raise _unreadable("--cross", wrong[0], "income,job")
    return fields | {"crosstabs": pairs}


def _unreadable(option: str, found: str, example: str) -> Exception:
    from fedcredit_parties.errors import ConfigError

    return ConfigError(
        f"{option} cannot be read",
        expected=f"such as {example}",
        found=found,
        remedy=f"type {option} {example}",
    )


def _show(result: "SurveyResult") -> None:
    """Print the tables that there are, each under its heading."""
    columns = ["n", "missing", "mean", "sd", "q0.5", "q50", "q99.5", "note"]
    show_frame("", result.table[columns], exact=("note",))
    if len(result.correlation) > 1:
        vif = result.vif.loc[:, ["vif"]]
        show_frame("correlations, pairwise", result.correlation.join(vif))
    show_frame("information values", result.binning.iv(warn=False))
    show_frame("stability over time", result.stability)
    if len(result.vintages):
        show_frame("vintages", result.vintages.set_index(["vintage", "months_on_book"]))
    show_frame("cross-tables", result.associations)
    show_frame("selection", result.steps.set_index("move"))
    show_frame("selected model", result.selected)
    for remark in result.remarks:
        print(f"\n{remark}")


def show_frame(title: str, frame: "pd.DataFrame", *, exact: tuple[str, ...] = ()) -> None:
    """Print a frame with its index as first columns; an empty one is not printed."""
    import pandas as pd

    if not len(frame):
        return
    if title:
        print(f"\n{title}")
    flat = frame.reset_index()
    right = [name for name in flat.columns if pd.api.types.is_numeric_dtype(flat[name].dtype)]
    rows = [
        {str(name): _cell(value) for name, value in zip(flat.columns, row, strict=True)}
        for row in flat.itertuples(index=False, name=None)
    ]
    show_table(rows, right=[str(name) for name in right if name not in exact])


def _cell(value: Any) -> str:
    import pandas as pd

    if pd.isna(value):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def write_page(path: Path, body: str, *, title: str) -> None:
    """Write tables and charts as one HTML page that needs nothing beside it."""
    from markupsafe import escape

    path.write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width"><style>body{max-width:1100px;'
        "margin:1em auto;padding:0 1em}"
        f"</style></head><body>{body}</body></html>",
        encoding="utf-8",
    )
