"""Brings the reference stack up whole and takes it down without a trace, also when somebody interrupts."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack import colours, faultable, host_ports, secrets, snapshot, tls, volumes
from stack.driver import Driver
from stack.errors import CannotTell, NoEngine, SeatrialError, UserError
from stack.files import private_folder, write_whole
from stack.health import await_health, health_of, is_well, service_of
from stack.interruption import interruptible, undisturbed
from stack.ops import firewall
from stack.progress import Progress
from stack.project import COMPOSE_FILE, DEFAULT, ROOT, environment, state_dir
from stack.sameness import Record, every_profile, marks

__all__ = ["State", "down", "environment", "images_of", "is_unchanged", "prepare", "state", "unprepare", "up"]

#: Below this the engine's disk is as good as full: images, volumes and logs would hit the end while starting.
DISK_NEEDED_BYTES = 2 * 1024**3
#: With the data thrown away nothing needs storing; what ignores SIGTERM for this long is killed.
_GRACE_SECONDS = 2
_SNAPSHOT_NEEDED_BY = {"monerod", *(f"monero-wallet-rpc-{wallet}" for wallet in secrets.WALLETS)}


@dataclass(frozen=True)
class State:
    """A project as the engine sees it: service → healthy, starting, unhealthy, running (no check), exited, …"""

    project: str
    services: Mapping[str, str]

    @property
    def is_running(self) -> bool:
        """Whether anything of it runs."""
        return any(health not in {"exited", "created", "dead"} for health in self.services.values())

    @property
    def is_healthy(self) -> bool:
        """Whether it runs, and all of it works."""
        return bool(self.services) and all(map(is_well, self.services.values()))


def up(
    project: str = DEFAULT,
    *,
    without: Iterable[str] = (),
    overlays: Sequence[Path] = (),
    services: Iterable[str] | None = None,
    env: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    build: bool = True,
) -> None:
    """Bring the project up and return when every service is healthy.

    `services` chooses some (default: all but the idle colour), `without` leaves some out; a service whose image can't be
    had is left out too, and said. `overlays` are further compose files, `env` overrides what `environment` answers.
    `build=False` takes images as they are. When it fails or is interrupted and nothing of the project ran before,
    nothing of it is left.

    Raises:
        UserError: something the caller can mend: a port taken, a bad compose file, an unknown service, no disk left.
        SeatrialError: a service did not become healthy; the message has its last words.
        CannotTell, NoEngine: the engine does not answer (any more).

    """
    shown = progress or Progress()
    driver = _driver(project, overlays, env)
    ran_before = state(project).is_running
    with interruptible():
        chosen = _choose(driver, services, without)
        _require_disk(driver)
        host_ports.require_free(driver, chosen)
        try:
            _bring_up(driver, chosen, shown, build=build)
        except BaseException:
            if not ran_before:
                _clean_up(driver, shown)
            raise


def down(project: str = DEFAULT, *, volumes: bool = True, progress: Progress | None = None) -> None:
    """Stop and remove the project's containers, networks, firewall rules, rendered secrets and (unless told) volumes.

    Harmless when nothing of it is there. Raises `NoEngine` when none answers, `CannotTell` when something stays behind.
    """
    shown = progress or Progress()
    with shown.step(f"taking {project} down"):
        _take_down(_driver(project, (), None), with_volumes=volumes)


def prepare(project: str = DEFAULT, *, progress: Progress | None = None) -> None:
    """Have keys, secrets and certificate, as `up` does first, so that who only reads files finds them before it starts.

    `down` takes the rendered secrets away again. Raises `UserError` when a key to existing secrets is missing.
    """
    _prepare(state_dir(project), progress or Progress(), environment(project))


def unprepare(project: str = DEFAULT) -> None:
    """Take the rendered secrets away again unless something of the project runs on them. Raises `NoEngine`: who can't
    ask takes nothing away.
    """
    if not state(project).is_running:
        secrets.forget(state_dir(project))


def state(project: str = DEFAULT) -> State:
    """Answer how each of the project's services is. Raises `NoEngine` when no engine answers."""
    containers = _driver(project, (), None).containers(all=True)
    return State(project, {service_of(attrs): health_of(attrs) for attrs in containers})


def is_unchanged(project: str = DEFAULT, *, without: Iterable[str] = ()) -> bool:
    """Whether the whole stack (but `without`) runs, healthy and behind its firewall, from exactly what lies here now.

    Raises `NoEngine` when no engine answers.
    """
    known = Record.read(state_dir(project))
    if known is None:
        return False
    now = state(project)
    driver = _driver(project, tuple(map(Path, known.overlays)), None)
    needed = set(driver.rendered()["services"]) - set(without) - set(known.left_out)
    if not now.is_healthy or not needed <= set(known.marks) <= set(now.services) or not _rules_stand(project):
        return False
    rendered = every_profile(driver).rendered()["services"]
    here = marks(driver, {name: rendered[name] for name in known.marks if name in rendered})
    return here == known.marks


def images_of(project: str = DEFAULT) -> list[str]:
    """Answer the images that the stack's services need, the idle colour's included."""
    rendered = every_profile(_driver(project, (), None)).rendered()["services"]
    return sorted({str(service["image"]) for service in rendered.values()})


def _driver(project: str, overlays: Sequence[Path], env: Mapping[str, str] | None) -> Driver:
    for file in (COMPOSE_FILE, *overlays):
        if not file.exists():
            message = f"the compose file {file} does not exist"
            raise UserError(message)
    values = environment(project) | dict(env or {})
    return Driver.connect(project, [COMPOSE_FILE, *overlays], env=values, project_dir=COMPOSE_FILE.parent)


def _choose(driver: Driver, services: Iterable[str] | None, without: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Answer the rendered services that are wanted; raises `UserError` for a name the compose files don't have."""
    wanted, unwanted = None if services is None else set(services), set(without)
    rendered = (every_profile(driver) if wanted else driver).rendered()["services"]
    if unknown := sorted(((wanted or set()) | unwanted) - set(rendered)):
        message = f"unknown service {', '.join(unknown)}: the compose files have {', '.join(sorted(rendered))}"
        raise UserError(message)
    return {n: s for n, s in rendered.items() if (wanted is None or n in wanted) and n not in unwanted}


def _bring_up(driver: Driver, chosen: dict[str, dict[str, Any]], progress: Progress, *, build: bool) -> None:
    folder = Path(driver.env["SEATRIAL_STATE_DIR"])
    values = _prepare(folder, progress, driver.env)
    here = _with_images(chosen, progress, build=build)
    kept = snapshot.ensure(driver, folder, values, progress) if _SNAPSHOT_NEEDED_BY & set(here) else None
    if faultable.OVERLAY in driver.compose_files:
        with progress.step("disks of its own, and a clock that can be shifted"):
            faultable.prepare(driver, folder)
    names = sorted(here)
    with progress.step(f"starting {len(names)} services"):
        locks = secrets.fingerprint(values, "volumes", secrets.LOCKS_DATA)
        volumes.ready(driver, _volumes_of(here.values()), snapshot=kept, locked_with=locks, options=volumes.options_of(driver))
        made_from = marks(driver, here)
        _remove_changed(driver, folder, made_from)
        driver.compose("up", "--no-start", "--no-deps", "--no-build", *names, timeout_seconds=180)
        _close_gaps(driver.project, progress)
        driver.compose("up", "--detach", "--no-deps", "--no-build", *names, timeout_seconds=180)
    with progress.step(f"waiting for {len(names)} services to be healthy"):
        await_health(driver, names)
    overlays = tuple(str(file) for file in driver.compose_files[1:])
    Record(_known_marks(folder) | made_from, overlays, tuple(sorted(set(chosen) - set(here)))).write(folder)


def _known_marks(folder: Path) -> dict[str, str]:
    known = Record.read(folder)
    return known.marks if known else {}


def _remove_changed(driver: Driver, folder: Path, made_from: Mapping[str, str]) -> None:
    """Remove containers whose mounted files have changed: compose itself looks at definitions and images only."""
    known = _known_marks(folder)
    for name, mark in made_from.items():
        if known.get(name, mark) != mark:
            for container in driver.container_ids(name, all=True):
                driver.remove(container)


def _prepare(folder: Path, progress: Progress, env: Mapping[str, str]) -> dict[str, str]:
    """See to everything on the host's side that the services mount."""
    with progress.step("keys, secrets and certificate"):
        secrets.ensure(ROOT)
        values = secrets.decrypt(ROOT)
        private_folder(folder, mode=0o755)
        secrets.render(values, folder)
        tls.ensure(ROOT, folder)
        edge = private_folder(folder / "edge", mode=0o755)
        if not (edge / "active.conf").exists():
            write_whole(edge / "active.conf", "set $active_colour server-blue;\n", mode=0o644)
        colours.write(edge, env)
    return values


def _with_images(chosen: dict[str, dict[str, Any]], progress: Progress, *, build: bool) -> dict[str, dict[str, Any]]:
    """Obtain the images and leave out, saying so, what can't be had."""
    if not build:
        return chosen
    from stack import images  # here: a stack that takes images as they are needs no builder

    wanted = {str(service["image"]): name for name, service in chosen.items()}
    missing = dict(images.obtain(sorted(wanted), progress))
    for image, reason in sorted(missing.items()):
        progress.say(
            f"! {wanted[image]} is left out: {image} could not be had ({reason}); "
            f"to accept that by name: --without {wanted[image]} (make: WITHOUT={wanted[image]})"
        )
    return {name: service for name, service in chosen.items() if service["image"] not in missing}


def _close_gaps(project: str, progress: Progress) -> None:
    """Put the firewall's rules in; who may not is told, and the network checks then say what stays open."""
    try:
        firewall.apply(project)
    except NoEngine:
        raise
    except CannotTell as error:
        progress.say(f"! the firewall's rules are not in place: {error}")


def _rules_stand(project: str) -> bool:
    """Whether the firewall's rules are there: after a reboot the containers come back by themselves and the rules do not."""
    try:
        return any(firewall.status(project).values())
    except CannotTell:
        return True  # who may not look put none in


def _clean_up(driver: Driver, progress: Progress) -> None:
    """Take down what a failed bring-up started; where that fails too it is said, and the first error stays the answer."""
    try:
        with undisturbed(), progress.step("taking down what was started"):
            _take_down(driver, with_volumes=True)
    except SeatrialError as error:
        progress.say(f"! something of {driver.project} may be left: {error}; `python -m stack down` removes it")


def _open_again(project: str) -> list[str]:
    """Take the firewall's rules away; answer what stays behind."""
    try:
        firewall.require()
    except CannotTell:
        return []  # who may not change rules has put none in
    if shutil.which("iptables") is None:
        return []
    for _ in range(2):  # another program may hold the tables' lock for longer than iptables waits
        with contextlib.suppress(CannotTell):
            firewall.remove(project)
            return []
    return [f"the firewall's rules (`python -m stack.ops firewall down --project {project}`)"]


def _take_down(driver: Driver, *, with_volumes: bool) -> None:
    left = _open_again(driver.project)
    flags = ["--volumes", "--timeout", str(_GRACE_SECONDS)] if with_volumes else []
    # First: a helper that a killed run left (a purse) sits in one of the networks, and compose leaves such a network behind.
    driver.remove_helpers()
    every_profile(driver).compose("down", "--remove-orphans", *flags, timeout_seconds=120)
    left += [attrs["Name"].lstrip("/") for attrs in driver.containers(all=True)]
    if with_volumes:
        for volume in driver.volumes():  # of a compose file that has changed since
            volumes.drop(driver, volume["Name"])
        left += [volume["Name"] for volume in driver.volumes()]
        left += faultable.forget(Path(driver.env["SEATRIAL_STATE_DIR"]))
    if left:
        message = f"{driver.project}: {', '.join(left)} could not be removed"
        raise CannotTell(message)
    folder = Path(driver.env["SEATRIAL_STATE_DIR"])
    secrets.forget(folder)
    (folder / "edge" / "active.conf").unlink(missing_ok=True)  # the next bring-up begins with blue
    (folder / "deployment.json").unlink(missing_ok=True)  # … and with what was deployed forgotten
    Record.forget(folder)


def _require_disk(driver: Driver) -> None:
    if not driver.is_local():
        return
    place = Path(driver.info().get("DockerRootDir", "/"))
    free = shutil.disk_usage(place if place.exists() else Path("/")).free
    if free < DISK_NEEDED_BYTES:
        message = f"the disk under {place} is nearly full: {free / 1024**3:.1f} GiB free, {DISK_NEEDED_BYTES / 1024**3:g} needed"
        raise UserError(message)


def _volumes_of(services: Iterable[Mapping[str, Any]]) -> set[str]:
    mounts = [mount for service in services for mount in service.get("volumes") or ()]
    return {mount["source"] for mount in mounts if mount["type"] == "volume"}
