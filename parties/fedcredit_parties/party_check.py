"""``party check``: open what the daemon would open, and say what is wrong in words.

Nothing is written to the ledger and no row leaves: a table is read and its columns are counted.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from fedcredit_ledger.errors import LedgerError
from fedcredit_parties.daemon import PartySetup, read_table
from fedcredit_parties.errors import ConfigError, PartyError
from fedcredit_parties.member import Member

SOON_DAYS = 30
"""A certificate that ends sooner than this is named."""


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


def _wrong(what: str, error: PartyError | LedgerError) -> Finding:
    return Finding(
        what=what,
        sentence=f"{type(error).__name__}: {error}",
        exit_code=error.exit_code,
        remedy=error.remedy,
    )


def check_party(path: Path) -> list[Finding]:
    """Return what was found, in the order in which a daemon would meet it.

    Parameters
    ----------
    path : Path
        ``party.toml``.
    """
    try:
        setup = PartySetup(path)
    except PartyError as error:
        return [_wrong("configuration and keys", error)]
    found = [
        Finding(what="configuration and keys", sentence=f"{setup.config.name}, readable"),
        _authority(setup),
    ]
    for data in setup.config.data:
        try:
            table = read_table(setup.config.name, data, setup.folder)
        except PartyError as error:
            found.append(_wrong(f"table {data.name}", error))
        else:
            columns = len(table.frame.columns)
            found.append(Finding(what=f"table {data.name}", sentence=f"{columns} columns"))
    try:
        member = setup.member()
    except (PartyError, LedgerError) as error:
        return [*found, _wrong("coordinator, ledger and pins", error)]
    return [*found, *_ledger(setup, member)]


def _authority(setup: PartySetup) -> Finding:
    what = "pinned authority"
    try:
        certificate = x509.load_pem_x509_certificate(setup.root_certificates)
        ssl.create_default_context(cadata=setup.root_certificates.decode("ascii"))
    except (ValueError, ssl.SSLError):
        return _wrong(what, ConfigError("ca_file is not a PEM certificate"))
    now, end = datetime.now(UTC), certificate.not_valid_after_utc
    if not certificate.not_valid_before_utc <= now <= end:
        return _wrong(
            what,
            ConfigError(
                "the authority's certificate is out of date, or this clock is",
                expected=f"{certificate.not_valid_before_utc:%Y-%m-%d} to {end:%Y-%m-%d}",
                found=f"{now:%Y-%m-%d}",
                remedy="ask the coordinator for a new authority, or set the clock",
            ),
        )
    soon = " (soon)" if end - now < timedelta(days=SOON_DAYS) else ""
    return Finding(what=what, sentence=f"valid until {end:%Y-%m-%d}{soon}")


def _ledger(setup: PartySetup, member: Member) -> list[Finding]:
    """Look at the ledger that the coordinator serves, after the pins were compared."""
    replica = member.ledger.replica
    head = f"{replica.size} entries, head {replica.root.hex()[:12]}"
    found = [Finding(what="coordinator, ledger and pins", sentence=head)]
    parties = member.ledger.state.parties
    own = parties.get(setup.config.name)
    if own is None or own.signing_vkey != setup.identity.signing.vkey:
        error = ConfigError(
            "the ledger does not know this identity",
            expected="this party's signing key in the founding entry",
            found="another key, or no such party",
            remedy="use the identity that was founded, or have the party join",
        )
        found.append(_wrong("own place in the federation", error))
    else:
        roles = ", ".join(own.roles)
        found.append(Finding(what="own place in the federation", sentence=roles))
    policy = member.ledger.state.founding["disclosure_policy_digest"]
    if policy != setup.config.disclosure.digest():
        error = ConfigError(
            "[disclosure] is not the federation's policy",
            expected=f"a policy with digest {policy[:12]}",
            found=f"{setup.config.disclosure.digest()[:12]}",
            remedy="copy the policy of the founding into party.toml",
        )
        found.append(_wrong("disclosure policy", error))
    else:
        found.append(Finding(what="disclosure policy", sentence="as founded"))
    return found
