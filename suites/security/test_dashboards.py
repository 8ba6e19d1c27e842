"""Who may look at the dashboards and at the marketplace's own monitoring endpoints."""

from __future__ import annotations

import re

from stack.errors import CannotTell
from stack.model import Stack
from stack.vantage import Outside
from suites.check import Area, Evidence, Impact, Level, Severity, check, needs, not_applicable
from suites.security.edge_client import EdgeClient, Request
from suites.security.rules import paths
from suites.security.rules.finding import Finding, judge
from suites.security.running import replicas
from suites.security.test_headers import unlimited

SECONDS = 5.0
_METRICS = re.compile(rb"^# (?:HELP|TYPE) \w+", re.MULTILINE)
_READINESS = re.compile(rb'"(?:synchronous|wallets|database)"\s*:')


@check(
    "SEC-AUTH-002",
    title="Grafana refuses its default password and anonymous access",
    area=Area.SECURITY,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Dashboards show the whole inside, and an admin of Grafana runs queries against every data source.",
    remediation="GF_SECURITY_ADMIN_PASSWORD__FILE with a strong value before the first start; auth.anonymous off.",
    standards=("OWASP-ASVS 2.1", "CWE-1392", "CWE-306"),
)
@needs("grafana")
def test_dashboards_refuse_strangers(stack: Stack, evidence: Evidence) -> None:
    import requests

    dashboards = stack.profile.dashboards
    if dashboards is None:
        not_applicable(stack.profile.missing("[dashboards] service = …, port = …, user = …, password_secret = …"))
    url = stack.url(dashboards) + "/api/org"

    def status(auth: tuple[str, str] | None) -> int:
        with requests.Session() as session:
            session.trust_env = False
            try:
                return session.get(url, auth=auth, timeout=SECONDS, allow_redirects=False).status_code
            except requests.RequestException as error:
                raise CannotTell(f"{dashboards.service} does not answer: {error}") from error

    tries = {
        "nobody": status(None),
        "admin/admin": status(("admin", "admin")),
        "admin/prom-operator": status(("admin", "prom-operator")),
    }
    if dashboards.password_secret:
        known = status((dashboards.user or "admin", stack.secret(dashboards.password_secret)))
        if known != 200:
            raise CannotTell(f"{dashboards.service} answers {known} to its own password, so a refusal shows nothing")
    evidence.observed("; ".join(f"{who} → {answered}" for who, answered in tries.items()))
    judge(
        [Finding(f"{dashboards.service}: {who} is answered {answered}, expected 401", what=who) for who, answered in tries.items() if answered < 300],
        check="SEC-AUTH-002", evidence=evidence, profile=stack.profile, service=dashboards.service,
    )  # fmt: skip


@check(
    "SEC-AUTH-010",
    title="Monitoring endpoints of the marketplace are not public",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Counters of orders, logins and failures tell competitors and attackers how the business and the defence are doing.",
    remediation="Scrape over the inside network; answer 404 for these paths at the edge, in every spelling.",
    standards=("OWASP-ASVS 14.3.2", "CWE-497"),
)
def test_monitoring_is_not_public(stack: Stack, edge: EdgeClient, outside: Outside, evidence: Evidence) -> None:
    endpoints = [
        (service, path, stack.profile.service(service.name).listens or ())
        for service in stack.by_role("application")
        if (path := stack.profile.service(service.name).metrics_path) and not service.idle
    ]
    if not endpoints:
        not_applicable(stack.profile.missing('[services.NAME] role = "application", metrics_path = "/metrics"'))
    offences = []
    for service, path, listens in endpoints:
        for spelled in [path, *paths.spellings(path), "/ready", *paths.spellings("/ready")]:
            answer = unlimited(edge, Request(spelled))
            if answer.status < 300 and (_METRICS.search(answer.body) or _READINESS.search(answer.body)):
                offences.append(f"{answer} gives monitoring to everybody")
        for container in replicas(stack, service.name):
            for address in container.addresses().values():
                for port in (int(spec.partition("/")[0]) for spec in listens if spec.endswith("/tcp")):
                    answered = outside.connect(address, port)
                    evidence.observed(f"{service.name} at its own address, port {port}, from outside: {answered}")
                    if answered == "open":
                        offences.append(f"{service.name} answers strangers at its own address, port {port}")
    evidence.observed(
        f"{', '.join(f'{service.name}{path}' for service, path, _ in endpoints)} asked for in every spelling"
    )
    judge(
        [Finding(text, what=text) for text in offences], check="SEC-AUTH-010", evidence=evidence, profile=stack.profile
    )
