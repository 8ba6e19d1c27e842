"""What the static security checks cost on somebody's large compose file: seconds, and in proportion to its services."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.figure import figure, processor_seconds_of, pytest_command, seconds_of
from tests.corpus.many import many

_NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}
_ANSWERED = (0, 1)
"""A FAIL is an answer: half of the services have something to find."""


def _command(folder: Path, services: int) -> list[str]:
    (folder / "compose.yaml").write_text(many(services))
    words = ["suites/security", "-m", "static", "--compose-file", str(folder / "compose.yaml")]
    return pytest_command(*words, "--reports", str(folder / "out"))


@figure("Static security checks of a compose file of 200 services", unit="s", at_most=10.0)
def two_hundred_services() -> Sequence[float]:
    """From the command to its exit, reports included, without an engine."""
    with tempfile.TemporaryDirectory() as folder:
        command = _command(Path(folder), 200)
        return [seconds_of(command, env=_NO_ENGINE, good=_ANSWERED) for _ in range(3)]


@figure(
    "Static security checks, cost of a service between 100 and 200 services over that between 50 and 100",
    unit="",
    at_most=1.5,
)
def linear() -> Sequence[float]:
    """1 is linear; processor time, because the differences are small. Noise of a tenth of a second moves it by a tenth."""
    seen = []
    for _ in range(3):
        cost = {}
        for services in (50, 100, 200):
            with tempfile.TemporaryDirectory() as folder:
                cost[services] = processor_seconds_of(_command(Path(folder), services), env=_NO_ENGINE, good=_ANSWERED)
        seen.append((cost[200] - cost[100]) / 100 / ((cost[100] - cost[50]) / 50))
    return seen
