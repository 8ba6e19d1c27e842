"""The kernel's memory killer strikes: the target's memory is used up, and its process is what the kernel takes.

A helper joins the target's own memory control group and takes memory until the kernel has killed; then it ends at once. No limit is changed, and the host's memory is not touched: the limit is the target's.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from chaos import cgroup
from chaos.faults.container import _Down
from chaos.faults.targets import containers_of, helpers_at_work, is_up, running
from chaos.fingerprint import Fingerprint, incarnation
from stack.errors import CannotTell
from stack.waiting import eventually

if TYPE_CHECKING:
    from stack.model import Stack

_EXPIRES_SECONDS = 20
_MEGABYTE = 1024**2
_STEPS_FROM = 16
"""How many MiB before the limit it goes on in small steps."""
_TOP = "/take"
_HELD = f"{_TOP}/held"
# Pages of a file in memory count for the control group and for no process, so that the target's own is the largest there
# and the kernel's choice. The count of kills is looked at after every megabyte, to be out within milliseconds of one: the
# engine begins the container anew in the same group. $GROUP goes away with the container. A dd that was taken is not the
# target; one that was taken after the target, as the memory of a dying process is not free at once, makes two.
_TAKE = f"""
file=$GROUP/memory.events; [ -e "$file" ] || file=$GROUP/memory.oom_control
kills() {{ sed -n 's/^oom_kill //p' "$file" 2>/dev/null | grep . || echo gone; }}
before=$(kills); own=0
dd if=/dev/zero of={_HELD} bs=1M count="$1" 2>/dev/null
while now=$(kills); [ "$now" != gone ] && [ $((now - before)) -le "$own" ]; do
    dd if=/dev/zero bs=256k count=4 2>/dev/null >> {_HELD}
    case $? in 0) ;; 137) own=$((own + 1)) ;; *) echo "there is room for more than its limit"; exit 8 ;; esac
done
rm {_HELD}
"""
_KILLED = 128 + 9
_SEEN_WITHIN = timedelta(seconds=5)
_EVERY = timedelta(milliseconds=50)


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
            done = cgroup.complete_inside(
                stack,
                container,
                "memory",
                ["sh", "-c", _TAKE, "take", str(at_once)],
                labels=self.tools,
                expires_seconds=_EXPIRES_SECONDS,
                mounts=[f"type=tmpfs,destination={_TOP},tmpfs-size={limit + 64 * _MEGABYTE}"],
            )
            # Where the kernel took the helper too, it can't say what went before it: the target itself does.
            if not done.ok and not (done.code == _KILLED and self._has_died(stack, incarnation(container))):
                raise CannotTell(f"{self}: the kernel was not seen to kill anything ({done.last_words()})")

    def revert(self, stack: Stack) -> None:
        """End what takes memory, and start what is down."""
        stack.driver.remove_helpers(**self.tools)
        super().revert(stack)

    def active(self, stack: Stack) -> bool:
        """Whether memory is still being taken, or a container of the service is down."""
        return bool(helpers_at_work(stack, self)) or super().active(stack)

    def _has_died(self, stack: Stack, before: dict[str, Any]) -> bool:
        def died() -> bool:
            now = [c for c in containers_of(stack, self.service) if c["Id"] == before["id"]]
            return any(not is_up(c) or incarnation(c)["pid"] != before["pid"] for c in now)

        with suppress(AssertionError):
            return eventually(died, within=_SEEN_WITHIN, every=_EVERY, what=f"the end of {self.service}")
        return False

    def touched(self, stack: Stack) -> dict[str, str]:
        """The memory limits that the engine has for the service."""
        limits = sorted(str(c["HostConfig"].get("Memory")) for c in containers_of(stack, self.service))
        return {f"{self.service}: memory limit": " ".join(limits)}

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """The container is down or has started anew; that the kernel's count of kills went up was seen while it was injected."""
        seen = super().witness(stack, before)
        return f"{seen}, out of memory" if seen else None
