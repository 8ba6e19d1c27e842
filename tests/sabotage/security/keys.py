"""Makes the keys, certificates and secrets of the sabotaged stack: wrong on purpose, new in every run, never in the repository."""

from __future__ import annotations

import datetime
import json
import os
import sys
import tempfile
from pathlib import Path

import pyrage
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stack.completed import complete

NAME = "sabotage.seatrial.test"


def certificates(folder: Path) -> None:
    """A CA that signed nothing, a certificate of ten years on P-521, and one that ends in three days."""
    folder.mkdir(mode=0o755)
    _certificate(folder, "ca", "an authority that signed nothing", ec.SECP256R1(), days=30)
    _certificate(folder, "long", NAME, ec.SECP521R1(), days=3650)
    _certificate(folder, "short", NAME, ec.SECP256R1(), days=3)


def secrets(folder: Path) -> None:
    """An age key others may read, and a secrets file to a second key too: as it is, and with one value forgotten."""
    ours, second = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    key = folder / "age.key"
    key.write_text(f"{ours}\n")
    key.chmod(0o644)
    recipients = f"{ours.to_public()},{second.to_public()}"
    argv = (str(Path(sys.executable).parent / "sops"), "--config", os.devnull, "encrypt", "--age", recipients)
    done = complete(
        (*argv, "--input-type", "json", "--output-type", "yaml", "/dev/stdin"),
        stdin=json.dumps({"DATABASE_PASSWORD": "a" * 8}).encode(),
        timeout_seconds=30,
    )
    assert done.ok, done.stderr
    (folder / "secrets.enc.yaml").write_text(done.stdout)
    (folder / "forgotten.enc.yaml").write_text(done.stdout + "FORGOTTEN: in plain text\n")


def backups(folder: Path) -> None:
    """A backup to a key that is too short, a newer one that is not encrypted at all, and the private key beside them."""
    archives = folder / "database"
    archives.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="st-gpg-") as home:

        def gpg(*arguments: str) -> None:
            argv = ("gpg", "--homedir", home, "--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", "")
            done = complete((*argv, *arguments), timeout_seconds=60)
            assert done.ok, done.stderr

        gpg("--quick-generate-key", "sabotage", "rsa2048", "sign,encrypt", "never")
        gpg("--armor", "--output", str(folder / "public.asc"), "--export", "sabotage")
        gpg("--armor", "--output", str(folder / "private.asc"), "--export-secret-keys", "sabotage")
        plain = Path(home) / "plain"
        plain.write_text("INSERT INTO orders VALUES (1, 'in plain text');\n" * 200)
        gpg("--trust-model", "always", "-r", "sabotage", "-o", str(archives / "db-1.gpg"), "--encrypt", str(plain))
        gpg("--compress-algo", "none", "-o", str(archives / "db-2.gpg"), "--store", str(plain))
        complete(("gpgconf", "--homedir", home, "--kill", "all"), timeout_seconds=10)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _certificate(folder: Path, name: str, subject: str, curve: ec.EllipticCurve, *, days: int) -> None:
    key = ec.generate_private_key(curve)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=name == "ca", path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / f"{name}.key").write_bytes(private)
    # The sabotaged edge runs as another user, and a private key others may read is one more thing wrong with it.
    (folder / f"{name}.key").chmod(0o644)
