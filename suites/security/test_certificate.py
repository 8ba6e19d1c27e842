"""The edge's certificate: its key, its names, its chain and its time."""

from __future__ import annotations

import datetime
import ssl
from typing import TYPE_CHECKING

from stack.errors import CannotTell
from stack.model import Stack
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable
from suites.security.edge_client import EdgeClient, tolerant
from suites.security.rules import certificate
from suites.security.rules.finding import Finding, judge

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


def presented(edge: EdgeClient) -> Certificate:
    """The certificate the edge presents for its name, verified or not; CannotTell when no handshake is possible."""
    from cryptography import x509

    try:
        with (
            edge.connection(edge.edge.port_of("https")) as plain,
            edge.context.wrap_socket(plain, server_hostname=edge.edge.server_name) as opened,
        ):
            found = opened.getpeercert(binary_form=True)
    except OSError as error:
        raise CannotTell(f"the edge presents no certificate: {error}") from error
    if not found:
        raise CannotTell("the edge presents no certificate")
    return x509.load_der_x509_certificate(found)


@check(
    "SEC-TLS-005",
    title="The certificate's key and signature meet the modern policy",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="A weak key or a weak signature can be forged at leisure.",
    remediation="An ECDSA P-256 or P-384 key (RSA of 2048 bits at least), signed with SHA-256 or better.",
    standards=("Mozilla Server Side TLS: modern", "NIST SP 800-57"),
)
def test_certificate_key_is_strong(edge: EdgeClient, evidence: Evidence) -> None:
    found = presented(edge)

    evidence.observed(certificate.described(found))
    judge([Finding(text) for text in certificate.key_problems(found)], check="SEC-TLS-005", evidence=evidence)


@check(
    "SEC-TLS-006",
    title="The certificate covers the served names and its chain verifies against the declared CA",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="Users who learn to click warnings away accept an attacker's certificate too.",
    remediation="Issue it for every served name (subjectAltName), and send the intermediates.",
    standards=("RFC 9525", "OWASP-ASVS 9.2"),
)
def test_certificate_verifies(stack: Stack, edge: EdgeClient, evidence: Evidence) -> None:
    if edge.edge.ca_file is None:
        not_applicable(stack.profile.missing('[tls] ca_file = "…"'))
    if not edge.edge.ca_file.exists():
        raise CannotTell(f"the declared CA {edge.edge.ca_file} is not there")
    names = stack.profile.tls.names or (edge.edge.server_name,)
    context = tolerant()
    context.load_verify_locations(str(edge.edge.ca_file))
    offences = []
    for name in names:
        try:
            with (
                edge.connection(edge.edge.port_of("https")) as plain,
                context.wrap_socket(plain, server_hostname=name),
            ):
                evidence.observed(f"{name}: verified against {edge.edge.ca_file.name}")
        except ssl.SSLCertVerificationError as error:
            evidence.observed(f"{name}: {error.verify_message}")
            offences.append(Finding(f"{name}: {error.verify_message}", what=name))
        except ssl.SSLError as error:
            evidence.observed(f"{name}: {error.reason}")
            offences.append(Finding(f"{name}: the handshake fails: {error.reason}", what=name))
    judge(offences, check="SEC-TLS-006", evidence=evidence, profile=stack.profile)


@check(
    "SEC-TLS-007",
    title="The certificate is valid for at least 14 more days",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="An expired certificate is an outage on a date that was known all along.",
    remediation="Renew it automatically when two thirds of its time are over, and alert at 14 days.",
    standards=("CA/B Baseline Requirements",),
)
def test_certificate_has_time_left(stack: Stack, edge: EdgeClient, evidence: Evidence) -> None:
    found = presented(edge)
    now = datetime.datetime.now(datetime.UTC)
    left = certificate.days(found.not_valid_after_utc - now)
    least = stack.profile.tls.remaining_days

    evidence.observed(f"valid from {found.not_valid_before_utc} to {found.not_valid_after_utc}")
    evidence.measure("days left", round(left, 1), "d")
    assert found.not_valid_before_utc <= now, f"the certificate is not valid before {found.not_valid_before_utc}"
    assert left >= least, (
        f"the certificate ends in {left:.1f} days ({found.not_valid_after_utc}), expected {least:g} or more"
    )


@check(
    "SEC-TLS-008",
    title="The certificate's lifetime is within the policy",
    area=Area.SECURITY,
    severity=Severity.LOW,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="A stolen key is usable as long as its certificate lasts.",
    remediation="Issue for 398 days at most; 90 is better.",
    standards=("CA/B Baseline Requirements 6.3.2",),
)
def test_certificate_lifetime_is_short(stack: Stack, edge: EdgeClient, evidence: Evidence) -> None:
    found = presented(edge)
    lifetime = certificate.days(found.not_valid_after_utc - found.not_valid_before_utc)
    most = stack.profile.tls.lifetime_days

    evidence.observed(f"valid from {found.not_valid_before_utc} to {found.not_valid_after_utc}")
    evidence.measure("lifetime", round(lifetime, 1), "d")
    assert lifetime <= most, f"the certificate lasts {lifetime:.0f} days, expected {most:g} at most"
