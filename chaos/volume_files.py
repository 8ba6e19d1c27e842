"""Look at and remove files of a container where its own programs see them, whether it runs or not, with nothing installed in it.

On the engine's own host that is the first process's root in /proc (under 1 ms); elsewhere, or where the container is down,
a helper that is given its volumes (about 0.4 s), which reaches what is in a volume and nothing else.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.completed import Completed
    from stack.model import Stack


def here(stack: Stack, container: dict[str, Any], path: str) -> Path | None:
    """The path as this machine sees it; None when it doesn't."""
    pid = int(container["State"].get("Pid") or 0)
    if not pid or not stack.driver.is_local() or ".." in Path(path).parts:
        return None
    root = Path(f"/proc/{pid}/root")
    return root / path.lstrip("/") if root.is_dir() else None


def exists(stack: Stack, container: dict[str, Any], path: str) -> bool:
    """Whether there is anything at that path. Raises CannotTell when nobody can look."""
    place = here(stack, container, path)
    return place.exists() if place else _helped(stack, container, "test", "-e", path).ok


def remove(stack: Stack, container: dict[str, Any], path: str) -> None:
    """Remove a file or a whole folder; one that is not there is as good as removed. Raises CannotTell when it stays."""
    place = here(stack, container, path)
    if place is None:
        done = _helped(stack, container, "rm", "-rf", path)
        if not done.ok:
            raise CannotTell(f"{container['Name'].lstrip('/')}:{path} can't be removed: {done.last_words()}")
        return
    try:
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise CannotTell(f"{container['Name'].lstrip('/')}:{path} can't be removed: {error.strerror}") from error


def _helped(stack: Stack, container: dict[str, Any], *argv: str) -> Completed:
    done = stack.driver.run_helper(list(argv), network="none", volumes_from=container["Id"])
    assert not isinstance(done, str)  # only a detached helper answers with its id
    return done
