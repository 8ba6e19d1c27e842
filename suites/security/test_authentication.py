"""Who is let in: wallet RPCs, monitoring's admin interfaces, the private key, and the session's cookie."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from stack.errors import CannotTell
from stack.model import Stack
from stack.profile import Endpoint, Wallet
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable, over
from suites.security.edge_client import EdgeClient, Request
from suites.security.edges import edge_service
from suites.security.rules import web
from suites.security.rules.finding import Finding, judge
from suites.security.running import containers_of, inside

if TYPE_CHECKING:
    import requests

SECONDS = 5.0
WALLET_CALL = {"jsonrpc": "2.0", "id": "0", "method": "get_height"}


@check(
    "SEC-AUTH-001",
    title="Wallet RPCs refuse missing and wrong credentials",
    area=Area.SECURITY,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Whoever speaks to an open wallet RPC spends the money.",
    remediation="rpc-login in the wallet's configuration file; never --disable-rpc-login.",
    standards=("OWASP-ASVS 2.1", "CWE-306"),
)
@over(
    "wallet",
    lambda stack: stack.profile.wallets.values(),
    reason="no wallet is promised: `[wallets.NAME]` in a profile would name one",
    ids=lambda one: one.service,
)
def test_wallet_refuses_strangers(stack: Stack, wallet: Wallet, evidence: Evidence) -> None:
    from requests.auth import HTTPDigestAuth

    url = stack.url(Endpoint(service=wallet.service, port=wallet.port)) + "/json_rpc"
    right = HTTPDigestAuth(wallet.user, stack.secret(wallet.password_secret))
    tries = {
        "no credentials": None,
        "a wrong password": HTTPDigestAuth(wallet.user, secrets.token_urlsafe(24)),
        "an empty password": HTTPDigestAuth(wallet.user, ""),
        "another user": HTTPDigestAuth("admin", stack.secret(wallet.password_secret)),
    }
    answered = {name: answer(url, auth) for name, auth in tries.items()}
    known = answer(url, right)
    if known != 200:
        raise CannotTell(
            f"{wallet.service} answers {known} to the right credentials, so a refusal of wrong ones shows nothing"
        )

    evidence.observed(
        f"{wallet.service}: right → {known}; " + "; ".join(f"{name} → {status}" for name, status in answered.items())
    )
    judge(
        [Finding(f"{wallet.service}: {name} is answered {status}, expected 401") for name, status in answered.items() if status != 401],
        check="SEC-AUTH-001", evidence=evidence, profile=stack.profile, service=wallet.service,
    )  # fmt: skip


def answer(url: str, auth: requests.auth.AuthBase | None) -> int:
    """The status a wallet RPC answers a harmless question with."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.post(url, json=WALLET_CALL, auth=auth, timeout=SECONDS).status_code
        except requests.RequestException as error:
            raise CannotTell(f"{url} does not answer: {error}") from error


@check(
    "SEC-AUTH-003",
    title="Prometheus' admin and lifecycle APIs are off",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="With them, whoever reaches Prometheus deletes its evidence or stops it.",
    remediation="Start it without --web.enable-admin-api and --web.enable-lifecycle.",
    standards=("Prometheus security model",),
)
def test_prometheus_admin_apis_are_off(stack: Stack, evidence: Evidence) -> None:
    import requests

    endpoint = stack.profile.metrics
    if endpoint is None:
        not_applicable(stack.profile.missing("[metrics] service = …, port = …"))
    try:
        with requests.Session() as session:
            session.trust_env = False
            flags = session.get(stack.url(endpoint) + "/api/v1/status/flags", timeout=SECONDS).json()["data"]
    except (requests.RequestException, KeyError, ValueError) as error:
        raise CannotTell(f"{endpoint.service} does not tell its flags: {error}") from error
    watched = watched_flags(endpoint.service, flags)

    evidence.observed("it tells " + ", ".join(f"{name}={value}" for name, value in watched.items()))
    on = [name for name, value in watched.items() if value == "true"]
    judge(
        [Finding(f"{endpoint.service}: {name} is on", what=name) for name in on],
        check="SEC-AUTH-003",
        evidence=evidence,
        profile=stack.profile,
    )


def watched_flags(service: str, flags: Mapping[str, object]) -> dict[str, str]:
    """The flags that matter, as Prometheus tells them; CannotTell when one is not told: silence is not "off"."""
    names = ("web.enable-admin-api", "web.enable-lifecycle", "web.enable-remote-write-receiver")
    missing = [name for name in names if name not in flags]
    if missing:
        raise CannotTell(f"{service} does not tell the flags {', '.join(missing)}")
    return {name: str(flags[name]).lower() for name in names}


@check(
    "SEC-TLS-011",
    title="The private key is readable by its service alone",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="Whoever reads the key is the site.",
    remediation="Owner: the edge's uid; mode 0400; in no image and no other container.",
    standards=("OWASP-ASVS 6.4", "CWE-732"),
)
def test_private_key_is_the_edges_alone(stack: Stack, evidence: Evidence) -> None:
    path = stack.profile.tls.key_file
    service = edge_service(stack)
    if path is None or service is None:
        not_applicable(stack.profile.missing('[tls] key_file = "/path/in/the/edge"'))
    offences = []
    for container in containers_of(stack, service):
        try:
            status = inside(container, path).stat()
        except FileNotFoundError:
            raise CannotTell(f"{container.name} has no {path}") from None
        uids = container.process_uids()
        evidence.observed(
            f"{container.name}: {path}: uid {status.st_uid}, mode {status.st_mode & 0o777:04o}; the edge runs as {sorted(uids)}"
        )
        if status.st_mode & 0o077:
            offences.append(Finding(f"{path} has mode {status.st_mode & 0o777:04o}, expected 0400"))
        if status.st_uid not in uids:
            offences.append(Finding(f"{path} belongs to uid {status.st_uid}, and the edge runs as {sorted(uids)}"))
    others = [
        f"{container.service} mounts {mount['Source']}"
        for container in stack.containers()
        if container.service != service.name
        for mount in container.attrs.get("Mounts") or ()
        if mount.get("Source") in key_sources(stack, path)
    ]
    offences += [Finding(f"another container has the key: {one}") for one in others]
    judge(offences, check="SEC-TLS-011", evidence=evidence, profile=stack.profile)


def key_sources(stack: Stack, path: str) -> set[str]:
    """The host folders or files through which the edge gets its key."""
    service = edge_service(stack)
    mounts = service.mounts if service else ()
    return {
        mount.source
        for mount in mounts
        if mount.kind == "bind" and (path == mount.target or path.startswith(mount.target.rstrip("/") + "/"))
    }


@check(
    "SEC-HDR-007",
    title="Session cookies are Secure, HttpOnly and SameSite",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="A cookie without them is sent in plain text, read by scripts, or ridden on from other sites.",
    remediation="Set-Cookie: session=…; Secure; HttpOnly; SameSite=Strict; Path=/",
    standards=("OWASP-ASVS 3.4", "RFC 6265bis"),
)
def test_session_cookies_are_guarded(stack: Stack, edge: EdgeClient, evidence: Evidence) -> None:
    login = stack.profile.stack.login_path
    if login is None:
        not_applicable(stack.profile.missing('[stack] login_path = "/api/login"'))
    account = {"username": f"seatrial-{secrets.token_hex(6)}", "password": secrets.token_urlsafe(18)}
    headers = {"Content-Type": "application/json", "Origin": edge.edge.url}
    form = Request(login, method="POST", headers=headers, body=json.dumps(account).encode())
    registered = edge.fetch(replace(form, path=login.rpartition("/")[0] + "/register"))
    entered = edge.fetch(form)
    cookies = entered.all("set-cookie")
    if not cookies:
        raise CannotTell(f"no cookie was set: register {registered.status}, login {entered.status}")

    evidence.observed(
        f"login {entered.status}: "
        + "; ".join(cookie.partition("=")[0] + " ; " + cookie.partition(";")[2] for cookie in cookies)
    )
    judge(
        [Finding(text) for text in web.cookie_problems(entered)],
        check="SEC-HDR-007",
        evidence=evidence,
        profile=stack.profile,
    )
