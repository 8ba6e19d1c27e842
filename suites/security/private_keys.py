"""Looks for OpenPGP private keys by content: in folders, in what containers see, and in mounts that lead to the operator's own."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from stack.model import Container
from suites.security.rules import openpgp
from suites.security.running import inside

HEAD_BYTES = 4096
MOST_FILES = 20_000
LARGEST_BYTES = 256 * 1024
KEY_STORE = "private-keys-v1.d"
# Where programs and people keep keys; program files under /usr are the image checks' (SEC-IMG-003).
PLACES = ("/etc", "/home", "/keys", "/opt", "/root", "/run", "/srv", "/tmp", "/var/lib", "/var/tmp")


def below(folder: Path) -> Iterator[Path]:
    """The files in a folder that are, or hold, an OpenPGP private key; links are not followed, and a bounded number is read."""
    files = (Path(where) / name for where, _, names in os.walk(folder) for name in names)
    for path in islice(files, MOST_FILES):
        try:
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode) or not 0 < status.st_size <= LARGEST_BYTES:
                continue
            with path.open("rb") as opened:
                head = opened.read(HEAD_BYTES)
        except OSError:
            continue  # gone meanwhile, or a file of /run that can't be read: what can't be opened gives no key away
        if path.parent.name == KEY_STORE or openpgp.holds_private_key(head):
            yield path


def in_container(container: Container) -> Iterator[str]:
    """The paths of private keys that a container sees, in its own file system and in its volumes; the host's / is left out."""
    mounts = container.attrs.get("Mounts") or ()
    volumes = [str(mount["Destination"]) for mount in mounts if mount.get("Source") not in ("/", "/proc", "/sys")]
    for place in dict.fromkeys([*PLACES, *volumes]):
        start = inside(container, place)
        if start.is_file():
            with start.open("rb") as opened:
                if openpgp.holds_private_key(opened.read(HEAD_BYTES)):
                    yield place
        for path in below(start):
            yield f"{place}/{path.relative_to(start)}"


def reached_by_mount(container: Container, key: Path) -> bool:
    """Whether a mount leads to the key and a process of the container may read it there."""
    sources = [Path(str(mount.get("Source") or "/nonexistent")) for mount in container.attrs.get("Mounts") or ()]
    through = [source for source in sources if key == source or key.is_relative_to(source)]
    return any(readable(key, source, uid) for source in through for uid in container.process_uids())


def readable(path: Path, top: Path, uid: int) -> bool:
    """Whether a user may read a file below `top`, by owners and modes; membership in groups is taken for granted."""
    if uid == 0:
        return True
    steps = [path, *path.parents]
    for step in steps[: steps.index(top) + 1 if top in steps else len(steps)]:
        status = step.stat()
        needed = 0o4 if step == path else 0o1
        if status.st_uid == uid:
            allowed = status.st_mode >> 6 & 0o7
        else:
            allowed = (status.st_mode >> 3 | status.st_mode) & 0o7
        if not allowed & needed:
            return False
    return True
