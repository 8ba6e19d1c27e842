"""What all seeded defects need: the reference stack where they are seeded into it, and that none is passed over in silence."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from stack import lifecycle
from stack.model import Stack
from stack.project import COMPOSE_FILE, DEFAULT, environment


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
