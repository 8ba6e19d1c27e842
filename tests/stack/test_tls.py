"""The edge's certificate is the authority's, fits the modern policy, and is renewed before it runs out."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from stack import tls
from stack.errors import UserError

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A project's state folder."""
    folder = tmp_path / ".seatrial" / "x"
    folder.mkdir(parents=True)
    return folder


def certificate(state: Path, name: str = "server.crt") -> x509.Certificate:
    return x509.load_pem_x509_certificate((state / "tls" / name).read_bytes())


def test_the_certificate_is_signed_by_the_authority_and_covers_the_served_names(tmp_path: Path, state: Path) -> None:
    tls.ensure(tmp_path, state, now=NOW)

    server = certificate(state)
    server.verify_directly_issued_by(certificate(state, "ca.crt"))
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["market.seatrial.test", "localhost"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_key_and_lifetime_fit_the_modern_policy(tmp_path: Path, state: Path) -> None:
    tls.ensure(tmp_path, state, now=NOW)

    server = certificate(state)
    key = server.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    assert server.not_valid_after_utc - server.not_valid_before_utc <= timedelta(days=90)


def test_the_private_key_is_its_services_alone(tmp_path: Path, state: Path) -> None:
    tls.ensure(tmp_path, state, now=NOW)

    assert stat.S_IMODE((state / "tls" / "server.key").stat().st_mode) == 0o400


@pytest.mark.parametrize(("days", "renewed"), [(0, False), (59, False), (61, True), (95, True)])
def test_it_is_renewed_when_less_than_thirty_days_are_left(
    tmp_path: Path, state: Path, days: int, renewed: bool
) -> None:
    tls.ensure(tmp_path, state, now=NOW)

    assert tls.ensure(tmp_path, state, now=NOW + timedelta(days=days)) is renewed


def test_the_authority_is_made_once(tmp_path: Path, state: Path) -> None:
    tls.ensure(tmp_path, state, now=NOW)
    before = (tmp_path / ".operator" / "ca.key").read_bytes()

    tls.ensure(tmp_path, state.parent / "another", now=NOW)

    assert (tmp_path / ".operator" / "ca.key").read_bytes() == before


def test_a_certificate_of_another_authority_is_replaced(tmp_path: Path, state: Path) -> None:
    tls.ensure(tmp_path, state, now=NOW)
    for name in ("ca.key", "ca.crt"):
        (tmp_path / ".operator" / name).unlink()

    assert tls.ensure(tmp_path, state, now=NOW) is True


@pytest.mark.parametrize("broken", ["ca.key", "ca.crt"])
def test_a_broken_authority_is_one_sentence(tmp_path: Path, state: Path, broken: str) -> None:
    tls.ensure(tmp_path, state, now=NOW)
    (tmp_path / ".operator" / broken).chmod(0o600)
    (tmp_path / ".operator" / broken).write_text("nonsense")

    with pytest.raises(UserError, match="can't be read"):
        tls.ensure(tmp_path, state, now=NOW)
