"""Gives the edge a certificate of its own authority, renewed before it runs out, so that TLS is verified and never waved through."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stack.errors import UserError
from stack.files import private_folder, write_whole

SERVER_NAME = "market.seatrial.test"
EDGE_UID = 10101
#: The modern policy's longest lifetime (Mozilla, server-side TLS 5.7: 90 days), and when to renew (two thirds of it gone).
LIFETIME = timedelta(days=90)
RENEW_BELOW = timedelta(days=30)
_AUTHORITY_LIFETIME = timedelta(days=3650)
_SKEW = timedelta(minutes=5)

_NAMES: tuple[x509.GeneralName, ...] = (
    x509.DNSName(SERVER_NAME),
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
)


def ensure(root: Path, state: Path, *, now: datetime | None = None) -> bool:
    """See to `state`/tls/{server.crt,server.key,ca.crt}; answer whether a new server certificate was made.

    The authority is made once, in .operator/. The server's certificate is renewed when it has less than 30 days left or is
    not the authority's. Raises `UserError` when the authority's key is there without its certificate, or cannot be read.
    """
    moment = now or datetime.now(UTC)
    key, certificate = _authority(root, moment)
    folder = private_folder(state / "tls", mode=0o755)
    authority_pem = certificate.public_bytes(serialization.Encoding.PEM)
    if not (folder / "ca.crt").exists() or (folder / "ca.crt").read_bytes() != authority_pem:
        write_whole(folder / "ca.crt", authority_pem, mode=0o444)
    if _is_good(folder, certificate, moment):
        return False
    issue(folder, key, certificate, not_before=moment - _SKEW, not_after=moment + LIFETIME - _SKEW)
    return True


def issue(
    folder: Path,
    authority_key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    *,
    not_before: datetime,
    not_after: datetime,
) -> None:
    """Write a new key and certificate for the edge into `folder`; the faults use it for certificates about to run out."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SERVER_NAME)]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectAlternativeName(_NAMES), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    write_whole(folder / "server.key", _pem(key), mode=0o400, owner=EDGE_UID)
    write_whole(folder / "server.crt", certificate.public_bytes(serialization.Encoding.PEM), mode=0o444)


def authority(root: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Answer the operator's certificate authority; made if there is none."""
    return _authority(root, datetime.now(UTC))


def _authority(root: Path, now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    folder = private_folder(root / ".operator")
    key_file, certificate_file = folder / "ca.key", folder / "ca.crt"
    if not key_file.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        write_whole(key_file, _pem(key), mode=0o400)
        write_whole(certificate_file, _self_signed(key, now).public_bytes(serialization.Encoding.PEM), mode=0o444)
    try:
        loaded = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    except (OSError, ValueError) as error:
        message = f"the certificate authority in {folder} can't be read ({error}): remove ca.key and ca.crt to begin with a new one"
        raise UserError(message) from error
    if not isinstance(loaded, ec.EllipticCurvePrivateKey) or loaded.public_key() != certificate.public_key():
        message = f"{key_file} and {certificate_file} don't belong together: remove both to begin with a new authority"
        raise UserError(message)
    return loaded, certificate


def _self_signed(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Seatrial private CA")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _is_good(folder: Path, authority_certificate: x509.Certificate, now: datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate((folder / "server.crt").read_bytes())
        key = serialization.load_pem_private_key((folder / "server.key").read_bytes(), password=None)
        certificate.verify_directly_issued_by(authority_certificate)
    except Exception:  # noqa: BLE001 -- missing, unreadable, foreign or malformed all mean the same: make a new one
        return False
    fits = isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == certificate.public_key()
    return fits and certificate.not_valid_before_utc <= now and certificate.not_valid_after_utc - now >= RENEW_BELOW


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
