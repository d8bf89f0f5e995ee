"""Contributions are stored before they are sent; a repeat sends the same bytes.

Encrypting twice would be two ciphertexts of one masked vector under one mask: harmless for CKKS,
fatal for the rule that a digest stands for one contribution. So the bytes of an attempt are made
once, kept until the run is over, and handed out again on request.
"""

import os
import threading
from pathlib import Path


class Contributions:
    """Ciphertexts of this party by attempt.

    Parameters
    ----------
    folder : Path, optional
        Where they are kept (fsync before anything is sent); in memory when absent, as in a
        simulation, which dies with its process.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._memory: dict[str, tuple[str, bytes]] = {}
        self._lock = threading.Lock()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def put(self, run_id: str, attempt: str, packed: bytes) -> None:
        """Keep the packed ciphertexts of an attempt; the first bytes stay."""
        with self._lock:
            if attempt in self._memory:
                return
            if self._folder is not None:
                path = self._folder / f"{run_id}.{attempt}"
                part = path.with_name(f"part-{path.name}")
                with part.open("wb") as file:
                    file.write(packed)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(path)
            self._memory[attempt] = (run_id, packed)

    def get(self, run_id: str, attempt: str) -> bytes | None:
        """Return the kept bytes of an attempt, or None."""
        with self._lock:
            kept = self._memory.get(attempt)
            if kept is not None:
                return kept[1]
            if self._folder is None:
                return None
            path = self._folder / f"{run_id}.{attempt}"
            return path.read_bytes() if path.exists() else None

    def forget(self, run_id: str) -> None:
        """Drop the contributions of a run that is over."""
        with self._lock:
            self._memory = {k: v for k, v in self._memory.items() if v[0] != run_id}
            if self._folder is not None:
                for path in self._folder.glob(f"{run_id}.*"):
                    path.unlink()
