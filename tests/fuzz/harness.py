"""Feed mutated messages to everything that parses foreign bytes, and judge what comes of each.

A mutant is accepted, or refused by a named error of the project's three trees (or, at the front, by
a number). Anything else is a finding: another exception, an end of the process, an answer that took
too long, growth of memory. A finding is kept with its seed and its bytes, so that it can be fed
again.
"""

import json
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fedcredit.errors import JobError
from fedcredit_ledger.errors import LedgerError
from fedcredit_parties.errors import PartyError

NAMED = (LedgerError, PartyError, JobError)

SLOWEST_S = 10.0
"""No single mutant may take longer; the machine may be busy."""

GROWTH_BYTES = 96 * 2**20
"""How much the process may grow after it has warmed up on the first tenth."""

ACCEPTED = "accepted"


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that reads foreign bytes.

    Attributes
    ----------
    name : str
        What it reads.
    mutant : callable
        Makes a mutated message.
    feed : callable
        Feeds it; returns `ACCEPTED` or the word by which it was refused, or raises.
    weight : int
        Share of all mutants.
    check : callable, optional
        Called at the end; raises AssertionError when something grew that must not.
    """

    name: str
    mutant: Callable[[random.Random], Any]
    feed: Callable[[Any], str | None]
    weight: int = 10
    check: Callable[[], None] = lambda: None


@dataclass
class Row:
    """What became of one target's mutants."""

    name: str
    n: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    findings: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Report:
    """All rows, and what the process had become by the end."""

    seed: int
    rows: list[Row]
    seconds: float = 0.0
    grown_bytes: int = 0

    @property
    def n(self) -> int:
        """Number of mutants."""
        return sum(row.n for row in self.rows)

    @property
    def findings(self) -> list[dict[str, Any]]:
        """Everything that should not have happened."""
        found = [finding for row in self.rows for finding in row.findings]
        if self.grown_bytes > GROWTH_BYTES:
            found.append({"target": "process", "what": f"grew by {self.grown_bytes} bytes"})
        return found

    def document(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "seed": self.seed,
            "mutants": self.n,
            "seconds": round(self.seconds, 1),
            "grown_mib": round(self.grown_bytes / 2**20, 1),
            "findings": self.findings,
            "targets": {
                row.name: {
                    "mutants": row.n,
                    "accepted": row.accepted,
                    "refused": dict(row.refused.most_common()),
                    "slowest_s": round(row.slowest_s, 3),
                }
                for row in self.rows
            },
        }

    def table(self) -> str:
        """Return it for a terminal."""
        lines = [f"seed {self.seed}", f"{'target':<28}{'mutants':>8}{'accepted':>9}  refused by"]
        for row in self.rows:
            named = ", ".join(f"{name} {n}" for name, n in row.refused.most_common(5))
            more = len(row.refused) - 5
            named += f", {more} more" if more > 0 else ""
            lines.append(f"{row.name:<28}{row.n:>8}{row.accepted:>9}  {named}")
        lines.append(
            f"{self.n} mutants, {len(self.findings)} findings, {self.seconds:.0f} s, "
            f"grown by {self.grown_bytes / 2**20:.0f} MiB"
        )
        return "\n".join(lines)


def resident_bytes() -> int:
    """Return the memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096


def run(targets: Iterable[Target], *, n: int, seed: int, findings: Path | None = None) -> Report:
    """Feed about `n` mutants, shared out by weight, at least one to each target.

    Parameters
    ----------
    targets : iterable of Target
        What reads.
    n, seed : int
        How many; where the random numbers begin. The same seed makes the same mutants.
    findings : Path, optional
        Folder for the mutants that were findings.
    """
    targets = list(targets)
    total = sum(target.weight for target in targets)
    rows = [Row(target.name) for target in targets]
    rngs = [random.Random(f"{seed}/{target.name}") for target in targets]
    counts = [max(1, round(n * target.weight / total)) for target in targets]
    began = time.monotonic()
    warm = 0
    for part in range(10):
        for target, row, rng, count in zip(targets, rows, rngs, counts, strict=True):
            for _ in range(count * (part + 1) // 10 - count * part // 10):
                _feed(target, row, rng, findings)
        if part == 0:
            warm = resident_bytes()
    for target, row in zip(targets, rows, strict=True):
        try:
            target.check()
        except AssertionError as grown:
            row.findings.append({"target": target.name, "what": str(grown)})
    return Report(
        seed=seed,
        rows=rows,
        seconds=time.monotonic() - began,
        grown_bytes=max(0, resident_bytes() - warm),
    )


def _feed(target: Target, row: Row, rng: random.Random, folder: Path | None) -> None:
    mutant = target.mutant(rng)
    row.n += 1
    began = time.perf_counter()
    word, trace = "", ""
    try:
        word = target.feed(mutant) or ACCEPTED
    except NAMED as error:
        word = type(error).__name__
    except Exception as error:  # what the fuzzer is looking for
        trace = traceback.format_exc()
        word = type(error).__name__
    took = time.perf_counter() - began
    row.slowest_s = max(row.slowest_s, took)
    if word == ACCEPTED:
        row.accepted += 1
    elif not trace:
        row.refused[word] += 1
    if trace or took > SLOWEST_S:
        finding = {
            "target": target.name,
            "number": row.n,
            "what": word if trace else f"took {took:.1f} s",
            "trace": trace[-3_000:],
            "mutant": repr(mutant)[:2_000],
        }
        row.findings.append(finding)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            name = f"{target.name.replace(' ', '-')}-{row.n}.json"
            (folder / name).write_text(json.dumps(finding, indent=1), encoding="utf-8")
