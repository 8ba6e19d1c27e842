"""Readies a project for faults that an ordinary stack can't have without harm: a disk of its own to fill, a clock to shift.

The disk is a file with an ext4 file system, attached to a loop device; the engine mounts it for as long as a container uses its
volume. So a full disk is full for the stack and never for the host. Everything is in the project's state folder, found there
again by whoever takes the project down, and goes with it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from stack.completed import Completed, complete
from stack.driver import Driver
from stack.errors import CannotTell
from stack.files import private_folder, write_whole
from stack.project import ROOT

OVERLAY = ROOT / "stack" / "compose.faults.yaml"
#: Volume → megabytes: room for what a drill writes, and little enough for the host to spare.
DISKS = {"database": 96}
CLOCK = "clock"
#: What the clock's file says when the clock is right.
RIGHT = "+0\n"
_LIBRARY = "libfaketime.so.1"
_LIBRARY_IN = f"/usr/lib/x86_64-linux-gnu/faketime/{_LIBRARY}"
_TOOLS = ("losetup", "mkfs.ext4")
_SECONDS = 30


def prepare(driver: Driver, folder: Path) -> None:
    """Make disks, library and clock in the project's state folder; what is there already stays.

    Raises CannotTell where this can't be had: an engine elsewhere, no loop devices, no fault tool image.
    """
    if not driver.is_local():
        message = f"the engine is elsewhere ({driver.endpoint}), and a disk in a file would have to be there"
        raise CannotTell(message)
    if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        message = f"a disk in a file needs {missing[0]}, which this machine does not have"
        raise CannotTell(message)
    disks = private_folder(folder / "disks", mode=0o700)
    for name, megabytes in DISKS.items():
        _attach(disks, name, megabytes)
    _bring_clock(driver, private_folder(folder / "faults", mode=0o755))


def forget(folder: Path) -> list[str]:
    """Detach the disks and remove what `prepare` made; answer what stays. Harmless when nothing is there.

    A device that is still mounted is let go by the kernel at the moment it no longer is (losetup(8), lazy detach).
    """
    left = []
    disks = folder / "disks"
    for file in sorted(disks.glob("*.img")) if disks.is_dir() else ():
        for device in _devices(file):
            if not _run("losetup", "--detach", device).ok:
                left.append(f"{device} ({file})")
    if not left:
        shutil.rmtree(disks, ignore_errors=True)
        shutil.rmtree(folder / "faults", ignore_errors=True)
        left += [str(one) for one in (disks, folder / "faults") if one.exists()]
    return left


def _attach(disks: Path, name: str, megabytes: int) -> None:
    """A file system in a file, on a loop device that the link `name` leads to."""
    file, link = disks / f"{name}.img", disks / name
    if not file.exists():
        fresh = disks / f"{name}.fresh"
        with fresh.open("wb") as stream:
            stream.truncate(megabytes * 1024**2)  # sparse: it takes what is written to it
        # -m 0: nothing kept back for root, so that full is full for everybody; no discarding: the file is fresh.
        _demand("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "nodiscard", str(fresh))
        fresh.rename(file)
    devices = _devices(file) or [_demand("losetup", "--find", "--show", str(file)).stdout.strip()]
    link.unlink(missing_ok=True)
    link.symlink_to(devices[0])


def _devices(file: Path) -> list[str]:
    """The loop devices that the file is attached to: `/dev/loop0: [64512]:1234 (/…/database.img)`."""
    return [line.partition(":")[0] for line in _demand("losetup", "--associated", str(file)).stdout.splitlines()]


def _bring_clock(driver: Driver, folder: Path) -> None:
    """The library out of the fault tool image, and a clock that is right."""
    if not (folder / _LIBRARY).exists():
        done = driver.run_helper(
            ["cp", _LIBRARY_IN, "/to/"], network="none", mounts=[f"type=bind,source={folder},target=/to"]
        )
        if isinstance(done, str) or not done.ok:
            words = done if isinstance(done, str) else done.last_words()
            message = f"the fault tool image has no {_LIBRARY_IN}: {words}"
            raise CannotTell(message)
    write_whole(folder / CLOCK, RIGHT, mode=0o644)


def _run(*argv: str) -> Completed:
    return complete(list(argv), timeout_seconds=_SECONDS)


def _demand(*argv: str) -> Completed:
    done = _run(*argv)
    if not done.ok:
        message = f"{argv[0]}: {done.last_words()}"
        raise CannotTell(message)
    return done

