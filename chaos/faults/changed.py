"""What faults share that change files of a service: keep durably, change, and have the service meet the change; and all that back.

A service that holds a file open is stopped before the file is changed and before it is put back, so that the two never write
the same file. What a service reads again when told so is reloaded; what it reads each time anew needs neither.
"""

from __future__ import annotations

import hashlib
import signal
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from chaos.effect import Fault
from chaos.faults.places import Gone, Place, place_of
from chaos.faults.process import tell
from chaos.faults.targets import containers_of, is_up, running, start_what_is_down
from chaos.fingerprint import Fingerprint

if TYPE_CHECKING:
    from stack.model import Stack

GRACE_SECONDS = 10
"""How long a service may take to end; the longest of the reference stack's."""

Meets = Literal["by restart", "by reload", "by itself"]


class Changed(Fault):
    """Files of a service hold something else than what they held, which is kept beside them."""

    family: ClassVar[str] = "data"
    revert_within: ClassVar[timedelta] = timedelta(seconds=120)
    """A wallet takes 5 s to open its file on a quiet machine, and 40 s on one that eight others use (measured)."""
    in_flight: ClassVar[timedelta] = timedelta(seconds=GRACE_SECONDS + 2)
    outlives_containers: ClassVar[bool] = True

    @property
    @abstractmethod
    def paths(self) -> tuple[str, ...]:
        """Every file that is kept, as the service's container has it."""

    @abstractmethod
    def changes(self, stack: Stack, place: Place) -> dict[str, dict[str, Any]]:
        """What becomes of which of them: see `chaos.keepsakes.Folder.change`. Raises CannotTell when it can't be had."""

    def named(self, stack: Stack, place: Place) -> tuple[str, ...]:
        """The files that `paths` mean now, where a path is a pattern; the one that is kept, once one is."""
        return self.paths

    @property
    def meets(self) -> Meets:
        """How the service comes to see what its files hold."""
        return "by restart"

    @property
    def compared(self) -> tuple[str, ...]:
        """The files whose bytes nobody but this fault changes, so that their checksums belong to the fingerprint."""
        return self.paths

    @property
    def tag(self) -> str:
        """What its keepsakes are called by: found again from the fault's own parameters alone."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:8]

    def inject(self, stack: Stack) -> None:
        """Stop the service where it holds the files open, keep them, change them, and have the service meet the change."""
        for service in self.targets:
            running(stack, service)
        place = self._place(stack)
        changes = self.changes(stack, place)
        if self.meets == "by restart":
            self.halt(stack)
        self._do(stack, "change", changes=changes)
        if self.meets == "by restart":
            self._start(stack)
        elif self.meets == "by reload":
            self._reload(stack)

    def revert(self, stack: Stack) -> None:
        """Put back what was kept, to the byte, and have the service meet it. What keeps the original goes last."""
        try:
            self._put_back(stack)
        except Gone:
            # The project was taken down with its data: there is nothing left that could be as it was.
            return

    def _put_back(self, stack: Stack) -> None:
        if self._kept(stack):
            if self.meets == "by restart":
                self._stop(stack)
            self._do(stack, "restore")
            if self.meets == "by reload":
                # Before anything is forgotten: who is interrupted here reloads once more.
                self._reload(stack)
        # Also where nothing is kept: a first half of a change may have been left.
        self._do(stack, "forget")
        if self.meets == "by restart":
            self._start(stack)

    def active(self, stack: Stack) -> bool:
        """Whether what was there before is still kept aside."""
        try:
            return self._kept(stack)
        except Gone:
            return False

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """A file does not hold what was sealed when it was kept."""
        seen = [
            f"{path} is {_said(found)}, was {_said(found['sealed'])}"
            for path, found in self._look(stack).items()
            if found["sealed"] and found["sealed"]["kind"] == "file"
            if found.get("sha256") != found["sealed"]["sha256"]
        ]
        return f"{self.service}: {'; '.join(seen)}" if seen else None

    def touched(self, stack: Stack) -> dict[str, str]:
        """Each file's owner and mode, its checksum where nobody else changes it, and that nothing of ours is beside it.

        A file that the service itself writes has no checksum to compare once it runs: that its bytes are the sealed ones is
        then required by the revert, before the start (`chaos.keepsakes.Folder.restore`).
        """
        kept, said = [], {}
        try:
            looked = self._look(stack)
        except Gone:
            return {}
        for path, found in looked.items():
            kept += [path] if found["kept"] else []
            if path in self.compared:
                said[f"{self.service}:{path}"] = _said(found)
            elif found["kind"] == "file":
                said[f"{self.service}:{path}"] = _rights(found)
        return {**said, f"{self.service}: kept beside {self.paths[0]}": ", ".join(kept) or "nothing"}

    def halt(self, stack: Stack) -> None:
        """Bring the service down before its files are changed; in order, unless a fault says otherwise."""
        self._stop(stack)

    def _place(self, stack: Stack) -> Place:
        return place_of(stack, self.service, self.paths)

    def _do(self, stack: Stack, what: str, **told: Any) -> Any:
        place = self._place(stack)
        told = {"paths": self.named(stack, place), **told}
        inside: dict[str, Any] = {"paths": [place.within(path) for path in told["paths"]]}
        if "changes" in told:
            inside |= {"changes": {place.within(path): how for path, how in told["changes"].items()}}
        return place.do(stack, what, tag=self.tag, labels=self.tools, **inside)

    def _look(self, stack: Stack) -> dict[str, dict[str, Any]]:
        found = list(self._do(stack, "look").values())
        # By what the fault calls them: the file that a pattern means may be another one afterwards.
        return dict(zip(self.paths[len(self.paths) - len(found) :], found, strict=True))

    def _kept(self, stack: Stack) -> bool:
        return any(found["kept"] for found in self._look(stack).values())

    def _stop(self, stack: Stack) -> None:
        up = [c["Id"] for service in self.targets for c in containers_of(stack, service) if is_up(c)]
        with ThreadPoolExecutor(max_workers=max(1, len(up))) as pool:
            list(pool.map(lambda one: stack.driver.stop(one, grace_seconds=GRACE_SECONDS), up))

    def _start(self, stack: Stack) -> None:
        for service in reversed(self.targets):
            start_what_is_down(stack, service)

    def _reload(self, stack: Stack) -> None:
        """SIGHUP to the program: it reads its configuration anew. What is down reads it when it starts."""
        for container in containers_of(stack, self.service):
            if container["State"]["Status"] == "running":
                tell(stack, container, signal.SIGHUP)


def _said(found: dict[str, Any]) -> str:
    if found["kind"] != "file":
        return str(found["kind"])
    # Twelve digits tell two files apart, and give nothing away of what a short secret was.
    return f"{found['size']} bytes of {found['sha256'][:12]}, {_rights(found)}"


def _rights(found: dict[str, Any]) -> str:
    return f"of {found['uid']}:{found['gid']} with mode {found['mode']:04o}"
