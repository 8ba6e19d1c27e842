"""What all of our own tests need of the process they run in."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_STRICT = pytest.mark.filterwarnings(
    "error::pytest.PytestUnraisableExceptionWarning",
    "ignore:(?s).*KeyboardInterrupt:pytest.PytestUnraisableExceptionWarning",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare what CI asks for."""
    parser.addoption("--again", action="store_true", help="ask the few tests that failed once more, and tell which passed then")


def pytest_configure(config: pytest.Config) -> None:
    """Listen to failures where they are to be asked again."""
    if config.getoption("--again"):
        from tests.again import Again  # here: a copy of this file judges tests that are elsewhere

        config.pluginmanager.register(Again(config))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fail our own tests on what a destructor had to clean up (pyproject.toml only shows it: a check judges the stack, not us)."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(_STRICT)


def pytest_sessionstart() -> None:
    """Hear Ctrl-C even where the session began deaf to it: a shell starts background jobs with SIGINT ignored, programs inherit
    that, and tests that interrupt a program of their own would wait for ever.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
