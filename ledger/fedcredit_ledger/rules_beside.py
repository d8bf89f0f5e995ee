"""Replays a ledger file's rules in another process, while packages are made from it in this one.

What is made meanwhile is of no use to anybody before `report`: only then do the rules hold. A short
ledger is not worth a process, nor is there one with a single core; it is replayed when asked for.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fedcredit_ledger.errors import EvidenceError
from fedcredit_ledger.evidence_verifier import Refused
from fedcredit_ledger.signatures import cores
from fedcredit_ledger.verify import WORTH_A_PROCESS, Level, verify_file

_OF_BAD_LEAVES = (Refused, LookupError, TypeError, ValueError, AttributeError)
"""What reading a leaf can end with that no rule has judged yet."""


class RulesBeside:
    """One replay of one file.

    Parameters
    ----------
    path : Path
        The SQLite file.

    Notes
    -----
    A context manager: its process ends with it. When reading leaves fails within, it says what the
    rules find wrong with them instead.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._child: subprocess.Popen[bytes] | None = None
        self._found: dict[str, Any] | None = None

    def start(self, size: int) -> None:
        """Begin, for a ledger of so many leaves or more."""
        if size >= WORTH_A_PROCESS and cores() > 1:
            room = str(Path(__file__).resolve().parents[1])
            path = os.pathsep.join(filter(None, [room, os.environ.get("PYTHONPATH", "")]))
            verb = ("fedcredit_ledger", "verify", str(self._path), "--rules", "--json")
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", *verb],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
            )

    def report(self) -> tuple[int, bytes]:
        """Wait for the end; return how many leaves keep the rules, and the root over them.

        Raises
        ------
        EvidenceError
            When the ledger does not verify, or the process did not come to its end.
        """
        if self._found is None:
            self._found = self._finish()
        found = self._found
        if found.get("findings") or "root" not in found:
            listed = found.get("findings") or [{"sentence": str(found.get("message", ""))}]
            raise EvidenceError(
                f"the ledger does not verify: {listed[0]['sentence']}",
                expected="no finding",
                found=f"{len(listed)}, the first at {listed[0].get('index')}",
                remedy="keep the file as it is; fedcredit ledger verify FILE --full lists findings",
            )
        return int(found["size"]), bytes.fromhex(found["root"])

    def _finish(self) -> dict[str, Any]:
        if self._child is None:
            return verify_file(self._path, level=Level.RULES).document()
        said, _ = self._child.communicate()
        try:
            found: dict[str, Any] = json.loads(said)
        except ValueError as error:
            raise EvidenceError(
                "a process that verifies rules has ended",
                expected="its report",
                found=f"exit code {self._child.returncode}",
                remedy="pack again; when it recurs, look at this machine's memory",
            ) from error
        return found

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process; say what the rules find when leaves could not be read."""
        try:
            if isinstance(error, _OF_BAD_LEAVES):
                self.report()
        finally:
            if self._child is not None:
                self._child.kill()
                self._child.wait()
                assert self._child.stdout is not None
                self._child.stdout.close()
