"""A pretended stack for deployments: two colours, an edge, and a process that can be killed before or after any of its acts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from stack.deployment.bake import Reading
from stack.deployment.procedure import Deployment
from stack.deployment.record import Book, Record
from stack.deployment.release import BLUE, GREEN, Release
from stack.deployment.site import ConfigRefused
from stack.errors import CannotTell
from stack.progress import Progress


class Dead(BaseException):
    """The deploying process was killed: it does nothing any more."""


OLD = Release("shop:1", "sha256:1")
NEW = Release("shop:2", "sha256:2")


class FakeSite:
    """What runs where. `kills` counts down over everything that is written or changed; at 0 the process is dead."""

    def __init__(self) -> None:
        """Blue serves the old release, and green is not there."""
        self.runs: dict[str, Release] = {BLUE: OLD}
        self.named = self.served = BLUE
        self.unready: set[str] = set()  # ids of releases that never get ready
        self.down: set[str] = set()  # colours whose process is dead
        self.smokes: set[str] = set()  # ids of releases that fail their smoke test
        self.crashing: set[str] = set()  # ids of releases that crash while they serve
        self.refused = ""  # what nginx has against its configuration
        self.edge_away = 0  # so many questions find no edge
        self.acts: list[str] = []
        self.kills: int | None = None
        self.after = False
        self._looks = 0

    def act(self, what: str, effect: Callable[[], None]) -> None:
        """Do something that lasts, unless the process is killed right before it; or right after."""
        if self.kills == 0 and not self.after:
            raise Dead
        if self.kills == -1:
            raise Dead
        self.acts.append(what)
        effect()
        if self.kills == 0:
            self.kills = -1
            raise Dead
        if self.kills is not None:
            self.kills -= 1

    def active(self) -> str:
        return self.named

    def release(self, colour: str) -> Release | None:
        return self.runs.get(colour)

    def is_ready(self, colour: str) -> bool:
        release = self.runs.get(colour)
        return release is not None and release.id not in self.unready and colour not in self.down

    def complaint(self, colour: str) -> str | None:
        self._need_edge()
        return None if self.is_ready(colour) else "it is not ready"

    def crashes(self, colour: str) -> int:
        return 0

    def hopeless(self, colour: str, crashes: int) -> str | None:
        if colour not in self.runs:
            return "its container is gone"
        return "it ended with code 1" if colour in self.down else None

    def start(self, colour: str, release: Release) -> None:
        def effect() -> None:
            self.runs[colour] = release
            self.down.discard(colour)

        self.act(f"start {colour} {release.image}", effect)

    def remove(self, colour: str) -> None:
        def effect() -> None:
            assert colour != self.served or not self.is_ready(colour), f"{colour} is taken from under its customers"
            self.runs.pop(colour, None)

        self.act(f"remove {colour}", effect)

    def smoke(self, colour: str) -> str | None:
        return "/api/listings gets status 500" if self.runs[colour].id in self.smokes else None

    def config_complaint(self) -> str | None:
        self._need_edge()
        return self.refused or None

    def point(self, colour: str) -> None:
        self._need_edge()
        assert self.is_ready(colour), f"the customers are sent to {colour}, which is not ready"
        before = self.named

        def write() -> None:
            self.named = colour

        def reload() -> None:
            self.served = self.named

        self.act(f"write {colour}", write)
        if self.refused:
            self.named = before
            raise ConfigRefused(self.refused)
        self.act(f"reload {colour}", reload)

    def reading(self, colour: str) -> Reading:
        self._looks += 1
        crashed = self.runs[colour].id in self.crashing and self._looks > 1
        return Reading(f"{colour} {'again' if crashed else 'first'}", "running", None, None)

    def _need_edge(self) -> None:
        if self.edge_away:
            self.edge_away -= 1
            raise CannotTell("nginx is not running")


class FakeBook(Book):
    """A book whose writer can be killed."""

    def __init__(self, path: Path, site: FakeSite) -> None:
        super().__init__(path)
        self._site = site

    def write(self, record: Record) -> None:
        self._site.act(f"note {record.phase}", lambda: super(FakeBook, self).write(record))


def deployment(site: FakeSite, folder: Path) -> Deployment:
    """A new process that deploys."""
    return Deployment(
        site,
        FakeBook(folder / "deployment.json", site),
        Progress(quiet=True),
        bake=timedelta(milliseconds=5),
        ready_within=timedelta(milliseconds=10),
        look_every=timedelta(milliseconds=10),
    )


def idle(site: FakeSite) -> str:
    """The colour that does not serve."""
    return GREEN if site.served == BLUE else BLUE
