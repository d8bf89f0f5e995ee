"""``fedcredit evidence``: what a ledger says about one matter, in a file for a court."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedcredit.cli.output import AsJson, show_json, verb

if TYPE_CHECKING:
    from fedcredit_ledger.evidence_verifier import Proven

app = typer.Typer(
    help="Pack evidence for a court, and check it.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("pack")
@verb
def pack(
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", show_default=False, help="Needed.")
    ],
    run: Annotated[str, typer.Argument(hidden=True)] = "",
    ledger: Annotated[
        Path | None, typer.Option("--ledger", help="Ledger file (default: the saved run's).")
    ] = None,
    grant: Annotated[str, typer.Option("--grant", help="A grant with its uses and end.")] = "",
    query: Annotated[str, typer.Option("--query", help="A query, its answer, its reports.")] = "",
    entry: Annotated[
        list[str] | None, typer.Option("--entry", help="An entry, by index or id; may be repeated.")
    ] = None,
    openings: Annotated[
        Path | None, typer.Option("--openings", metavar="DIR", help="Openings, INDEX.json each.")
    ] = None,
    disclose: Annotated[
        str, typer.Option("--disclose", help="Committed fields to disclose: result,subject.")
    ] = "",
    attachments: Annotated[
        Path | None,
        typer.Option("--attachments", metavar="DIR", help="Documents whose digests are disclosed."),
    ] = None,
    anchors: Annotated[
        Path | None,
        typer.Option("--anchors", metavar="DIR", help="Time stamps that the ledger recorded."),
    ] = None,
    batch: Annotated[
        Path | None, typer.Option("--batch", help="CSV of cases; FILE is then a folder.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option("--store", metavar="DIR", help="Folder of saved runs (default: .fedcredit)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a package about RUN (its id or its beginning), a grant, query or entries: one ZIP.

    The ledger is verified to the last signature first. The same ledger gives the same bytes. What
    the entries only commit to stays withheld unless it is named with --disclose. With --batch every
    case of a list (case_no, contract, court) that is complete, undisputed and right to the fen gets
    its package; the others are listed, and the process ends with 59.

    Example: fedcredit evidence pack 4727d98f --ledger demo/ledger.db -o case.zip
    """
    from fedcredit import evidence_file
    from fedcredit_ledger.evidence import read_openings

    names = tuple(name for name in disclose.split(",") if name)
    if sum(map(bool, (run, grant, query, entry, batch))) != 1:
        raise typer.BadParameter("name one matter: RUN, --grant, --query, --entry or --batch")
    if batch is not None:
        if ledger is None or openings is None:
            raise typer.BadParameter("--batch needs --ledger and --openings")
        _pack_batch(batch, ledger, openings, out, names, attachments, as_json=as_json)
        return
    if ledger is None:
        if not run:
            raise typer.BadParameter("--grant, --query and --entry need --ledger")
        from fedcredit.job_store import FOLDER, JobStore

        ledger = JobStore(store or Path(FOLDER)).find(run).ledger
    if run:
        subject = f"run {evidence_file.run_of(ledger, run)}"
    else:
        subject = f"grant {grant}" if grant else f"query {query}" if query else ""
        subject = subject or f"entries {evidence_file.entries_of(ledger, entry or ())}"
    folder = openings or ledger.parent / evidence_file.OPENINGS
    proven = evidence_file.write(
        out,
        ledger,
        subject,
        openings=read_openings(folder) if names else None,
        disclose=names,
        attachments=evidence_file.documents(attachments),
        anchors=evidence_file.documents(anchors),
    )
    _show(proven, out, as_json=as_json)


def _pack_batch(
    cases: Path,
    ledger: Path,
    openings: Path,
    out: Path,
    disclose: tuple[str, ...],
    attachments: Path | None,
    *,
    as_json: bool,
) -> None:
    from fedcredit import evidence_batch, evidence_file
    from fedcredit.ledger_file import demand
    from fedcredit_ledger.errors import EvidenceError
    from fedcredit_ledger.evidence import Packer, read_openings
    from fedcredit_ledger.rules_beside import RulesBeside
    from fedcredit_ledger.store import Store

    listed = evidence_batch.read_cases(cases)
    kept = read_openings(openings)
    documented = evidence_file.documents(attachments)
    with (
        Store(demand(ledger), read_only=True) as store,
        RulesBeside(ledger) as beside,
    ):
        batch = evidence_batch.pack_batch(
            Packer(store, beside=beside),
            listed,
            kept,
            out,
            disclose=disclose,
            attachments=documented,
        )
    if as_json:
        show_json(
            {
                "folder": str(out),
                "n_packed": len(batch.filed),
                "n_refused": len(batch.refused),
                "root": batch.root,
            }
        )
    else:
        print(f"{out}: {len(batch.filed)} packed (batch.csv), {len(batch.refused)} refused")
        print(f"root over the packages {batch.root}")
        for case, error in batch.refused:
            print(f"refused {case.case_no}: {error}")
    if batch.refused:
        raise typer.Exit(EvidenceError.exit_code)


@app.command("verify")
@verb
def verify(
    file: Annotated[Path, typer.Argument(hidden=True)],
    founding: Annotated[
        str, typer.Option("--founding", metavar="ID", help="Entry id the ledger must begin with.")
    ] = "",
    policy: Annotated[
        Path | None, typer.Option("--policy", help="File with a pinned tlog-policy.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check FILE, an evidence package; no network, no ledger.

    Every byte is accounted for, and the readable statement is made again from the entries. Without
    --founding or --policy, learned elsewhere, a sound package is only consistent with its own keys.

    Example: fedcredit evidence verify case.zip
    """
    from fedcredit import evidence_file

    proven = evidence_file.read(file, founding_entry=founding, policy=policy)
    _show(proven, file, as_json=as_json)


def _show(proven: "Proven", path: Path, *, as_json: bool) -> None:
    from fedcredit_ledger.evidence_verifier import describe

    if not as_json:
        print(f"{path}\n{describe(proven)}")
        return
    show_json(
        {
            "file": str(path),
            "subject": proven.subject,
            "ledger": proven.origin,
            "founding_entry": proven.founding_entry,
            "is_pinned": proven.is_pinned,
            "size": proven.size,
            "root": proven.root,
            "witnesses": proven.witnesses,
            "entries": [
                {"index": leaf.place, "entry_id": leaf.id, "type": leaf.type, "author": leaf.author}
                for leaf in proven.leaves
            ],
            "n_disclosed": proven.n_disclosed,
            "n_withheld": proven.n_withheld,
            "missing": proven.missing,
        }
    )


@app.command("seal")
@verb
def seal(
    config: Annotated[Path, typer.Argument(hidden=True)],
    fact: Annotated[Path, typer.Argument(hidden=True)],
    openings: Annotated[
        Path, typer.Option("--openings", metavar="DIR", show_default=False, help="Needed.")
    ],
    as_json: AsJson = False,
) -> None:
    """Seal FACT, a fact of a loan (JSON), into the ledger as the party of CONFIG.

    Every field becomes a salted commitment; the openings are kept in the folder, and nowhere else.

    Example: fedcredit evidence seal bank-a/party.toml repayment.json --openings bank-a/openings
    """
    from fedcredit import fact_sealing
    from fedcredit_parties.daemon import PartySetup

    read = fact_sealing.read_fact(fact)
    index = fact_sealing.seal(PartySetup(config).member(), read, openings)
    if as_json:
        show_json({"index": index, "stage": read["stage"], "opening": str(openings)})
        return
    print(f"entry {index}: {read['stage']} is sealed, its opening is {openings / f'{index}.json'}")


@app.command("issue")
@verb
def issue(
    config: Annotated[Path, typer.Argument(hidden=True)],
    folder: Annotated[Path, typer.Argument(hidden=True)],
    purpose: Annotated[str, typer.Option(help="Why the packages were made.")] = "evidence",
    as_json: AsJson = False,
) -> None:
    """Record the packages of FOLDER, a batch, in the ledger as the party of CONFIG.

    One entry holds the number of packages and the root over their digests; its own proof is put
    beside them.

    Example: fedcredit evidence issue bank-a/party.toml cases/ --purpose evidence
    """
    from fedcredit import fact_sealing
    from fedcredit_parties.daemon import PartySetup

    index = fact_sealing.issue(PartySetup(config).member(), folder, purpose=purpose)
    if as_json:
        show_json({"index": index, "proof": str(folder / "batch.tlog-proof")})
        return
    print(f"entry {index}: the batch is recorded; its proof is {folder / 'batch.tlog-proof'}")
