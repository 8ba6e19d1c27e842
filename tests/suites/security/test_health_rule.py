"""Why: a health check that can't fail is worse than none, and one that can must never be called a fake."""

from __future__ import annotations

import pytest

from suites.security.rules import health


@pytest.mark.parametrize(
    "test",
    [
        ["NONE"],
        ["CMD", "true"],
        ["CMD", "/bin/true"],
        ["CMD-SHELL", "exit 0"],
        ["CMD-SHELL", ":"],
        ["CMD-SHELL", "echo ok"],
        ["CMD-SHELL", "curl -f http://localhost || true"],
        ["CMD-SHELL", "curl -f http://localhost || exit 0"],
        ["CMD-SHELL", "curl -f http://localhost; exit 0"],
        ["CMD", "sh", "-c", "pg_isready || true"],
        ["CMD", "/bin/sh", "-c", "true"],
        ["CMD-SHELL", "/bin/sh -c true"],
        ["CMD-SHELL", "sh -c 'exit 0'"],
        ["CMD-SHELL", "exit"],
        ["CMD-SHELL", "curl -f http://localhost | cat"],
        ["CMD-SHELL", "curl -f http://localhost | tee /tmp/health"],
        ["CMD-SHELL", "wget -qO- http://localhost | head -1"],
        ["CMD-SHELL", "curl -f http://localhost &"],
        "true",
        "wget -q localhost || echo failed",
        [],
        ["CMD"],
    ],
)
def test_a_check_that_always_succeeds_is_found(test: list[str] | str) -> None:
    assert health.why_it_cannot_fail(test)


@pytest.mark.parametrize(
    "test",
    [
        ["CMD", "pg_isready"],
        ["CMD", "curl", "-f", "http://localhost"],
        ["CMD-SHELL", "curl -f http://localhost || exit 1"],
        ["CMD-SHELL", "test -e /ready && echo ok"],
        ["CMD-SHELL", "redis-cli ping | grep PONG"],
        ["CMD-SHELL", "curl -s http://localhost | grep ok"],
        ["CMD-SHELL", "set -o pipefail; curl -f http://localhost | cat"],
        ["CMD-SHELL", "curl -f 'http://localhost/?a=1|cat'"],
        ["CMD-SHELL", "curl -sf http://localhost > /dev/null"],
        ["CMD-SHELL", "curl -sSfL http://localhost"],
        ["CMD-SHELL", "curl --fail-with-body http://localhost"],
        ["CMD-SHELL", "test $(curl -s -o /dev/null -w '%{http_code}' http://localhost) = 200"],
        ["CMD", "wget", "-q", "http://localhost"],
        ["CMD-SHELL", "exit 1"],
        ["CMD", "sh", "-c", "mysqladmin ping || exit 1"],
        "pg_isready -U app",
    ],
)
def test_a_check_that_can_fail_is_accepted(test: list[str] | str) -> None:
    assert health.why_it_cannot_fail(test) is None


@pytest.mark.parametrize(
    "test",
    [
        ["CMD", "curl", "-s", "http://localhost/health"],
        ["CMD", "curl", "http://localhost/health"],
        ["CMD-SHELL", "curl -s http://localhost/health"],
        ["CMD-SHELL", "curl -sS -o /dev/null https://localhost/ || exit 1"],
        ["CMD-SHELL", "/usr/bin/curl -k https://localhost/"],
    ],
)
def test_curl_that_takes_any_answer_for_a_good_one_is_found(test: list[str]) -> None:
    assert "whatever the server answers" in str(health.why_it_cannot_fail(test))


@pytest.mark.parametrize(
    "test",
    [
        ["CMD", "curl", "--unix-socket", "/x", "telnet://localhost:1"],
        ["CMD-SHELL", "curl -s telnet://localhost:5432"],
        ["CMD-SHELL", "curl -s http://localhost/ -o /tmp/a && grep ok /tmp/a"],
        ["CMD-SHELL", "curl -K /etc/curlrc"],
    ],
)
def test_curl_whose_answer_is_judged_elsewhere_is_not(test: list[str]) -> None:
    assert health.why_it_cannot_fail(test) is None


def test_timing_alone_leaves_the_image_to_decide() -> None:
    timing = {"interval": "5s"}

    assert not health.gives_test(timing)
    assert health.declared_problem(timing) is None


def test_disabling_is_a_problem() -> None:
    assert health.declared_problem({"disable": True}) is not None


@pytest.mark.parametrize(
    ("dockerfile", "expected"),
    [
        (
            "FROM a\nHEALTHCHECK --interval=5s --timeout=3s CMD curl -f http://localhost\n",
            "CMD curl -f http://localhost",
        ),
        ("FROM a AS build\nHEALTHCHECK CMD x\nFROM b\nUSER 1\n", None),
        ('FROM a\nHEALTHCHECK \\\n  --interval=5s \\\n  CMD ["probe"]\n', 'CMD ["probe"]'),
        ("FROM a\n# HEALTHCHECK CMD x\n", None),
        ("FROM a\nRUN <<EOF\nHEALTHCHECK CMD x\nEOF\nUSER 1\n", None),
    ],
)
def test_the_last_stage_of_a_dockerfile_decides(dockerfile: str, expected: str | None) -> None:
    assert health.dockerfile_healthcheck(dockerfile) == expected


@pytest.mark.parametrize(
    ("command", "bad"), [("NONE", True), ("CMD true", True), ('CMD ["true"]', True), ('CMD ["pg_isready"]', False)]
)
def test_a_dockerfile_check_is_judged_like_any(command: str, bad: bool) -> None:
    assert (health.why_dockerfile_check_cannot_fail(command) is not None) is bad
