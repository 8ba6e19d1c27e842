"""Judges a certificate's key and signature by Mozilla's modern policy, widened to the RSA keys public authorities still issue."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

CURVES = frozenset({"secp256r1", "secp384r1"})
LEAST_RSA_BITS = 2048
HASHES = frozenset({"sha256", "sha384", "sha512"})


def key_problems(found: Certificate) -> list[str]:
    """Why the key or the signature falls short; empty when neither does."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

    key = found.public_key()
    problems = []
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < LEAST_RSA_BITS:
            problems.append(f"an RSA key of {key.key_size} bits, expected {LEAST_RSA_BITS} or more")
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in CURVES:
            problems.append(f"an ECDSA key on {key.curve.name}, expected {' or '.join(sorted(CURVES))}")
    elif not isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        problems.append(f"a key of kind {type(key).__name__}")
    algorithm = found.signature_hash_algorithm
    if algorithm is not None and algorithm.name not in HASHES:
        problems.append(f"signed with {algorithm.name}, expected SHA-256 or better")
    return problems


def described(found: Certificate) -> str:
    """A certificate in one line."""
    key = found.public_key()
    size = getattr(key, "key_size", "")
    algorithm = found.signature_hash_algorithm
    return f"{type(key).__name__.strip('_')} {size}, {algorithm.name if algorithm else 'EdDSA'}, until {found.not_valid_after_utc:%Y-%m-%d}"


def days(span: datetime.timedelta) -> float:
    """A span in days."""
    return span.total_seconds() / 86_400
