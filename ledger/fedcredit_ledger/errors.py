"""Everything that can be wrong with a ledger: the tree of errors, by what must be done.

::

    LedgerError                     50   call the auditor
    ├── MalformedEntryError         51   bytes are not one canonical entry, note, leaf or key
    ├── BrokenChainError            52   a leaf does not continue the one before it
    ├── SignatureError              53   a signature is missing, unknown or wrong
    ├── CheckpointError             54   a signed head is malformed or not the log's
    │   ├── RollbackError           55   smaller than a head already seen
    │   ├── ForkError               56   two heads that cannot both be true: keep both files
    │   └── WitnessRefusedError     54   an outside witness does not co-sign; `.status` says why
    ├── QuorumError                 57   too few witnesses have co-signed
    ├── RejectedEntryError          58   a rule refuses the entry (``.code`` names it)
    ├── StorageError                50   where it is kept cannot be used, or took no more
    │   └── SyncError               50   a disk did not confirm a write: end, try nothing again
    └── EvidenceError               59
        └── InvalidEvidenceError    59   a proof does not prove what it says

Messages name entries, parties and rules; they never hold a committed value.
"""


class LedgerError(Exception):
    """Root of the tree.

    Parameters
    ----------
    message : str
        What happened.
    party : str, optional
        Whom it concerns.
    expected, found : str, optional
        What should have been there, and what was.
    remedy : str, optional
        What to do next, or the command to type.
    """

    exit_code = 50

    def __init__(
        self,
        message: str,
        *,
        party: str = "",
        expected: str = "",
        found: str = "",
        remedy: str = "",
    ) -> None:
        self.message = message
        self.party = party
        self.expected = expected
        self.found = found
        self.remedy = remedy
        text = message
        if expected or found:
            text = f"{message} (expected {expected or 'nothing'}, found {found or 'nothing'})"
        super().__init__(text)
        # A notebook shows a traceback, not diagnostics(): there too, whose it is and what to do.
        for label, text in (("party", party), ("what to do", remedy)):
            if text:
                self.add_note(f"{label}: {text}")

    def diagnostics(self) -> str:
        """Return several lines for the person at the terminal."""
        lines = [f"{type(self).__name__}: {self.message}"]
        for label, value in (
            ("party", self.party),
            ("expected", self.expected),
            ("found", self.found),
            ("what to do", self.remedy),
        ):
            if value:
                lines.append(f"  {label}: {value}")
        return "\n".join(lines)


class MalformedEntryError(LedgerError):
    """The bytes are not exactly one canonical value, note, entry, leaf or key."""

    exit_code = 51


class BrokenChainError(LedgerError):
    """A leaf does not continue the chain. Leaves before `index` are sound.

    Parameters
    ----------
    index : int
        Position of the first leaf that does not fit.
    """

    exit_code = 52

    def __init__(self, message: str, *, index: int, expected: str = "", found: str = "") -> None:
        super().__init__(
            message,
            expected=expected,
            found=found,
            remedy="compare this copy with another member's; the leaves before it are sound",
        )
        self.index = index


class SignatureError(LedgerError):
    """A signature does not verify, or is by a key that has no say here."""

    exit_code = 53


class CheckpointError(LedgerError):
    """A signed head is malformed, or not signed by the log."""

    exit_code = 54


class RollbackError(CheckpointError):
    """A head or store is smaller than one already seen: history was taken back."""

    exit_code = 55


class ForkError(CheckpointError):
    """Two heads that cannot both extend one history. Keep both: together they are proof."""

    exit_code = 56


class WitnessRefusedError(CheckpointError):
    """An outside witness does not co-sign a head.

    Parameters
    ----------
    status : int
        The number of its answer (c2sp.org/tlog-witness): 400, 403, 404, 409 or 422.
    is_fork : bool
        The log has signed two roots of one size.
    """

    exit_code = 54

    def __init__(
        self,
        status: int,
        message: str,
        *,
        party: str = "",
        expected: str = "",
        found: str = "",
        remedy: str = "",
        is_fork: bool = False,
    ) -> None:
        super().__init__(message, party=party, expected=expected, found=found, remedy=remedy)
        self.status = status
        self.is_fork = is_fork


class QuorumError(LedgerError):
    """Too few witnesses have co-signed a head."""

    exit_code = 57


class RejectedEntryError(LedgerError):
    """A rule refuses the entry.

    Parameters
    ----------
    code : str
        The rule, for example ``"already-opened"`` (SPEC.md, Rules).
    detail : str
        One sentence for the author of the entry.
    """

    exit_code = 58

    def __init__(self, code: str, detail: str = "", *, party: str = "", remedy: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code, party=party, remedy=remedy)
        self.code = code
        self.detail = detail


class StorageError(LedgerError):
    """The place where a ledger is kept cannot be used, or did not take what was written."""

    exit_code = 50


class SyncError(StorageError):
    """A disk did not confirm what was written: the process must end, and nothing is tried again.

    After a failed sync an operating system may forget what it held and confirm the next one.
    """

    exit_code = 50


class EvidenceError(LedgerError):
    """A proof or package cannot be used."""

    exit_code = 59


class InvalidEvidenceError(EvidenceError):
    """A proof does not prove what it says."""

    exit_code = 59
