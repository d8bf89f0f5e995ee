"""``fedcredit coordinator``: the ledger's sequencer, the front and Flower's SuperLink."""

from pathlib import Path
from typing import Annotated

import typer

from fedcredit.cli.output import AsJson, show_findings, show_json, show_table, verb

app = typer.Typer(
    help="Found and run the coordinator: it routes, records and adds, and reads nothing.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ConfigFile = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="The coordinator's coordinator.toml.")
]


@app.command("init")
@verb
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New folder of the coordinator.")],
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 needs --dns.")],
    port: Annotated[int, typer.Option(help="The only port that members need to reach.")],
    dns: Annotated[
        str | None, typer.Option(help="Name or address under which members reach it.")
    ] = None,
    superlink_port: Annotated[
        int | None, typer.Option(help="Of Flower's SuperLink, on loopback; PORT + 1 when absent.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name in the ledger.")] = "coordinator",
    as_json: AsJson = False,
) -> None:
    """Make the coordinator's keys, the log's key, the front's authority and its certificate.

    Example: fedcredit coordinator init coordinator --host 10.1.2.3 --port 8443 --dns fed.example
    """
    from fedcredit.cli.founding_view import show_keys
    from fedcredit.coordinator.new_coordinator import init_coordinator

    identity, config = init_coordinator(
        folder, host=host, port=port, dns=dns, superlink_port=superlink_port, name=name
    )
    public = folder / f"{identity.name}.founder.json"
    show_keys(identity, folder, public, as_json=as_json, front=config.front)


@app.command("draft")
@verb
def draft(
    config: ConfigFile,
    founders: Annotated[
        list[Path], typer.Argument(metavar="FOUNDER...", help="Every other member's founder file.")
    ],
    federation: Annotated[str, typer.Option(help="Name of the federation.")],
    policy: Annotated[
        Path | None,
        typer.Option(help="TOML: min_parties, min_subjects, min_bads, min_goods; 3 and 10 else."),
    ] = None,
    witness: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="File that witness init wrote; may be repeated."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Draft; FEDERATION.draft.json.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the one file that every member is to sign: entry, policy, front, authority, app.

    Example: fedcredit coordinator draft coordinator.toml bank-a.founder.json --federation ours
    """
    from fedcredit.cli.founding_view import founding_document, show_founding
    from fedcredit.coordinator.founding_desk import FoundingDesk, read_policy
    from fedcredit.founding_exchange import write_new
    from fedcredit.witness.new_witness import read_witness

    desk = FoundingDesk.read(config)
    outside = [read_witness(path) for path in witness or ()]
    file = desk.draft(founders, federation=federation, policy=read_policy(policy), outside=outside)
    path = output or config.parent / f"{federation}.draft.json"
    write_new(path, file.document())
    if as_json:
        show_json({**founding_document(file), "written": str(path)})
        return
    show_founding(file)
    print(f"\nwritten: send {path} to every member, and wait for their signatures")


@app.command("assemble")
@verb
def assemble(
    config: ConfigFile,
    draft: Annotated[Path, typer.Argument(metavar="DRAFT", help="What coordinator draft wrote.")],
    signatures: Annotated[
        list[Path], typer.Argument(metavar="SIGNATURE...", help="Every member's signature file.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Founding; FEDERATION.founding.json.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify every signature, write the founding, and complete coordinator.toml.

    Example: fedcredit coordinator assemble coordinator.toml ours.draft.json a.signature.json
    """
    from fedcredit.cli.founding_view import founding_document, show_founding
    from fedcredit.coordinator.founding_desk import FoundingDesk
    from fedcredit.founding_exchange import write_new
    from fedcredit.founding_file import FoundingFile

    desk = FoundingDesk.read(config)
    file = desk.assemble(FoundingFile.read(draft), signatures)
    path = output or config.parent / f"{file.entry.entry.data['federation']}.founding.json"
    write_new(path, file.document())
    desk.found(file)
    if as_json:
        show_json({**founding_document(file), "written": str(path)})
        return
    show_founding(file)
    print(f"\nfounded: send {path} to every member, then  fedcredit coordinator start {config}")


@app.command("renew")
@verb
def renew(
    config: ConfigFile,
    ca_key: Annotated[Path, typer.Option(help="The authority's key, from where it is kept.")],
) -> None:
    """Issue a new certificate for the front; members have pinned its authority and change nothing.

    Example: fedcredit coordinator renew coordinator/coordinator.toml --ca-key /media/safe/ca.key
    """
    from fedcredit.coordinator.new_coordinator import renew_certificate

    until = renew_certificate(config, ca_key)
    print(f"valid until {until:%Y-%m-%d}; restart the coordinator, and take the key away again")


@app.command("start")
@verb
def start(config: ConfigFile) -> None:
    """Run the coordinator until SIGTERM.

    Example: fedcredit coordinator start coordinator/coordinator.toml
    """
    from fedcredit.cli.signals import until_told
    from fedcredit.coordinator import daemon

    until_told(lambda stop: daemon.run(config, stop))


@app.command("status")
@verb
def status(config: ConfigFile, as_json: AsJson = False) -> None:
    """Show what the coordinator last said of itself, and whether it runs.

    Example: fedcredit coordinator status coordinator/coordinator.toml
    """
    from fedcredit.coordinator.config import CoordinatorConfig
    from fedcredit_parties.config import resolve
    from fedcredit_parties.daemon import read_status

    found = read_status(resolve(config.resolve().parent, CoordinatorConfig.read(config).state))
    if as_json:
        show_json(found)
        return
    runs, witnesses = found.pop("runs", {}), found.pop("outside_witnesses", {})
    show_table([{"what": key, "is": value} for key, value in found.items()])
    if isinstance(witnesses, dict) and witnesses:
        print()
        show_table(
            [
                {
                    "outside witness": name,
                    "called at": one["url"],
                    "cosigned": one.get("size", 0),
                    "last": one.get("time", "never"),
                    "problem": one.get("problem", "none"),
                }
                for name, one in witnesses.items()
            ],
            right=("cosigned",),
        )
    if isinstance(runs, dict) and runs:
        print()
        show_table([{"run": run, "status": word} for run, word in runs.items()])


@app.command("check")
@verb
def check(config: ConfigFile, as_json: AsJson = False) -> None:
    """Look at everything that a start needs, and say what is wrong in words; start nothing.

    Configuration, keys and founding entry, certificate and its dates, ports and who holds them, the
    stored ledger to the last signature, room on the disk. The process ends with the number of the
    first finding.

    Example: fedcredit coordinator check coordinator/coordinator.toml
    """
    from fedcredit.coordinator.ground import check_coordinator

    show_findings(check_coordinator(config), as_json=as_json)


@app.command("restore")
@verb
def restore(
    config: ConfigFile,
    copies: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Backups, and copies of other members.")
    ],
    lose: Annotated[
        bool, typer.Option("--lose", help="Go on without entries that no copy holds.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Append what the stored ledger lacks from copies, each verified to the last signature.

    The coordinator does not run meanwhile. Afterwards the ledger itself says that it was restored.
    Entries that were confirmed and that no copy holds stop it, unless --lose is given.

    Example: fedcredit coordinator restore coordinator/coordinator.toml /backup/ledger.db
    """
    from fedcredit.coordinator.restoration import restore as bring_back

    done = bring_back(config, copies, lose=lose)
    if as_json:
        show_json(vars(done))
        return
    print(f"stored before  {done.from_size} entries")
    print(f"now            {done.size}, the last says that it was restored")
    print(f"witnessed      {done.quorum_size}")
    if done.n_lost:
        print(f"lost           {done.n_lost} confirmed entries; their authors hold receipts")
