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

    return guarded


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
