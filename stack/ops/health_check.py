"""Ask every service of a running stack, now, whether it does its work: the same question its own health check asks.

The engine's word for "healthy" is up to an interval old; this runs each service's health check once more, and a service
that is missing, stopped, paused, restarting or without a health check is named as such.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stack.errors import CannotTell, UserError
from stack.ops.command import FAILED, OK, answer

if TYPE_CHECKING:
    from stack.driver import Driver
    from stack.model import Stack

HEALTHY = "healthy"
AT_ONCE = 4
TIMEOUT_SECONDS = 15.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--project", default="seatrial", help="the project to ask (default: %(default)s)")
    parser.add_argument("--compose-file", type=Path, action="append", default=[], help="its files, if not the reference")
    parser.add_argument("--without", action="append", default=[], metavar="SERVICE", help="left out by name (repeatable)")


def main(args: argparse.Namespace) -> int:
    """Print a line a service, and fail when one is not healthy."""
    from stack.model import Stack
    from stack.project import COMPOSE_FILE, environment

    files = args.compose_file or [COMPOSE_FILE]
    profile = None if args.compose_file else COMPOSE_FILE.with_name("profile.toml")
    for file in files:
        if not file.is_file():
            raise UserError(f"{file}: there is no such compose file")
    stack = Stack.load(
        files, project=args.project, profile=profile, without=args.without, env=environment(args.project)
    )
    found = health(stack)
    width = max(map(len, found), default=0)
    good = sum(state == HEALTHY for state in found.values())
    lines = [f"{name:<{width}}  {state}" for name, state in sorted(found.items())]
    answer(
        args,
        {"services": found, "healthy": good, "of": len(found)},
        "\n".join([*lines, f"{good}/{len(found)} healthy"]),
    )
    return OK if found and good == len(found) else FAILED


def health(stack: Stack) -> dict[str, str]:
    """The state of every service that should run: `healthy`, or what is wrong with it."""
    wanted = [service.name for service in stack.services if not service.idle and not service.one_shot]
    driver = stack.driver
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(wanted, pool.map(lambda name: _service_health(driver, name), wanted), strict=True))


def _service_health(driver: Driver, service: str) -> str:
    ids = driver.container_ids(service, all=True)
    if not ids:
        return "missing"
    states = [container_health(driver, driver.inspect(each)) for each in ids]
    return next((state for state in states if state != HEALTHY), HEALTHY)


def container_health(driver: Driver, attrs: Mapping[str, Any]) -> str:
    """`healthy` when the container runs and its own health check passes now, else what is wrong."""
    status = str(attrs["State"]["Status"])
    if status != "running":
        return status
    argv = probe_of(attrs)
    if argv is None:
        return "running without a health check"
    try:
        done = driver.exec(attrs["Id"], argv, timeout_seconds=TIMEOUT_SECONDS)
    except CannotTell as error:
        return f"its health check could not be run ({error})"
    return HEALTHY if done.code == 0 else f"unhealthy: {done.last_words()}"


def probe_of(attrs: Mapping[str, Any]) -> list[str] | None:
    """The argument list of a container's health check; None where it has none or it was switched off."""
    test = list((attrs["Config"].get("Healthcheck") or {}).get("Test") or [])
    if not test or test[0] == "NONE":
        return None
    return ["/bin/sh", "-c", test[1]] if test[0] == "CMD-SHELL" else [str(word) for word in test[1:]]
