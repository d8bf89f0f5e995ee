"""``fedcredit grant``: what this holder allows others to compute on its tables."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedcredit.cli.output import AsJson, show_json, show_table, verb

if TYPE_CHECKING:
    from fedcredit_parties.daemon import PartySetup
    from fedcredit_parties.kept_openings import KeptOpenings
    from fedcredit_parties.member import Member
    from fedcredit_parties.sealed_grants import SealedGrants

app = typer.Typer(
    help="Allow, narrow, explain and withdraw what others may compute on our tables.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="This holder's party.toml")]
_DAY = {"formats": ["%Y-%m-%d"], "metavar": "YYYY-MM-DD"}
Purpose = Annotated[
    str,
    typer.Option(
        help="loan_origination, post_loan, modelling, blacklist_check, fraud_intervention or "
        "evidence."
    ),
]
To = Annotated[str, typer.Option("--to", help="Who may ask.")]
Basis = Annotated[
    str, typer.Option(help="consent, contract, statute, court_order or police_order.")
]
Law = Annotated[
    str, typer.Option("--statute", metavar="LAW/ARTICLE", help="For the basis statute.")
]
OrderNo = Annotated[str, typer.Option("--order-no", help="For an order; only committed to.")]
SubjectType = Annotated[str, typer.Option(help="person, enterprise or household.")]
Consents = Annotated[
    list[str] | None, typer.Option("--separate-consent", help="pipl-23, pipl-24 or pipl-29.")
]
Document = Annotated[
    Path | None, typer.Option("--document", help="File behind it; its digest is committed to.")
]
Operations = Annotated[
    list[str] | None, typer.Option("--operation", help="sum (default), train, match or lookup.")
]
Categories = Annotated[
    list[str] | None, typer.Option("--category", help="Kind of data; all when absent.")
]
Features = Annotated[
    list[str] | None, typer.Option("--feature", help="A column, label included; all when absent.")
]
DataFrom = Annotated[datetime | None, typer.Option(**_DAY, help="Only rows from this day on.")]
DataTo = Annotated[datetime | None, typer.Option(**_DAY, help="Only rows up to this day.")]
From = Annotated[datetime | None, typer.Option("--from", **_DAY, help="Not before this day.")]
Until = Annotated[
    datetime | None, typer.Option(**_DAY, help="Last moment, midnight UTC (default: 30 days).")
]
MaxUses = Annotated[int | None, typer.Option(help="Runs that may use it.")]
MaxRounds = Annotated[int | None, typer.Option(help="Contributions under it, over all runs.")]
Epsilon = Annotated[int | None, typer.Option("--epsilon-micro", help="Privacy budget, millionths.")]


@contextmanager
def _holder(
    config: Path,
) -> "Iterator[tuple[PartySetup, Member, SealedGrants, KeptOpenings]]":
    """Yield a holder's parts, its copy of the ledger up to date; close what they hold open."""
    from fedcredit_parties.daemon import PartySetup
    from fedcredit_parties.sealed_grants import SealedGrants

    setup = PartySetup(config)
    with closing(setup.openings()) as openings:
        member = setup.member()
        try:
            member.ledger.refresh()
            yield setup, member, SealedGrants(setup.vault(), openings), openings
        finally:
            member.stop()


def _read(path: Path | None) -> str:
    """Return the one token in a file; nothing when there is none."""
    return "" if path is None else path.read_text("utf-8").strip()


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _moment(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def _law(statute: str) -> tuple[str, str] | None:
    if not statute:
        return None
    law, slash, article = statute.rpartition("/")
    if not slash or not law or not article:
        raise typer.BadParameter("a statute is written LAW/ARTICLE")
    return law, article


@app.command("issue")
@verb
def issue(
    config: ConfigFile,
    purpose: Purpose,
    to: To,
    basis: Basis = "contract",
    statute: Law = "",
    order_no: OrderNo = "",
    application_no: Annotated[
        str, typer.Option(help="The one application it is for; only committed to.")
    ] = "",
    subject_file: Annotated[
        Path | None, typer.Option(help="File with one subject's token; every row when absent.")
    ] = None,
    subject_type: SubjectType = "",
    separate_consent: Consents = None,
    document: Document = None,
    operation: Operations = None,
    category: Categories = None,
    feature: Features = None,
    data_from: DataFrom = None,
    data_to: DataTo = None,
    start: From = None,
    until: Until = None,
    max_uses: MaxUses = None,
    max_rounds: MaxRounds = None,
    epsilon: Epsilon = None,
    as_json: AsJson = False,
) -> None:
    """Sign a grant into the ledger.

    Over every row of our tables, or, with --subject-file, over one subject. What may identify
    somebody is only committed to: subject, document, application and order stay with us.

    Example: fedcredit grant issue bank-a/party.toml --purpose modelling --to analyst
    """
    from fedcredit_parties import grant_entries
    from fedcredit_parties.grant_terms import Terms

    digest = "" if document is None else hashlib.sha256(document.read_bytes()).hexdigest()
    with _holder(config) as (setup, member, _, openings):
        name = setup.config.name
        terms = Terms(
            assets=[f"{name}/{table.name}" for table in setup.config.data],
            grantee=to,
            purpose=purpose,
            basis=basis,
            statute=_law(statute),
            order_no=order_no,
            application_no=application_no,
            subject=_read(subject_file),
            subject_type=subject_type,
            separate_consents=separate_consent or (),
            document=digest,
            operations=operation or ("sum",),
            categories=category or ("all",),
            features=feature or (),
            data_from=_day(data_from),
            data_to=_day(data_to),
            valid_from=_moment(start),
            valid_until=_moment(until),
            max_uses=max_uses,
            max_rounds=max_rounds,
            epsilon_micro=epsilon,
        )
        issued = grant_entries.issue(member, terms, openings=openings)
    if as_json:
        show_json({"entry": issued.entry_id, **issued.data})
    else:
        end = issued.data["valid_until"][:10]
        print(f"{issued.grant_id}: {to} may compute for {purpose} until {end}")
        print(f"entry {issued.entry_id}")


@app.command("seal")
@verb
def seal(
    config: ConfigFile,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON, one subject a line.")],
    purpose: Purpose,
    to: To,
    basis: Basis = "consent",
    statute: Law = "",
    subject_type: SubjectType = "",
    separate_consent: Consents = None,
    operation: Operations = None,
    category: Categories = None,
    feature: Features = None,
    data_from: DataFrom = None,
    data_to: DataTo = None,
    until: Until = None,
    max_uses: MaxUses = None,
    as_json: AsJson = False,
) -> None:
    """Keep the authorizations of many subjects here, and seal them with one entry.

    A line of FILE is {"subject": "...", ...}: it may name document, data_from, valid_until and
    other terms of its own; the options hold for every line. The ledger gets one root, nothing of a
    line.

    Example: fedcredit grant seal bank-a/party.toml c.jsonl --purpose modelling --to analyst
    """
    from fedcredit.authorizations_file import read_authorizations
    from fedcredit_parties.authority import seal_batch
    from fedcredit_parties.grant_terms import Terms, check_terms

    with _holder(config) as (setup, member, sealed, openings):
        name, now = setup.config.name, member.clock()
        shared = Terms(
            assets=[f"{name}/{table.name}" for table in setup.config.data],
            grantee=to,
            purpose=purpose,
            basis=basis,
            statute=_law(statute),
            subject_type=subject_type,
            separate_consents=separate_consent or (),
            operations=operation or ("sum",),
            categories=category or ("all",),
            features=feature or (),
            data_from=_day(data_from),
            data_to=_day(data_to),
            valid_until=_moment(until),
            max_uses=max_uses,
        )
        several = read_authorizations(file, shared)
        for terms in several:
            check_terms(terms, holder=name, columns=None, now=now)
        taken = sealed.take(several, holder=name, now=now)
        batch = seal_batch(member, sealed, openings, taken)
    if as_json:
        show_json({"batch": batch.batch_id, "root": batch.root, "n_grants": len(taken)})
    else:
        print(f"{batch.batch_id}: {len(taken)} authorizations are kept here and sealed")
        print(f"entry {batch.entry_id}")


@app.command("narrow")
@verb
def narrow(
    config: ConfigFile,
    grant_id: Annotated[str, typer.Argument(metavar="GRANT", help="The grant's id.")],
    operation: Operations = None,
    category: Categories = None,
    feature: Features = None,
    data_from: DataFrom = None,
    data_to: DataTo = None,
    until: Until = None,
    max_uses: MaxUses = None,
    max_rounds: MaxRounds = None,
    epsilon: Epsilon = None,
    as_json: AsJson = False,
) -> None:
    """Make a grant smaller from here on; a limit that would be wider is refused.

    Example: fedcredit grant narrow bank-a/party.toml bank-a-modelling-0 --max-uses 1
    """
    from fedcredit_ledger.entry import format_time
    from fedcredit_parties import grant_entries

    end = _moment(until)
    limits: dict[str, Any] = {
        "operations": sorted(set(operation or ())),
        "categories": sorted(set(category or ())),
        "columns": sorted(set(feature or ())),
        "data_from": None if data_from is None else f"{data_from:%Y-%m-%d}",
        "data_to": None if data_to is None else f"{data_to:%Y-%m-%d}",
        "valid_until": None if end is None else format_time(end),
        "max_uses": max_uses,
        "max_rounds": max_rounds,
        "epsilon_micro": epsilon,
    }
    changes = {name: value for name, value in limits.items() if value not in (None, [])}
    with _holder(config) as (_, member, _, _):
        entry_id = grant_entries.narrow(member, grant_id, changes)
    if as_json:
        show_json({"entry": entry_id, "grant_id": grant_id, **changes})
    else:
        print(f"{grant_id} is narrowed: {', '.join(changes)}")
        print(f"entry {entry_id}")


@app.command("revoke")
@verb
def revoke(
    config: ConfigFile,
    grant_id: Annotated[
        str, typer.Argument(metavar="GRANT", help="Id of a grant, a batch, or one in a batch.")
    ],
    reason: Annotated[
        str, typer.Option(help="withdrawn, dispute, court or expired-early.")
    ] = "withdrawn",
    as_json: AsJson = False,
) -> None:
    """Withdraw a grant; the next round that needs it is not answered.

    Of an authorization that is kept here every batch that holds it is revoked in the ledger.

    Example: fedcredit grant revoke bank-a/party.toml bank-a-modelling-0
    """
    from fedcredit_parties.authority import withdraw

    with _holder(config) as (_, member, sealed, _):
        ended = withdraw(member, sealed, grant_id, reason=reason)
    if as_json:
        show_json({"grant_id": grant_id, "revoked": ended})
    else:
        print(f"{grant_id} is revoked")
        for name in ended:
            if name != grant_id:
                print(f"{name}, which held it, is revoked")


@app.command("list")
@verb
def list_(config: ConfigFile, as_json: AsJson = False) -> None:
    """List the grants and sealed batches that the ledger holds, with their state.

    Example: fedcredit grant list bank-a/party.toml
    """
    from fedcredit import grant_view

    with _holder(config) as (_, member, _, _):
        rows = grant_view.listed(member)
    if as_json:
        show_json(rows)
    else:
        show_table(rows, right=("used",))


@app.command("show")
@verb
def show(
    config: ConfigFile,
    grant_id: Annotated[
        str, typer.Argument(metavar="GRANT", help="Id of a grant, a batch, or one in a batch.")
    ],
    proof: Annotated[
        Path | None,
        typer.Option("--proof", metavar="FILE", help="Write under which batches it is, proved."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the terms of a grant as narrowed, its entries, its uses, and what remains.

    --proof is for an authorization that is kept here; fedcredit grant check verifies the file.

    Example: fedcredit grant show bank-a/party.toml bank-a-modelling-0
    """
    from fedcredit import grant_view

    with _holder(config) as (_, member, sealed, openings):
        told = grant_view.shown(member, sealed, grant_id)
        if proof is not None:
            document = grant_view.proof(member, sealed, openings, grant_id)
            proof.write_text(json.dumps(document, indent=1, ensure_ascii=False), "utf-8")
            proof.chmod(0o600)
    if as_json:
        show_json(told)
        return
    print(f"{grant_id}{' (revoked)' if told['revoked'] else ''}")
    for name, value in told["terms"].items():
        print(f"  {name + ':':<20}{_text(name, value)}")
    for name, value in told.items():
        if name in ("course", "uses", "batches"):
            print(f"\n{name}")
            show_table(value, right=("index", "round"))
        elif name == "remaining":
            print(f"\nremaining: {_text(name, value)}")


def _text(name: str, value: object) -> str:
    if name == "commits" and isinstance(value, dict):
        return f"commitments to {', '.join(value)}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@app.command("why")
@verb
def why(
    config: ConfigFile,
    subject: Annotated[
        str, typer.Argument(metavar="SUBJECT", help="File with a subject's token, or the token.")
    ],
    purpose: Annotated[str, typer.Option(help="Only for this purpose.")] = "",
    to: Annotated[str, typer.Option("--to", help="Only for this grantee.")] = "",
    category: Annotated[str, typer.Option(help="Kind of data (default: each table's own).")] = "",
    operation: Annotated[str, typer.Option(help="sum, train, match or lookup.")] = "sum",
    at: Annotated[datetime | None, typer.Option(**_DAY, help="On that day (default: now).")] = None,
    as_json: AsJson = False,
) -> None:
    """Say which authorization admits the use of a subject's data, and which rule stops the others.

    Uses our own openings; nobody else can tell whose an authorization is. Ends with 21 when none
    admits it.

    Example: fedcredit grant why bank-a/party.toml subject.txt --purpose modelling --to analyst
    """
    from fedcredit import grant_view
    from fedcredit_parties.errors import NoGrantError
    from fedcredit_parties.grants import Use

    path = Path(subject)
    token = _read(path) if path.is_file() else subject
    with _holder(config) as (setup, member, sealed, openings):
        name = setup.config.name
        uses = {
            f"{name}/{table.name}": Use(
                issuer=name,
                grantee=to,
                purpose=purpose,
                asset=f"{name}/{table.name}",
                columns=frozenset(),
                operation=operation,
                now=_moment(at) or member.clock(),
                category=category or table.category,
                is_dated=table.time_column is not None,
            )
            for table in setup.config.data
        }
        match = {"grantee": to, "purpose": purpose}
        reasons = grant_view.why(
            member,
            sealed,
            openings,
            token,
            uses=uses,
            match={field: word for field, word in match.items() if word},
        )
    rows: list[dict[str, Any]] = [
        {
            "grant": reason.grant_id,
            "of": reason.kind,
            "says": "admits" if reason.admits else "stops",
            "rule": reason.rule,
            "why": reason.sentence,
            "entry": "" if reason.index is None else reason.index,
            "batches": len(reason.batches),
        }
        for reason in reasons
    ]
    if as_json:
        show_json(
            [
                row | {"batches": list(reason.batches), "entry": reason.index}
                for row, reason in zip(rows, reasons, strict=True)
            ]
        )
    else:
        show_table(rows, right=("entry", "batches"))
    if not any(reason.admits for reason in reasons):
        raise typer.Exit(NoGrantError.exit_code)


@app.command("check")
@verb
def check(
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="From grant show --proof.")],
    ledger: Annotated[Path, typer.Argument(metavar="LEDGER", help="A ledger file.")],
    as_json: AsJson = False,
) -> None:
    """Verify under which roots of a LEDGER an authorization is, and under which it is not.

    Needs nothing of the holder: openings and proofs are in the file. Verify the ledger itself with
    fedcredit ledger verify.

    Example: fedcredit grant check proof.json demo/ledger.db
    """
    from fedcredit import grant_view, ledger_file
    from fedcredit.authorizations_file import said
    from fedcredit_ledger.errors import InvalidEvidenceError

    try:
        document = json.loads(proof.read_text("utf-8"))
    except (ValueError, RecursionError):
        raise InvalidEvidenceError(
            "the proof is not JSON", found=proof.name, remedy="fedcredit grant show --proof FILE"
        ) from None
    batches = {
        (line.author, str(line.data["root"])): line.index
        for line in ledger_file.lines(ledger)
        if line.type == "grants-sealed"
    }
    terms, where = grant_view.check_proof(document, batches)
    rows = [
        {"batch": name, "entry": index, "under its root": is_in} for name, index, is_in in where
    ]
    if as_json:
        show_json({"authorization": said(terms), "batches": rows})
        return
    for name, value in said(terms).items():
        print(f"  {name + ':':<20}{_text(name, value)}")
    opened = {name: value for _, name, value in document["openings"]}
    for name, value in opened.items():
        print(f"  {name + ':':<20}{value} (opened)")
    show_table(
        [row | {"under its root": "yes" if row["under its root"] else "no"} for row in rows],
        right=("entry",),
    )
