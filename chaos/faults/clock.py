"""The target's clock is wrong: libfaketime, under which the faults overlay starts it, tells its programs another time of day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from chaos.effect import Fault
from chaos.faults.targets import containers_of, running
from chaos.fingerprint import Fingerprint
from stack.errors import CannotTell
from stack.faultable import RIGHT
from stack.files import write_whole

if TYPE_CHECKING:
    from stack.model import Stack

_FILE = "FAKETIME_TIMESTAMP_FILE"
_LIBRARY = "libfaketime"
_CLOSE_SECONDS = 2
"""The two clocks are read one after the other, and tell whole seconds."""


@dataclass(frozen=True)
class ClockSkew(Fault):
    """The time of day that the service's programs are told is wrong by so many seconds; their time-outs are not."""

    seconds: int
    """By how much its clock is ahead; negative: behind."""

    effect: ClassVar[str] = "clock_skew"
    family: ClassVar[str] = "resource"

    def inject(self, stack: Stack) -> None:
        """Write the offset to the file that libfaketime reads. Refused for a program that was not started under it (Go's can't be)."""
        for container in running(stack, self.service):
            file = self._file(container)
            if file is None:
                raise CannotTell(
                    f"{self}: {container['Name'].lstrip('/')} was not started under libfaketime, and a Go program can't be; "
                    "a copy whose clock can be shifted: python -m stack up --faults --project NAME --offset N"
                )
            _write(stack, file, f"{self.seconds:+d}\n")

    def revert(self, stack: Stack) -> None:
        """Write that the clock is right."""
        for container in containers_of(stack, self.service):
            if (file := self._file(container)) is not None and _said(stack, file) != RIGHT:
                _write(stack, file, RIGHT)

    def active(self, stack: Stack) -> bool:
        """Whether the file says anything else than that the clock is right."""
        files = [self._file(container) for container in containers_of(stack, self.service)]
        return any(_said(stack, file) != RIGHT for file in files if file is not None)

    def touched(self, stack: Stack) -> dict[str, str]:
        """What the clock's file says."""
        files = [self._file(container) for container in containers_of(stack, self.service)]
        return {f"{self.service}: its clock": _said(stack, file).strip() for file in files if file is not None}

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """A program in the container that asks for the time is told the wrong one, and without the library the right one."""
        for container in running(stack, self.service):
            asked = stack.driver.exec(container["Id"], ["sh", "-c", "date +%s; env -u LD_PRELOAD date +%s"])
            told = [int(word) for word in asked.stdout.split() if word.isdigit()]
            if len(told) == 2 and abs(told[0] - told[1] - self.seconds) <= _CLOSE_SECONDS:
                return f"the clock of {self.service} is {told[0] - told[1]:+d} s from the right time"
        return None

    def _file(self, container: dict[str, Any]) -> str | None:
        """The host's path of the clock's file; None when the container was not started under libfaketime."""
        given = dict(entry.partition("=")[::2] for entry in container["Config"].get("Env") or ())
        inside = str(given.get(_FILE, ""))
        if not inside or _LIBRARY not in given.get("LD_PRELOAD", ""):
            return None
        for mount in container.get("Mounts") or []:
            if mount["Type"] == "bind" and Path(inside).parent == Path(mount["Destination"]):
                return f"{mount['Source']}/{Path(inside).name}"
        return None


def _said(stack: Stack, file: str) -> str:
    try:
        return Path(_reachable(stack, file)).read_text()
    except OSError as error:
        raise CannotTell(f"{file}: the clock's file can't be read ({error.strerror})") from error


def _write(stack: Stack, file: str, text: str) -> None:
    try:
        write_whole(Path(_reachable(stack, file)), text, mode=0o644)
    except OSError as error:
        raise CannotTell(f"{file}: the clock's file can't be written ({error.strerror})") from error


def _reachable(stack: Stack, file: str) -> str:
    if not stack.driver.is_local():
        raise CannotTell(f"{file} is on another machine ({stack.driver.endpoint})")
    return file
