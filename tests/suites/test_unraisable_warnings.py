"""What the garbage collector finds during a check is shown and does not decide the check."""

from __future__ import annotations

import pytest

from stack.project import ROOT

pytest_plugins = ("pytester",)

_LEAKS = """
import gc, socket

def test_leaks():
    socket.socket()
    gc.collect()
"""


def test_a_leaked_socket_is_shown_and_fails_nothing(pytester: pytest.Pytester) -> None:
    ini = pytester.path / "pyproject.toml"
    ini.write_text((ROOT / "pyproject.toml").read_text("utf-8"), "utf-8")
    pytester.makepyfile(test_one=_LEAKS)

    done = pytester.runpytest_subprocess("-c", str(ini), "-p", "no:cacheprovider", "test_one.py")

    done.assert_outcomes(passed=1, warnings=1)
    done.stdout.fnmatch_lines(["*PytestUnraisableExceptionWarning*"])


def test_our_own_tests_still_fail_on_one(pytester: pytest.Pytester) -> None:
    ini = pytester.path / "pyproject.toml"
    ini.write_text((ROOT / "pyproject.toml").read_text("utf-8"), "utf-8")
    pytester.makeconftest((ROOT / "tests/conftest.py").read_text("utf-8"))
    pytester.makepyfile(test_one=_LEAKS)

    done = pytester.runpytest_subprocess("-c", str(ini), "-p", "no:cacheprovider", "test_one.py")

    done.assert_outcomes(failed=1)
