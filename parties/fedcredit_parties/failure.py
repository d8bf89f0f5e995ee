"""An error told to another member: class name and the four sentences, never a stack or a value.

The requester receives it sealed and raises the same error as if it had happened at home; the
coordinator is told the class name only. The table of classes is closed: a name that this package
does not know is a `WireError`, not code.
"""

from collections.abc import Mapping
from typing import Any

from fedcredit_ledger.errors import LedgerError, QuorumError, RejectedEntryError
from fedcredit_parties.data import sendable
from fedcredit_parties.errors import (
    MachineError,
    MalformedMessageError,
    PartyError,
    WireError,
    by_name,
)

FAILED = "failed"
"""Kind of the letter that carries a failure."""

_SENTENCES = ("message", "party", "expected", "found", "remedy")
_MOST = 2_000


def describe(error: PartyError, *, party: str) -> dict[str, str]:
    """Return the letter's body; `party` is named where the error names nobody.

    Disclosure
    ----------
    Of a member's machine (disk, clock) others learn what happened, not its folders: these are for
    the operator, in the log.
    """
    if isinstance(error, MachineError):
        name = error.party or party
        error = type(error)(
            error.message,
            party=name,
            expected=f"a sound machine at {name}",
            found="what its log says",
            remedy=f"ask {name}'s operator, then run the job again",
        )
    return {
        "error": type(error).__name__,
        "message": sendable(error.message[:_MOST]),
        "party": error.party or party,
        "expected": sendable(error.expected[:_MOST]),
        "found": sendable(error.found[:_MOST]),
        "remedy": sendable(error.remedy[:_MOST]),
    }


def rebuild(body: Mapping[str, Any]) -> PartyError:
    """Return the error that a letter describes.

    Raises
    ------
    MalformedMessageError
        When the letter is not a description of a known error.
    """
    kind = by_name.get(str(body.get("error")))
    if kind is None or not all(isinstance(body.get(name), str) for name in _SENTENCES):
        raise MalformedMessageError("a failure letter of an unknown form")
    texts = {name: body[name] for name in _SENTENCES}
    return kind(texts.pop("message"), **texts)


def as_told(error: LedgerError, *, party: str) -> PartyError:
    """Return what a member tells of an error that its copy of the ledger raised."""
    if isinstance(error, QuorumError):
        return WireError(
            "the witnesses have not co-signed in time",
            party=party,
            expected="a checkpoint with the quorum's co-signatures",
            found="none in time",
            remedy="nothing was sent or opened; see that the witnesses run",
        )
    if isinstance(error, RejectedEntryError):
        return WireError(
            f"the ledger's rules refuse an entry of {party} ({error.code})",
            party=party,
            expected="an entry that the rules allow",
            found=error.code,
            remedy="see fedcredit ledger show for the entries that forbid it",
        )
    return WireError(
        f"{party} does not believe the ledger that it is served: {error.message}"[:_MOST],
        party=party,
        expected="a ledger that continues this member's copy",
        found=type(error).__name__,
        remedy=f"keep {party}'s log and state folder; compare ledger heads with another member",
    )
