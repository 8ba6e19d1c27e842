"""Loads a second reference stack beside the first: at ports that nobody has, and with the services that business needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stack import host_ports
from stack.errors import CannotTell, UserError
from stack.model import Stack
from stack.project import COMPOSE_FILE, ROOT, environment


def beside(
    first: Stack, project: str, offsets: range, *, clone: Path = ROOT, overlays: Sequence[Path] = ()
) -> tuple[Stack, int]:
    """Load the second stack at the first offset whose ports nobody has. Raises CannotTell when there is none."""
    compose = clone / COMPOSE_FILE.relative_to(ROOT)
    for offset in offsets:
        env = environment(project, offset=offset, root=clone)
        second = Stack.load([compose, *overlays], project=project, profile=compose.with_name("profile.toml"), env=env)
        try:
            host_ports.require_free(second.driver, {n: second.rendered["services"][n] for n in serving(second)})
        except UserError:
            continue
        return second, offset
    raise CannotTell(f"beside {first.project}, no offset from {offsets[0]} to {offsets[-1]} leaves a second stack its ports")


def serving(stack: Stack) -> list[str]:
    """The services an order needs: edge, application, and whatever those speak to by the profile's flows."""
    active = {each.name for each in stack.services if not each.idle}
    found = [each.name for each in stack.by_role("edge", "application") if each.name in active]
    if len(found) < 2:
        raise CannotTell(f"an edge and an application are needed for a transaction, found {found}")
    for name in found:  # grows while it is walked: what those speak to in turn
        to = {flow.target for flow in stack.profile.flows or () if flow.source == name}
        found += sorted((to & active) - set(found))
    return found
