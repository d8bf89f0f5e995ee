"""``make fuzz N=10000 SEED=1``: mutated messages to everything that reads; a table, and JSON.

Ends with 1 when something was found. The mutants that did it lie beside the JSON.
"""

import json
import secrets
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.fuzz.harness import run
from tests.fuzz.targets import all_targets

RESULTS = Path(__file__).parents[2] / "test-results"


def main(n: int, seed: int) -> int:
    """Fuzz; print the table; write the record; return the exit code."""
    print(f"seed {seed}: make fuzz N={n} SEED={seed} repeats this", flush=True)
    now = datetime.now(UTC)
    stem = f"fuzz-{now:%Y-%m-%dT%H%M%SZ}"
    with (
        tempfile.TemporaryDirectory() as folder,
        all_targets(Path(folder)) as targets,
    ):
        report = run(targets, n=n, seed=seed, findings=RESULTS / stem)
    print(report.table())
    for finding in report.findings:
        print(f"\n{finding['target']}: {finding['what']}\n{finding.get('trace', '')}")
    RESULTS.mkdir(exist_ok=True)
    document = {"time": now.isoformat(timespec="seconds"), **report.document()}
    path = RESULTS / f"{stem}.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"written to {path.parent.name}/{path.name}")
    return 1 if report.findings else 0


if __name__ == "__main__":
    mutants, *seeds = (int(word) for word in sys.argv[1:])
    sys.exit(main(mutants, seeds[0] if seeds else secrets.randbelow(2**31)))
