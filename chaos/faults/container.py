"""Faults of the container itself: its process dies, it is stopped, frozen, restarted or removed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from chaos.effect import Fault
from chaos.faults.process import crash
from chaos.faults.targets import containers_of, is_up, running, start_what_is_down
from chaos.fingerprint import SERVICE, Fingerprint, incarnation

if TYPE_CHECKING:
    from stack.model import Stack


def _new_starts(service: str, stack: Stack, before: Fingerprint) -> str | None:
    old = before.incarnations.get(service, {})
    for container in containers_of(stack, service):
        now = incarnation(container)
        if now["id"] != old.get("id"):
            return f"{service} is container {now['id'][:12]}, was {str(old.get('id'))[:12]}"
        if now["started_at"] != old.get("started_at"):
            return f"{service} started anew at {now['started_at']}"
        if not is_up(container):
            return f"{service} is {container['State']['Status']} with exit code {container['State']['ExitCode']}"
    return None


_BACK_WITHIN = timedelta(seconds=90)
"""A program that starts anew must be well again in it; the slowest of the reference stack, a wallet, opens in 40 s (measured)."""


class _Down(Fault):
    """What faults share whose effect is a container that isn't up."""

    family: ClassVar[str] = "container"
    revert_within: ClassVar[timedelta] = _BACK_WITHIN

    def revert(self, stack: Stack) -> None:
        """Start what is down and leave alone what is up or being restarted."""
        for service in self.targets:
            start_what_is_down(stack, service)

    def active(self, stack: Stack) -> bool:
        """Whether any container of the service is down."""
        return any(not is_up(container) for service in self.targets for container in containers_of(stack, service))

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """The container is down, or has started anew since."""
        seen = [_new_starts(service, stack, before) for service in self.targets]
        return "; ".join(one for one in seen if one) if all(seen) else None


@dataclass(frozen=True)
class Killed(_Down):
    """The service's process gets SIGKILL, as from the kernel's memory killer; its restart policy is left to act."""

    also: tuple[str, ...] = ()
    """Further services whose processes get it in the same moment."""

    effect: ClassVar[str] = "killed"

    @property
    def targets(self) -> tuple[str, ...]:
        """The service and those killed with it."""
        return (self.service, *self.also)

    def inject(self, stack: Stack) -> None:
        """SIGKILL to the program's host process, never `docker kill` (after which no policy acts)."""
        for container in [found for service in self.targets for found in running(stack, service)]:
            crash(stack, container)


@dataclass(frozen=True)
class Stopped(_Down):
    """The service is stopped in order, and stays down until the fault is over."""

    grace_seconds: int = 5
    """How long the program may take to end before it is killed."""

    effect: ClassVar[str] = "stopped"
    in_flight: ClassVar[timedelta] = timedelta(seconds=6)

    def inject(self, stack: Stack) -> None:
        """Stop by the engine; a program that ignores SIGTERM takes its grace."""
        for container in running(stack, self.service):
            stack.driver.stop(container["Id"], grace_seconds=self.grace_seconds)

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """The container is seen to be down."""
        return _new_starts(self.service, stack, before) if self.active(stack) else None


@dataclass(frozen=True)
class Restarted(_Down):
    """The service is restarted in order, as an operator would."""

    grace_seconds: int = 5
    """How long the program may take to end before it is killed."""

    effect: ClassVar[str] = "restarted"
    in_flight: ClassVar[timedelta] = timedelta(seconds=6)

    def inject(self, stack: Stack) -> None:
        """Restart by the engine."""
        for container in running(stack, self.service):
            stack.driver.restart(container["Id"], grace_seconds=self.grace_seconds)


@dataclass(frozen=True)
class Removed(_Down):
    """The service's container is removed by force; its volumes stay."""

    effect: ClassVar[str] = "removed"

    def inject(self, stack: Stack) -> None:
        """Remove by force, volumes kept."""
        for container in running(stack, self.service):
            stack.driver.remove(container["Id"])

    def revert(self, stack: Stack) -> None:
        """Let compose create what is missing, from the images that are there."""
        if not containers_of(stack, self.service):
            stack.driver.compose(
                "up", "--detach", "--no-deps", "--no-build", "--pull", "never", "--no-recreate", self.service
            )
        start_what_is_down(stack, self.service)

    def active(self, stack: Stack) -> bool:
        """Whether the service has no container, or one that is down."""
        return not containers_of(stack, self.service) or super().active(stack)

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """The service has no container, or another one than before."""
        if not containers_of(stack, self.service):
            return f"{self.service} has no container"
        return _new_starts(self.service, stack, before)


@dataclass(frozen=True)
class Paused(Fault):
    """The service's processes are frozen: connections stay open, nothing answers."""

    also: tuple[str, ...] = ()
    """Further services that are frozen with it."""

    effect: ClassVar[str] = "paused"
    family: ClassVar[str] = "container"
    revert_within: ClassVar[timedelta] = _BACK_WITHIN

    @property
    def targets(self) -> tuple[str, ...]:
        """The service and those frozen with it."""
        return (self.service, *self.also)

    def inject(self, stack: Stack) -> None:
        """Freeze by the engine (12-90 ms each)."""
        for container in [found for service in self.targets for found in running(stack, service)]:
            stack.driver.pause(container["Id"])

    def revert(self, stack: Stack) -> None:
        """Thaw what is frozen."""
        for container in self._frozen(stack):
            stack.driver.unpause(container["Id"])

    def active(self, stack: Stack) -> bool:
        """Whether any container of the service is frozen."""
        return bool(self._frozen(stack))

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """The engine's freezer holds all of them."""
        held = {container["Config"]["Labels"][SERVICE] for container in self._frozen(stack)}
        return (
            f"{', '.join(self.targets)} {'is' if len(held) == 1 else 'are'} frozen"
            if held == set(self.targets)
            else None
        )

    def _frozen(self, stack: Stack) -> list[dict[str, Any]]:
        found = [container for service in self.targets for container in containers_of(stack, service)]
        return [container for container in found if container["State"].get("Paused")]
