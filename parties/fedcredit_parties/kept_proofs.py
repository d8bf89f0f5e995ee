"""What a witness keeps when a log contradicts itself: one file a proof, never overwritten.

A proof of a fork convinces anybody who has the log's key (`fedcredit_ledger.fork_proof`). A head
that was refused without such a proof, because it is only older, is kept too, with the head that was
held at the time: it says what was tried, and proves nothing by itself.
"""

import hashlib
import json
import os
from pathlib import Path

from fedcredit_ledger.fork_proof import ForkProof

FOLDER = "proofs"
"""In the state folder."""

MAX_FILES = 100
"""One proof convicts; a log that signs thousands of forks fills no disk."""

REFUSED = "fedcredit-refused-head/v1"


def keep_fork(state: Path, proof: ForkProof) -> Path:
    """Keep a proof of a fork; return its file.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    return _write(state, "fork", proof.encode())


def keep_refused(state: Path, *, held: bytes, offered: bytes, why: str) -> Path:
    """Keep a head that was refused, beside the one that was held; return the file.

    Parameters
    ----------
    state : Path
        The state folder.
    held, offered : bytes
        Checkpoints as the log signed them; `held` is empty when there is none.
    why : str
        The refusal, in words.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    document = {
        "format": REFUSED,
        "held": held.decode("utf-8", "replace"),
        "offered": offered.decode("utf-8", "replace"),
        "why": why,
    }
    return _write(state, "refused", json.dumps(document, indent=1, ensure_ascii=False).encode())


def kept(state: Path) -> list[Path]:
    """Return the files that are kept, sorted by name."""
    return sorted((state / FOLDER).glob("*.json"))


def digest_of(path: Path) -> str:
    """Return the SHA-256 (hex) of a kept file: what ``misbehaviour-reported`` cites."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(state: Path, kind: str, content: bytes) -> Path:
    folder = state / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{kind}-{hashlib.sha256(content).hexdigest()[:16]}.json"
    others = kept(state)
    if path in others:
        return path
    if len(others) >= MAX_FILES:
        return others[0]
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return path
