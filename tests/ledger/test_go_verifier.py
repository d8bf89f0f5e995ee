"""A package in front of other people's code: Go's note and tlog packages, unmodified.

Go is not among what FedCredit installs. Debian has it (golang-go, golang-golang-x-mod-dev); where
it is missing these tests are skipped and say so.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ledger.small_packages import files_of, finished_federation, packed_anew, run_package

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
