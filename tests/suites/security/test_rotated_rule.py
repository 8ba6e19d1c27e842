"""Why: a rotation has three ways to fail silently: the old secret works, the new one does not, or somebody remembers."""

from __future__ import annotations

from suites.security.rules.rotated import problems


def test_a_whole_rotation_is_no_problem() -> None:
    assert problems(logins={"wallet": (401, 200)}, session_opens=False, remembered={"server": set()}) == []


def test_an_old_password_that_works_and_a_new_one_that_does_not_are_two_problems() -> None:
    assert problems(logins={"wallet": (200, 401)}, session_opens=False, remembered={}) == [
        ("wallet", "wallet: the old password is answered 200, expected 401"),
        ("wallet", "wallet: the new password is answered 401, expected 200"),
    ]


def test_a_session_that_outlives_its_secret_is_a_problem() -> None:
    ((_, text),) = problems(logins={}, session_opens=True, remembered={})

    assert text.startswith("a session begun under the old SESSION_SECRET still opens")


def test_who_remembers_is_named_with_what() -> None:
    assert problems(logins={}, session_opens=False, remembered={"exporter": {"B", "A"}}) == [
        ("exporter", "exporter: a process still holds the old A, B in memory")
    ]
