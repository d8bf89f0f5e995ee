"""``fedcredit ledger``: read a ledger file, and check it without trusting who wrote it."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedcredit.cli.output import AsJson, show_json, show_table, verb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fedcredit.ledger_file import Line

app = typer.Typer(help="Read and check what happened.", no_args_is_help=True, rich_markup_mode=None)

File = Annotated[Path, typer.Argument(hidden=True)]

SAID = {
    "run-proposed": ("purpose", "request_kind"),
    "run-approved": ("decision",),
    "grant-issued": ("grant_id", "purpose", "valid_until"),
    "grant-revoked": ("grant_id", "reason"),
    "data-asset-registered": ("asset",),
    "round-attempted": ("round", "phase"),
    "round-contributed": ("round", "phase"),
    "round-aggregated": ("round", "phase"),
    "round-opened": ("round", "phase"),
    "round-abandoned": ("round", "reason"),
    "run-failed": ("error",),
    "model-registered": ("model_id", "version"),
    "entry-refused": ("author", "code"),
}
"""Entry type -> the fields that its line shows; ``--json`` shows every field."""


@app.command("show")
@verb
def show(
    file: File,
    kind: Annotated[str, typer.Option("--type", help="Only entries of this type.")] = "",
    run: Annotated[str, typer.Option("--run", help="Only this run: its id or its start.")] = "",
    grant: Annotated[str, typer.Option("--grant", help="Only this grant and its uses.")] = "",
    party: Annotated[str, typer.Option("--party", help="Only what it wrote or is named in.")] = "",
    since: Annotated[str, typer.Option("--since", help="Only from 2026-11-23[T16:00] on.")] = "",
    until: Annotated[str, typer.Option("--until", help="Only before 2026-11-24[T16:00].")] = "",
    subject: Annotated[
        Path | None,
        typer.Option("--subject", help="File with a subject's token: its grants and their uses."),
    ] = None,
    openings: Annotated[
        Path | None, typer.Option("--openings", metavar="DIR", help="Needed with --subject.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the entries of FILE, a ledger file (SQLite), oldest first.

    A subject stands in the ledger only as a salted commitment: --subject needs the openings that
    the data holder keeps, and finds who may use that subject's data, and who did.

    Example: fedcredit ledger show demo/ledger.db --type round-opened
    """
    from fedcredit import ledger_file

    found = ledger_file.lines(file)
    if subject is not None:
        found = _of_subject(found, subject, openings)
    try:
        found = ledger_file.since(found, since) if since else found
        found = ledger_file.until(found, until) if until else found
    except ValueError:
        raise typer.BadParameter("a moment is written 2026-11-23 or 2026-11-23T16:00") from None
    chosen = [line for line in found if line.is_about(kind=kind, run=run, grant=grant, party=party)]
    if as_json:
        show_json([line.fact() | {"data": line.data} for line in chosen])
        return
    rows = [
        {
            "index": line.index,
            "received": line.received[:19].replace("T", " "),
            "author": line.author,
            "type": line.type,
            "says": ", ".join(
                str(line.data[name]) for name in SAID.get(line.type, ()) if name in line.data
            ),
            "run": str(line.data.get("run_id", ""))[:8],
            "entry": line.entry_id[:12],
        }
        for line in chosen
    ]
    show_table(rows, right=("index",))


def _of_subject(found: "Iterator[Line]", subject: Path, openings: Path | None) -> "Iterator[Line]":
    from fedcredit import ledger_file
    from fedcredit_ledger.evidence import read_openings

    if openings is None or not openings.is_dir() or not subject.is_file():
        raise typer.BadParameter("--subject names a file, and --openings the folder of openings")
    value = subject.read_text(encoding="utf-8").strip()
    return ledger_file.about_subject(found, value, read_openings(openings))


@app.command("verify")
@verb
def verify(
    file: File,
    head: Annotated[bool, typer.Option("--head", help="Only the newest head.")] = False,
    rules: Annotated[bool, typer.Option("--rules", help="Also replay every rule.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Also every signature, every rule.")] = False,
    founding: Annotated[
        str, typer.Option("--founding", metavar="ID", help="Entry id it must begin with.")
    ] = "",
    openings: Annotated[
        Path | None,
        typer.Option("--openings", metavar="DIR", help="Also openings that were handed over."),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option("--since", metavar="CHECKPOINT", help="Only what came after this head."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check FILE, a ledger: links and tree; with --rules the rules, with --full every signature.

    The process ends with the number of the first finding. An auditor who has only the ledger room
    types ``python -m fedcredit_ledger verify`` instead.

    Example: fedcredit ledger verify demo/ledger.db --full
    """
    from fedcredit.ledger_file import demand
    from fedcredit_ledger.__main__ import describe
    from fedcredit_ledger.evidence import read_openings
    from fedcredit_ledger.verify import Level, verify_file, verify_openings

    demand(file)
    level = Level.HEAD if head else Level.CHAIN
    level = Level.RULES if rules else level
    level = Level.SIGNATURES if full else level
    told = None if as_json or not sys.stderr.isatty() else _tell
    if since is not None and (level > Level.CHAIN or not since.is_file()):
        raise typer.BadParameter("--since names a checkpoint's file; --rules and --full begin at 0")
    report = verify_file(
        file,
        level=level,
        founding_entry=founding or None,
        since=since.read_bytes() if since is not None else b"",
        progress=told,
    )
    if openings is not None and not report.findings:
        verify_openings(file, read_openings(openings), report)
    if as_json:
        print(json.dumps(report.document(), indent=2))
    else:
        print(describe(report))
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _tell(n_checked: int, total: int) -> None:
    """Write how far the verification is, on one line that is written again."""
    end = "\n" if n_checked == total else ""
    print(f"\r{n_checked} of {total} checked", end=end, file=sys.stderr, flush=True)


@app.command("explain")
@verb
def explain(
    file: File,
    entry: Annotated[str, typer.Argument(hidden=True)],
    as_json: AsJson = False,
) -> None:
    """Say what ENTRY (its index, or the start of its id) of the ledger FILE proves and does not.

    Example: fedcredit ledger explain demo/ledger.db 18
    """
    from fedcredit import evidence_file

    told = evidence_file.explain(file, entry)
    if as_json:
        show_json(told)
        return
    print(f"entry {told['index']}, {told['type']}: {told['title']}")
    print(f"by {told['author']}, received {told['received']}")
    print(f"id {told['entry_id']}\n")
    print(f"It proves: {told['proves']}")
    print(f"It leaves open: {told['leaves_open']}\n")
    for heading, rows in (("rests on", told["rests_on"]), ("is cited by", told["cited_by"])):
        for row in rows:
            print(f"{heading:<12}{row['index']:>5}  {row['type']} by {row['author']}")
    if told["committed"]:
        print(f"withheld here, committed to: {', '.join(told['committed'])}")


@app.command("explain-number")
@verb
def explain_number(
    run: Annotated[str, typer.Argument(hidden=True)],
    figure: Annotated[str, typer.Argument(hidden=True)],
    store: Annotated[
        Path | None,
        typer.Option("--store", metavar="DIR", help="Folder of saved runs (default: .fedcredit)."),
    ] = None,
    result: Annotated[
        Path | None,
        typer.Option("--result", metavar="FILE", help="A result.json with its ledger.db beside."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Lead FIGURE of RUN's report back to its round, parties, grants and policy.

    FIGURE is named as in the report: auc.holdout, woe.COLUMN, points.COLUMN, participation.PARTY.
    The ledger is verified to the last signature first.

    Example: fedcredit ledger explain-number 4727d98f auc.holdout --result demo/result.json
    """
    from fedcredit import evidence_file, figures, ledger_file
    from fedcredit.job_store import FOLDER, JobStore
    from fedcredit.result_file import ResultFile
    from fedcredit_ledger.evidence import read_openings

    if result is None:
        saved, found = JobStore(store or Path(FOLDER)).finished(run)
        ledger = saved.ledger
    else:
        found, ledger = ResultFile.load(result), result.with_name("ledger.db")
        if not run or not found.run_id.startswith(run):
            raise typer.BadParameter(f"{result} is the result of run {found.run_id}")
    ledger_file.facts(ledger)
    openings = read_openings(ledger.with_name(evidence_file.OPENINGS))
    told = figures.explain(figure, found, list(ledger_file.lines(ledger)), openings=openings)
    if as_json:
        show_json(told.document())
        return
    value = "" if told.value is None else f" = {told.value:g}"
    print(f"{told.figure}{value}")
    print(f"cites entry {told.index}, {told.type} by {told.author}, {told.received}")
    print(
        f"run {told.run_id}, asked by {told.requester} for {told.purpose} (entry {told.proposal})"
    )
    print(f"disclosure policy {told.policy}")
    shown = {True: "shown", False: "NOT what was committed to", None: "withheld"}
    show_table(
        [
            {
                "round": opening.round,
                "phase": opening.phase,
                "opened by": f"{opening.by} (entry {opening.index})",
                "party": part.party,
                "contribution": f"entry {part.index}",
                "under": ", ".join(f"{name} (entry {at})" for name, at in part.grants),
                "rules passed": ", ".join(opening.rules),
                "document": shown[opening.is_shown],
            }
            for opening in told.openings
            for part in opening.contributions
        ],
        right=("round",),
    )


@app.command("export")
@verb
def export(
    file: File,
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", show_default=False, help="Needed.")
    ],
    entries: Annotated[
        bool, typer.Option("--entries", help="Also the entries: for who may read every one.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the ledger FILE as static files (C2SP tiles) that any web server can serve.

    Up to the newest checkpoint with a quorum. Without --entries a reader gets hashes only, enough
    to prove what it holds and to follow the ledger.

    Example: fedcredit ledger export demo/ledger.db -o public/
    """
    from fedcredit.ledger_file import demand
    from fedcredit_ledger.store import Store
    from fedcredit_ledger.tiles import export_tiles

    with Store(demand(file), read_only=True) as store:
        size = export_tiles(store, out, with_entries=entries)
    if as_json:
        show_json({"folder": str(out), "size": size, "with_entries": entries})
        return
    print(f"{out}: {size} entries{'' if entries else ', hashes only'}")
