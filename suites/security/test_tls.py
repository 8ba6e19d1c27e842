"""What the edge negotiates, found by offering it one thing at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from stack.errors import CannotTell
from suites.ahead import alone
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable
from suites.security import early_data
from suites.security.edge_client import EdgeClient
from suites.security.in_this_run import is_asked_for
from suites.security.rules import clienthello as tls
from suites.security.rules.clienthello import Reply
from suites.security.rules.finding import Finding, judge

# Mozilla's "modern" configuration (Server Side TLS): TLS 1.3 with these suites and groups.
MODERN_SUITES = frozenset({0x1301, 0x1302, 0x1303})
MODERN_GROUPS = frozenset({0x11EC, 0x001D, 0x0017, 0x0018})


def offer(
    edge: EdgeClient,
    version: int,
    *,
    name: str | None = None,
    suites: Sequence[int] = (),
    groups: Sequence[int] = (),
    share: bool = True,
) -> Reply:
    """What the edge does with one hello; CannotTell when it says nothing or speaks no TLS."""
    server_name = edge.edge.server_name if name is None else name
    with edge.connection(edge.edge.port_of("https")) as opened:
        reply = tls.ask(opened, tls.hello(version, server_name, suites=suites, groups=groups, share=share))
    if reply.verdict == "silent":
        raise CannotTell(f"the edge does not answer a {tls.VERSION_NAMES[version]} hello: {reply.detail}")
    return reply


def offer_each(edge: EdgeClient, things: Iterable[int], how: str) -> dict[int, Reply]:
    """What the edge does with TLS 1.3 and one suite (`how` is suites) or one group (groups) at a time."""
    wanted = list(things)

    def one(thing: int) -> Reply:
        return (
            offer(edge, tls.TLS_1_3, suites=[thing])
            if how == "suites"
            else offer(edge, tls.TLS_1_3, groups=[thing], share=False)
        )

    with ThreadPoolExecutor(max_workers=8) as pool:
        return dict(zip(wanted, pool.map(one, wanted), strict=True))


def must_speak_tls(edge: EdgeClient, reply: Reply) -> None:
    """CannotTell when what answered was no TLS at all: then no version was refused, or accepted."""
    if reply.verdict == "not TLS":
        raise CannotTell(f"port {edge.edge.port_of('https')} of the edge speaks no TLS: {reply.detail}")


def newest_accepted(edge: EdgeClient) -> tuple[int, Reply]:
    """The newest version in which the edge accepts its own name: what it refuses in another says nothing of names.

    Raises:
        CannotTell: it accepts its own name in none.

    """
    for version in (tls.TLS_1_3, tls.TLS_1_2, tls.TLS_1_1, tls.TLS_1_0):
        reply = offer(edge, version)
        must_speak_tls(edge, reply)
        if reply.verdict == "accepted":
            return version, reply
    raise CannotTell(f"the edge accepts no handshake for its own name {edge.edge.server_name}")


def unless_tls_1_3_is_refused(accepted: Collection[int], request: pytest.FixtureRequest) -> None:
    """Where nothing of TLS 1.3 is accepted, that TLS 1.3 is refused is the cause: one cause, one finding."""
    if not accepted and is_asked_for(request, "SEC-TLS-001"):
        not_applicable("nothing of TLS 1.3 is accepted: SEC-TLS-001 says so in this run")


@check(
    "SEC-TLS-001",
    title="TLS 1.3 is accepted",
    area=Area.SECURITY,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="TLS 1.3 is the only version without known-weak modes.",
    remediation="ssl_protocols TLSv1.3; in nginx.",
    standards=("Mozilla Server Side TLS: modern", "RFC 9325", "NIST SP 800-52r2"),
)
def test_tls_1_3_is_accepted(edge: EdgeClient, evidence: Evidence) -> None:
    reply = offer(edge, tls.TLS_1_3)

    evidence.observed(f"TLS 1.3 hello: {reply.verdict}: {reply.detail}")
    assert reply.verdict == "accepted", f"TLS 1.3 is {reply.verdict} ({reply.detail}), expected to be accepted"
    assert reply.version == tls.TLS_1_3, f"TLS 1.3 was offered and {reply.detail} chosen"


@check(
    "SEC-TLS-002",
    title="Nothing older than TLS 1.3 is accepted (handshakes are tried)",
    area=Area.SECURITY,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="An attacker in the middle makes both sides use the oldest version they share.",
    remediation="ssl_protocols TLSv1.3; in every server block of the port: nginx takes the default server's.",
    standards=("Mozilla Server Side TLS: modern", "RFC 8996", "PCI-DSS 4.2.1"),
)
def test_nothing_older_is_accepted(edge: EdgeClient, evidence: Evidence) -> None:
    newest = offer(edge, tls.TLS_1_3)
    must_speak_tls(edge, newest)
    old = (tls.TLS_1_2, tls.TLS_1_1, tls.TLS_1_0, tls.SSL_3_0)
    accepted = []
    for version in old:
        reply = offer(edge, version)
        must_speak_tls(edge, reply)
        evidence.observed(f"{tls.VERSION_NAMES[version]} hello: {reply.verdict}: {reply.detail}")
        if reply.verdict == "accepted":
            accepted.append(f"{tls.VERSION_NAMES[version]} is accepted ({reply.detail})")
    if not accepted and newest.verdict != "accepted":
        raise CannotTell(f"no hello of any version is accepted ({newest.detail}), so that old ones are refused shows nothing")

    assert not accepted, "; ".join(accepted) + ", expected a refusal"


@check(
    "SEC-TLS-003",
    title="Only the modern policy's cipher suites are accepted",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="The policy leaves out suites with short tags or without wide review.",
    remediation="ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256;",
    standards=("Mozilla Server Side TLS: modern",),
)
def test_only_modern_suites_are_accepted(
    edge: EdgeClient, evidence: Evidence, request: pytest.FixtureRequest
) -> None:
    replies = offer_each(edge, tls.SUITES_1_3, "suites")
    for reply in replies.values():
        must_speak_tls(edge, reply)
    accepted = {suite for suite, reply in replies.items() if reply.verdict == "accepted"}

    evidence.observed(f"accepted: {', '.join(tls.SUITES_1_3[suite] for suite in sorted(accepted)) or 'none'}")
    unless_tls_1_3_is_refused(accepted, request)
    assert accepted, "none of TLS 1.3's cipher suites is accepted"
    extra = [tls.SUITES_1_3[suite] for suite in sorted(accepted - MODERN_SUITES)]
    assert not extra, f"accepted beyond the modern policy: {', '.join(extra)}"


@check(
    "SEC-TLS-004",
    title="Only the modern policy's key exchange groups are accepted",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Finite-field and unusual groups cost much, are reviewed little and help an attacker to exhaust the server.",
    remediation="ssl_ecdh_curve X25519:prime256v1:secp384r1; (with X25519MLKEM768 where OpenSSL has it).",
    standards=("Mozilla Server Side TLS: modern", "RFC 9325 4.2.1"),
)
def test_only_modern_groups_are_accepted(
    edge: EdgeClient, evidence: Evidence, request: pytest.FixtureRequest
) -> None:
    replies = offer_each(edge, tls.GROUPS, "groups")
    for reply in replies.values():
        must_speak_tls(edge, reply)
    accepted = {group for group, reply in replies.items() if reply.verdict == "accepted"}

    evidence.observed(f"accepted: {', '.join(tls.GROUPS[group] for group in sorted(accepted)) or 'none'}")
    unless_tls_1_3_is_refused(accepted, request)
    assert accepted, "no key exchange group is accepted"
    extra = [tls.GROUPS[group] for group in sorted(accepted - MODERN_GROUPS)]
    assert not extra, f"accepted beyond the modern policy: {', '.join(extra)}"


@check(
    "SEC-TLS-009",
    title="Early data is refused",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Early data can be recorded and sent again: an order placed in it is placed as often as somebody likes.",
    remediation="ssl_early_data off;",
    standards=("RFC 8446 8", "RFC 8470", "Mozilla Server Side TLS"),
)
@alone
def test_early_data_is_refused(edge: EdgeClient, evidence: Evidence) -> None:
    found = early_data.ask(edge.edge)

    allowed = "it gives no session to resume" if found.allowed_bytes is None else f"{found.allowed_bytes} B allowed"
    evidence.observed(
        f"{allowed}; sent along with a resumed session: {'accepted' if found.accepted else 'not accepted'}"
    )
    assert not found.accepted, f"early data is accepted ({found.allowed_bytes} B allowed), expected a refusal"


@check(
    "SEC-TLS-010",
    title="An unknown server name is refused",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="A certificate handed to whoever asks maps addresses to names, and a default host serves what nobody meant it to.",
    remediation="A default server with ssl_reject_handshake on;",
    standards=("RFC 6066 3", "OWASP-ASVS 9.2"),
)
def test_unknown_names_are_refused(edge: EdgeClient, evidence: Evidence) -> None:
    version, known = newest_accepted(edge)
    strange = offer(edge, version, name="unknown.invalid")
    nameless = offer(edge, version, name="192.0.2.1")  # an address is never sent as a name

    evidence.observed(
        f"{tls.VERSION_NAMES[version]}: {edge.edge.server_name}: {known.verdict}; unknown.invalid: {strange.verdict}; no name: {nameless.verdict}"
    )
    offences = [
        Finding(f"a handshake for {what} is accepted, expected a refusal", what=what)
        for what, reply in (("unknown.invalid", strange), ("no name at all", nameless))
        if reply.verdict == "accepted"
    ]
    judge(offences, check="SEC-TLS-010", evidence=evidence)
