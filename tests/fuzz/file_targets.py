"""Files that people write or send: configurations, jobs, declared columns, foundings."""

import json
import random
from collections.abc import Callable
from pathlib import Path

from fedcredit.connection import FederationConfig, read_features
from fedcredit.coordinator.config import CoordinatorConfig
from fedcredit.founding_exchange import FoundingSignature, read_founder
from fedcredit.founding_file import FoundingFile
from fedcredit.job_file import JobFile
from fedcredit_models.schema import Feature
from fedcredit_parties.config import PartyConfig
from tests.founders import Founders
from tests.fuzz.harness import Target
from tests.fuzz.mutations import ODD, spelled, spoil_bytes, spoil_lines, spoil_value

JOB = b"""\
purpose = "modelling"
label = "bad"
features = ["income", "home"]
min_parties = 3
holdout = 0.3
seed = 7
oot_from = 2025-06-01
time_column = "month"

[parties]
bank-0 = "bank-0.csv"
bank-1 = "bank-1.csv"

[[grants]]
party = "bank-0"
purpose = "modelling"
valid_until = 2027-01-01
max_uses = 3

[model]
max_bins = 8

[policy]
min_parties = 3
"""

COLUMNS = [
    Feature(name="income", kind="numeric", lower=0.0, upper=9000.0, special=(-999.0,)),
    Feature(name="home", kind="categorical", levels=("own", "parents", "rent")),
]


def file_targets(folder: Path) -> list[Target]:
    """Return the targets that read files."""
    written = folder / "founders"
    written.mkdir()
    founders = Founders(written)
    draft = founders.draft(founders.collect())
    signatures = founders.cosign(draft)
    founding = founders.assemble(draft, signatures)
    founders.trust(founding)
    columns = json.dumps([column.to_dict() for column in COLUMNS])
    federation = b'requester = "analyst/party.toml"\nschema_file = "schema.json"\n'
    toml: list[tuple[str, bytes, Callable[[Path], object]]] = [
        ("party.toml", founders.config("bank-0").read_bytes(), PartyConfig.read),
        ("coordinator.toml", founders.config("coordinator").read_bytes(), CoordinatorConfig.read),
        ("federation.toml", federation, FederationConfig.read),
        ("job.toml", JOB, JobFile.load),
    ]
    as_json: list[tuple[str, bytes, Callable[[Path], object]]] = [
        ("founder files", (written / "bank-0" / "bank-0.founder.json").read_bytes(), read_founder),
        ("founding drafts", draft.read_bytes(), FoundingFile.read),
        ("founding signatures", signatures[0].read_bytes(), FoundingSignature.read),
        ("declared columns", columns.encode(), read_features),
    ]
    targets = [_target(folder, name, _toml(text), read) for name, text, read in toml]
    targets += [_target(folder, name, _json(text), read) for name, text, read in as_json]
    return targets


def _target(
    folder: Path,
    name: str,
    mutant: Callable[[random.Random], bytes],
    read: Callable[[Path], object],
) -> Target:
    path = folder / f"fuzzed-{name.replace(' ', '-')}"

    def feed(data: bytes) -> None:
        path.write_bytes(data)
        read(path)

    return Target(name=name, mutant=mutant, feed=feed, weight=5)


def _toml(text: bytes) -> Callable[[random.Random], bytes]:
    def mutant(rng: random.Random) -> bytes:
        if rng.random() < 0.3:
            return spoil_bytes(rng, text)
        if rng.random() < 0.3:
            return spoil_lines(rng, text)
        lines = text.split(b"\n")
        settings = [i for i, line in enumerate(lines) if b"=" in line]
        place = rng.choice(settings)
        key, _, _ = lines[place].partition(b"=")
        odd = rng.choice(ODD)
        spelling = {True: "true", False: "false", None: "nan"}
        value = (
            spelling[odd]
            if odd is None or isinstance(odd, bool)
            else rng.choice((json.dumps(odd), "2026-13-45", "2026-01-01", "0x1F", "[[]]", "{}"))
        )
        if rng.random() < 0.1:
            value = "[" * 3_000 + "]" * 3_000
        lines[place] = key + b"= " + value.encode("utf-8", "surrogatepass")
        return b"\n".join(lines)

    return mutant


def _json(text: bytes) -> Callable[[random.Random], bytes]:
    value = json.loads(text)

    def mutant(rng: random.Random) -> bytes:
        if rng.random() < 0.3:
            return spoil_bytes(rng, text)
        return spelled(rng, spoil_value(rng, value))

    return mutant
