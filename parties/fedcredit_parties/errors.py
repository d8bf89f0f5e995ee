"""Errors of the parties room: call the party's operator.

The tree is ordered by who must act; the number is what a process returns::

    PartyError                        10   something at a party stopped a task
    ├── ConfigError                   11   party.toml or job.toml is not valid
    ├── UntrustedFederationError      12   a key is not the one that was pinned
    │   └── ServedCertificateError    75   the coordinator's certificate is foreign or out of date
    ├── DataError                     13   the party's table does not fit the task
    │   ├── SchemaMismatchError       14   another column, type or schema
    │   ├── BoundsError               15   a value outside the declared bounds (wrong unit?)
    │   ├── LabelError                16   the label is not 0/1, or missing
    │   ├── NoBadsError               17   no bads, or no goods: nothing to learn
    │   ├── ConstantFeatureError      18   a feature with one value
    │   ├── SeparableDataError        19   a feature decides alone
    │   ├── TrainingDivergedError     77   a network that does not learn
    │   ├── TableChangedError         74   the file is not the one that was read
    │   └── RepeatedSubjectError      76   one subject in several rows of one table
    ├── GrantError                    20   the rows are not allowed for this task
    │   ├── NoGrantError              21
    │   ├── ExpiredGrantError         22
    │   ├── RevokedGrantError         23
    │   └── GrantScopeError           24   other data, columns, operation; used up
    ├── DisclosureError               25   the answer would say too much
    │   ├── SmallCellError            26   a released cell below the policy
    │   ├── TooFewPartiesError        27
    │   ├── DifferencingError         28   two sums whose difference is one party
    │   └── SteepModelError           29   the point would single out rows
    ├── EncryptionError               30   keys, ciphertexts, sealed bytes
    │   ├── ContextMismatchError      31   another parameter set or key
    │   ├── PrecisionError            32   the sum is not an exact integer in its range
    │   ├── SecretKeyExposedError     33   a secret key where only a public one belongs
    │   └── ForgedAggregateError      34   the coordinator's sum is not the sum
    ├── WireError                     35   bytes from another organisation
    │   ├── MalformedMessageError     36   not exactly one well-formed message
    │   ├── ReplayedMessageError      37   a message that was used before
    │   └── FrontUnreachableError     39   the coordinator does not answer
    ├── InputNotReleasedError         38   asked to evaluate at a point nobody released
    └── MachineError                  70   this machine refused what the program asked of it
        ├── DiskFullError             71   no room: what was not kept was not confirmed either
        ├── ClockError                72   the clock differs from the coordinator's
        └── DuplicateIdentityError    73   another daemon with this identity is alive

60 to 69 are kept for private set intersection; 70 to 79 are about the ground a daemon stands on:
disk, clock, ports, files. A number is never used twice, also not after its
class is gone. No message holds a row's value or a person's identifier: error texts are logged, and
logs travel.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar


class PartyError(Exception):
    """Root of the room's errors.

    Parameters
    ----------
    message : str
        What happened, in one sentence without a final stop.
    party : str
        The party it is about, who is to be called.
    expected, found : str
        What should have been there, and what was there instead. Never a row's value.
    remedy : str
        What to try.
    """

    exit_code: ClassVar[int] = 10

    def __init__(
        self,
        message: str,
        *,
        party: str = "",
        expected: str = "",
        found: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.party = party
        self.expected = expected
        self.found = found
        self.remedy = remedy
        # A notebook shows a traceback, not diagnostics(): there too, whose it is and what to do.
        for label, text in (("party", party), ("what to do", remedy)):
            if text:
                self.add_note(f"{label}: {text}")

    def __str__(self) -> str:
        """Return the message with what was expected and found, in one line."""
        details = []
        if self.expected:
            details.append(f"expected {self.expected}")
        if self.found:
            details.append(f"found {self.found}")
        return f"{self.message} ({'; '.join(details)})" if details else self.message

    def diagnostics(self) -> str:
        """Return the lines for the person at the terminal: what happened and what to try."""
        lines = [f"{type(self).__name__}: {self.message}"]
        for title, text in (
            ("party", self.party),
            ("expected", self.expected),
            ("found", self.found),
            ("try", self.remedy),
        ):
            if text:
                lines.append(f"  {title + ':':<10}{text}")
        lines.append(f"exit {self.exit_code} · docs: reference/exit-codes/{self.exit_code}")
        return "\n".join(lines)


class ConfigError(PartyError):
    """A configuration file is not valid."""

    exit_code = 11


class UntrustedFederationError(PartyError):
    """A founder, key or founding entry is not the one that was pinned outside the system."""

    exit_code = 12


class DataError(PartyError):
    """The party's table does not fit the task."""

    exit_code = 13


class SchemaMismatchError(DataError):
    """A column is missing, has another type, or the schema differs between parties."""

    exit_code = 14


class BoundsError(DataError):
    """A value lies outside the declared bounds; often a wrong unit."""

    exit_code = 15


class LabelError(DataError):
    """The label is missing or something else than 0 and 1."""

    exit_code = 16


class NoBadsError(DataError):
    """There are no bads or no goods to learn from."""

    exit_code = 17


class ConstantFeatureError(DataError):
    """A feature has one value everywhere."""

    exit_code = 18


class SeparableDataError(DataError):
    """A feature, or a combination, decides the label alone; the fit has no finite answer."""

    exit_code = 19


class TrainingDivergedError(DataError):
    """Training left the finite numbers, or a network learnt nothing."""

    exit_code = 77


class GrantError(PartyError):
    """The party has not allowed this use of its rows."""

    exit_code = 20


class NoGrantError(GrantError):
    """There is no grant for this grantee and purpose."""

    exit_code = 21


class ExpiredGrantError(GrantError):
    """The grant's period is over."""

    exit_code = 22


class RevokedGrantError(GrantError):
    """The grant was withdrawn."""

    exit_code = 23


class GrantScopeError(GrantError):
    """The grant covers other data, columns or operations, or is used up."""

    exit_code = 24


class DisclosureError(PartyError):
    """What was asked for would disclose more than the policy allows."""

    exit_code = 25


class SmallCellError(DisclosureError):
    """A released cell is below the federation's smallest."""

    exit_code = 26


class TooFewPartiesError(DisclosureError):
    """A sum over so few parties would be one party's data."""

    exit_code = 27


class DifferencingError(DisclosureError):
    """Two sums whose difference is one party's data, or that of a few subjects."""

    exit_code = 28


class SteepModelError(DisclosureError):
    """The point of evaluation would single out rows."""

    exit_code = 29


class EncryptionError(PartyError):
    """Keys, ciphertexts or sealed bytes are not what they must be."""

    exit_code = 30


class ContextMismatchError(EncryptionError):
    """A key or ciphertext belongs to another parameter set or context."""

    exit_code = 31


class PrecisionError(EncryptionError):
    """A sum is not an exact integer within its declared range, so it is not opened."""

    exit_code = 32


class SecretKeyExposedError(EncryptionError):
    """A secret key stands where only a public one may be; treat it as lost."""

    exit_code = 33


class ForgedAggregateError(EncryptionError):
    """The coordinator's aggregate is not the sum of the committed contributions."""

    exit_code = 34


class WireError(PartyError):
    """Bytes that came from another organisation are not acceptable."""

    exit_code = 35


class MalformedMessageError(WireError):
    """Bytes that are not exactly one well-formed message."""

    exit_code = 36


class ReplayedMessageError(WireError):
    """A message, key or statement that was used before."""

    exit_code = 37


class FrontUnreachableError(WireError):
    """The coordinator's front does not answer."""

    exit_code = 39


class InputNotReleasedError(PartyError):
    """A round was asked for at a point that the key holder never released."""

    exit_code = 38


class TableChangedError(DataError):
    """The table's file is not the one that was read when the daemon started or the run began."""

    exit_code = 74


class RepeatedSubjectError(DataError):
    """The declared id column names one subject in several rows of the party's table."""

    exit_code = 76


class ServedCertificateError(UntrustedFederationError):
    """The coordinator serves a certificate that this party must not accept."""

    exit_code = 75


class MachineError(PartyError):
    """The machine refused what the program asked of it: a file, a folder, an address."""

    exit_code = 70


class DiskFullError(MachineError):
    """There is no room on the disk; what could not be kept was not confirmed to anybody."""

    exit_code = 71


class ClockError(MachineError):
    """The machine's clock and the coordinator's differ by more than is allowed."""

    exit_code = 72


class DuplicateIdentityError(MachineError):
    """Another living daemon has this identity."""

    exit_code = 73


by_name: Mapping[str, type[PartyError]] = MappingProxyType(
    {
        error.__name__: error
        for error in (
            PartyError,
            ConfigError,
            UntrustedFederationError,
            DataError,
            SchemaMismatchError,
            BoundsError,
            LabelError,
            NoBadsError,
            ConstantFeatureError,
            SeparableDataError,
            TrainingDivergedError,
            GrantError,
            NoGrantError,
            ExpiredGrantError,
            RevokedGrantError,
            GrantScopeError,
            DisclosureError,
            SmallCellError,
            TooFewPartiesError,
            DifferencingError,
            SteepModelError,
            EncryptionError,
            ContextMismatchError,
            PrecisionError,
            SecretKeyExposedError,
            ForgedAggregateError,
            WireError,
            MalformedMessageError,
            ReplayedMessageError,
            FrontUnreachableError,
            InputNotReleasedError,
            TableChangedError,
            RepeatedSubjectError,
            ServedCertificateError,
            MachineError,
            DiskFullError,
            ClockError,
            DuplicateIdentityError,
        )
    }
)
"""Every error that may arrive as data (class name and texts), by its class name. Closed."""
