"""Limits at the edge, met as clients meet them: each from an address of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import pytest

from stack.errors import CannotTell
from stack.model import Stack
from stack.vantage import Outside
from stack.waiting import pause
from suites.ahead import alone
from suites.check import Area, Evidence, Impact, Level, Severity, check, inconclusive, not_applicable
from suites.security.edge_client import EdgeClient, Request
from suites.security.rules import web
from suites.security.rules.web import Answer

pytestmark = alone  # what drills take of two cores is less of a burst
BURST = 400
"""Requests of one client at once. A limit beyond that is none for a human's use; bounded, so that it is no attack."""
POLITE = 5
"""Requests of a client that opens one page."""
LOGIN_TRIES = 30
_RESTS = 5
"""Seconds in which a limit that all clients share has let at least one request through again."""
BODY = b'{"username": "seatrial-nobody", "password": "not-a-password"}'


@pytest.fixture(scope="module")
def unlimited() -> set[str]:
    """The checks of this run that found no limit at all: the others then have nothing to ask."""
    return set()


def no_limit_seen(reason: str, unlimited: set[str]) -> NoReturn:
    """Ends a check that met no limit: its question falls away only when SEC-RATE-001 has failed for the same cause."""
    if unlimited:
        not_applicable(f"{reason} ({', '.join(sorted(unlimited))} says so)")
    inconclusive(f"{reason} in this burst, and SEC-RATE-001 did not find that: what a limit does was not seen")


def counted(answers: list[Answer]) -> str:
    """How many answers of each status."""
    return ", ".join(
        f"{number} × {status}" for status, number in sorted(Counter(answer.status for answer in answers).items())
    )


def burst(edge: EdgeClient, source: str, headers: Mapping[str, str] | None = None) -> list[Answer]:
    """What one client gets for a burst of requests sent as fast as they go."""
    return edge.burst([Request("/", source=source, headers=headers or {})] * BURST)


@check(
    "SEC-RATE-001",
    title="Over the limit a client gets 429 with Retry-After",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Without a limit one client can have everybody's share, or guess at leisure.",
    remediation="limit_req_zone per $binary_remote_addr, limit_req_status 429, and Retry-After on the error page.",
    standards=("OWASP-API 4", "RFC 6585 4", "RFC 9110 10.2.3"),
)
def test_over_the_limit_is_refused(
    edge_from_outside: EdgeClient, outside: Outside, evidence: Evidence, unlimited: set[str]
) -> None:
    answers = burst(edge_from_outside, outside.sources(1)[0])

    evidence.observed(f"{BURST} requests of one client at once: {counted(answers)}")
    if not any(answer.status in web.LIMITED for answer in answers):
        unlimited.add("SEC-RATE-001")
    problem = web.over_limit_problem(answers)
    assert problem is None, f"{BURST} requests of one client at once: {problem} ({counted(answers)})"


@check(
    "SEC-RATE-002",
    title="Under the limit nobody is refused",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="A limit that hits the polite, or counts all clients as one, is an outage by design.",
    remediation="Count by the client's own address, and let a page's worth of requests through as a burst.",
    standards=("OWASP-API 4",),
)
def test_under_the_limit_nobody_is_refused(
    edge_from_outside: EdgeClient, outside: Outside, evidence: Evidence, unlimited: set[str]
) -> None:
    greedy, *polite = outside.sources(12)[1:]
    single = rested(edge_from_outside, polite[0])
    if web.was_refused(single):
        raise CannotTell(f"the edge answers {single.status} to a single request, so what a burst adds can't be seen")
    requests = [Request("/", source=source) for source in polite for _ in range(POLITE)]
    with ThreadPoolExecutor(max_workers=1) as beside:
        over = beside.submit(burst, edge_from_outside, greedy)
        answers = edge_from_outside.fetch_all(requests, at_once=4)
        greedy_got = over.result()

    evidence.observed(
        f"one greedy client: {counted(greedy_got)}; {len(polite)} polite ones meanwhile: {counted(answers)}"
    )
    problem = web.polite_problem(greedy_got, answers)
    if problem == web.NO_LIMIT:
        no_limit_seen(problem, unlimited)
    assert problem is None, f"{problem} ({counted(answers)}), expected none"


def rested(edge: EdgeClient, source: str) -> Answer:
    """The answer to a single request, once a limit that is shared with an earlier burst has had its time to refill."""
    answer = edge.fetch(Request("/", source=source))
    for _ in range(_RESTS):
        if not web.was_refused(answer):
            break
        pause(1.0)
        answer = edge.fetch(Request("/", source=source))
    return answer


@check(
    "SEC-RATE-003",
    title="A forged X-Forwarded-For neither dodges the limit nor spends another's",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="A limit by a header is a limit the client sets for itself.",
    remediation="Limit by the connection's address; trust X-Forwarded-For from your own proxies only (set_real_ip_from).",
    standards=("OWASP-API 4", "CWE-348"),
)
def test_forged_forwarding_headers_change_nothing(
    edge_from_outside: EdgeClient, outside: Outside, evidence: Evidence, unlimited: set[str]
) -> None:
    forger, victim = outside.sources(14)[12:]
    names = ("X-Forwarded-For", "X-Real-IP", "Forwarded")
    requests = [
        Request(
            "/",
            source=forger,
            headers={
                names[0]: f"192.0.2.{n % 250}",
                names[1]: f"192.0.2.{n % 250}",
                names[2]: f"for=192.0.2.{n % 250}",
            },
        )
        for n in range(BURST)
    ]
    dodging = edge_from_outside.burst(requests)
    spending = burst(edge_from_outside, outside.sources(15)[14], {names[0]: victim, names[1]: victim})
    of_the_victim = [edge_from_outside.fetch(Request("/", source=victim)) for _ in range(3)]

    evidence.observed(
        f"a new forged address each time: {counted(dodging)}; in the victim's name: {counted(spending)}; the victim: {counted(of_the_victim)}"
    )
    if not any(answer.status in web.LIMITED for answer in [*spending, *dodging]):
        no_limit_seen("there is no limit to dodge", unlimited)
    assert any(answer.status in web.LIMITED for answer in dodging), (
        f"a forged address each time dodges the limit: {counted(dodging)}"
    )
    assert not any(web.was_refused(answer) for answer in of_the_victim), (
        f"somebody else's forged requests spent the victim's: {counted(of_the_victim)}"
    )


@check(
    "SEC-RATE-004",
    title="Login has a stricter limit of its own",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="What is slow enough for pages is fast enough for guessing passwords.",
    remediation="A limit_req zone of its own for the login path, a few a minute.",
    standards=("OWASP-ASVS 2.2.1", "CWE-307"),
)
def test_login_has_a_limit_of_its_own(
    stack: Stack, edge_from_outside: EdgeClient, outside: Outside, evidence: Evidence
) -> None:
    path = stack.profile.stack.login_path
    if path is None:
        not_applicable(stack.profile.missing('[stack] login_path = "/api/login"'))
    guesser, reader = outside.sources(18)[16:]
    request = Request(path, method="POST", source=guesser, body=BODY, headers={"Content-Type": "application/json"})
    guesses = edge_from_outside.fetch_all([request] * LOGIN_TRIES, at_once=10)
    pages = edge_from_outside.fetch_all([Request("/", source=reader)] * LOGIN_TRIES, at_once=10)

    evidence.observed(f"{LOGIN_TRIES} logins: {counted(guesses)}; {LOGIN_TRIES} pages: {counted(pages)}")
    problem = web.login_limit_problem(guesses, pages)
    assert problem is None, f"{problem} (logins {counted(guesses)}; pages {counted(pages)})"
