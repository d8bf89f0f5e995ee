"""What a check looked at, and what it found: one line each, for people and for programs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


class Named(Protocol):
    """An error of any of the trees."""

    @property
    def exit_code(self) -> int:
        """Number of its class."""
        ...

    @property
    def remedy(self) -> str:
        """What to do."""
        ...


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    what, sentence : str
        What was looked at, and what was found.
    exit_code : int
        0 when all is well; otherwise the number of the error.
    remedy : str
        What to do.
    """

    what: str
    sentence: str
    exit_code: int = 0
    remedy: str = ""

    @property
    def mark(self) -> str:
        """``ok`` or ``WRONG``."""
        return "WRONG" if self.exit_code else "ok"

    def document(self) -> dict[str, Any]:
        """Return the finding as JSON-able values."""
        return {
            "what": self.what,
            "ok": not self.exit_code,
            "sentence": self.sentence,
            "exit_code": self.exit_code,
            "remedy": self.remedy,
        }


def wrong(what: str, error: Named) -> Finding:
    """Return the finding of an error."""
    return Finding(
        what=what,
        sentence=f"{type(error).__name__}: {error}",
        exit_code=error.exit_code,
        remedy=error.remedy,
    )


def looked(what: str, look: Callable[[], str], *errors: type[Exception]) -> Finding:
    """Look at something: its sentence when all is well, the error's when it is not."""
    try:
        return Finding(what=what, sentence=look())
    except errors as error:
        return wrong(what, error)  # type: ignore[arg-type]  # every tree has the two fields
