"""What all seeded defects need: the reference stack where they are seeded into it, and that none is passed over in silence."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from reports.publish import write
from stack import lifecycle
from stack.model import Stack
from stack.project import COMPOSE_FILE, DEFAULT, environment
from tests.sabotage.security import ledger


@pytest.fixture(scope="session")
def reference() -> Iterator[Stack]:
    """The running reference stack: used as it is when it runs unchanged, else brought up; only what was begun here ends here."""
    ran_before = lifecycle.state(DEFAULT).is_running
    if not lifecycle.is_unchanged(DEFAULT):
        lifecycle.up(DEFAULT)
    try:
        yield Stack.load(
            [COMPOSE_FILE], project=DEFAULT, profile=COMPOSE_FILE.with_name("profile.toml"), env=environment()
        )
    finally:
        if not ran_before:
            lifecycle.down(DEFAULT)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A defect that was not seeded was not found: a skip is a failure here."""
    report = yield
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = f"not tried, so not found: {call.excinfo.value if call.excinfo else 'skipped'}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell which security defects were caught, and write docs/detection.md when all of them were tried and caught."""
    if not ledger.CAUGHT:
        return
    every, missed = list(ledger.rows()), ledger.missing()
    terminalreporter.section("seeded security defects")
    for row in every:
        spent = ledger.CAUGHT.get((row.run, row.key))
        shown = "not caught or not tried" if spent is None else f"{spent:6.2f} s"
        terminalreporter.write_line(f"{row.check:<36} {row.level:<9} {shown}  {row.what}")
    terminalreporter.write_line(f"{len(every) - len(missed)} of {len(every)} seeded defects caught")
    if not missed:
        write(ledger.PAGE, ledger.page(ledger.CAUGHT))
        terminalreporter.write_line(f"{ledger.PAGE} is written")
