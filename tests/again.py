"""Ask a test that failed once more, by itself, where `--again` says so, and tell by name which of the two was only a bad moment.

CI asks so: of some four thousand tests on real engines, wallets and clocks one in a few runs meets a bad moment of a machine with two
processors, and a whole run of an hour then says nothing. A defect fails again and stays a failure. What does not repeat is no
secret: it is printed under its own heading, to be mended. More than a few failures are no bad moment, so they are not asked again.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

FEW = 3
"""More failures than these are a defect, not a moment."""
_WITHIN_SECONDS = 900


class Again:
    """Collects what fails, and asks it again in a process of its own when the session is over."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._failed: dict[str, str] = {}
        self._verdict = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure in whatever phase."""
        if report.failed:
            self._failed.setdefault(report.nodeid, report.longreprtext)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Ask again where tests failed and nothing else was wrong: not after an interruption, a crash or a collection error."""
        if exitstatus != pytest.ExitCode.TESTS_FAILED or not self._failed or session.testsfailed != len(self._failed):
            return
        if len(self._failed) > FEW:
            self._verdict = f"{len(self._failed)} failed: more than {FEW} are not asked again"
            return
        if _passes(self._config, list(self._failed)):
            self._verdict = "passed when asked again by itself"
            session.exitstatus = pytest.ExitCode.OK
        else:
            self._verdict = "failed again"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which, with what it said the first time just above."""
        if self._verdict:
            terminalreporter.section("asked again", sep="=", yellow=True)
            for name in self._failed:
                terminalreporter.write_line(f"FLAKY? {name}: {self._verdict}")


def _passes(config: pytest.Config, names: list[str]) -> bool:
    argv = [sys.executable, "-m", "pytest", "-q", *names]
    try:
        done = subprocess.run(argv, cwd=config.rootpath, timeout=_WITHIN_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == pytest.ExitCode.OK
