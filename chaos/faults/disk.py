"""The disk is full, and it is the target's own: a volume on a loop device, as `python -m stack up --faults` gives it.

A data folder on the host's disk is never filled: whoever has none of its own makes this fault INCONCLUSIVE.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from chaos import volume_files
from chaos.effect import Fault
from chaos.faults.targets import containers_of, running
from chaos.fingerprint import Fingerprint
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack

_MEGABYTE = 1024**2
_LARGEST = 1024 * _MEGABYTE
"""No disk that is larger is filled: it would take its time, and a file that large may fill what it lies on."""
_FULL = 64 * 1024
"""Bytes that may be left: what is freed at once by whoever gives up."""


@dataclass(frozen=True)
class DiskFull(Fault):
    """The disk under one of the service's volumes is full to the last byte."""

    path: str
    """Where the volume is mounted in the service's container."""

    effect: ClassVar[str] = "disk_full"
    family: ClassVar[str] = "resource"
    in_flight: ClassVar[timedelta] = timedelta(seconds=2)

    def inject(self, stack: Stack) -> None:
        """Write a file until there is no room. Refused where the volume is not on a loop device of its own."""
        container = running(stack, self.service)[0]
        folder = self._own_disk(stack, container)
        size = os.statvfs(folder)
        if size.f_blocks * size.f_frsize > _LARGEST:
            raise CannotTell(f"{self}: the disk is larger than {_LARGEST // _MEGABYTE} MiB, and is not filled")
        with (folder / self._name).open("wb", buffering=0) as stream:
            stream.truncate(0)
            _fill(stream.fileno())

    def revert(self, stack: Stack) -> None:
        """Remove the file, whether the service's container runs or not."""
        for container in containers_of(stack, self.service):
            if self._volume(container) is not None and volume_files.exists(stack, container, self._file):
                volume_files.remove(stack, container, self._file)

    def active(self, stack: Stack) -> bool:
        """Whether the file is there."""
        return self.touched(stack)[f"{self.service}:{self._file}"] == "there"

    def touched(self, stack: Stack) -> dict[str, str]:
        """Whether the file that fills is in the volume."""
        there = [
            volume_files.exists(stack, container, self._file)
            for container in containers_of(stack, self.service)
            if self._volume(container) is not None
        ]
        return {f"{self.service}:{self._file}": "there" if any(there) else "not there"}

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """The file system has no room left."""
        free = os.statvfs(self._own_disk(stack, running(stack, self.service)[0]))
        left = free.f_bavail * free.f_frsize
        size = free.f_blocks * free.f_frsize / _MEGABYTE
        return (
            f"{left} bytes are left of the {size:.0f} MiB under {self.service}:{self.path}" if left <= _FULL else None
        )

    def _own_disk(self, stack: Stack, container: dict[str, Any]) -> Path:
        """The volume's folder, as this machine sees it, once it is seen to be on a loop device."""
        name = container["Name"].lstrip("/")
        if self._volume(container) is None:
            raise CannotTell(f"{self}: {name} has no writable volume at {self.path}")
        folder = volume_files.here(stack, container, self.path)
        if folder is None:
            raise CannotTell(
                f"{self}: the disks of {name} are not on this machine ({stack.driver.endpoint}), and are not filled"
            )
        device = _device(int(container["State"]["Pid"]), self.path)
        if not device.startswith("/dev/loop"):
            raise CannotTell(
                f"{self}: {self.path} of {name} is on {device or 'no disk of its own'}, which others need too; "
                "a copy that may be filled: python -m stack up --faults --project NAME --offset N"
            )
        return folder

    def _volume(self, container: dict[str, Any]) -> dict[str, Any] | None:
        mounts = container.get("Mounts") or []
        return next(
            (m for m in mounts if m["Destination"] == self.path and m.get("RW") and m["Type"] == "volume"), None
        )

    @property
    def _name(self) -> str:
        return ".seatrial-disk-full"

    @property
    def _file(self) -> str:
        return f"{self.path}/{self._name}"


def _fill(descriptor: int) -> None:
    """Take all that is free: at once, then what is left in ever smaller pieces."""
    size, piece = 0, _LARGEST
    while piece >= 512:
        try:
            os.posix_fallocate(descriptor, size, piece)
            size += piece
        except OSError:  # there is no room for that much
            piece //= 2
    os.fsync(descriptor)


def _device(pid: int, path: str) -> str:
    """What is mounted at the path of a process's namespace; empty when nothing is (proc_pid_mountinfo(5): … - type source …)."""
    for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        if fields.split()[4] == path:
            device = rest.split()[1]
            return os.path.realpath(device) if device.startswith("/") else device
    return ""
