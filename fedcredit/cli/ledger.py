"""``fedcredit ledger``: read a ledger file, and check it without trusting who wrote it."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedcredit.cli.entry_words import says
from fedcredit.cli.output import AsJson, show_json, show_table, verb

if TYPE_CHECKING:
    from fedcredit.ledger_view import Seen
    from fedcredit_ledger.flows import Flow

app = typer.Typer(help="Read and check what happened.", no_args_is_help=True, rich_markup_mode=None)

File = Annotated[Path, typer.Argument(hidden=True)]


@app.command("show")
@verb
def show(
    file: File,
    kind: Annotated[str, typer.Option("--type", help="Only entries of this type.")] = "",
    run: Annotated[str, typer.Option("--run", help="Only this run: its id or its start.")] = "",
    grant: Annotated[str, typer.Option("--grant", help="Only this grant and its uses.")] = "",
    query: Annotated[str, typer.Option("--query", help="Only this query and its answer.")] = "",
    dispute: Annotated[str, typer.Option("--dispute", help="Only this dispute.")] = "",
    about: Annotated[str, typer.Option("--about", help="Only what cites this entry's id.")] = "",
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
    from fedcredit import ledger_file, ledger_view

    try:
        choice = ledger_view.Choice(
            kind=kind,
            run=run,
            grant=grant,
            query=query,
            dispute=dispute,
            about=about,
            party=party,
            since=since,
            until=until,
        )
    except ValueError:
        raise typer.BadParameter("a moment is written 2026-11-23 or 2026-11-23T16:00") from None
    found = ledger_file.lines(file)
    if subject is not None:
        found = (seen.line for seen in _of_subject(file, subject, openings)[0])
    chosen = list(choice.of(found))
    if as_json:
        show_json([line.fact() | {"data": line.data} for line in chosen])
        return
    rows = [
        {
            "index": line.index,
            "received": line.received[:19].replace("T", " "),
            "author": line.author,
            "type": line.type,
            "says": says(line.type, line.data),
            "run": str(line.data.get("run_id", ""))[:8],
            "entry": line.entry_id[:12],
        }
        for line in chosen
    ]
    show_table(rows, right=("index",))
    witnessed = ledger_file.n_witnessed(file)
    later = [line.index for line in chosen if line.index >= witnessed]
    if later:
        print(f"\nunwitnessed, so not final yet: {len(later)} of these, from {later[0]} on")


def _of_subject(
    file: Path, subject: Path, openings: Path | None, config: Path | None = None
) -> "tuple[list[Seen], str]":
    """Return what is about the subject in a file, and the subject."""
    from fedcredit import ledger_file, ledger_view
    from fedcredit_ledger.evidence import read_openings

    if not subject.is_file():
        raise typer.BadParameter("--subject names a file that holds the subject's token")
    value = subject.read_text(encoding="utf-8").strip()
    lines = list(ledger_file.lines(file))
    if config is not None and openings is None:
        from fedcredit.subject_at_party import kept_about

        kept, batches = kept_about(config, lines, value)
        return list(ledger_view.of_subject(lines, value, kept, batches)), value
    if openings is None or not openings.is_dir():
        raise typer.BadParameter("--subject needs --openings, the folder of openings")
    return list(ledger_view.of_subject(lines, value, read_openings(openings))), value


@app.command("subject")
@verb
def subject_(
    file: File,
    subject: Annotated[
        Path, typer.Option("--subject", show_default=False, help="File with a subject's token.")
    ],
    config: Annotated[
        Path | None, typer.Option("--config", help="The party.toml that keeps the openings.")
    ] = None,
    openings: Annotated[
        Path | None, typer.Option("--openings", metavar="DIR", help="Or a folder of openings.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Also an evidence package."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Answer one person, from the ledger FILE: who used my data, when, for what.

    Authorizations, queries, answers, reports, actions and disputes about the person, found by the
    openings that the person's bank keeps. The package proves each entry and discloses the openings
    that concern the person alone.

    Example: fedcredit ledger subject copy.db --subject token.txt --config bank-a/party.toml
    """
    from fedcredit import evidence_file

    if (config is None) == (openings is None):
        raise typer.BadParameter("name --config, the bank's party.toml, or --openings, a folder")
    found, value = _of_subject(file, subject, openings, config)
    packed = 0
    if out is not None and found:
        kept = {seen.line.index: seen.openings for seen in found if seen.openings}
        proven = evidence_file.write(
            out,
            file,
            f"entries {','.join(seen.line.entry_id for seen in found)}",
            openings=kept,
            disclose={str(name) for opened in kept.values() for _, name, _ in opened},
        )
        ids = {leaf.id for leaf in proven.leaves}
        packed = sum(seen.line.entry_id in ids for seen in found)
    rows = [seen.row() for seen in found]
    if as_json:
        show_json({"entries": rows, "package": str(out) if packed else "", "n_packed": packed})
        return
    show_table(
        [
            {
                "index": row["index"],
                "when": row["when"][:19].replace("T", " "),
                "what": row["what"],
                "by": row["by"],
                "used by": row["used_by"],
                "for": row["purpose"],
                "under": row["grant"],
                "opened": ", ".join(name for name, v in row["opened"].items() if v != value),
            }
            for row in rows
        ],
        right=("index",),
    )
    if packed:
        later = f", {len(rows) - packed} not yet under a quorum" if packed < len(rows) else ""
        print(f"\n{out}: {packed} entries with their proofs{later}")


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
    keep: Annotated[
        Path | None,
        typer.Option("--keep", metavar="HEAD", help="Write what --since goes on from next time."),
    ] = None,
    flow: Annotated[
        bool, typer.Option("--flow", help="Also what is missing of each run, query, action, loan.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check FILE, a ledger: links and tree; with --rules the rules, with --full every signature.

    The process ends with the number of the first finding; what --flow misses may still come, and is
    none. Who has only the ledger room types ``python -m fedcredit_ledger verify``.

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
    if keep is not None and level == Level.HEAD:
        raise typer.BadParameter("--keep needs the leaves checked: leave --head out")
    report = verify_file(
        file,
        level=level,
        founding_entry=founding or None,
        since=since.read_bytes() if since is not None else b"",
        progress=told,
    )
    if openings is not None and not report.findings:
        verify_openings(file, read_openings(openings), report)
    if keep is not None and not report.findings:
        part = keep.with_name(f"{keep.name}.part")
        part.write_bytes(report.verified_head)
        part.replace(keep)
    listed = _flows(file, openings) if flow and not report.findings else []
    if as_json:
        told_of = {"flows": [one.document() for one in listed]} if flow else {}
        print(json.dumps(report.document() | told_of, indent=2))
    else:
        print(describe(report))
        for one in listed:
            missing = ", ".join(one.missing) or "nothing"
            print(f"{one.kind} {one.name}: missing {missing}")
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _flows(file: Path, openings: Path | None) -> "list[Flow]":
    from fedcredit_ledger.evidence import read_openings
    from fedcredit_ledger.evidence_verifier import parse_leaf
    from fedcredit_ledger.flows import flows
    from fedcredit_ledger.store import Store

    with Store(file, read_only=True) as store:
        leaves = [parse_leaf(raw, f"entries/{i}.leaf") for i, raw in enumerate(store.leaves())]
    return flows(leaves, read_openings(openings) if openings is not None else None)


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
        typer.Option(
            "--result", metavar="FILE", help="A result.json or evaluation.json; ledger.db beside."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Lead FIGURE of RUN's report back to its round, parties, grants and policy.

    FIGURE is named as in the report, which shows the name where the pointer rests on a number:
    auc.holdout, bins.COLUMN.2, points.COLUMN.2, coefficient.COLUMN, history.3, grant.PARTY, quorum;
    of an evaluation auc.champion, delong, group.NAME, drift.MONTH.
    The ledger is verified to the last signature first.

    Example: fedcredit ledger explain-number 4727d98f auc.holdout --result demo/result.json
    """
    from fedcredit import evidence_file, figures, ledger_file, saved_file
    from fedcredit.job_store import FOLDER, JobStore
    from fedcredit_ledger.evidence import read_openings

    found: saved_file.Saved
    if result is None:
        saved, found = JobStore(store or Path(FOLDER)).finished(run)
        ledger = saved.ledger
    else:
        found, ledger = saved_file.load(result), result.with_name("ledger.db")
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


@app.command("backup")
@verb
def backup(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="Ledger, or coordinator.toml.")],
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", show_default=False, help="Needed.")
    ],
    as_json: AsJson = False,
) -> None:
    """Copy the ledger SOURCE as it is at one moment into FILE, while it is being written.

    SOURCE is a ledger file, or the coordinator.toml of one in a file or in PostgreSQL. The copy is
    one SQLite file, and its links and tree are checked before anything is said.

    Example: fedcredit ledger backup coordinator/coordinator.toml -o /backup/ledger.db
    """
    from fedcredit.ledger_backup import backup as copy_of

    report = copy_of(source, out)
    if as_json:
        show_json({"file": str(out), **report.document()})
        return
    print(f"{out}: {report.size} entries, {report.quorum_size} witnessed, root {report.root}")
