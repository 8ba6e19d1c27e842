"""The reference stack as a deployment sees it: asked from where its edge stands, changed by compose, told by one file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stack.deployment.bake import Limits, Reading, Traffic, traffic_of
from stack.deployment.release import COLOURS, Release
from stack.deployment.site import ConfigRefused, NotSwitched
from stack.driver import Driver
from stack.errors import CannotTell, SeatrialError, UserError
from stack.files import write_whole
from stack.project import COMPOSE_FILE, environment, state_dir
from stack.sameness import Record
from stack.waiting import eventually

if TYPE_CHECKING:
    from stack.lock import Lock

EDGE = "nginx"
_EDGE_FOLDER = "/etc/seatrial/edge"
_ACTIVE = re.compile(r"set\s+\$active_colour\s+(\S+?)\s*;")
SMOKE = ("/health", "/ready", "/api/listings", "/api/openapi.json", "/metrics")
_ANSWER_SECONDS = 3
_GRACE_SECONDS = 10  # as compose.yaml's stop_grace_period of the server
_RELOADED_WITHIN = timedelta(seconds=20)
_IN_A_ROW = 3  # new connections that must all reach the new colour before the reload counts
_CRASHES = 3
_END = "\x1e"  # ASCII's record separator: in no answer of ours


@dataclass(frozen=True)
class Answer:
    """What curl got: status 0 when nothing came."""

    status: int
    body: str
    seconds: float


class ComposeSite:
    """The reference stack under a project's name."""

    def __init__(self, driver: Driver, lock: Lock, limits: Limits) -> None:
        """`driver` is `connect`'s; what it starts holds `lock` until it has ended, also when we are killed."""
        self._driver = driver
        self._lock = lock
        self._limits = limits

    @property
    def state(self) -> Path:
        """The project's state folder."""
        return Path(self._driver.env["SEATRIAL_STATE_DIR"])

    def active(self) -> str:
        """As the protocol says."""
        return active_in((self.state / "edge" / "active.conf").read_text("utf-8"))

    def release(self, colour: str) -> Release | None:
        """As the protocol says."""
        attrs = self._container(colour)
        return Release(str(attrs["Config"]["Image"]), str(attrs["Image"])) if attrs else None

    def complaint(self, colour: str) -> str | None:
        """As the protocol says."""
        attrs = self._container(colour)
        status = "missing" if attrs is None else str(attrs["State"]["Status"])
        if status != "running":
            return f"it is {status}"
        return self._wrong(colour, "/ready")

    def crashes(self, colour: str) -> int:
        """As the protocol says."""
        attrs = self._container(colour)
        return int(attrs.get("RestartCount", 0)) if attrs else 0

    def hopeless(self, colour: str, crashes: int) -> str | None:
        """As the protocol says."""
        attrs = self._container(colour)
        if attrs is None:
            return "its container is gone"
        new = int(attrs.get("RestartCount", 0)) - crashes
        if attrs["State"]["Status"] in {"exited", "dead"} or new >= _CRASHES:
            said = self._driver.logs(attrs["Id"], tail=5).strip().splitlines()
            how = f"crashed {new} times" if new > 0 else f"ended with code {attrs['State'].get('ExitCode')}"
            return f"it {how}" + (f", and last said: {said[-1][-300:]}" if said else "")
        return None

    def start(self, colour: str, release: Release) -> None:
        """As the protocol says. A name that has moved since is not followed: then the image is asked for by its id."""
        moved = not self._driver.has_image(release.image) or self._driver.image(release.image)["Id"] != release.id
        image = release.id if moved else release.image
        env = self._driver.env | {f"SEATRIAL_{colour.removeprefix('server-').upper()}_IMAGE": image}
        flags = ("--detach", "--no-deps", "--no-build", "--pull", "never", "--force-recreate")
        replace(self._driver, env=env).compose("up", *flags, colour, keep_open=(self._lock.descriptor,))
        runs = self.release(colour)
        if runs is None or runs.id != release.id:
            message = f"{colour} was started from {release}, and runs {runs or 'nothing'}"
            raise SeatrialError(message)

    def remove(self, colour: str) -> None:
        """As the protocol says."""
        for container in self._driver.container_ids(colour, all=True):
            if self._driver.inspect(container)["State"]["Status"] in {"running", "restarting"}:
                self._driver.stop(container, grace_seconds=_GRACE_SECONDS)
            self._driver.remove(container)

    def smoke(self, colour: str) -> str | None:
        """As the protocol says."""
        answers = self._ask(*(f"http://{colour}:8000{path}" for path in SMOKE))
        for path, answer in zip(SMOKE, answers, strict=True):
            if answer.status != 200:
                return f"{path} gets {_told(answer)}"
        said = _colour_of(answers[SMOKE.index("/health")])
        return None if said == colour else f"it says that it is {said or 'nobody'}"

    def config_complaint(self) -> str | None:
        """As the protocol says."""
        done = self._driver.exec(self._edge(), ["nginx", "-t"], timeout_seconds=15)
        if done.ok:
            return None
        telling = [line for line in done.stderr.splitlines() if "[emerg]" in line or "[alert]" in line]
        return telling[0] if telling else done.last_words()

    def point(self, colour: str) -> None:
        """Write, test, reload, see. A configuration that does not parse is never reloaded, and the old file is put back."""
        file = self.state / "edge" / "active.conf"
        before = file.read_text("utf-8")
        write_whole(file, f"set $active_colour {colour};\n", mode=0o644)
        if complaint := self.config_complaint():
            write_whole(file, before, mode=0o644)
            raise ConfigRefused(f"nginx refuses its configuration, so it was not reloaded: {complaint}")
        # Not by the engine's kill: after any signal it sends, an `unless-stopped` container is not restarted when it crashes.
        self._driver.exec(self._edge(), ["nginx", "-s", "reload"], timeout_seconds=15)
        try:
            eventually(
                lambda: all(self._served() == colour for _ in range(_IN_A_ROW)),
                within=_RELOADED_WITHIN,
                every=timedelta(milliseconds=50),
                what=f"the edge serves {colour}",
            )
        except AssertionError as error:
            message = f"{EDGE} was told to serve {colour}, and serves {self._served() or 'nobody'}"
            raise NotSwitched(message) from error

    def reading(self, colour: str) -> Reading:
        """As the protocol says."""
        attrs = self._container(colour)
        if attrs is None:
            return Reading("", "missing", "nothing", None)
        state = attrs["State"]
        through, counted = self._ask("http://127.0.0.1:8080/api/listings", f"http://{colour}:8000/metrics")
        edge = None if through.status == 200 else _told(through)
        traffic: Traffic | None = traffic_of(counted.body, self._limits) if counted.status == 200 else None
        return Reading(f"{attrs['Id']} {state['StartedAt']}", str(state["Status"]), edge, traffic)

    def _served(self) -> str | None:
        """Who answers behind the edge, on a connection of its own."""
        return _colour_of(self._ask("http://127.0.0.1:8080/health")[0])

    def _wrong(self, colour: str, path: str) -> str | None:
        (answer,) = self._ask(f"http://{colour}:8000{path}")
        return None if answer.status == 200 else f"{path} gets {_told(answer)}"

    def _ask(self, *urls: str) -> list[Answer]:
        """GET from where the edge stands, so that what is asked is the way that customers' requests will take."""
        argv = ["curl", "-s", "-m", str(_ANSWER_SECONDS), "-w", f"\n%{{http_code}} %{{time_total}}{_END}", *urls]
        done = self._driver.exec(self._edge(), argv, timeout_seconds=_ANSWER_SECONDS * len(urls) + 10)
        answers = [_answer_of(text) for text in done.stdout.split(_END)[:-1]]
        found = [answer for answer in answers if answer is not None]
        if len(found) != len(urls):
            message = f"{EDGE} could not be asked: {done.last_words()}"
            raise CannotTell(message)
        return found

    def _edge(self) -> str:
        found = self._driver.container_ids(EDGE)
        if not found:
            message = f"{EDGE} is not running"
            raise CannotTell(message)
        return found[0]

    def _container(self, colour: str) -> dict[str, Any] | None:
        found = self._driver.container_ids(colour, all=True)
        return self._driver.inspect(found[0]) if found else None


def connect(project: str) -> Driver:
    """A driver of the project that sees both colours, with the networks and the state folder that its edge runs with.

    Raises:
        UserError: the project has no edge: nothing of it was brought up here.

    """
    # The files that it was brought up from: a colour that is made anew is what a bring-up would make of it.
    known = Record.read(state_dir(project))
    files = [COMPOSE_FILE, *map(Path, known.overlays if known else ())]
    env, folder = environment(project), COMPOSE_FILE.parent
    driver = Driver.connect(project, files, env=env, project_dir=folder, profiles=("*",))
    found = driver.container_ids(EDGE, all=True)
    if not found:
        message = f"project {project} has no {EDGE}: bring it up first (python -m stack up --project {project})"
        raise UserError(message)
    return replace(driver, env=driver.env | as_it_runs(driver.inspect(found[0])))


def as_it_runs(edge: dict[str, Any]) -> dict[str, str]:
    """The variables that the project was brought up with, read off its edge: a copy has subnets of its own."""
    folder = next((str(m["Source"]) for m in edge.get("Mounts") or () if m.get("Destination") == _EDGE_FOLDER), None)
    addresses = [
        str((joined.get("IPAMConfig") or {}).get("IPv4Address") or "")
        for joined in (edge["NetworkSettings"].get("Networks") or {}).values()
    ]
    subnets = {".".join(address.split(".")[:2]) for address in addresses if address}
    if folder is None or len(subnets) != 1:
        message = f"{EDGE} is not this stack's: it mounts no {_EDGE_FOLDER}, or has no fixed address"
        raise UserError(message)
    return {"SEATRIAL_STATE_DIR": str(Path(folder).parent), "SEATRIAL_SUBNET": subnets.pop()}


def active_in(text: str) -> str:
    """The colour that an active.conf names.

    Raises:
        CannotTell: it names none of ours.

    """
    found = _ACTIVE.search(text)
    if found is None or found[1] not in COLOURS:
        message = f"active.conf names no colour ({' '.join(text.split())[:80]!r}), expected {' or '.join(COLOURS)}"
        raise CannotTell(message)
    return found[1]


def _answer_of(text: str) -> Answer | None:
    body, _, told = text.rpartition("\n")
    status, _, seconds = told.partition(" ")
    return Answer(int(status), body, float(seconds)) if status.isdigit() else None


def _colour_of(answer: Answer) -> str | None:
    try:
        said = json.loads(answer.body)["colour"] if answer.status == 200 else None
    except (ValueError, KeyError, TypeError):
        return None
    return f"server-{said}" if said else None


def _told(answer: Answer) -> str:
    return f"status {answer.status}" if answer.status else f"no answer within {_ANSWER_SECONDS} s"
