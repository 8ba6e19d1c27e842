"""Where a service's file is outside of its container, so that it can be changed while the service is down, and only there.

A file is reached through what holds it: a volume of the project's own, or a folder of the project's own state. A folder of the
repository that is mounted into a service belongs to git and to every copy of the stack: nothing in it is ever changed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from chaos import keepsakes
from chaos.faults.targets import containers_of
from stack.driver import Completed
from stack.errors import CannotTell, UserError

if TYPE_CHECKING:
    from stack.model import Stack

_INSIDE = "/kept"
_TIMEOUT_SECONDS = 30


class Gone(CannotTell):
    """The volume or folder itself is no longer there, and what was in it went with it."""


@dataclass(frozen=True)
class Place:
    """A mounted volume or folder, and the paths in it that are meant."""

    kind: str
    """volume or bind"""
    source: str
    """The volume's name on the engine, or the folder's path on the engine's host."""
    here: str
    """Where the engine keeps it, when it says so."""
    target: str
    """Where the service's container has it."""

    def within(self, path: str) -> str:
        """A path of the container as one below the mount. Raises UserError when it is elsewhere."""
        try:
            return str(PurePosixPath(path).relative_to(self.target))
        except ValueError as error:
            raise UserError(f"{path} is not below {self.target}, where the other files of this fault are") from error

    def do(self, stack: Stack, what: str, *, tag: str, labels: dict[str, str], **told: Any) -> Any:
        """Have `chaos.keepsakes` act in it: in this process where the folder is at hand, else in a helper container.

        Raises CannotTell when it refuses, when the disk is full or read-only, or when there is no helper.
        """
        request = {"do": what, "tag": tag, **told}
        if stack.driver.is_local() and os.geteuid() == 0 and self.here and Path(self.here).is_dir():
            try:
                return keepsakes.act(self.here, request)
            except (keepsakes.Refused, OSError) as error:
                raise CannotTell(f"{self.target}: {_sentence(error)}") from error
        return self._by_helper(stack, request, labels)

    def _by_helper(self, stack: Stack, request: dict[str, Any], labels: dict[str, str]) -> Any:
        done = stack.driver.run_helper(
            ["python3", "-I", "-c", _program(), _INSIDE],
            network="none",
            mounts=[f"type={self.kind},source={self.source},target={_INSIDE}"],
            stdin=json.dumps(request).encode(),
            labels=labels,
            timeout_seconds=_TIMEOUT_SECONDS,
        )
        try:
            answer = json.loads(done.stdout) if isinstance(done, Completed) else None
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            words = done if isinstance(done, str) else done.last_words()
            raise CannotTell(f"{self.target}: a helper container could not look at it: {words}")
        if "refused" in answer:
            raise CannotTell(f"{self.target}: {answer['refused']}")
        return answer["answer"]


def place_of(stack: Stack, service: str, paths: Sequence[str]) -> Place:
    """What of the service's holds all of `paths` (absolute, as its container has them).

    Asked of the container when there is one, else of what is declared, so that a service that was removed is found too.
    Raises UserError for a path that is in no volume or folder of the service, or in one that is not the project's to change,
    and Gone where there is nothing any more.
    """
    first = paths[0]
    mounts = _mounted(stack, service) or _declared(stack, service)
    holding = [m for m in mounts if PurePosixPath(m.target) in PurePosixPath(first).parents]
    if not holding:
        raise UserError(f"{first} is in no volume or folder of {service}")
    place = max(holding, key=lambda mount: len(mount.target))
    _require_ours(stack, place, first)
    for path in paths[1:]:
        place.within(path)
    return place


def require_plain(path: str) -> None:
    """Raises UserError for a path that is not absolute or leads upwards."""
    if not path.startswith("/") or ".." in PurePosixPath(path).parts or path.endswith("/"):
        raise UserError(f"{path!r} is no absolute path of a file without '..'")


def _mounted(stack: Stack, service: str) -> list[Place]:
    found = []
    for container in containers_of(stack, service):
        for mount in container.get("Mounts") or []:
            if mount["Type"] in ("volume", "bind"):
                here = str(mount.get("Source") or "")
                source = str(mount["Name"]) if mount["Type"] == "volume" else here
                found.append(Place(mount["Type"], source, here, str(mount["Destination"])))
    return found


def _declared(stack: Stack, service: str) -> list[Place]:
    found = []
    for mount in stack.rendered["services"].get(service, {}).get("volumes") or []:
        kind, source, target = str(mount.get("type")), str(mount.get("source") or ""), str(mount["target"])
        if kind == "volume" and source:
            found.append(Place(kind, _engine_name(stack, source), "", target))
        elif kind == "bind":
            found.append(Place(kind, source, source, target))
    return found


def _engine_name(stack: Stack, volume: str) -> str:
    return str(((stack.rendered.get("volumes") or {}).get(volume) or {}).get("name") or f"{stack.project}_{volume}")


def _require_ours(stack: Stack, place: Place, path: str) -> None:
    if place.kind == "volume":
        declared = stack.rendered.get("volumes") or {}
        ours = {_engine_name(stack, name) for name, said in declared.items() if not (said or {}).get("external")}
        if place.source not in ours:
            raise UserError(
                f"{path} is in volume {place.source}, which project {stack.project} does not declare as its own"
            )
        # `docker run --mount` would make a volume that is missing.
        if not place.here and place.source not in {volume["Name"] for volume in stack.driver.volumes()}:
            raise Gone(f"{path}: volume {place.source} is gone")
        return
    state = Path(stack.state_dir).resolve()
    folder = Path(place.source).resolve()
    if folder != state and state not in folder.parents:
        raise UserError(
            f"{path} is in {place.source}, outside of the project's own state ({state}): other stacks have the same file"
        )
    if stack.driver.is_local() and not folder.is_dir():
        raise Gone(f"{path}: {folder} is gone")


@cache
def _program() -> str:
    return Path(keepsakes.__file__).read_text()


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or 'it'} can't be changed: {error.strerror}"
    return str(error)
