"""Faults of a resource that somebody else uses up: the target's share of the processor, its memory, its disk's attention.

The stress runs in a helper container that has joined the target's own control group, or writes to the target's own volume:
what is short is what the target was given, and never the host's. The helper ends by itself, should nobody ever revert.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from chaos import cgroup, volume_files
from chaos.effect import Fault
from chaos.faults.targets import containers_of, helpers_at_work, running
from chaos.fingerprint import Fingerprint
from stack.errors import CannotTell, UserError
from stack.waiting import pause

if TYPE_CHECKING:
    from stack.model import Stack

EXPIRES_SECONDS = 120
_MEGABYTE = 1024**2
_THREE_PERIODS = 0.32
"""Seconds: the kernel deals out processor time in periods of 100 ms."""
_ENOUGH = 0.5
"""Seconds of processor time that were surely missed, on a machine that is too busy for the limit to be reached."""
_MOST_WORKERS = 64
_LARGEST_FILE = 1024
"""Megabytes."""
_TOP = "/take"
_HELD = f"{_TOP}/held"
_WRITE = """
mkdir -p -m 0700 "$1"; cd "$1"
exec stress-ng --quiet --hdd 1 --hdd-bytes "$2m" --hdd-opts wr-seq,fsync --temp-path "$1"
"""


class _Stress(Fault):
    """What faults share whose effect is a helper that takes from the target."""

    family: ClassVar[str] = "resource"
    in_flight: ClassVar[timedelta] = timedelta(seconds=2)
    goes_after: ClassVar[timedelta | None] = timedelta(seconds=EXPIRES_SECONDS)
    controller: ClassVar[str]
    """The control group that the helper joins."""

    @abstractmethod
    def _argv(self, stack: Stack, container: dict[str, Any]) -> list[str]:
        """What the helper runs. Raises CannotTell where the target has nothing to take."""

    @abstractmethod
    def _seen(self, stack: Stack, container: dict[str, Any], helper: str) -> str | None:
        """The evidence that it takes."""

    def inject(self, stack: Stack) -> None:
        """Start the helper, and see it in the target's control group."""
        for container in running(stack, self.service):
            argv = self._argv(stack, container)
            cgroup.run_inside(
                stack,
                container,
                self.controller,
                argv,
                labels=self.tools,
                expires_seconds=EXPIRES_SECONDS,
                mounts=self._mounts(container),
                volumes=self._writes,
            )

    def revert(self, stack: Stack) -> None:
        """Remove the helper, and its processes with it."""
        stack.driver.remove_helpers(**self.tools)

    def active(self, stack: Stack) -> bool:
        """Whether the helper runs."""
        return bool(helpers_at_work(stack, self))

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """The helper takes from the target."""
        helpers = helpers_at_work(stack, self)
        seen = [self._seen(stack, container, one) for container in running(stack, self.service) for one in helpers]
        return "; ".join(one for one in seen if one) or None

    def _mounts(self, container: dict[str, Any]) -> list[str]:
        return []

    @property
    def _writes(self) -> bool:
        return False


@dataclass(frozen=True)
class CpuStress(_Stress):
    """Busy processes share the target's processor limit with it, so that it gets a fraction of what it was given."""

    workers: int = 2
    """How many busy processes compete with the target's."""

    effect: ClassVar[str] = "cpu_stress"
    controller: ClassVar[str] = "cpu"

    def __post_init__(self) -> None:
        """Raises UserError when that are none, or more than shorten anything: to stress-ng 0 are as many as there are processors."""
        if not 1 <= self.workers <= _MOST_WORKERS:
            raise UserError(f"{self}: workers must be from 1 to {_MOST_WORKERS}")

    def _argv(self, stack: Stack, container: dict[str, Any]) -> list[str]:
        host = container["HostConfig"]
        if not (host.get("NanoCpus") or host.get("CpuQuota")):
            name = container["Name"].lstrip("/")
            raise CannotTell(f"{self}: {name} has no processor limit, so what would be short is everybody's")
        return ["stress-ng", "--quiet", "--cpu", str(self.workers), "--cpu-method", "int64"]

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """The kernel throttles the target's control group: the count of throttled periods goes up."""
        return super().witness(stack, before)

    def _seen(self, stack: Stack, container: dict[str, Any], helper: str) -> str | None:
        def counts() -> tuple[int, int]:
            stat = {
                key: cgroup.counter(stack, container, "cpu", key, "cpu.stat") for key in ("nr_throttled", "nr_periods")
            }
            return stat["nr_throttled"], stat["nr_periods"]

        throttled, periods = counts()
        pause(_THREE_PERIODS)
        throttled_now, periods_now = counts()
        if throttled_now > throttled:
            of = periods_now - periods
            return f"{self.service} was throttled in {throttled_now - throttled} of the last {of} periods of 100 ms"
        took = _processor_seconds(stack, helper)
        return (
            f"what competes with {self.service} has used {took:.1f} s of its processor time"
            if took >= _ENOUGH
            else None
        )


def _processor_seconds(stack: Stack, helper: str) -> float:
    """The processor time of the helper's busy processes so far: fields 14 and 15 of proc_pid_stat(5), in hundredths."""
    shown = stack.driver.exec(helper, ["sh", "-c", "cat /proc/[0-9]*/stat"]).stdout
    busy = [line.rpartition(")")[2].split() for line in shown.splitlines() if "(stress-ng" in line]
    return sum(int(fields[11]) + int(fields[12]) for fields in busy) / 100


@dataclass(frozen=True)
class MemoryStress(_Stress):
    """Something holds most of the memory that the target was given, and lets go of none of it."""

    percent: int = 90
    """How much of the target's limit is in use then, cache that the kernel can drop not counted."""

    effect: ClassVar[str] = "memory_stress"
    controller: ClassVar[str] = "memory"

    def __post_init__(self) -> None:
        """Raises UserError when that is no part of the limit."""
        if not 1 <= self.percent <= 99:
            raise UserError(f"{self}: {self.percent} % of a limit can't be held (all of it is out_of_memory)")

    def _argv(self, stack: Stack, container: dict[str, Any]) -> list[str]:
        limit, used = cgroup.memory_limit(container), cgroup.memory_used(stack, container)
        missing = (limit * self.percent // 100 - used) // _MEGABYTE
        if missing < 1:
            raise CannotTell(f"{self}: {used / _MEGABYTE:.0f} of {limit / _MEGABYTE:.0f} MiB are in use already")
        return [
            "sh",
            "-c",
            f'dd if=/dev/zero of={_HELD} bs=1M count="$1" 2>/dev/null; exec sleep {EXPIRES_SECONDS}',
            "hold",
            str(missing),
        ]

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """The kernel's count of the memory in use is at most 5 % of the limit short of what was asked for."""
        return super().witness(stack, before)

    def _mounts(self, container: dict[str, Any]) -> list[str]:
        # A file in memory counts for who wrote it, and can't be dropped as a cache can; it goes with the helper.
        return [f"type=tmpfs,destination={_TOP},tmpfs-size={cgroup.memory_limit(container)}"]

    def _seen(self, stack: Stack, container: dict[str, Any], helper: str) -> str | None:
        share = 100 * cgroup.memory_used(stack, container) / cgroup.memory_limit(container)
        return f"{share:.0f} % of the memory of {self.service} is in use" if share >= self.percent - 5 else None


@dataclass(frozen=True)
class IoStress(_Stress):
    """Something writes to the target's own volume and has every piece forced to the disk, so that the target's writes wait."""

    path: str
    """Where the target's volume is mounted in it."""
    megabytes: int = 32
    """The size of the file that is written over and over: what the volume must have room for."""

    effect: ClassVar[str] = "io_stress"
    controller: ClassVar[str] = "blkio"

    def __post_init__(self) -> None:
        """Raises UserError when that is no file that a volume should have room for."""
        if not 1 <= self.megabytes <= _LARGEST_FILE:
            raise UserError(f"{self}: megabytes must be from 1 to {_LARGEST_FILE}")

    def _argv(self, stack: Stack, container: dict[str, Any]) -> list[str]:
        if self.path not in [
            m["Destination"] for m in container.get("Mounts") or [] if m.get("RW") and m["Type"] == "volume"
        ]:
            raise CannotTell(f"{self}: {container['Name'].lstrip('/')} has no writable volume at {self.path}")
        return ["sh", "-c", _WRITE, "write", self._folder, str(self.megabytes)]

    def revert(self, stack: Stack) -> None:
        """Remove the helper, and the file that it wrote."""
        super().revert(stack)
        for container in containers_of(stack, self.service):
            if volume_files.exists(stack, container, self._folder):
                volume_files.remove(stack, container, self._folder)

    def active(self, stack: Stack) -> bool:
        """Whether the helper runs, or its file is there."""
        there = [volume_files.exists(stack, c, self._folder) for c in containers_of(stack, self.service)]
        return any(there) or super().active(stack)

    def touched(self, stack: Stack) -> dict[str, str]:
        """Whether the helper's folder is in the volume."""
        there = [volume_files.exists(stack, c, self._folder) for c in containers_of(stack, self.service)]
        return {f"{self.service}:{self._folder}": "there" if any(there) else "not there"}

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """The kernel's count of what the helper has had written to the disk."""
        return super().witness(stack, before)

    def _seen(self, stack: Stack, container: dict[str, Any], helper: str) -> str | None:
        shown = stack.driver.exec(helper, ["sh", "-c", "cat /proc/[0-9]*/io"]).stdout
        written = sum(int(line.split()[1]) for line in shown.splitlines() if line.startswith("write_bytes:"))
        enough = written >= _MEGABYTE
        return (
            f"{written / _MEGABYTE:.0f} MiB were forced to the disk under {self.service}:{self.path}"
            if enough
            else None
        )

    @property
    def _writes(self) -> bool:
        return True

    @property
    def _folder(self) -> str:
        return f"{self.path}/.seatrial-io-stress"
