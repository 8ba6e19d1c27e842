"""The target runs out of file descriptors: its programs may open nothing further, no file, no connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from chaos import limits
from chaos.effect import Fault
from chaos.faults.targets import containers_of, running
from chaos.fingerprint import Fingerprint
from chaos.limits import Program
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack


@dataclass(frozen=True)
class FileDescriptorsExhausted(Fault):
    """Each of the service's programs may have open what it has open, and nothing more."""

    spare: int = 0
    """How many descriptors more than that."""

    effect: ClassVar[str] = "descriptors_exhausted"
    family: ClassVar[str] = "resource"

    def inject(self, stack: Stack) -> None:
        """Lower the soft limit of each program to what it uses. Refused where taking it back would not restore what is there."""
        for container in running(stack, self.service):
            init, programs = limits.programs(stack, container)
            for one in programs:
                if one.soft != declared(one, init):
                    raise CannotTell(
                        f"{self}: {one.name} may open {one.soft} descriptors and the container's own limits are {init.soft}, {init.hard}: "
                        "it could not be given back what it has"
                    )
            for one in programs:
                limits.limit(stack, container, one, one.lowest_free + self.spare)

    def revert(self, stack: Stack) -> None:
        """Give each program the limit that the container was started with, or the one it once gave itself."""
        for container in self._with_programs(stack):
            init, programs = limits.programs(stack, container)
            for one in programs:
                if one.soft != declared(one, init):
                    limits.limit(stack, container, one, declared(one, init))

    def active(self, stack: Stack) -> bool:
        """Whether a program of the service may open fewer than it was started with."""
        return any(one.soft < declared(one, init) for init, programs in self._all(stack) for one in programs)

    def touched(self, stack: Stack) -> dict[str, str]:
        """The descriptor limits of the service's programs, soft and hard, as the kernel has them."""
        found = {f"{one.soft}:{one.hard}" for init, programs in self._all(stack) for one in (init, *programs)}
        return {f"{self.service}: descriptors its programs may open": " ".join(sorted(found))} if found else {}

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """A program has every descriptor open that it may have."""
        for init, programs in self._all(stack):
            for one in programs:
                if one.soft < declared(one, init) and one.lowest_free >= one.soft:
                    return f"{one.name} of {self.service} has all {one.soft} descriptors open that it may have"
        return None

    def _with_programs(self, stack: Stack) -> list[dict[str, Any]]:
        return [container for container in containers_of(stack, self.service) if container["State"].get("Pid")]

    def _all(self, stack: Stack) -> list[tuple[Program, list[Program]]]:
        return [limits.programs(stack, container) for container in self._with_programs(stack)]


def declared(program: Program, init: Program) -> int:
    """The soft limit that a program is to have: its container's, or, where it has set both for itself, its own hard one."""
    return init.soft if program.hard == init.hard else program.hard
