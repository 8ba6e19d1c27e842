"""The disk is full, and it is the target's own: a volume on a loop device, as `python -m stack up --faults` gives it.

A data folder on the host's disk is never filled: whoever has none of its own makes this fault INCONCLUSIVE.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
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
        with self._own_disk(stack, container) as folder, self._made(folder, container) as file:
            # What is filled is what is open: whoever writes in the volume may put a link in the way meanwhile.
            if os.fstat(file).st_dev != os.fstat(folder).st_dev:
                raise CannotTell(f"{self}: {self._file} is not on the disk that is to be filled, and is not filled")
            size = os.fstatvfs(file)
            if size.f_blocks * size.f_frsize > _LARGEST:
                raise CannotTell(f"{self}: the disk is larger than {_LARGEST // _MEGABYTE} MiB, and is not filled")
            _fill(file)

    def revert(self, stack: Stack) -> None:
        """Remove the file, whether the service's container runs or not."""
        for container in containers_of(stack, self.service):
            if self._volume(container) is not None and volume_files.is_file(stack, container, self._file):
                volume_files.remove(stack, container, self._file)

    def active(self, stack: Stack) -> bool:
        """Whether the file is there."""
        return self.touched(stack)[f"{self.service}:{self._file}"] == "there"

    def touched(self, stack: Stack) -> dict[str, str]:
        """Whether the file that fills is in the volume."""
        there = [
            volume_files.is_file(stack, container, self._file)
            for container in containers_of(stack, self.service)
            if self._volume(container) is not None
        ]
        return {f"{self.service}:{self._file}": "there" if any(there) else "not there"}

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """The file system has no room left."""
        with self._own_disk(stack, running(stack, self.service)[0]) as folder:
            free = os.fstatvfs(folder)
        left = free.f_bavail * free.f_frsize
        size = free.f_blocks * free.f_frsize / _MEGABYTE
        return (
            f"{left} bytes are left of the {size:.0f} MiB under {self.service}:{self.path}" if left <= _FULL else None
        )

    @contextmanager
    def _own_disk(self, stack: Stack, container: dict[str, Any]) -> Iterator[int]:
        """A descriptor of the volume's folder, once it is seen to be on the loop device that is mounted there."""
        name = container["Name"].lstrip("/")
        if self._volume(container) is None:
            raise CannotTell(f"{self}: {name} has no writable volume at {self.path}")
        folder = volume_files.here(stack, container, self.path)
        if folder is None:
            raise CannotTell(
                f"{self}: the disks of {name} are not on this machine ({stack.driver.endpoint}), and are not filled"
            )
        device, number = _device(int(container["State"]["Pid"]), self.path)
        if not device.startswith("/dev/loop"):
            raise CannotTell(
                f"{self}: {self.path} of {name} is on {device or 'no disk of its own'}, which others need too; "
                "a copy that may be filled: python -m stack up --faults --project NAME --offset N"
            )
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise CannotTell(f"{self}: {self.path} of {name} can't be opened: {error.strerror}") from error
        try:
            if os.fstat(descriptor).st_dev != number:
                raise CannotTell(f"{self}: {self.path} of {name} does not lead to {device}, which is mounted there")
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _made(self, folder: int, container: dict[str, Any]) -> Iterator[int]:
        """The file that fills, made in that folder, open. Raises CannotTell when something has its name already: it is not ours."""
        where = f"{self._file} of {container['Name'].lstrip('/')}"
        try:
            # By O_EXCL a link is never followed, wherever it leads; O_NOFOLLOW says the same to whoever reads this.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._name, flags, 0o600, dir_fd=folder)
        except FileExistsError as error:
            what = "a link" if _is_link(folder, self._name) else "there already"
            raise CannotTell(f"{self}: {where} is {what}, and nothing is written over it") from error
        except OSError as error:
            raise CannotTell(f"{self}: {where} can't be made: {error.strerror}") from error
        try:
            yield descriptor
        finally:
            os.close(descriptor)

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
    """Take all that is free: at once, then what is left in ever smaller pieces; never more than the largest disk has."""
    size, piece = 0, _LARGEST
    while piece >= 512 and size < _LARGEST:
        try:
            os.posix_fallocate(descriptor, size, piece)
            size += piece
        except OSError:  # there is no room for that much
            piece //= 2
    os.fsync(descriptor)


def _is_link(folder: int, name: str) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:  # it has just gone
        return False


def _device(pid: int, path: str) -> tuple[str, int]:
    """What is mounted at the path of a process's namespace, and its device number; empty and 0 when nothing is.

    proc_pid_mountinfo(5): id parent major:minor root path … - type source …. Raises CannotTell when the process has ended.
    """
    try:
        lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    except OSError as error:
        raise CannotTell(f"the mounts of process {pid} can't be read: {error.strerror}") from error
    for line in reversed(lines):  # what is mounted last is on top
        left, _, rest = line.partition(" - ")
        fields = left.split()
        if fields[4] == path:
            device, (major, minor) = rest.split()[1], map(int, fields[2].split(":"))
            return os.path.realpath(device) if device.startswith("/") else device, os.makedev(major, minor)
    return "", 0
