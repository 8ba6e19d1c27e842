"""Copies of the stack with some of its services, all that an escrow needs above all, for tests that may spoil them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

import pytest

from stack.driver import Driver
from stack.errors import CannotTell, NoEngine
from stack.model import Stack
from stack.money import broken
from stack.project import COMPOSE_FILE, ROOT, environment
from stack.purse import Purse
from stack.received import received_wrongly
from stack.settling import Voyage
from stack.waiting import eventually

WALLETS = tuple(f"monero-wallet-rpc-{name}" for name in ("buyer", "vendor", "arbiter"))
_SERVICES = ("nginx", "server-blue", "monerod", *WALLETS)


def escrow_stack(project: str, offset: int) -> AbstractContextManager[Stack]:
    """A copy with a server, its edge, its chain and its wallets."""
    return copy_of(project, offset, _SERVICES)


@contextmanager
def copy_of(project: str, offset: int, services: Sequence[str]) -> Iterator[Stack]:
    """Bring a copy with these services up, and take it down afterwards. Skips the test where there is no engine."""
    env = environment(project, offset)
    try:
        Driver.connect(project, [COMPOSE_FILE], env=env)
    except NoEngine as error:
        pytest.skip(str(error))
    began = _stack("up", "--project", project, "--offset", str(offset), "--no-build", "--services", *services)
    try:
        assert began.returncode == 0, began.stderr
        yield Stack.load([COMPOSE_FILE], project=project, profile=COMPOSE_FILE.with_name("profile.toml"), env=env)
    finally:
        _stack("down", "--project", project)


def wrong(stack: Stack, purse: Purse, voyages: Sequence[Voyage]) -> list[str]:
    """What is not true once everything answers again."""

    def asked() -> tuple[list[str]] | None:
        try:
            return ([*filter(None, (received_wrongly(one, purse) for one in voyages)), *broken(stack)],)
        except CannotTell:
            return None

    return eventually(asked, within=timedelta(seconds=60), every=timedelta(seconds=1), what="everything answers")[0]


def _stack(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "stack", *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
