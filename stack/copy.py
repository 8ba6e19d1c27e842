"""Starts somebody's compose project beside itself: own name, own networks and volumes, host ports wherever there is room.

What runs under the original name, its volumes and its ports are never touched. What can't be isolated, obtained or started is
left out and said; the rest is there to be judged, and all of it goes again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stack.copy_isolated import drop, isolated
from stack.copy_start import Starter
from stack.driver import Driver
from stack.errors import CannotTell, UserError
from stack.interruption import undisturbed
from stack.model import Stack
from stack.progress import Progress
from stack.visible import visible

_COPY = re.compile(r".+-seatrial-copy-([0-9]+)")
_PULL_SECONDS = 600
_BUILD_SECONDS = 1800


@dataclass
class Copy:
    """An isolated copy that was started; `left_out` says why a service is not part of it."""

    driver: Driver
    folder: Path
    left_out: dict[str, str] = field(default_factory=dict)
    built: list[str] = field(default_factory=list)  # images that were not here before

    def remove(self) -> None:
        """Take the copy down with its volumes and the images it built, and forget its rendered file."""
        _down(self.driver)
        for image in self.built:
            self.driver.remove_image(image)
        shutil.rmtree(self.folder, ignore_errors=True)


def start_copy(stack: Stack, progress: Progress) -> Copy:
    """Start a copy of `stack` and make `stack` look at it: its project and driver become the copy's.

    Raises:
        CannotTell: no engine answers, or nothing of it can be started.
        UserError: docker compose refuses the rendered file.

    """
    project = f"{stack.project[:40].rstrip('-_')}-seatrial-copy-{os.getpid()}"
    tree, left_out = isolated(stack.rendered, excluded=stack.excluded, idle=stack.declared.idle)
    folder = Path(tempfile.mkdtemp(prefix=f"{project}-"))
    file = folder / "compose.json"
    try:
        driver = Driver.connect(project, (file,), env=stack.env, project_dir=stack.declared.folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    copied = Copy(driver, folder, left_out)
    try:
        _remove_forgotten(copied.driver)
        _write(file, tree)
        judged = copied.driver.compose("config", "--quiet", check=False)
        if not judged.ok:
            message = f"docker compose refuses {stack.compose_files[0]}: {judged.last_words()}"
            raise UserError(message)
        _obtain(copied, tree, file, progress)
        _start(copied, stack, tree, progress)
    except BaseException:
        with undisturbed():
            copied.remove()
        raise
    stack.use(copied.driver, copied.left_out)
    return copied


def _start(copied: Copy, stack: Stack, tree: Mapping[str, Any], progress: Progress) -> None:
    starter = Starter(copied.driver, tree["services"])
    if tree["services"]:
        with progress.step(f"starting a copy of {stack.project} ({len(tree['services'])} services)"):
            starter.start()
    copied.left_out.update(starter.absent)
    for name, reason in sorted((copied.left_out | starter.ailing).items()):
        progress.say(visible(f"{name}: {reason}"))
    if not set(tree["services"]) - set(copied.left_out):
        why = "; ".join(f"{name}: {reason}" for name, reason in sorted(copied.left_out.items()))
        message = f"nothing of {stack.project} can be started ({why})"
        raise CannotTell(message)


def _remove_forgotten(driver: Driver) -> None:
    """Take down copies whose session was killed before it could: their pid is in their name, and no longer runs."""
    for name in driver.projects():
        match = _COPY.fullmatch(name)
        if match and not Path(f"/proc/{match.group(1)}").exists():
            _down(Driver.connect(name, (), project_dir=driver.project_dir))


def _down(driver: Driver) -> None:
    driver.compose("down", "--volumes", "--rmi", "local", "--remove-orphans", "--timeout", "2", timeout_seconds=120)


def _obtain(copied: Copy, tree: dict[str, Any], file: Path, progress: Progress) -> None:
    """Have every image: present, else built, else pulled; what can't be had leaves the copy."""
    known: dict[str, str | None] = {}  # by image: several services may share one that can't be had
    for name, config in tree["services"].items():
        image = str(config.get("image") or "")
        if image and image in known:
            reason = known[image]
        else:
            reason = known[image] = (
                None if _is_present(copied.driver, image) else _fetched(copied, name, config, progress)
            )
        if reason:
            copied.left_out[name] = reason
    drop(tree, copied.left_out)
    _write(file, tree)


def _fetched(copied: Copy, name: str, config: Mapping[str, Any], progress: Progress) -> str | None:
    """Build or pull a service's image; why it can't be had, if it can't."""
    builds = bool(config.get("build"))
    with progress.step(f"{'building' if builds else 'pulling'} {name}"):
        limit = _BUILD_SECONDS if builds else _PULL_SECONDS
        image = config.get("image")
        if builds and image:
            copied.built.append(str(image))  # before it is there: an interrupt may come in between
        try:
            done = copied.driver.compose("build" if builds else "pull", name, check=False, timeout_seconds=limit)
        except CannotTell as error:
            return str(error)
        # Asked not to pull (`pull_policy: never`), compose is content with having nothing.
        if done.ok and (builds or _is_present(copied.driver, image)):
            return None
        words = done.last_words() if not done.ok else "its pull_policy forbids it"
        return f"its image can't be {'built' if builds else 'pulled'}: {words}"


def _is_present(driver: Driver, image: str | None) -> bool:
    if not image:
        return False
    try:
        driver.image(image)
    except CannotTell:
        return False
    return True


def _write(file: Path, tree: Mapping[str, Any]) -> None:
    file.touch(mode=0o600)  # it holds the interpolated values, secrets among them
    file.write_text(json.dumps(tree))
