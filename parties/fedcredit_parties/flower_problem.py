"""What a Flower node tells its operator when the coordinator is away, or refuses it.

The wire knows numbers and exceptions of libraries; the operator needs to know whether to wait, to
set the clock, or to call the coordinator's operator about a key or an authority.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from fedcredit_parties.errors import ClockError, PartyError, UntrustedFederationError, WireError

CLOCK_LIMIT_S = 300
"""Flower refuses a signature that is older."""


def explained(error: Exception) -> PartyError:
    """Return the error that the party's operator understands.

    Parameters
    ----------
    error : Exception
        From a call to the SuperLink, or from reading what it said.
    """
    if isinstance(error, PartyError):
        return error
    if isinstance(error, httpx.HTTPStatusError):
        return _explained_status(error.response)
    if isinstance(error, httpx.TransportError):
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return UntrustedFederationError(
                "the coordinator's certificate does not lead to the pinned authority",
                found=str(error).partition("certificate verify failed: ")[2] or "another one",
                remedy="compare the authority's fingerprint with the coordinator's operator",
            )
        return WireError(
            "the coordinator does not answer; it is asked again",
            found=type(error).__name__,
        )
    return WireError("the coordinator's SuperLink said what is not Flower's protocol")


def clock_error(ahead_s: float, *, limit_s: float, party: str = "") -> ClockError:
    """Return the error for a clock that is `ahead_s` seconds ahead (below zero: behind)."""
    minutes = abs(ahead_s) / 60
    direction = "ahead of" if ahead_s > 0 else "behind"
    return ClockError(
        f"this machine's clock is {minutes:.0f} minutes {direction} the coordinator's",
        party=party,
        expected=f"at most {limit_s / 60:g} minutes between the two",
        found=f"{minutes:.0f} minutes: here {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        remedy="compare both with a third clock (date -u; timedatectl) and set the one that is "
        "wrong: when every party says the same, it is the coordinator's",
    )


def _explained_status(response: httpx.Response) -> PartyError:
    code = response.status_code
    drift = _clock_drift_s(response)
    if code == httpx.codes.UNAUTHORIZED and abs(drift) > CLOCK_LIMIT_S:
        return clock_error(drift, limit_s=CLOCK_LIMIT_S)
    if code in (httpx.codes.UNAUTHORIZED, httpx.codes.PRECONDITION_FAILED):
        return UntrustedFederationError(
            "the coordinator does not accept this node key",
            expected="a registered key that nobody else is on line with",
            found=f"HTTP {code}",
            remedy="a key is registered within seconds; a second daemon with this identity, or one "
            "that lost its state folder, is let in a minute after the first fell silent",
        )
    if code in (429, 502, 503, 504):
        return WireError(
            "the coordinator's SuperLink does not answer; it is asked again", found=f"HTTP {code}"
        )
    return WireError("the coordinator refused a Flower call", found=f"HTTP {code}")


def _clock_drift_s(response: httpx.Response) -> float:
    try:
        theirs = parsedate_to_datetime(response.headers["date"])
        return (datetime.now(UTC) - theirs).total_seconds()
    except (KeyError, TypeError, ValueError):
        return 0.0
