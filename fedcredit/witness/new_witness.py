"""Make a witness: its key, its configuration, and the one file that a coordinator needs of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from fedcredit.founding import OutsideWitness
from fedcredit.founding_exchange import read_document, write_new
from fedcredit.member_options import check_name
from fedcredit.witness.config import WitnessConfig
from fedcredit_ledger.note import CosignatureKey
from fedcredit_parties.config import toml_text
from fedcredit_parties.errors import ConfigError
from fedcredit_parties.secret_files import write_private

WITNESS = "fedcredit-witness/v1"


def init_witness(
    folder: Path,
    *,
    name: str,
    port: int,
    host: str = "127.0.0.1",
    url: str | None = None,
    logs: Sequence[str] = (),
    authors: Mapping[str, Sequence[str]] | None = None,
) -> tuple[OutsideWitness, Path]:
    """Make key, ``witness.toml`` and the public file of a witness.

    Parameters
    ----------
    folder : Path
        New, or without any of these files; only its owner may enter it.
    name : str
        Name of the witness.
    port, host : int, str
        Where it listens.
    url : str, optional
        Under which coordinators reach it, when that is not ``http://host:port``.
    logs : sequence of str
        Keys of the logs that it accepts; more can be written into ``witness.toml``.
    authors : mapping of str to sequence of str, optional
        By a log's origin the signing keys of the parties whose withheld entries it takes.

    Returns
    -------
    OutsideWitness, Path
        What stands in the public file, and the file.

    Raises
    ------
    ConfigError
        When the folder holds a witness already, or a value is not usable.
    FoundingError
        When name or URL fit in no policy.
    """
    check_name(name)
    values: dict[str, object] = {
        "name": name,
        "host": host,
        "port": port,
        "url": url,
        "logs": list(logs),
    }
    values["authors"] = {origin: list(vkeys) for origin, vkeys in (authors or {}).items()}
    config = WitnessConfig.parse(
        {key: value for key, value in values.items() if value is not None}, name="witness init"
    )
    public = folder / f"{name}.witness.json"
    for found in ("witness.toml", "witness.key", public.name):
        if (folder / found).exists():
            raise ConfigError(
                f"{folder.name} holds a witness already",
                party=name,
                expected="a folder without key and configuration",
                found=found,
                remedy="keep it: a new key is a new witness; name another folder",
            )
    key = CosignatureKey.generate(name)
    witness = OutsideWitness(name=name, vkey=key.vkey, url=config.address)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    write_private(folder / "witness.key", key.seed.hex())
    write_private(folder / "witness.toml", witness_toml(config))
    write_new(public, {"format": WITNESS, **vars(witness)})
    return witness, public


def witness_toml(config: WitnessConfig) -> str:
    """Return ``witness.toml`` beside ``witness.key``."""
    logs = "".join(f"\n    {toml_text(vkey)}," for vkey in config.logs)
    url = f"url = {toml_text(config.url)}\n" if config.url else ""
    return (
        "# Written by witness init. docs/reference/witness-toml.md\n"
        f"name = {toml_text(config.name)}\nhost = {toml_text(config.host)}\n"
        f"port = {config.port}\n{url}"
        "# Keys of the logs that are co-signed; compare each with its federation by telephone.\n"
        f"logs = [{logs}{chr(10) if logs else ''}]\n"
        "\n[authors]  # by origin: signing keys of the parties whose withheld entries are taken\n"
        + "".join(
            f"{toml_text(origin)} = [{', '.join(map(toml_text, vkeys))}]\n"
            for origin, vkeys in config.authors.items()
        )
    )


def read_witness(path: Path) -> OutsideWitness:
    """Read the public file of a witness.

    Raises
    ------
    FoundingError
        When it is not one, or holds what no policy can.
    """
    fields = read_document(path, WITNESS, ("name", "url", "vkey"))
    return OutsideWitness(**{key: str(fields[key]) for key in ("name", "url", "vkey")})
