"""Why: headers are judged as browsers read them, and a browser is never asked."""

from __future__ import annotations

import pytest

from suites.security.rules import web
from suites.security.rules.web import Answer


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Answer:
    return Answer("GET /", status, tuple((name.replace("_", "-"), value) for name, value in headers.items()), body)


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("max-age=63072000; includeSubDomains", True),
        ("max-age=63072000; includeSubDomains; preload", True),
        ('MAX-AGE="94608000";INCLUDESUBDOMAINS', True),
        ("max-age=63072000", False),
        ("max-age=31536000; includeSubDomains", False),
        ("includeSubDomains", False),
        ("max-age=-1; includeSubDomains", False),
        ("max-age=x; includeSubDomains", False),
    ],
)
def test_hsts_is_two_years_with_subdomains(value: str, good: bool) -> None:
    assert (web.hsts_problem(answer(Strict_Transport_Security=value)) is None) is good


def test_hsts_missing_or_twice_is_a_problem() -> None:
    twice = Answer(
        "GET /",
        200,
        (
            ("Strict-Transport-Security", "max-age=0"),
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ),
    )

    assert web.hsts_problem(answer())
    assert web.hsts_problem(twice)


@pytest.mark.parametrize(
    ("policy", "good"),
    [
        ("default-src 'none'; script-src 'self'", True),
        ("default-src 'self'", True),
        ("script-src 'unsafe-inline' 'nonce-abc'", True),
        ("default-src 'self' 'unsafe-inline'", False),
        ("script-src 'self' 'unsafe-inline'; default-src 'none'", False),
        ("script-src *", False),
        ("script-src https:", False),
        ("img-src 'self'", False),
        ("script-src 'self' 'unsafe-eval'", False),
    ],
)
def test_a_policy_must_keep_injected_scripts_out(policy: str, good: bool) -> None:
    assert (web.csp_problem(answer(Content_Security_Policy=policy)) is None) is good


def test_small_headers() -> None:
    assert web.nosniff_problem(answer(X_Content_Type_Options="nosniff")) is None
    assert web.nosniff_problem(answer(X_Content_Type_Options="sniff"))
    assert web.framing_problem(answer(X_Frame_Options="DENY")) is None
    assert web.framing_problem(answer(Content_Security_Policy="frame-ancestors 'none'")) is None
    assert web.framing_problem(answer(Content_Security_Policy="frame-ancestors *", X_Frame_Options="DENY"))
    assert web.framing_problem(answer())
    assert web.referrer_problem(answer(Referrer_Policy="no-referrer")) is None
    assert web.referrer_problem(answer(Referrer_Policy="no-referrer, strict-origin-when-cross-origin")) is None
    assert web.referrer_problem(answer(Referrer_Policy="unsafe-url"))


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (answer(Server="nginx"), 0),
        (answer(Server="nginx/1.26.3"), 1),
        (answer(X_Powered_By="PHP/8.2"), 1),
        (answer(status=404, body=b"<center>nginx/1.26.3</center>"), 1),
        (answer(status=404, body=b"<center>nginx</center>"), 0),
        (answer(body=b"we ship python 3.12"), 0),
        (answer(Via="1.1 vegur"), 0),
    ],
)
def test_versions_are_found_and_only_they(told: Answer, found: int) -> None:
    assert len(web.version_problems(told)) == found


@pytest.mark.parametrize(
    ("cookie", "found"),
    [
        ("session=a; Secure; HttpOnly; SameSite=Strict", 0),
        ("session=a; secure; httponly; samesite=lax; Path=/", 0),
        ("session=a; HttpOnly; SameSite=Lax", 1),
        ("session=a; Secure; HttpOnly; SameSite=None", 1),
        ("session=a", 1),
    ],
)
def test_cookies_need_all_three(cookie: str, found: int) -> None:
    assert len(web.cookie_problems(answer(Set_Cookie=cookie))) == found


def test_over_the_limit_needs_429_and_retry_after() -> None:
    assert web.over_limit_problem([answer(), answer(429, Retry_After="1")]) is None
    assert web.over_limit_problem([answer(), answer(503)])
    assert web.over_limit_problem([answer(429)])
    assert web.over_limit_problem([answer(429, Retry_After="soon")])


@pytest.mark.parametrize(
    ("told", "good"),
    [
        (answer(308, Location="https://shop.example/a"), True),
        (answer(301, Location="https://shop.example"), True),
        (answer(404), True),
        (answer(302, Location="https://shop.example/"), False),
        (answer(301, Location="https://evil.example/"), False),
        (answer(301, Location="https://shop.example.evil/"), False),
        (answer(301, Location="http://shop.example/"), False),
        (answer(200), False),
        (answer(308, Location="https://shop.example/a", X_Injected="1"), False),
    ],
)
def test_plain_http_may_only_redirect(told: Answer, good: bool) -> None:
    assert (web.redirect_problem(told, "shop.example") is None) is good


def test_a_single_page_application_serves_nothing_internal() -> None:
    index = answer(body=b"<html>")

    assert not web.is_served(index, absent=index)
    assert web.is_served(answer(body=b"ref: refs/heads/main"), absent=index)
    assert not web.is_served(answer(404), absent=answer(404))


@pytest.mark.parametrize(
    ("status", "refused"),
    [(200, False), (404, False), (308, False), (429, True), (503, True), (502, True), (500, True)],
)
def test_a_client_that_gets_no_answer_of_the_site_was_refused(status: int, refused: bool) -> None:
    assert web.was_refused(answer(status)) is refused


@pytest.mark.parametrize(
    ("greedy", "polite", "verdict"),
    [
        ([200, 429], [200, 200], "kept"),
        ([200, 503], [200, 404], "kept"),  # another status than 429 is SEC-RATE-001's finding
        ([200, 429], [200, 429], "1 of 2"),
        ([200, 429], [503, 200], "1 of 2"),
        ([200, 429], [502, 503], "2 of 2"),
        ([200, 200], [502, 200], "1 of 2"),
        ([200, 200], [200, 200], "no limit"),
    ],
)
def test_the_polite_are_judged_beside_a_limit(greedy: list[int], polite: list[int], verdict: str) -> None:
    found = web.polite_problem([answer(status) for status in greedy], [answer(status) for status in polite])

    assert (found is None) if verdict == "kept" else (verdict in str(found))


@pytest.mark.parametrize(
    ("guesses", "pages", "problem"),
    [
        ([401, 429], [200, 200], None),
        ([401, 503], [200, 200], None),
        ([401, 401], [200, 200], "nobody was refused"),
        ([401, 429], [200, 429], "pages"),
        ([401, 429], [200, 503], "pages"),
        ([401, 429], [502, 502], "pages"),
        ([429, 429], [200, 200], "every one was refused"),
        ([502, 502], [200, 200], "nobody was refused"),  # a broken login refuses everybody: that is no limit
    ],
)
def test_logins_are_limited_and_pages_are_not(guesses: list[int], pages: list[int], problem: str | None) -> None:
    found = web.login_limit_problem([answer(status) for status in guesses], [answer(status) for status in pages])

    assert (found is None) if problem is None else (problem in str(found))
