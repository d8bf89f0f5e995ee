"""What a command prints: data on standard output, as a table or as JSON; errors on standard error.

A command ends with the number of its error (`docs/reference/exit-codes`). With ``--json`` the
error is an object on standard output too, so that a program reads one stream.
"""

import functools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ParamSpec, TypeVar

import typer

P = ParamSpec("P")
R = TypeVar("R")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def verb(command: Callable[P, R]) -> Callable[P, R]:
    """Turn FedCredit's errors into a message and an exit code.

    One of the two places where errors of every room are caught; the other is the border of the
    wire. Anything else is a defect, and ends with its traceback and 1.
    """

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except typer.Exit:
            raise
        except _expected() as error:
            _tell(error, as_json=bool(kwargs.get("as_json")))
            raise typer.Exit(error.exit_code) from None
        except BrokenPipeError:
            raise  # whoever read our output has read enough
        except OSError as error:
            told = _of_this_machine(error)
            _tell(told, as_json=bool(kwargs.get("as_json")))
            raise typer.Exit(told.exit_code) from None

    return guarded


def _of_this_machine(error: OSError) -> Any:
    """Return the named error for a file or an address that the operating system refused."""
    from pathlib import Path

    from fedcredit_parties.disk import disk_full, is_full
    from fedcredit_parties.errors import MachineError

    name = "" if error.filename is None else str(error.filename)
    if is_full(error):
        return disk_full(Path(name).parent, "the command did not write all that it had to")
    return MachineError(
        "this machine refused what the command asked of it",
        expected=f"{name} to be usable" if name else "a usable file or address",
        found=error.strerror or type(error).__name__,
        remedy="correct the path, or its owner and mode, and type the command again",
    )


def _expected() -> tuple[type[Any], ...]:
    """Return the roots of the error trees; loaded when something went wrong."""
    from fedcredit.errors import JobError
    from fedcredit_ledger.errors import LedgerError
    from fedcredit_parties.errors import PartyError

    return (LedgerError, PartyError, JobError)


def _tell(error: Any, *, as_json: bool) -> None:
    """Print what happened, to whom, what was expected, what was found and what to do."""
    fields = ("party", "expected", "found", "remedy")
    if as_json:
        values = {name: getattr(error, name) for name in fields}
        document = {"error": type(error).__name__, "message": error.message, **values}
        show_json(document | {"exit_code": error.exit_code})
    labels = {"party": "party", "expected": "expected", "found": "found", "remedy": "what to do"}
    lines = [f"{type(error).__name__}: {error.message}"]
    lines += [
        f"  {label + ':':<12}{getattr(error, name)}"
        for name, label in labels.items()
        if getattr(error, name)
    ]
    lines.append(f"exit {error.exit_code} · docs: reference/exit-codes/{error.exit_code}")
    print("\n".join(lines), file=sys.stderr)


def show_json(document: object) -> None:
    """Print a value as JSON."""
    print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def show_findings(findings: Sequence[Any], *, as_json: bool) -> None:
    """Print what a check has found; end with the number of the first thing that is wrong."""
    if as_json:
        show_json([finding.document() for finding in findings])
    else:
        show_table([{"what": f.what, "": f.mark, "found": f.sentence} for f in findings])
        for finding in findings:
            if finding.exit_code and finding.remedy:
                print(f"\n{finding.what}: {finding.remedy}")
    for finding in findings:
        if finding.exit_code:
            raise typer.Exit(finding.exit_code)


def show_table(rows: Sequence[Mapping[str, object]], *, right: Sequence[str] = ()) -> None:
    """Print rows under their headings; nothing is cut, so a column is as wide as its widest cell.

    Parameters
    ----------
    rows : sequence of mapping
        All with the same keys, which are the headings.
    right : sequence of str
        Headings of the columns that are aligned at the right.
    """
    print(table_text(rows, right=right))


def table_text(rows: Sequence[Mapping[str, object]], *, right: Sequence[str] = ()) -> str:
    """Return what `show_table` prints."""
    if not rows:
        return "(none)"
    headings = list(rows[0])
    cells = [headings, *([str(row[name]) for name in headings] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headings))]
    lines = [
        "  ".join(
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(row, widths, headings, strict=True)
        ).rstrip()
        for row in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
