"""Why: an engine can't be misconfigured on somebody's machine for a test, so each check itself is asked about a good and a bad engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stack.errors import CannotTell
from stack.hosts import EngineHost, FileFacts, this_machine
from stack.model import Stack
from stack.profile import Profile
from stack.promises import Allowance
from suites.check import Evidence, NotApplicable
from suites.security import test_host as checks
from suites.security.host_engine import Engine

STACK = cast("Stack", SimpleNamespace(profile=Profile.empty()))


def engine(
    *, info: dict[str, Any] | None = None, words: tuple[str, ...] = (), file: dict[str, Any] | None = None
) -> Engine:
    return Engine(info or {}, ("dockerd", *words), file or {}, "/nonexistent/docker.sock", this_machine())


Verdict = Callable[[Stack, Engine, Evidence], None]


@pytest.mark.parametrize(
    ("check", "good"),
    [
        (checks.test_live_restore_is_on, engine(info={"LiveRestoreEnabled": True})),
        (checks.test_default_bridge_separates, engine(file={"icc": False})),
        (checks.test_default_bridge_separates, engine(words=("--icc=false",))),
        (checks.test_userland_proxy_is_off, engine(file={"userland-proxy": False})),
        (checks.test_default_log_driver_rotates, engine(info={"LoggingDriver": "local"})),
        (
            checks.test_default_log_driver_rotates,
            engine(info={"LoggingDriver": "json-file"}, words=("--log-opt=max-size=1m",)),
        ),
        (
            checks.test_no_new_privileges_is_the_default,
            engine(info={"SecurityOptions": ["name=seccomp,profile=builtin", "name=no-new-privileges"]}),
        ),
    ],
)
def test_a_well_kept_engine_passes(check: Verdict, good: Engine) -> None:
    check(STACK, good, Evidence())


@pytest.mark.parametrize(
    ("check", "bad", "said"),
    [
        (checks.test_live_restore_is_on, engine(info={"LiveRestoreEnabled": False}), "live restore is off"),
        (checks.test_live_restore_is_on, engine(), "live restore is off"),
        (
            checks.test_engine_listens_on_no_open_tcp_port,
            engine(words=("-H", "tcp://0.0.0.0:2375")),
            "tcp://0.0.0.0:2375",
        ),
        (
            checks.test_no_insecure_registry,
            engine(info={"RegistryConfig": {"InsecureRegistryCIDRs": ["10.0.0.0/8"]}}),
            "10.0.0.0/8 may be talked to",
        ),
        (checks.test_default_bridge_separates, engine(), "communication is on"),
        (checks.test_default_bridge_separates, engine(file={"icc": False}, words=("--icc",)), "communication is on"),
        (checks.test_userland_proxy_is_off, engine(), "userland proxy is on"),
        (checks.test_default_log_driver_rotates, engine(info={"LoggingDriver": "json-file"}), "without max-size"),
        (
            checks.test_no_new_privileges_is_the_default,
            engine(info={"SecurityOptions": ["name=seccomp,profile=builtin"]}),
            "not the engine's default",
        ),
        (checks.test_no_new_privileges_is_the_default, engine(), "not the engine's default"),
    ],
)
def test_an_engine_left_as_installed_fails(check: Verdict, bad: Engine, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check(STACK, bad, Evidence())


def test_files_and_a_socket_that_others_can_change_are_found(tmp_path: Path) -> None:
    path, file = tmp_path / "docker.sock", tmp_path / "daemon.json"
    for made in (path, file):
        made.touch()
        made.chmod(0o666)
    loose = Engine({"DockerRootDir": str(tmp_path)}, ("dockerd",), {}, str(path), this_machine(), str(file))

    with pytest.raises(AssertionError, match="mode 0666|owned by uid"):
        checks.test_socket_admits_root_and_its_group(STACK, loose, Evidence())
    with pytest.raises(AssertionError, match=r"daemon\.json (?:has mode 0666|is owned by uid)"):
        checks.test_engine_files_have_safe_modes(STACK, loose, Evidence())


def test_a_socket_that_is_not_there_is_no_good_news() -> None:
    with pytest.raises(CannotTell, match="does not exist"):
        checks.test_socket_admits_root_and_its_group(STACK, engine(), Evidence())


def test_a_swarm_node_has_no_live_restore_to_switch_on() -> None:
    node = engine(info={"LiveRestoreEnabled": False, "Swarm": {"LocalNodeState": "active"}})

    with pytest.raises(NotApplicable):
        checks.test_live_restore_is_on(STACK, node, Evidence())


def grouped(*members: str) -> Engine:
    """An engine whose socket belongs to the group docker with these accounts in it, whichever way, and root."""
    host = SimpleNamespace(
        name="a machine",
        facts=lambda _: FileFacts(0, 4242, 0o660),
        group=lambda _: ("docker", frozenset({"root", *members})),
    )
    return Engine({}, ("dockerd",), {}, "/var/run/docker.sock", cast("EngineHost", host))


def test_accounts_in_the_engines_group_are_named() -> None:
    with pytest.raises(AssertionError, match=r"member is in the group docker\nprimary is in the group docker"):
        checks.test_engine_group_holds_only_named_accounts(STACK, grouped("primary", "member"), Evidence())


def test_an_account_that_the_profile_names_is_accepted() -> None:
    named = tuple(
        Allowance(check="SEC-HOST-009", what=name, reason="an operator of the host") for name in ("member", "primary")
    )
    stack = cast("Stack", SimpleNamespace(profile=Profile(exceptions=named)))

    checks.test_engine_group_holds_only_named_accounts(stack, grouped("member", "primary"), Evidence())


def test_a_group_without_members_passes() -> None:
    checks.test_engine_group_holds_only_named_accounts(STACK, grouped(), Evidence())
