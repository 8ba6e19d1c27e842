"""Starts somebody's compose project beside itself: own name, own networks and volumes, host ports wherever there is room.

What runs under the original name, its volumes and its ports are never touched. What can't be isolated or obtained is left
out and said, never half-started.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from stack.driver import SERVICE_LABEL, Driver
from stack.errors import CannotTell, UserError
from stack.model import Stack
from stack.progress import Progress
from stack.waiting import eventually

_COPY = re.compile(r".+-seatrial-copy-([0-9]+)")
_PULL_SECONDS = 600
_BUILD_SECONDS = 1800
_START_SECONDS = 120
_HEALTHY_WITHIN = timedelta(seconds=120)
_ASK_EVERY = timedelta(milliseconds=500)


@dataclass
class Copy:
    """An isolated copy that was started; `left_out` says why a service is not part of it."""

    driver: Driver
    folder: Path
    left_out: dict[str, str] = field(default_factory=dict)

    def remove(self) -> None:
        """Take the copy down with its volumes, and forget its rendered file."""
        self.driver.compose(
            "down", "--volumes", "--rmi", "local", "--remove-orphans", "--timeout", "2", timeout_seconds=120
        )
        shutil.rmtree(self.folder, ignore_errors=True)


def start_copy(stack: Stack, progress: Progress) -> Copy:
    """Start a copy of `stack` and make `stack` look at it: its project and driver become the copy's.

    Raises:
        CannotTell: no engine answers, or nothing of it can be started.
        UserError: docker compose refuses the rendered file.

    """
    project = f"{stack.project[:40].rstrip('-_')}-seatrial-copy-{os.getpid()}"
    folder = Path(tempfile.mkdtemp(prefix=f"{project}-"))
    tree, left_out = isolated(stack.rendered, excluded=stack.excluded, idle=stack.declared.idle)
    file = folder / "compose.json"
    copied = Copy(Driver.connect(project, (file,), env=stack.env, project_dir=stack.declared.folder), folder, left_out)
    _remove_forgotten(copied.driver)
    try:
        _write(file, tree)
        judged = copied.driver.compose("config", "--quiet", check=False)
        if not judged.ok:
            message = f"docker compose refuses {stack.compose_files[0]}: {judged.last_words()}"
            raise UserError(message)
        _obtain(copied, tree, file, progress)
        if not tree["services"]:
            why = "; ".join(f"{name}: {reason}" for name, reason in sorted(left_out.items()))
            message = f"nothing of {stack.project} can be started ({why})"
            raise CannotTell(message)
        with progress.step(f"starting a copy of {stack.project} ({len(tree['services'])} services)"):
            copied.driver.compose("up", "--detach", "--no-build", "--pull", "never", timeout_seconds=_START_SECONDS)
            _await(copied, tree)
    except BaseException:
        copied.remove()
        raise
    for name, reason in sorted(copied.left_out.items()):
        progress.say(f"{name} is left out: {reason}")
    stack.use(copied.driver, copied.left_out)
    return copied


def _remove_forgotten(driver: Driver) -> None:
    """Take down copies whose session was killed before it could: their pid is in their name, and no longer runs."""
    for name in driver.projects():
        match = _COPY.fullmatch(name)
        if match and not Path(f"/proc/{match.group(1)}").exists():
            forgotten = Driver.connect(name, (), project_dir=driver.project_dir)
            forgotten.compose("down", "--volumes", "--remove-orphans", "--timeout", "2", timeout_seconds=120)


def isolated(
    rendered: Mapping[str, Any], *, excluded: Iterable[str], idle: Iterable[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """A project that meets the original nowhere, and why some services can't be in it."""
    tree: dict[str, Any] = copy.deepcopy(json.loads(json.dumps(rendered)))
    tree.pop("name", None)
    left_out = dict.fromkeys(excluded, "excluded by name") | dict.fromkeys(idle, "its compose profile is not active")
    for name, config in tree["services"].items():
        if config.get("network_mode") == "host":
            left_out.setdefault(name, "it uses the host's network, which a copy would share with the original")
        config.pop("container_name", None)
        if reason := _host_folders(config):
            left_out.setdefault(name, reason)
        for port in config.get("ports") or ():
            port.pop("published", None)  # the engine then takes a free one
            port["host_ip"] = "127.0.0.1"
        for how in (config.get("networks") or {}).values():
            for fixed in ("ipv4_address", "ipv6_address", "mac_address"):
                (how or {}).pop(fixed, None)
    for section in ("networks", "volumes"):
        for key, entry in tree[section].items():
            # No name, no external, no fixed subnet: compose then makes one that belongs to the copy alone.
            kept = {k: v for k, v in entry.items() if k not in ("name", "external", "ipam")}
            options = kept.get("driver_opts") or {}
            if options.get("type") in ("none", "nfs", "nfs4", "cifs"):
                kept.pop("driver_opts")  # a bind or a remote share in a volume's clothes is the original's data
            tree[section][key] = kept
    _drop(tree, left_out)
    _escape(tree)
    return tree, left_out


def _host_folders(config: dict[str, Any]) -> str | None:
    """Mount host folders read-only, in place: they are the original's. Why the service can't be in a copy, if it can't."""
    for mount in config.get("volumes") or ():
        if mount.get("type") != "bind":
            continue
        source = Path(mount.get("source", ""))
        if source.is_socket():
            return f"it mounts the socket {source}, through which it could reach what is not its own"
        if not source.exists():
            return f"it mounts {source}, which is not there"
        mount["read_only"] = True
    return None


def _drop(tree: dict[str, Any], left_out: dict[str, str]) -> None:
    """Take services out, and with them what can't start without them."""
    while gone := [name for name in tree["services"] if name in left_out]:
        for name in gone:
            del tree["services"][name]
        for name, config in tree["services"].items():
            depends = config.get("depends_on") or {}
            for target in [target for target in depends if target not in tree["services"]]:
                if depends[target].get("condition") == "service_started":
                    del depends[target]
                else:
                    left_out.setdefault(name, f"it waits for {target}, which is left out")
            for key in ("network_mode", "pid", "ipc"):
                kind, _, target = str(config.get(key) or "").partition(":")
                if kind == "service" and target not in tree["services"]:
                    left_out.setdefault(name, f"it shares {target}'s {key}, and {target} is left out")


def _escape(value: Any) -> None:
    """Write every `$` twice, in place: the values are final, and compose would interpolate them again."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(pairs):
        if isinstance(item, str):
            value[key] = item.replace("$", "$$")
        elif isinstance(item, dict | list):
            _escape(item)


def _obtain(copied: Copy, tree: dict[str, Any], file: Path, progress: Progress) -> None:
    """Have every image: present, else built, else pulled; what can't be had leaves the copy."""
    for name, config in tree["services"].items():
        if _is_present(copied.driver, config.get("image")):
            continue
        builds = bool(config.get("build"))
        with progress.step(f"{'building' if builds else 'pulling'} {name}"):
            limit = _BUILD_SECONDS if builds else _PULL_SECONDS
            try:
                done = copied.driver.compose("build" if builds else "pull", name, check=False, timeout_seconds=limit)
            except CannotTell as error:
                copied.left_out[name] = str(error)
                continue
            # Asked not to pull (`pull_policy: never`), compose is content with having nothing.
            if not done.ok or not (builds or _is_present(copied.driver, config.get("image"))):
                words = done.last_words() if not done.ok else "its pull_policy forbids it"
                copied.left_out[name] = f"its image can't be {'built' if builds else 'pulled'}: {words}"
    _drop(tree, copied.left_out)
    _write(file, tree)


def _is_present(driver: Driver, image: str | None) -> bool:
    if not image:
        return False
    try:
        driver.image(image)
    except CannotTell:
        return False
    return True


def _await(copied: Copy, tree: Mapping[str, Any]) -> None:
    """Wait until nothing is starting any more; what never becomes healthy is said and left for the checks to judge."""

    def settled() -> bool:
        states = {
            attrs["Config"]["Labels"].get(SERVICE_LABEL): (attrs["State"].get("Health") or {}).get("Status")
            for attrs in copied.driver.containers(all=True)
        }
        return set(tree["services"]) <= set(states) and "starting" not in states.values()

    try:
        eventually(settled, within=_HEALTHY_WITHIN, every=_ASK_EVERY, what="health checks of the copy have ended")
    except AssertionError as error:
        copied.left_out["(health)"] = str(error)


def _write(file: Path, tree: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(tree))
    file.chmod(0o600)  # it holds the interpolated values, secrets among them
