"""A copy of the marketplace whose server is given one defect after another, for whoever has to find them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from chaos.probes import edge_serves
from chaos.runner import Runner
from stack import lifecycle
from stack.errors import CannotTell
from stack.model import Stack
from stack.profile import Profile
from stack.project import COMPOSE_FILE, environment
from stack.waiting import eventually

HERE = Path(__file__).parent
WALLETS = tuple(f"monero-wallet-rpc-{name}" for name in ("buyer", "vendor", "arbiter"))
SERVICES = ("nginx", "server-blue", "monerod", *WALLETS)

Defect = Callable[..., Stack]
"""Takes a defect's name, and objectives to change; returns the stack that has it."""


@contextmanager
def market_with_defects(project: str, offset: int) -> Iterator[Defect]:
    """Bring the copy up and take it down afterwards. Skips the test where there is no engine."""
    try:
        lifecycle.up(
            project,
            services=SERVICES,
            overlays=[HERE / "overlay.yaml"],
            env=_environment(project, offset, "none"),
            build=False,
        )
    except CannotTell as reason:
        pytest.skip(f"needs a Docker engine and built images: {reason}")
    stack = _stack(project, offset, "none")

    def with_(defect: str, **objectives: float) -> Stack:
        nonlocal stack
        stack = _stack(project, offset, defect, **objectives)
        stack.driver.compose("up", "--detach", "--no-deps", "--no-build", "--pull", "never", "server-blue")
        serves = edge_serves("/api/listings")
        eventually(
            lambda: serves.complaint(stack) is None and stack.container("server-blue").health == "healthy",
            within=timedelta(seconds=60),
            every=timedelta(milliseconds=200),
            what=f"the server with the defect {defect!r} serves",
        )
        return stack

    try:
        yield with_
    finally:
        Runner.of(stack).close()
        lifecycle.down(project)


def _environment(project: str, offset: int, defect: str) -> dict[str, str]:
    # Clients of a load come from outside the host, where a copy's edge is not to be reached otherwise.
    return environment(project, offset) | {"SEATRIAL_PUBLIC_ADDRESS": "0.0.0.0", "SABOTAGE": defect}


def _stack(project: str, offset: int, defect: str, **objectives: float) -> Stack:
    profile = Profile.load(COMPOSE_FILE.with_name("profile.toml"))
    changed = profile.model_copy(update={"objectives": profile.objectives.model_copy(update=objectives)})
    overlaid = [COMPOSE_FILE, HERE / "overlay.yaml"]
    return Stack.load(overlaid, project=project, profile=changed, env=_environment(project, offset, defect))
