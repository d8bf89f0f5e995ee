"""``python -m fedcredit_ledger verify FILE``: check a ledger without the rest of FedCredit."""

import argparse
import json
import sys
from collections.abc import Sequence

from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.verify import Level, Report, verify_file


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code (0, or 50 to 59 by what was found)."""
    parser = argparse.ArgumentParser(prog="fedcredit_ledger", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("verify", help="check a ledger file or an exported copy")
    verb.add_argument("file", help="the ledger's SQLite file")
    levels = verb.add_mutually_exclusive_group()
    levels.add_argument("--head", action="store_true", help="only the newest head and its quorum")
    levels.add_argument("--rules", action="store_true", help="also replay every rule")
    levels.add_argument("--full", action="store_true", help="also verify every signature")
    verb.add_argument("--founding", metavar="ID", help="entry id that the ledger must begin with")
    verb.add_argument("--json", action="store_true", help="print the report as JSON")
    chosen = parser.parse_args(arguments)
    level = Level.CHAIN
    if chosen.head:
        level = Level.HEAD
    elif chosen.rules:
        level = Level.RULES
    elif chosen.full:
        level = Level.SIGNATURES
    try:
        report = verify_file(chosen.file, level=level, founding_entry=chosen.founding)
    except LedgerError as error:
        if chosen.json:
            print(json.dumps({"error": type(error).__name__, "message": str(error)}))
        print(error.diagnostics(), file=sys.stderr)
        return error.exit_code
    print(json.dumps(report.document(), indent=2) if chosen.json else describe(report))
    return report.exit_code


def describe(report: Report) -> str:
    """Return the report as lines for a terminal, a finding a line."""
    lines = [
        f"{'-' if finding.index is None else finding.index} · {finding.code} · {finding.sentence}"
        for finding in (*report.findings, *report.remarks)
    ]
    lines.append(
        f"{report.size} leaves, {report.quorum_size} under a quorum of witnesses, checked up to "
        f"{report.level.name.lower()}: {len(report.findings) or 'no'} findings"
    )
    if report.quorum_size < report.size and not report.findings:
        lines.append(
            f"unwitnessed: the leaves from {report.quorum_size} on are under no quorum yet, so "
            "not final"
        )
    if report.since:
        lines.append(f"the first {report.since} taken on trust, by the checkpoint over them")
    if report.n_openings:
        lines.append(f"{report.n_openings} openings are what the ledger commits to")
    if report.root:
        lines.append(f"root {report.root}")
    lines.append(
        f"founding entry {report.founding_entry} (as pinned)"
        if report.is_pinned
        else f"founding entry {report.founding_entry}: not pinned (--founding), so all of this is "
        "consistent with the keys in the file"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
