"""Judges an edge's answers: what each header must say, on every location and on error answers as well."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TWO_YEARS_SECONDS = 63_072_000
"""The preload list's and Mozilla's recommended max-age."""


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, with what was asked in `asked`; header names keep their order and repetition."""

    asked: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The first value of a header; None when it is absent."""
        return next(iter(self.all(name)), None)

    def __str__(self) -> str:
        return f"{self.asked} → {self.status}"


def hsts_problem(answer: Answer) -> str | None:
    """Why an answer's Strict-Transport-Security is not two years with subdomains (RFC 6797); None when it is."""
    values = answer.all("strict-transport-security")
    if not values:
        return "no Strict-Transport-Security"
    if len(values) > 1:
        return f"{len(values)} Strict-Transport-Security headers: browsers take the first, here {values[0]!r}"
    directives = {
        part.strip().partition("=")[0].strip().lower(): part.partition("=")[2].strip().strip('"')
        for part in values[0].split(";")
    }
    age = directives.get("max-age", "")
    if not age.isdigit() or int(age) < TWO_YEARS_SECONDS:
        return f"Strict-Transport-Security max-age is {age or 'missing'}, expected at least {TWO_YEARS_SECONDS}"
    return None if "includesubdomains" in directives else "Strict-Transport-Security lacks includeSubDomains"


def csp_problem(answer: Answer) -> str | None:
    """Why an answer's content security policy lets injected scripts run; None when it does not."""
    values = answer.all("content-security-policy")
    if not values:
        return "no Content-Security-Policy"
    directives = csp_directives(values[0])
    scripts = directives.get("script-src", directives.get("default-src"))
    if scripts is None:
        return "Content-Security-Policy has neither script-src nor default-src"
    guarded = any(re.match(r"'(?:nonce-|sha(?:256|384|512)-|strict-dynamic)", source) for source in scripts)
    if "'unsafe-inline'" in scripts and not guarded:
        return "Content-Security-Policy allows unsafe-inline scripts"
    loose = [source for source in scripts if source in ("*", "https:", "http:", "data:", "'unsafe-eval'")]
    return f"Content-Security-Policy allows scripts from {', '.join(loose)}" if loose else None


def csp_directives(policy: str) -> dict[str, list[str]]:
    """A policy's directives with their sources, lower-cased; the first of a repeated directive counts."""
    found: dict[str, list[str]] = {}
    for part in policy.split(";"):
        words = part.split()
        if words:
            found.setdefault(words[0].lower(), [word.lower() for word in words[1:]])
    return found


def nosniff_problem(answer: Answer) -> str | None:
    """Why an answer's content type may be guessed; None when not."""
    value = answer.header("x-content-type-options")
    return (
        None
        if value is not None and value.strip().lower() == "nosniff"
        else f"X-Content-Type-Options is {value or 'missing'}"
    )


def framing_problem(answer: Answer) -> str | None:
    """Why an answer may be framed by another site; None when not."""
    ancestors = csp_directives(answer.header("content-security-policy") or "").get("frame-ancestors")
    if ancestors is not None:
        loose = [source for source in ancestors if source in ("*", "https:", "http:")]
        return f"frame-ancestors allows {', '.join(loose)}" if loose else None
    value = (answer.header("x-frame-options") or "").strip().upper()
    return None if value in ("DENY", "SAMEORIGIN") else "neither frame-ancestors nor X-Frame-Options refuses framing"


SAFE_REFERRERS = frozenset({"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"})


def referrer_problem(answer: Answer) -> str | None:
    """Why an answer's referrer policy tells other sites too much; None when it does not."""
    value = answer.header("referrer-policy")
    last = (value or "").split(",")[-1].strip().lower()
    return None if last in SAFE_REFERRERS else f"Referrer-Policy is {value or 'missing'}"


_PRODUCT_VERSION = re.compile(r"\b(?:nginx|apache|caddy|openresty|php|python|gunicorn|uvicorn|express|werkzeug|openssl|debian|ubuntu|werkzeug)"
                              r"[/ (]v?\d+(?:\.\d+)+", re.IGNORECASE)  # fmt: skip
_TELLING_HEADERS = ("server", "x-powered-by", "via", "x-aspnet-version", "x-generator", "x-runtime")


def version_problems(answer: Answer) -> list[str]:
    """Which headers, or an error page, tell a program's version."""
    found = []
    for name in _TELLING_HEADERS:
        for value in answer.all(name):
            if re.search(r"\d+\.\d+", value) and not (
                name == "via" and re.fullmatch(r"(?:HTTP/)?[\d.]+ \S*[A-Za-z]\S*", value.strip())
            ):
                found.append(f"header {name}: {value}")
    if answer.status >= 400:
        match = _PRODUCT_VERSION.search(answer.body.decode(errors="replace"))
        found += [f"the error page names {match.group(0)}"] if match else []
    return found


def cookie_problems(answer: Answer, session_names: Iterable[str] = ()) -> list[str]:
    """What each cookie lacks of Secure, HttpOnly and SameSite; `session_names` limits it to those, none means every one."""
    wanted = {name.lower() for name in session_names}
    found = []
    for value in answer.all("set-cookie"):
        name, _, rest = value.partition("=")
        if wanted and name.strip().lower() not in wanted:
            continue
        attributes = {
            part.strip().partition("=")[0].lower(): part.partition("=")[2].strip().lower()
            for part in rest.split(";")[1:]
        }
        lacking = [title for title in ("Secure", "HttpOnly") if title.lower() not in attributes]
        if attributes.get("samesite") not in ("strict", "lax"):
            lacking.append("SameSite=Strict or Lax")
        found += [f"cookie {name.strip()} lacks {', '.join(lacking)}"] if lacking else []
    return found


def over_limit_problem(answers: Iterable[Answer]) -> str | None:
    """Why a burst was not limited as it should be: nobody got 429, or the 429 has no usable Retry-After; None when it was."""
    refused = [answer for answer in answers if answer.status == 429]
    if not refused:
        return "nobody was refused (no 429)"
    values = {answer.header("retry-after") for answer in refused}
    if None in values:
        return "429 comes without Retry-After"
    bad = [value for value in values if value is not None and not value.strip().isdigit()]
    return f"Retry-After is {bad[0]!r}, expected seconds" if bad else None


LIMITED = frozenset({429, 503})
"""What limits answer: 429 as they should, or 503 as nginx does unless told otherwise (limit_req_status)."""


def was_refused(answer: Answer) -> bool:
    """Whether a client got nothing of the site: turned away by a limit, or by a server that was too busy."""
    return answer.status == 429 or answer.status >= 500


NO_LIMIT = "there is no limit to be under"


def polite_problem(greedy: Sequence[Answer], polite: Sequence[Answer]) -> str | None:
    """What polite clients met beside a greedy one: how many of their requests were refused, `NO_LIMIT`, or None: nothing."""
    refused = [answer for answer in polite if was_refused(answer)]
    if refused:
        return f"{len(refused)} of {len(polite)} requests of polite clients were refused beside a greedy one"
    return None if any(answer.status in LIMITED for answer in greedy) else NO_LIMIT


def login_limit_problem(guesses: Sequence[Answer], pages: Sequence[Answer]) -> str | None:
    """Why logins have no limit of their own; None when they have: some guesses are refused, some judged, and no page is refused."""
    if not any(answer.status in LIMITED for answer in guesses):
        return f"{len(guesses)} logins at once: nobody was refused by a limit"
    if all(was_refused(answer) for answer in guesses):
        return f"{len(guesses)} logins at once: every one was refused, so that none is known to be judged"
    refused = sum(was_refused(answer) for answer in pages)
    return f"{refused} of {len(pages)} pages at once are refused as logins are" if refused else None


INTERNAL_PATHS = (
    "/metrics", "/server-status", "/nginx_status", "/stub_status", "/actuator/env", "/debug/pprof/", "/debug/vars",
    "/.git/HEAD", "/.git/config", "/.svn/entries", "/.hg/requires", "/.env", "/.env.local", "/.htpasswd", "/.DS_Store", "/.aws/credentials",
    "/docker-compose.yml", "/compose.yaml", "/Dockerfile", "/config.json", "/backup.sql", "/db.sqlite3", "/phpinfo.php", "/wp-config.php.bak",
    "/%2egit/HEAD", "//.git/HEAD", "/static/..%2f..%2f.env",
)  # fmt: skip


def is_served(answer: Answer, absent: Answer) -> bool:
    """Whether a path gives content of its own: a success that differs from what any absent path gets (a single-page app's index)."""
    return 200 <= answer.status < 300 and not (absent.status == answer.status and absent.body == answer.body)


def redirect_problem(answer: Answer, host: str) -> str | None:
    """Why a plain HTTP answer is no bare redirect to HTTPS on the same host; None when it is, or when nothing is served."""
    location = answer.header("location") or ""
    if answer.status in (301, 302, 303, 307, 308):
        if not re.match(rf"https://{re.escape(host)}(?::\d+)?(?:[/?#]|$)", location):
            return f"redirects to {location or 'nowhere'}, expected https://{host}/…"
        if answer.header("x-injected") is not None:
            return "a line break in the path becomes a header of the answer"
        return None if answer.status in (301, 308) else f"redirects with {answer.status}, expected 301 or 308"
    if answer.status >= 400:
        return None
    return f"is answered {answer.status} in plain text"
