"""The certificate that the coordinator serves, looked at for the person at the terminal.

TLS says "verification failed" and closes. An operator needs to know what was pinned and what came:
whether a date has passed, another authority has signed, the address is another, or this machine's
clock is off. So the certificate is fetched once more, without belief and without sending a byte of
ours, and compared in words.
"""

import ipaddress
import socket
import ssl
from datetime import datetime

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256

from fedcredit_parties.data import sendable
from fedcredit_parties.errors import ServedCertificateError

LOOK_S = 5.0
"""How long the look may take."""


def look(address: str) -> x509.Certificate | None:
    """Return what a TLS server shows at `address`, believing nothing; None when there is none.

    Parameters
    ----------
    address : str
        ``https://host:port``.
    """
    url = httpx.URL(address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((url.host, url.port or 443), timeout=LOOK_S) as plain,
            context.wrap_socket(plain, server_hostname=url.host) as connection,
        ):
            shown = connection.getpeercert(binary_form=True)
        return None if shown is None else x509.load_der_x509_certificate(shown)
    except (OSError, ValueError):
        return None


def described(certificate: x509.Certificate) -> str:
    """Return issuer, fingerprint and dates in one line."""
    return (
        f"{sendable(certificate.issuer.rfc4514_string())[:80]}, "
        f"SHA-256 {fingerprint(certificate)}, "
        f"{certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
    )


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of a certificate in pairs, to be read aloud."""
    return certificate.fingerprint(SHA256()).hex(":").upper()


def unacceptable(
    address: str, root_certificates: bytes, reason: str, *, party: str = "", now: datetime
) -> ServedCertificateError:
    """Return the error for a certificate that TLS has refused.

    Parameters
    ----------
    address : str
        Where it was served.
    root_certificates : bytes
        The pinned authority, PEM.
    reason : str
        What the TLS library said.
    party : str
        Who refused.
    now : datetime
        This machine's clock, UTC.
    """
    pinned = x509.load_pem_x509_certificates(root_certificates)
    served = look(address)
    return ServedCertificateError(
        _sentence(served, pinned, address, reason, now),
        party=party,
        expected="a certificate of the pinned authority: "
        + "; ".join(described(authority) for authority in pinned[:2]),
        found=f"no certificate any more ({reason})" if served is None else described(served),
        remedy="compare fingerprints and dates with the coordinator's operator by telephone; "
        f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC",
    )


def _sentence(
    served: x509.Certificate | None,
    pinned: list[x509.Certificate],
    address: str,
    reason: str,
    now: datetime,
) -> str:
    if any(now > authority.not_valid_after_utc for authority in pinned):
        return "the pinned authority has expired, or this machine's clock is off"
    if served is None:
        return f"the coordinator's certificate is not acceptable: {reason}"
    if not any(_issued(served, authority) for authority in pinned):
        return "the coordinator's certificate was not issued by the pinned authority"
    if now > served.not_valid_after_utc:
        return f"the coordinator's certificate expired on {served.not_valid_after_utc:%Y-%m-%d}"
    if now < served.not_valid_before_utc:
        return (
            "the coordinator's certificate is not valid before "
            f"{served.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        )
    if httpx.URL(address).host not in names(served):
        return f"the coordinator's certificate is for {', '.join(names(served)) or 'no address'}"
    return f"the coordinator's certificate is not acceptable: {reason}"


def names(certificate: x509.Certificate) -> list[str]:
    """Return the host names and addresses that a certificate is for."""
    try:
        alternatives = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = [
        address
        for address in alternatives.get_values_for_type(x509.IPAddress)
        if isinstance(address, ipaddress.IPv4Address | ipaddress.IPv6Address)
    ]
    return [
        *(sendable(name)[:80] for name in alternatives.get_values_for_type(x509.DNSName)),
        *map(str, addresses),
    ]


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
