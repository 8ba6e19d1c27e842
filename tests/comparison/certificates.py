"""Makes the certificates of the edges that are compared: a good one, and one that is weak in three ways."""

from __future__ import annotations

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from stack.completed import complete

NAME = "edge.seatrial.test"


def make(folder: Path) -> None:
    """A CA with a good certificate of 90 days; and by openssl, since the library rightly makes none, a weak one of ten years."""
    folder.mkdir()
    authority = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the comparison's own authority")])
    root = _builder(issuer, issuer, days=365).public_key(authority.public_key())
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    root = root.add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), critical=False)
    (folder / "ca.crt").write_bytes(root.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    key = ec.generate_private_key(ec.SECP256R1())
    own = _builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)]), issuer, days=90).public_key(
        key.public_key()
    )
    own = own.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
    own = own.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    own = own.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
    (folder / "good.crt").write_bytes(own.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    (folder / "good.key").write_bytes(_pem(key))
    (folder / "weak.key").write_bytes(_pem(rsa.generate_private_key(65537, 1024)))
    argv = [
        "openssl",
        "req",
        "-x509",
        "-sha1",
        "-days",
        "3650",
        "-key",
        str(folder / "weak.key"),
        "-subj",
        f"/CN={NAME}",
    ]
    argv += ["-addext", f"subjectAltName=DNS:{NAME}", "-out", str(folder / "weak.crt")]
    done = complete(argv, timeout_seconds=30)
    assert done.ok, done.last_words()
    for path in folder.iterdir():
        path.chmod(0o644)


def _builder(subject: x509.Name, issuer: x509.Name, *, days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
