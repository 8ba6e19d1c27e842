"""Text that tries to be more than text: in queries, in headers, in logs, and in paths."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from urllib.parse import quote

from stack.errors import CannotTell
from stack.model import Stack
from suites.check import Area, Evidence, Impact, Level, Severity, check
from suites.security.edge_client import EdgeClient, Request
from suites.security.rules import paths, web
from suites.security.rules.finding import Finding, judge
from suites.security.rules.web import Answer
from suites.security.test_headers import ABSENT, unlimited
from suites.security.visitor import Marketplace, ids, items

SQL = (
    "' OR '1'='1", "' OR 1=1 --", '" OR 1=1 --', "') OR ('1'='1", "' UNION SELECT 1,2,3,4,5,6 --", "'; DROP TABLE orders; --",
    "\" OR \"\"=\"", "*", "%' OR '%'='", "NEAR(", 'title:"', "\\", "%00",
)  # fmt: skip


@check(
    "SEC-AUTH-008",
    title="SQL, header and log injection attempts change nothing",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Text that becomes a command reads everybody's data, sets other people's headers, or writes false evidence.",
    remediation="Bound parameters; headers without control characters; structured logs that escape.",
    standards=("OWASP-ASVS 5.3.4", "OWASP-ASVS 7.3.1", "CWE-89", "CWE-113", "CWE-117"),
)
def test_injections_change_nothing(
    marketplace: Marketplace, written: Callable[[], Iterable[str]], evidence: Evidence
) -> None:
    vendor, visitor = marketplace.member(), marketplace.stranger()
    mark = secrets.token_hex(8)
    listing = marketplace.offer(vendor, f"trial {mark}")
    control = f"/api/listings?q={mark}"
    if ids(items(visitor.ask("GET", control))) != {listing}:
        raise CannotTell("the search does not find a listing by its own words, so what it finds shows nothing")
    forged = '{"forged":"' + mark + '"}'

    offences = [*sql(visitor.ask, mark, vendor.username), *headers(visitor.ask, mark)]
    in_a_path = quote(f"none\n{forged}\n", safe="")
    visitor.ask("GET", f"/api/listings/{in_a_path}")
    visitor.ask("POST", "/api/login", {"username": f"x\n{forged}"[:64], "password": f"\r\n{forged}"}, token="")
    lines = list(written())
    offences += [
        f"a line of the log begins with what a client sent: {line[:60]}" for line in lines if line.strip() == forged
    ]
    if ids(items(visitor.ask("GET", control))) != {listing} or not vendor.is_in(vendor.token):
        offences.append("the marketplace is not what it was before")

    evidence.observed(f"{len(SQL)} SQL texts in five places, two header splits; {len(lines)} log lines looked at")
    judge([Finding(text, what=text) for text in dict.fromkeys(offences)], check="SEC-AUTH-008", evidence=evidence)


def sql(ask: Callable[..., Answer], mark: str, known: str) -> list[str]:
    """What went wrong when SQL was put into every place that takes text."""
    found = []
    for text in SQL:
        sent = quote(text, safe="")
        tries = {
            "the search": ask("GET", f"/api/listings?q={mark}x{sent}"),
            "the vendor": ask("GET", f"/api/listings?vendor={mark}{sent}"),
            "the page": ask("GET", f"/api/listings?q={mark}x&page=1{sent}"),
            "a listing's id": ask("GET", f"/api/listings/{mark}{sent}"),
        }
        for place, answer in tries.items():
            if answer.status >= 500:
                found.append(f"{text!r} in {place} is answered {answer.status}")
            elif items(answer) or (place == "a listing's id" and answer.status < 300):
                found.append(f"{text!r} in {place} finds what was not asked for")
    for text in SQL[:4]:
        answer = ask("POST", "/api/login", {"username": f"{known}{text}"[:64], "password": text}, token="")
        if answer.status >= 500 or answer.status < 300:
            found.append(f"{text!r} as a login is answered {answer.status}")
    return found


def headers(ask: Callable[..., Answer], mark: str) -> list[str]:
    """Which answers carry a header that a client wrote into a path or query."""
    split = f"%0d%0aX-Injected:%20{mark}"
    answers = [ask("GET", f"/api/listings?q={mark}{split}"), ask("GET", f"/{mark}{split}")]
    return [
        f"{answer.asked} carries a client's header" for answer in answers if answer.header("x-injected") is not None
    ]


@check(
    "SEC-HDR-010",
    title="Path normalisation and aliases can't step out of their folder",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Where two programs read a path differently, the second serves what the first meant to refuse.",
    remediation="End alias locations in a slash on both sides; refuse dot segments; decide on the normalised path.",
    standards=("OWASP-ASVS 12.3.1", "CWE-22", "CWE-41"),
)
def test_paths_stay_in_their_folder(stack: Stack, edge: EdgeClient, evidence: Evidence) -> None:
    known = list(dict.fromkeys(stack.profile.stack.locations))
    absent = unlimited(edge, Request(ABSENT))
    offences = []
    outward = [path for place in paths.folders(known) for path in paths.to_passwd(place)]
    answers = [unlimited(edge, Request(path)) for path in outward]
    offences += [f"{answer} gives /etc/passwd" for answer in answers if paths.is_passwd(answer.body)]
    for path in known:
        inward = paths.out_and_in(path)
        plain = unlimited(edge, Request(path))
        if inward is None or not web.is_served(plain, absent):
            continue
        stepped = unlimited(edge, Request(inward))
        # Only an alias without its slash makes of `/static../static/x` what `/static/x` is.
        if web.is_served(stepped, absent) and stepped.body == plain.body:
            offences.append(f"{stepped} steps out of its folder and back")
    refused = [
        path for path in stack.profile.stack.internal_paths if not web.is_served(unlimited(edge, Request(path)), absent)
    ]
    spellings = [spelling for path in refused for spelling in paths.spellings(path)]
    told = [unlimited(edge, Request(path)) for path in spellings]
    offences += [
        f"{answer} is served, and the plain path is refused" for answer in told if web.is_served(answer, absent)
    ]

    evidence.observed(
        f"{len(outward)} ways to /etc/passwd, {len(known)} locations, {len(spellings)} spellings of refused paths"
    )
    judge(
        [Finding(text, what=text) for text in offences], check="SEC-HDR-010", evidence=evidence, profile=stack.profile
    )
