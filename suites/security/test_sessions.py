"""Who is who in the marketplace: sessions, other people's orders, what tells that an account exists, foreign pages."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from stack.errors import CannotTell
from suites.ahead import alone
from suites.check import Area, Evidence, Impact, Level, Severity, check
from suites.security.rules.finding import Finding, judge
from suites.security.rules.timing import tells_apart
from suites.security.rules.web import Answer
from suites.security.visitor import Marketplace, Visitor, content, ids, items

LONGEST_SESSION_SECONDS = 30 * 86_400
"""OWASP-ASVS 4, 3.3.2, level 1."""
TRIES = 8
_ONCE = re.compile(r"[0-9a-f]{8}[0-9a-f-]{8,}")
REFUSALS = frozenset({400, 401, 403, 404, 405})


@check(
    "SEC-AUTH-005",
    title="Sessions expire, rotate at login and die at logout",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="A session that outlives its user, or that an attacker chose, is an open door with a name on it.",
    remediation="A fresh random token at each login, forgotten at logout, with an end that the server looks at.",
    standards=("OWASP-ASVS 3.2.1", "OWASP-ASVS 3.3.1", "OWASP-ASVS 3.3.2", "CWE-384", "CWE-613"),
)
def test_sessions_end_and_change(marketplace: Marketplace, expire: Callable[[str], None], evidence: Evidence) -> None:
    member = marketplace.stranger()
    member.register()
    chosen = secrets.token_urlsafe(32)
    first = member.login(headers={"Cookie": f"session={chosen}"})
    offences = []
    if first == chosen or member.is_in(chosen):
        offences.append("a session an attacker chose beforehand is taken")
    if not member.is_in(first):
        raise CannotTell("a fresh session opens nothing, so an ended one shows nothing")
    second = member.login(headers={"Cookie": f"session={first}"})
    if second == first or member.is_in(first):
        offences.append("the session from before a login still works after it")
    member.must("POST", "/api/logout", token=second)
    if member.is_in(second):
        offences.append("a session still works after logout")
    said = member.must("POST", "/api/login", {"username": member.username, "password": member.password}, token="")
    third, lifetime = str(said.get("token")), float(said.get("expires_at") or "inf") - time.time()
    if lifetime > LONGEST_SESSION_SECONDS:
        offences.append(f"a session lasts {lifetime / 86_400:.0f} days, expected at most 30")
    expire(member.account_id)
    if member.is_in(third):
        offences.append("a session whose time is over still works")

    evidence.observed(f"fixation, rotation, logout and expiry tried; a session lasts {lifetime / 3600:.1f} h")
    judge([Finding(text, what=text) for text in offences], check="SEC-AUTH-005", evidence=evidence)


@check(
    "SEC-AUTH-006",
    title="A user can't read, release, dispute or refund another's order",
    area=Area.SECURITY,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="The order is the money: whoever can act on somebody else's takes it.",
    remediation="Look orders up by id *and* party; answer 404 for what is not one's own.",
    standards=("OWASP-API 1", "OWASP-ASVS 4.2.1", "CWE-639"),
)
def test_orders_are_their_parties_alone(marketplace: Marketplace, evidence: Evidence) -> None:
    vendor, buyer, other = marketplace.member(), marketplace.member(), marketplace.member()
    listing = marketplace.offer(vendor, f"trial {secrets.token_hex(6)}")
    key = {"Idempotency-Key": secrets.token_hex(16)}
    order = str(buyer.must("POST", f"/api/listings/{listing}/order", {"note": "mine"}, headers=key).get("id"))
    before = buyer.must("GET", f"/api/orders/{order}")
    tries = [("GET", f"/api/orders/{order}")]
    tries += [
        ("POST", f"/api/orders/{order}/{act}") for act in ("fund", "ship", "release", "dispute", "refund", "cancel")
    ]
    tries += [(method, f"/api/orders/{order}") for method in ("PUT", "PATCH", "DELETE")]

    answers: list[tuple[str, Answer]] = []
    for who, token in (("another user", other.token), ("nobody", "")):
        answers += [
            (f"{method} {path.replace(order, 'ORDER')} by {who}", other.ask(method, path, token=token))
            for method, path in tries
        ]
    listed = order in ids(items(other.ask("GET", "/api/orders?per_page=100")))
    after = buyer.must("GET", f"/api/orders/{order}")

    evidence.observed(", ".join(f"{what} → {answer.status}" for what, answer in answers))
    offences = [f"{what} is answered {answer.status}" for what, answer in answers if answer.status not in REFUSALS]
    offences += ["another user's list of orders holds it"] if listed else []
    offences += ["the order changed"] if after != before else []
    judge([Finding(text, what=text) for text in offences], check="SEC-AUTH-006", evidence=evidence)


@check(
    "SEC-AUTH-007",
    title="Login and registration don't tell which accounts exist, by text or by time",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="A list of who trades here is worth stealing by itself, and half of every guess at a password.",
    remediation="One answer for both; hash a dummy for unknown names; registration answers alike for a taken name.",
    standards=("OWASP-ASVS 2.2.1", "OWASP-WSTG IDNT-04", "CWE-204", "CWE-208"),
)
@alone
def test_nothing_tells_which_accounts_exist(marketplace: Marketplace, evidence: Evidence) -> None:
    member = marketplace.member()
    offences = []
    for act, path in (("login", "/api/login"), ("registration", "/api/register")):
        of_known, of_unknown = by_turns(marketplace, path, member.username)
        texts = {
            side: {shape for shape, _ in answers} for side, answers in (("known", of_known), ("unknown", of_unknown))
        }
        times = [seconds for _, seconds in of_known], [seconds for _, seconds in of_unknown]
        evidence.measure(f"{act}: a known name, fastest of {TRIES}", round(min(times[0]) * 1000, 1), "ms")
        evidence.measure(f"{act}: an unknown name, fastest of {TRIES}", round(min(times[1]) * 1000, 1), "ms")
        if texts["known"] != texts["unknown"]:
            offences.append(
                f"{act} answers {texts['known']} for a known name and {texts['unknown']} for an unknown one"
            )
        elif any("429" in shape or "'5" in shape for shape in texts["known"]):
            raise CannotTell(f"{act} is answered {texts['known']}, so it tells nothing either way")
        difference = tells_apart(*times)
        # Once may be the machine: what is true shows again.
        again = by_turns(marketplace, path, member.username) if difference else ((), ())
        if difference and tells_apart(*([seconds for _, seconds in side] for side in again)):
            offences.append(f"{act} {difference}")
    judge([Finding(text, what=text.partition(" ")[0]) for text in offences], check="SEC-AUTH-007", evidence=evidence)


Series = tuple[tuple[str, float], ...]


def by_turns(marketplace: Marketplace, path: str, known: str) -> tuple[Series, Series]:
    """Tries of a known name and of unknown ones, by turns, so that whatever else the machine does hits both alike."""
    rounds = [(tried(marketplace, path, known), tried(marketplace, path, None)) for _ in range(TRIES)]
    return tuple(one for one, _ in rounds), tuple(other for _, other in rounds)


def tried(marketplace: Marketplace, path: str, name: str | None) -> tuple[str, float]:
    """A try with a password nobody has, from an address of its own: what the answer looks like, and how long it took."""
    somebody = marketplace.stranger()
    return timed(somebody, path, {"username": name or somebody.username, "password": somebody.password})


def timed(somebody: Visitor, path: str, body: dict[str, Any]) -> tuple[str, float]:
    """Status and content of the answer (of a success only which fields it has: their values differ by right), and seconds."""
    began = time.perf_counter()
    answer = somebody.ask("POST", path, body, token="")
    seconds = time.perf_counter() - began
    said = content(answer)
    shape = sorted(said) if answer.status < 300 and isinstance(said, dict) else said
    # Ids of requests and a repeated name differ by right too.
    return _ONCE.sub("#", f"'{answer.status}' {shape}".replace(body["username"], "#")), seconds


@check(
    "SEC-AUTH-009",
    title="State-changing requests from a foreign origin are refused",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="A page anywhere can make a visitor's browser send a request with the visitor's cookie.",
    remediation="Compare Origin (and Sec-Fetch-Site) with the site's own before anything is done; SameSite cookies besides.",
    standards=("OWASP-ASVS 4.2.2", "CWE-352"),
)
def test_foreign_pages_change_nothing(marketplace: Marketplace, evidence: Evidence) -> None:
    member = marketplace.member()
    own = member.edge.edge.url
    foreign = {
        "another site": {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        "another site, Origin alone": {"Origin": "https://evil.example"},
        "a name that begins like ours": {"Origin": f"{own}.evil.example"},
        "a sandboxed page": {"Origin": "null"},
        "another site, Sec-Fetch-Site alone": {"Sec-Fetch-Site": "cross-site"},
    }
    cookie = {"Cookie": f"session={member.token}"}

    def offered(headers: dict[str, str]) -> int:
        body = {"title": f"trial {secrets.token_hex(6)}", "description": "", "price_piconero": 1}
        return member.ask("POST", "/api/listings", body, headers=cookie | headers, token="").status

    known = offered({"Origin": own, "Sec-Fetch-Site": "same-origin"})
    if known not in (200, 201):
        raise CannotTell(f"our own page's request is answered {known}, so a refusal shows nothing")
    answers = {what: offered(headers) for what, headers in foreign.items()}

    evidence.observed(f"own page → {known}; " + "; ".join(f"{what} → {status}" for what, status in answers.items()))
    offences = [
        Finding(f"{what}: answered {status}, expected 403", what=what)
        for what, status in answers.items()
        if status < 400
    ]
    judge(offences, check="SEC-AUTH-009", evidence=evidence)
