"""Why: this check can't be seen on a machine without AppArmor or SELinux, so it is asked about one that says it has it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from stack.model import Service, Stack
from stack.procfs import process
from stack.profile import Profile
from suites.check import Evidence, NotApplicable
from suites.security import test_runtime_isolation as checks

# A process as /proc shows it (proc(5)); the last part is its attr/current.
STATUS = (
    "Name:\tapp\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nCapEff:\t0\nNoNewPrivs:\t1\nSeccomp:\t2\n"
)
SERVICE = cast("Service", SimpleNamespace(name="app", where=None, one_shot=False))


def verdict(profile: str | None, options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the check about one container with one process that is confined so, on a machine whose engine says `options`."""
    running = process(12, STATUS, "app\0", profile)
    container = SimpleNamespace(name="app-1", processes=lambda: [running])
    monkeypatch.setattr(checks, "containers_of", lambda *_: [container])
    driver = SimpleNamespace(info=lambda: {"SecurityOptions": options})
    stack = cast("Stack", SimpleNamespace(driver=driver, profile=Profile.empty()))
    checks.test_access_control_confines_the_container(stack, SERVICE, Evidence())


@pytest.mark.parametrize("profile", ["docker-default (enforce)\n", "system_u:system_r:container_t:s0:c1,c2\0"])
def test_a_confined_container_passes(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict(profile, ["name=apparmor", "name=seccomp,profile=builtin"], monkeypatch)


@pytest.mark.parametrize(("profile", "said"), [("unconfined\n", "is unconfined"), (None, "without a profile")])
def test_an_unconfined_container_fails(profile: str | None, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match=said):
        verdict(profile, ["name=selinux"], monkeypatch)


def test_a_machine_that_confines_nothing_has_nothing_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotApplicable):
        verdict(None, ["name=seccomp,profile=builtin"], monkeypatch)
