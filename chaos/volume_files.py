"""Look at and remove files of a container where its own programs see them, whether it runs or not, with nothing installed in it.

On the engine's own host that is the first process's root in /proc (under 1 ms); elsewhere, where the container is down, or where
the way there leads through a link (one that begins with / would lead out of the container), a helper that is given its volumes
(about 0.4 s), which reaches what is in a volume and nothing else.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaos import netns
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.completed import Completed
    from stack.model import Stack

_THERE = '[ -e "$1" ] || [ -L "$1" ]'
_FILE = '[ -f "$1" ] && [ ! -L "$1" ]'


def here(stack: Stack, container: dict[str, Any], path: str) -> Path | None:
    """The path as this machine sees it; None when it doesn't, or when a folder on the way is a link."""
    pid = int(container["State"].get("Pid") or 0)
    parts = Path(path.lstrip("/")).parts
    if not pid or ".." in parts or not stack.driver.is_local() or not netns.is_seen_here(container):
        return None
    place = root = Path(f"/proc/{pid}/root")
    for part in parts[:-1]:
        place /= part
        if place.is_symlink():
            return None
    return root.joinpath(*parts) if root.is_dir() else None


def exists(stack: Stack, container: dict[str, Any], path: str) -> bool:
    """Whether there is anything at that path. Raises CannotTell when nobody can look."""
    place = here(stack, container, path)
    return os.path.lexists(place) if place else _helped(stack, container, "sh", "-c", _THERE, "there", path).ok


def is_file(stack: Stack, container: dict[str, Any], path: str) -> bool:
    """Whether a file is at that path: a link to one is none. Raises CannotTell when nobody can look."""
    place = here(stack, container, path)
    if place is None:
        return _helped(stack, container, "sh", "-c", _FILE, "file", path).ok
    try:
        return stat.S_ISREG(place.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise CannotTell(f"{container['Name'].lstrip('/')}:{path} can't be looked at: {error.strerror}") from error


def remove(stack: Stack, container: dict[str, Any], path: str) -> None:
    """Remove a file or a whole folder; one that is not there is as good as removed. Raises CannotTell when it stays."""
    place = here(stack, container, path)
    if place is None:
        done = _helped(stack, container, "rm", "-rf", path)
        if not done.ok:
            raise CannotTell(f"{container['Name'].lstrip('/')}:{path} can't be removed: {done.last_words()}")
        return
    try:
        shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise CannotTell(f"{container['Name'].lstrip('/')}:{path} can't be removed: {error.strerror}") from error


def _helped(stack: Stack, container: dict[str, Any], *argv: str) -> Completed:
    done = stack.driver.run_helper(list(argv), network="none", volumes_from=container["Id"])
    assert not isinstance(done, str)  # only a detached helper answers with its id
    return done
