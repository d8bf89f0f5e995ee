"""Every error that FedCredit raises, as one tree by who must act.

::

    LedgerError            fedcredit_ledger    50-59   call the auditor
    PartyError             fedcredit_parties   10-39   call the party's operator
    JobError               fedcredit           40-49   call the data scientist
    ├── PartiesMissingError      41   fewer parties answered than the job or the policy needs
    ├── DivergedError            42   the fit ended without an optimum
    ├── RunFailedError           43   the run failed by rule; `.run_id`, `.error`
    └── ResultNotFoundError      44   no saved result of that name

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
