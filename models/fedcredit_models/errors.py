"""What the models room says when it cannot go on.

The room is mathematics: its errors are ``ValueError`` with a few named parts, so that the caller
who knows the party, the exit code and the reader can say it again in those words.
"""

from typing import Literal

SchemaProblem = Literal[
    "column",
    "dtype",
    "bounds",
    "infinity",
    "label",
    "empty",
    "levels",
    "split",
    "time",
    "constant",
    "repeated",
]


class SchemaError(ValueError):
    """A table is not what its schema says.

    Parameters
    ----------
    problem : str
        What is wrong, naming the column; never a value from a row.
    kind : str
        One of ``column dtype bounds infinity label empty levels split time constant
        repeated``.
    expected, found, remedy : str
        What was expected, what was found (counts and types only), what to do.
    party : str
        Name of the table when several were read.
    """

    def __init__(
        self,
        problem: str,
        *,
        kind: SchemaProblem,
        expected: str = "",
        found: str = "",
        remedy: str = "",
        party: str = "",
    ) -> None:
        self.problem = problem
        self.kind = kind
        self.expected = expected
        self.found = found
        self.remedy = remedy
        self.party = party
        parts = [f"{party}: {problem}" if party else problem]
        if expected or found:
            parts.append(f"(expected {expected or '-'}, found {found or '-'})")
        super().__init__(" ".join(parts))
        if remedy:
            self.add_note(
                f"what to do: {remedy}"
            )  # a traceback shows it, where diagnostics are not


class NotConvergedError(ValueError):
    """Newton's method did not settle: separable data, collinear columns or too few rounds."""
