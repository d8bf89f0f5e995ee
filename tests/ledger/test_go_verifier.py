"""A package in front of other people's code: Go's note and tlog packages, unmodified.

Go is not among what FedCredit installs. Debian has it (golang-go, golang-golang-x-mod-dev); where
it is missing these tests are skipped and say so.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fedcredit_ledger.evidence import Packer, pack_evidence, read_openings, verify_evidence
from fedcredit_ledger.facts import NEEDED
from fedcredit_ledger.note import SigningKey
from tests.docs.test_verify_evidence_runs import example
from tests.fedcredit.test_evidence_batch import Bank
from tests.ledger.long_life import LongLife
from tests.ledger.small_federation import seed
from tests.ledger.small_packages import (
    files_of,
    finished_federation,
    granted_federation,
    packed_anew,
    run_package,
)
from tests.ledger.vector_files import BAD, CHAIN, WrittenLedger, vector

UNKNOWN_TO_GO = {
    "a-fraction",
    "a-key-twice",
    "a-space-in-the-json",
    "a-text-that-turns",
    "backdated",
    "doubled-entry",
    "forged-aggregate",
    "heads-that-do-not-continue",
    "nine-levels",
    "one-number-twice",
    "played-later",
    "policy-of-two",
    "second-opening",
    "two-forms-of-a-letter",
    "without-its-quorum",
}
"""The program reads no canonical JSON, times, brackets or flow; verify.py refuses these."""

SOURCE = Path(__file__).parents[2] / "ledger" / "vectors" / "go" / "main.go"
GOPATH = Path("/usr/share/gocode")  # where Debian keeps Go's packages
IS_MISSING = shutil.which("go") is None or not (GOPATH / "src/golang.org/x/mod/sumdb").is_dir()

pytestmark = pytest.mark.skipif(IS_MISSING, reason="Go with golang.org/x/mod is not installed")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("go")
    subprocess.run(
        ["go", "build", "-o", str(folder / "verify"), str(SOURCE)],
        env=os.environ
        | {
            "GO111MODULE": "off",
            "GOPATH": str(GOPATH),
            "GOCACHE": str(folder / "cache"),
            "GOFLAGS": "",
        },
        check=True,
        capture_output=True,
        timeout=120,
    )
    return folder / "verify"


def test_the_program_stays_short_enough_to_be_read() -> None:
    assert len(SOURCE.read_text(encoding="utf-8").splitlines()) < 200


def verify(program: Path, package: bytes, founding: str) -> tuple[int, str]:
    path = program.with_name("case.zip")
    path.write_bytes(package)
    done = subprocess.run(
        [program, path, founding], capture_output=True, text=True, check=False, timeout=30
    )
    return done.returncode, done.stdout + done.stderr


def test_gos_note_and_tlog_packages_accept_what_is_packed_here(program: Path) -> None:
    fed = finished_federation()

    code, said = verify(program, run_package(fed), fed.founding.id)

    assert said == "21 entries under a checkpoint of 21 leaves, 4 witnesses: VALID\n"
    assert code == 0


def test_they_accept_every_kind_of_package(program: Path, tmp_path: Path) -> None:
    granted, bank = granted_federation(), Bank(tmp_path)
    bank.lend("K-1")
    bank.fed.witness()
    kept = {"openings": read_openings(bank.openings), "disclose": NEEDED}
    case = Packer(bank.fed.store).pack("case 1", places=range(1, 10), **kept)
    packages = {
        "grant": (pack_evidence(granted.store, "grant grant-bank-a"), granted.founding.id),
        "case": (case, bank.fed.founding.id),
        "disclosed run": (example(), verify_evidence(example()).founding_entry),
        "sound vector": (WrittenLedger.good().package(), CHAIN["founding_entry"]),
    }

    for what, (package, founding) in packages.items():
        assert verify(program, package, founding)[0] == 0, what


def test_they_follow_keys_and_policies_that_changed_on_the_way(program: Path) -> None:
    life = LongLife()
    package = pack_evidence(life.fed.store, f"entries {','.join(life.said)}")

    code, said = verify(program, package, life.fed.founding.id)

    assert said.endswith("leaves, 5 witnesses: VALID\n"), said
    assert code == 0
    files = files_of(package)
    place = max(int(name[8:-5]) for name in files if name.endswith(".leaf"))
    head = files[f"entries/{place}.leaf"].rpartition(b"\n\n")[0]
    text = head.split(b"\n", 4)[4] + b"\n"
    retired = SigningKey.from_seed("bank-b", seed("signing bank-b")).sign(text).line().encode()
    forged = head + b"\n\n" + retired + b"\n"
    code, said = verify(
        program, packed_anew(files | {f"entries/{place}.leaf": forged}), life.fed.founding.id
    )
    assert (code, said.partition(": ")[2].partition(":")[0]) == (59, f"entries/{place}.leaf")


@pytest.mark.parametrize("name", BAD)
def test_they_refuse_the_bad_ledgers_whose_signatures_or_tree_are_wrong(
    program: Path, name: str
) -> None:
    package, row = WrittenLedger.bad(name).package(), vector(f"bad/{name}")
    founding = row.get("founding_entry", CHAIN["founding_entry"])

    code, _ = verify(program, package, founding)

    assert code == (0 if name in UNKNOWN_TO_GO or not row["package"] else 59), name


def test_they_refuse_what_is_changed(program: Path) -> None:
    fed = finished_federation()
    files = files_of(run_package(fed))
    purpose = files["entries/8.leaf"].replace(b'"modelling"', b'"marketing"')
    proof = files["entries/9.tlog-proof"]
    line = proof.splitlines(True)[2]
    size = files["checkpoint"].replace(b"\n21\n", b"\n22\n", 1)
    forged = {
        "entries/8.leaf": purpose,
        "entries/9.tlog-proof": proof.replace(line, line[:5] + b"AAAA" + line[9:], 1),
        "checkpoint": size,
    }

    for name, raw in forged.items():
        code, said = verify(program, packed_anew(files | {name: raw}), fed.founding.id)
        assert code == 59, name
        assert said.startswith(f"INVALID: {name.partition('.')[0]}"), said
    code, said = verify(program, run_package(fed), "f" * 64)
    assert (code, said) == (59, "INVALID: entries/0.leaf: another founding entry\n")
