"""Which machine the checks of the host are about: the one the stack's engine runs on, or any that --host names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from stack.errors import CannotTell, UserError
from suites.given import refuse_empty

if TYPE_CHECKING:
    from stack.hosts import EngineHost


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option that names another machine."""
    group = parser.getgroup("seatrial")
    group.addoption(
        "--host",
        metavar="URL",
        help="the machine that the SEC-HOST checks look at: ssh://user@host[:port], by key (default: the engine's own)",
    )
    group.addoption("--ssh-config", metavar="FILE", help="for --host, instead of ~/.ssh/config")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse an address that is none, or a file that is not there, before anything starts."""
    config.addinivalue_line("markers", "of_a_host: looks at a machine; with --host it needs no stack")
    refuse_empty(config, "host", "ssh_config")
    if (file := config.getoption("ssh_config")) and not (config.invocation_params.dir / file).is_file():
        raise pytest.UsageError(f"--ssh-config {file}: there is no such file")
    if url := config.getoption("host"):
        from stack.hosts import require_ssh

        try:
            require_ssh(url)
        except UserError as error:
            raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def engine_host(request: pytest.FixtureRequest) -> Iterator[EngineHost]:
    """The machine the host's checks are about.

    Raises:
        CannotTell: it can't be reached, or it is another machine whose address nobody told.

    """
    from stack.hosts import over_ssh, this_machine

    file = request.config.getoption("ssh_config")
    ssh_config = request.config.invocation_params.dir / file if file else None
    url = request.config.getoption("host")
    if url is None:
        driver = request.getfixturevalue("running").driver
        if driver.is_local():
            yield this_machine()
            return
        url = driver.endpoint
        if not url.startswith("ssh://"):
            raise CannotTell(f"the engine is at {url}: --host ssh://user@host says how to look at its machine")
    with ExitStack() as until_the_end:
        try:
            host = until_the_end.enter_context(over_ssh(url, ssh_config))
        except UserError as error:
            pytest.exit(str(error), returncode=4)
        yield host
