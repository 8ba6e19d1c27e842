"""The kernel's memory killer strikes: the target's memory is used up, and its process is what the kernel takes.

A helper joins the target's own memory control group and takes memory until the kernel has killed; then it ends at once. No limit is changed, and the host's memory is not touched: the limit is the target's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from chaos import cgroup
from chaos.faults.container import _Down
from chaos.faults.targets import containers_of, helpers_at_work, running
from chaos.fingerprint import Fingerprint
from stack.errors import CannotTell
from stack.waiting import eventually

if TYPE_CHECKING:
    from stack.model import Stack

_EXPIRES_SECONDS = 20
_STRIKES_WITHIN = timedelta(seconds=15)
_EVERY = timedelta(milliseconds=50)
_MEGABYTE = 1024**2
_STEPS_FROM = 16
"""How many MiB before the limit it goes on in small steps."""
_TOP = "/take"
_HELD = f"{_TOP}/held"
_LOOKS_BACK = timedelta(minutes=2)
# Pages of a file in memory count for the control group and for no process, so that the target's own is the largest there
# and the kernel's choice. The count of kills is looked at after every megabyte, to be out within milliseconds of one: the
# engine begins the container anew in the same group. $GROUP goes away with the container.
_TAKE = f"""
file=$GROUP/memory.events; [ -e "$file" ] || file=$GROUP/memory.oom_control
kills() {{ grep '^oom_kill ' "$file" 2>/dev/null; }}
before=$(kills)
dd if=/dev/zero of={_HELD} bs=1M count="$1" 2>/dev/null
while [ "$(kills)" = "$before" ]; do dd if=/dev/zero bs=256k count=4 2>/dev/null >> {_HELD} || break; done
rm {_HELD}
"""


@dataclass(frozen=True)
class OutOfMemory(_Down):
    """The service runs out of the memory it was given, and the kernel kills its process; its restart policy is left to act."""

    effect: ClassVar[str] = "out_of_memory"
    in_flight: ClassVar[timedelta] = timedelta(seconds=2)

    def inject(self, stack: Stack) -> None:
        """Take memory in the target's control group until the kernel has killed."""
        for container in running(stack, self.service):
            limit, used = cgroup.memory_limit(container), cgroup.memory_used(stack, container)
            at_once = max(0, (limit - used) // _MEGABYTE - _STEPS_FROM)
            cgroup.run_inside(
                stack,
                container,
                "memory",
                ["sh", "-c", _TAKE, "take", str(at_once)],
                labels=self.tools,
                expires_seconds=_EXPIRES_SECONDS,
                mounts=[f"type=tmpfs,destination={_TOP},tmpfs-size={limit + 64 * _MEGABYTE}"],
                watched=False,
            )
        try:
            eventually(
                lambda: not helpers_at_work(stack, self),
                within=_STRIKES_WITHIN,
                every=_EVERY,
                what="the memory killer",
            )
        except AssertionError as error:
            raise CannotTell(f"{self}: the kernel did not kill anything ({error})") from error

    def revert(self, stack: Stack) -> None:
        """End what takes memory, and start what is down."""
        stack.driver.remove_helpers(**self.tools)
        super().revert(stack)

    def active(self, stack: Stack) -> bool:
        """Whether memory is still being taken, or a container of the service is down."""
        return bool(helpers_at_work(stack, self)) or super().active(stack)

    def touched(self, stack: Stack) -> dict[str, str]:
        """The memory limits that the engine has for the service."""
        limits = sorted(str(c["HostConfig"].get("Memory")) for c in containers_of(stack, self.service))
        return {f"{self.service}: memory limit": " ".join(limits)}

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """The kernel told the engine that the container was out of memory, and the container is down or has started anew."""
        struck = [c for c in containers_of(stack, self.service) if _out_of_memory(stack, c)]
        started = super().witness(stack, before)
        return f"the kernel ran {self.service} out of memory: {started}" if struck and started else None


def _out_of_memory(stack: Stack, container: dict[str, Any]) -> bool:
    now = datetime.now(UTC)
    events = stack.driver.events(now - _LOOKS_BACK, now)
    return any(event.get("Action") == "oom" and event["Actor"]["ID"] == container["Id"] for event in events)
