"""``fedcredit witness``: a witness that is no member: a regulator, a notary, a court."""

from pathlib import Path
from typing import Annotated

import typer

from fedcredit.cli.output import AsJson, show_json, show_table, verb

app = typer.Typer(
    help="Run a witness outside the federation: it co-signs heads of ledgers, and reads no entry.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="The witness's witness.toml.")]


@app.command("init")
@verb
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New folder of the witness.")],
    name: Annotated[str, typer.Option(help="Name in policies: small letters, digits, hyphens.")],
    port: Annotated[int, typer.Option(help="Where it listens.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    url: Annotated[
        str | None,
        typer.Option(help="Under which coordinators reach it; http://HOST:PORT when absent."),
    ] = None,
    log: Annotated[
        list[str] | None,
        typer.Option(metavar="VKEY", help="Key of a log to be co-signed; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the witness's key, witness.toml, and the one file to send to a coordinator.

    Example: fedcredit witness init regulator --name regulator --port 8444
    """
    from fedcredit.witness.new_witness import init_witness

    witness, public = init_witness(folder, name=name, port=port, host=host, url=url, logs=log or ())
    if as_json:
        show_json({**vars(witness), "written": str(public)})
        return
    print(f"key          {witness.vkey}")
    print(f"called at    {witness.url}/add-checkpoint")
    print(f"\nsend {public} to the coordinator, before it drafts the founding entry; write the")
    print(f"key of its log into {folder / 'witness.toml'}, when you have compared it; then")
    print(f"fedcredit witness start {folder / 'witness.toml'}")


@app.command("start")
@verb
def start(config: ConfigFile) -> None:
    """Run the witness until SIGTERM.

    Example: fedcredit witness start regulator/witness.toml
    """
    from fedcredit.cli.signals import until_told
    from fedcredit.witness import daemon

    until_told(lambda stop: daemon.run(config, stop))


@app.command("status")
@verb
def status(config: ConfigFile, as_json: AsJson = False) -> None:
    """Show whether the witness runs, and the newest head of every log that it has co-signed.

    Example: fedcredit witness status regulator/witness.toml
    """
    from fedcredit.witness.config import WitnessSetup
    from fedcredit.witness.daemon import remembered
    from fedcredit_parties.daemon import read_status

    setup = WitnessSetup(config)
    found = remembered(setup) | read_status(setup.state)
    if as_json:
        show_json(found)
        return
    logs, proofs, held = (found.pop(key, {}) for key in ("logs", "proofs", "held"))
    show_table([{"what": key, "is": value} for key, value in found.items()])
    if logs:
        print()
        show_table(
            [
                {
                    "log": origin,
                    "leaves": head.get("size", 0),
                    "cosigned": head.get("cosigned", "-"),
                }
                for origin, head in logs.items()
            ],
            right=("leaves",),
        )
    for entry, one in held.items():
        print(f"\nheld since {one['since']}: entry {entry} of {one['author']}")
    for path in proofs:
        print(f"\nPROOF OF A FORK: {path}")


@app.command("proof")
@verb
def proof(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A proof that a witness has kept.")],
    log: Annotated[
        str,
        typer.Option(metavar="VKEY", help="The log's key; without it, the one in the proof."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Verify a proof that a log has signed two histories; the process ends with 59 when it is none.

    Anybody can: nothing but the log's key is needed, which stands in the founding entry. The key in
    the proof itself convinces only those who compare it.

    Example: fedcredit witness proof regulator/state/proofs/fork-1a2b3c4d5e6f7a8b.json
    """
    from fedcredit_ledger.errors import InvalidEvidenceError
    from fedcredit_ledger.fork_proof import MAX_PROOF_BYTES, ForkProof
    from fedcredit_ledger.note import VerifierKey

    if file.stat().st_size > MAX_PROOF_BYTES:
        raise InvalidEvidenceError("this is no fork proof", expected=f"{MAX_PROOF_BYTES} bytes")
    found = ForkProof.parse(file.read_bytes())
    smaller, larger = found.heads(VerifierKey.parse(log or found.log))
    if as_json:
        show_json(
            {
                "log": log or found.log,
                "is_pinned": bool(log),
                "smaller": {"size": smaller.size, "root": smaller.root.hex()},
                "larger": {"size": larger.size, "root": larger.root.hex()},
                "root": found.root.hex(),
                "digest": found.digest,
            }
        )
        return
    print(f"{smaller.origin} has signed two histories of {smaller.size} leaves:")
    print(f"  root {smaller.root.hex()}, in one signed head")
    size = "another signed head" if smaller.size == larger.size else f"that of {larger.size} leaves"
    print(f"  root {found.root.hex()}, in {size}")
    if not log:
        print(f"by the key in the proof; compare it with the founding entry's: {found.log}")
