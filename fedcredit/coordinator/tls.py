"""The federation's own authority and the certificates it issues for front and SuperLink.

One authority a federation, pinned by every member; no public one is trusted anywhere. Keys are
P-256 and are written for their owner only. There are no client certificates: a member is its
signature on each request (`fedcredit_parties.front_request`), and a node its node key.
"""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fedcredit.errors import CertificateError

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 397

_SELF = ("127.0.0.1", "localhost")

_EARLIER = timedelta(hours=1)
"""A certificate is valid a little before it was made: clocks differ."""


@dataclass(frozen=True, kw_only=True)
class Authority:
    """An authority that can issue.

    Attributes
    ----------
    certificate : Certificate
        What members pin.
    key : EllipticCurvePrivateKey
        Needed to issue, and for nothing else: keep it off the machines that serve.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def read(cls, cert_file: Path, key_file: Path) -> "Authority":
        """Read an authority that `issue_authority` wrote.

        Raises
        ------
        CertificateError
            When a file is missing or holds something else.
        """
        try:
            certificate = x509.load_pem_x509_certificate(cert_file.read_bytes())
            key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise CertificateError(
                "the federation's authority cannot be read",
                expected=f"{cert_file.name} and {key_file.name}, PEM",
                found=getattr(error, "strerror", None) or "other bytes",
            ) from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CertificateError("the authority's key is not an elliptic curve key")
        return cls(certificate=certificate, key=key)


def issue_authority(
    cert_file: Path,
    key_file: Path,
    *,
    name: str = "FedCredit federation",
    now: datetime | None = None,
    days: int = AUTHORITY_DAYS,
) -> Authority:
    """Make an authority and write its certificate and key.

    Parameters
    ----------
    cert_file, key_file : Path
        Must not exist.
    name : str
        Common name.
    now : datetime, optional
        In UTC.
    days : int
        Validity.

    Raises
    ------
    CertificateError
        When a file exists or cannot be written.
    """
    now = now or datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    public = key.public_key()
    certificate = (
        _builder(subject, subject, public, now, days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(key_file, _pem(key), 0o600)
    _write(cert_file, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return Authority(certificate=certificate, key=key)


def issue_certificate(
    authority: Authority,
    cert_file: Path,
    key_file: Path,
    *,
    names: Sequence[str] = (),
    now: datetime | None = None,
    days: int = CERTIFICATE_DAYS,
) -> x509.Certificate:
    """Issue a server certificate for this machine and `names`; write it and its key.

    Parameters
    ----------
    authority : Authority
        Who signs.
    cert_file, key_file : Path
        Must not exist.
    names : sequence of str
        Host names and addresses beside 127.0.0.1 and localhost.
    now : datetime, optional
        In UTC.
    days : int
        Validity, cut at the authority's own end.

    Raises
    ------
    CertificateError
        When a file exists or cannot be written.
    """
    now = now or datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()
    issuer = authority.certificate
    every_name = dict.fromkeys((*_SELF, *names))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "FedCredit coordinator")])
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    certificate = (
        _builder(subject, issuer.subject, public, now, days, latest=issuer.not_valid_after_utc)
        .add_extension(x509.SubjectAlternativeName(map(_general, every_name)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(authority.key, hashes.SHA256())
    )
    _write(key_file, _pem(key), 0o600)
    _write(cert_file, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate


def days_left(pem: bytes, *, now: datetime | None = None) -> float:
    """Return how many days a certificate is still valid; below zero when it has expired.

    Raises
    ------
    CertificateError
        When the bytes are no PEM certificate.
    """
    return (_load(pem).not_valid_after_utc - (now or datetime.now(UTC))) / timedelta(days=1)


def fingerprint(pem: bytes) -> str:
    """Return the SHA-256 of a certificate, in pairs, to be compared outside the system.

    Raises
    ------
    CertificateError
        When the bytes are no PEM certificate.
    """
    return _load(pem).fingerprint(hashes.SHA256()).hex(":").upper()


def _load(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise CertificateError(
            "not a certificate", expected="a PEM certificate", found="other bytes"
        ) from None


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    days: int,
    *,
    latest: datetime | None = None,
) -> x509.CertificateBuilder:
    until = now + timedelta(days=days)
    return x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - _EARLIER,
        not_valid_after=until if latest is None else min(until, latest),
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    except OSError as error:
        raise CertificateError(
            f"{path.name} cannot be written",
            expected="a new file in a folder of yours",
            found=str(error.strerror),
        ) from None
