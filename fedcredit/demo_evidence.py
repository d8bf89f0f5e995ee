"""The demonstration's last step: its evidence, verified by somebody who has nothing else.

The verifier is one file of the package itself. It runs in a process of its own in which Python
looks for no installed package, neither FedCredit nor any other, in a folder with nothing but the
package.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from fedcredit_ledger.errors import InvalidEvidenceError

VERIFIER = "verify.py"

VERIFY_S = 120.0
"""How long it may take, in pure Python."""


def command(package: str, founding_entry: str) -> list[str]:
    """Return what a receiver of the package types."""
    return ["python3", "-I", "-S", VERIFIER, package, "--founding", founding_entry]


def verify_alone(package: Path, *, founding_entry: str) -> list[str]:
    """Verify a package with its own verifier and nothing else; return what that prints.

    Parameters
    ----------
    package : Path
        A package that FedCredit has just written: its verifier is FedCredit's.
    founding_entry : str
        Entry id that the ledger must begin with.

    Raises
    ------
    InvalidEvidenceError
        When the verifier refuses the package, or does not come to an end.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copyfile(package, folder / package.name)
        with zipfile.ZipFile(package) as files:
            (folder / VERIFIER).write_bytes(files.read(VERIFIER))
        try:
            done = subprocess.run(
                [sys.executable, *command(package.name, founding_entry)[1:]],
                cwd=folder,
                capture_output=True,
                encoding="utf-8",
                timeout=VERIFY_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise InvalidEvidenceError(f"no verdict within {VERIFY_S:.0f} s") from None
    if done.returncode:
        raise InvalidEvidenceError(
            "the evidence was packed, and its own verifier refuses it",
            expected="VALID",
            found=done.stderr.strip()[-300:],
            remedy="this is a defect of FedCredit: keep the package and report it",
        )
    return done.stdout.splitlines()
