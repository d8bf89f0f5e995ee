"""Every error that FedCredit raises, as one tree by who must act.

::

    LedgerError            fedcredit_ledger    50-59   call the auditor
    PartyError             fedcredit_parties   10-39, 70-79   call the party's operator
    JobError               fedcredit           40-49, 80-81   call the data scientist
    ├── PartiesMissingError      41   fewer parties answered than the job or the policy needs
    ├── DivergedError            42   the fit ended without an optimum
    ├── RunFailedError           43   the run failed by rule; `.run_id`, `.error`
    ├── ResultNotFoundError      44   no saved result of that name
    ├── FoundingError            49   a file of a founding is unusable, altered or another's
    ├── DriftToWatchError        80   a monitored model has moved enough for a look
    │   └── DriftToActOnError    81   ... enough for a decision
    └── CoordinatorError         45   the coordinator cannot do its work: call its operator
        ├── PortInUseError       46   another program listens on the port
        ├── CertificateError     47   a TLS certificate is missing, expired or another's
        ├── SuperLinkError       48   Flower's SuperLink ended or refused a call
        └── WitnessUnreachableError  45   an outside witness did not answer, or not in the form

The subtrees of the other rooms are drawn in their own ``errors.py``. The process ends with the
number of the class; a page for each number stands in ``docs/reference/exit-codes``.
"""


class JobError(Exception):
    """Something about a job that the data scientist can mend.

    Parameters
    ----------
    message : str
        What happened, about which party and run; no row values.
    party, expected, found : str
        Who, what should have been, what was.
    remedy : str
        What to type or whom to ask.
    """

    exit_code = 40

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
        compared = f" (expected {expected}, got {found})" if expected and found else ""
        super().__init__(f"{message}{compared}")
        # A notebook shows a traceback, not diagnostics(): there too, whose it is and what to do.
        for label, text in (("party", party), ("what to do", remedy)):
            if text:
                self.add_note(f"{label}: {text}")

    def diagnostics(self) -> str:
        """Return what to try, for the person at the terminal."""
        lines = [f"{type(self).__name__}: {self}"]
        if self.remedy:
            lines.append(f"What to do: {self.remedy}")
        lines.append(f"exit {self.exit_code} · docs: reference/exit-codes/{self.exit_code}")
        return "\n".join(lines)


class PartiesMissingError(JobError):
    """Fewer parties than the job or the policy needs."""

    exit_code = 41


class DivergedError(JobError):
    """The fit ended without an optimum."""

    exit_code = 42


class RunFailedError(JobError):
    """The run failed by rule and nobody sent this requester the reason."""

    exit_code = 43


class ResultNotFoundError(JobError):
    """No saved result of that name."""

    exit_code = 44


class FoundingError(JobError):
    """A file that founders send each other is unusable, altered, or of another founding."""

    exit_code = 49


class DriftToWatchError(JobError):
    """Some month of a monitored model asks for a look: score, features or calibration moved."""

    exit_code = 80


class DriftToActOnError(DriftToWatchError):
    """Some month of a monitored model asks for a decision."""

    exit_code = 81


class CoordinatorError(JobError):
    """The coordinator cannot do its work."""

    exit_code = 45


class PortInUseError(CoordinatorError):
    """Another program listens on the port."""

    exit_code = 46


class CertificateError(CoordinatorError):
    """A TLS certificate is missing, expired, or does not fit its key, address or authority."""

    exit_code = 47


class SuperLinkError(CoordinatorError):
    """Flower's SuperLink did not start, ended, or refused a call."""

    exit_code = 48


class WitnessUnreachableError(CoordinatorError):
    """An outside witness did not answer, or not in its protocol's form."""
