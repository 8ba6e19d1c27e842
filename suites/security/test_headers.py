"""What the edge says beside its content: on every location and on error answers as well."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from stack.errors import CannotTell
from stack.model import Stack
from stack.waiting import pause
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable
from suites.security.edge_client import EdgeClient, NoAnswerInTime, Request
from suites.security.rules import web
from suites.security.rules.finding import Finding, judge
from suites.security.rules.web import Answer

ABSENT = "/seatrial-no-such-page"
LONG_PATH = "/" + "a" * 20_000
"""Longer than any server's request line: answered by the server's own error page, before any location."""
OVERSIZE_BYTES = 16 * 1024 * 1024
_TRIES = 3


@pytest.fixture(scope="module")
def pages(stack: Stack, edge: EdgeClient) -> list[Answer]:
    """An answer of every location the profile names, and of errors that different parts of a server give."""
    requests = [Request(path) for path in dict.fromkeys(stack.profile.stack.locations)]
    errors = [
        Request(ABSENT),
        Request("/", method="DELETE"),
        Request(LONG_PATH),
        Request("/", headers={"Cookie": "c=" + "a" * 40_000}),
    ]
    answers = [unlimited(edge, request) for request in [*requests, *errors]]
    login = stack.profile.stack.login_path
    if login:
        answers.append(
            unlimited(edge, Request(login, method="POST", body=b"{}", headers={"Content-Type": "application/json"}))
        )
    return answers


def unlimited(edge: EdgeClient, request: Request) -> Answer:
    """The answer to a request, asked again after the time a rate limit names: its refusal would hide what is looked for.

    Raises:
        CannotTell: it was refused by a limit (or as by one: 503 is nginx's default) every time.

    """
    for _ in range(_TRIES):
        answer = edge.fetch(request)
        if answer.status not in web.LIMITED:
            return answer
        wait = answer.header("retry-after") or "1"
        pause(min(float(wait) if wait.isdigit() else 1.0, 10.0))
    raise CannotTell(f"{answer.asked[:80]} was answered {answer.status} {_TRIES} times, as by a limit")


def judge_pages(
    stack: Stack, evidence: Evidence, check_id: str, pages: Iterable[Answer], problems_of: Callable[[Answer], list[str]]
) -> None:
    """Asks a rule about every answer."""
    looked = list(pages)
    if not looked:
        raise CannotTell("the edge gave no answer to look at")
    evidence.observed(", ".join(f"{answer.asked[:60]} → {answer.status}" for answer in looked))
    offences = [
        Finding(f"{answer.asked[:80]} → {answer.status}: {text}", what=text)
        for answer in looked
        for text in problems_of(answer)
    ]
    judge(offences, check=check_id, evidence=evidence, profile=stack.profile)


def single(rule: Callable[[Answer], str | None]) -> Callable[[Answer], list[str]]:
    """A rule that finds one thing at most, as one that lists."""

    def listed(answer: Answer) -> list[str]:
        problem = rule(answer)
        return [problem] if problem else []

    return listed


def successes(pages: Iterable[Answer]) -> list[Answer]:
    """The answers that carry content of the stack itself, redirects and errors left out; all of them if there is none."""
    found = list(pages)
    return [answer for answer in found if answer.status < 300] or found


@check(
    "SEC-HDR-001",
    title="HSTS of at least two years with subdomains is on every location and on error answers",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Without HSTS the first request of a visit can be kept on plain HTTP; one location without it is enough.",
    remediation='add_header Strict-Transport-Security "max-age=63072000; includeSubDomains" always; in every location.',
    standards=("RFC 6797", "OWASP-ASVS 14.4.5", "Mozilla Observatory"),
)
def test_hsts_is_everywhere(stack: Stack, pages: list[Answer], evidence: Evidence) -> None:
    judge_pages(stack, evidence, "SEC-HDR-001", pages, single(web.hsts_problem))


@check(
    "SEC-HDR-002",
    title="A content security policy without unsafe-inline scripts is on every location",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="The policy is what stands between one forgotten escape and somebody else's script in the user's session.",
    remediation="Content-Security-Policy: default-src 'none'; script-src 'self'; … without 'unsafe-inline'.",
    standards=("W3C CSP 3", "OWASP-ASVS 14.4.3"),
)
def test_content_security_policy_is_strict(stack: Stack, pages: list[Answer], evidence: Evidence) -> None:
    judge_pages(stack, evidence, "SEC-HDR-002", successes(pages), single(web.csp_problem))


@check(
    "SEC-HDR-003",
    title="X-Content-Type-Options nosniff is on every location",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="A browser that guesses may run as a script what was served as text.",
    remediation='add_header X-Content-Type-Options "nosniff" always;',
    standards=("OWASP-ASVS 14.4.4",),
)
def test_content_types_are_not_guessed(stack: Stack, pages: list[Answer], evidence: Evidence) -> None:
    judge_pages(stack, evidence, "SEC-HDR-003", successes(pages), single(web.nosniff_problem))


@check(
    "SEC-HDR-004",
    title="Framing is refused (frame-ancestors)",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="In an invisible frame a user clicks what somebody else wants clicked.",
    remediation="Content-Security-Policy: frame-ancestors 'none' (and X-Frame-Options: DENY for old browsers).",
    standards=("OWASP-ASVS 14.4.7", "CWE-1021"),
)
def test_framing_is_refused(stack: Stack, pages: list[Answer], evidence: Evidence) -> None:
    judge_pages(stack, evidence, "SEC-HDR-004", successes(pages), single(web.framing_problem))


@check(
    "SEC-HDR-005",
    title="A referrer policy is set",
    area=Area.SECURITY,
    severity=Severity.LOW,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Addresses of pages, with what stands in them, go to every site that is linked from there.",
    remediation='add_header Referrer-Policy "no-referrer" always; (or strict-origin-when-cross-origin)',
    standards=("OWASP-ASVS 14.4.6",),
)
def test_referrer_policy_is_set(stack: Stack, pages: list[Answer], evidence: Evidence) -> None:
    judge_pages(stack, evidence, "SEC-HDR-005", successes(pages), single(web.referrer_problem))


@check(
    "SEC-HDR-006",
    title="No header or error page tells a program's version",
    area=Area.SECURITY,
    severity=Severity.LOW,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="A version number is a search term for known holes.",
    remediation="server_tokens off; and proxy_hide_header X-Powered-By; own error pages.",
    standards=("OWASP-ASVS 14.3.3", "CWE-200"),
)
def test_no_version_is_told(stack: Stack, pages: list[Answer], evidence: Evidence) -> None:
    judge_pages(stack, evidence, "SEC-HDR-006", pages, web.version_problems)


@check(
    "SEC-HDR-008",
    title="Metrics, version control, env files and internal paths are not served at the edge",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Scanners ask for these paths all day: one that answers gives the inside away.",
    remediation="location ~ /\\. { return 404; } and the same for metrics and internal paths.",
    standards=("OWASP-ASVS 14.3.2", "CWE-538"),
)
def test_internal_paths_are_not_served(stack: Stack, edge: EdgeClient, evidence: Evidence) -> None:
    paths = [*web.INTERNAL_PATHS, *stack.profile.stack.internal_paths]
    absent = unlimited(edge, Request(ABSENT))
    answers = [unlimited(edge, Request(path)) for path in dict.fromkeys(paths)]

    served = [answer for answer in answers if web.is_served(answer, absent)]
    evidence.observed(f"{len(answers)} paths asked for; served: {', '.join(map(str, served)) or 'none'}")
    judge(
        [Finding(f"{answer} is served", what=answer.asked.rpartition("…")[2]) for answer in served],
        check="SEC-HDR-008",
        evidence=evidence,
        profile=stack.profile,
    )


@check(
    "SEC-HDR-009",
    title="TRACE and oversize bodies are refused",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="TRACE echoes cookies to scripts; a body without bound fills memory or disk.",
    remediation="client_max_body_size 64k; and only the methods that are used.",
    standards=("OWASP-ASVS 14.5.1", "CWE-400"),
)
def test_trace_and_oversize_bodies_are_refused(edge: EdgeClient, evidence: Evidence) -> None:
    trace = unlimited(edge, Request("/", method="TRACE", headers={"X-Seatrial-Echo": "echo"}))
    # The length is announced and the body is not sent: a server with a limit refuses at once, one without waits for it.
    try:
        large = edge.fetch(Request("/", method="POST", headers={"Content-Length": str(OVERSIZE_BYTES)}))
        answer = str(large.status)
    except NoAnswerInTime:
        answer = "waits for the body"

    evidence.observed(f"TRACE → {trace.status}; a body of {OVERSIZE_BYTES >> 20} MiB announced → {answer}")
    offences = []
    if trace.status < 400 or b"X-Seatrial-Echo" in trace.body:
        offences.append(Finding(f"TRACE is answered {trace.status}, expected 405"))
    if answer not in ("413", "400", "431"):
        offences.append(Finding(f"a body of {OVERSIZE_BYTES >> 20} MiB is not refused ({answer}), expected 413"))
    judge(offences, check="SEC-HDR-009", evidence=evidence)


@check(
    "SEC-TLS-012",
    title="Plain HTTP redirects to HTTPS on the same host and serves nothing else",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Whatever is served in plain text can be read and changed on its way.",
    remediation="return 308 https://$host$request_uri; for the served names, and nothing for others.",
    standards=("OWASP-ASVS 9.1.1", "Mozilla Server Side TLS"),
)
def test_plain_http_only_redirects(stack: Stack, edge: EdgeClient, evidence: Evidence) -> None:
    if edge.edge.http_port is None:
        not_applicable("the edge publishes no plain HTTP port")
    paths = dict.fromkeys([*stack.profile.stack.locations, ABSENT, "/a%0d%0aX-Injected:%201"])
    answers = edge.fetch_all([Request(path, scheme="http") for path in paths])

    evidence.observed(", ".join(f"{answer} {answer.header('location') or ''}" for answer in answers))
    offences = [
        Finding(f"{answer}: {problem}", what=problem)
        for answer in answers
        if (problem := web.redirect_problem(answer, edge.edge.server_name))
    ]
    judge(offences, check="SEC-TLS-012", evidence=evidence, profile=stack.profile)
