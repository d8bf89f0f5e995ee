"""Whether a TLS certificate can be served: asked before a server starts, answered in words.

A server that starts with a certificate that its clients refuse looks healthy from inside. Dates,
key, authority and address are compared here, when the operator is still at the terminal.
"""

import ipaddress
import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from fedcredit.errors import CertificateError


def check_certificate(
    cert_file: Path, key_file: Path, ca_file: Path, *, host: str, now: datetime | None = None
) -> None:
    """Refuse a certificate that a client of `host` would refuse.

    Parameters
    ----------
    cert_file, key_file : Path
        Certificate (with intermediates, if any) and its private key, PEM.
    ca_file : Path
        The federation's authority, PEM.
    host : str
        Name or address under which it is served.
    now : datetime, optional
        Time to compare dates with.

    Raises
    ------
    CertificateError
        When a file is missing or is not PEM, or the certificate is out of date, does not belong to
        the key, was not signed by the authority, or does not name `host`.
    """
    chain, authorities = _read(cert_file), _read(ca_file)
    leaf = chain[0]
    now = now or datetime.now(UTC)
    _check_dates(authorities[0], ca_file.name, now, "found a new authority and have it pinned")
    _check_dates(leaf, cert_file.name, now, "issue a new certificate from the same authority")
    try:
        # A key with a password is an error here, not a prompt.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert_file, key_file, lambda: b"")
    except (OSError, ValueError) as error:
        raise CertificateError(
            f"{key_file.name} is not the key of {cert_file.name}",
            expected="the private key of the certificate, PEM, without a password",
            found=_reason(error),
            remedy="restore the key that belongs to the certificate, or issue both anew",
        ) from error
    if not any(_issued(leaf, issuer) for issuer in chain[1:] + authorities):
        raise CertificateError(
            f"{cert_file.name} was not signed by the federation's authority",
            expected=authorities[0].subject.rfc4514_string(),
            found=leaf.issuer.rfc4514_string(),
            remedy="sign it with the authority whose fingerprint the parties have pinned",
        )
    if host not in _names(leaf):
        raise CertificateError(
            f"{cert_file.name} does not name the address it is served under",
            expected=host,
            found=", ".join(_names(leaf)) or "no name",
            remedy="issue it with this name among the subjectAltName entries",
        )


def _check_dates(certificate: x509.Certificate, name: str, now: datetime, remedy: str) -> None:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if begin <= now <= end:
        return
    what = "has expired" if now > end else "is not valid yet"
    raise CertificateError(
        f"{name} {what}, or this machine's clock is off",
        expected=f"{begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC",
        found=f"{now:%Y-%m-%d %H:%M} UTC",
        remedy=f"{remedy}, or set the clock",
    )


def _read(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CertificateError(
            f"{path.name} cannot be read as a certificate",
            expected="a PEM certificate",
            found=_reason(error),
            remedy="correct the path in coordinator.toml, or restore the file",
        ) from error


def _issued(leaf: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names(leaf: x509.Certificate) -> list[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = [
        address
        for address in names.get_values_for_type(x509.IPAddress)
        if isinstance(address, ipaddress.IPv4Address | ipaddress.IPv6Address)
    ]
    return [*names.get_values_for_type(x509.DNSName), *map(str, addresses)]


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or getattr(error, "reason", None) or "other bytes"
