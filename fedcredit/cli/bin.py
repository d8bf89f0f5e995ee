"""``fedcredit bin``: fine and coarse bins from sums, edited by hand and counted again."""

from pathlib import Path
from typing import Annotated

import typer

from fedcredit.cli.describe import (
    FederationFile,
    HtmlFile,
    JobPath,
    Quiet,
    show_frame,
    write_page,
)
from fedcredit.cli.output import AsJson, show_json, verb
from fedcredit.cli.signals import ending_interrupts


@verb
def bin(
    job: JobPath,
    federation: FederationFile = None,
    edit: Annotated[
        Path | None,
        typer.Option(
            "--edit", metavar="FILE.toml", help="Edits: [cut], [group], drop. Counted again."
        ),
    ] = None,
    binning: Annotated[
        Path | None,
        typer.Option("--binning", metavar="FILE", help="Go on from bins that --out has written."),
    ] = None,
    fine: Annotated[bool, typer.Option("--fine", help="Show the fine bins too.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help='Save the bins; a job takes binning = "FILE".'),
    ] = None,
    html: HtmlFile = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Bin the columns of JOB, a job file (TOML), over all parties: weights of evidence, IV.

    Bins are made by the rules of the job's scorecard on its training rows, or changed by hand with
    --edit. An edit that puts fine bins together has its counts at once; any other is counted again
    by the federation, and refused by name when a bin fails the cell rules.

    Example: fedcredit bin examples/horizontal_scorecard/job.toml --out bins.json
    """
    from fedcredit.edit_file import EditFile
    from fedcredit.given_binning import read_binning
    from fedcredit.surveying import surveying
    from fedcredit_models.information_value import leakage_text

    edits = None if edit is None else EditFile.load(edit)
    found = None if binning is None else read_binning(binning)
    if found is not None and edits is not None:
        edits.apply(found)
    if found is None or found.pending:
        with ending_interrupts(), surveying(job, federation, quiet=quiet) as ask:
            if found is None:
                found = ask(moments=False).binning
                if edits is not None:
                    edits.apply(found)
            if found.pending:
                found = ask(moments=False, binning=found, features=found.names).binning
    if out is not None:
        out.write_text(found.to_json(), encoding="utf-8")
    if html is not None:
        write_page(html, found._repr_html_(), title=f"{job.name}: bins")
    warnings = [leakage_text(name, value) for name, value in found.suspicious.items()]
    if as_json:
        import json

        show_json({"binning": json.loads(found.to_json()), "warnings": warnings})
        return
    show_frame("", found.iv(warn=False))
    for is_fine in (False, True) if fine else (False,):
        table = found.table(fine=is_fine)
        if len(table):
            show_frame("fine bins" if is_fine else "bins", table.set_index("feature"))
    for name, why in found.dropped.items():
        print(f"\n{name}: {why}")
    for warning in warnings:
        print(f"\n{warning}")
    if out is not None:
        print(f'\nsaved in {out}: binning = "{out.name}" in a job uses these bins')
